/* Elementwise operators on their own: out[i] = f(in[i], …) with broadcasting, then the epilogue.
 *
 * Operands may be blocked like the output or plain; axes are collapsed where all operands agree
 * and the innermost runs in vectors. An operand may share the output's memory: an element is read
 * before it is written, and by no other. A constant of one element becomes a number in the code.
 * Also here: what only copies (Identity and views that could not share memory), or copies the bits
 * to another type (BitCast). */
#include "codegen/nest.h"
#include "ir/ops.h"

typedef struct EwNode {
    const Node *node;
    int slot[NEST_OPERANDS]; /* of node->in[i] among the nest's operands, or … */
} EwNode;

enum { ABSENT = -1, NUMBER = -2 };

static bool is_number(const Value *v)
{
    return v->constant && shape_numel(&v->shape) == 1;
}

static KExpr *number(KBuilder *b, int lanes, const Value *v)
{
    const KType type = KTYPE(kbase_compute(kbase_of_dtype(v->dtype)), lanes);
    if (kbase_is_float(type.base))
        return kb_const(b, type, tensor_get_f64(v->constant, 0));
    return kb_int(b, type, tensor_get_i64(v->constant, 0));
}

/* NestBody: the operator, then its epilogue. x[0] always exists. */
static KExpr *ew_body(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    const EwNode *e = user;
    const Node *n = e->node;
    KExpr *operand[NEST_OPERANDS] = {0};
    for (int i = 0; i < n->n_in; i++) {
        if (e->slot[i] == NUMBER)
            operand[i] = number(b, x[0]->type.lanes, n->in[i]);
        else if (e->slot[i] >= 0)
            operand[i] = x[e->slot[i]];
    }
    KExpr *y = ew_expr(lw, b, n->op, &n->params, n->out[0]->dtype, operand, node_own_inputs(n));
    for (int i = 0; i < n->n_epilogue; i++) {
        int k = n->epilogue[i].operand;
        y = epilogue_step(lw, b, n, i, y, k >= 0 ? operand[k] : NULL);
    }
    return y;
}

static bool check(Lower *lw, const Node *n)
{
    bool ok = ew_supports(n->op);
    for (int i = 0; i < n->n_epilogue; i++)
        ok = ok && ew_supports(n->epilogue[i].op);
    if (!ok)
        return node_unsupported(lw->graph, n, "it has no kernel");
    return n->n_in < NEST_OPERANDS || node_unsupported(lw->graph, n, "it has too many operands");
}

/* Whether the operator or a step has no vector form of a type that it meets. */
static bool is_scalar(const Node *n)
{
    DType out = n->out[0]->dtype;
    bool any = ew_is_scalar(n->op, out, out), casts = false;
    for (int i = 0; i < n->n_epilogue; i++) {
        any = any || ew_is_scalar(n->epilogue[i].op, out, out);
        casts = casts || n->epilogue[i].op == OP_Cast;
    }
    for (int i = 0; i < node_own_inputs(n); i++) {
        if (n->in[i] == NULL)
            continue;
        DType type = n->in[i]->dtype; /* which is the one that a Cast among the steps finds */
        any = any || ew_is_scalar(n->op, type, out) || (casts && ew_is_scalar(OP_Cast, type, out));
    }
    return any;
}

/* The operands as a nest over the output's space. True when one of them moves along the channels
 * of a blocked space without being blocked: such an operand has no padding to read. */
static bool ew_operands(Lower *lw, Nest *nest, EwNode *e)
{
    const Node *n = e->node;
    const Value *out = n->out[0];
    bool unpadded = false, any = false;
    nest_space(nest, out);
    nest_operand(lw, nest, out, "out", out);
    for (int i = 0; i < n->n_in; i++)
        any = any || (n->in[i] && !is_number(n->in[i]));
    for (int i = 0; i < n->n_in; i++) {
        const Value *v = n->in[i];
        e->slot[i] = v == NULL ? ABSENT : NUMBER;
        if (v == NULL || (is_number(v) && any))
            continue;
        any = true;
        e->slot[i] = nest->n - 1;
        nest_operand(lw, nest, out, i < 3 ? (const char *[]){"x", "y", "z"}[i] : "operand", v);
        if (out->layout.block > 1 && v->layout.block <= 1)
            unpadded = unpadded || nest->op[nest->n - 1].stride[nest->rank - 1] != 0;
    }
    return unpadded;
}

static bool copy_node(Lower *lw, const Node *n)
{
    const Value *out = n->out[0], *in = n->in[0];
    Nest nest;
    if (out->layout.block <= 1 && in->layout.block <= 1) { /* a view may change the shape */
        nest = (Nest){.rank = 1, .extent = {shape_numel(&out->shape)}};
        nest_strided(lw, &nest, "out", out, 0, (int64_t[]){1});
        nest_strided(lw, &nest, "in", in, 0, (int64_t[]){1});
    } else {
        nest_space(&nest, out);
        nest_operand(lw, &nest, out, "out", out);
        nest_operand(lw, &nest, out, "in", in);
    }
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    return nest_copy(lw, n, arena_printf(lw->arena, "copy_%s", dims),
                     arena_printf(lw->arena, "copy of %s", dims), &nest);
}

bool lower_ew(Lower *lw, const Node *n)
{
    if (n->op == OP_Identity && n->n_epilogue == 0)
        return copy_node(lw, n);
    if (!check(lw, n))
        return false;
    EwNode e = {.node = n};
    Nest nest, tail;
    bool unpadded = ew_operands(lw, &nest, &e);
    nest.scalar = is_scalar(n);
    bool has_tail = unpadded && nest_split_tail(&nest, n->out[0], &tail);
    const char *dims = dims_str(lw->arena, &n->out[0]->shape, 0), *op = op_info(n->op)->name;
    char *name = arena_printf(lw->arena, "%s_%s", op, dims);
    for (char *c = name; *c && *c != '_'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    const char *note = arena_printf(lw->arena, "%s of %s, elementwise", op, dims);
    bool no_full_block = has_tail && nest.extent[1] == 0;
    bool ok = no_full_block || nest_emit(lw, n, name, note, &nest, ew_body, &e);
    if (ok && has_tail)
        ok = nest_emit(lw, n, arena_printf(lw->arena, "%s_tail", name),
                       arena_printf(lw->arena, "%s, the last channels", note), &tail, ew_body, &e);
    return ok;
}

/* Elements go through registers: memory that was written as floats is not read as integers. Those
 * of 16 bits or less are all integers in memory. */
static KExpr *same_bits(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    const KBase *to = user;
    (void)lw;
    return kb_bitcast(b, kbase_compute(*to), x[0]);
}

bool lower_bit_cast(Lower *lw, const Node *n)
{
    const Value *v[] = {n->out[0], n->in[0]};
    Nest nest = {.rank = 1, .extent = {shape_numel(&v[0]->shape)}};
    for (int i = 0; i < 2; i++)
        nest_memory(&nest, (const char *[]){"out", "in"}[i],
                    kbase_moved(kbase_of_dtype(v[i]->dtype)), nest.extent[0], arg_value(lw, v[i]),
                    0, (int64_t[]){1});
    nest.scalar = lanes_of(lw->program->target, nest.op[0].base) == 1;
    const char *dims = dims_str(lw->arena, &v[0]->shape, 0);
    return nest_emit(lw, n, arena_printf(lw->arena, "bitcast_%s", dims),
                     arena_printf(lw->arena, "bits of %s as %s", dims, dtype_name(v[0]->dtype)),
                     &nest, same_bits, &nest.op[0].base);
}

bool lower_view(Lower *lw, const Node *n)
{
    return copy_node(lw, n);
}
