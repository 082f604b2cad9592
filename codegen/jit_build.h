/* The LLVM-C builder: kernels -> LLVM IR, the second printer of the kernel IR.
 *
 * In comes a verified, unrolled program; out goes one LLVM module. Each kernel becomes an external
 * function `void k<i>(ptr args, ptr team, i64 part, i64 parts)`, where args points at the kernel's
 * buffer pointers in order and the rest names a member of a team (JitTeam) when it is split, and
 * each KFunc an internal function that is always inlined. Vectors are LLVM vectors, masks vectors
 * of i1, f16 and bf16 lie in memory as 16-bit integers, registers are allocas that
 * mem2reg turns into SSA. Only names and notes of the kernels are lost; every operation becomes
 * exactly one of the same meaning, without fast-math flags, so C and JIT give the same bits. */
#ifndef CNNCC_CODEGEN_JIT_BUILD_H
#define CNNCC_CODEGEN_JIT_BUILD_H

#include "ir/kernel.h"

#include <llvm-c/Core.h>

enum { JIT_MAX_LOOPS = 64 };

/* What a pointer of the kernel IR (KLet, KReg, KFunc) became. */
typedef struct JitMap {
    struct {
        const void *key;
        LLVMValueRef *value;
    } * slot;
    int n, cap; /* cap is a power of two, or 0 */
} JitMap;

/* What a kernel that is split knows of its team: how to wait for the other members. */
typedef struct JitTeam {
    void (*wait)(struct JitTeam *team);
} JitTeam;

typedef struct JitBuild {
    Arena *arena;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef at;     /* the insertion point */
    LLVMBuilderRef entry;  /* at the end of the current function's entry block, for allocas */
    LLVMValueRef function; /* the current one */
    LLVMValueRef buffer[MAX_KERNEL_BUFFERS];
    LLVMValueRef team, part, parts; /* of the current kernel */
    struct {
        const KVar *var;
        LLVMValueRef value; /* i64 */
    } loop[JIT_MAX_LOOPS];  /* open loops, outermost first */
    int n_loops;
    JitMap locals; /* KLet -> its value, KReg -> its allocas; of the current function */
    JitMap funcs;  /* KFunc -> function */
    const char *tune_cpu, *vector_width; /* function attributes */
    const char *broken;                  /* the first thing that a verified kernel cannot contain */
} JitBuild;

/* Builds the whole program into b->module. False with b->broken set. */
bool jit_build_program(JitBuild *b, const Program *p);

/* ---- shared by the statements (jit_build.c) and the expressions (jit_expr.c) ---- */

LLVMValueRef *jit_map_get(const JitMap *m, const void *key); /* NULL when absent */
void jit_map_set(JitMap *m, Arena *a, const void *key, LLVMValueRef *value);

/* Types, memory and conversions (jit_convert.c). */
LLVMTypeRef jit_memory_type(const JitBuild *b, KBase base);
LLVMTypeRef jit_type(const JitBuild *b, KType t);
LLVMValueRef jit_load(JitBuild *b, const KExpr *e);
void jit_store(JitBuild *b, const KStmt *s);
void jit_prefetch(JitBuild *b, const KStmt *s);
LLVMValueRef jit_convert(JitBuild *b, const KExpr *e);
/* `x` in every lane of a constant vector. */
LLVMValueRef jit_splat_constant(JitBuild *b, LLVMValueRef x, int lanes);

LLVMValueRef jit_expr(JitBuild *b, const KExpr *e);
/* The alloca of reg[idx]. */
LLVMValueRef jit_register(JitBuild *b, const KReg *reg, const Affine idx[2]);
/* `a` as an i64. */
LLVMValueRef jit_affine(JitBuild *b, const Affine *a);
/* The address of element at + dyn * dyn_scale. */
LLVMValueRef jit_address(JitBuild *b, const KBuf *buf, const Affine *at, const KExpr *dyn,
                         int64_t dyn_scale);
/* A call of the intrinsic that is overloaded on n_types types. */
LLVMValueRef jit_intrinsic(JitBuild *b, const char *name, LLVMTypeRef *types, int n_types,
                           LLVMValueRef *args, int n_args);
/* The constant mask of `lanes` lanes whose first `active` are on. */
LLVMValueRef jit_lane_mask(JitBuild *b, int lanes, int active);

#endif
