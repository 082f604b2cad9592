/* The importer's inside: ONNX nodes -> graph nodes. Private to frontend/.
 *
 * Every operator arrives in one canonical form, whatever its opset:
 *   - attributes that later opsets still have go to the parameters;
 *   - what an old opset had as an attribute and a newer one has as an input (axes of Squeeze,
 *     Unsqueeze; split; min, max of Clip; pads, value of Pad) goes to the parameters too, and the
 *     node then has no such input: inference takes inputs where there are some;
 *   - Slice always has its starts, ends, axes and steps as inputs (constants are made), Resize
 *     its scales or sizes;
 *   - calls of functions, and If, Loop and Scan whose course is known, are replaced by the nodes of
 *     their bodies (import_body.c, import_function.c, import_if.c, import_loop.c, import_scan.c);
 *   - Sum, Mean and Min, Max of other than two operands, Dropout, Upsample, Constant are rewritten
 *     into the operators that exist everywhere.
 * Nodes whose operands are known (shape arithmetic) are computed at once and leave constants. */
#ifndef CNNCC_FRONTEND_IMPORT_H
#define CNNCC_FRONTEND_IMPORT_H

#include "frontend/frontend.h"
#include "frontend/onnx.pb-c.h"
#include "frontend/strmap.h"
#include "ir/ops.h"

enum {
    MIN_OPSET = 7, /* import_versions.c says which operators of older ones are accepted */
    MAX_OPSET = 27,
    MIN_IR_VERSION = 3,
    MAX_IR_VERSION = 13,
    MAX_BODY_DEPTH = 64,    /* of functions that call functions, of loops in branches, … */
    MAX_TURNS = 1 << 14,    /* of one loop */
    MAX_EXPANDED = 1 << 18, /* nodes that functions, loops and branches may become */
    MAX_INNER_NAME = 64,    /* bytes that one name of a body adds to those in the graph */
};

/* No value of a graph may need more bytes than this. */
#define MAX_VALUE_BYTES ((int64_t)1 << 36)
/* Nor what the importer itself writes for one node. */
#define MAX_MADE_BYTES ((int64_t)1 << 28)

/* A list of nodes with the names that it defines: the model's graph, one call of a function, one
 * turn of a loop, the branch that is taken. All are imported into the one graph. */
typedef struct Body {
    const struct Body *outer;  /* where names are looked up that this body does not define */
    const struct Body *caller; /* the body with the node that this one stands for */
    Onnx__NodeProto *const *node;
    size_t n_node;
    StrMap values;    /* ONNX name -> Value */
    const char *path; /* what stands in front of its names in the graph: "", "block1/", … */
    int64_t opset;    /* of ONNX's own domain */
    int depth;
    const Onnx__FunctionProto *function; /* NULL outside of functions … */
    const Onnx__NodeProto *call;         /* … else the call, whose attributes it refers to */
} Body;

typedef struct Importer {
    Arena *arena;
    Diag *diag;
    Graph *graph;
    const Onnx__ModelProto *model;
    const Onnx__GraphProto *proto;
    const ImportOptions *options;
    const char *folder;    /* of the model, for external data; NULL: there is none */
    Body *body;            /* whose nodes are being imported */
    int64_t opset;         /* of that body */
    Value *absent;         /* what a function's missing operand is bound to */
    StrMap functions;      /* "domain:name:overload" -> FunctionProto */
    StrMap captured;       /* "%p" of a node with subgraphs -> the names that these read */
    StrMap checked;        /* "%p" of lists of nodes whose operators are all known */
    StrMap tensors;        /* "%p" of a TensorProto -> its Tensor */
    StrMap narrow;         /* "%p" of a Value -> the name of its type of less than 8 bits */
    StrMap frozen;         /* name of an input -> a pointer to the Tensor of --freeze */
    StrMap dims;           /* symbol -> int64_t */
    Node *node;            /* being imported, for messages */
    bool *attr_seen;       /* of the node being imported: attributes that were asked for */
    int64_t fold_work;     /* elements read and made by folding so far */
    double fold_steps;     /* of the interpreter, the same */
    int64_t expanded_work; /* nodes of functions, loops and branches so far */
} Importer;

/* Imports a decoded model. `folder` is where external data may lie (NULL: nowhere). */
Graph *import_model(Arena *a, Diag *d, const Onnx__ModelProto *m, const char *folder,
                    const char *sha256, const ImportOptions *o);

/* ---- stages of the import (import.c calls them in this order) ---- */

/* Collects the model's functions. */
bool import_functions(Importer *im);
/* Lists all nodes whose operator is neither in the table nor a function, also in the functions
 * that are called and in loops; false when there are any. A list of nodes is looked at once. */
bool import_check_operators(Importer *im, const Body *b);
/* Finds the model's opset; false when it is missing or out of range. */
bool import_check_versions(Importer *im);
/* Whether the body's operators are known as of its opset; names those that are not. */
bool import_check_opset(Importer *im, const Body *b);
/* Makes tensors of the bindings of --freeze. */
bool import_freezes(Importer *im);
/* Makes constants of the initializers and values of the inputs; pins symbolic dimensions. */
bool import_values(Importer *im);
/* A topological order of the body's nodes (indices), the file's own where that is legal; NULL
 * after naming a cycle, a duplicate or an undefined name. */
size_t *import_order(Importer *im, const Body *b);
/* Imports the nodes of a body: all values from outside must be there. */
bool import_body(Importer *im, Body *b);
/* Imports one node: parameters, rewriting, inference, folding. */
bool import_one_node(Importer *im, size_t index);
/* Makes constants of a graph's initializers. */
bool import_initializers(Importer *im, Body *b, const Onnx__GraphProto *g);
/* Marks the graph's outputs; compares types with what the model states. */
bool import_outputs(Importer *im);

/* ---- tools of the stages ---- */

/* `Conv "name" (#3)` */
const char *proto_label(Arena *a, const Onnx__NodeProto *p, size_t index);
/* The same for a node of the body being imported, with the body's path; where a body is. */
const char *import_label(Importer *im, const Onnx__NodeProto *p, size_t index);
const char *import_place(Importer *im, const Body *b);
/* The node's name; its first output's or its operator's when it has none. */
const char *proto_own_name(const Onnx__NodeProto *p);
/* "" for a missing name. */
const char *proto_name(const char *s);
/* The table's row for a node; OP_NONE when there is none. */
OpKind proto_op(const Onnx__NodeProto *p);
/* The model's function for a node; NULL when there is none. */
const Onnx__FunctionProto *import_function(Importer *im, const Onnx__NodeProto *p);
/* Imports a function's nodes in the place of a call. */
bool import_call(Importer *im, const Onnx__NodeProto *p, size_t index);

/* A body inside of the one being imported, with no nodes yet. `path` is its own part. */
Body *import_body_new(Importer *im, const Body *outer, const char *path);
/* What a node's name adds to the path of its bodies: the name, or its beginning. */
const char *import_path_part(Importer *im, const Onnx__NodeProto *p);
/* A name of the body being imported as it is in the graph: behind the body's path. There, a long
 * one is cut and gets a number, since a loop repeats it in every turn. */
const char *import_inner_name(Importer *im, const Body *b, const char *name);
/* Counts nodes that a body becomes; false after a message when they are too many. */
bool import_count_nodes(Importer *im, const Body *b, size_t n);
/* Whether the inputs of a loop's body have names, each another one. */
bool import_check_inputs(Importer *im, const Onnx__GraphProto *g);
/* The one number of type `t` that `v` is known to hold; false after a message that calls it `what`
 * when it has another type or shape, or is no constant. */
bool import_known(Importer *im, const Value *v, const char *what, DType t, int64_t *number);
/* A subgraph's nodes and initializers, which are constants of the body from now on. */
bool import_subgraph(Importer *im, Body *b, const Onnx__GraphProto *g);
/* A value by its name in this body or the outer ones; NULL when there is none. */
Value *import_find(const Body *b, const char *name);
/* Gives a value to a name of a body. */
void import_bind(Body *b, const char *name, Value *v);
/* The result `i` of `p`, in the body being imported, is `v`, one of the values that were made since
 * the graph had `first` of them (these take the result's name) or an older one. */
void import_result(Importer *im, const Onnx__NodeProto *p, size_t i, Value *v, int first);
/* The names that a node's subgraphs take from outside; *n tells how many. */
const char **import_captured(Importer *im, const Onnx__NodeProto *p, size_t *n);

/* ONNX's TensorProto.DataType to ours, DT_NONE when cnncc has no such type, and back. */
DType dtype_from_onnx(int64_t onnx_type);
int32_t dtype_to_onnx(DType t);
/* The number of a type of ONNX, whether cnncc has it or not; 0 when there is none of that name. */
int32_t onnx_type_named(const char *name);
/* "float8e4m3fn is not supported; …" */
const char *onnx_type_refusal(Arena *a, int64_t onnx_type);
/* The type in which constants of a type are kept, DT_NONE when they cannot be; *bits is how many
 * one element has in the message: 4 or 2 for int4 and its kin, which become bytes. */
DType onnx_storage(int64_t onnx_type, int *bits);
/* Fills `t`, of int8 or uint8, from elements of so many bits; the bytes lie `step` apart. */
void narrow_unpack(Tensor *t, int bits, const unsigned char *packed, size_t step);
/* The other way, in place: `n` elements of a byte each. Returns the number of bytes left. */
size_t narrow_pack(unsigned char *bytes, size_t n, int bits);
/* Remembers values of such a type, from the constant's message on; its name, NULL for others. */
void import_note_type(Importer *im, const Value *v, const Onnx__TensorProto *p);
const char *import_narrow_name(Importer *im, const Value *v);
/* Whether a node's operator takes its operands of such types; notes what it makes of them. */
bool import_check_narrow(Importer *im, const Node *n);

/* A tensor from its message. The data may be that of the message (in the arena, not copied).
 * `what` names it in messages; `folder` is where external data may lie (NULL: refused). */
Tensor *tensor_from_proto(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what,
                          const char *folder);
/* The same for a tensor of the model, once, however often a loop repeats its node. */
const Tensor *import_tensor(Importer *im, const Onnx__TensorProto *p, const char *what);
/* Reads `bytes` bytes that the message says lie in another file. */
void *external_data_read(Arena *a, Diag *d, const Onnx__TensorProto *p, size_t bytes,
                         const char *what, const char *folder);
/* The inverse of tensor_from_proto, with raw data that is not copied. */
void tensor_to_proto(Arena *a, const Tensor *t, const char *name, Onnx__TensorProto *p);

/* False (with a message) when a value of this type is larger than cnncc can handle. */
bool import_check_size(Importer *im, const char *what, DType t, const Shape *s);
/* The same for data that the importer is about to make: the node's import writes it at once. */
bool import_check_made(Importer *im, const Node *n, DType t, const Shape *s);

/* Constants of the importer's own making; the first is a scalar. */
Value *import_scalar(Importer *im, const char *name, DType dtype, int64_t number);
Value *import_const_i64(Importer *im, const char *name, const int64_t *data, int64_t count);
/* A new node before the one being imported, inferred and folded; returns its only output. */
Value *import_emit(Importer *im, OpKind op, const Params *params, Value *const *in, int n_in);
/* The same behind all nodes that are there. */
Value *import_append(Importer *im, OpKind op, const Params *params, Value *const *in, int n_in);
/* Element `index` of a value along an axis (which it then lacks); the stack of values along a new
 * axis. `element` states the shape of one where there is none. Both append nodes. */
Value *import_element(Importer *im, Value *v, int64_t axis, int64_t index);
Value *import_stack(Importer *im, Value *const *values, int64_t count, int64_t axis,
                    const Onnx__ValueInfoProto *element);
/* Drops inputs from `count` on. */
void import_keep_inputs(Node *n, int count);
/* Whether input `i` is given. */
bool import_has_input(const Node *n, int i);
/* Infers a node; folds it when its operands are known. */
bool import_finish(Importer *im, Node *n);

/* ---- attributes of the node being imported ----
 * Each getter leaves *value alone when the attribute is absent, and returns false after a message
 * when it has another type or does not fit. An attribute that nobody asks for is an error. */

bool attr_present(Importer *im, const Onnx__NodeProto *p, const char *name);
bool attr_int(Importer *im, const Onnx__NodeProto *p, const char *name, int64_t *value);
bool attr_bool(Importer *im, const Onnx__NodeProto *p, const char *name, bool *value);
bool attr_float(Importer *im, const Onnx__NodeProto *p, const char *name, double *value);
bool attr_string(Importer *im, const Onnx__NodeProto *p, const char *name, const char **value);
/* At most `max` integers; *count tells how many, and stays when the attribute is absent. */
bool attr_ints(Importer *im, const Onnx__NodeProto *p, const char *name, int64_t *values, int max,
               int *count);
/* Any number of integers or floats, as they lie in the message. */
bool attr_int_list(Importer *im, const Onnx__NodeProto *p, const char *name, const int64_t **values,
                   size_t *count);
bool attr_floats(Importer *im, const Onnx__NodeProto *p, const char *name, const float **values,
                 size_t *count);
/* A list of texts, in the arena. */
bool attr_strings(Importer *im, const Onnx__NodeProto *p, const char *name,
                  const char *const **values, size_t *count);
/* The tensor's message. */
bool attr_tensor(Importer *im, const Onnx__NodeProto *p, const char *name,
                 const Onnx__TensorProto **value);
/* A subgraph; an error when there is none. */
bool attr_graph(Importer *im, const Onnx__NodeProto *p, const char *name,
                const Onnx__GraphProto **value);
/* One of `words` (ended by NULL); *value is its index. */
bool attr_word(Importer *im, const Onnx__NodeProto *p, const char *name, const char *const *words,
               int *value);
/* Attributes that change nothing here. */
void attr_ignore(Importer *im, const Onnx__NodeProto *p, const char *name);
/* Reports attributes that were not asked for. */
bool attr_all_seen(Importer *im, const Onnx__NodeProto *p);

/* The attributes of AveragePool. */
bool import_average_pool(Importer *im, const Onnx__NodeProto *p, Node *n);

/* ---- the import column of the operator table ---- */

/* Reads the attributes of `p` into `n`, whose inputs and outputs are in place already; may turn
 * `n` into another operator. Reports what is wrong and returns false. */
typedef bool ImportFn(Importer *im, const Onnx__NodeProto *p, Node *n);

#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    ImportFn import_##import;
#include "ir/ops.def"
#undef OP

#endif
