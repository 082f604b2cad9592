/* Random kernels: loop nests with registers and conditions around random expression trees.
 *
 * Trees avoid what C leaves undefined (integer overflow, shifts and conversions out of range) and
 * the bits of NaNs, which IEEE 754 leaves open. */
#include "tests/support/kernel_cases_internal.h"

typedef struct Maker {
    Cases *c;
    KBuilder *b;
    uint64_t state;
    KVar *loop[3]; /* open loops, each of at most 8 steps */
    int n_loops;
    KReg *reg;
    KLet *let[4];
    int n_lets;
} Maker;

static int pick(Maker *m, int n)
{
    return (int)(cases_random(&m->state) % (uint64_t)n);
}

/* An index into the inputs: the loop variables are below 24, so it stays below 1500. */
static Affine index_of(Maker *m)
{
    Affine at = aff(pick(m, 200));
    for (int i = 0; i < m->n_loops; i++)
        at = aff_add(at, aff_mul(aff_var(m->loop[i]), pick(m, 18)));
    return at;
}

static KExpr *float_tree(Maker *m, int lanes, int depth);

static KExpr *int_tree(Maker *m, int lanes, int depth)
{
    KType type = KTYPE(KT_I32, lanes);
    KBuilder *b = m->b;
    int kind = depth > 0 ? pick(m, 6) : pick(m, 2);
    KExpr *limited;
    switch (kind) {
    case 0:
        return kb_int(b, type, pick(m, 2000) - 1000);
    case 1:
        return kb_load(b, cases_input(m->c, KT_I32), index_of(m), lanes);
    case 2: /* at most 2^15 after the shift: the sum does not overflow */
        limited = kb_bin(b, KO_SHR, int_tree(m, lanes, depth - 1), kb_int(b, type, 16));
        return kb_bin(b, pick(m, 2) ? KO_ADD : KO_SUB, limited, kb_int(b, type, pick(m, 99)));
    case 3:
        return kb_bin(b, (KOp[]){KO_AND, KO_OR, KO_XOR, KO_MIN, KO_MAX}[pick(m, 5)],
                      int_tree(m, lanes, depth - 1), int_tree(m, lanes, depth - 1));
    case 4:
        limited = kb_bin(b, KO_MAX, float_tree(m, lanes, depth - 1), kb_f32(b, -1e6, lanes));
        return kb_cvt(b, type, kb_bin(b, KO_MIN, limited, kb_f32(b, 1e6, lanes)));
    default:
        return kb_splat(b, kb_index(b, KTYPE(KT_I32, 1), index_of(m)), lanes);
    }
}

static KExpr *mask_tree(Maker *m, int lanes, int depth)
{
    static const KOp compare[] = {KO_EQ, KO_NE, KO_LT, KO_LE, KO_GT, KO_GE};
    static const KOp join[] = {KO_AND, KO_OR, KO_XOR};
    KBuilder *b = m->b;
    switch (depth > 0 ? pick(m, 4) : 1) {
    case 0:
        return kb_bin(b, join[pick(m, 3)], mask_tree(m, lanes, depth - 1),
                      mask_tree(m, lanes, depth - 1));
    case 1:
        return kb_cmp(b, compare[pick(m, 6)], float_tree(m, lanes, depth - 1),
                      float_tree(m, lanes, depth - 1));
    case 2:
        return kb_cmp(b, compare[pick(m, 6)], int_tree(m, lanes, depth - 1),
                      int_tree(m, lanes, depth - 1));
    default:
        return kb_un(b, KO_NOT, mask_tree(m, lanes, depth - 1));
    }
}

static KExpr *shuffle_tree(Maker *m, int lanes, int depth)
{
    int order[32];
    for (int l = 0; l < lanes; l++)
        order[l] = pick(m, 2 * lanes);
    return kb_shuf(m->b, float_tree(m, lanes, depth - 1), float_tree(m, lanes, depth - 1), order,
                   lanes);
}

static KExpr *float_leaf(Maker *m, int lanes)
{
    KBuilder *b = m->b;
    bool whole = lanes == m->c->lanes; /* registers and LETs have the kernel's lanes */
    int active = 1 + pick(m, lanes);
    switch (pick(m, whole ? 6 : 3)) {
    case 0:
        return kb_f32(b, (pick(m, 4000) - 2000) / 256.0, lanes);
    case 1:
        return kb_load(b, cases_input(m->c, KT_F32), index_of(m), lanes);
    case 2:
        return kb_load_tail(b, cases_input(m->c, KT_F32), index_of(m), lanes, active);
    case 3:
        return kb_get1(b, m->reg, aff(pick(m, 2)));
    case 4:
        return kb_splat(b, kb_load(b, cases_input(m->c, KT_F32), index_of(m), 1), lanes);
    default:
        return m->n_lets > 0 ? kb_use(b, m->let[pick(m, m->n_lets)])
                             : kb_get1(b, m->reg, aff(pick(m, 2)));
    }
}

static KExpr *float_tree(Maker *m, int lanes, int depth)
{
    static const KOp two[] = {KO_ADD, KO_SUB, KO_MUL, KO_DIV, KO_MIN, KO_MAX};
    static const KOp one[] = {KO_NEG, KO_ABS, KO_SQRT, KO_FLOOR, KO_CEIL, KO_ROUND};
    static const KOp fold[] = {KO_ADD, KO_MIN, KO_MAX};
    KBuilder *b = m->b;
    if (depth <= 0)
        return float_leaf(m, lanes);
    switch (pick(m, 8)) {
    case 0:
    case 1:
        return kb_bin(b, two[pick(m, 6)], float_tree(m, lanes, depth - 1),
                      float_tree(m, lanes, depth - 1));
    case 2:
        return kb_un(b, one[pick(m, 6)], float_tree(m, lanes, depth - 1));
    case 3:
        return kb_fma(b, float_tree(m, lanes, depth - 1), float_tree(m, lanes, depth - 1),
                      float_tree(m, lanes, depth - 1));
    case 4:
        return kb_select(b, mask_tree(m, lanes, depth - 1), float_tree(m, lanes, depth - 1),
                         float_tree(m, lanes, depth - 1));
    case 5:
        return kb_cvt(b, KTYPE(KT_F32, lanes), int_tree(m, lanes, depth - 1));
    case 6:
        return lanes > 1 ? shuffle_tree(m, lanes, depth) : float_leaf(m, lanes);
    default:
        return kb_splat(b, kb_reduce(b, fold[pick(m, 3)], float_tree(m, m->c->lanes, depth - 1)),
                        lanes);
    }
}

static void statements(Maker *m)
{
    KBuilder *b = m->b;
    int lanes = m->c->lanes;
    bool guarded = pick(m, 3) == 0;
    m->n_lets = 0;
    if (guarded)
        kb_if(b,
              aff_sub(aff_addc(aff_var(m->loop[m->n_loops - 1]), pick(m, 3)), aff_var(m->loop[0])));
    for (int n = pick(m, 4); m->n_lets < n;) {
        KLet *let = kb_let(b, "t", float_tree(m, lanes, 2));
        m->let[m->n_lets++] = let;
    }
    kb_set1(b, m->reg, aff(0), float_tree(m, lanes, 3));
    kb_set1(b, m->reg, aff(1), float_tree(m, lanes, 2));
    if (guarded)
        kb_end(b);
    m->n_lets = 0;
}

static void random_kernel(Cases *c, uint64_t seed)
{
    Maker m = {.c = c, .state = seed};
    int lanes = c->lanes;
    cases_open(c, arena_printf(c->arena, "random_%llu", (unsigned long long)seed));
    m.b = c->b;
    const KBuf *out = cases_output(c, KT_F32, (int64_t)8 * 2 * lanes);
    m.loop[m.n_loops++] = kb_for(m.b, "i", 0, 1 + pick(&m, 8), 1, KL_SERIAL);
    m.reg = kb_reg(m.b, "r", KTYPE(KT_F32, lanes), 1, 2, 1);
    kb_set1(m.b, m.reg, aff(0), kb_f32(m.b, 0.5, lanes));
    kb_set1(m.b, m.reg, aff(1), kb_load(m.b, cases_input(c, KT_F32), index_of(&m), lanes));
    int inner = pick(&m, 3);
    for (int l = 0; l < inner; l++) {
        int64_t lo = pick(&m, 4);
        m.loop[m.n_loops] = kb_for(m.b, l ? "k" : "j", lo, lo + 1 + pick(&m, 9), 1 + pick(&m, 3),
                                   pick(&m, 3) ? KL_SERIAL : KL_UNROLL);
        m.n_loops++;
    }
    statements(&m);
    for (int l = 0; l < inner; l++)
        kb_end(m.b);
    m.n_loops = 1;
    for (int r = 0; r < 2; r++) {
        Affine at = aff_addc(aff_mul(aff_var(m.loop[0]), (int64_t)2 * lanes), (int64_t)r * lanes);
        kb_store(m.b, out, at, kb_get1(m.b, m.reg, aff(r)));
    }
    kb_end(m.b);
    cases_close(c);
}

static void add_random(Cases *c, uint64_t seed, int count)
{
    for (int i = 0; i < count; i++)
        random_kernel(c, seed + (uint64_t)i);
}

Program *case_random(Arena *a, const Target *target, int lanes, uint64_t seed, int count)
{
    Cases *c = cases_new(a, target, lanes);
    add_random(c, seed, count);
    return cases_finish(c);
}

Program *case_everything(Arena *a, const Target *target, int lanes, uint64_t seed, int count)
{
    Cases *c = cases_new(a, target, lanes);
    cases_add_operations(c);
    add_random(c, seed, count);
    return cases_finish(c);
}
