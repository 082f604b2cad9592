/* Statements and kernels as C functions.
 *
 * A pass over the body counts uses first, so that nothing is printed that a compiler would call
 * unused. Registers become one scalar variable an element, declared where they are first set when
 * that is in the block that declares them. Loops that run once are printed as their body. */
#include "codegen/emit.h"
#include "codegen/team.h"

#include <string.h>

enum { INDENT = 4 };

/* ---- uses ---- */

/* Counters by key. A key is an address, or an address with a register's element and an aspect in
 * its upper bits. */
typedef struct Uses {
    Arena *arena;
    struct UseSlot {
        uint64_t key;
        int count;
    } * slot;
    size_t n, cap;
} Uses;

static uint64_t key_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

typedef enum Aspect { IS_READ = 1, IS_SET = 2 } Aspect;

static uint64_t key_of_element(const KReg *r, const Affine idx[2], Aspect aspect)
{
    uint64_t element = (uint64_t)(idx[0].c * r->dim[1] + idx[1].c);
    return key_of(r) ^ (element << 2 | (uint64_t)aspect) << 48;
}

static struct UseSlot *use_slot(const Uses *u, uint64_t key)
{
    size_t i = (size_t)((key ^ key >> 4) * 0x9E3779B97F4A7C15u >> 24) & (u->cap - 1);
    while (u->slot[i].count && u->slot[i].key != key)
        i = (i + 1) & (u->cap - 1);
    return &u->slot[i];
}

static void count_use(Uses *u, uint64_t key)
{
    if (2 * u->n >= u->cap) {
        Uses bigger = *u;
        bigger.cap = u->cap ? 2 * u->cap : 256;
        bigger.slot = ARENA_ARRAY(u->arena, struct UseSlot, bigger.cap);
        for (size_t i = 0; i < u->cap; i++)
            if (u->slot[i].count)
                *use_slot(&bigger, u->slot[i].key) = u->slot[i];
        *u = bigger;
    }
    struct UseSlot *s = use_slot(u, key);
    u->n += s->count == 0;
    s->key = key;
    s->count++;
}

static bool is_used(const Uses *u, uint64_t key)
{
    return u->cap != 0 && use_slot(u, key)->count != 0;
}

static void count_expr(Uses *u, const KExpr *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < 3; i++)
        count_expr(u, e->arg[i]);
    count_expr(u, e->dyn);
    if (e->kind == KE_GET)
        count_use(u, key_of_element(e->reg, e->idx, IS_READ));
    else if (e->kind == KE_LETREF)
        count_use(u, key_of(e->let));
    else if (e->kind == KE_LOAD)
        count_use(u, key_of(e->buf));
}

/* Whether a statement is printed: not an empty loop, not a LET that nobody reads. Uses are
 * counted from the last statement to the first, so every use of a LET is known before it. */
static bool is_live(const Uses *u, const KStmt *s)
{
    if (s->kind == KS_LET)
        return is_used(u, key_of(s->let));
    return s->kind != KS_FOR || s->var->lo < s->var->hi;
}

bool stmt_is_live(const Printer *p, const KStmt *s)
{
    return is_live(p->uses, s);
}

static void count_stmts(Uses *u, const KStmt *first)
{
    size_t n = 0;
    for (const KStmt *s = first; s; s = s->next)
        n++;
    const KStmt **order = ARENA_ARRAY(u->arena, const KStmt *, n);
    size_t i = n;
    for (const KStmt *s = first; s; s = s->next)
        order[--i] = s;
    for (i = 0; i < n; i++) {
        const KStmt *s = order[i];
        if (!is_live(u, s))
            continue;
        if (s->body)
            count_stmts(u, s->body);
        count_expr(u, s->expr);
        count_expr(u, s->dyn);
        if (s->kind == KS_SET)
            count_use(u, key_of_element(s->reg, s->idx, IS_SET));
        else if (s->kind == KS_STORE || s->kind == KS_PREFETCH)
            count_use(u, key_of(s->buf));
    }
}

/* ---- registers ---- */

/* Whether an element of a register occurs at all. */
static bool element_occurs(const Uses *u, const KReg *r, const Affine idx[2])
{
    return is_used(u, key_of_element(r, idx, IS_READ)) ||
           is_used(u, key_of_element(r, idx, IS_SET));
}

static bool expr_reads(const KExpr *e, const KReg *r, const Affine idx[2])
{
    if (e == NULL)
        return false;
    if (e->kind == KE_GET && e->reg == r && e->idx[0].c == idx[0].c && e->idx[1].c == idx[1].c)
        return true;
    return expr_reads(e->arg[0], r, idx) || expr_reads(e->arg[1], r, idx) ||
           expr_reads(e->arg[2], r, idx) || expr_reads(e->dyn, r, idx);
}

static bool sets(const KStmt *s, const KReg *r, const Affine idx[2])
{
    return s->kind == KS_SET && s->reg == r && s->idx[0].c == idx[0].c && s->idx[1].c == idx[1].c;
}

/* Whether an element occurs in the statements of a list or deeper. */
static bool stmts_mention(const KStmt *s, const KReg *r, const Affine idx[2])
{
    for (; s; s = s->next)
        if (sets(s, r, idx) || expr_reads(s->expr, r, idx) || expr_reads(s->dyn, r, idx) ||
            stmts_mention(s->body, r, idx))
            return true;
    return false;
}

/* The first SET of an element, when it is in the block of the declaration and no deeper block
 * mentions the element before. */
static const KStmt *first_set(const KStmt *reg, const Affine idx[2])
{
    for (const KStmt *s = reg->next; s; s = s->next) {
        if (sets(s, reg->reg, idx))
            return s;
        if (stmts_mention(s->body, reg->reg, idx))
            return NULL;
    }
    return NULL;
}

static bool names_are_free(const Printer *p, const KReg *r, const char *name)
{
    bool free = !name_taken(&p->names, name);
    for (int i = 0; i < r->dim[0] * r->dim[1]; i++)
        free = free && !name_taken(&p->names, element_name(p->arena, r, name, i));
    return free;
}

/* Names a register so that neither it nor an element of it has the name of something else, and
 * takes the names of its elements. */
static void name_register(Printer *p, const KReg *r)
{
    const char *base = c_identifier(p->arena, r->name), *name = base;
    int n = r->dim[0] * r->dim[1];
    for (int suffix = 2; !names_are_free(p, r, name); suffix++)
        name = arena_printf(p->arena, "%s_%d", base, suffix);
    name_give(&p->names, r, name);
    for (int i = 0; i < n && n > 1; i++)
        name_give(&p->names, NULL, element_name(p->arena, r, name, i));
}

/* Declares the elements that are not declared where they are first set. */
static void print_reg(Printer *p, int indent, const KStmt *s)
{
    const KReg *r = s->reg;
    Text line = text_new(p->arena);
    name_register(p, r);
    for (int i = 0; i < r->dim[0]; i++)
        for (int j = 0; j < r->dim[1]; j++) {
            const Affine idx[2] = {aff(i), aff(j)};
            if (!element_occurs(p->uses, r, idx))
                continue;
            const KStmt *set = first_set(s, idx);
            if (set) {
                count_use(p->uses, key_of(set));
            } else {
                text_puts(&line, line.n ? ", " : ctype(p->emit, r->type));
                text_add(&line, "%s%s", line.data[line.n - 1] == ' ' ? "" : " ",
                         reg_name(p, r, idx));
            }
        }
    if (line.n) {
        text_puts(&line, ";");
        text_line(&p->out, indent, text_str(&line));
    }
}

/* ---- statements ---- */

static void print_stmts(Printer *p, int indent, const KStmt *s);

static bool declares(const Printer *p, const KStmt *s)
{
    return s && s->kind == KS_SET && is_used(p->uses, key_of(s));
}

/* Whether e is `name` plus something: the something, so that it prints as `name += …`. */
static const KExpr *addend(const KStmt *s)
{
    const KExpr *e = s->expr;
    if (e->kind != KE_BIN || e->op != KO_ADD || e->type.base != KT_F32)
        return NULL;
    for (int i = 0; i < 2; i++) {
        const KExpr *x = e->arg[i];
        if (x->kind == KE_GET && x->reg == s->reg && x->idx[0].c == s->idx[0].c &&
            x->idx[1].c == s->idx[1].c)
            return e->arg[1 - i];
    }
    return NULL;
}

/* Whether SETs of it are joined to one declaration. */
static bool is_atom(const KExpr *e)
{
    return e->kind == KE_CONST || e->kind == KE_LETREF;
}

/* One SET; or several that declare variables of one type with simple values, as one declaration.
 * Returns the last statement printed. */
static const KStmt *print_set(Printer *p, int indent, const KStmt *s)
{
    Text line = text_new(p->arena);
    if (declares(p, s))
        text_add(&line, "%s ", ctype(p->emit, s->reg->type));
    for (;;) {
        const KExpr *plus = declares(p, s) ? NULL : addend(s);
        text_add(&line, plus ? "%s += " : "%s = ", reg_name(p, s->reg, s->idx));
        print_expr(p, &line, plus ? plus : s->expr, BIND_ANY);
        const KStmt *next = s->next;
        bool read = is_used(p->uses, key_of_element(s->reg, s->idx, IS_READ));
        if (!read || !declares(p, s) || !declares(p, next) || !is_atom(s->expr) ||
            !is_atom(next->expr) || s->reg->type.base != next->reg->type.base ||
            s->reg->type.lanes != next->reg->type.lanes)
            break;
        text_puts(&line, ", ");
        s = next;
    }
    text_puts(&line, ";");
    text_line(&p->out, indent, text_str(&line));
    if (!is_used(p->uses, key_of_element(s->reg, s->idx, IS_READ)))
        text_line(&p->out, indent,
                  arena_printf(p->arena, "(void)%s;", reg_name(p, s->reg, s->idx)));
    return s;
}

static void print_let(Printer *p, int indent, const KStmt *s)
{
    Text line = text_new(p->arena);
    Text value = text_new(p->arena);
    print_expr(p, &value, s->expr, BIND_ANY);
    name_give(&p->names, s->let, s->let->name);
    text_add(&line, "const %s %s = ", ctype(p->emit, s->let->type), name_of(&p->names, s->let));
    text_puts(&line, text_str(&value));
    text_puts(&line, ";");
    text_line(&p->out, indent, text_str(&line));
}

static void print_store(Printer *p, int indent, const KStmt *s)
{
    Text line = text_new(p->arena);
    KType t = s->expr->type;
    if (t.lanes == 1) {
        print_place(p, &line, s->buf, &s->at, s->dyn, s->dyn_scale, false);
        text_puts(&line, " = ");
        print_stored(p, &line, s->buf, s->expr);
    } else {
        bool tail = s->active < t.lanes;
        text_puts(&line, memory_word(p, tail ? "vstoren" : "vstore", s->buf->base, t));
        text_puts(&line, "(");
        print_place(p, &line, s->buf, &s->at, s->dyn, s->dyn_scale, true);
        text_puts(&line, ", ");
        print_expr(p, &line, s->expr, BIND_ANY);
        if (tail)
            text_add(&line, ", %d", s->active);
        text_puts(&line, ")");
    }
    text_puts(&line, ";");
    text_line(&p->out, indent, text_str(&line));
}

static void print_prefetch(Printer *p, int indent, const KStmt *s)
{
    Text line = text_new(p->arena);
    const Affine bytes = aff_mul(affine_tidy(&s->at), (int64_t)kbase_size(s->buf->base));
    text_add(&line, "%s(%s, ",
             word_use(&p->emit->words, s->cache == 1 ? "prefetch_l1" : "prefetch_l2", 1),
             name_of(&p->names, s->buf));
    print_affine(p, &line, &bytes, BIND_ANY);
    text_puts(&line, ");");
    text_line(&p->out, indent, text_str(&line));
}

/* Names that are given from here on end with the matching leave. */
static Names *enter(Printer *p)
{
    Names *outside = ARENA_NEW(p->arena, Names);
    *outside = p->names;
    p->names = names_new(p->arena, outside);
    return outside;
}

static void leave(Printer *p, const Names *outside)
{
    p->names = *outside;
}

/* A block in braces, with the pointers that it declares for itself. */
static void print_block(Printer *p, int indent, const char *head, const KStmt *body)
{
    text_line(&p->out, indent, head);
    int pointers = pointers_open(p, indent + INDENT, body);
    print_stmts(p, indent + INDENT, body);
    pointers_close(p, pointers);
    text_line(&p->out, indent, "}");
}

static void print_for(Printer *p, int indent, const KStmt *s)
{
    const KVar *v = s->var;
    if (runs_once(v)) {
        print_stmts(p, indent, s->body);
        return;
    }
    Names *outside = enter(p);
    const char *name = name_give(&p->names, v, v->name);
    Text head = text_new(p->arena);
    text_add(&head, "for (ptrdiff_t %s = %s; %s < %s", name, int_literal(p->arena, v->lo), name,
             int_literal(p->arena, v->hi));
    if (s->expr) {
        text_add(&head, " && %s < ", name);
        print_expr(p, &head, s->expr, BIND_ANY);
    }
    text_add(&head, "; %s", name);
    text_add(&head, v->step == 1 ? "++) {" : " += %lld) {", (long long)v->step);
    print_block(p, indent, text_str(&head), s->body);
    leave(p, outside);
}

/* A parallel loop: the share of one member of the team. */
static void print_shared_for(Printer *p, const KStmt *s)
{
    const KVar *v = s->var;
    const char *end = name_give(&p->names, NULL, arena_printf(p->arena, "%s_end", v->name));
    Names *outside = enter(p);
    const char *name = name_give(&p->names, v, v->name), *lo = int_literal(p->arena, v->lo);
    const char *factor = v->step == 1 ? "" : arena_printf(p->arena, "%lld * ", (long long)v->step);
    const char *start = v->lo == 0 ? "" : arena_printf(p->arena, "%s + ", lo);
    long long n = (long long)((v->hi - v->lo + v->step - 1) / v->step);
    Text head = text_new(p->arena);
    text_line(&p->out, INDENT,
              arena_printf(p->arena, "const ptrdiff_t %s = %s%steam_share(team, part + 1, %lld);",
                           end, start, factor, n));
    text_add(&head, "for (ptrdiff_t %s = %s%steam_share(team, part, %lld); %s < %s; %s", name,
             start, factor, n, name, end, name);
    text_add(&head, v->step == 1 ? "++) {" : " += %lld) {", (long long)v->step);
    print_block(p, INDENT, text_str(&head), s->body);
    leave(p, outside);
}

/* Conditions that hold nothing but the next one are joined. */
static void print_if(Printer *p, int indent, const KStmt *s)
{
    Text line = text_new(p->arena);
    text_puts(&line, "if (");
    print_condition(p, &line, &s->at);
    while (s->body && s->body->kind == KS_IF && s->body->next == NULL) {
        s = s->body;
        text_puts(&line, " && ");
        print_condition(p, &line, &s->at);
    }
    text_puts(&line, ") {");
    Names *outside = enter(p);
    print_block(p, indent, text_str(&line), s->body);
    leave(p, outside);
}

/* Prints one statement, or several that are joined; returns the last of them. */
static const KStmt *print_stmt(Printer *p, int indent, const KStmt *s)
{
    switch (s->kind) {
    case KS_FOR:
        print_for(p, indent, s);
        break;
    case KS_REG:
        print_reg(p, indent, s);
        break;
    case KS_SET:
        return print_set(p, indent, s);
    case KS_LET:
        print_let(p, indent, s);
        break;
    case KS_STORE:
        print_store(p, indent, s);
        break;
    case KS_IF:
        print_if(p, indent, s);
        break;
    case KS_PREFETCH:
        print_prefetch(p, indent, s);
        break;
    case KS_NOTE:
        text_comment(&p->out, indent, s->text);
        break;
    }
    return s;
}

static void print_stmts(Printer *p, int indent, const KStmt *s)
{
    for (; s; s = s->next)
        if (is_live(p->uses, s))
            s = print_stmt(p, indent, s);
}

/* ---- kernels of a team of threads ---- */

bool kernel_is_shared(const Emit *e, const Kernel *k)
{
    return e->team && team_splits_kernel(k);
}

static void print_team_body(Printer *p, const KStmt *s)
{
    TeamWalk walk = {0};
    for (; s; s = s->next) {
        if (!is_live(p->uses, s))
            continue;
        bool wait;
        TeamWho who = team_step(&walk, s, &wait);
        if (wait)
            text_line(&p->out, INDENT, "team_wait(team);");
        if (who == TEAM_SHARE) {
            print_shared_for(p, s);
        } else if (who == TEAM_FIRST) {
            text_line(&p->out, INDENT, "if (part == 0) {");
            print_stmt(p, 2 * INDENT, s);
            text_line(&p->out, INDENT, "}");
        } else {
            s = print_stmt(p, INDENT, s);
        }
    }
}

/* ---- functions ---- */

static Printer new_printer(Emit *e, Uses *uses)
{
    Printer p = {.emit = e, .arena = e->arena, .uses = uses};
    *uses = (Uses){.arena = e->arena};
    p.names = names_new(e->arena, &e->names);
    p.out = text_new(e->arena);
    return p;
}

void emit_func(Emit *e, const KFunc *f)
{
    Uses uses;
    Printer p = new_printer(e, &uses);
    Text line = text_new(e->arena);
    if (f->external)
        return;
    count_expr(&uses, f->result);
    count_stmts(&uses, f->body);
    text_comment(&p.out, 0, f->note);
    text_add(&line, "static inline %s %s(", ctype(e, f->type), name_give(&e->names, f, f->name));
    for (int i = 0; i < f->n_params; i++)
        text_add(&line, "%s%s %s", i ? ", " : "", ctype(e, f->param[i]->type),
                 name_give(&p.names, f->param[i], f->param[i]->name));
    text_puts(&line, ")");
    text_line(&p.out, 0, text_str(&line));
    text_puts(&p.out, "{\n");
    print_stmts(&p, INDENT, f->body);
    line = text_new(e->arena);
    text_puts(&line, "return ");
    print_expr(&p, &line, f->result, BIND_ANY);
    text_puts(&line, ";");
    text_line(&p.out, INDENT, text_str(&line));
    text_puts(&p.out, "}\n\n");
    text_puts(&e->kernels, text_str(&p.out));
}

/* The head comment: what the kernel does and which nodes it serves. */
static void print_kernel_comment(Printer *p, const Kernel *k)
{
    enum { LISTED = 6 };
    const Program *program = p->emit->program;
    Text s = text_new(p->arena);
    int n = 0;
    for (int i = 0; i < program->n_calls; i++)
        if (program->calls[i].kernel == k && program->calls[i].node && n++ < LISTED)
            text_add(&s, "%s%s", n > 1 ? ", " : "",
                     comment_text(p->arena, node_label(p->arena, program->calls[i].node), 80));
    if (n > LISTED)
        text_add(&s, " and %d more", n - LISTED);
    const char *note = k->note ? k->note : k->name;
    text_comment(&p->out, 0, n ? arena_printf(p->arena, "%s. For %s.", note, text_str(&s)) : note);
}

static const char *linkage(Emit *e)
{
    return e->program->target->lanes > 1 ? word_use(&e->words, "KERNEL", 1) : "static";
}

void emit_kernel(Emit *e, const Kernel *k)
{
    Uses uses;
    Printer p = new_printer(e, &uses);
    Text line = text_new(e->arena);
    count_stmts(&uses, k->body);
    print_kernel_comment(&p, k);
    text_add(&line, "%s void %s(", linkage(e), name_give(&e->names, k, k->name));
    for (int i = 0; i < k->n_bufs; i++)
        text_add(&line, "%s%s%s *%s", i ? ", " : "", k->buf[i]->access & K_WRITE ? "" : "const ",
                 ctype_memory(k->buf[i]->base), name_give(&p.names, k->buf[i], k->buf[i]->name));
    if (kernel_is_shared(e, k)) {
        name_give(&p.names, NULL, "team");
        name_give(&p.names, NULL, "part");
        text_puts(&line, ", struct team *team, int part");
    }
    text_puts(&line, k->n_bufs ? ")" : "void)");
    text_line(&p.out, 0, text_str(&line));
    text_puts(&p.out, "{\n");
    for (int i = 0; i < k->n_bufs; i++)
        if (!is_used(&uses, key_of(k->buf[i])))
            text_add(&p.out, "    (void)%s;\n", name_of(&p.names, k->buf[i]));
    if (kernel_is_shared(e, k))
        print_team_body(&p, k->body);
    else
        print_stmts(&p, INDENT, k->body);
    text_puts(&p.out, "}\n\n");
    text_puts(&e->kernels, text_str(&p.out));
}
