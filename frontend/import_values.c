/* The values that no node makes: initializers and inputs; and the graph's outputs.
 *
 * Every dimension becomes a number here. A symbol is pinned by --dim, by the shape of a frozen
 * input, or, when it is the leading dimension of an input, to 1; the rest is an error that names
 * it. A dimension without number or symbol goes by the name "INPUT.AXIS". */
#include "frontend/import.h"

#include <string.h>

static bool check_bytes(Importer *im, const char *what, DType t, const Shape *s, int64_t limit)
{
    int64_t numel;
    if (!shape_checked_numel(s, &numel))
        return diag_error(im->diag, "%s: shape %s is too large", what, shape_str(im->arena, s));
    int64_t size = (int64_t)dtype_size(t);
    int64_t bytes = numel * size; /* below 2^62: see shape_checked_numel */
    return bytes <= limit ||
           diag_error(im->diag, "%s: shape %s needs %lld bytes, the limit is %lld", what,
                      shape_str(im->arena, s), (long long)bytes, (long long)limit);
}

bool import_check_size(Importer *im, const char *what, DType t, const Shape *s)
{
    return check_bytes(im, what, t, s, MAX_VALUE_BYTES);
}

bool import_check_made(Importer *im, const Node *n, DType t, const Shape *s)
{
    const char *what = arena_printf(im->arena, "%s: data that is computed at compile time",
                                    node_label(im->arena, n));
    return check_bytes(im, what, t, s, MAX_MADE_BYTES);
}

bool import_initializers(Importer *im, Body *b, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *p = g->initializer[i];
        const char *name = proto_name(p->name);
        const char *what = arena_printf(im->arena, "initializer \"%s\"", name);
        if (name[0] == '\0')
            return diag_error(im->diag, "initializer %zu has no name", i);
        const Tensor *t = import_tensor(im, p, what);
        if (t == NULL)
            return false;
        if (strmap_get(&b->values, name))
            return diag_error(im->diag, "%s is defined twice", what);
        Value *v = graph_constant(im->graph, import_inner_name(im, b, name), t);
        import_bind(b, name, v);
        import_note_type(im, v, p);
        if (dtype_is_float(t->dtype))
            im->graph->n_parameters += shape_numel(&t->shape);
    }
    return true;
}

/* ---- symbolic dimensions ---- */

typedef Onnx__TensorShapeProto__Dimension Dim;

static int64_t *new_extent(Importer *im, int64_t extent)
{
    int64_t *p = ARENA_NEW(im->arena, int64_t);
    *p = extent;
    return p;
}

/* The symbol of a dimension, NULL when it is a number. */
static const char *dim_symbol(Importer *im, const char *input, const Dim *dim, size_t axis)
{
    if (dim->has_dim_value && dim->dim_value >= 0)
        return NULL;
    const char *symbol = proto_name(dim->dim_param);
    return symbol[0] ? symbol : arena_printf(im->arena, "%s.%zu", input, axis);
}

static const Onnx__TensorShapeProto *info_shape(const Onnx__ValueInfoProto *v)
{
    return v->type && v->type->tensor_type ? v->type->tensor_type->shape : NULL;
}

static bool is_free_input(Importer *im, const Onnx__ValueInfoProto *v)
{
    return import_find(im->body, proto_name(v->name)) == NULL;
}

static const Tensor *frozen(const Importer *im, const char *input)
{
    const Tensor *const *slot = strmap_get(&im->frozen, input);
    return slot ? *slot : NULL;
}

static bool pin_options(Importer *im)
{
    for (int i = 0; i < im->options->n_dims; i++) {
        const DimBinding *b = &im->options->dims[i];
        if (b->extent < 1)
            return diag_error(im->diag, "--dim %s=%lld: must be at least 1", b->symbol,
                              (long long)b->extent);
        if (strmap_put(&im->dims, b->symbol, new_extent(im, b->extent)))
            return diag_error(im->diag, "--dim %s is given twice", b->symbol);
    }
    return true;
}

/* The symbols of an input that --freeze gives are pinned by the tensor's shape. */
static bool pin_frozen(Importer *im, const Onnx__ValueInfoProto *v)
{
    const char *name = proto_name(v->name);
    const Tensor *t = frozen(im, name);
    const Onnx__TensorShapeProto *s = info_shape(v);
    if (t == NULL || s == NULL)
        return true;
    if (s->n_dim != (size_t)t->shape.rank)
        return diag_error(im->diag, "--freeze %s: the tensor has rank %d, the input %zu", name,
                          t->shape.rank, s->n_dim);
    for (size_t i = 0; i < s->n_dim; i++) {
        const char *symbol = dim_symbol(im, name, s->dim[i], i);
        if (symbol && strmap_get(&im->dims, symbol) == NULL)
            strmap_put(&im->dims, symbol, new_extent(im, t->shape.dim[i]));
    }
    return true;
}

/* A leading symbol that nobody pinned is taken for the batch. */
static void pin_batch(Importer *im, const Onnx__ValueInfoProto *v)
{
    const char *name = proto_name(v->name);
    const Onnx__TensorShapeProto *s = info_shape(v);
    if (s == NULL || s->n_dim == 0 || !is_free_input(im, v))
        return;
    const char *symbol = dim_symbol(im, name, s->dim[0], 0);
    if (symbol == NULL || strmap_get(&im->dims, symbol))
        return;
    strmap_put(&im->dims, symbol, new_extent(im, 1));
    diag_note(im->diag, "input \"%s\": leading dimension \"%s\" is taken as 1 (--dim %s=N sets it)",
              name, symbol, symbol);
}

/* The number of one dimension of an input; reports an unpinned symbol. */
static bool input_extent(Importer *im, const char *input, const Dim *dim, size_t axis,
                         int64_t *extent)
{
    const char *symbol = dim_symbol(im, input, dim, axis);
    *extent = dim->dim_value;
    if (symbol == NULL)
        return true;
    const int64_t *pinned = strmap_get(&im->dims, symbol);
    if (pinned == NULL)
        return diag_error(im->diag,
                          "input \"%s\": dimension %zu is symbolic (\"%s\"); give its size with "
                          "--dim %s=N",
                          input, axis, symbol, symbol);
    *extent = *pinned;
    return true;
}

/* ---- inputs ---- */

static bool input_type(Importer *im, const Onnx__ValueInfoProto *v, DType *dtype, Shape *shape)
{
    const char *name = proto_name(v->name);
    const Onnx__TensorShapeProto *s = info_shape(v);
    if (v->type == NULL || v->type->tensor_type == NULL)
        return diag_unsupported(im->diag, "input \"%s\" is not a tensor", name);
    *dtype = dtype_from_onnx(v->type->tensor_type->elem_type);
    if (*dtype == DT_NONE)
        return diag_unsupported(im->diag, "input \"%s\": element type %s", name,
                                onnx_type_refusal(im->arena, v->type->tensor_type->elem_type));
    if (s == NULL)
        return diag_unsupported(im->diag, "input \"%s\" has no shape", name);
    if (s->n_dim > MAX_RANK)
        return diag_unsupported(im->diag, "input \"%s\": %zu dimensions, at most %d are supported",
                                name, s->n_dim, MAX_RANK);
    bool ok = true;
    *shape = (Shape){.rank = (int)s->n_dim};
    for (size_t i = 0; i < s->n_dim; i++)
        ok = input_extent(im, name, s->dim[i], i, &shape->dim[i]) && ok;
    return ok &&
           import_check_size(im, arena_printf(im->arena, "input \"%s\"", name), *dtype, shape);
}

static bool import_frozen(Importer *im, const char *name, const Tensor *t, DType dtype,
                          const Shape *shape)
{
    if (t->dtype != dtype || !shape_equal(&t->shape, shape))
        return diag_error(im->diag, "--freeze %s: the tensor is %s%s, the input %s%s", name,
                          dtype_name(t->dtype), shape_str(im->arena, &t->shape), dtype_name(dtype),
                          shape_str(im->arena, shape));
    import_bind(im->body, name, graph_constant(im->graph, name, t));
    diag_note(im->diag, "input \"%s\" is frozen: a constant %s%s", name, dtype_name(dtype),
              shape_str(im->arena, shape));
    return true;
}

/* *position counts the inputs that are no initializers. */
static bool import_input(Importer *im, const Onnx__ValueInfoProto *v, int *position)
{
    const char *name = proto_name(v->name);
    DType dtype = DT_NONE;
    Shape shape;
    if (name[0] == '\0')
        return diag_error(im->diag, "an input has no name");
    const Value *there = import_find(im->body, name);
    if (there && !there->constant)
        return diag_error(im->diag, "input \"%s\" is defined twice", name);
    if (there)
        return true; /* an initializer that is listed as an input, too: a constant */
    if (!input_type(im, v, &dtype, &shape))
        return false;
    const Tensor *t = frozen(im, name);
    if (t) {
        ++*position;
        return import_frozen(im, name, t, dtype, &shape);
    }
    Graph *g = im->graph;
    Value *value = graph_value(g, name, dtype, &shape);
    value->is_input = true;
    value->position = (*position)++;
    ARENA_PUSH(im->arena, g, inputs, n_inputs, cap_inputs, value);
    import_bind(im->body, name, value);
    return true;
}

/* Adds a symbol to the list of those that there are. */
static char *list_symbol(Importer *im, StrMap *listed, char *list, const char *symbol)
{
    if (symbol == NULL || strmap_put(listed, symbol, im))
        return list;
    return arena_printf(im->arena, "%s%s\"%s\"", list, list[0] ? ", " : "", symbol);
}

/* Every --dim must name a symbol that an input has: another one is a slip of the pen. */
static bool check_dim_names(Importer *im)
{
    StrMap listed = strmap_new(im->arena);
    char *list = arena_strdup(im->arena, "");
    bool ok = true;
    for (size_t i = 0; i < im->proto->n_input; i++) {
        const Onnx__ValueInfoProto *v = im->proto->input[i];
        const Onnx__TensorShapeProto *s = info_shape(v);
        for (size_t k = 0; s && is_free_input(im, v) && k < s->n_dim; k++)
            list =
                list_symbol(im, &listed, list, dim_symbol(im, proto_name(v->name), s->dim[k], k));
    }
    for (int i = 0; i < im->options->n_dims; i++) {
        const DimBinding *b = &im->options->dims[i];
        if (strmap_get(&listed, b->symbol) == NULL)
            ok = diag_error(im->diag, "--dim %s=%lld: the inputs have no such dimension; %s%s",
                            b->symbol, (long long)b->extent,
                            list[0] ? "there is " : "all of theirs are numbers", list);
    }
    return ok;
}

bool import_values(Importer *im)
{
    const Onnx__GraphProto *g = im->proto;
    bool ok = import_initializers(im, im->body, g) && check_dim_names(im) && pin_options(im) &&
              import_freezes(im);
    for (size_t i = 0; ok && i < g->n_input; i++)
        ok = pin_frozen(im, g->input[i]);
    for (size_t i = 0; ok && i < g->n_input; i++)
        pin_batch(im, g->input[i]);
    int position = 0;
    bool all = true; /* every input is looked at, so that all unpinned symbols are listed */
    for (size_t i = 0; ok && i < g->n_input; i++)
        all = import_input(im, g->input[i], &position) && all;
    return ok && all;
}

/* ---- outputs ---- */

/* Whether a stated type and shape agree with what inference found, as far as they are stated. */
static bool agrees(Importer *im, const Onnx__ValueInfoProto *v, const Value *value)
{
    if (v->type == NULL || v->type->tensor_type == NULL)
        return true;
    DType dtype = dtype_from_onnx(v->type->tensor_type->elem_type);
    const Onnx__TensorShapeProto *s = info_shape(v);
    if (dtype != DT_NONE && dtype != value->dtype)
        return false;
    if (s == NULL)
        return true;
    if (s->n_dim != (size_t)value->shape.rank)
        return false;
    for (size_t i = 0; i < s->n_dim; i++) {
        const Dim *dim = s->dim[i];
        const int64_t *pinned = strmap_get(&im->dims, proto_name(dim->dim_param));
        bool known = dim->has_dim_value && dim->dim_value >= 0;
        int64_t extent = known ? dim->dim_value : pinned ? *pinned : value->shape.dim[i];
        if (extent != value->shape.dim[i])
            return false;
    }
    return true;
}

static const char *stated(Importer *im, const Onnx__ValueInfoProto *v)
{
    const Onnx__TensorShapeProto *s = info_shape(v);
    DType dtype = dtype_from_onnx(v->type->tensor_type->elem_type);
    const char *text = arena_printf(im->arena, "%s[", dtype_name(dtype));
    for (size_t i = 0; s && i < s->n_dim; i++) {
        const char *symbol = dim_symbol(im, "?", s->dim[i], i);
        text = symbol ? arena_printf(im->arena, "%s%s%s", text, i ? "," : "", symbol)
                      : arena_printf(im->arena, "%s%s%lld", text, i ? "," : "",
                                     (long long)s->dim[i]->dim_value);
    }
    return arena_printf(im->arena, "%s]", text);
}

static void check_value_infos(Importer *im)
{
    for (size_t i = 0; i < im->proto->n_value_info; i++) {
        const Onnx__ValueInfoProto *v = im->proto->value_info[i];
        const Value *value = import_find(im->body, proto_name(v->name));
        if (value && !agrees(im, v, value))
            diag_warning(im->diag, "value \"%s\" is stated as %s but is %s%s", value->name,
                         stated(im, v), dtype_name(value->dtype),
                         shape_str(im->arena, &value->shape));
    }
}

/* An output must be made by a node of its own: an input, a constant, a second use of a name or a
 * value that a body only hands through is copied into a new value, which takes the name (inputs
 * keep theirs). */
static Value *own_output(Importer *im, Value *v, const char *name)
{
    bool named = strcmp(v->name, name) == 0;
    if (v->def && !v->is_output && named)
        return v;
    Graph *g = im->graph;
    Value *copy = graph_value(g, name, v->dtype, &v->shape);
    graph_node(g, OP_Identity, NULL, &v, 1, &copy, 1);
    if (!named) { /* the value of this name was the node's that the body stands for: it is gone */
        copy->name = name;
    } else if (v->constant) {
        v->name = copy->name;
        copy->name = name;
    }
    return copy;
}

bool import_outputs(Importer *im)
{
    Graph *g = im->graph;
    check_value_infos(im);
    for (size_t i = 0; i < im->proto->n_output; i++) {
        const Onnx__ValueInfoProto *v = im->proto->output[i];
        const char *name = proto_name(v->name);
        Value *value = import_find(im->body, name);
        if (value == NULL)
            return diag_error(im->diag, "output \"%s\" is not made by any node", name);
        if (import_narrow_name(im, value))
            return diag_unsupported(im->diag, "output \"%s\" is %s, which is for constants only",
                                    name, import_narrow_name(im, value));
        if (!agrees(im, v, value))
            return diag_error(im->diag, "output \"%s\" is stated as %s but is %s%s", name,
                              stated(im, v), dtype_name(value->dtype),
                              shape_str(im->arena, &value->shape));
        value = own_output(im, value, name);
        value->is_output = true;
        ARENA_PUSH(im->arena, g, outputs, n_outputs, cap_outputs, value);
    }
    return true;
}
