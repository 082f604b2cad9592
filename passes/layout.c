/* layout: which values have their channels in blocks, and the reorders where layouts meet.
 *
 * In: a planned graph. Out: a layout on every value; Reorder nodes, one for each value that is
 * wanted in both layouts. Nodes are visited in order: a node with a blocked kernel keeps what its
 * operand already has, convolutions start blocked regions, every other operator wants row-major
 * operands. Inputs and outputs of the graph are row-major. A constant is never reordered at run
 * time: it gets a twin value in the layout that is wanted, with the same data (codegen lays it
 * out). With one lane nothing is blocked. */
#include "passes/lifetime.h"
#include "passes/rewrite.h"

enum { ANY = -1, PLAIN = 0 }; /* a wanted block; otherwise the number of lanes */
enum { MAX_PARTS = 16 };      /* of a Concat of channels inside of blocks: its kernel's buffers */

typedef struct Layouts {
    Graph *g;
    int block;
    Value **twin; /* by value id: the same value in the other layout */
    int n_twins;
    int *want; /* of the operands of the node at hand */
} Layouts;

static bool is_blocked(const Value *v)
{
    return v && v->layout.block > 1;
}

/* ---- operands in the other layout ---- */

/* The constant `v` with as many axes as `rank`, in blocks when `block` > 1. */
static Value *constant_twin(Layouts *l, const Value *v, int rank, int block)
{
    Tensor *t = ARENA_NEW(l->g->arena, Tensor);
    *t = *v->constant;
    t->shape.rank = rank;
    for (int i = 0; i < rank; i++)
        t->shape.dim[i] = operand_extent(v, &t->shape, i);
    Value *twin = graph_constant(l->g, v->name, t);
    twin->layout.block = block;
    return twin;
}

static Value *reordered(Layouts *l, Value *v, int block)
{
    if (v->id < l->n_twins && l->twin[v->id])
        return l->twin[v->id];
    Value *twin = graph_value(l->g, NULL, v->dtype, &v->shape);
    twin->layout.block = block;
    Node *n = graph_node(l->g, OP_Reorder, NULL, &v, 1, &twin, 1);
    n->plan = (Plan){.lanes = l->g->target->lanes, .why = "layouts meet"};
    if (v->id < l->n_twins)
        l->twin[v->id] = twin;
    return twin;
}

static void convert_operands(Layouts *l, Node *n)
{
    int rank = n->out[0]->shape.rank;
    for (int i = 0; i < n->n_in; i++) {
        Value *v = n->in[i];
        if (v == NULL || l->want[i] == ANY || l->want[i] == v->layout.block)
            continue;
        if (!v->constant)
            n->in[i] = reordered(l, v, l->want[i]);
        else if (l->want[i] > 1)
            n->in[i] = constant_twin(l, v, rank, l->want[i]);
    }
}

/* Result k gets a layout. A blocked output of the graph is made row-major behind the node. */
static void set_result(Layouts *l, Node *n, int k, int block)
{
    Value *v = n->out[k];
    if (v == NULL || block <= 1)
        return;
    if (!v->is_output) {
        v->layout.block = block;
        return;
    }
    Value *blocked = graph_value(l->g, NULL, v->dtype, &v->shape);
    blocked->layout.block = block;
    n->out[k] = blocked;
    blocked->def = n;
    blocked->def_index = k;
    Node *reorder = graph_node(l->g, OP_Reorder, NULL, &blocked, 1, &v, 1);
    reorder->plan = (Plan){.lanes = l->g->target->lanes, .why = "outputs are row-major"};
    l->twin[v->id] = blocked;
}

/* The form of `v` that is blocked already, if there is one. */
static const Value *native(const Layouts *l, const Value *v)
{
    const Value *twin = v->id < l->n_twins ? l->twin[v->id] : NULL;
    return is_blocked(twin) ? twin : v;
}

/* ---- elementwise operands ---- */

/* What an operand of an elementwise node (or a fused one) must be in a blocked space of shape
 * `out`; false when it cannot be there. Without channels of its own it is read as it lies. */
static bool want_in_blocks(const Layouts *l, const Value *v, const Shape *out, int *want)
{
    bool aligned = v->shape.rank == out->rank;
    bool channels = operand_extent(v, out, 1) != 1;
    *want = channels ? l->block : aligned ? ANY : PLAIN;
    return !channels || aligned || v->constant;
}

/* Sets what the operands first.. of `n` must be when its result is blocked. */
static bool want_all_in_blocks(Layouts *l, const Node *n, int first)
{
    for (int i = first; i < n->n_in; i++)
        if (n->in[i] && !want_in_blocks(l, n->in[i], &n->out[0]->shape, &l->want[i]))
            return false;
    return true;
}

/* ---- the rules: the block of the result; l->want starts as PLAIN ---- */

static bool blockable(const Value *v)
{
    return v->dtype == DT_F32 && v->shape.rank >= 3;
}

static int follow_operand(Layouts *l, const Node *n)
{
    if (n->n_out != 1 || !blockable(n->in[0]) || !blockable(n->out[0]) ||
        !is_blocked(native(l, n->in[0])))
        return PLAIN;
    l->want[0] = l->block;
    return l->block;
}

static int rule_conv(Layouts *l, const Node *n)
{
    bool both = n->plan.algo == ALGO_DEPTHWISE || n->plan.algo == ALGO_WINOGRAD;
    l->want[1] = ANY;
    if (n->n_in > 2)
        l->want[2] = ANY;
    if (is_blocked(n->in[0]) && n->in[0]->layout.block != l->block)
        l->want[0] = ANY; /* pictures: see rule_transpose */
    if (n->plan.lanes == 1 || (n->plan.algo != ALGO_DIRECT && !both))
        return PLAIN;
    int64_t channels = n->in[0]->shape.dim[1] / n->params.conv.group;
    if (both)
        l->want[0] = l->block;
    else if (l->want[0] != ANY && (n->params.conv.group == 1 || channels % l->block == 0))
        l->want[0] = is_blocked(native(l, n->in[0])) ? l->block : PLAIN;
    want_all_in_blocks(l, n, node_own_inputs(n));
    return l->block;
}

static int rule_elementwise(Layouts *l, const Node *n)
{
    const Shape *out = &n->out[0]->shape;
    bool any = false;
    if (!blockable(n->out[0]))
        return PLAIN;
    for (int i = 0; i < n->n_in; i++) {
        const Value *v = n->in[i];
        if (v && v->dtype != DT_F32 && shape_numel(&v->shape) > 1)
            return PLAIN; /* only f32 is blocked */
        any = any || (v && is_blocked(native(l, v)) && v->shape.rank == out->rank &&
                      v->shape.dim[1] == out->dim[1]);
    }
    if (any && want_all_in_blocks(l, n, 0))
        return l->block;
    for (int i = 0; i < n->n_in; i++)
        l->want[i] = PLAIN;
    return PLAIN;
}

/* Whether cuts along `axis` keep whole blocks: the last part may be ragged. */
static bool cuts_between_blocks(const Layouts *l, Value *const *parts, int n, int64_t axis)
{
    for (int i = 0; axis == 1 && i + 1 < n; i++)
        if (parts[i] == NULL || parts[i]->shape.dim[1] % l->block != 0)
            return false;
    return true;
}

/* Whether the parts can be joined or cut inside of blocks: by one kernel with all parts. */
static bool cuts_inside_blocks(int64_t axis, int parts)
{
    return axis == 1 && parts < MAX_PARTS;
}

/* Most of the data is blocked already. */
static int rule_concat(Layouts *l, const Node *n)
{
    int64_t blocked = 0, axis = n->params.axis.axis;
    if (!blockable(n->out[0]) ||
        (!cuts_between_blocks(l, n->in, n->n_in, axis) && !cuts_inside_blocks(axis, n->n_in)))
        return PLAIN;
    for (int i = 0; i < n->n_in; i++)
        if (is_blocked(native(l, n->in[i])))
            blocked += shape_numel(&n->in[i]->shape);
    if (2 * blocked <= shape_numel(&n->out[0]->shape))
        return PLAIN;
    for (int i = 0; i < n->n_in; i++)
        l->want[i] = l->block;
    return l->block;
}

/* Whole channels of blocked values stay blocked; the list of channels is read at compile time. */
static int rule_channels(Layouts *l, const Node *n)
{
    int64_t blocked = 0, all = 0;
    l->want[n->n_in - 1] = ANY;
    if (!blockable(n->out[0]))
        return PLAIN;
    for (int i = 0; i < n->n_in - 1; i++) {
        all += shape_numel(&n->in[i]->shape);
        if (is_blocked(native(l, n->in[i])))
            blocked += shape_numel(&n->in[i]->shape);
    }
    if (2 * blocked <= all)
        return PLAIN;
    for (int i = 0; i < n->n_in - 1; i++)
        l->want[i] = l->block;
    return l->block;
}

static int rule_split(Layouts *l, const Node *n)
{
    for (int i = 0; i < n->n_out; i++) /* most lanes would idle from here on */
        if (n->params.split.axis == 1 && n->out[i] && 2 * n->out[i]->shape.dim[1] < l->block)
            return PLAIN;
    if (!blockable(n->in[0]) || !is_blocked(native(l, n->in[0])) ||
        (!cuts_between_blocks(l, n->out, n->n_out, n->params.split.axis) &&
         !cuts_inside_blocks(n->params.split.axis, 1)))
        return PLAIN;
    l->want[0] = l->block;
    return l->block;
}

/* Either whole channels go, or pixels of all of them. */
static int rule_slice(Layouts *l, const Node *n)
{
    const Shape *in = &n->in[0]->shape, *out = &n->out[0]->shape;
    const SliceParams *p = &n->params.slice;
    bool channels = in->rank > 1 && (in->dim[1] != out->dim[1] || p->step[1] != 1), pixels = false;
    for (int i = 0; i < in->rank; i++)
        pixels = pixels || (i != 1 && (in->dim[i] != out->dim[i] || p->step[i] != 1));
    for (int i = 1; i < n->n_in; i++)
        l->want[i] = ANY;
    bool narrow = channels && 2 * out->dim[1] < l->block; /* most lanes would idle from here on */
    return (channels && pixels) || narrow ? PLAIN : follow_operand(l, n);
}

static int rule_pad(Layouts *l, const Node *n)
{
    const PadParams *p = &n->params.pad;
    for (int i = 0; i < 2; i++)
        if (n->in[0]->shape.rank < 3 || p->begin[i] != 0 || p->end[i] != 0)
            return PLAIN;
    return follow_operand(l, n);
}

static int rule_resize(Layouts *l, const Node *n)
{
    const Shape *in = &n->in[0]->shape, *out = &n->out[0]->shape;
    if (in->rank < 3 || in->dim[0] != out->dim[0] || in->dim[1] != out->dim[1] ||
        n->params.resize.coord == COORD_TF_CROP_AND_RESIZE)
        return PLAIN;
    return follow_operand(l, n);
}

/* Whether nobody but direct convolutions of one group reads `v`: they read blocks of any size. */
static bool only_direct_reads(const Graph *g, const Value *v)
{
    if (v->is_output)
        return false;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] == v && (k != 0 || n->op != OP_Conv || n->plan.algo != ALGO_DIRECT ||
                                  n->plan.lanes == 1 || n->params.conv.group != 1))
                return false;
    }
    return true;
}

static bool brings_channels_first(const Node *n)
{
    const int *perm = n->params.perm.perm;
    int rank = n->out[0]->shape.rank;
    bool first = rank >= 3 && perm[0] == 0 && perm[1] == rank - 1;
    for (int i = 2; first && i < rank; i++)
        first = perm[i] == i - 1;
    return first;
}

/* Channels that come last, as in most pictures, are one block as they lie: no element moves. Blocks
 * that are no vectors are for convolutions only. Otherwise the kernel reads blocks as well; a copy
 * that others want plain is made for them only. */
static int rule_transpose(Layouts *l, const Node *n)
{
    const Value *v = n->out[0];
    if (blockable(v) && brings_channels_first(n) && v->shape.dim[1] > 1 &&
        v->shape.dim[1] <= l->block && !is_blocked(n->in[0]) && n->in[0]->constant == NULL &&
        n->n_epilogue == 0 && (v->shape.dim[1] == l->block || only_direct_reads(l->g, v)))
        return (int)v->shape.dim[1];
    if (is_blocked(n->in[0]))
        l->want[0] = ANY;
    return PLAIN;
}

/* [N,C,1,1] with whole blocks lies as in row-major order: no reorder. */
static int rule_view(Layouts *l, const Node *n)
{
    if (value_is_row_major(n->in[0]))
        l->want[0] = ANY;
    return PLAIN;
}

static const struct {
    OpKind op;
    int (*rule)(Layouts *l, const Node *n);
} rules[] = {
    {OP_Conv, rule_conv},
    {OP_ConvTranspose, rule_conv},
    {OP_MaxPool, follow_operand},
    {OP_AveragePool, follow_operand},
    {OP_LpPool, follow_operand},
    {OP_GlobalAveragePool, follow_operand},
    {OP_GlobalMaxPool, follow_operand},
    {OP_BatchNormalization, follow_operand},
    {OP_LRN, follow_operand},
    {OP_InstanceNormalization, follow_operand},
    {OP_Concat, rule_concat},
    {OP_Channels, rule_channels},
    {OP_Split, rule_split},
    {OP_Slice, rule_slice},
    {OP_Pad, rule_pad},
    {OP_Resize, rule_resize},
    {OP_Upsample, rule_resize},
    {OP_Transpose, rule_transpose},
    {OP_Flatten, rule_view},
    {OP_Reshape, rule_view},
    {OP_Squeeze, rule_view},
    {OP_Unsqueeze, rule_view},
};

static int apply_rule(Layouts *l, const Node *n)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].op == n->op)
            return rules[i].rule(l, n);
    return op_has(n->op, T_ELEMENTWISE | T_BLOCKED) ? rule_elementwise(l, n) : PLAIN;
}

bool pass_layout(Graph *g, const PassOptions *o)
{
    (void)o;
    if (g->target->lanes <= 1)
        return true;
    int most = 0, n_nodes = g->n_nodes;
    for (int i = 0; i < n_nodes; i++)
        if (g->nodes[i]->n_in > most)
            most = g->nodes[i]->n_in;
    Layouts l = {.g = g, .block = g->target->lanes, .n_twins = g->n_values};
    l.twin = ARENA_ARRAY(g->arena, Value *, g->n_values);
    l.want = ARENA_ARRAY(g->arena, int, most);
    for (int i = 0; i < n_nodes; i++) {
        Node *n = g->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            l.want[k] = PLAIN;
        int block = apply_rule(&l, n);
        convert_operands(&l, n);
        if (n->op == OP_Conv && n->plan.algo == ALGO_DIRECT && !is_blocked(n->in[0]))
            n->plan.scratch_bytes = 0; /* the reduction is cut between blocks only */
        for (int k = 0; k < n->n_out; k++)
            set_result(&l, n, k, block);
    }
    return remove_dead(g);
}
