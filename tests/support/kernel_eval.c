/* A tree-walking evaluator of the kernel IR; kernel_eval.h says what for.
 *
 * In: a kernel and the memory of its buffers. Out: the memory, changed as the kernel says. The
 * environment is three stacks (loop variables, registers, LETs), searched from the top and cut
 * back when a block ends: a name that is out of scope is an error here too. f32 is computed in
 * float with one rounding an operation, integers wrap to their type. The first illegal step
 * leaves through a longjmp with the reason. */
#include "tests/support/kernel_eval_internal.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>

enum { MAX_LANES = 64 };

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

struct Eval {
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
};

static void eval_block(Eval *ev, const KStmt *s);
static void eval_expr(Eval *ev, const KExpr *e, Val *out);

#define fail eval_fail
void eval_fail(Eval *ev, const char *format, ...)
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

static void eval_load(Eval *ev, const KExpr *e, Val *out)
{
    if (!(e->buf->access & K_READ))
        fail(ev, "load from %s, which is not readable", e->buf->name);
    if (e->active < 1 || e->active > e->type.lanes)
        fail(ev, "load of %d active lanes of %d", e->active, e->type.lanes);
    int64_t at = address(ev, e->buf, &e->at, e->dyn, e->dyn_scale, e->active);
    memset(out->lane, 0, sizeof(Lane) * (size_t)e->type.lanes);
    for (int l = 0; l < e->active; l++)
        out->lane[l] = lane_load(ev->mem[e->buf->index], e->buf->base, at + l);
}

static void eval_store(Eval *ev, const KStmt *s)
{
    Val v;
    eval_expr(ev, s->expr, &v);
    if (!(s->buf->access & K_WRITE))
        fail(ev, "store to %s, which is not writable", s->buf->name);
    if (s->active < 1 || s->active > v.type.lanes)
        fail(ev, "store of %d active lanes of %d", s->active, v.type.lanes);
    if (v.type.base != kbase_compute(s->buf->base))
        fail(ev, "store of %s to %s of %s", kbase_name(v.type.base), s->buf->name,
             kbase_name(s->buf->base));
    int64_t at = address(ev, s->buf, &s->at, s->dyn, s->dyn_scale, s->active);
    for (int l = 0; l < s->active; l++)
        lane_store(ev->mem[s->buf->index], s->buf->base, at + l, v.lane[l]);
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
    if (e->type.base == KT_F32)
        l.f = (float)e->f;
    else if (e->type.base == KT_F64)
        l.d = e->f;
    else
        l.i = e->i;
    for (int k = 0; k < e->type.lanes; k++)
        out->lane[k] = l;
}

static void eval_un(Eval *ev, const KExpr *e, Val *out)
{
    Val x;
    eval_arg(ev, e, 0, e->type.lanes, &x);
    for (int l = 0; l < e->type.lanes; l++)
        out->lane[l] = e->op == KO_BITCAST ? lane_bitcast(e->type.base, x.type.base, x.lane[l])
                                           : lane_unary(ev, e->op, x.type.base, x.lane[l]);
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
            out->lane[l].i = lane_compare(e->op, x.type.base, x.lane[l], y.lane[l]);
        else
            out->lane[l] = lane_binary(ev, e->op, x.type.base, x.lane[l], y.lane[l]);
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
            x.lane[l] = lane_binary(ev, e->op, x.type.base, x.lane[l], x.lane[l + half]);
    out->lane[0] = x.lane[0];
}

/* A function of the C library. */
static void eval_external(Eval *ev, const KExpr *e, Val *out)
{
    Val x, y = {.lane = {{.d = 0}}};
    eval_arg(ev, e, 0, 1, &x);
    if (e->func->n_params == 2)
        eval_arg(ev, e, 1, 1, &y);
    out->lane[0].d = lane_external(ev, e->func->external, x.lane[0].d, y.lane[0].d);
}

static void eval_call(Eval *ev, const KExpr *e, Val *out)
{
    const KFunc *f = e->func;
    int mark = ev->n_lets;
    Val arg[3];
    if (f->external != NULL) {
        eval_external(ev, e, out);
        return;
    }
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
        out->lane[0].i = lane_wrap(e->type.base, eval_affine(ev, &e->at));
        break;
    case KE_SPLAT:
        eval_arg(ev, e, 0, 1, &x);
        for (int l = 0; l < e->type.lanes; l++)
            out->lane[l] = x.lane[0];
        break;
    case KE_CVT:
        eval_arg(ev, e, 0, e->type.lanes, &x);
        for (int l = 0; l < e->type.lanes; l++)
            out->lane[l] = lane_convert(ev, e, x.type.base, x.lane[l]);
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
    Val limit;
    if (s->expr)
        eval_expr(ev, s->expr, &limit);
    for (int64_t i = 0; i < trips; i++) {
        int64_t k = s->loop == KL_PARALLEL ? trips - 1 - i : i;
        ev->vars[at].value = v->lo + k * v->step;
        if (s->expr && ev->vars[at].value >= limit.lane[0].i)
            break;
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
    case KS_PREFETCH:
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
