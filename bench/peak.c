/* The floating-point peak of one core of this machine, for the percentages of the benchmark.
 *
 *     cc -O2 -march=native bench/peak.c -o peak && ./peak
 *
 * Twelve independent chains of fused multiply-adds on the widest vectors that the compiler knows
 * of; prints GFLOP/s (a multiply-add counts two), the best of ten tries. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));

enum { CHAINS = 12, STEPS = 4000000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
    double best = 0;
    float sum = 0;
    for (int attempt = 0; attempt < 10; attempt++) {
        Vector c[CHAINS], a, b;
        for (int l = 0; l < LANES; l++) {
            a[l] = 0.999f;
            b[l] = 0.001f;
        }
        for (int i = 0; i < CHAINS; i++)
            c[i] = a + (float)i;
        double start = seconds();
        for (long s = 0; s < STEPS; s++) {
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; i++)
                c[i] = c[i] * a + b;
            __asm__ volatile("" ::: "memory");
        }
        double rate = 2.0 * CHAINS * STEPS * LANES / (seconds() - start) * 1e-9;
        best = rate > best ? rate : best;
        for (int i = 0; i < CHAINS; i++)
            sum += c[i][0];
    }
    printf("%.0f GFLOP/s%s\n", best, sum == 0 ? " " : "");
    return 0;
}
