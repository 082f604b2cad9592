/* Einsum: equation and shapes -> labels.
 *
 * Comes in: a text from the model. Goes out: for each axis of each operand a number; the axes of
 * the result come first. Without "->" the result has the ellipsis, then the letters that occur
 * once, in alphabetical order. Holds: every axis of every operand has a label; axes of one label
 * agree or have extent 1. */
#include "ir/einsum.h"

#include "ir/ops.h"

#include <string.h>

enum { ELLIPSIS = 256, MAX_TERM = 64 };

/* A term: letters, and at most one ELLIPSIS. */
typedef struct Term {
    int n;
    int letter[MAX_TERM];
} Term;

typedef struct Parser {
    Graph *g;
    const Node *node;
    const char *at;
    Term term[EINSUM_OPERANDS], result;
    int n_terms;
    int ellipsis; /* axes that it stands for */
    /* Label of a letter, and of the axes of the ellipsis (aligned at the right); -1: none yet. */
    int of_letter[128], of_ellipsis[MAX_RANK];
} Parser;

static bool fail(const Parser *p, const char *what)
{
    return node_error(p->g, p->node, "equation: %s", what);
}

/* ---- text -> terms ---- */

/* Whatever letters the host's locale has. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool read_term(Parser *p, Term *t)
{
    bool dots = false;
    t->n = 0;
    for (;; p->at++) {
        while (*p->at == ' ')
            p->at++;
        if (*p->at == '\0' || *p->at == ',' || *p->at == '-')
            return true;
        if (t->n == MAX_TERM)
            return fail(p, "a term has too many letters");
        if (is_letter(*p->at)) {
            t->letter[t->n++] = (unsigned char)*p->at;
            continue;
        }
        if (strncmp(p->at, "...", 3) != 0)
            return fail(p, "only letters, ellipses, commas and one arrow may stand in it");
        if (dots)
            return fail(p, "a term has two ellipses");
        dots = true;
        t->letter[t->n++] = ELLIPSIS;
        p->at += 2;
    }
}

static int occurrences(const Parser *p, int letter)
{
    int count = 0;
    for (int i = 0; i < p->n_terms; i++)
        for (int k = 0; k < p->term[i].n; k++)
            count += p->term[i].letter[k] == letter;
    return count;
}

static void implicit_result(Parser *p)
{
    p->result.n = 0;
    if (occurrences(p, ELLIPSIS) > 0)
        p->result.letter[p->result.n++] = ELLIPSIS;
    for (int letter = 0; letter < 128; letter++)
        if (occurrences(p, letter) == 1 && p->result.n < MAX_TERM)
            p->result.letter[p->result.n++] = letter;
}

static bool read_equation(Parser *p)
{
    for (;; p->at++) {
        if (p->n_terms == EINSUM_OPERANDS)
            return node_unsupported(p->g, p->node, "equation: more than %d terms", EINSUM_OPERANDS);
        if (!read_term(p, &p->term[p->n_terms++]))
            return false;
        if (*p->at != ',')
            break;
    }
    if (*p->at == '\0') {
        implicit_result(p);
        return true;
    }
    if (p->at[1] != '>')
        return fail(p, "\"-\" without \">\"");
    p->at += 2;
    return read_term(p, &p->result) && (*p->at == '\0' || fail(p, "text behind the result"));
}

/* ---- terms -> labels ---- */

static bool new_label(const Parser *p, Einsum *e, int *label)
{
    if (e->n_labels == EINSUM_LABELS)
        return node_unsupported(p->g, p->node, "equation: more than %d labels", EINSUM_LABELS);
    e->extent[e->n_labels] = 1;
    *label = e->n_labels++;
    return true;
}

/* How many axes the ellipsis of a term stands for in an operand of that rank; -1: the term has not
 * as many letters as the operand has axes. */
static int ellipsis_axes(const Term *t, int rank)
{
    bool dots = false;
    for (int i = 0; i < t->n; i++)
        dots = dots || t->letter[i] == ELLIPSIS;
    int axes = rank - (t->n - dots);
    return axes < 0 || (axes > 0 && !dots) ? -1 : axes;
}

static bool measure_ellipsis(Parser *p)
{
    for (int i = 0; i < p->n_terms; i++) {
        int axes = ellipsis_axes(&p->term[i], p->node->in[i]->shape.rank);
        if (axes < 0)
            return node_error(p->g, p->node, "equation: term %d does not fit input of shape %s", i,
                              shape_str(p->g->arena, &p->node->in[i]->shape));
        p->ellipsis = axes > p->ellipsis ? axes : p->ellipsis;
    }
    return true;
}

static bool label_result(Parser *p, Einsum *e)
{
    for (int k = 0; k < p->result.n; k++) {
        int letter = p->result.letter[k];
        if (letter == ELLIPSIS) {
            for (int i = 0; i < p->ellipsis; i++)
                if (!new_label(p, e, &p->of_ellipsis[i]))
                    return false;
            continue;
        }
        if (occurrences(p, letter) == 0)
            return fail(p, "the result has a letter that no term has");
        if (p->of_letter[letter] >= 0)
            return fail(p, "the result has a letter twice");
        if (!new_label(p, e, &p->of_letter[letter]))
            return false;
    }
    e->n_out = e->n_labels;
    return e->n_out <= MAX_RANK ||
           node_unsupported(p->g, p->node, "result has %d axes, at most %d are supported", e->n_out,
                            MAX_RANK);
}

/* Axis `axis` of operand `i` gets the label. */
static bool label_axis(const Parser *p, Einsum *e, int i, int axis, int *label)
{
    int64_t extent = p->node->in[i]->shape.dim[axis];
    if (*label < 0 && !new_label(p, e, label))
        return false;
    e->operand[i].label[axis] = *label;
    int64_t *have = &e->extent[*label];
    if (extent != *have && extent != 1 && *have != 1)
        return node_error(p->g, p->node, "equation: axis %d of input %d has extent %lld, not %lld",
                          axis, i, (long long)extent, (long long)*have);
    *have = *have == 1 ? extent : *have;
    return true;
}

static bool label_operand(Parser *p, Einsum *e, int i)
{
    const Term *t = &p->term[i];
    int rank = p->node->in[i]->shape.rank, axes = ellipsis_axes(t, rank), axis = 0;
    e->operand[i].rank = rank;
    for (int k = 0; k < t->n; k++) {
        int letter = t->letter[k];
        for (int d = 0; letter == ELLIPSIS && d < axes; d++)
            if (!label_axis(p, e, i, axis++, &p->of_ellipsis[p->ellipsis - axes + d]))
                return false;
        if (letter != ELLIPSIS && !label_axis(p, e, i, axis++, &p->of_letter[letter]))
            return false;
    }
    return true;
}

static void set_strides(const Node *n, Einsum *e)
{
    for (int i = 0; i < e->n_operands; i++) {
        const Shape *s = &n->in[i]->shape;
        shape_strides(s, e->operand[i].stride);
        for (int axis = 0; axis < s->rank; axis++)
            if (s->dim[axis] == 1)
                e->operand[i].stride[axis] = 0;
    }
}

/* The extents of all labels, multiplied, count steps. */
static bool check_size(const Parser *p, const Einsum *e)
{
    Shape parts[2] = {{.rank = MAX_RANK}, {.rank = MAX_RANK}};
    int64_t n[2];
    for (int i = 0; i < 2 * MAX_RANK; i++)
        parts[i / MAX_RANK].dim[i % MAX_RANK] = i < e->n_labels && e->extent[i] ? e->extent[i] : 1;
    if (shape_checked_numel(&parts[0], &n[0]) && shape_checked_numel(&parts[1], &n[1]) &&
        n[0] <= INT64_MAX / 16 / n[1])
        return true;
    return fail(p, "the extents of all labels multiply to more than 2^59");
}

bool einsum_parse(Graph *g, const Node *n, Einsum *e)
{
    Parser *p = ARENA_NEW(g->arena, Parser);
    *p = (Parser){.g = g, .node = n, .at = n->params.einsum.equation};
    memset(p->of_letter, -1, sizeof p->of_letter);
    memset(p->of_ellipsis, -1, sizeof p->of_ellipsis);
    memset(e, 0, sizeof *e);
    if (p->at == NULL)
        return fail(p, "is missing");
    if (!read_equation(p))
        return false;
    if (p->n_terms != node_own_inputs(n))
        return node_error(g, n, "equation: %d terms for %d inputs", p->n_terms, node_own_inputs(n));
    e->n_operands = p->n_terms;
    if (!measure_ellipsis(p) || !label_result(p, e))
        return false;
    for (int i = 0; i < p->n_terms; i++)
        if (!label_operand(p, e, i))
            return false;
    set_strides(n, e);
    return check_size(p, e);
}

int64_t einsum_stride(const Einsum *e, int i, int label)
{
    int64_t stride = 0;
    for (int axis = 0; axis < e->operand[i].rank; axis++)
        if (e->operand[i].label[axis] == label)
            stride += e->operand[i].stride[axis];
    return stride;
}
