/* The table of targets. */
#include "ir/target.h"

#include <string.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#endif

static const Target targets[] = {
    {"c99", ISA_C99, 1, 16, false, 1, 32 << 10, 256 << 10, "", "strict C99, no vectors"},
    {"gnu", ISA_GNU, 4, 16, false, 1, 32 << 10, 256 << 10, "",
     "GNU C vectors of 4 floats, any machine"},
    {"avx2", ISA_AVX2, 8, 16, true, 2, 32 << 10, 512 << 10, "+avx2,+fma,+f16c",
     "x86-64 with AVX2 and FMA"},
    {"avx512", ISA_AVX512, 16, 32, true, 2, 48 << 10, 1 << 20,
     "+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl",
     "x86-64 with AVX-512 F, BW, DQ and VL"},
    {"neon", ISA_NEON, 4, 32, true, 2, 32 << 10, 512 << 10, "", "aarch64 with Advanced SIMD"},
};

enum { N_TARGETS = sizeof targets / sizeof targets[0] };

const Target *target_at(size_t i)
{
    return i < N_TARGETS ? &targets[i] : NULL;
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
/* Conversions of half precision; not every compiler has a name for them in cpu_supports. */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}
#endif

bool target_runs_here(const Target *t)
{
    switch (t->isa) {
    case ISA_C99:
    case ISA_GNU:
        return true;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case ISA_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
#if defined(__aarch64__)
    case ISA_NEON:
        return true;
#endif
    default:
        return false;
    }
}

/* The widest target that runs here. */
static const Target *native(void)
{
    const Target *best = &targets[0];
    for (size_t i = 0; i < N_TARGETS; i++)
        if (target_runs_here(&targets[i]) && targets[i].lanes >= best->lanes)
            best = &targets[i];
    return best;
}

const Target *target_find(const char *name)
{
    if (strcmp(name, "native") == 0)
        return native();
    for (size_t i = 0; i < N_TARGETS; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}
