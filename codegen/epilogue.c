/* Epilogues: the elementwise steps that were fused into a node, applied before its result is
 * stored.
 *
 * A step's other operand is one more buffer of the kernel, read at the position of the result
 * with broadcasting; a constant of one element becomes a number in the code and has no buffer. */
#include "codegen/lower.h"

/* The value is one known number. */
static bool is_immediate(const Value *v)
{
    return v->constant && shape_numel(&v->shape) == 1 && v->dtype == DT_F32;
}

static const char *operand_name(const Node *n, const EpilogueStep *s)
{
    bool same = shape_equal(&n->in[s->operand]->shape, &n->out[0]->shape);
    return same && s->op == OP_Add ? "residual" : "operand";
}

void epilogue_open(Lower *lw, KBuilder *b, const Node *n, Epilogue *e, Arg *args, int *n_args)
{
    *e = (Epilogue){.node = n};
    for (int i = 0; i < n->n_epilogue; i++) {
        const EpilogueStep *s = &n->epilogue[i];
        if (s->operand < 0 || is_immediate(n->in[s->operand]))
            continue;
        const Value *v = n->in[s->operand];
        e->buf[i] = buf_value(b, operand_name(n, s), v, K_READ);
        args[(*n_args)++] = arg_value(lw, v);
    }
}

bool epilogue_has_operands(const Epilogue *e)
{
    for (int i = 0; i < MAX_EPILOGUE; i++)
        if (e->buf[i])
            return true;
    return false;
}

KExpr *epilogue_step(Lower *lw, KBuilder *b, const Node *n, int i, KExpr *x, KExpr *operand)
{
    const EpilogueStep *s = &n->epilogue[i];
    DType type = n->out[0]->dtype;
    if (operand == NULL)
        return ew_expr(lw, b, s->op, &s->params, type, &x, 1);
    KExpr *pair[2] = {s->swapped ? operand : x, s->swapped ? x : operand};
    return ew_expr(lw, b, s->op, &s->params, type, pair, 2);
}

KExpr *epilogue_apply(Lower *lw, KBuilder *b, const Epilogue *e, KExpr *x, const Coord *at)
{
    const Node *n = e->node;
    for (int i = 0; i < n->n_epilogue; i++) {
        const EpilogueStep *s = &n->epilogue[i];
        KExpr *operand = NULL;
        if (s->operand >= 0) {
            const Value *v = n->in[s->operand];
            operand = e->buf[i] ? coord_load(b, e->buf[i], v, at)
                                : kb_const(b, x->type, tensor_get_f64(v->constant, 0));
        }
        x = epilogue_step(lw, b, n, i, x, operand);
    }
    return x;
}

void epilogue_store(Lower *lw, KBuilder *b, const Epilogue *e, const KBuf *out, KExpr *x,
                    const Coord *at)
{
    const Value *v = e->node->out[0];
    bool splat;
    Affine index = coord_index(v, at, &splat);
    KExpr *y = epilogue_apply(lw, b, e, x, at);
    kb_store_tail(b, out, index, y, v->layout.block > 1 ? at->lanes : at->active);
}
