/* MatMulInteger, QLinearMatMul and QGemm: products of matrices of 8-bit integers.
 *
 *     for the leading axes, the rows, a tile of columns                     (outermost: parallel)
 *       acc = C
 *       for k: acc[t] += (a - zero of a) * (b[t] - zero of b)
 *       QLinearMatMul, QGemm: acc * factor, rounded, saturated; then the fused steps
 *
 * Scales and zero points are single, or one a row of a or a column of b. Sums are of 32-bit
 * integers. */
#include "codegen/nest.h"
#include "codegen/quant.h"
#include "ir/ops.h"

enum { MAX_TILE = 4 };

/* One factor: matrices of rows x columns, with steps in elements, and where the matrix for an index
 * of the result's leading axes is. */
typedef struct Factor {
    const Value *v;
    KBuf *buf;
    int64_t rows, columns, row_step, column_step;
    int64_t matrix_step[MAX_RANK]; /* in matrices, by leading axis of the result */
    Affine matrix;
    QuantOperand zero;
    bool line_of_column; /* its scale is one a column */
} Factor;

typedef struct QMatMul {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const Value *out, *addend; /* addend: C of QGemm */
    bool scaled, to_float;
    Shape lead; /* leading axes of the result */
    Factor fa, fb;
    int tile;
    KBuf *out_buf;
    QuantOperand y_zero, c;
    QuantFactor factor;
    const KReg *acc;
} QMatMul;

/* ---- shapes ---- */

static Factor make_factor(const Value *v, bool second, bool trans, const Shape *lead)
{
    const Shape *s = &v->shape;
    Factor f = {.v = v, .rows = 1, .columns = 1, .line_of_column = second};
    if (s->rank > 1) {
        f.rows = s->dim[s->rank - 2 + trans];
        f.columns = s->dim[s->rank - 1 - trans];
    } else if (second) {
        f.rows = s->dim[0];
    } else {
        f.columns = s->dim[0];
    }
    f.row_step = trans ? 1 : f.columns;
    f.column_step = trans ? f.rows : 1;
    int64_t step = 1;
    for (int own = s->rank - 3, axis = lead->rank - 1; own >= 0; own--, axis--) {
        f.matrix_step[axis] = s->dim[own] == 1 ? 0 : step;
        step *= s->dim[own];
    }
    return f;
}

/* Where a scale or zero point of the factor has its line (row or column). */
static Affine line_at(const Factor *f, const Value *v, Affine line)
{
    int64_t lines = f->line_of_column ? f->columns : f->rows;
    return v && v->shape.rank > 1 ? aff_add(aff_mul(f->matrix, lines), line) : line;
}

static Affine element_at(const Factor *f, Affine row, Affine column)
{
    Affine at = aff_mul(f->matrix, f->rows * f->columns);
    at = aff_add(at, aff_mul(row, f->row_step));
    return aff_add(at, aff_mul(column, f->column_step));
}

/* ---- one tile ---- */

static KExpr *start(const QMatMul *q, Affine row, Affine column)
{
    if (q->addend == NULL)
        return kb_int(q->b, KTYPE(KT_I32, 1), 0);
    const Shape *s = &q->addend->shape;
    int64_t columns = s->rank > 0 ? s->dim[s->rank - 1] : 1, rows = s->rank > 1 ? s->dim[0] : 1;
    Affine at = rows == 1 ? aff(0) : aff_mul(row, columns);
    return quant_load(q->b, &q->c, columns == 1 ? at : aff_add(at, column), 1);
}

static void add_products(QMatMul *q, Affine row, Affine column)
{
    KBuilder *b = q->b;
    bool loop = q->fa.columns > 1;
    Affine k = loop ? aff_var(kb_for(b, "k", 0, q->fa.columns, 1, KL_SERIAL)) : aff(0);
    KExpr *x = kb_load(b, q->fa.buf, element_at(&q->fa, row, k), 1);
    const KLet *v =
        kb_let(b, "v", quant_minus(b, x, &q->fa.zero, line_at(&q->fa, q->fa.zero.v, row)));
    for (int t = 0; t < q->tile; t++) {
        Affine j = aff_addc(column, t);
        KExpr *w = kb_load(b, q->fb.buf, element_at(&q->fb, k, j), 1);
        w = quant_minus(b, w, &q->fb.zero, line_at(&q->fb, q->fb.zero.v, j));
        KExpr *product = kb_bin(b, KO_MUL, kb_use(b, v), w);
        kb_set1(b, q->acc, aff(t), kb_bin(b, KO_ADD, kb_get1(b, q->acc, aff(t)), product));
    }
    if (loop)
        kb_end(b);
}

static KExpr *result(const QMatMul *q, KExpr *sum, Affine row, Affine column)
{
    KBuilder *b = q->b;
    const Value *const *in = (const Value *const *)q->node->in;
    if (!q->scaled)
        return sum;
    Affine at_a = line_at(&q->fa, in[1], row), at_b = line_at(&q->fb, in[4], column);
    KExpr *y = kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, 1), sum),
                      quant_factor(b, &q->factor, at_a, at_b, 1));
    return q->to_float ? y
                       : quant_saturate(b, q->out->dtype, y, quant_load(b, &q->y_zero, aff(0), 1));
}

static void build_tile(QMatMul *q, Affine matrix, Affine row, Affine column)
{
    KBuilder *b = q->b;
    q->acc = kb_reg(b, "acc", KTYPE(KT_I32, 1), 1, q->tile, 1);
    for (int t = 0; t < q->tile; t++)
        kb_set1(b, q->acc, aff(t), start(q, row, aff_addc(column, t)));
    if (q->fa.columns > 0)
        add_products(q, row, column);
    for (int t = 0; t < q->tile; t++) {
        Affine j = aff_addc(column, t);
        Affine at = aff_add(aff_mul(matrix, q->fa.rows), row);
        KExpr *y = result(q, kb_get1(b, q->acc, aff(t)), row, j);
        for (int i = 0; i < q->node->n_epilogue; i++)
            y = epilogue_step(q->lw, b, q->node, i, y, NULL);
        kb_store(b, q->out_buf, aff_add(aff_mul(at, q->fb.columns), j), y);
    }
}

/* ---- the kernel ---- */

static void build(QMatMul *q)
{
    KBuilder *b = q->b;
    int depth = 0;
    Affine matrix = aff(0);
    q->fa.matrix = q->fb.matrix = aff(0);
    for (int i = 0; i < q->lead.rank; i++) {
        Affine at = nest_loop(b, "batch", q->lead.dim[i], 1, &depth);
        matrix = aff_add(aff_mul(matrix, q->lead.dim[i]), at);
        q->fa.matrix = aff_add(q->fa.matrix, aff_mul(at, q->fa.matrix_step[i]));
        q->fb.matrix = aff_add(q->fb.matrix, aff_mul(at, q->fb.matrix_step[i]));
    }
    Affine row = nest_loop(b, "row", q->fa.rows, 1, &depth);
    Affine column = nest_loop(b, "column", q->fb.columns, q->tile, &depth);
    build_tile(q, matrix, row, column);
    nest_close(b, &depth, 0);
}

static void open_buffers(QMatMul *q, Arg *args, int *n_args)
{
    Lower *lw = q->lw;
    const Node *n = q->node;
    const Value *const *in = (const Value *const *)n->in;
    int own = node_own_inputs(n), a_zero = 2, b_zero = q->scaled ? 5 : 3;
    int y = n->op == OP_QGemm ? 7 : 6;
    q->out_buf = buf_value(q->b, "out", q->out, K_WRITE);
    q->fa.buf = buf_value(q->b, "a", q->fa.v, K_READ);
    q->fb.buf = buf_value(q->b, "b", q->fb.v, K_READ);
    args[(*n_args)++] = arg_value(lw, q->out);
    args[(*n_args)++] = arg_value(lw, q->fa.v);
    args[(*n_args)++] = arg_value(lw, q->fb.v);
    q->fa.zero = quant_operand(lw, q->b, "zero_a", a_zero < own ? in[a_zero] : NULL, args, n_args);
    q->fb.zero = quant_operand(lw, q->b, "zero_b", b_zero < own ? in[b_zero] : NULL, args, n_args);
    if (!q->scaled)
        return;
    q->addend = n->op == OP_QGemm && own > 6 ? in[6] : NULL;
    q->c = quant_operand(lw, q->b, "c", q->addend, args, n_args);
    const Value *scale[3] = {in[1], in[4], y < own ? in[y] : NULL};
    q->to_float = scale[2] == NULL;
    q->y_zero = quant_operand(lw, q->b, "zero_y", y + 1 < own ? in[y + 1] : NULL, args, n_args);
    double alpha = n->op == OP_QGemm ? n->params.gemm.alpha : 1;
    q->factor = quant_factor_open(lw, q->b, scale, alpha, args, n_args);
}

bool lower_qmatmul(Lower *lw, const Node *n)
{
    bool gemm = n->op == OP_QGemm;
    QMatMul q = {.lw = lw, .node = n, .scaled = n->op != OP_MatMulInteger, .out = n->out[0]};
    const Value *a = n->in[0], *b = n->in[q.scaled ? 3 : 1];
    q.lead = q.out->shape;
    q.lead.rank -= (a->shape.rank > 1) + (b->shape.rank > 1);
    q.fa = make_factor(a, false, gemm && n->params.gemm.trans_a, &q.lead);
    q.fb = make_factor(b, true, gemm && n->params.gemm.trans_b, &q.lead);
    q.tile = MAX_TILE;
    while (q.fb.columns % q.tile != 0)
        q.tile--;
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args = 0;
    const char *dims = arena_printf(lw->arena, "%lldx%lldx%lld", (long long)q.fa.rows,
                                    (long long)q.fa.columns, (long long)q.fb.columns);
    q.b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "qgemm_%s", dims));
    open_buffers(&q, args, &n_args);
    build(&q);
    return lower_emit(lw, n, q.b,
                      arena_printf(lw->arena, "%s of %s, %d columns at a time",
                                   op_info(n->op)->name, dims, q.tile),
                      args);
}
