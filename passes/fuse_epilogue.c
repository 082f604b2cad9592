/* Elementwise nodes into epilogues: Conv -> Add(residual) -> Relu becomes one node.
 *
 * A node whose operator applies fused steps takes over the elementwise node that is the only reader
 * of its result, when the shapes are equal. The other operand of a two-operand step may be anything
 * that broadcasts to the result: the fused node stands where the elementwise node stood, so the
 * operand is there. Between two producers that could take the same node (a residual addition of two
 * convolutions) the one that runs later does. */
#include "passes/fuse.h"

/* Operands of the operator without absent ones at the end. */
static int operand_count(const Node *n)
{
    int own = node_own_inputs(n);
    while (own > 0 && n->in[own - 1] == NULL)
        own--;
    return own;
}

static bool can_take_step(const Node *n)
{
    return !n->dead && op_has(n->op, T_EPILOGUE) && n->n_out == 1 && n->n_epilogue < MAX_EPILOGUE &&
           n->out[0]->dtype == DT_F32 && value_read_once(n->out[0]);
}

static bool is_step(const Node *e)
{
    return op_has(e->op, T_ELEMENTWISE) && !op_has(e->op, T_SCALAR) && e->op != OP_Identity &&
           e->n_epilogue == 0 && e->out[0]->dtype == DT_F32;
}

/* Whether a kernel that works on blocks of channels could read `y` beside a result of shape `out`
 * (constants can be given any number of axes). */
static bool readable_in_blocks(const Value *y, const Shape *out)
{
    return y->constant || out->rank < 3 || y->shape.rank == out->rank ||
           operand_extent(y, out, 1) == 1;
}

static int position_of(const Fuse *f, const Value *v)
{
    return v->id < f->n_positions ? f->position[v->id] : 0;
}

/* Whether the maker of the other operand should take the node instead of `n`. */
static bool better_elsewhere(const Fuse *f, const Node *n, const Value *other)
{
    const Node *def = other->def;
    if (def == NULL || !can_take_step(def) || !shape_equal(&other->shape, &n->out[0]->shape))
        return false;
    bool here_light = op_has(n->op, T_ELEMENTWISE), there_light = op_has(def->op, T_ELEMENTWISE);
    if (here_light != there_light)
        return here_light;
    return position_of(f, other) > position_of(f, n->out[0]);
}

/* Operands of the operator come first, absent ones as NULL, so that a step's operand is never
 * taken for one of them. */
static void pad_operands(Graph *g, Node *n)
{
    int full = n->op == OP_Conv || n->op == OP_ConvTranspose || n->op == OP_Gemm || n->op == OP_Clip
                   ? 3
                   : 0;
    while (n->n_epilogue == 0 && n->n_in < full)
        node_add_input(g, n, NULL);
}

static void add_step(Fuse *f, Node *n, Node *e, Value *other, bool swapped)
{
    EpilogueStep step = {e->op, e->params, -1, swapped, e->name};
    pad_operands(f->g, n);
    if (other) {
        step.operand = node_add_input(f->g, n, other);
        for (int i = 0; i < other->n_users; i++)
            if (other->users[i] == e) {
                other->users[i] = n;
                break;
            }
    }
    n->epilogue[n->n_epilogue++] = step;
    take_result(n, e);
}

/* Clipping of integers, which the kernels that round to integers apply before they store. */
static bool fuse_integer_clip(Node *n)
{
    bool rounds = op_has(n->op, T_EPILOGUE) && !op_has(n->op, T_ELEMENTWISE);
    if (n->dead || !rounds || n->n_out != 1 || n->n_epilogue == MAX_EPILOGUE ||
        (n->out[0]->dtype != DT_I8 && n->out[0]->dtype != DT_U8) || !value_read_once(n->out[0]))
        return false;
    Node *e = n->out[0]->users[0];
    if (e->op != OP_Clip || operand_count(e) != 1 || e->n_epilogue > 0)
        return false;
    n->epilogue[n->n_epilogue++] = (EpilogueStep){e->op, e->params, -1, false, e->name};
    take_result(n, e);
    return true;
}

bool fuse_epilogue(Fuse *f, Node *n)
{
    if (fuse_integer_clip(n))
        return true;
    if (!can_take_step(n))
        return false;
    Value *x = n->out[0];
    Node *e = x->users[0];
    if (!is_step(e) || !shape_equal(&x->shape, &e->out[0]->shape))
        return false;
    int operands = operand_count(e);
    if (operands == 1) {
        add_step(f, n, e, NULL, false);
        return true;
    }
    if (operands != 2 || e->op == OP_Clip)
        return false;
    bool swapped = e->in[1] == x;
    Value *other = e->in[swapped ? 0 : 1];
    if (other == NULL || other == x || other->dtype != DT_F32 ||
        !readable_in_blocks(other, &x->shape) || better_elsewhere(f, n, other))
        return false;
    add_step(f, n, e, other, swapped);
    return true;
}
