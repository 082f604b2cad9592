/* The text form of kernels; docs/KERNEL_IR.md has its grammar.
 *
 *     kernel relu_8(x: f32[8] read, y: f32[8] write) {
 *       for i in 0..8 step 4 parallel {
 *         store y[i] = max(splat(0), load x[i] : f32x4)
 *       }
 *     }
 */
#include "ir/kernel.h"
#include "ir/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Dump {
    Text text;
    int indent;
} Dump;

#define put(d, ...) text_add(&(d)->text, __VA_ARGS__)

static void line(Dump *t)
{
    put(t, "%*s", 2 * t->indent, "");
}

static const char *const op_names[] = {
    [KO_NEG] = "neg",   [KO_ABS] = "abs",     [KO_SQRT] = "sqrt", [KO_FLOOR] = "floor",
    [KO_CEIL] = "ceil", [KO_ROUND] = "round", [KO_NOT] = "not",   [KO_BITCAST] = "bitcast",
    [KO_ADD] = "add",   [KO_SUB] = "sub",     [KO_MUL] = "mul",   [KO_DIV] = "div",
    [KO_MIN] = "min",   [KO_MAX] = "max",     [KO_AND] = "and",   [KO_OR] = "or",
    [KO_XOR] = "xor",   [KO_SHL] = "shl",     [KO_SHR] = "shr",   [KO_REM] = "rem",
    [KO_EQ] = "eq",     [KO_NE] = "ne",       [KO_LT] = "lt",     [KO_LE] = "le",
    [KO_GT] = "gt",     [KO_GE] = "ge",
};

static void put_type(Dump *t, KType type)
{
    put(t, type.lanes == 1 ? "%s" : "%sx%d", kbase_name(type.base), type.lanes);
}

static void put_affine(Dump *t, const Affine *a)
{
    bool first = true;
    for (int i = 0; i < a->n; i++) {
        int64_t k = a->t[i].k;
        put(t, "%s", first ? (k < 0 ? "-" : "") : (k < 0 ? " - " : " + "));
        if (k != 1 && k != -1)
            put(t, "%" PRId64 "*", k < 0 ? -k : k);
        put(t, "%s", a->t[i].v->name);
        first = false;
    }
    if (first)
        put(t, "%" PRId64, a->c);
    else if (a->c)
        put(t, " %c %" PRId64, a->c < 0 ? '-' : '+', a->c < 0 ? -a->c : a->c);
}

static void put_expr(Dump *t, const KExpr *e);

static void put_place(Dump *t, const KBuf *buf, const Affine *at, const KExpr *dyn, int64_t scale)
{
    put(t, "%s[", buf->name);
    put_affine(t, at);
    if (dyn) {
        put(t, " + %" PRId64 "*(", scale);
        put_expr(t, dyn);
        put(t, ")");
    }
    put(t, "]");
}

static void put_reg(Dump *t, const KReg *r, const Affine idx[2])
{
    put(t, "%s", r->name);
    for (int i = 0; i < r->rank; i++) {
        put(t, "[");
        put_affine(t, &idx[i]);
        put(t, "]");
    }
}

/* name(arg, arg…) */
static void put_call(Dump *t, const char *name, const KExpr *e)
{
    put(t, "%s(", name);
    for (int i = 0; i < 3 && e->arg[i]; i++) {
        put(t, "%s", i ? ", " : "");
        put_expr(t, e->arg[i]);
    }
    put(t, ")");
}

static void put_expr(Dump *t, const KExpr *e)
{
    switch (e->kind) {
    case KE_CONST:
        if (kbase_is_float(e->type.base))
            put(t, e->type.base == KT_F64 ? "%.17g" : "%.9g", e->f);
        else if (e->type.base == KT_U64)
            put(t, "%" PRIu64, (uint64_t)e->i);
        else
            put(t, "%" PRId64, e->i);
        break;
    case KE_INDEX:
        put(t, "index(");
        put_affine(t, &e->at);
        put(t, ")");
        break;
    case KE_GET:
        put_reg(t, e->reg, e->idx);
        break;
    case KE_LETREF:
        put(t, "%s", e->let->name);
        break;
    case KE_LOAD:
        put(t, "load ");
        put_place(t, e->buf, &e->at, e->dyn, e->dyn_scale);
        put(t, " : ");
        put_type(t, e->type);
        if (e->active != e->type.lanes)
            put(t, " active %d", e->active);
        break;
    case KE_SPLAT:
        put_call(t, "splat", e);
        break;
    case KE_FMA:
        put_call(t, "fma", e);
        break;
    case KE_UN:
    case KE_BIN:
    case KE_CMP:
        put_call(t, op_names[e->op], e);
        break;
    case KE_SELECT:
        put_call(t, "select", e);
        break;
    case KE_CVT:
        put(t, "cvt.");
        put_type(t, e->type);
        put_call(t, e->fits ? ".fit" : "", e);
        break;
    case KE_SHUF:
        put_call(t, "shuf", e);
        for (int i = 0; i < e->type.lanes; i++)
            put(t, "%s%d", i ? "," : "{", e->shuf[i]);
        put(t, "}");
        break;
    case KE_REDUCE:
        put(t, "reduce.%s", op_names[e->op]);
        put_call(t, "", e);
        break;
    case KE_CALL:
        put_call(t, e->func->name, e);
        break;
    }
}

static void put_stmts(Dump *t, const KStmt *s);

static void put_body(Dump *t, const KStmt *s)
{
    put(t, " {\n");
    t->indent++;
    put_stmts(t, s);
    t->indent--;
    line(t);
    put(t, "}\n");
}

static void put_for(Dump *t, const KStmt *s)
{
    static const char *const kind[] = {"", " unroll", " parallel"};
    put(t, "for %s in %" PRId64 "..%" PRId64, s->var->name, s->var->lo, s->var->hi);
    if (s->var->step != 1)
        put(t, " step %" PRId64, s->var->step);
    put(t, "%s", kind[s->loop]);
    if (s->expr) {
        put(t, " below ");
        put_expr(t, s->expr);
    }
    put_body(t, s->body);
}

static void put_stmt(Dump *t, const KStmt *s)
{
    line(t);
    switch (s->kind) {
    case KS_FOR:
        put_for(t, s);
        return;
    case KS_IF:
        put(t, "if ");
        put_affine(t, &s->at);
        put(t, " >= 0");
        put_body(t, s->body);
        return;
    case KS_REG:
        put(t, "reg %s", s->reg->name);
        for (int i = 0; i < s->reg->rank; i++)
            put(t, "[%d]", s->reg->dim[i]);
        put(t, " : ");
        put_type(t, s->reg->type);
        break;
    case KS_SET:
        put_reg(t, s->reg, s->idx);
        put(t, " = ");
        put_expr(t, s->expr);
        break;
    case KS_LET:
        put(t, "let %s = ", s->let->name);
        put_expr(t, s->expr);
        break;
    case KS_STORE:
        put(t, "store ");
        put_place(t, s->buf, &s->at, s->dyn, s->dyn_scale);
        put(t, " = ");
        put_expr(t, s->expr);
        if (s->active != s->expr->type.lanes)
            put(t, " active %d", s->active);
        break;
    case KS_PREFETCH:
        put(t, "prefetch l%d ", s->cache);
        put_place(t, s->buf, &s->at, NULL, 0);
        break;
    case KS_NOTE:
        put(t, "# %s", s->text);
        break;
    }
    put(t, "\n");
}

static void put_stmts(Dump *t, const KStmt *s)
{
    for (; s; s = s->next)
        put_stmt(t, s);
}

char *kernel_dump(Arena *a, const Kernel *k)
{
    static const char *const access[] = {"", "read", "write", "read write"};
    Dump t = {.text = text_new(a)};
    if (k->note && *k->note)
        put(&t, "# %s\n", k->note);
    put(&t, "kernel %s(", k->name);
    for (int i = 0; i < k->n_bufs; i++)
        put(&t, "%s%s: %s[%" PRId64 "] %s", i ? ", " : "", k->buf[i]->name,
            kbase_name(k->buf[i]->base), k->buf[i]->n, access[k->buf[i]->access]);
    put(&t, ")");
    put_body(&t, k->body);
    return text_str(&t.text);
}

char *kfunc_dump(Arena *a, const KFunc *f)
{
    Dump t = {.text = text_new(a)};
    put(&t, "func %s(", f->name);
    for (int i = 0; i < f->n_params; i++) {
        put(&t, "%s%s: ", i ? ", " : "", f->param[i]->name);
        put_type(&t, f->param[i]->type);
    }
    put(&t, ") : ");
    put_type(&t, f->type);
    if (f->external) {
        put(&t, " external\n");
        return text_str(&t.text);
    }
    put(&t, " {\n");
    t.indent = 1;
    put_stmts(&t, f->body);
    put(&t, "  return ");
    put_expr(&t, f->result);
    put(&t, "\n}\n");
    return text_str(&t.text);
}
