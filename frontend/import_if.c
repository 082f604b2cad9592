/* If with a condition that is known: the nodes of the branch that is taken stand in its place.
 *
 * Comes in: an If whose condition is a constant, or becomes one by the folding of shape arithmetic.
 * Goes out: the branch's nodes. What the other branch holds does not matter. */
#include "frontend/import.h"
#include "ir/interp/interp.h"

bool import_if(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    const Onnx__GraphProto *branch[2] = {NULL, NULL};
    const Tensor *condition = n->in[0]->constant;
    if (!attr_graph(im, p, "else_branch", &branch[0]) ||
        !attr_graph(im, p, "then_branch", &branch[1]))
        return false;
    if (n->in[0]->dtype != DT_BOOL || shape_numel(&n->in[0]->shape) != 1)
        return node_error(im->graph, n, "the condition is %s%s, it must be one bool",
                          dtype_name(n->in[0]->dtype), shape_str(im->arena, &n->in[0]->shape));
    if (condition == NULL)
        return node_unsupported(
            im->graph, n,
            "the condition \"%s\" is not known at compile time; when it follows "
            "from an input, bind that with --freeze",
            n->in[0]->name);
    const Onnx__GraphProto *g = branch[tensor_get_i64(condition, 0) != 0];
    if (g->n_output < p->n_output)
        return node_error(im->graph, n, "the branch makes %zu values, the node has %zu outputs",
                          g->n_output, p->n_output);
    int first = im->graph->n_values;
    Body *b = import_body_new(im, im->body, proto_own_name(p));
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
