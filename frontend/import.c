/* The import: checks in an order that gives the most useful message first, then values, then the
 * nodes one by one in topological order, each with known types and shapes when it is reached. */
#include "frontend/import.h"

#include <string.h>

const char *proto_name(const char *s)
{
    return s ? s : "";
}

const char *proto_label(Arena *a, const Onnx__NodeProto *p, size_t index)
{
    const char *name = proto_name(p->name);
    const char *op = proto_name(p->op_type);
    if (name[0] == '\0' && p->n_output)
        name = p->output[0];
    return arena_printf(a, "%s \"%s\" (#%zu)", op[0] ? op : "node", name, index);
}

static bool check_whole(Importer *im)
{
    if (im->proto == NULL)
        return diag_error(im->diag, "the model has no graph");
    if (im->proto->n_node == 0)
        return diag_error(im->diag, "the graph is empty: it has no nodes");
    if (im->proto->n_output == 0)
        return diag_error(im->diag, "the graph has no outputs");
    if (im->proto->n_sparse_initializer)
        return diag_unsupported(im->diag, "sparse initializers are not supported");
    return true;
}

static void describe(Importer *im, const char *sha256)
{
    Graph *g = im->graph;
    const char *name = proto_name(im->proto->name);
    const char *producer = proto_name(im->model->producer_name);
    const char *version = proto_name(im->model->producer_version);
    g->name = name[0] ? name : "model";
    g->ir_version = im->model->ir_version;
    g->opset = im->opset;
    g->producer = version[0] ? arena_printf(im->arena, "%s %s", producer, version) : producer;
    memcpy(g->sha256, sha256, sizeof g->sha256);
}

Graph *import_model(Arena *a, Diag *d, const Onnx__ModelProto *m, const char *folder,
                    const char *sha256, const ImportOptions *o)
{
    static const ImportOptions none;
    Body body = {.values = strmap_new(a), .path = ""};
    Importer im = {.arena = a,
                   .diag = d,
                   .graph = graph_new(a, d),
                   .model = m,
                   .proto = m->graph,
                   .options = o ? o : &none,
                   .folder = folder,
                   .body = &body,
                   .absent = ARENA_NEW(a, Value),
                   .functions = strmap_new(a),
                   .captured = strmap_new(a),
                   .checked = strmap_new(a),
                   .tensors = strmap_new(a),
                   .narrow = strmap_new(a),
                   .frozen = strmap_new(a),
                   .dims = strmap_new(a)};
    if (!check_whole(&im) || !import_functions(&im))
        return NULL;
    body.node = m->graph->node;
    body.n_node = m->graph->n_node;
    if (!import_check_operators(&im, &body) || !import_check_versions(&im))
        return NULL;
    describe(&im, sha256);
    if (!import_values(&im) || !import_body(&im, &body) || !import_outputs(&im))
        return NULL;
    return graph_compact(im.graph) && graph_verify(im.graph, "import") ? im.graph : NULL;
}
