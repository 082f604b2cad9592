/* What the lowerings share: the program under construction and access to values in memory. */
#ifndef CNNCC_CODEGEN_LOWER_H
#define CNNCC_CODEGEN_LOWER_H

#include "codegen/codegen.h"

typedef struct Lower {
    Graph *graph;
    Program *program;
    Arena *arena;
    /* Vector functions made so far, by name (codegen/vmath.c). */
    KFunc **funcs;
    int n_funcs, cap_funcs;
    /* Constants already in the weight blob. */
    struct {
        const Tensor *tensor;
        int block;
        int64_t offset;
    } * placed;
    int n_placed, cap_placed;
    /* kernel_hash of program->kernels[i]. */
    uint64_t *hashes;
    int n_hashes, cap_hashes;
} Lower;

/* Declarations of the lowering column. */
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    bool lower_##lower(Lower *lw, const Node *n);
#include "ir/ops.def"
#undef OP

/* The column of a row that has no kernel. */
#define lower_none NULL

/* MaxPool with its second output (codegen/lower_pool_index.c). */
bool lower_pool_index(Lower *lw, const Node *n);

/* Finishes a kernel and appends a call of it (or of an equal one that exists) for `n`; args[i]
 * belongs to the i-th kb_buf. Unrolls and verifies. False after an internal-error diagnostic. */
bool lower_emit(Lower *lw, const Node *n, KBuilder *b, const char *note, const Arg *args);

/* The buffer argument of a value: its place; constants are put in the blob, in v->layout. */
Arg arg_value(Lower *lw, const Value *v);
/* A packed or generated table, put in the blob as it is. */
Arg arg_tensor(Lower *lw, const Tensor *t);
/* Writes every constant that got a place into the blob; called once, behind the last kernel. */
void lower_write_weights(Lower *lw);
/* The node's scratch, `offset` bytes into it. */
Arg arg_scratch(const Node *n, int64_t offset);

/* A buffer parameter for a value, sized by its physical extent. */
KBuf *buf_value(KBuilder *b, const char *name, const Value *v, KAccess access);
/* The same for kernels that move elements and never look at them: of kbase_moved type. */
KBuf *buf_moved(KBuilder *b, const char *name, const Value *v, KAccess access);
/* A buffer parameter for a packed or generated table. */
KBuf *buf_tensor(KBuilder *b, const char *name, const Tensor *t);

/* ---- numbers (codegen/number.c) ---- */

/* The least number of a compute type, or -infinity: where a maximum starts. */
KExpr *lowest_value(KBuilder *b, KType type);
/* The greatest, or infinity. */
KExpr *highest_value(KBuilder *b, KType type);
/* `value` as an element of type `t`, in the form that buf_moved buffers hold. */
KExpr *moved_const(KBuilder *b, DType t, double value, int lanes);
/* A float (scalar) as an integer of type `t`, in its compute type: truncated, and what does not fit
 * becomes the nearest end of the range. */
KExpr *saturated(KBuilder *b, DType t, KExpr *x);
/* The type that elements of a value are computed with. */
KType value_type(const Value *v, int lanes);
/* The least (KO_MIN) or the greatest (KO_MAX) of two numbers; NaN when one of them is. */
KExpr *extreme(KBuilder *b, KOp op, KExpr *x, KExpr *y);
/* The same of all lanes of a vector. */
KExpr *extreme_lane(KBuilder *b, KOp op, KExpr *x);

/* ---- coordinates ---- */

/* A position in a value's logical index space, for a vector of `lanes` elements along logical
 * axis `vec_axis` (-1: scalar). dim[i] is the logical index of axis i, except that in a blocked
 * space dim[1] counts blocks (C / block) and the lanes run along the channels of that block.
 * `active` lanes are valid (all others must not be stored). */
typedef struct Coord {
    int rank;
    Affine dim[MAX_RANK];
    int block;    /* of the space: 1 plain, L blocked by channels */
    int vec_axis; /* blocked: 1; plain: rank-1 or -1 */
    int lanes, active;
} Coord;

/* The element index in memory of `v` at a position of a space of rank >= v's rank to which v
 * broadcasts (axes aligned at the right; extents of 1 do not move). *splat: the lanes all read
 * the same element. v is plain, or blocked with the space's block. */
Affine coord_index(const Value *v, const Coord *at, bool *splat);

/* Loads `v` at a position with broadcasting, as f32 lanes (or another base for lanes = 1). */
KExpr *coord_load(KBuilder *b, const KBuf *buf, const Value *v, const Coord *at);

/* ---- elementwise and epilogues (codegen/elementwise.c) ---- */

/* The one expression case of each elementwise operator: x[0..n) are its operands, in order, in the
 * compute types of their values. The operands may be used once each: name them with kb_let first
 * where a case needs them twice. The result is of the compute type of `out`, the element type of
 * the operator's result. */
KExpr *ew_expr(Lower *lw, KBuilder *b, OpKind op, const Params *p, DType out, KExpr *const *x,
               int n);

/* Whether ew_expr has a case of the operator. */
bool ew_supports(OpKind op);

/* Whether the case works on scalars only where an operand is of type `type` and the result of type
 * `out`. */
bool ew_is_scalar(OpKind op, DType type, DType out);

/* Buffers of the epilogue operands of a node, added to the kernel behind the node's own. Appends
 * the matching arguments. */
typedef struct Epilogue {
    const Node *node;
    KBuf *buf[MAX_EPILOGUE]; /* NULL for unary steps */
} Epilogue;
void epilogue_open(Lower *lw, KBuilder *b, const Node *n, Epilogue *e, Arg *args, int *n_args);
/* Whether any step has an operand: those may lack the padding of a last block of channels. */
bool epilogue_has_operands(const Epilogue *e);
/* Applies step i of the node; `operand` is NULL for unary steps. */
KExpr *epilogue_step(Lower *lw, KBuilder *b, const Node *n, int i, KExpr *x, KExpr *operand);
/* Applies the node's epilogue to `x`, the result at position `at` of out[0]. */
KExpr *epilogue_apply(Lower *lw, KBuilder *b, const Epilogue *e, KExpr *x, const Coord *at);
/* Applies the epilogue and stores the result at `at` of out[0]. */
void epilogue_store(Lower *lw, KBuilder *b, const Epilogue *e, const KBuf *out, KExpr *x,
                    const Coord *at);

/* ---- vector maths (codegen/vmath.c): KFunc by name and lanes, made on first use ---- */

typedef enum VMath {
    VM_EXP,
    VM_EXPM1, /* exp(x) - 1 without cancellation */
    VM_LOG,
    VM_TANH,
    VM_SIGMOID,
    VM_ERF,
    VM_POW,
    VM_SOFTPLUS,
    VM_ROOT4, /* x^(-1/4), x > 0 */
} VMath;
/* f(x) or f(x, y), of f32 or of an f64 scalar. y is NULL for functions of one argument. */
KExpr *vmath(Lower *lw, KBuilder *b, VMath f, KExpr *x, KExpr *y);
/* A function of the C library ("sin"), computed in double precision, of a scalar of any type of
 * number; y is NULL for functions of one argument. The result has the type of x. */
KExpr *libm(Lower *lw, KBuilder *b, const char *name, KExpr *x, KExpr *y);

/* Expands the UNROLL loops of a kernel in place: register indices become constants. */
void kernel_unroll(Arena *a, Kernel *k);

#endif
