/* Expressions of the kernel IR as C: infix operators for what C and GNU C vectors have, words of
 * the vocabulary for the rest, parentheses only where C or a compiler's warning asks for them.
 *
 * The printed expression performs the operations of the tree and no others, in their order: the
 * file switches contraction off, and a sum on the right of a sum keeps its parentheses. */
#include "codegen/emit.h"

#include <stdlib.h>
#include <string.h>

/* ---- affine sums ---- */

bool runs_once(const KVar *v)
{
    return v->lo < v->hi && v->hi - v->lo <= v->step;
}

Affine affine_tidy(const Affine *a)
{
    Affine r = {.c = a->c};
    for (int i = 0; i < a->n; i++) {
        if (runs_once(a->t[i].v)) {
            r.c += a->t[i].k * a->t[i].v->lo;
            continue;
        }
        int at = r.n++;
        for (; at > 0 && llabs(r.t[at - 1].k) < llabs(a->t[i].k); at--)
            r.t[at] = r.t[at - 1];
        r.t[at] = a->t[i];
    }
    return r;
}

/* The variables that share the factor of term `first`, which is the least with that factor, and the
 * factor: `(oy + ky) * 32`. Returns the term behind the group. */
static int print_group(Printer *p, Text *out, const Affine *a, int first)
{
    int end = first + 1;
    const int64_t k = a->t[first].k;
    while (end < a->n && a->t[end].k == k)
        end++;
    bool several = end - first > 1 && llabs(k) != 1;
    text_puts(out, several ? "(" : "");
    for (int i = first; i < end; i++)
        text_add(out, "%s%s",
                 i == first          ? ""
                 : k < 0 && !several ? " - "
                                     : " + ",
                 name_of(&p->names, a->t[i].v));
    text_puts(out, several ? ")" : "");
    if (llabs(k) != 1)
        text_add(out, " * %s", int_literal(p->arena, llabs(k)));
    return end;
}

/* The terms of one sign (and the constant when it has that sign); nothing prints as 0. */
static void print_half(Printer *p, Text *out, const Affine *a, int sign)
{
    Affine half = {.c = (a->c > 0) == (sign > 0) ? llabs(a->c) : 0};
    for (int i = 0; i < a->n; i++)
        if ((a->t[i].k > 0) == (sign > 0)) {
            half.t[half.n] = a->t[i];
            half.t[half.n++].k = llabs(a->t[i].k);
        }
    for (int i = 0; i < half.n;) {
        text_puts(out, i ? " + " : "");
        i = print_group(p, out, &half, i);
    }
    if (half.n == 0 || half.c != 0)
        text_add(out, "%s%s", half.n ? " + " : "", int_literal(p->arena, half.c));
}

void print_affine(Printer *p, Text *out, const Affine *a, int least)
{
    Affine s = affine_tidy(a);
    bool atom = s.n == 0 || (s.n == 1 && s.c == 0 && s.t[0].k == 1);
    bool parentheses = !atom && least > BIND_ADD;
    text_puts(out, parentheses ? "(" : "");
    if (s.n == 0)
        text_puts(out, int_literal(p->arena, s.c));
    else
        print_half(p, out, &s, 1);
    for (int i = 0; i < s.n;) {
        if (s.t[i].k > 0) {
            i++;
            continue;
        }
        text_puts(out, " - ");
        i = print_group(p, out, &s, i);
    }
    if (s.n && s.c < 0)
        text_add(out, " - %s", int_literal(p->arena, -s.c));
    text_puts(out, parentheses ? ")" : "");
}

void print_condition(Printer *p, Text *out, const Affine *a)
{
    Affine s = affine_tidy(a);
    bool variable = false;
    for (int i = 0; i < s.n; i++)
        variable = variable || s.t[i].k > 0;
    print_half(p, out, &s, variable ? 1 : -1);
    text_puts(out, variable ? " >= " : " <= ");
    print_half(p, out, &s, variable ? -1 : 1);
}

/* ---- places in memory ---- */

/* `oy * 56 + 3` and the dynamic term, `(ptrdiff_t)i * 64 + oy * 56`. */
static void print_index(Printer *p, Text *out, const Affine *at, const KExpr *dyn, int64_t scale)
{
    if (dyn) {
        text_puts(out, "(ptrdiff_t)");
        print_expr(p, out, dyn, BIND_UNARY);
        if (scale != 1)
            text_add(out, " * %s", int_literal(p->arena, scale));
        Affine s = affine_tidy(at);
        if (s.n == 0 && s.c == 0)
            return;
        text_puts(out, " + ");
    }
    print_affine(p, out, at, dyn ? BIND_MUL : BIND_ANY);
}

void print_place(Printer *p, Text *out, const KBuf *buf, const Affine *at, const KExpr *dyn,
                 int64_t scale, bool vector)
{
    int64_t offset = 0;
    const char *pointer = dyn ? NULL : pointer_for(p, buf, at, &offset);
    const Affine place = pointer ? aff(offset) : affine_tidy(at);
    text_puts(out, pointer ? pointer : name_of(&p->names, buf));
    if (vector && dyn == NULL && place.n == 0 && place.c == 0)
        return;
    text_puts(out, vector ? " + " : "[");
    print_index(p, out, &place, dyn, scale);
    text_puts(out, vector ? "" : "]");
}

char *reg_name(Printer *p, const KReg *r, const Affine idx[2])
{
    return element_name(p->arena, r, name_of(&p->names, r), idx[0].c * r->dim[1] + idx[1].c);
}

char *element_name(Arena *a, const KReg *r, const char *name, int64_t i)
{
    const int64_t at[2] = {i / r->dim[1], i % r->dim[1]};
    for (int d = 0; d < 2; d++)
        if (r->dim[d] > 1)
            name = arena_printf(a, "%s_%lld", name, (long long)at[d]);
    return arena_strdup(a, name);
}

/* ---- how each operator is written ---- */

/* An infix operator, or a word: of floats, integers and vectors of both. */
typedef struct Spelling {
    const char *infix; /* NULL: a word */
    int bind;          /* of the result */
    int operand;       /* that operands must have; the right one binds tighter by one */
    const char *word;  /* of vectors; a word of integer vectors ends in 'i' */
} Spelling;

static const Spelling spellings[] = {
    [KO_NEG] = {"-", BIND_UNARY, BIND_UNARY, NULL},
    [KO_ABS] = {NULL, BIND_POSTFIX, 0, "vabs"},
    [KO_SQRT] = {NULL, BIND_POSTFIX, 0, "vsqrt"},
    [KO_FLOOR] = {NULL, BIND_POSTFIX, 0, "vfloor"},
    [KO_CEIL] = {NULL, BIND_POSTFIX, 0, "vceil"},
    [KO_ROUND] = {NULL, BIND_POSTFIX, 0, "vround"},
    [KO_NOT] = {"~", BIND_UNARY, BIND_UNARY, NULL},
    [KO_BITCAST] = {NULL, BIND_POSTFIX, 0, NULL},
    [KO_ADD] = {"+", BIND_ADD, BIND_ADD, NULL},
    [KO_SUB] = {"-", BIND_ADD, BIND_ADD, NULL},
    [KO_MUL] = {"*", BIND_MUL, BIND_MUL, NULL},
    [KO_DIV] = {"/", BIND_MUL, BIND_MUL, NULL},
    [KO_MIN] = {NULL, BIND_POSTFIX, 0, "vmin"},
    [KO_MAX] = {NULL, BIND_POSTFIX, 0, "vmax"},
    [KO_AND] = {"&", BIND_AND, BIND_UNARY, NULL},
    [KO_OR] = {"|", BIND_OR, BIND_UNARY, NULL},
    [KO_XOR] = {"^", BIND_XOR, BIND_UNARY, NULL},
    [KO_SHL] = {"<<", BIND_SHIFT, BIND_UNARY, NULL},
    [KO_SHR] = {">>", BIND_SHIFT, BIND_UNARY, NULL},
    [KO_REM] = {"%", BIND_MUL, BIND_MUL, NULL},
    [KO_EQ] = {"==", BIND_EQ, BIND_REL, "veq"},
    [KO_NE] = {"!=", BIND_EQ, BIND_REL, "vne"},
    [KO_LT] = {"<", BIND_REL, BIND_SHIFT, "vlt"},
    [KO_LE] = {"<=", BIND_REL, BIND_SHIFT, "vle"},
    [KO_GT] = {">", BIND_REL, BIND_SHIFT, "vgt"},
    [KO_GE] = {">=", BIND_REL, BIND_SHIFT, "vge"},
};

/* Integers of 32 and 64 bits wrap around, which takes a word: in C their overflow is undefined. */
static const Spelling wrapping_spellings[] = {
    [KO_NEG] = {NULL, BIND_POSTFIX, 0, "vneg"}, [KO_ADD] = {NULL, BIND_POSTFIX, 0, "vadd"},
    [KO_SUB] = {NULL, BIND_POSTFIX, 0, "vsub"}, [KO_MUL] = {NULL, BIND_POSTFIX, 0, "vmul"},
    [KO_SHL] = {NULL, BIND_POSTFIX, 0, "vshl"},
};

static bool wraps(const KExpr *e)
{
    bool integer = e->type.base == KT_I32 || e->type.base == KT_I64;
    return integer && (e->op == KO_NEG || e->op == KO_ADD || e->op == KO_SUB || e->op == KO_MUL ||
                       e->op == KO_SHL);
}

/* Masks of one lane are truth values. */
static const Spelling mask_spellings[] = {
    [KO_NOT] = {"!", BIND_UNARY, BIND_UNARY, NULL},
    [KO_AND] = {"&&", BIND_LAND, BIND_OR, NULL},
    [KO_OR] = {"||", BIND_LOR, BIND_OR, NULL},
    [KO_XOR] = {"!=", BIND_EQ, BIND_UNARY, NULL},
};

static const Spelling *spelling(const KExpr *e)
{
    if (e->type.base == KT_MASK && e->type.lanes == 1 && e->kind != KE_CMP)
        return &mask_spellings[e->op];
    if (wraps(e))
        return &wrapping_spellings[e->op];
    return &spellings[e->op];
}

/* Whether a scalar integer operation needs a word because its right operand may be anything: a
 * division by 0 or -1, a shift by no count below the width. */
static bool is_guarded(const KExpr *e)
{
    const KExpr *y = e->arg[1];
    if (e->type.lanes > 1 || kbase_is_float(e->type.base) || e->type.base == KT_MASK)
        return false;
    if (e->op == KO_DIV || e->op == KO_REM)
        return y->kind != KE_CONST || y->i == 0 || y->i == -1;
    if (e->op == KO_SHL || e->op == KO_SHR)
        return y->kind != KE_CONST || y->i < 0 || y->i >= 8 * (int64_t)kbase_size(e->type.base);
    return false;
}

/* How tightly the printed form of `e` binds. */
static int binding(Printer *p, const KExpr *e)
{
    switch (e->kind) {
    case KE_CONST:
        return e->type.lanes > 1 ? BIND_POSTFIX : BIND_UNARY;
    case KE_INDEX:
        return BIND_UNARY;
    case KE_SPLAT:
        return e->type.lanes > 1 ? BIND_POSTFIX : binding(p, e->arg[0]);
    case KE_UN:
        if (e->op == KO_NOT && e->type.base == KT_MASK)
            return BIND_UNARY;
        return spelling(e)->bind;
    case KE_BIN:
        return is_guarded(e) ? BIND_POSTFIX : spelling(e)->bind;
    case KE_LOAD:
        return e->buf->base == KT_U32 ? BIND_UNARY : BIND_POSTFIX;
    case KE_CMP:
        return e->type.lanes > 1 ? BIND_POSTFIX : spelling(e)->bind;
    case KE_SELECT:
        return e->type.lanes > 1 ? BIND_POSTFIX : BIND_COND;
    case KE_CVT:
        return cvt_is_word(e) ? BIND_POSTFIX : BIND_UNARY;
    default:
        return BIND_POSTFIX;
    }
}

/* ---- calls of words ---- */

static const char *word(Printer *p, const char *name, int lanes)
{
    return word_use(&p->emit->words, name, lanes);
}

void print_args(Printer *p, Text *out, KExpr *const *arg, int n)
{
    text_puts(out, "(");
    for (int i = 0; i < n; i++) {
        text_puts(out, i ? ", " : "");
        print_expr(p, out, arg[i], BIND_ANY);
    }
    text_puts(out, ")");
}

const char *typed_word(Printer *p, const char *stem, KType t)
{
    if (t.lanes == 1)
        return word(p, arena_printf(p->arena, "%s_%s", stem + 1, kbase_name(t.base)), 1);
    const char *end = t.base == KT_F32 ? "" : t.base == KT_MASK ? "m" : "i";
    return word(p, arena_printf(p->arena, "%s%s", stem, end), t.lanes);
}

/* ---- each kind ---- */

/* The functions of the C library for scalars. */
static const char *scalar_function(Printer *p, const KExpr *e)
{
    static const char *const name[] = {
        [KO_ABS] = "fabs",  [KO_SQRT] = "sqrt",       [KO_FLOOR] = "floor",
        [KO_CEIL] = "ceil", [KO_ROUND] = "nearbyint",
    };
    if (e->type.base == KT_F32)
        return arena_printf(p->arena, "%sf", name[e->op]);
    return e->type.base == KT_F64 ? name[e->op] : typed_word(p, "vabs", e->type);
}

static void print_unary(Printer *p, Text *out, const KExpr *e)
{
    const Spelling *s = spelling(e);
    if (e->op == KO_BITCAST) {
        print_bitcast(p, out, e);
    } else if (s->infix) {
        text_puts(out, s->infix);
        print_expr(p, out, e->arg[0], BIND_POSTFIX);
    } else {
        bool function = e->type.lanes == 1 && !wraps(e);
        text_puts(out, function ? scalar_function(p, e) : typed_word(p, s->word, e->type));
        print_args(p, out, e->arg, 1);
    }
}

/* The shift count: a number, also when a vector of it was built. */
static void print_shift_count(Printer *p, Text *out, const KExpr *e)
{
    if (e->kind == KE_SPLAT)
        e = e->arg[0];
    if (e->kind == KE_CONST)
        text_puts(out, int_literal(p->arena, e->i));
    else
        print_expr(p, out, e, BIND_UNARY);
}

static void print_binary(Printer *p, Text *out, const KExpr *e)
{
    static const char *const guarded[] = {
        [KO_DIV] = "vdiv", [KO_REM] = "vrem", [KO_SHL] = "vshift_left", [KO_SHR] = "vshift_right"};
    const Spelling *s = spelling(e);
    if (is_guarded(e)) {
        text_puts(out, typed_word(p, guarded[e->op], e->type));
        print_args(p, out, e->arg, 2);
    } else if (e->op == KO_SHL && s->word) {
        text_add(out, "%s(", typed_word(p, s->word, e->type));
        print_expr(p, out, e->arg[0], BIND_ANY);
        text_puts(out, ", ");
        print_shift_count(p, out, e->arg[1]);
        text_puts(out, ")");
    } else if (s->infix) {
        bool logic = s->operand == BIND_UNARY;
        print_expr(p, out, e->arg[0], s->operand);
        text_add(out, " %s ", s->infix);
        if (e->op == KO_SHR || e->op == KO_SHL)
            print_shift_count(p, out, e->arg[1]);
        else
            print_expr(p, out, e->arg[1], logic ? s->operand : s->operand + 1);
    } else {
        text_puts(out, typed_word(p, s->word, e->type));
        print_args(p, out, e->arg, 2);
    }
}

static void print_compare(Printer *p, Text *out, const KExpr *e)
{
    const Spelling *s = spelling(e);
    if (e->type.lanes > 1) {
        text_puts(out, typed_word(p, s->word, e->arg[0]->type));
        print_args(p, out, e->arg, 2);
        return;
    }
    print_expr(p, out, e->arg[0], s->operand);
    text_add(out, " %s ", s->infix);
    print_expr(p, out, e->arg[1], s->operand);
}

static void print_select(Printer *p, Text *out, const KExpr *e)
{
    if (e->type.lanes > 1) {
        text_puts(out, typed_word(p, "vselect", e->type));
        print_args(p, out, e->arg, 3);
        return;
    }
    print_expr(p, out, e->arg[0], BIND_LOR);
    text_puts(out, " ? ");
    print_expr(p, out, e->arg[1], BIND_LOR);
    text_puts(out, " : ");
    print_expr(p, out, e->arg[2], BIND_COND);
}

static void print_shuffle(Printer *p, Text *out, const KExpr *e)
{
    int from = e->arg[0]->type.lanes, n = e->type.lanes;
    if (n == 1) {
        const KExpr *source = e->arg[e->shuf[0] >= from];
        print_expr(p, out, source, BIND_POSTFIX);
        if (from > 1)
            text_add(out, "[%d]", e->shuf[0] % from);
        return;
    }
    text_puts(out, word(p, e->arg[1] ? "shuffle2" : "shuffle", 1));
    text_puts(out, "(");
    for (int i = 0; i < 2 && e->arg[i]; i++) {
        print_expr(p, out, e->arg[i], BIND_COND);
        text_puts(out, ", ");
    }
    for (int i = 0; i < n; i++)
        text_add(out, "%s%d", i ? ", " : "", e->shuf[i]);
    text_puts(out, ")");
}

static void print_reduce(Printer *p, Text *out, const KExpr *e)
{
    const char *stem = e->op == KO_ADD ? "vsum" : e->op == KO_MIN ? "vleast" : "vgreatest";
    text_puts(out, typed_word(p, stem, e->arg[0]->type));
    print_args(p, out, e->arg, 1);
}

static void print_fma(Printer *p, Text *out, const KExpr *e)
{
    text_puts(out, e->type.lanes > 1 ? word(p, "vfma", e->type.lanes) : "fmaf");
    print_args(p, out, e->arg, 3);
}

static void print_plain(Printer *p, Text *out, const KExpr *e)
{
    switch (e->kind) {
    case KE_CONST:
        print_const(p, out, e);
        return;
    case KE_INDEX:
        text_add(out, "(%s)", ctype_memory(e->type.base));
        print_affine(p, out, &e->at, BIND_UNARY);
        return;
    case KE_GET:
        text_puts(out, reg_name(p, e->reg, e->idx));
        return;
    case KE_LETREF:
        text_puts(out, name_of(&p->names, e->let));
        return;
    case KE_LOAD:
        print_load(p, out, e);
        return;
    case KE_SPLAT:
        text_puts(out, e->type.lanes > 1 ? typed_word(p, "vsplat", e->type) : "");
        print_args(p, out, e->arg, 1);
        return;
    case KE_FMA:
        print_fma(p, out, e);
        return;
    case KE_UN:
        print_unary(p, out, e);
        return;
    case KE_BIN:
        print_binary(p, out, e);
        return;
    case KE_CMP:
        print_compare(p, out, e);
        return;
    case KE_SELECT:
        print_select(p, out, e);
        return;
    case KE_CVT:
        print_cvt(p, out, e);
        return;
    case KE_SHUF:
        print_shuffle(p, out, e);
        return;
    case KE_REDUCE:
        print_reduce(p, out, e);
        return;
    case KE_CALL:
        text_puts(out, e->func->external ? e->func->external : name_of(&p->emit->names, e->func));
        print_args(p, out, e->arg, e->func->n_params);
        return;
    }
}

void print_expr(Printer *p, Text *out, const KExpr *e, int least)
{
    bool parentheses = binding(p, e) < least;
    text_puts(out, parentheses ? "(" : "");
    print_plain(p, out, e);
    text_puts(out, parentheses ? ")" : "");
}
