/* The kernel IR: a small, structured, explicit-vector loop language. docs/KERNEL_IR.md has the
 * grammar and the text form.
 *
 * A kernel is a function over buffers. Every shape is static, so every index is affine in the
 * loop variables with constant coefficients, and every tail is a constant number of active lanes.
 * The IR fixes the vector width, the order of all floating-point operations and each fused
 * multiply-add: two printers that obey it produce the same bits.
 *
 * Expressions are trees: a node is used once; what is used twice is named by LET. */
#ifndef CNNCC_IR_KERNEL_H
#define CNNCC_IR_KERNEL_H

#include "ir/arena.h"
#include "ir/graph.h"

/* ---- types ---- */

/* Buffers hold elements of any of these types but KT_MASK. Registers and expressions have *compute
 * types*: f32, f64, i32, i64, u64 and mask. A load widens to the compute type of its buffer
 * (kbase_compute), a store narrows to the buffer's type: integers modulo 2^n, floats to nearest
 * even. */
typedef enum KBase {
    KT_F32,
    KT_F64,
    KT_F16,
    KT_BF16,
    KT_I8,
    KT_U8,
    KT_I16,
    KT_U16,
    KT_I32,
    KT_U32,
    KT_I64,
    KT_U64,
    KT_MASK, /* result of a comparison; lives in registers only */
} KBase;

typedef struct KType {
    KBase base; /* a compute type */
    int lanes;  /* 1: a scalar. Vectors (lanes > 1) are of f32, i32 or mask, and as wide as the
                   target or a power of two below. In memory their elements may be narrower */
} KType;

#define KTYPE(b, l) ((KType){(b), (l)})
size_t kbase_size(KBase b);      /* bytes in memory; 0 for KT_MASK */
const char *kbase_name(KBase b); /* "f32" */
KBase kbase_of_dtype(DType t);   /* memory form: bool is KT_U8 */
/* The type that elements are computed with: f16, bf16 -> f32; i8, u8, i16, u16 -> i32; u32 -> i64;
 * the others themselves. Every value of the memory type is a value of it. */
KBase kbase_compute(KBase b);
/* The type through which elements are moved unchanged at the least cost: one of the same size
 * whose compute type is no wider than needed (f16 -> u16, u32 -> i32, u64 -> i64…). */
KBase kbase_moved(KBase b);
bool kbase_is_float(KBase b); /* f32 f64 f16 bf16 */

/* ---- affine indices ---- */

typedef struct KVar KVar; /* a loop variable */
typedef struct KExpr KExpr;
typedef struct KStmt KStmt;

enum { MAX_AFFINE_TERMS = 16 };

typedef struct Affine {
    int64_t c;
    int n;
    struct {
        const KVar *v;
        int64_t k; /* never 0 */
    } t[MAX_AFFINE_TERMS];
} Affine;

Affine aff(int64_t c);
Affine aff_var(const KVar *v);
Affine aff_add(Affine a, Affine b);
Affine aff_addc(Affine a, int64_t c);
Affine aff_mul(Affine a, int64_t k);
Affine aff_sub(Affine a, Affine b);
bool aff_is_const(const Affine *a);
/* Least and greatest value over the ranges of the loop variables. */
void aff_range(const Affine *a, int64_t *lo, int64_t *hi);

/* ---- buffers, registers, functions ---- */

typedef enum KAccess { K_READ = 1, K_WRITE = 2, K_READ_WRITE = 3 } KAccess;

/* A parameter of the kernel: a flat array in memory. */
typedef struct KBuf {
    const char *name; /* C identifier, unique in the kernel */
    KBase base;
    int64_t n; /* elements; the verifier proves every access inside */
    KAccess access;
    int index; /* position among the kernel's parameters */
} KBuf;

/* A register array: `dims` are all 1 for a single register. Elements are named by constant
 * indices once UNROLL loops are expanded; they never go to memory. */
typedef struct KReg {
    const char *name;
    KType type;
    int rank; /* 0, 1 or 2 */
    int dim[2];
} KReg;

/* A named value that is set once, by LET, or a parameter of a KFunc. */
typedef struct KLet {
    const char *name;
    KType type;
} KLet;

/* A pure function of registers: the vector maths (exp, tanh…). Emitted once a program, inlined
 * by both compilers. Functions are shared by identity: the same (name, lanes) is the same KFunc.
 * An `external` one is a function of the C library instead, of one or two f64 scalars with an f64
 * result ("sin", "pow"): it has no body, and both printers call it. */
typedef struct KFunc {
    const char *name;     /* C identifier, "exp_f32x16" */
    const char *external; /* the C function's name; NULL: body and result say what it computes */
    int n_params;
    KLet *param[3];
    KType type;  /* of the result */
    KStmt *body; /* LETs only */
    KExpr *result;
    const char *note; /* what it computes, its source and its error bound */
} KFunc;

struct KVar {
    const char *name;
    int64_t lo, hi, step; /* takes lo, lo+step, … while < hi */
};

/* ---- expressions ---- */

typedef enum KExprKind {
    KE_CONST,  /* `f` (floats) or `i` (integers), in every lane */
    KE_INDEX,  /* the value of `at` as i32 or i64, lanes = 1 */
    KE_GET,    /* register `reg` at constant indices */
    KE_LETREF, /* value of `let` */
    KE_LOAD,   /* `active` consecutive elements of `buf` from `at` (+ dyn), widened; other lanes
                  are 0 */
    KE_SPLAT,  /* scalar arg[0] in every lane */
    KE_FMA,    /* arg[0] * arg[1] + arg[2], rounded once; f32 only */
    KE_UN,     /* `op` */
    KE_BIN,
    KE_CMP,    /* -> mask of the same lanes */
    KE_SELECT, /* mask arg[0] ? arg[1] : arg[2], lane by lane */
    KE_CVT,    /* arg[0] as `type`, by value. Integers modulo 2^n; to a float: to nearest even;
                  float to integer truncates, what does not fit becomes the nearest end and NaN
                  becomes 0 (with `fits`: the value is known to fit) */
    KE_SHUF,   /* result lane l is lane shuf[l] of arg[0] ++ arg[1]; arg[1] may be NULL */
    KE_REDUCE, /* all lanes of arg[0] by `op` (add, min, max) to a scalar, halves onto halves:
                  lane i with lane i + lanes/2, then again */
    KE_CALL,   /* func(arg[0..n_params)) */
} KExprKind;

typedef enum KOp {
    /* UN */
    KO_NEG,
    KO_ABS,
    KO_SQRT,
    KO_FLOOR,
    KO_CEIL,
    KO_ROUND,   /* to nearest even */
    KO_NOT,     /* mask or integer */
    KO_BITCAST, /* f32 <-> i32, f64 <-> i64 or u64, same lanes */
    /* BIN. Integers wrap around */
    KO_ADD,
    KO_SUB,
    KO_MUL,
    KO_DIV, /* integers (scalar only) truncate; x / 0 is 0 */
    KO_MIN, /* floats: a < b ? a : b  (so b when either is NaN); integers as usual */
    KO_MAX, /* floats: a > b ? a : b  (so b when either is NaN) */
    KO_AND,
    KO_OR,
    KO_XOR, /* masks and integers */
    KO_SHL,
    KO_SHR, /* integers; SHR is logical for u64 and arithmetic for the others. Vectors by a
               constant count in range; a scalar's count may be any value: one that is negative or
               not below the width shifts every bit out */
    KO_REM, /* integers, scalar only: x - x / y * y, with the sign of x; 0 where y is 0 */
    /* CMP: ordered, except NE which is true for NaN */
    KO_EQ,
    KO_NE,
    KO_LT,
    KO_LE,
    KO_GT,
    KO_GE,
} KOp;

struct KExpr {
    KExprKind kind;
    KType type;
    KOp op;
    KExpr *arg[3];
    double f;
    int64_t i;       /* CONST of u64: the bits */
    bool fits;       /* CVT of a float to an integer: see there */
    Affine at;       /* INDEX, LOAD */
    const KBuf *buf; /* LOAD */
    int active;      /* LOAD: 1..lanes */
    /* LOAD and STORE: an integer scalar added to the index as dyn_scale * dyn. It must be built by
     * kb_clamp(e, lo, hi), which makes it MIN(MAX(e, lo), hi): the proof of bounds reads that. */
    KExpr *dyn;
    int64_t dyn_scale;
    const KReg *reg; /* GET */
    Affine idx[2];
    const KLet *let; /* LETREF */
    const KFunc *func;
    const int *shuf; /* type.lanes entries */
};

/* ---- statements ---- */

typedef enum KStmtKind {
    KS_FOR,      /* for var: body; with `expr`, an i64 scalar, only while var < expr */
    KS_REG,      /* declares `reg`, uninitialised */
    KS_SET,      /* reg[idx] = expr */
    KS_LET,      /* let = expr */
    KS_STORE,    /* the first `active` lanes of expr, narrowed, to buf at `at` (+ dyn) */
    KS_IF,       /* body when cond >= 0 (an affine condition) */
    KS_PREFETCH, /* asks for the cache line of `at` in buf, which may lie outside it */
    KS_NOTE,     /* a comment */
} KStmtKind;

typedef enum KLoop {
    KL_SERIAL,
    KL_UNROLL,   /* expanded by codegen/unroll.c before printing */
    KL_PARALLEL, /* iterations are independent: they set registers of their own and store at places,
                    or under conditions, that depend on it; outermost, several may follow each other
                  */
} KLoop;

struct KStmt {
    KStmtKind kind;
    KStmt *next;
    KStmt *body; /* FOR, IF */
    KVar *var;   /* FOR */
    KLoop loop;
    const KReg *reg; /* REG, SET */
    Affine idx[2];
    KLet *let; /* LET */
    KExpr *expr;
    const KBuf *buf; /* STORE, PREFETCH */
    Affine at;       /* STORE, PREFETCH; IF: the condition */
    int active;
    int cache;  /* PREFETCH: 1 or 2, the first or the second */
    KExpr *dyn; /* STORE: see KExpr */
    int64_t dyn_scale;
    const char *text; /* NOTE */
};

enum { MAX_KERNEL_BUFFERS = 16 };

typedef struct Kernel {
    const char *name; /* C identifier without the model's prefix: "conv3x3s1_64x56x56_64" */
    const char *note; /* one line: operator, shapes, algorithm, tile */
    KBuf *buf[MAX_KERNEL_BUFFERS];
    int n_bufs;
    KStmt *body;
} Kernel;

/* ---- the program: kernels and the calls that make a run ---- */

typedef enum ArgKind { ARG_INPUT, ARG_OUTPUT, ARG_ARENA, ARG_WEIGHTS } ArgKind;

typedef struct Arg {
    ArgKind kind;
    int index;      /* of the input or output */
    int64_t offset; /* bytes */
} Arg;

typedef struct Call {
    const Kernel *kernel;
    Arg arg[MAX_KERNEL_BUFFERS];
    const Node *node; /* that this call computes (NULL only in hand-made programs) */
} Call;

typedef struct Program {
    Arena *arena;
    const Graph *graph; /* inputs, outputs, target, provenance */
    const Target *target;
    Kernel **kernels; /* each once, in order of first call */
    int n_kernels, cap_kernels;
    const KFunc **funcs; /* used by the kernels, callees first */
    int n_funcs, cap_funcs;
    Call *calls;
    int n_calls, cap_calls;
    unsigned char *weights; /* the blob, every tensor aligned to 64 bytes */
    int64_t weights_bytes, cap_weights;
    int64_t arena_bytes;
} Program;

/* ---- builder ---- */

/* Appends statements to the innermost open block of one kernel. Names are made unique among those
 * that are visible. */
typedef struct KBuilder KBuilder;

KBuilder *kb_new(Arena *a, const Target *target, const char *kernel_name);
const Target *kb_target(const KBuilder *b);
Arena *kb_arena(const KBuilder *b);
KBuf *kb_buf(KBuilder *b, const char *name, KBase base, int64_t n, KAccess access);
/* Closes the kernel; all blocks must be closed. */
Kernel *kb_finish(KBuilder *b, const char *note);

KVar *kb_for(KBuilder *b, const char *name, int64_t lo, int64_t hi, int64_t step, KLoop loop);
/* `for name = 0, 1, … < hi` that ends early at `limit`, an i64 known at run time. Serial; hi > 1.
 */
KVar *kb_for_below(KBuilder *b, const char *name, int64_t hi, const KLet *limit);
/* Opens `if (cond >= 0)`. A condition that always holds opens a plain block. */
void kb_if(KBuilder *b, Affine cond);
void kb_end(KBuilder *b); /* closes the innermost FOR or IF */
void kb_note(KBuilder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

KReg *kb_reg(KBuilder *b, const char *name, KType type, int rank, int d0, int d1);
void kb_set(KBuilder *b, const KReg *r, KExpr *e); /* rank 0 */
void kb_set1(KBuilder *b, const KReg *r, Affine i, KExpr *e);
void kb_set2(KBuilder *b, const KReg *r, Affine i, Affine j, KExpr *e);
KExpr *kb_get(KBuilder *b, const KReg *r);
KExpr *kb_get1(KBuilder *b, const KReg *r, Affine i);
KExpr *kb_get2(KBuilder *b, const KReg *r, Affine i, Affine j);

/* Names a value; each use is a fresh kb_use. */
KLet *kb_let(KBuilder *b, const char *name, KExpr *e);
KExpr *kb_use(KBuilder *b, const KLet *let);

KExpr *kb_f32(KBuilder *b, double value, int lanes); /* constant */
KExpr *kb_int(KBuilder *b, KType type, int64_t value);
KExpr *kb_const(KBuilder *b, KType type, double value); /* of any compute type */
KExpr *kb_index(KBuilder *b, KType type, Affine at);
KExpr *kb_load(KBuilder *b, const KBuf *buf, Affine at, int lanes);
KExpr *kb_load_tail(KBuilder *b, const KBuf *buf, Affine at, int lanes, int active);
KExpr *kb_load_dyn(KBuilder *b, const KBuf *buf, Affine at, KExpr *dyn, int64_t scale, int lanes,
                   int active);
KExpr *kb_splat(KBuilder *b, KExpr *scalar, int lanes); /* lanes = 1: the scalar itself */
/* a*b+c: KE_FMA for f32 on targets that have it, otherwise a multiplication and an addition. */
KExpr *kb_fma(KBuilder *b, KExpr *x, KExpr *y, KExpr *z);
KExpr *kb_un(KBuilder *b, KOp op, KExpr *x);
KExpr *kb_bin(KBuilder *b, KOp op, KExpr *x, KExpr *y);
KExpr *kb_cmp(KBuilder *b, KOp op, KExpr *x, KExpr *y);
KExpr *kb_select(KBuilder *b, KExpr *mask, KExpr *x, KExpr *y);
/* From and to any compute type; to a mask: whether it is not 0. */
KExpr *kb_cvt(KBuilder *b, KType type, KExpr *x);
/* The same of a float that is known to be a value of the integer type when truncated: cheaper. */
KExpr *kb_cvt_fit(KBuilder *b, KType type, KExpr *x);
KExpr *kb_bitcast(KBuilder *b, KBase base, KExpr *x);
KExpr *kb_shuf(KBuilder *b, KExpr *x, KExpr *y, const int *lanes, int n);
KExpr *kb_reduce(KBuilder *b, KOp op, KExpr *x);
KExpr *kb_call(KBuilder *b, const KFunc *f, KExpr *const *args);
/* MIN(MAX(x, lo), hi) of an integer scalar, the form that dynamic indices must have. */
KExpr *kb_clamp(KBuilder *b, KExpr *x, int64_t lo, int64_t hi);

void kb_store(KBuilder *b, const KBuf *buf, Affine at, KExpr *e);
/* Asks for the line of an element in cache 1 or 2; the only access that may lie outside its
 * buffer. */
void kb_prefetch(KBuilder *b, const KBuf *buf, Affine at, int cache);
void kb_store_tail(KBuilder *b, const KBuf *buf, Affine at, KExpr *e, int active);
void kb_store_dyn(KBuilder *b, const KBuf *buf, Affine at, KExpr *dyn, int64_t scale, KExpr *e,
                  int active);

/* Functions: kb_func opens one with its own block; kb_let works inside as usual. */
KBuilder *kb_func(Arena *a, const Target *target, const char *name, int n_params,
                  const KType *param_types);
const KLet *kb_param(const KBuilder *b, int i);
KFunc *kb_func_finish(KBuilder *b, KExpr *result, const char *note);
/* A function of the C library, f64 scalars to an f64 scalar. The caller keeps one a name. */
KFunc *kb_external(Arena *a, const char *c_name, int n_params);

/* ---- tools over kernels ---- */

/* The text form (docs/KERNEL_IR.md). */
char *kernel_dump(Arena *a, const Kernel *k);
char *kfunc_dump(Arena *a, const KFunc *f);

/* Checks types, trees, single LETs, constant register indices (after unrolling) and proves every
 * access in bounds; false with the reason in *why. */
bool kernel_verify(Arena *a, const Kernel *k, bool unrolled, const char **why);

/* A hash of everything but names and notes, and equality of the same: kernels that are equal are
 * emitted once. */
uint64_t kernel_hash(const Kernel *k);
bool kernel_equal(const Kernel *a, const Kernel *b);

#endif
