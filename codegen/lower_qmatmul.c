/* MatMulInteger, QLinearMatMul and QGemm: products of matrices of 8-bit integers.
 *
 *     for the leading axes, a tile of r rows, a tile of v vectors of columns (outermost: parallel)
 *       acc = C
 *       for k: acc[r][v] += (a[r] - zero of a) * (b[v] - zero of b)
 *       QLinearMatMul, QGemm: acc * factor, rounded, saturated; then the fused steps
 *
 * A vector has one lane where the columns of b are no neighbours in memory (b transposed).
 * Scales and zero points are single, or one a row of a or a column of b. Sums are of 32-bit
 * integers. */
#include "codegen/nest.h"
#include "codegen/quant.h"
#include "ir/ops.h"

enum { MAX_TILE = 4 }; /* of rows and of vectors */

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
    int rows, vectors, lanes, active; /* of the tile; `active` lanes of each vector exist */
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
        return kb_int(q->b, KTYPE(KT_I32, q->lanes), 0);
    const Shape *s = &q->addend->shape;
    int64_t columns = s->rank > 0 ? s->dim[s->rank - 1] : 1, rows = s->rank > 1 ? s->dim[0] : 1;
    Affine at = rows == 1 ? aff(0) : aff_mul(row, columns);
    if (columns == 1)
        return quant_load(q->b, &q->c, at, q->lanes);
    return quant_load_row(q->b, &q->c, aff_add(at, column), q->lanes, q->active);
}

/* The first column of vector v of the tile. */
static Affine vector_at(const QMatMul *q, Affine column, int v)
{
    return aff_addc(column, (int64_t)v * q->lanes);
}

static void add_products(QMatMul *q, Affine row, Affine column)
{
    KBuilder *b = q->b;
    const KLet *x[MAX_TILE], *w[MAX_TILE];
    int depth = 0;
    Affine k = nest_serial_loop(b, "k", q->fa.columns, 1, &depth);
    for (int r = 0; r < q->rows; r++) {
        Affine i = aff_addc(row, r);
        KExpr *e = kb_load(b, q->fa.buf, element_at(&q->fa, i, k), 1);
        e = quant_minus(b, e, &q->fa.zero, line_at(&q->fa, q->fa.zero.v, i));
        x[r] = kb_let(b, arena_printf(q->lw->arena, "x%d", r), kb_splat(b, e, q->lanes));
    }
    for (int v = 0; v < q->vectors; v++) {
        Affine j = vector_at(q, column, v);
        KExpr *e = kb_load_tail(b, q->fb.buf, element_at(&q->fb, k, j), q->lanes, q->active);
        e = quant_minus_row(b, e, &q->fb.zero, line_at(&q->fb, q->fb.zero.v, j), q->active);
        w[v] = kb_let(b, arena_printf(q->lw->arena, "w%d", v), e);
    }
    for (int r = 0; r < q->rows; r++)
        for (int v = 0; v < q->vectors; v++) {
            KExpr *product = kb_bin(b, KO_MUL, kb_use(b, x[r]), kb_use(b, w[v]));
            KExpr *acc = kb_get2(b, q->acc, aff(r), aff(v));
            kb_set2(b, q->acc, aff(r), aff(v), kb_bin(b, KO_ADD, acc, product));
        }
    nest_close(b, &depth, 0);
}

static KExpr *result(const QMatMul *q, KExpr *sum, Affine row, Affine column)
{
    KBuilder *b = q->b;
    const Value *const *in = (const Value *const *)q->node->in;
    if (!q->scaled)
        return sum;
    Affine at_a = line_at(&q->fa, in[1], row), at_b = line_at(&q->fb, in[4], column);
    KExpr *y = kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, q->lanes), sum),
                      quant_factor_row(b, &q->factor, at_a, at_b, q->lanes, q->active));
    if (q->to_float)
        return y;
    return quant_saturate(b, q->out->dtype, y, quant_load(b, &q->y_zero, aff(0), q->lanes));
}

/* The tile of `vectors` vectors, of which `active` lanes each exist. */
static void build_tile(QMatMul *q, Affine matrix, Affine row, Affine column, int vectors,
                       int active)
{
    KBuilder *b = q->b;
    int lanes = q->lanes;
    q->lanes = lanes_for(active, lanes);
    q->vectors = vectors;
    q->active = active;
    q->acc = kb_reg(b, "acc", KTYPE(KT_I32, q->lanes), 2, q->rows, vectors);
    for (int r = 0; r < q->rows; r++)
        for (int v = 0; v < vectors; v++)
            kb_set2(b, q->acc, aff(r), aff(v), start(q, aff_addc(row, r), vector_at(q, column, v)));
    if (q->fa.columns > 0)
        add_products(q, row, column);
    for (int r = 0; r < q->rows; r++)
        for (int v = 0; v < vectors; v++) {
            Affine i = aff_addc(row, r), j = vector_at(q, column, v);
            Affine at = aff_add(aff_mul(matrix, q->fa.rows), i);
            KExpr *y = result(q, kb_get2(b, q->acc, aff(r), aff(v)), i, j);
            for (int e = 0; e < q->node->n_epilogue; e++)
                y = epilogue_step(q->lw, b, q->node, e, y, NULL);
            at = aff_add(aff_mul(at, q->fb.columns), j);
            kb_store_tail(b, q->out_buf, at, y, active);
        }
    q->lanes = lanes;
}

/* ---- the kernel ---- */

/* All columns of a tile of rows: whole tiles, whole vectors, the rest. */
static void build_rows(QMatMul *q, Affine matrix, Affine row, int *depth)
{
    int vectors = q->vectors, outer = *depth, lanes = q->lanes;
    int64_t group = (int64_t)vectors * lanes, done = q->fb.columns / group * group;
    if (done > 0) {
        Affine column = nest_loop(q->b, "column", done, group, depth);
        build_tile(q, matrix, row, column, vectors, lanes);
        nest_close(q->b, depth, outer);
    }
    int whole = (int)((q->fb.columns - done) / lanes);
    if (whole > 0)
        build_tile(q, matrix, row, aff(done), whole, lanes);
    done += (int64_t)whole * lanes;
    if (done < q->fb.columns)
        build_tile(q, matrix, row, aff(done), 1, (int)(q->fb.columns - done));
    q->vectors = vectors;
}

static void build(QMatMul *q)
{
    int depth = 0;
    Affine matrix = aff(0);
    q->fa.matrix = q->fb.matrix = aff(0);
    for (int i = 0; i < q->lead.rank; i++) {
        Affine at = nest_loop(q->b, "batch", q->lead.dim[i], 1, &depth);
        matrix = aff_add(aff_mul(matrix, q->lead.dim[i]), at);
        q->fa.matrix = aff_add(q->fa.matrix, aff_mul(at, q->fa.matrix_step[i]));
        q->fb.matrix = aff_add(q->fb.matrix, aff_mul(at, q->fb.matrix_step[i]));
    }
    Affine row = nest_loop(q->b, "row", q->fa.rows, q->rows, &depth);
    build_rows(q, matrix, row, &depth);
    nest_close(q->b, &depth, 0);
}

/* Vectors of columns where these are neighbours; rows share what is loaded of b. */
static void choose_tile(QMatMul *q)
{
    int lanes = q->fb.column_step == 1 ? q->lw->program->target->lanes : 1;
    DType out = q->out->dtype;
    for (int i = 0; i < q->node->n_epilogue; i++)
        if (ew_is_scalar(q->node->epilogue[i].op, out, out))
            lanes = 1;
    q->lanes = lanes_for(q->fb.columns, lanes);
    q->rows = q->lanes > 1 ? MAX_TILE : 1;
    while (q->fa.rows % q->rows != 0)
        q->rows--;
    int most = (q->lw->program->target->n_registers - 1) / (q->rows + 1); /* beside the operands */
    q->vectors = q->lanes == 1 || most > MAX_TILE ? MAX_TILE : most < 1 ? 1 : most;
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
    choose_tile(&q);
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args = 0;
    const char *dims = arena_printf(lw->arena, "%lldx%lldx%lld", (long long)q.fa.rows,
                                    (long long)q.fa.columns, (long long)q.fb.columns);
    q.b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "qgemm_%s", dims));
    open_buffers(&q, args, &n_args);
    build(&q);
    return lower_emit(lw, n, q.b,
                      arena_printf(lw->arena, "%s of %s, %d rows x %d vectors of %d",
                                   op_info(n->op)->name, dims, q.rows, q.vectors, q.lanes),
                      args);
}
