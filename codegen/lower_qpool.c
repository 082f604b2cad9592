/* QLinearAveragePool: the mean of the differences from the zero point under each window, times the
 * quotient of the scales.
 *
 * The sum is of 32-bit integers. Where the number of elements under a window is not the same
 * everywhere it is counted beside the sum. A position outside of the image counts only when the
 * attributes say so, and adds nothing. Plain layouts. */
#include "codegen/nest.h"
#include "codegen/quant.h"
#include "codegen/window.h"
#include "ir/ops.h"

typedef struct QPool {
    KBuilder *b;
    const PoolParams *p;
    Axis axis[MAX_SPATIAL];
    int n;
    bool same_number; /* of elements that count, under every window: `number` */
    int64_t number;
    KBuf *x, *out;
    QuantOperand x_zero, y_zero;
    QuantFactor factor;
    Affine plane, o[MAX_SPATIAL];
    const KReg *sum, *count;
} QPool;

static void set_axes(QPool *q, const Value *x, const Value *out)
{
    q->n = q->p->w.n;
    q->same_number = true;
    q->number = 1;
    for (int i = 0; i < q->n && i < MAX_SPATIAL; i++) { /* the second follows from the first */
        Axis *a = &q->axis[i];
        *a = window_axis(&q->p->w, i, x->shape.dim[i + 2], out->shape.dim[i + 2], 1);
        const Segment *s = a->seg;
        int64_t number = q->p->count_include_pad ? s->counted : s->k_hi - s->k_lo;
        q->same_number = q->same_number && !a->guarded;
        q->number *= number > 0 ? number : 1;
    }
}

/* The padded image, where that is what counts. */
static void count_padded(QPool *q, const Affine *at)
{
    KBuilder *b = q->b;
    for (int i = 0; i < q->n; i++)
        kb_if(b, aff_sub(aff(q->axis[i].in + q->axis[i].pad_end - 1), at[i]));
    kb_set(b, q->count, kb_bin(b, KO_ADD, kb_get(b, q->count), kb_int(b, KTYPE(KT_I32, 1), 1)));
    for (int i = 0; i < q->n; i++)
        kb_end(b);
}

static void add_element(QPool *q, const Affine *at)
{
    KBuilder *b = q->b;
    Affine x_at = q->plane;
    if (!q->same_number && q->p->count_include_pad)
        count_padded(q, at);
    for (int i = 0; i < q->n; i++) {
        kb_if(b, at[i]);
        kb_if(b, aff_sub(aff(q->axis[i].in - 1), at[i]));
        x_at = aff_add(aff_mul(x_at, q->axis[i].in), at[i]);
    }
    KExpr *x = quant_minus(b, kb_load(b, q->x, x_at, 1), &q->x_zero, aff(0));
    kb_set(b, q->sum, kb_bin(b, KO_ADD, kb_get(b, q->sum), x));
    if (!q->same_number && !q->p->count_include_pad)
        kb_set(b, q->count, kb_bin(b, KO_ADD, kb_get(b, q->count), kb_int(b, KTYPE(KT_I32, 1), 1)));
    for (int i = 0; i < 2 * q->n; i++)
        kb_end(b);
}

static void add_window(QPool *q)
{
    static const char *const names[MAX_SPATIAL][MAX_SPATIAL] = {
        {"kx", "", ""}, {"ky", "kx", ""}, {"kz", "ky", "kx"}};
    KBuilder *b = q->b;
    Affine at[MAX_SPATIAL];
    for (int i = 0; i < q->n; i++) {
        KVar *k = kb_for(b, names[q->n - 1][i], 0, q->axis[i].kernel, 1, KL_SERIAL);
        at[i] = window_at(&q->axis[i], q->o[i], aff_var(k));
    }
    add_element(q, at);
    for (int i = 0; i < q->n; i++)
        kb_end(b);
}

/* The number of elements as f32; at least 1. */
static KExpr *number(const QPool *q)
{
    KBuilder *b = q->b;
    if (q->same_number)
        return kb_f32(b, (double)q->number, 1);
    KExpr *count = kb_bin(b, KO_MAX, kb_get(b, q->count), kb_int(b, KTYPE(KT_I32, 1), 1));
    return kb_cvt(b, KTYPE(KT_F32, 1), count);
}

static void build(QPool *q, const Value *x, const Value *out)
{
    static const char *const names[MAX_SPATIAL] = {"oz", "oy", "ox"};
    KBuilder *b = q->b;
    const KType i32 = KTYPE(KT_I32, 1);
    int depth = 0;
    q->plane = nest_loop(b, "plane", x->shape.dim[0] * x->shape.dim[1], 1, &depth);
    Affine to = q->plane;
    for (int i = 0; i < q->n; i++) {
        q->o[i] = nest_loop(b, names[MAX_SPATIAL - q->n + i], q->axis[i].out, 1, &depth);
        to = aff_add(aff_mul(to, q->axis[i].out), q->o[i]);
    }
    q->sum = kb_reg(b, "sum", i32, 0, 0, 0);
    kb_set(b, q->sum, kb_int(b, i32, 0));
    if (!q->same_number) {
        q->count = kb_reg(b, "count", i32, 0, 0, 0);
        kb_set(b, q->count, kb_int(b, i32, 0));
    }
    add_window(q);
    KExpr *mean = kb_bin(b, KO_DIV, kb_cvt(b, KTYPE(KT_F32, 1), kb_get(b, q->sum)), number(q));
    KExpr *y = kb_bin(b, KO_MUL, mean, quant_factor(b, &q->factor, aff(0), aff(0), 1));
    y = quant_saturate(b, out->dtype, y, quant_load(b, &q->y_zero, aff(0), 1));
    kb_store(b, q->out, to, y);
    nest_close(b, &depth, 0);
}

bool lower_qpool(Lower *lw, const Node *n)
{
    const Value *x = n->in[0], *out = n->out[0];
    QPool q = {.p = &n->params.pool};
    Arg args[MAX_KERNEL_BUFFERS] = {arg_value(lw, out), arg_value(lw, x)};
    int n_args = 2;
    const char *dims = dims_str(lw->arena, &x->shape, 1);
    set_axes(&q, x, out);
    q.b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "qavgpool_%s", dims));
    q.out = buf_value(q.b, "out", out, K_WRITE);
    q.x = buf_value(q.b, "x", x, K_READ);
    q.x_zero = quant_operand(lw, q.b, "zero_x", n->in[2], args, &n_args);
    q.y_zero = quant_operand(lw, q.b, "zero_y", n->n_in > 4 ? n->in[4] : NULL, args, &n_args);
    q.factor = quant_factor_open(lw, q.b, (const Value *const[3]){n->in[1], NULL, n->in[3]}, 1,
                                 args, &n_args);
    build(&q, x, out);
    return lower_emit(lw, n, q.b, arena_printf(lw->arena, "QLinearAveragePool over %s", dims),
                      args);
}
