/* The floating-point peak of one core of this machine, for the percentages of the benchmark.
 *
 *     cc -O2 -march=native bench/peak.c -o peak && ./peak
 *
 * Twelve independent chains of fused multiply-adds on the widest vectors that the compiler knows
 * of; prints GFLOP/s (a multiply-add counts two), the best of 160 tries of half a millisecond. */
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

enum { CHAINS = 12, STEPS = 250000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of STEPS steps; *sum keeps the chains alive. The chains are named, not an array, so that
 * every compiler keeps them in registers. */
static double run(float *sum)
{
    Vector a, b;
    for (int l = 0; l < LANES; l++) {
        a[l] = 0.999f;
        b[l] = 0.001f;
    }
    Vector c0 = a, c1 = a + 1, c2 = a + 2, c3 = a + 3, c4 = a + 4, c5 = a + 5;
    Vector c6 = a + 6, c7 = a + 7, c8 = a + 8, c9 = a + 9, c10 = a + 10, c11 = a + 11;
    double start = seconds();
    for (long s = 0; s < STEPS; s++) {
        c0 = c0 * a + b, c1 = c1 * a + b, c2 = c2 * a + b, c3 = c3 * a + b;
        c4 = c4 * a + b, c5 = c5 * a + b, c6 = c6 * a + b, c7 = c7 * a + b;
        c8 = c8 * a + b, c9 = c9 * a + b, c10 = c10 * a + b, c11 = c11 * a + b;
    }
    double time = seconds() - start;
    Vector all = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
    for (int l = 0; l < LANES; l++)
        *sum += all[l];
    return time;
}

int main(void)
{
    double best = 0;
    float sum = 0;
    for (int attempt = 0; attempt < 160; attempt++) {
        double rate = 2.0 * CHAINS * STEPS * LANES / run(&sum) * 1e-9;
        best = rate > best ? rate : best;
    }
    printf("%.0f GFLOP/s%s\n", best, sum == 0 ? " " : "");
    return 0;
}
