/* Einsum -> MatMul or Transpose, where it is one.
 *
 * Of two operands: labels of both and of the result are batches, of both but not of the result are
 * summed over, of one are rows or columns. Operands are transposed and reshaped to [batch, rows,
 * sum] and [batch, sum, columns], and the product back; transposes that move nothing go later.
 * Diagonals, repeated extents and sums over one operand's labels are left to the general kernel. */
#include "ir/einsum.h"

#include "passes/expand.h"

typedef enum Role { BATCH, ROW, COLUMN, SUM, N_ROLES } Role;

typedef struct Split {
    Einsum e;
    Role role[EINSUM_LABELS];
    int64_t size[N_ROLES]; /* products of extents */
} Split;

/* Whether operand `i` has each of its labels once and at full extent. */
static bool is_plain(const Einsum *e, const Node *n, int i)
{
    for (int a = 0; a < e->operand[i].rank; a++) {
        if (n->in[i]->shape.dim[a] != e->extent[e->operand[i].label[a]])
            return false;
        for (int b = 0; b < a; b++)
            if (e->operand[i].label[a] == e->operand[i].label[b])
                return false;
    }
    return true;
}

static bool has_label(const Einsum *e, int i, int label)
{
    for (int a = 0; a < e->operand[i].rank; a++)
        if (e->operand[i].label[a] == label)
            return true;
    return false;
}

/* False when it is no matrix product. */
static bool find_roles(Split *s)
{
    const Einsum *e = &s->e;
    for (int r = 0; r < N_ROLES; r++)
        s->size[r] = 1;
    for (int l = 0; l < e->n_labels; l++) {
        bool a = has_label(e, 0, l), b = has_label(e, 1, l), out = l < e->n_out;
        if (!out && !(a && b))
            return false;
        s->role[l] = !out ? SUM : a && b ? BATCH : a ? ROW : COLUMN;
        s->size[s->role[l]] *= e->extent[l];
    }
    return s->size[SUM] > 1 && s->size[ROW] * s->size[COLUMN] > 1;
}

/* Operand `i` with its axes in the order of the roles, each role one axis. */
static Value *gathered(Graph *g, Node *n, const Split *s, int i, const Role order[3])
{
    int perm[MAX_RANK], rank = 0;
    for (int r = 0; r < 3; r++)
        for (int l = 0; l < s->e.n_labels; l++)
            for (int a = 0; s->role[l] == order[r] && a < s->e.operand[i].rank; a++)
                if (s->e.operand[i].label[a] == l)
                    perm[rank++] = a;
    const int64_t dims[] = {s->size[order[0]], s->size[order[1]], s->size[order[2]]};
    Value *v = expand_transpose(g, n, n->in[i], perm);
    return v ? expand_reshape(g, n, v, 3, dims) : NULL;
}

/* [batch, rows, columns] -> the result, whose axes come from there: `n` becomes the last step. */
static bool spread(Graph *g, Node *n, const Split *s, Value *product)
{
    static const Role order[] = {BATCH, ROW, COLUMN};
    int64_t dims[MAX_RANK];
    Params p = {.perm = {.given = true}};
    int rank = 0;
    for (int r = 0; r < 3; r++)
        for (int l = 0; l < s->e.n_out; l++)
            if (s->role[l] == order[r]) {
                p.perm.perm[l] = rank;
                dims[rank++] = s->e.extent[l];
            }
    Value *v = expand_reshape(g, n, product, rank, dims);
    if (v == NULL)
        return false;
    expand_become(g, n, OP_Transpose, &v, 1);
    n->params = p;
    return true;
}

static bool expand_product(Graph *g, Node *n, Split *s)
{
    static const Role left[] = {BATCH, ROW, SUM}, right[] = {BATCH, SUM, COLUMN};
    if (!is_plain(&s->e, n, 0) || !is_plain(&s->e, n, 1) || !find_roles(s))
        return true;
    Value *a = gathered(g, n, s, 0, left), *b = a ? gathered(g, n, s, 1, right) : NULL;
    Value *y = b ? expand_emit(g, n, OP_MatMul, NULL, (Value *[]){a, b}, 2) : NULL;
    return y && spread(g, n, s, y);
}

/* One operand whose axes are only permuted. */
static void expand_permutation(Graph *g, Node *n, const Einsum *e)
{
    Params p = {.perm = {.given = true}};
    if (!is_plain(e, n, 0) || e->n_out != e->n_labels || e->n_out != e->operand[0].rank)
        return;
    for (int a = 0; a < e->n_out; a++)
        p.perm.perm[e->operand[0].label[a]] = a;
    Value *x = n->in[0];
    expand_become(g, n, OP_Transpose, &x, 1);
    n->params = p;
}

bool expand_einsum(Graph *g, Node *n)
{
    Split s;
    if (!einsum_parse(g, n, &s.e))
        return false;
    if (s.e.n_operands == 1)
        expand_permutation(g, n, &s.e);
    if (s.e.n_operands != 2 || !dtype_is_float(n->in[0]->dtype) ||
        shape_numel(&n->out[0]->shape) == 0)
        return true;
    return expand_product(g, n, &s);
}
