/* Targets: what the passes and the printers know of the machine that the code is for. */
#ifndef CNNCC_IR_TARGET_H
#define CNNCC_IR_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Isa {
    ISA_C99,    /* strict C99, scalar */
    ISA_GNU,    /* GNU vector extensions of 4 floats, whatever the machine */
    ISA_AVX2,   /* x86-64 with AVX2 and FMA */
    ISA_AVX512, /* x86-64 with AVX-512 F, BW, DQ, VL */
    ISA_NEON,   /* aarch64 Advanced SIMD */
} Isa;

typedef struct Target {
    const char *name; /* what --target takes */
    Isa isa;
    int lanes;       /* floats a vector */
    int n_registers; /* vector registers */
    bool has_fma;    /* a*b+c rounded once, at full speed; otherwise FMA is never built */
    int fma_units;   /* per core and cycle */
    int64_t l1_bytes, l2_bytes;
    const char *llvm_features; /* "+avx2,+fma", for the JIT and for `target` attributes */
    const char *describe;      /* one line for --help */
} Target;

/* The target of that name; "native" is the best one for this machine. NULL when unknown. */
const Target *target_find(const char *name);
/* The i-th target of the table; NULL behind the last. */
const Target *target_at(size_t i);
/* Whether code for `t` runs on this machine. */
bool target_runs_here(const Target *t);

#endif
