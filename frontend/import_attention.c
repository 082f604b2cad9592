/* Import of Attention and RotaryEmbedding: compositions of products, Softmax and what moves
 * elements, as ONNX defines them.
 *
 * Comes in: queries, keys and values of known shapes, [N, heads, length, size] or
 * [N, length, heads x size]; positions as a table of angles. Goes out: the nodes of the definition;
 * the last one is the node itself. Heads that share their keys and values are an axis of the
 * queries' own, over which the products broadcast.
 * Holds: there is no cache of keys and values from earlier runs. */
#include "frontend/import.h"
#include "ir/infer.h"

#include <math.h>
#include <string.h>

static Value *reshaped(Importer *im, Value *x, const int64_t *dims, int rank)
{
    Value *in[] = {x, import_const_i64(im, NULL, dims, rank)};
    return x ? import_emit(im, OP_Reshape, NULL, in, 2) : NULL;
}

static Value *transposed(Importer *im, Value *x, int a, int b, int c, int d)
{
    Params params = {.perm = {{a, b, c, d}, true}};
    return x ? import_emit(im, OP_Transpose, &params, &x, 1) : NULL;
}

static Value *binary(Importer *im, OpKind op, Value *a, Value *b)
{
    return a && b ? import_emit(im, op, NULL, (Value *[]){a, b}, 2) : NULL;
}

/* A scalar of the type of `like`. */
static Value *scalar_like(Importer *im, const Value *like, double number)
{
    static const Shape scalar;
    Tensor *t = tensor_new(im->arena, like->dtype, &scalar);
    tensor_set_f64(t, 0, number);
    return graph_constant(im->graph, NULL, t);
}

/* The node becomes a reshaping of `x`. */
static bool become_reshape(Importer *im, Node *n, Value *x, const Shape *to)
{
    if (x == NULL)
        return false;
    n->op = OP_Reshape;
    n->params = (Params){0};
    n->in[0] = x;
    n->in[1] = import_const_i64(im, NULL, to->dim, to->rank);
    import_keep_inputs(n, 2);
    return true;
}

/* ---- Attention ---- */

typedef struct Attention {
    Importer *im;
    Node *node;
    int64_t heads, kv_heads; /* of queries; of keys and values */
    double scale, softcap;   /* NaN: by the size of a head; 0: none */
    bool causal;
} Attention;

static bool read_attention(Attention *a, const Onnx__NodeProto *p)
{
    Importer *im = a->im;
    const Node *n = a->node;
    const char *const ignored[] = {"softmax_precision", "qk_matmul_output_mode"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        attr_ignore(im, p, ignored[i]); /* sums have at least that; of an output that is refused */
    if (!attr_float(im, p, "scale", &a->scale) || !attr_float(im, p, "softcap", &a->softcap) ||
        !attr_bool(im, p, "is_causal", &a->causal) || !attr_int(im, p, "q_num_heads", &a->heads) ||
        !attr_int(im, p, "kv_num_heads", &a->kv_heads))
        return false;
    for (int i = 4; i < n->n_in; i++)
        if (n->in[i])
            return node_unsupported(im->graph, n,
                                    "a cache of keys and values is not supported; run whole "
                                    "sequences");
    if (n->n_out > 1)
        return node_unsupported(im->graph, n, "only its first output is supported");
    return true;
}

/* The number of heads of operand `i`, which a 4-axis one has as an axis. */
static bool count_heads(Attention *a, int i, int64_t *heads)
{
    const Shape *s = &a->node->in[i]->shape;
    if (s->rank != a->node->in[0]->shape.rank || (s->rank != 3 && s->rank != 4))
        return node_error(a->im->graph, a->node, "input %d has shape %s; all have 3 axes, or 4", i,
                          shape_str(a->im->arena, s));
    if (s->rank == 4)
        *heads = s->dim[1];
    return (*heads >= 1 && (s->rank == 4 || s->dim[2] % *heads == 0)) ||
           node_error(a->im->graph, a->node, "input %d of shape %s cannot have %lld heads", i,
                      shape_str(a->im->arena, s), (long long)*heads);
}

/* Operand `i` as [N, heads, length, size]. */
static Value *heads_apart(const Attention *a, int i, int64_t heads)
{
    Value *x = a->node->in[i];
    const Shape *s = &x->shape;
    if (s->rank == 4)
        return x;
    const int64_t dims[] = {s->dim[0], s->dim[1], heads, s->dim[2] / heads};
    return transposed(a->im, reshaped(a->im, x, dims, 4), 0, 2, 1, 3);
}

/* x [N, heads, …] times y [N, kv_heads, …]: heads that share their y are an axis of x alone. */
static Value *product(const Attention *a, Value *x, Value *y)
{
    if (x == NULL || y == NULL || a->heads == a->kv_heads)
        return binary(a->im, OP_MatMul, x, y);
    const int64_t *s = x->shape.dim, *t = y->shape.dim;
    const int64_t five[] = {s[0], a->kv_heads, a->heads / a->kv_heads, s[2], s[3]};
    const int64_t one[] = {t[0], a->kv_heads, 1, t[2], t[3]};
    Value *z = binary(a->im, OP_MatMul, reshaped(a->im, x, five, 5), reshaped(a->im, y, one, 5));
    const int64_t four[] = {s[0], a->heads, s[2], t[3]};
    return reshaped(a->im, z, four, 4);
}

/* Scores where `mask` holds, elsewhere what Softmax makes 0 of. */
static Value *where(Importer *im, Value *mask, Value *scores)
{
    Value *in[] = {mask, scores, scores ? scalar_like(im, scores, (double)-INFINITY) : NULL};
    return mask && scores ? import_emit(im, OP_Where, NULL, in, 3) : NULL;
}

/* Whether a query, by its place, may look at a key: at those before it and its own. */
static Value *causal_mask(const Attention *a, int64_t queries, int64_t keys)
{
    Shape s = {2, {queries, keys}};
    if (!import_check_made(a->im, a->node, DT_BOOL, &s))
        return NULL;
    Tensor *t = tensor_new(a->im->arena, DT_BOOL, &s);
    for (int64_t i = 0; i < queries; i++)
        for (int64_t k = 0; k < keys; k++)
            ((bool *)t->data)[i * keys + k] = k <= i;
    return graph_constant(a->im->graph, NULL, t);
}

static Value *masked(const Attention *a, Value *scores)
{
    Importer *im = a->im;
    Value *mask = import_has_input(a->node, 3) ? a->node->in[3] : NULL;
    if (scores == NULL)
        return NULL;
    Shape s = scores->shape;
    if (a->causal)
        scores = where(im, causal_mask(a, s.dim[2], s.dim[3]), scores);
    if (mask && mask->dtype == DT_BOOL)
        scores = where(im, mask, scores);
    else if (mask)
        scores = binary(im, OP_Add, scores, mask);
    if (scores && !shape_equal(&scores->shape, &s)) {
        node_error(im->graph, a->node, "a mask of shape %s does not fit scores of shape %s",
                   shape_str(im->arena, &mask->shape), shape_str(im->arena, &s));
        return NULL;
    }
    return scores;
}

/* Softmax of the products of queries and keys. */
static Value *weights(const Attention *a)
{
    Importer *im = a->im;
    Params last = {.axis = {.axis = -1}};
    Value *q = heads_apart(a, 0, a->heads), *k = heads_apart(a, 1, a->kv_heads);
    k = transposed(im, k, 0, 1, 3, 2);
    if (q == NULL || k == NULL)
        return NULL;
    double scale = isnan(a->scale) ? 1 / sqrt((double)q->shape.dim[3]) : a->scale;
    Value *scores = product(a, q, k);
    scores = binary(im, OP_Mul, scores, scalar_like(im, q, scale));
    if (a->softcap != 0) {
        scores = binary(im, OP_Div, scores, scalar_like(im, q, a->softcap));
        scores = scores ? import_emit(im, OP_Tanh, NULL, &scores, 1) : NULL;
        scores = binary(im, OP_Mul, scores, scalar_like(im, q, a->softcap));
    }
    scores = masked(a, scores);
    return scores ? import_emit(im, OP_Softmax, &last, &scores, 1) : NULL;
}

/* in: Q, K, V, mask. */
bool import_attention(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Attention a = {.im = im, .node = n, .scale = (double)NAN};
    int64_t v_heads;
    if (!read_attention(&a, p) || !count_heads(&a, 0, &a.heads) || !count_heads(&a, 1, &a.kv_heads))
        return false;
    v_heads = a.kv_heads;
    if (!count_heads(&a, 2, &v_heads))
        return false;
    if (v_heads != a.kv_heads || a.heads % a.kv_heads)
        return node_error(im->graph, n, "%lld heads of queries, %lld of keys, %lld of values",
                          (long long)a.heads, (long long)a.kv_heads, (long long)v_heads);
    Value *w = weights(&a), *v = heads_apart(&a, 2, v_heads);
    Value *y = product(&a, w, v);
    if (y == NULL)
        return false;
    Shape out = y->shape;
    if (n->in[0]->shape.rank == 3) {
        out = (Shape){3, {out.dim[0], out.dim[2], out.dim[1] * out.dim[3]}};
        y = transposed(im, y, 0, 2, 1, 3);
    }
    return become_reshape(im, n, y, &out);
}

/* ---- RotaryEmbedding ---- */

/* Elements `from`, from + step, … before `to` of the last axis. */
static Value *part(Importer *im, Value *x, int64_t from, int64_t to, int64_t step)
{
    const int64_t axis = x->shape.rank - 1;
    Value *in[] = {x, import_const_i64(im, NULL, &from, 1), import_const_i64(im, NULL, &to, 1),
                   import_const_i64(im, NULL, &axis, 1), import_const_i64(im, NULL, &step, 1)};
    return import_emit(im, OP_Slice, NULL, in, 5);
}

static Value *joined(Importer *im, Value *a, Value *b)
{
    Params last = {.axis = {.axis = -1}};
    return a && b ? import_emit(im, OP_Concat, &last, (Value *[]){a, b}, 2) : NULL;
}

/* A table of cosines or sines: the rows of the positions, with an axis for the heads. */
static Value *angles(Importer *im, const Node *n, int i, bool heads_first, int64_t half)
{
    Params unsqueeze = {.axis = {.n_axes = 1, .axes = {heads_first ? 1 : 2}}};
    Value *table = n->in[i];
    if (import_has_input(n, 3))
        table = import_emit(im, OP_Gather, NULL, (Value *[]){table, n->in[3]}, 2);
    if (table == NULL)
        return NULL;
    if (table->shape.rank == 3 && table->shape.dim[2] == half)
        return import_emit(im, OP_Unsqueeze, &unsqueeze, &table, 1);
    node_error(im->graph, n, "angles of shape %s, [N, length, %lld] is needed",
               shape_str(im->arena, &table->shape), (long long)half);
    return NULL;
}

/* The pairs (a, b) turned by the angles: cos a - sin b, sin a + cos b. */
static Value *turned(Importer *im, Value *x, Value *cos, Value *sin, int64_t size, bool interleaved)
{
    Params last = {.axis = {.n_axes = 1, .axes = {-1}}};
    Shape whole = x->shape;
    Value *a = interleaved ? part(im, x, 0, size, 2) : part(im, x, 0, size / 2, 1);
    Value *b = interleaved ? part(im, x, 1, size, 2) : part(im, x, size / 2, size, 1);
    Value *real = binary(im, OP_Sub, binary(im, OP_Mul, cos, a), binary(im, OP_Mul, sin, b));
    Value *other = binary(im, OP_Add, binary(im, OP_Mul, sin, a), binary(im, OP_Mul, cos, b));
    if (!interleaved)
        return joined(im, real, other);
    real = real ? import_emit(im, OP_Unsqueeze, &last, &real, 1) : NULL;
    other = other ? import_emit(im, OP_Unsqueeze, &last, &other, 1) : NULL;
    whole.dim[whole.rank - 1] = size;
    return reshaped(im, joined(im, real, other), whole.dim, whole.rank);
}

/* in: X, table of cosines, of sines, positions. */
bool import_rotary_embedding(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t heads = 0, size = 0;
    bool interleaved = false, heads_first = n->in[0]->shape.rank == 4;
    Value *x = n->in[0];
    const Shape out = x->shape;
    if (!attr_bool(im, p, "interleaved", &interleaved) || !attr_int(im, p, "num_heads", &heads) ||
        !attr_int(im, p, "rotary_embedding_dim", &size) || !infer_require_float(im->graph, n, 0))
        return false;
    if (out.rank == 3 && heads >= 1 && out.dim[2] % heads == 0) {
        const int64_t dims[] = {out.dim[0], out.dim[1], heads, out.dim[2] / heads};
        x = reshaped(im, x, dims, 4);
    }
    if (x == NULL)
        return false;
    if (x->shape.rank != 4)
        return node_error(im->graph, n, "input of shape %s cannot have %lld heads",
                          shape_str(im->arena, &out), (long long)heads);
    int64_t all = x->shape.dim[3];
    size = size == 0 ? all : size;
    if (size < 2 || size > all || size % 2)
        return node_error(im->graph, n, "rotary_embedding_dim %lld of %lld is odd or out of range",
                          (long long)size, (long long)all);
    Value *cos = angles(im, n, 1, heads_first, size / 2);
    Value *sin = cos ? angles(im, n, 2, heads_first, size / 2) : NULL;
    Value *y = sin ? turned(im, x, cos, sin, size, interleaved) : NULL;
    if (y && size < all)
        y = joined(im, y, part(im, x, size, all, 1));
    return become_reshape(im, n, y, &out);
}
