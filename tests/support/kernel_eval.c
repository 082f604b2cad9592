/* A tree-walking evaluator of the kernel IR; kernel_eval.h says what for.
 *
 * In: a kernel and the memory of its buffers. Out: the memory, changed as the kernel says. The
 * environment is three stacks (loop variables, registers, LETs), searched from the top and cut
 * back when a block ends: a name that is out of scope is an error here too. f32 is computed in
 * float with one rounding an operation, integers wrap to their type. The first illegal step
 * leaves through a longjmp with the reason. */
#include "tests/support/kernel_eval.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>

enum { MAX_LANES = 64 };

typedef union Lane {
    float f;   /* f32 */
    double d;  /* f64 */
    int64_t i; /* integers; masks are 0 or 1; f16 and bf16 as bits, since they are only moved
                  and converted */
} Lane;

typedef struct Val {
    KType type;
    Lane lane[MAX_LANES];
} Val;

typedef struct VarSlot {
    const KVar *v;
    int64_t value;
} VarSlot;

typedef struct RegSlot {
    const KReg *reg;
    Val *value;
    bool *set;
} RegSlot;

typedef struct LetSlot {
    const KLet *let;
    Val *value;
} LetSlot;

typedef struct Eval {
    Arena *arena;
    void *const *mem;
    const char *why;
    jmp_buf out;
    VarSlot *vars;
    int n_vars, cap_vars;
    RegSlot *regs;
    int n_regs, cap_regs;
    LetSlot *lets;
    int n_lets, cap_lets;
    Val **spare; /* memory of LETs that went out of scope */
    int n_spare, cap_spare;
} Eval;

static void eval_block(Eval *ev, const KStmt *s);
static void eval_expr(Eval *ev, const KExpr *e, Val *out);

static void fail(Eval *ev, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
static void fail(Eval *ev, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ev->why = arena_vprintf(ev->arena, format, args);
    va_end(args);
    longjmp(ev->out, 1);
}

/* ---- names ---- */

static int64_t eval_affine(Eval *ev, const Affine *a)
{
    int64_t sum = a->c;
    for (int t = 0; t < a->n; t++) {
        int i = ev->n_vars - 1;
        while (i >= 0 && ev->vars[i].v != a->t[t].v)
            i--;
        if (i < 0)
            fail(ev, "loop variable %s is not in scope", a->t[t].v->name);
        sum += a->t[t].k * ev->vars[i].value;
    }
    return sum;
}

static RegSlot *find_reg(Eval *ev, const KReg *r)
{
    for (int i = ev->n_regs - 1; i >= 0; i--)
        if (ev->regs[i].reg == r)
            return &ev->regs[i];
    fail(ev, "register %s is not declared", r->name);
}

static int reg_size(const KReg *r)
{
    int n = 1;
    for (int i = 0; i < r->rank; i++)
        n *= r->dim[i];
    return n;
}

static int reg_element(Eval *ev, const KReg *r, const Affine *idx)
{
    int64_t at = 0;
    for (int i = 0; i < r->rank; i++) {
        int64_t x = eval_affine(ev, &idx[i]);
        if (x < 0 || x >= r->dim[i])
            fail(ev, "index %lld of register %s", (long long)x, r->name);
        at = at * r->dim[i] + x;
    }
    return (int)at;
}

static void push_let(Eval *ev, const KLet *let, const Val *v)
{
    LetSlot slot = {let, NULL};
    slot.value = ev->n_spare > 0 ? ev->spare[--ev->n_spare] : ARENA_NEW(ev->arena, Val);
    *slot.value = *v;
    ARENA_PUSH(ev->arena, ev, lets, n_lets, cap_lets, slot);
}

static void pop_lets(Eval *ev, int n)
{
    while (ev->n_lets > n) {
        Val *v = ev->lets[--ev->n_lets].value;
        ARENA_PUSH(ev->arena, ev, spare, n_spare, cap_spare, v);
    }
}

static void eval_letref(Eval *ev, const KLet *let, Val *out)
{
    for (int i = ev->n_lets - 1; i >= 0; i--)
        if (ev->lets[i].let == let) {
            *out = *ev->lets[i].value;
            return;
        }
    fail(ev, "LET %s is not in scope", let->name);
}

/* ---- memory ---- */

static int64_t address(Eval *ev, const KBuf *buf, const Affine *at, const KExpr *dyn, int64_t scale,
                       int active)
{
    int64_t i = eval_affine(ev, at);
    if (dyn != NULL) {
        Val v;
        eval_expr(ev, dyn, &v);
        i += scale * v.lane[0].i;
    }
    if (i < 0 || i > buf->n - active)
        fail(ev, "access to %s[%lld..%lld] of %lld", buf->name, (long long)i,
             (long long)(i + active - 1), (long long)buf->n);
    return i;
}

static Lane load_lane(const void *p, KBase base, int64_t i)
{
    Lane l = {.i = 0};
    switch (base) {
    case KT_F32:
        l.f = ((const float *)p)[i];
        break;
    case KT_F64:
        l.d = ((const double *)p)[i];
        break;
    case KT_F16:
    case KT_BF16:
        l.i = ((const uint16_t *)p)[i];
        break;
    case KT_I8:
        l.i = ((const uint8_t *)p)[i];
        l.i -= l.i >= 128 ? 256 : 0;
        break;
    case KT_U8:
    case KT_MASK:
        l.i = ((const uint8_t *)p)[i];
        break;
    case KT_I32:
        l.i = ((const int32_t *)p)[i];
        break;
    case KT_I64:
        l.i = ((const int64_t *)p)[i];
        break;
    }
    return l;
}

static void store_lane(void *p, KBase base, int64_t i, Lane l)
{
    switch (base) {
    case KT_F32:
        ((float *)p)[i] = l.f;
        break;
    case KT_F64:
        ((double *)p)[i] = l.d;
        break;
    case KT_F16:
    case KT_BF16:
        ((uint16_t *)p)[i] = (uint16_t)l.i;
        break;
    case KT_I8:
        ((int8_t *)p)[i] = (int8_t)l.i;
        break;
    case KT_U8:
    case KT_MASK:
        ((uint8_t *)p)[i] = (uint8_t)l.i;
        break;
    case KT_I32:
        ((int32_t *)p)[i] = (int32_t)l.i;
        break;
    case KT_I64:
        ((int64_t *)p)[i] = l.i;
        break;
    }
}

static void eval_load(Eval *ev, const KExpr *e, Val *out)
{
    if (!(e->buf->access & K_READ))
        fail(ev, "load from %s, which is not readable", e->buf->name);
    if (e->active < 1 || e->active > e->type.lanes)
        fail(ev, "load of %d active lanes of %d", e->active, e->type.lanes);
    int64_t at = address(ev, e->buf, &e->at, e->dyn, e->dyn_scale, e->active);
    memset(out->lane, 0, sizeof(Lane) * (size_t)e->type.lanes);
    for (int l = 0; l < e->active; l++)
        out->lane[l] = load_lane(ev->mem[e->buf->index], e->buf->base, at + l);
}

static void eval_store(Eval *ev, const KStmt *s)
{
    Val v;
    eval_expr(ev, s->expr, &v);
    if (!(s->buf->access & K_WRITE))
        fail(ev, "store to %s, which is not writable", s->buf->name);
    if (s->active < 1 || s->active > v.type.lanes)
        fail(ev, "store of %d active lanes of %d", s->active, v.type.lanes);
    if (v.type.base != s->buf->base)
        fail(ev, "store of %s to %s of %s", kbase_name(v.type.base), s->buf->name,
             kbase_name(s->buf->base));
    int64_t at = address(ev, s->buf, &s->at, s->dyn, s->dyn_scale, s->active);
    for (int l = 0; l < s->active; l++)
        store_lane(ev->mem[s->buf->index], s->buf->base, at + l, v.lane[l]);
}

/* ---- operations on one lane ---- */

static int64_t wrap(KBase b, int64_t x)
{
    switch (b) {
    case KT_I8:
        return (int8_t)x;
    case KT_U8:
        return (uint8_t)x;
    case KT_I32:
        return (int32_t)x;
    default:
        return x;
    }
}

static float un_f32(Eval *ev, KOp op, float x)
{
    switch (op) {
    case KO_NEG:
        return -x;
    case KO_ABS:
        return fabsf(x);
    case KO_SQRT:
        return sqrtf(x);
    case KO_FLOOR:
        return floorf(x);
    case KO_CEIL:
        return ceilf(x);
    case KO_ROUND:
        return rintf(x);
    default:
        fail(ev, "unary operation %d on floats", (int)op);
    }
}

static double un_f64(Eval *ev, KOp op, double x)
{
    switch (op) {
    case KO_NEG:
        return -x;
    case KO_ABS:
        return fabs(x);
    case KO_SQRT:
        return sqrt(x);
    case KO_FLOOR:
        return floor(x);
    case KO_CEIL:
        return ceil(x);
    case KO_ROUND:
        return rint(x);
    default:
        fail(ev, "unary operation %d on doubles", (int)op);
    }
}

static int64_t un_int(Eval *ev, KOp op, KBase b, int64_t x)
{
    switch (op) {
    case KO_NEG:
        return wrap(b, (int64_t)(0 - (uint64_t)x));
    case KO_ABS:
        return wrap(b, x < 0 ? (int64_t)(0 - (uint64_t)x) : x);
    case KO_NOT:
        return b == KT_MASK ? !x : wrap(b, ~x);
    default:
        fail(ev, "unary operation %d on integers", (int)op);
    }
}

static float bin_f32(Eval *ev, KOp op, float x, float y)
{
    switch (op) {
    case KO_ADD:
        return x + y;
    case KO_SUB:
        return x - y;
    case KO_MUL:
        return x * y;
    case KO_DIV:
        return x / y;
    case KO_MIN:
        return x < y ? x : y;
    case KO_MAX:
        return x > y ? x : y;
    default:
        fail(ev, "binary operation %d on floats", (int)op);
    }
}

static double bin_f64(Eval *ev, KOp op, double x, double y)
{
    switch (op) {
    case KO_ADD:
        return x + y;
    case KO_SUB:
        return x - y;
    case KO_MUL:
        return x * y;
    case KO_DIV:
        return x / y;
    case KO_MIN:
        return x < y ? x : y;
    case KO_MAX:
        return x > y ? x : y;
    default:
        fail(ev, "binary operation %d on doubles", (int)op);
    }
}

static int64_t bin_int(Eval *ev, KOp op, KBase b, int64_t x, int64_t y)
{
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
    switch (op) {
    case KO_ADD:
        return wrap(b, (int64_t)(ux + uy));
    case KO_SUB:
        return wrap(b, (int64_t)(ux - uy));
    case KO_MUL:
        return wrap(b, (int64_t)(ux * uy));
    case KO_DIV:
    case KO_REM:
        if (y == 0 || (x == INT64_MIN && y == -1))
            fail(ev, "integer division %lld / %lld", (long long)x, (long long)y);
        return wrap(b, op == KO_DIV ? x / y : x % y);
    case KO_MIN:
        return x < y ? x : y;
    case KO_MAX:
        return x > y ? x : y;
    case KO_AND:
        return x & y;
    case KO_OR:
        return x | y;
    case KO_XOR:
        return x ^ y;
    case KO_SHL:
    case KO_SHR:
        if (y < 0 || y >= (b == KT_I64 ? 64 : b == KT_I32 ? 32 : 8))
            fail(ev, "shift by %lld", (long long)y);
        return wrap(b, op == KO_SHL ? (int64_t)(ux << uy) : x >> y);
    default:
        fail(ev, "binary operation %d on integers", (int)op);
    }
}

#define COMPARE(op, x, y)                                                                          \
    ((op) == KO_EQ   ? (x) == (y)                                                                  \
     : (op) == KO_NE ? (x) != (y)                                                                  \
     : (op) == KO_LT ? (x) < (y)                                                                   \
     : (op) == KO_LE ? (x) <= (y)                                                                  \
     : (op) == KO_GT ? (x) > (y)                                                                   \
                     : (x) >= (y))

static bool compare(KOp op, KBase b, Lane x, Lane y)
{
    if (b == KT_F32)
        return COMPARE(op, x.f, y.f);
    if (b == KT_F64)
        return COMPARE(op, x.d, y.d);
    return COMPARE(op, x.i, y.i);
}

/* The value of a lane of any floating type; integers below 2^53 too. */
static double lane_f64(KBase b, Lane x)
{
    switch (b) {
    case KT_F32:
        return (double)x.f;
    case KT_F64:
        return x.d;
    case KT_F16:
        return (double)f16_to_f32((uint16_t)x.i);
    case KT_BF16:
        return (double)bf16_to_f32((uint16_t)x.i);
    default:
        return (double)x.i;
    }
}

static bool is_integer(KBase b)
{
    return b == KT_I8 || b == KT_U8 || b == KT_I32 || b == KT_I64 || b == KT_MASK;
}

static Lane convert(Eval *ev, KBase to, KBase from, Lane x)
{
    Lane r = {.i = 0};
    double v = lane_f64(from, x);
    switch (to) {
    case KT_F32:
        r.f = is_integer(from) ? (float)x.i : (float)v;
        return r;
    case KT_F64:
        r.d = v;
        return r;
    case KT_F16:
        r.i = f32_to_f16((float)v);
        return r;
    case KT_BF16:
        r.i = f32_to_bf16((float)v);
        return r;
    default:
        break;
    }
    if (is_integer(from)) {
        r.i = wrap(to, x.i);
        return r;
    }
    if (!(v > -9.3e18 && v < 9.2e18) || wrap(to, (int64_t)v) != (int64_t)v)
        fail(ev, "conversion of %g to %s", v, kbase_name(to));
    r.i = (int64_t)v;
    return r;
}

static Lane binary(Eval *ev, KOp op, KBase b, Lane x, Lane y)
{
    Lane r = {.i = 0};
    if (b == KT_F32)
        r.f = bin_f32(ev, op, x.f, y.f);
    else if (b == KT_F64)
        r.d = bin_f64(ev, op, x.d, y.d);
    else
        r.i = bin_int(ev, op, b, x.i, y.i);
    return r;
}

/* ---- expressions ---- */

static void eval_arg(Eval *ev, const KExpr *e, int i, int lanes, Val *out)
{
    if (e->arg[i] == NULL)
        fail(ev, "operand %d of expression kind %d is missing", i, (int)e->kind);
    eval_expr(ev, e->arg[i], out);
    if (out->type.lanes != lanes)
        fail(ev, "operand %d of expression kind %d has %d lanes, not %d", i, (int)e->kind,
             out->type.lanes, lanes);
}

static void eval_const(const KExpr *e, Val *out)
{
    Lane l = {.i = 0};
    switch (e->type.base) {
    case KT_F32:
        l.f = (float)e->f;
        break;
    case KT_F64:
        l.d = e->f;
        break;
    case KT_F16:
        l.i = f32_to_f16((float)e->f);
        break;
    case KT_BF16:
        l.i = f32_to_bf16((float)e->f);
        break;
    default:
        l.i = e->i;
    }
    for (int k = 0; k < e->type.lanes; k++)
        out->lane[k] = l;
}

static void eval_un(Eval *ev, const KExpr *e, Val *out)
{
    Val x;
    eval_arg(ev, e, 0, e->type.lanes, &x);
    for (int l = 0; l < e->type.lanes; l++) {
        if (e->op == KO_BITCAST) {
            uint32_t bits = (uint32_t)x.lane[l].i;
            if (x.type.base == KT_F32)
                memcpy(&bits, &x.lane[l].f, sizeof bits);
            out->lane[l].i = (int32_t)bits;
            if (e->type.base == KT_F32)
                memcpy(&out->lane[l].f, &bits, sizeof bits);
        } else if (x.type.base == KT_F32) {
            out->lane[l].f = un_f32(ev, e->op, x.lane[l].f);
        } else if (x.type.base == KT_F64) {
            out->lane[l].d = un_f64(ev, e->op, x.lane[l].d);
        } else {
            out->lane[l].i = un_int(ev, e->op, x.type.base, x.lane[l].i);
        }
    }
}

static void eval_bin(Eval *ev, const KExpr *e, Val *out)
{
    Val x, y;
    eval_arg(ev, e, 0, e->type.lanes, &x);
    eval_arg(ev, e, 1, e->type.lanes, &y);
    if (x.type.base != y.type.base)
        fail(ev, "operands of %s and %s", kbase_name(x.type.base), kbase_name(y.type.base));
    for (int l = 0; l < e->type.lanes; l++)
        if (e->kind == KE_CMP)
            out->lane[l].i = compare(e->op, x.type.base, x.lane[l], y.lane[l]);
        else
            out->lane[l] = binary(ev, e->op, x.type.base, x.lane[l], y.lane[l]);
}

static void eval_fma(Eval *ev, const KExpr *e, Val *out)
{
    Val x, y, z;
    eval_arg(ev, e, 0, e->type.lanes, &x);
    eval_arg(ev, e, 1, e->type.lanes, &y);
    eval_arg(ev, e, 2, e->type.lanes, &z);
    if (e->type.base != KT_F32)
        fail(ev, "FMA of %s", kbase_name(e->type.base));
    for (int l = 0; l < e->type.lanes; l++)
        out->lane[l].f = fmaf(x.lane[l].f, y.lane[l].f, z.lane[l].f);
}

static void eval_select(Eval *ev, const KExpr *e, Val *out)
{
    Val m, x, y;
    eval_arg(ev, e, 0, e->type.lanes, &m);
    eval_arg(ev, e, 1, e->type.lanes, &x);
    eval_arg(ev, e, 2, e->type.lanes, &y);
    if (m.type.base != KT_MASK)
        fail(ev, "SELECT by %s", kbase_name(m.type.base));
    for (int l = 0; l < e->type.lanes; l++)
        out->lane[l] = m.lane[l].i ? x.lane[l] : y.lane[l];
}

static void eval_shuf(Eval *ev, const KExpr *e, Val *out)
{
    Val x, y;
    eval_expr(ev, e->arg[0], &x);
    int n = x.type.lanes;
    if (e->arg[1] != NULL)
        eval_arg(ev, e, 1, n, &y);
    for (int l = 0; l < e->type.lanes; l++) {
        int s = e->shuf[l];
        if (s < 0 || s >= (e->arg[1] != NULL ? 2 * n : n))
            fail(ev, "SHUF takes lane %d", s);
        out->lane[l] = s < n ? x.lane[s] : y.lane[s - n];
    }
}

static void eval_reduce(Eval *ev, const KExpr *e, Val *out)
{
    Val x;
    eval_expr(ev, e->arg[0], &x);
    for (int half = x.type.lanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            x.lane[l] = binary(ev, e->op, x.type.base, x.lane[l], x.lane[l + half]);
    out->lane[0] = x.lane[0];
}

static void eval_call(Eval *ev, const KExpr *e, Val *out)
{
    const KFunc *f = e->func;
    int mark = ev->n_lets;
    Val arg[3];
    for (int i = 0; i < f->n_params; i++)
        eval_arg(ev, e, i, f->param[i]->type.lanes, &arg[i]);
    for (int i = 0; i < f->n_params; i++)
        push_let(ev, f->param[i], &arg[i]);
    for (const KStmt *s = f->body; s != NULL; s = s->next) {
        if (s->kind == KS_NOTE)
            continue;
        if (s->kind != KS_LET)
            fail(ev, "function %s has a statement that is not a LET", f->name);
        Val v;
        eval_expr(ev, s->expr, &v);
        push_let(ev, s->let, &v);
    }
    eval_expr(ev, f->result, out);
    pop_lets(ev, mark);
}

static void eval_get(Eval *ev, const KExpr *e, Val *out)
{
    const RegSlot *r = find_reg(ev, e->reg);
    int i = reg_element(ev, e->reg, e->idx);
    if (!r->set[i])
        fail(ev, "register %s element %d is read before it is set", e->reg->name, i);
    *out = r->value[i];
}

static void eval_simple(Eval *ev, const KExpr *e, Val *out)
{
    Val x;
    switch (e->kind) {
    case KE_CONST:
        eval_const(e, out);
        break;
    case KE_INDEX:
        out->lane[0].i = wrap(e->type.base, eval_affine(ev, &e->at));
        break;
    case KE_SPLAT:
        eval_arg(ev, e, 0, 1, &x);
        for (int l = 0; l < e->type.lanes; l++)
            out->lane[l] = x.lane[0];
        break;
    case KE_CVT:
        eval_arg(ev, e, 0, e->type.lanes, &x);
        for (int l = 0; l < e->type.lanes; l++)
            out->lane[l] = convert(ev, e->type.base, x.type.base, x.lane[l]);
        break;
    default:
        fail(ev, "expression kind %d", (int)e->kind);
    }
}

static void eval_expr(Eval *ev, const KExpr *e, Val *out)
{
    static void (*const table[])(Eval *, const KExpr *, Val *) = {
        [KE_CONST] = eval_simple, [KE_INDEX] = eval_simple,  [KE_GET] = eval_get,
        [KE_LETREF] = NULL,       [KE_LOAD] = eval_load,     [KE_SPLAT] = eval_simple,
        [KE_FMA] = eval_fma,      [KE_UN] = eval_un,         [KE_BIN] = eval_bin,
        [KE_CMP] = eval_bin,      [KE_SELECT] = eval_select, [KE_CVT] = eval_simple,
        [KE_SHUF] = eval_shuf,    [KE_REDUCE] = eval_reduce, [KE_CALL] = eval_call,
    };
    if (e->type.lanes < 1 || e->type.lanes > MAX_LANES)
        fail(ev, "expression of %d lanes", e->type.lanes);
    if (e->kind == KE_LETREF)
        eval_letref(ev, e->let, out);
    else
        table[e->kind](ev, e, out);
    out->type = e->type;
}

/* ---- statements ---- */

static void eval_for(Eval *ev, const KStmt *s)
{
    VarSlot slot = {s->var, 0};
    const KVar *v = s->var;
    int64_t trips = v->hi > v->lo ? (v->hi - v->lo + v->step - 1) / v->step : 0;
    ARENA_PUSH(ev->arena, ev, vars, n_vars, cap_vars, slot);
    int at = ev->n_vars - 1;
    for (int64_t i = 0; i < trips; i++) {
        int64_t k = s->loop == KL_PARALLEL ? trips - 1 - i : i;
        ev->vars[at].value = v->lo + k * v->step;
        eval_block(ev, s->body);
    }
    ev->n_vars = at;
}

static void eval_reg(Eval *ev, const KReg *r)
{
    int n = reg_size(r);
    RegSlot slot = {r, NULL, NULL};
    for (int i = ev->n_regs; i < ev->cap_regs && ev->regs[i].reg != NULL; i++)
        if (ev->regs[i].reg == r) { /* a declaration in a loop: reuse its memory */
            slot = ev->regs[i];
            ev->regs[i] = ev->regs[ev->n_regs];
            break;
        }
    if (slot.value == NULL) {
        slot.value = ARENA_ARRAY(ev->arena, Val, n);
        slot.set = ARENA_ARRAY(ev->arena, bool, n);
    }
    memset(slot.set, 0, (size_t)n * sizeof *slot.set);
    ARENA_PUSH(ev->arena, ev, regs, n_regs, cap_regs, slot);
}

static void eval_set(Eval *ev, const KStmt *s)
{
    Val v;
    eval_expr(ev, s->expr, &v);
    if (v.type.base != s->reg->type.base || v.type.lanes != s->reg->type.lanes)
        fail(ev, "register %s is set to %sx%d", s->reg->name, kbase_name(v.type.base),
             v.type.lanes);
    const RegSlot *r = find_reg(ev, s->reg);
    int i = reg_element(ev, s->reg, s->idx);
    r->value[i] = v;
    r->set[i] = true;
}

static void eval_stmt(Eval *ev, const KStmt *s)
{
    Val v;
    switch (s->kind) {
    case KS_FOR:
        eval_for(ev, s);
        break;
    case KS_IF:
        if (eval_affine(ev, &s->at) >= 0)
            eval_block(ev, s->body);
        break;
    case KS_REG:
        eval_reg(ev, s->reg);
        break;
    case KS_SET:
        eval_set(ev, s);
        break;
    case KS_LET:
        eval_expr(ev, s->expr, &v);
        push_let(ev, s->let, &v);
        break;
    case KS_STORE:
        eval_store(ev, s);
        break;
    case KS_NOTE:
        break;
    }
}

static void eval_block(Eval *ev, const KStmt *s)
{
    int n_regs = ev->n_regs, n_lets = ev->n_lets;
    for (; s != NULL; s = s->next)
        eval_stmt(ev, s);
    ev->n_regs = n_regs;
    pop_lets(ev, n_lets);
}

bool kernel_eval(Arena *a, const Kernel *k, void *const *mem, const char **why)
{
    Eval *ev = ARENA_NEW(a, Eval);
    ev->arena = a;
    ev->mem = mem;
    if (setjmp(ev->out) != 0) {
        *why = ev->why;
        return false;
    }
    eval_block(ev, k->body);
    return true;
}

static void *arg_memory(const Program *p, const Arg *arg, const void *const *inputs,
                        void *const *outputs, void *arena)
{
    unsigned char *base = NULL;
    switch (arg->kind) {
    case ARG_INPUT:
        memcpy(&base, &inputs[arg->index], sizeof base);
        break;
    case ARG_OUTPUT:
        base = outputs[arg->index];
        break;
    case ARG_ARENA:
        base = arena;
        break;
    case ARG_WEIGHTS:
        base = p->weights;
        break;
    }
    return base + arg->offset;
}

bool program_eval(Arena *a, const Program *p, const void *const *inputs, void *const *outputs,
                  void *arena, const char **why)
{
    for (int i = 0; i < p->n_calls; i++) {
        const Call *c = &p->calls[i];
        void *mem[MAX_KERNEL_BUFFERS];
        for (int j = 0; j < c->kernel->n_bufs; j++)
            mem[j] = arg_memory(p, &c->arg[j], inputs, outputs, arena);
        if (!kernel_eval(a, c->kernel, mem, why)) {
            *why = arena_printf(a, "%s: %s", c->kernel->name, *why);
            return false;
        }
    }
    return true;
}
