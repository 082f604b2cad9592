/* The operator table: what every room asks about an operator. One row an operator in ops.def. */
#ifndef CNNCC_IR_OPS_H
#define CNNCC_IR_OPS_H

#include "ir/graph.h"

/* Traits: passes ask for these, not for names. */
enum {
    T_ELEMENTWISE = 1 << 0, /* out[i] = f(in[i], …) with broadcasting; may become an epilogue */
    T_COMMUTATIVE = 1 << 1, /* f(a, b) = f(b, a) */
    T_VIEW = 1 << 2,        /* in row-major layout the output's bytes are those of in[0] */
    T_WINDOW = 1 << 3,      /* slides a window over the spatial axes of NC… */
    T_BLOCKED = 1 << 4,     /* has kernels for channel-blocked input and output */
    T_EPILOGUE = 1 << 5,    /* its kernel applies fused elementwise steps to the result */
    T_MOVE = 1 << 6,        /* copies elements without computing: any dtype */
    T_SHAPE_ONLY = 1 << 7,  /* depends on the shape of its input, not on the data */
    T_INPLACE = 1 << 8,     /* out[0] may overwrite in[0] when shapes and layouts agree. Without a
                               trait: it may also overwrite an operand of a fused step, since that
                               is read at the very position that is stored next, once */
    T_SCALAR = 1 << 9,      /* its kernels have no vectors (a function of the C library an element):
                               it is no step of another node's epilogue */
    /* What most elementwise operators have: input and output of one type, vectors. */
    T_EW = T_ELEMENTWISE | T_BLOCKED | T_EPILOGUE | T_INPLACE,
};

typedef struct OpInfo {
    const char *name;   /* ONNX's */
    const char *domain; /* "" is ONNX's own */
    int in_min, in_max; /* -1: any number */
    int out_min, out_max;
    unsigned traits;
    const char *params; /* member of Params, "none" without */
    /* Sets dtype and shape of every output from the inputs and may normalise the parameters
     * (negative axes, auto_pad). Reports what is illegal and returns false. */
    bool (*infer)(Graph *g, Node *n);
} OpInfo;

const OpInfo *op_info(OpKind op);
/* OP_NONE when unknown. domain "ai.onnx" equals "". */
OpKind op_find(const char *domain, const char *name);
bool op_has(OpKind op, unsigned traits); /* all of them */

/* Multiply-adds of a convolution or a product of matrices; 0 for operators that have none. */
int64_t op_macs(const Node *n);
/* Steps that the interpreter takes for an inferred node, roughly. */
double op_work(Graph *g, const Node *n);

/* Runs the inference of a node, with the arity checks common to all. */
bool op_infer(Graph *g, Node *n);

/* Writes `n`'s parameters as ONNX attributes ("kernel_shape = [3,3], pads = …") for the dump;
 * "" when there are none. */
const char *op_attributes(Arena *a, const Node *n);
/* The same for a fused step. */
const char *epilogue_attributes(Arena *a, const EpilogueStep *s);

/* Declarations of the inference column. */
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    bool infer_##infer(Graph *g, Node *n);
#include "ir/ops.def"
#undef OP

#endif
