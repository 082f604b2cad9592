/* Attributes of ONNX nodes: typed access by name. Asking marks an attribute as known; what is left
 * over when an operator's import is done is reported, so that no attribute is silently ignored. */
#include "frontend/import.h"

#include <string.h>

enum { /* AttributeProto.AttributeType */
       ATTR_UNDEFINED = 0,
       ATTR_FLOAT = 1,
       ATTR_INT = 2,
       ATTR_STRING = 3,
       ATTR_TENSOR = 4,
       ATTR_GRAPH = 5,
       ATTR_FLOATS = 6,
       ATTR_INTS = 7,
       ATTR_STRINGS = 8,
       ATTR_TENSORS = 9,
       ATTR_GRAPHS = 10
};

static const char *const type_names[] = {
    "nothing", "a float", "an int",  "a string",          "a tensor",         "a graph",
    "floats",  "ints",    "strings", "a list of tensors", "a list of graphs",
};

/* The stated type, or the one of the field that is there. */
static int attr_type(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type != ATTR_UNDEFINED)
        return a->type > ATTR_GRAPHS || a->type < 0 ? ATTR_UNDEFINED : a->type;
    const struct {
        bool there;
        int type;
    } fields[] = {{a->has_f, ATTR_FLOAT},     {a->has_i, ATTR_INT},
                  {a->has_s, ATTR_STRING},    {a->t != NULL, ATTR_TENSOR},
                  {a->g != NULL, ATTR_GRAPH}, {a->n_floats > 0, ATTR_FLOATS},
                  {a->n_ints > 0, ATTR_INTS}, {a->n_strings > 0, ATTR_STRINGS}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].there)
            return fields[i].type;
    return ATTR_UNDEFINED;
}

static const Onnx__AttributeProto *find(Importer *im, const Onnx__NodeProto *p, const char *name)
{
    const Onnx__AttributeProto *found = NULL;
    for (size_t i = 0; i < p->n_attribute; i++) {
        if (strcmp(proto_name(p->attribute[i]->name), name) != 0)
            continue;
        im->attr_seen[i] = true;
        if (found == NULL)
            found = p->attribute[i];
    }
    return found;
}

/* Finds the attribute and checks its type; *found is NULL when it is absent. */
static bool find_typed(Importer *im, const Onnx__NodeProto *p, const char *name, int type,
                       const Onnx__AttributeProto **found)
{
    *found = find(im, p, name);
    if (*found == NULL)
        return true;
    int has = attr_type(*found);
    if (proto_name((*found)->ref_attr_name)[0])
        return node_error(im->graph, im->node,
                          "attribute \"%s\" refers to a function's attribute outside a function",
                          name);
    /* An empty list is often written without any field. */
    bool empty_list = has == ATTR_UNDEFINED && type >= ATTR_FLOATS;
    if (has != type && !empty_list)
        return node_error(im->graph, im->node, "attribute \"%s\" must be %s, not %s", name,
                          type_names[type], type_names[has]);
    return true;
}

bool attr_present(Importer *im, const Onnx__NodeProto *p, const char *name)
{
    return find(im, p, name) != NULL;
}

bool attr_int(Importer *im, const Onnx__NodeProto *p, const char *name, int64_t *value)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_INT, &a))
        return false;
    if (a)
        *value = a->i;
    return true;
}

bool attr_bool(Importer *im, const Onnx__NodeProto *p, const char *name, bool *value)
{
    int64_t i = *value;
    if (!attr_int(im, p, name, &i))
        return false;
    if (i != 0 && i != 1)
        return node_error(im->graph, im->node, "attribute \"%s\" is %lld, must be 0 or 1", name,
                          (long long)i);
    *value = i == 1;
    return true;
}

bool attr_float(Importer *im, const Onnx__NodeProto *p, const char *name, double *value)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_FLOAT, &a))
        return false;
    if (a)
        *value = (double)a->f;
    return true;
}

static const char *attr_text(Importer *im, ProtobufCBinaryData s)
{
    return arena_strndup(im->arena, s.data ? (const char *)s.data : "", s.len);
}

bool attr_string(Importer *im, const Onnx__NodeProto *p, const char *name, const char **value)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_STRING, &a))
        return false;
    if (a)
        *value = attr_text(im, a->s);
    return true;
}

bool attr_ints(Importer *im, const Onnx__NodeProto *p, const char *name, int64_t *values, int max,
               int *count)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_INTS, &a))
        return false;
    if (a == NULL)
        return true;
    if (a->n_ints > (size_t)max)
        return node_error(im->graph, im->node, "attribute \"%s\" has %zu numbers, at most %d fit",
                          name, a->n_ints, max);
    *count = (int)a->n_ints;
    if (a->n_ints)
        memcpy(values, a->ints, a->n_ints * sizeof values[0]);
    return true;
}

bool attr_int_list(Importer *im, const Onnx__NodeProto *p, const char *name, const int64_t **values,
                   size_t *count)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_INTS, &a))
        return false;
    if (a) {
        *values = a->ints;
        *count = a->n_ints;
    }
    return true;
}

bool attr_floats(Importer *im, const Onnx__NodeProto *p, const char *name, const float **values,
                 size_t *count)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_FLOATS, &a))
        return false;
    if (a) {
        *values = a->floats;
        *count = a->n_floats;
    }
    return true;
}

bool attr_strings(Importer *im, const Onnx__NodeProto *p, const char *name,
                  const char *const **values, size_t *count)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_STRINGS, &a))
        return false;
    if (a == NULL)
        return true;
    const char **list = ARENA_ARRAY(im->arena, const char *, a->n_strings);
    for (size_t i = 0; i < a->n_strings; i++)
        list[i] = attr_text(im, a->strings[i]);
    *values = list;
    *count = a->n_strings;
    return true;
}

bool attr_tensor(Importer *im, const Onnx__NodeProto *p, const char *name,
                 const Onnx__TensorProto **value)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_TENSOR, &a))
        return false;
    if (a && a->t == NULL)
        return node_error(im->graph, im->node, "attribute \"%s\" holds no tensor", name);
    if (a)
        *value = a->t;
    return true;
}

bool attr_graph(Importer *im, const Onnx__NodeProto *p, const char *name,
                const Onnx__GraphProto **value)
{
    const Onnx__AttributeProto *a;
    if (!find_typed(im, p, name, ATTR_GRAPH, &a))
        return false;
    if (a == NULL || a->g == NULL)
        return node_error(im->graph, im->node, "attribute \"%s\", a graph, is missing", name);
    *value = a->g;
    return true;
}

bool attr_word(Importer *im, const Onnx__NodeProto *p, const char *name, const char *const *words,
               int *value)
{
    const char *text = NULL;
    if (!attr_string(im, p, name, &text))
        return false;
    if (text == NULL)
        return true;
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *value = i;
            return true;
        }
    }
    return node_error(im->graph, im->node, "attribute \"%s\" has the unknown value \"%s\"", name,
                      text);
}

void attr_ignore(Importer *im, const Onnx__NodeProto *p, const char *name)
{
    (void)find(im, p, name);
}

bool attr_all_seen(Importer *im, const Onnx__NodeProto *p)
{
    for (size_t i = 0; i < p->n_attribute; i++)
        if (!im->attr_seen[i])
            return node_error(im->graph, im->node, "unknown attribute \"%s\"",
                              proto_name(p->attribute[i]->name));
    return true;
}
