/* SHA-256 (FIPS 180-4): names model files and weight blobs. */
#ifndef CNNCC_IR_SHA256_H
#define CNNCC_IR_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t bytes; /* hashed so far */
    unsigned char block[64];
} Sha256;

void sha256_init(Sha256 *h);
void sha256_update(Sha256 *h, const void *data, size_t bytes);
void sha256_final(Sha256 *h, unsigned char digest[32]);

/* The digest of one buffer as 64 hexadecimal digits and a terminating zero. */
void sha256_hex(const void *data, size_t bytes, char hex[65]);

#endif
