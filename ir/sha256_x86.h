/* SHA-256 by the instructions that x86 processors have for it. Private to sha256.c. */
#ifndef CNNCC_IR_SHA256_X86_H
#define CNNCC_IR_SHA256_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_constants[64];

/* False also on other processors, where compress must not be called. */
bool sha256_x86_available(void);
void sha256_x86_compress(uint32_t state[8], const unsigned char *p, size_t blocks);

#endif
