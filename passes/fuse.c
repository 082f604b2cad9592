/* fuse: fewer, larger nodes.
 *
 * In: a simplified and folded graph. Out: padding inside the windows, per-channel constants inside
 * weights and biases, and elementwise nodes as epilogue steps of the node that makes their operand.
 * The rules are a table of two stages: weights are fused before epilogues, because what goes into
 * the weights costs nothing. In each stage every node is offered to each rule until none applies.
 */
#include "passes/fuse.h"

static const FuseRule weight_rules[] = {fuse_global_pool, fuse_pad, fuse_weights, fuse_inputs,
                                        split_batch_norm};
static const FuseRule epilogue_rules[] = {fuse_epilogue};

void take_result(Node *n, Node *user)
{
    n->out[0]->def = NULL;
    n->out[0] = user->out[0];
    n->out[0]->def = n;
    n->out[0]->def_index = 0;
    user->dead = true;
}

static bool run_stage(Graph *g, const FuseRule *rules, int n_rules)
{
    Fuse f = {g, ARENA_ARRAY(g->arena, int, g->n_values), g->n_values};
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_out; k++)
            if (g->nodes[i]->out[k])
                f.position[g->nodes[i]->out[k]->id] = i;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < n_rules && !g->nodes[i]->dead; k++)
            while (!g->nodes[i]->dead && rules[k](&f, g->nodes[i]))
                ;
    return remove_dead(g);
}

bool pass_fuse(Graph *g, const PassOptions *o)
{
    (void)o;
    return run_stage(g, weight_rules, sizeof weight_rules / sizeof weight_rules[0]) &&
           run_stage(g, epilogue_rules, sizeof epilogue_rules / sizeof epilogue_rules[0]);
}
