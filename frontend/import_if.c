/* If with a condition that is known: the nodes of the branch that is taken stand in its place.
 *
 * Comes in: an If whose condition is a constant, or becomes one by the folding of shape arithmetic.
 * Goes out: the branch's nodes. What the other branch holds does not matter. */
#include "frontend/import.h"

bool import_if(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    const Onnx__GraphProto *branch[2] = {NULL, NULL};
    int64_t condition = 0;
    if (!attr_graph(im, p, "else_branch", &branch[0]) ||
        !attr_graph(im, p, "then_branch", &branch[1]) ||
        !import_known(im, n->in[0], "the condition", DT_BOOL, &condition))
        return false;
    const Onnx__GraphProto *g = branch[condition != 0];
    if (g->n_output < p->n_output)
        return node_error(im->graph, n, "the branch makes %zu values, the node has %zu outputs",
                          g->n_output, p->n_output);
    int first = im->graph->n_values;
    Body *b = import_body_new(im, im->body, import_path_part(im, p));
    if (!import_subgraph(im, b, g) || !import_check_operators(im, b) || !import_body(im, b))
        return false;
    for (size_t i = 0; i < p->n_output; i++) {
        Value *v = import_find(b, proto_name(g->output[i]->name));
        if (v == NULL || v == im->absent)
            return node_error(im->graph, n, "the branch does not make its output \"%s\"",
                              proto_name(g->output[i]->name));
        import_result(im, p, i, v, first);
    }
    n->dead = true;
    return true;
}
