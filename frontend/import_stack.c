/* What unrolled loops need around their bodies: the elements of a value along an axis, and the
 * stack of values along a new one. */
#include "frontend/import.h"

Value *import_element(Importer *im, Value *v, int64_t axis, int64_t index)
{
    int64_t next = index + 1;
    Value *slice[] = {v, import_const_i64(im, NULL, &index, 1),
                      import_const_i64(im, NULL, &next, 1), import_const_i64(im, NULL, &axis, 1)};
    Params params = {.axis = {.n_axes = 1, .axes = {axis}}};
    Value *part = import_append(im, OP_Slice, NULL, slice, 4);
    return part ? import_append(im, OP_Squeeze, &params, &part, 1) : NULL;
}

/* Of no values: what the body states its element to be tells the shape. */
static Value *empty_stack(Importer *im, int64_t axis, const Onnx__ValueInfoProto *element)
{
    const Onnx__TypeProto__Tensor *type = element->type ? element->type->tensor_type : NULL;
    DType dtype = type ? dtype_from_onnx(type->elem_type) : DT_NONE;
    const Onnx__TensorShapeProto *s = type ? type->shape : NULL;
    Shape shape = {.rank = 0};
    bool known =
        s && s->n_dim < MAX_RANK && dtype != DT_NONE && axis >= 0 && axis <= (int64_t)s->n_dim;
    for (size_t i = 0; known && i <= s->n_dim; i++) {
        if ((int64_t)i == axis)
            shape.dim[shape.rank++] = 0;
        if (i == s->n_dim)
            break;
        known = s->dim[i]->has_dim_value && s->dim[i]->dim_value >= 0;
        shape.dim[shape.rank++] = s->dim[i]->dim_value;
    }
    if (!known) {
        node_unsupported(im->graph, im->node,
                         "no turn is made, and the body does not state the shape of \"%s\"",
                         proto_name(element->name));
        return NULL;
    }
    return graph_constant(im->graph, NULL, tensor_new(im->arena, dtype, &shape));
}

Value *import_stack(Importer *im, Value *const *values, int64_t count, int64_t axis,
                    const Onnx__ValueInfoProto *element)
{
    if (count == 0)
        return empty_stack(im, axis, element);
    Value **parts = ARENA_ARRAY(im->arena, Value *, count);
    Params unsqueeze = {.axis = {.n_axes = 1, .axes = {axis}}};
    Params concat = {.axis = {.axis = axis}};
    for (int64_t i = 0; i < count; i++)
        if ((parts[i] = import_append(im, OP_Unsqueeze, &unsqueeze, (Value *const *)&values[i],
                                      1)) == NULL)
            return NULL;
    return count == 1 ? parts[0] : import_append(im, OP_Concat, &concat, parts, (int)count);
}
