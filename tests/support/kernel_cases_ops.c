/* One small kernel an operation: each runs over 512 values (or triples of values) of the inputs. */
#include "tests/support/kernel_cases_internal.h"

enum { N = 512 };

/* Operand `which` (0, 1 or 2) of the operation at i, as `lanes` lanes. Float and integer vectors
 * come from memory; other types are scalars. */
static KExpr *operand(Cases *c, KBase base, KVar *i, int which, int lanes)
{
    return kb_load(c->b, cases_input(c, base), aff_addc(aff_var(i), (int64_t)which * (N + 3)),
                   lanes);
}

static KVar *over_values(Cases *c, int lanes)
{
    return kb_for(c->b, "i", 0, N, lanes, KL_SERIAL);
}

/* Closes the loop with a store of the result to memory of type `to`. */
static void result_as(Cases *c, KVar *i, KExpr *e, KBase to)
{
    kb_store(c->b, cases_output(c, to, N), aff_var(i), e);
    kb_end(c->b);
    cases_close(c);
}

static void result(Cases *c, KVar *i, KExpr *e)
{
    result_as(c, i, e, e->type.base);
}

/* x kept between lo and hi; NaN becomes lo. */
static KExpr *between(Cases *c, KExpr *x, double lo, double hi)
{
    x = kb_bin(c->b, KO_MAX, x, kb_const(c->b, x->type, lo));
    return kb_bin(c->b, KO_MIN, x, kb_const(c->b, x->type, hi));
}

static void unary(Cases *c, const char *name, KBase base, int lanes, KOp op)
{
    cases_open(c, name);
    KVar *i = over_values(c, lanes);
    result(c, i, kb_un(c->b, op, operand(c, base, i, 0, lanes)));
}

static void binary(Cases *c, const char *name, KBase base, int lanes, KOp op)
{
    cases_open(c, name);
    KVar *i = over_values(c, lanes);
    result(c, i, kb_bin(c->b, op, operand(c, base, i, 0, lanes), operand(c, base, i, 1, lanes)));
}

/* By a constant: shifts, remainders and divisions of integers. */
static void by_constant(Cases *c, const char *name, KBase base, int lanes, KOp op, int64_t k)
{
    cases_open(c, name);
    KVar *i = over_values(c, lanes);
    result(c, i,
           kb_bin(c->b, op, operand(c, base, i, 0, lanes), kb_int(c->b, KTYPE(base, lanes), k)));
}

static void compare(Cases *c, const char *name, KBase base, int lanes, KOp op)
{
    cases_open(c, name);
    KVar *i = over_values(c, lanes);
    KExpr *m = kb_cmp(c->b, op, operand(c, base, i, 0, lanes), operand(c, base, i, 1, lanes));
    result(
        c, i,
        kb_select(c->b, m, kb_int(c->b, KTYPE(KT_I32, lanes), 7), operand(c, KT_I32, i, 2, lanes)));
}

static void convert(Cases *c, KBase from, KBase to, int lanes)
{
    cases_open(c, arena_printf(c->arena, "%s_to_%s", kbase_name(from), kbase_name(to)));
    KVar *i = over_values(c, lanes);
    result(c, i, kb_cvt(c->b, KTYPE(to, lanes), operand(c, from, i, 0, lanes)));
}

/* ---- tables of the simple ones ---- */

static void float_operations(Cases *c, KBase base, int lanes)
{
    static const struct {
        const char *name;
        KOp op;
    } un[] = {{"neg", KO_NEG},     {"abs", KO_ABS},   {"sqrt", KO_SQRT},
              {"floor", KO_FLOOR}, {"ceil", KO_CEIL}, {"round", KO_ROUND}},
      bin[] = {{"add", KO_ADD}, {"sub", KO_SUB}, {"mul", KO_MUL},
               {"div", KO_DIV}, {"min", KO_MIN}, {"max", KO_MAX}},
      cmp[] = {{"eq", KO_EQ}, {"ne", KO_NE}, {"lt", KO_LT},
               {"le", KO_LE}, {"gt", KO_GT}, {"ge", KO_GE}};
    const char *b = kbase_name(base);
    for (size_t k = 0; k < 6; k++) {
        unary(c, arena_printf(c->arena, "%s_%s", un[k].name, b), base, lanes, un[k].op);
        binary(c, arena_printf(c->arena, "%s_%s", bin[k].name, b), base, lanes, bin[k].op);
        compare(c, arena_printf(c->arena, "%s_%s", cmp[k].name, b), base, lanes, cmp[k].op);
    }
}

static void integer_operations(Cases *c, KBase base, int lanes)
{
    const char *b = kbase_name(base);
    Arena *a = c->arena;
    unary(c, arena_printf(a, "not_%s", b), base, lanes, KO_NOT);
    binary(c, arena_printf(a, "min_%s", b), base, lanes, KO_MIN);
    binary(c, arena_printf(a, "max_%s", b), base, lanes, KO_MAX);
    binary(c, arena_printf(a, "and_%s", b), base, lanes, KO_AND);
    binary(c, arena_printf(a, "or_%s", b), base, lanes, KO_OR);
    binary(c, arena_printf(a, "xor_%s", b), base, lanes, KO_XOR);
    binary(c, arena_printf(a, "add_%s", b), base, lanes, KO_ADD);
    binary(c, arena_printf(a, "sub_%s", b), base, lanes, KO_SUB);
    binary(c, arena_printf(a, "mul_%s", b), base, lanes, KO_MUL);
    unary(c, arena_printf(a, "neg_%s", b), base, lanes, KO_NEG);
    unary(c, arena_printf(a, "abs_%s", b), base, lanes, KO_ABS);
    by_constant(c, arena_printf(a, "shr_%s", b), base, lanes, KO_SHR, 3);
    by_constant(c, arena_printf(a, "shl_%s", b), base, lanes, KO_SHL, 5);
    compare(c, arena_printf(a, "lt_%s", b), base, lanes, KO_LT);
    compare(c, arena_printf(a, "ge_%s", b), base, lanes, KO_GE);
    compare(c, arena_printf(a, "eq_%s", b), base, lanes, KO_EQ);
    compare(c, arena_printf(a, "ne_%s", b), base, lanes, KO_NE);
    if (lanes == 1) {
        static const int64_t by[] = {7, 0, -1, 1};
        static const KOp op[] = {KO_DIV, KO_REM, KO_SHL, KO_SHR};
        for (int k = 0; k < 4; k++) {
            const char *name = (const char *[]){"div", "rem", "shl", "shr"}[k];
            for (int m = 0; m < 4; m++)
                by_constant(c, arena_printf(a, "%s_by%d_%s", name, m, b), base, 1, op[k], by[m]);
            binary(c, arena_printf(a, "%s_any_%s", name, b), base, 1, op[k]);
        }
    }
}

/* Between all types of scalars, and of vectors. */
static void conversions(Cases *c, int lanes)
{
    static const KBase type[] = {KT_F32, KT_F64, KT_I32, KT_I64, KT_U64};
    convert(c, KT_F32, KT_I32, lanes);
    convert(c, KT_I32, KT_F32, lanes);
    cases_open(c, "fit");
    KVar *i = over_values(c, lanes);
    KExpr *x = between(c, operand(c, KT_F32, i, 0, lanes), -2147483648.0, 2147483520.0);
    result(c, i, kb_cvt_fit(c->b, KTYPE(KT_I32, lanes), x));
    for (int k = 0; k < 5 && lanes == 1; k++) {
        for (int m = 0; m < 5; m++)
            convert(c, type[k], type[m], 1);
        cases_open(c, arena_printf(c->arena, "truth_%s", kbase_name(type[k])));
        i = over_values(c, 1);
        x = kb_cvt(c->b, KTYPE(KT_MASK, 1), operand(c, type[k], i, 0, 1));
        result(c, i, kb_cvt(c->b, KTYPE(type[k], 1), x));
    }
}

/* ---- the others ---- */

static void fma_case(Cases *c, int lanes)
{
    cases_open(c, "fma");
    KVar *i = over_values(c, lanes);
    result(c, i,
           kb_fma(c->b, operand(c, KT_F32, i, 0, lanes), operand(c, KT_F32, i, 1, lanes),
                  operand(c, KT_F32, i, 2, lanes)));
    cases_open(c, "mul_then_add"); /* two roundings, whatever the machine has */
    i = over_values(c, lanes);
    KExpr *product =
        kb_bin(c->b, KO_MUL, operand(c, KT_F32, i, 0, lanes), operand(c, KT_F32, i, 1, lanes));
    result(c, i, kb_bin(c->b, KO_ADD, product, operand(c, KT_F32, i, 2, lanes)));
}

static void mask_case(Cases *c, int lanes)
{
    static const KOp op[] = {KO_AND, KO_OR, KO_XOR};
    for (int k = 0; k < 3; k++) {
        cases_open(c, arena_printf(c->arena, "mask%d", k));
        KVar *i = over_values(c, lanes);
        KLet *x = kb_let(c->b, "x", operand(c, KT_F32, i, 0, lanes));
        KLet *y = kb_let(c->b, "y", operand(c, KT_F32, i, 1, lanes));
        KExpr *below = kb_cmp(c->b, KO_LT, kb_use(c->b, x), kb_use(c->b, y));
        KExpr *nan = kb_cmp(c->b, KO_NE, kb_use(c->b, x), kb_use(c->b, x));
        KLet *m = kb_let(c->b, "m", kb_bin(c->b, op[k], below, kb_un(c->b, KO_NOT, nan)));
        result(c, i, kb_select(c->b, kb_use(c->b, m), kb_use(c->b, x), kb_use(c->b, y)));
    }
}

static void bitcast_case(Cases *c, int lanes)
{
    cases_open(c, "f32_as_i32");
    KVar *i = over_values(c, lanes);
    KExpr *bits = kb_bitcast(c->b, KT_I32, between(c, operand(c, KT_F32, i, 0, lanes), -9, 1e30));
    result(c, i, kb_bin(c->b, KO_SHR, bits, kb_int(c->b, KTYPE(KT_I32, lanes), 23)));
    cases_open(c, "i32_as_f32");
    i = over_values(c, lanes);
    result(c, i, kb_bitcast(c->b, KT_F32, operand(c, KT_I32, i, 0, lanes)));
}

static void shuffle_case(Cases *c, const char *name, KBase base, int lanes, int n, int seed)
{
    int pick[32];
    uint64_t state = (uint64_t)seed;
    for (int l = 0; l < n; l++)
        pick[l] = (int)(cases_random(&state) % (uint64_t)(seed % 2 ? lanes : 2 * lanes));
    cases_open(c, name);
    KVar *i = over_values(c, lanes > n ? lanes : n);
    KExpr *y = seed % 2 ? NULL : operand(c, base, i, 1, lanes);
    result(c, i, kb_shuf(c->b, operand(c, base, i, 0, lanes), y, pick, n));
}

static void lane_cases(Cases *c, int lanes)
{
    shuffle_case(c, "shuffle1", KT_F32, lanes, lanes, 1);
    shuffle_case(c, "shuffle2", KT_F32, lanes, lanes, 2);
    shuffle_case(c, "shuffle_int", KT_I32, lanes, lanes, 4);
    if (lanes > 1) {
        shuffle_case(c, "narrow", KT_F32, lanes, lanes / 2, 6);
        shuffle_case(c, "extract", KT_F32, lanes, 1, 3);
        shuffle_case(c, "widen", KT_F32, lanes / 2, lanes, 8);
    }
    static const KOp op[] = {KO_ADD, KO_MIN, KO_MAX};
    for (int k = 0; k < 3 && lanes > 1; k++) {
        cases_open(c, arena_printf(c->arena, "reduce%d", k));
        KVar *i = over_values(c, lanes);
        result(c, i, kb_reduce(c->b, op[k], operand(c, KT_F32, i, 0, lanes)));
    }
    cases_open(c, "splat");
    KVar *i = over_values(c, lanes);
    KExpr *x = kb_splat(c->b, operand(c, KT_F32, i, 1, 1), lanes);
    result(c, i, kb_bin(c->b, KO_MUL, operand(c, KT_F32, i, 0, lanes), x));
    cases_open(c, "splat_index");
    i = over_values(c, lanes);
    Affine at = aff_addc(aff_mul(aff_var(i), -3), 5);
    result(c, i, kb_splat(c->b, kb_index(c->b, KTYPE(KT_I32, 1), at), lanes));
}

/* Tails of every length, at the very end of the buffers. */
static void tail_cases(Cases *c, KBase base, int lanes)
{
    for (int active = 1; active <= lanes; active++) {
        cases_open(c, arena_printf(c->arena, "tail%d_%s", active, kbase_name(base)));
        KExpr *x = kb_load_tail(c->b, cases_input(c, base), aff(CASE_INPUT_LENGTH - active), lanes,
                                active);
        KLet *v = kb_let(c->b, "v", x);
        const KBuf *partial = cases_output(c, base, active);
        kb_store_tail(c->b, partial, aff(0), kb_use(c->b, v), active);
        cases_close(c);
        cases_open(c, arena_printf(c->arena, "tail%d_whole_%s", active, kbase_name(base)));
        x = kb_load_tail(c->b, cases_input(c, base), aff(CASE_INPUT_LENGTH - active), lanes,
                         active);
        kb_store(c->b, cases_output(c, base, lanes), aff(0), x);
        cases_close(c);
    }
}

/* Memory of every type: a copy, a product that is widened and narrowed, tails. */
static void memory_cases(Cases *c)
{
    int lanes = c->lanes;
    for (int t = 0; t < CASE_BASES; t++) {
        const KBase base = (KBase)t, compute = kbase_compute(base);
        if (lanes > 1 && compute != KT_F32 && compute != KT_I32)
            continue;
        const char *name = kbase_name(base);
        cases_open(c, arena_printf(c->arena, "copy_%s", name));
        KVar *i = over_values(c, lanes);
        result_as(c, i, operand(c, base, i, 0, lanes), base);
        cases_open(c, arena_printf(c->arena, "product_%s", name));
        i = over_values(c, lanes);
        KExpr *x =
            kb_bin(c->b, KO_MUL, operand(c, base, i, 0, lanes), operand(c, base, i, 1, lanes));
        result_as(c, i, kb_bin(c->b, KO_SUB, x, operand(c, base, i, 2, lanes)), base);
        cases_open(c, arena_printf(c->arena, "from_f32_%s", name));
        i = over_values(c, lanes);
        x = kb_cvt(c->b, KTYPE(compute, lanes), operand(c, KT_F32, i, 0, lanes));
        result_as(c, i, x, base);
        if (lanes > 1) {
            tail_cases(c, base, lanes);
            continue;
        }
        cases_open(c, arena_printf(c->arena, "half_of_%s", name));
        i = over_values(c, lanes);
        x = kb_cvt(c->b, KTYPE(KT_F64, 1), operand(c, base, i, 0, lanes));
        result(c, i, kb_bin(c->b, KO_MUL, x, kb_const(c->b, KTYPE(KT_F64, 1), 0.5)));
    }
}

static void dynamic_case(Cases *c, int lanes)
{
    cases_open(c, "dynamic");
    KVar *i = kb_for(c->b, "i", 0, 50, 1, KL_SERIAL);
    KExpr *at = kb_clamp(c->b, operand(c, KT_I32, i, 0, 1), -9, 9);
    KExpr *x =
        kb_load_dyn(c->b, cases_input(c, KT_F32), aff_addc(aff_var(i), 100), at, 2, lanes, lanes);
    KExpr *to = kb_clamp(c->b, operand(c, KT_I64, i, 0, 1), 0, 5);
    kb_store_dyn(c->b, cases_output(c, KT_F32, 5 * lanes + 50 + lanes), aff_var(i), to, lanes, x,
                 lanes);
    kb_end(c->b);
    cases_close(c);
}

/* A small matrix product: register array, UNROLL loops, a serial reduction, a parallel loop. */
static void matrix_case(Cases *c, int lanes)
{
    enum { ROWS = 3, COLUMNS = 2, DEPTH = 11, BLOCKS = 4 };
    cases_open(c, "matrix");
    KBuilder *b = c->b;
    const KBuf *in = cases_input(c, KT_F32);
    const KBuf *out = cases_output(c, KT_F32, (int64_t)BLOCKS * ROWS * COLUMNS * lanes);
    KVar *block = kb_for(b, "block", 0, BLOCKS, 1, KL_PARALLEL);
    KReg *acc = kb_reg(b, "acc", KTYPE(KT_F32, lanes), 2, ROWS, COLUMNS);
    KVar *r = kb_for(b, "r", 0, ROWS, 1, KL_UNROLL);
    KVar *s = kb_for(b, "s", 0, COLUMNS, 1, KL_UNROLL);
    kb_set2(b, acc, aff_var(r), aff_var(s), kb_f32(b, 0.25, lanes));
    kb_end(b);
    kb_end(b);
    KVar *k = kb_for(b, "k", 0, DEPTH, 1, KL_SERIAL);
    r = kb_for(b, "r", 0, ROWS, 1, KL_UNROLL);
    Affine row = aff_add(aff_mul(aff_var(block), (int64_t)ROWS * DEPTH),
                         aff_add(aff_mul(aff_var(r), DEPTH), aff_var(k)));
    KLet *x = kb_let(b, "x", kb_splat(b, kb_load(b, in, row, 1), lanes));
    s = kb_for(b, "s", 0, COLUMNS, 1, KL_UNROLL);
    Affine column = aff_mul(aff_add(aff_mul(aff_var(k), COLUMNS), aff_var(s)), lanes);
    KExpr *w = kb_load(b, in, aff_addc(column, 1000), lanes);
    kb_set2(b, acc, aff_var(r), aff_var(s),
            kb_fma(b, kb_use(b, x), w, kb_get2(b, acc, aff_var(r), aff_var(s))));
    for (int i = 0; i < 3; i++)
        kb_end(b);
    r = kb_for(b, "r", 0, ROWS, 1, KL_UNROLL);
    s = kb_for(b, "s", 0, COLUMNS, 1, KL_UNROLL);
    Affine tile = aff_add(aff_mul(aff_var(block), ROWS), aff_var(r));
    Affine at = aff_mul(aff_add(aff_mul(tile, COLUMNS), aff_var(s)), lanes);
    kb_store(b, out, at, kb_get2(b, acc, aff_var(r), aff_var(s)));
    for (int i = 0; i < 3; i++)
        kb_end(b);
    cases_close(c);
}

/* Triangular work: an IF inside two loops with steps and a lower bound that is not zero. */
static void condition_case(Cases *c, int lanes)
{
    cases_open(c, "condition");
    KBuilder *b = c->b;
    const KBuf *in = cases_input(c, KT_F32);
    const KBuf *out = cases_output(c, KT_F32, (int64_t)20 * lanes);
    KVar *y = kb_for(b, "y", 0, 20, 1, KL_SERIAL);
    KReg *sum = kb_reg(b, "sum", KTYPE(KT_F32, lanes), 0, 1, 1);
    kb_set(b, sum, kb_f32(b, -1.5, lanes));
    KVar *x = kb_for(b, "x", 2, 33, 3, KL_SERIAL);
    kb_if(b, aff_addc(aff_sub(aff_var(y), aff_var(x)), 4));
    KExpr *v = kb_load(b, in, aff_add(aff_mul(aff_var(y), 5), aff_var(x)), lanes);
    kb_set(b, sum, kb_bin(b, KO_MAX, kb_get(b, sum), v));
    kb_end(b);
    kb_end(b);
    kb_store(b, out, aff_mul(aff_var(y), lanes), kb_get(b, sum));
    kb_end(b);
    cases_close(c);
}

/* Two functions, one calling the other, and a loop that never runs. */
static void function_case(Cases *c, int lanes)
{
    const Target *t = c->program->target;
    KType type[] = {KTYPE(KT_F32, lanes), KTYPE(KT_F32, lanes)};
    KBuilder *f = kb_func(c->arena, t, "square_f32", 1, type);
    KLet *x = kb_let(f, "copy", kb_use(f, kb_param(f, 0)));
    const KFunc *square = kb_func_finish(f, kb_bin(f, KO_MUL, kb_use(f, x), kb_use(f, x)), "x * x");
    f = kb_func(c->arena, t, "hypotenuse_f32", 2, type);
    KExpr *xs[] = {kb_use(f, kb_param(f, 0))}, *ys[] = {kb_use(f, kb_param(f, 1))};
    KExpr *sum = kb_bin(f, KO_ADD, kb_call(f, square, xs), kb_call(f, square, ys));
    const KFunc *hypotenuse = kb_func_finish(f, kb_un(f, KO_SQRT, sum), "sqrt(x * x + y * y)");
    Program *p = c->program;
    ARENA_PUSH(c->arena, p, funcs, n_funcs, cap_funcs, square);
    ARENA_PUSH(c->arena, p, funcs, n_funcs, cap_funcs, hypotenuse);
    cases_open(c, "functions");
    kb_for(c->b, "never", 5, 5, 1, KL_SERIAL);
    kb_store(c->b, cases_output(c, KT_F32, 1), aff(0), kb_f32(c->b, 1, 1));
    kb_end(c->b);
    KVar *i = over_values(c, lanes);
    KExpr *args[] = {operand(c, KT_F32, i, 0, lanes), operand(c, KT_F32, i, 1, lanes)};
    result(c, i, kb_call(c->b, hypotenuse, args));
}

/* Functions of the C library: of f64, and of f32 through it. */
static void external_cases(Cases *c)
{
    Program *p = c->program;
    const KFunc *sine = kb_external(c->arena, "sin", 1), *power = kb_external(c->arena, "pow", 2);
    ARENA_PUSH(c->arena, p, funcs, n_funcs, cap_funcs, sine);
    ARENA_PUSH(c->arena, p, funcs, n_funcs, cap_funcs, power);
    cases_open(c, "external_pow");
    KVar *i = over_values(c, 1);
    KExpr *args[] = {operand(c, KT_F64, i, 0, 1), operand(c, KT_F64, i, 1, 1)};
    result(c, i, kb_call(c->b, power, args));
    cases_open(c, "external_sin");
    i = over_values(c, 1);
    args[0] = kb_cvt(c->b, KTYPE(KT_F64, 1), operand(c, KT_F32, i, 0, 1));
    result(c, i, kb_cvt(c->b, KTYPE(KT_F32, 1), kb_call(c->b, sine, args)));
}

void cases_add_operations(Cases *c)
{
    int lanes = c->lanes;
    float_operations(c, KT_F32, lanes);
    integer_operations(c, KT_I32, lanes);
    conversions(c, lanes);
    fma_case(c, lanes);
    mask_case(c, lanes);
    bitcast_case(c, lanes);
    lane_cases(c, lanes);
    memory_cases(c);
    dynamic_case(c, lanes);
    matrix_case(c, lanes);
    condition_case(c, lanes);
    function_case(c, lanes);
    if (lanes == 1) {
        float_operations(c, KT_F64, 1);
        integer_operations(c, KT_I64, 1);
        integer_operations(c, KT_U64, 1);
        external_cases(c);
    }
}

Program *case_operations(Arena *a, const Target *target, int lanes)
{
    Cases *c = cases_new(a, target, lanes);
    cases_add_operations(c);
    return cases_finish(c);
}
