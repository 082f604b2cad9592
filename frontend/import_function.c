/* Functions: operators that the model defines itself as a list of nodes (FunctionProto).
 *
 * Comes in: the model's functions, and a node that calls one. Goes out: the function's nodes in the
 * place of the call, in a body of their own: operands bound to the function's inputs (absent ones
 * too), attributes that refer to the call's replaced (import_node.c), results under the call's
 * names. An operator of the table is never replaced by a function of the same name, since the table
 * computes it better. Holds: a function does not contain itself, however many steps away. */
#include "frontend/import.h"

#include <string.h>

static const char *function_key(Arena *a, const char *domain, const char *name,
                                const char *overload)
{
    domain = proto_name(domain);
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    return arena_printf(a, "%s:%s:%s", domain, proto_name(name), proto_name(overload));
}

bool import_functions(Importer *im)
{
    const Onnx__ModelProto *m = im->model;
    for (size_t i = 0; i < m->n_functions; i++) {
        Onnx__FunctionProto *f = m->functions[i];
        const char *key = function_key(im->arena, f->domain, f->name, f->overload);
        if (strmap_put(&im->functions, key, f))
            return diag_error(im->diag, "function %s.%s is defined twice", proto_name(f->domain),
                              proto_name(f->name));
    }
    return true;
}

const Onnx__FunctionProto *import_function(Importer *im, const Onnx__NodeProto *p)
{
    if (im->model->n_functions == 0)
        return NULL;
    return strmap_get(&im->functions, function_key(im->arena, p->domain, p->op_type, p->overload));
}

static bool check_call(Importer *im, const Onnx__FunctionProto *f, const Onnx__NodeProto *p,
                       const char *label)
{
    for (const Body *b = im->body; b; b = b->caller)
        if (b->function == f)
            return diag_error(im->diag, "%s: function %s calls itself", label, proto_name(f->name));
    if (p->n_input > f->n_input)
        return diag_error(im->diag, "%s: %zu operands, function %s has %zu", label, p->n_input,
                          proto_name(f->name), f->n_input);
    if (p->n_output > f->n_output)
        return diag_error(im->diag, "%s: %zu results, function %s has %zu", label, p->n_output,
                          proto_name(f->name), f->n_output);
    for (size_t i = 0; i < p->n_attribute; i++)
        if (p->attribute[i]->g)
            return diag_unsupported(im->diag, "%s: a graph as attribute of a function", label);
    return true;
}

static Body *function_body(Importer *im, const Onnx__FunctionProto *f, const Onnx__NodeProto *p)
{
    Body *b = import_body_new(im, NULL, import_path_part(im, p));
    b->function = f;
    b->call = p;
    b->node = f->node;
    b->n_node = f->n_node;
    for (size_t i = 0; i < f->n_opset_import; i++) {
        const char *domain = proto_name(f->opset_import[i]->domain);
        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
            b->opset = f->opset_import[i]->version;
    }
    for (size_t i = 0; i < f->n_input; i++) {
        Value *v = i < p->n_input ? import_find(im->body, p->input[i]) : NULL;
        import_bind(b, f->input[i], v ? v : im->absent);
    }
    return b;
}

bool import_call(Importer *im, const Onnx__NodeProto *p, size_t index)
{
    const Onnx__FunctionProto *f = import_function(im, p);
    const char *label = import_label(im, p, index);
    if (f == NULL)
        return diag_unsupported(im->diag, "%s: unknown operator", label);
    if (!check_call(im, f, p, label))
        return false;
    int first = im->graph->n_values;
    Body *b = function_body(im, f, p);
    if (!import_check_opset(im, b) || !import_body(im, b))
        return false;
    for (size_t i = 0; i < p->n_output; i++) {
        Value *v = import_find(b, f->output[i]);
        if (p->output[i][0] == '\0')
            continue;
        if (v == NULL || v == im->absent)
            return diag_error(im->diag, "%s: function %s does not make its output \"%s\"", label,
                              proto_name(f->name), f->output[i]);
        import_result(im, p, i, v, first);
    }
    return true;
}
