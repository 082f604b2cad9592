/* SHA-256: 64-byte blocks, 64 rounds each; the constants are the fractional parts of the cube
 * roots (round) and square roots (initial state) of the first primes. */
#include "ir/sha256.h"

#include "ir/sha256_x86.h"

#include <string.h>

const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void schedule(uint32_t w[64], const unsigned char *block)
{
    for (int i = 0; i < 16; i++) {
        const unsigned char *b = block + (size_t)4 * (size_t)i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

/* One round; the caller permutes the names instead of moving the values. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        uint32_t t = (h) + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +                        \
                     ((g) ^ ((e) & ((f) ^ (g)))) + sha256_constants[i] + w[i];                     \
        (d) += t;                                                                                  \
        (h) = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +                                 \
              (((a) & (b)) ^ ((c) & ((a) ^ (b))));                                                 \
    } while (0)

static void compress_block(uint32_t s[8], const unsigned char *block)
{
    uint32_t w[64];
    schedule(w, block);
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (int i = 0; i < 64; i += 8) {
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    s[0] += a, s[1] += b, s[2] += c, s[3] += d;
    s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

static void compress(uint32_t state[8], const unsigned char *p, size_t blocks)
{
    if (sha256_x86_available()) {
        sha256_x86_compress(state, p, blocks);
        return;
    }
    for (size_t i = 0; i < blocks; i++)
        compress_block(state, p + 64 * i);
}

void sha256_init(Sha256 *h)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(h, 0, sizeof *h);
    memcpy(h->state, initial, sizeof initial);
}

void sha256_update(Sha256 *h, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    size_t filled = (size_t)(h->bytes % 64);
    h->bytes += bytes;
    if (filled) {
        size_t take = bytes < 64 - filled ? bytes : 64 - filled;
        memcpy(h->block + filled, p, take);
        if (filled + take < 64)
            return;
        compress(h->state, h->block, 1);
        p += take;
        bytes -= take;
    }
    compress(h->state, p, bytes / 64);
    if (bytes % 64)
        memcpy(h->block, p + bytes / 64 * 64, bytes % 64);
}

void sha256_final(Sha256 *h, unsigned char digest[32])
{
    static const unsigned char padding[64] = {0x80};
    uint64_t bits = h->bytes * 8;
    size_t filled = (size_t)(h->bytes % 64);
    sha256_update(h, padding, filled < 56 ? 56 - filled : 120 - filled);
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_update(h, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_hex(const void *data, size_t bytes, char hex[65])
{
    static const char digit[] = "0123456789abcdef";
    Sha256 h;
    unsigned char digest[32];
    sha256_init(&h);
    if (bytes)
        sha256_update(&h, data, bytes);
    sha256_final(&h, digest);
    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[64] = '\0';
}
