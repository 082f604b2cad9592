/* Which operators a model uses that cnncc does not have: all of them at once, before anything is
 * imported, each with its node and, where there is something to say, a hint.
 *
 * Comes in: a body. Goes out: a message for every node whose operator is neither in the table nor a
 * function, in the functions that are called (each is looked at once) and in the bodies of loops.
 * The branches of an If are looked at when one is taken: the other may hold anything. */
#include "frontend/import.h"

#include <string.h>

/* Operators of our own domain are made by passes; a model cannot have them. */
OpKind proto_op(const Onnx__NodeProto *p)
{
    const char *domain = proto_name(p->domain);
    OpKind op = op_find(domain, proto_name(p->op_type));
    return strcmp(domain, "cnncc") == 0 ? OP_NONE : op;
}

/* Why some operators of ONNX are not there, by the beginning of their names. */
static const struct {
    const char *prefix, *hint;
} hints[] = {
    {"Sequence", "sequences are not supported; let the exporter make tensors"},
    {"SplitToSequence", "sequences are not supported; use Split"},
    {"ConcatFromSequence", "sequences are not supported; use Concat"},
    {"Optional", "optional values are not supported"},
    {"String", "strings are not supported; leave text to the program around the network"},
    {"RegexFullMatch", "strings are not supported; leave text to the program around the network"},
    {"LabelEncoder", "strings are not supported; leave text to the program around the network"},
    {"TfIdfVectorizer", "leave the counting of words to the program around the network"},
    {"Random", "random numbers are not supported; pass them as an input"},
    {"Bernoulli", "random numbers are not supported; pass them as an input"},
    {"Multinomial", "random numbers are not supported; pass them as an input"},
    {"Gradient", "training is not supported; export the network for inference"},
    {"Adam", "training is not supported; export the network for inference"},
    {"Adagrad", "training is not supported; export the network for inference"},
    {"Momentum", "training is not supported; export the network for inference"},
    {"TensorScatter", "caches of keys and values are not supported; run whole sequences"},
    {"LinearAttention", "write the recurrence out, or use Attention"},
    {"CausalConvWithState", "use Conv with padding in front, on whole sequences"},
    {"ImageDecoder", "pass the picture's pixels as an input (cnncc run reads PNG and JPEG)"},
};

static const char *hint_for(Importer *im, const Onnx__NodeProto *p)
{
    const char *domain = proto_name(p->domain), *name = proto_name(p->op_type);
    bool standard = domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
    if (strcmp(domain, "ai.onnx.ml") == 0)
        return "; classic machine learning (ai.onnx.ml) is not compiled";
    if (strcmp(domain, "ai.onnx.preview.training") == 0)
        return "; training is not supported; export the network for inference";
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (standard && strncmp(name, hints[i].prefix, strlen(hints[i].prefix)) == 0)
            return arena_printf(im->arena, "; %s", hints[i].hint);
    OpKind op = standard ? op_find("com.microsoft", name) : op_find("", name);
    if (op != OP_NONE)
        return arena_printf(im->arena, "; there is one in the domain \"%s\"", op_info(op)->domain);
    return standard ? "" : "; a function of that name in the model would be inlined";
}

static bool check_nodes(Importer *im, int depth, const char *path, Onnx__NodeProto *const *node,
                        size_t n);

static bool check_node(Importer *im, int depth, const char *path, const Onnx__NodeProto *p,
                       size_t index)
{
    OpKind op = proto_op(p);
    bool ok = true;
    if (op == OP_NONE) {
        const Onnx__FunctionProto *f = import_function(im, p);
        const char *domain = proto_name(p->domain);
        const char *in = f ? arena_printf(im->arena, "in function %s: ", proto_name(f->name)) : "";
        if (f)
            return check_nodes(im, depth + 1, in, f->node, f->n_node);
        return diag_unsupported(im->diag, "%s%s: operator %s%s%s is not supported%s", path,
                                proto_label(im->arena, p, index), domain, domain[0] ? "." : "",
                                proto_name(p->op_type), hint_for(im, p));
    }
    for (size_t i = 0; op != OP_If && i < p->n_attribute; i++) {
        const Onnx__GraphProto *g = p->attribute[i]->g;
        if (g == NULL)
            continue;
        const char *label = arena_printf(im->arena, "%sin %s: ", path, proto_name(p->op_type));
        ok = check_nodes(im, depth + 1, label, g->node, g->n_node) && ok;
    }
    return ok;
}

/* Each list once: functions are called, and branches taken, any number of times. */
static bool check_nodes(Importer *im, int depth, const char *path, Onnx__NodeProto *const *node,
                        size_t n)
{
    bool ok = true;
    if (strmap_put(&im->checked, arena_printf(im->arena, "%p", (const void *)node), im))
        return true;
    if (depth == MAX_BODY_DEPTH)
        return diag_error(im->diag, "%sfunctions, loops and branches nest more than %d deep", path,
                          MAX_BODY_DEPTH);
    for (size_t i = 0; i < n; i++)
        ok = check_node(im, depth, path, node[i], i) && ok;
    return ok;
}

bool import_check_operators(Importer *im, const Body *b)
{
    const char *path = b->path[0] ? arena_printf(im->arena, "in %s: ", import_place(im, b)) : "";
    return check_nodes(im, 0, path, b->node, b->n_node);
}
