/* Matching of patterns against the graph, by backtracking: see pattern.h for the language.
 *
 * In: a pattern and a node. Out: what the letters stand for. Holds: a failed attempt leaves no
 * trace in the match; products are unfolded only as far as the pattern has factors, so the work is
 * bounded however long a chain of multiplications is. */
#include "passes/pattern.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_UNFOLDINGS = 6 };

/* ---- the text ---- */

static void skip_space(const char **s)
{
    while (**s == ' ')
        ++*s;
}

static const Pattern *parse(Arena *a, const char **s);

static bool parse_args(Arena *a, const char **s, Pattern *p)
{
    do {
        ++*s; /* the parenthesis or the comma */
        if (p->n == PATTERN_ARGS)
            return false;
        p->arg[p->n] = parse(a, s);
        if (p->arg[p->n++] == NULL)
            return false;
        skip_space(s);
    } while (**s == ',');
    if (**s != ')')
        return false;
    ++*s;
    return true;
}

static const Pattern *parse_op(Arena *a, const char **s, Pattern *p)
{
    const char *start = *s;
    while (isalnum((unsigned char)**s))
        ++*s;
    p->kind = PATTERN_OP;
    p->op = op_find("", arena_printf(a, "%.*s", (int)(*s - start), start));
    return p->op != OP_NONE && **s == '(' && parse_args(a, s, p) ? p : NULL;
}

static const Pattern *parse(Arena *a, const char **s)
{
    Pattern *p = ARENA_NEW(a, Pattern);
    skip_space(s);
    if (isupper((unsigned char)**s))
        return parse_op(a, s, p);
    bool capture = **s == '$';
    *s += capture;
    if (islower((unsigned char)**s)) {
        p->kind = capture ? PATTERN_CAPTURE : PATTERN_VALUE;
        p->letter = *(*s)++ - 'a';
        return p;
    }
    char *end;
    p->kind = PATTERN_NUMBER;
    p->number = strtod(*s, &end);
    if (end == *s)
        return NULL;
    *s = end;
    return p;
}

const Pattern *pattern_parse(Arena *a, const char *text)
{
    const Pattern *p = parse(a, &text);
    return p && *text == '\0' ? p : NULL;
}

/* ---- numbers and letters ---- */

bool pattern_close(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static bool is_number(const Value *v)
{
    return v->constant && shape_numel(&v->shape) == 1;
}

static bool match_number(Match *m, const Pattern *p, double number)
{
    if (p->kind == PATTERN_NUMBER)
        return pattern_close(p->number, number);
    if (p->kind != PATTERN_CAPTURE || !isfinite(number))
        return false;
    if (m->has_number[p->letter])
        return pattern_close(m->number[p->letter], number);
    m->has_number[p->letter] = true;
    m->number[p->letter] = number;
    return true;
}

static bool is_scalar(const Pattern *p)
{
    return p->kind == PATTERN_NUMBER || p->kind == PATTERN_CAPTURE;
}

static bool cover(Match *m, Node *n)
{
    for (int i = 0; i < m->n_nodes; i++)
        if (m->node[i] == n)
            return true;
    if (m->n_nodes == PATTERN_NODES)
        return false;
    m->node[m->n_nodes++] = n;
    return true;
}

static bool match_node(Match *m, const Pattern *p, Node *n);
static bool match_product(Match *m, const Pattern *p, Value *v);

static bool match_value(Match *m, const Pattern *p, Value *v)
{
    switch (p->kind) {
    case PATTERN_VALUE:
        if (m->value[p->letter] == NULL)
            m->value[p->letter] = v;
        return m->value[p->letter] == v;
    case PATTERN_NUMBER:
    case PATTERN_CAPTURE:
        return is_number(v) && match_number(m, p, tensor_get_f64(v->constant, 0));
    case PATTERN_OP:
        break;
    }
    if (p->op == OP_Mul) /* also of one factor: any value is 1 times itself */
        return match_product(m, p, v);
    return v->def && match_node(m, p, v->def);
}

/* ---- products ---- */

/* The factors found so far: values, and a number. */
typedef struct Product {
    Value *value[PATTERN_ARGS];
    int n;
    double number;
    int unfoldings;
} Product;

static bool usable(const Node *n)
{
    return !n->dead && n->n_epilogue == 0 && n->n_out == 1;
}

static bool add_factor(Product *f, Value *v)
{
    if (is_number(v)) {
        f->number *= tensor_get_f64(v->constant, 0);
        return true;
    }
    if (f->n == PATTERN_ARGS)
        return false;
    f->value[f->n++] = v;
    return true;
}

/* Puts the factors of node `n` into *f. */
static bool unfold(const Node *n, Product *f)
{
    if (!usable(n) || n->n_in != 2)
        return false;
    double number = is_number(n->in[1]) ? tensor_get_f64(n->in[1]->constant, 0) : NAN;
    if (n->op == OP_Mul)
        return add_factor(f, n->in[0]) && add_factor(f, n->in[1]);
    if (n->op == OP_Div) {
        f->number /= number;
        return isfinite(f->number) && add_factor(f, n->in[0]);
    }
    if (n->op != OP_Pow || (number != 2 && number != 3))
        return false;
    for (int i = 0; i < (int)number; i++)
        if (!add_factor(f, n->in[0]))
            return false;
    return true;
}

/* The numbers of the pattern multiply to the number of the product. */
static bool match_numbers(Match *m, const Pattern *p, double number)
{
    const Pattern *capture = NULL;
    double known = 1;
    for (int i = 0; i < p->n; i++) {
        if (p->arg[i]->kind == PATTERN_NUMBER)
            known *= p->arg[i]->number;
        else if (p->arg[i]->kind == PATTERN_CAPTURE)
            capture = p->arg[i];
    }
    return capture ? match_number(m, capture, number / known) : pattern_close(known, number);
}

/* The factors from number `k` of the pattern on against those of the product that are not NULL. */
static bool match_factors(Match *m, const Pattern *p, int k, Product f)
{
    while (k < p->n && is_scalar(p->arg[k]))
        k++;
    if (k == p->n)
        return true;
    for (int i = 0; i < f.n; i++) {
        const Match before = *m;
        Product rest = f;
        rest.value[i] = NULL;
        if (f.value[i] && match_value(m, p->arg[k], f.value[i]) && match_factors(m, p, k + 1, rest))
            return true;
        *m = before;
    }
    return false;
}

static bool match_unfolded(Match *m, const Pattern *p, const Product *f);

/* The same with factor i replaced by its own factors. */
static bool match_one_unfolded(Match *m, const Pattern *p, const Product *f, int i)
{
    Product more = {.number = f->number, .unfoldings = f->unfoldings + 1};
    Node *n = f->value[i]->def;
    if (n == NULL)
        return false;
    for (int k = 0; k < f->n; k++)
        if (k != i)
            more.value[more.n++] = f->value[k];
    return unfold(n, &more) && cover(m, n) && match_unfolded(m, p, &more);
}

/* Unfolds one of the factors: those that only one node reads, or the others. */
static bool match_deeper(Match *m, const Pattern *p, const Product *f, bool shared)
{
    const Match before = *m;
    for (int i = 0; i < f->n && f->unfoldings < MAX_UNFOLDINGS; i++) {
        const Value *v = f->value[i];
        int readers = v->is_output;
        for (int k = 0; k < v->n_users && readers < 2; k++)
            readers += !v->users[k]->dead;
        bool is_shared = readers > 1 && v->def != m->root;
        if (is_shared == shared && match_one_unfolded(m, p, f, i))
            return true;
        *m = before;
    }
    return false;
}

/* Unfolds as far as possible first: so numbers go to the pattern's number, not into x. What others
 * read too comes last: it can only disappear when all its readers are in the pattern. */
static bool match_unfolded(Match *m, const Pattern *p, const Product *f)
{
    const Match before = *m;
    int count = 0;
    for (int i = 0; i < p->n; i++)
        count += !is_scalar(p->arg[i]);
    if (f->n > count)
        return false;
    if (match_deeper(m, p, f, false))
        return true;
    if (f->n == count && match_numbers(m, p, f->number) && match_factors(m, p, 0, *f))
        return true;
    *m = before;
    return match_deeper(m, p, f, true);
}

static bool match_product(Match *m, const Pattern *p, Value *v)
{
    Product whole = {.value = {v}, .n = 1, .number = 1};
    return match_unfolded(m, p, &whole);
}

/* ---- nodes ---- */

/* The numbers behind the operands. */
static bool match_params(Match *m, const Pattern *p, int first, const EwParams *ew)
{
    const double params[] = {ew->alpha, ew->beta, ew->gamma};
    for (int i = first; i < p->n; i++)
        if (i - first > 2 || !match_number(m, p->arg[i], params[i - first]))
            return false;
    return true;
}

static bool match_operands(Match *m, const Pattern *p, Node *n, bool exchanged)
{
    int count = n->n_in;
    while (count > 0 && n->in[count - 1] == NULL)
        count--;
    for (int i = 0; i < count; i++) {
        Value *v = n->in[exchanged ? 1 - i : i];
        if (v == NULL || (i < p->n ? !match_value(m, p->arg[i], v) : v->constant == NULL))
            return false;
    }
    return p->n <= count || match_params(m, p, count, &n->params.ew);
}

/* x - c is Add(x, -c). */
static bool match_difference(Match *m, const Pattern *p, const Node *n)
{
    if (n->n_in != 2 || p->n != 2 || !is_number(n->in[1]))
        return false;
    const Match before = *m;
    double number = -tensor_get_f64(n->in[1]->constant, 0);
    for (int k = 0; k < 2; k++) {
        if (is_scalar(p->arg[1 - k]) && match_number(m, p->arg[1 - k], number) &&
            match_value(m, p->arg[k], n->in[0]))
            return true;
        *m = before;
    }
    return false;
}

static bool match_node(Match *m, const Pattern *p, Node *n)
{
    const Match before = *m;
    if (!usable(n) || !cover(m, n))
        return false;
    if (p->op == OP_Add && n->op == OP_Sub)
        return match_difference(m, p, n);
    if (n->op != p->op)
        return false;
    if (match_operands(m, p, n, false))
        return true;
    if (!op_has(n->op, T_COMMUTATIVE) || n->n_in != 2)
        return false;
    *m = before;
    return cover(m, n) && match_operands(m, p, n, true);
}

/* ---- the whole ---- */

static bool is_covered(const Match *m, const Node *n)
{
    for (int i = 0; i < m->n_nodes; i++)
        if (m->node[i] == n)
            return true;
    return false;
}

/* Whether only covered nodes read what the covered nodes, but for the root, make. */
static bool is_closed(const Match *m, const Node *root)
{
    for (int i = 0; i < m->n_nodes; i++) {
        const Value *v = m->node[i]->out[0];
        if (m->node[i] == root)
            continue;
        if (v->is_output)
            return false;
        for (int k = 0; k < v->n_users; k++)
            if (!v->users[k]->dead && !is_covered(m, v->users[k]))
                return false;
    }
    return true;
}

bool pattern_match(const Pattern *p, Node *root, Match *m)
{
    memset(m, 0, sizeof *m);
    m->root = root;
    bool ok = p->op == OP_Mul ? match_product(m, p, root->out[0]) : match_node(m, p, root);
    return ok && is_covered(m, root) && is_closed(m, root);
}

Value *pattern_value(const Match *m, char letter)
{
    return m->value[letter - 'a'];
}

double pattern_number(const Match *m, char letter)
{
    return m->number[letter - 'a'];
}
