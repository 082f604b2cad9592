/* The SHA extensions do two rounds an instruction on the state in two registers, which hold
 * (a b e f) and (c d g h), highest lane first. Hashing a model of 500 MB takes a third of a
 * second instead of two. */
#include "ir/sha256_x86.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

bool sha256_x86_available(void)
{
    unsigned a, b, c, d, c1;
    if (!__get_cpuid(1, &a, &b, &c1, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    bool sse41 = c1 >> 19 & 1, ssse3 = c1 >> 9 & 1, sha = b >> 29 & 1;
    return sse41 && ssse3 && sha;
}

typedef struct Halves {
    __m128i abef, cdgh;
} Halves;

__attribute__((target("sha,sse4.1,ssse3"))) static Halves rounds(Halves s, const unsigned char *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i w[4]; /* the last 16 words of the schedule */
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p + i), swap);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        const void *k = sha256_constants + (ptrdiff_t)4 * i;
        __m128i x = _mm_add_epi32(w[i % 4], _mm_loadu_si128(k));
        s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, x);
        s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(x, 0x0e));
        __m128i middle = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), middle);
        w[i % 4] = _mm_sha256msg2_epu32(sum, w[(i + 3) % 4]);
    }
    return s;
}

__attribute__((target("sha,sse4.1,ssse3"))) void
sha256_x86_compress(uint32_t state[8], const unsigned char *p, size_t blocks)
{
    __m128i *at = (__m128i *)(void *)state;
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(at), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(at + 1), 0x1b);
    Halves s = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    for (size_t i = 0; i < blocks; i++) {
        Halves r = rounds(s, p + 64 * i);
        s.abef = _mm_add_epi32(s.abef, r.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, r.cdgh);
    }
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    _mm_storeu_si128(at, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(at + 1, _mm_alignr_epi8(dchg, feba, 8));
}

#else

bool sha256_x86_available(void)
{
    return false;
}

void sha256_x86_compress(uint32_t state[8], const unsigned char *p, size_t blocks)
{
    (void)state;
    (void)p;
    (void)blocks;
}

#endif
