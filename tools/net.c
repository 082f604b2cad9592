/* The builder: layers become messages of ONNX's schema, weights become raw_data. */
#include "tools/net.h"

#include "frontend/onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ONNX_FLOAT = 1, ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_INTS = 7, OPSET = 13, IR_VERSION = 7 };

struct Net {
    Arena *arena;
    const char *name;
    uint64_t random; /* state of splitmix64 */
    int64_t macs, parameters;
    Onnx__ValueInfoProto *input;
    struct {
        Onnx__NodeProto **item;
        int n, cap;
    } nodes;
    struct {
        Onnx__TensorProto **item;
        int n, cap;
    } weights;
};

Net *net_new(Arena *a, const char *name, uint64_t seed)
{
    Net *n = ARENA_NEW(a, Net);
    n->arena = a;
    n->name = name;
    n->random = seed;
    return n;
}

/* ---- messages ---- */

static Onnx__ValueInfoProto *value_info(Net *n, Act x)
{
    Arena *a = n->arena;
    int64_t dims[4] = {1, x.c, x.h, x.w};
    int rank = x.h ? 4 : 2;
    Onnx__TensorShapeProto *shape = ARENA_NEW(a, Onnx__TensorShapeProto);
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = (size_t)rank;
    shape->dim = ARENA_ARRAY(a, Onnx__TensorShapeProto__Dimension *, rank);
    for (int i = 0; i < rank; i++) {
        shape->dim[i] = ARENA_NEW(a, Onnx__TensorShapeProto__Dimension);
        onnx__tensor_shape_proto__dimension__init(shape->dim[i]);
        shape->dim[i]->has_dim_value = 1;
        shape->dim[i]->dim_value = dims[i];
    }
    Onnx__TypeProto *type = ARENA_NEW(a, Onnx__TypeProto);
    onnx__type_proto__init(type);
    type->tensor_type = ARENA_NEW(a, Onnx__TypeProto__Tensor);
    onnx__type_proto__tensor__init(type->tensor_type);
    type->tensor_type->has_elem_type = 1;
    type->tensor_type->elem_type = ONNX_FLOAT;
    type->tensor_type->shape = shape;
    Onnx__ValueInfoProto *v = ARENA_NEW(a, Onnx__ValueInfoProto);
    onnx__value_info_proto__init(v);
    v->name = arena_strdup(a, x.name);
    v->type = type;
    return v;
}

/* A node with room for 4 attributes; its output is called like the node. */
static Onnx__NodeProto *add_node(Net *n, const char *op, const char *name,
                                 const char *const *inputs, int n_inputs)
{
    Arena *a = n->arena;
    Onnx__NodeProto *node = ARENA_NEW(a, Onnx__NodeProto);
    onnx__node_proto__init(node);
    node->name = arena_strdup(a, name);
    node->op_type = arena_strdup(a, op);
    node->n_input = (size_t)n_inputs;
    node->input = ARENA_ARRAY(a, char *, n_inputs);
    for (int i = 0; i < n_inputs; i++)
        node->input[i] = arena_strdup(a, inputs[i]);
    node->n_output = 1;
    node->output = ARENA_ARRAY(a, char *, 1);
    node->output[0] = node->name;
    node->attribute = ARENA_ARRAY(a, Onnx__AttributeProto *, 4);
    ARENA_PUSH(a, &n->nodes, item, n, cap, node);
    return node;
}

static Onnx__AttributeProto *add_attribute(Net *n, Onnx__NodeProto *node, const char *name,
                                           int type)
{
    Onnx__AttributeProto *attribute = ARENA_NEW(n->arena, Onnx__AttributeProto);
    onnx__attribute_proto__init(attribute);
    attribute->name = arena_strdup(n->arena, name);
    attribute->has_type = 1;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

static void add_int(Net *n, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(n, node, name, ATTR_INT);
    attribute->has_i = 1;
    attribute->i = value;
}

static void add_float(Net *n, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute = add_attribute(n, node, name, ATTR_FLOAT);
    attribute->has_f = 1;
    attribute->f = value;
}

/* `count` times the same number. */
static void add_ints(Net *n, Onnx__NodeProto *node, const char *name, int64_t value, int count)
{
    Onnx__AttributeProto *attribute = add_attribute(n, node, name, ATTR_INTS);
    attribute->n_ints = (size_t)count;
    attribute->ints = ARENA_ARRAY(n->arena, int64_t, count);
    for (int i = 0; i < count; i++)
        attribute->ints[i] = value;
}

static void add_window(Net *n, Onnx__NodeProto *node, Win w)
{
    add_ints(n, node, "kernel_shape", w.kernel, 2);
    add_ints(n, node, "strides", w.stride, 2);
    add_ints(n, node, "pads", w.pad, 4);
}

/* ---- weights ---- */

/* Uniform in [0, 1), 24 bits. */
static float next_uniform(Net *n)
{
    uint64_t z = n->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((z ^ (z >> 31)) >> 40) * (1.0f / (1 << 24));
}

/* A weight tensor uniform in [low, high); returns its name. */
static const char *add_weight(Net *n, const char *name, int rank, const int64_t *dims, double low,
                              double high)
{
    Arena *a = n->arena;
    Onnx__TensorProto *t = ARENA_NEW(a, Onnx__TensorProto);
    onnx__tensor_proto__init(t);
    t->name = arena_strdup(a, name);
    t->has_data_type = 1;
    t->data_type = ONNX_FLOAT;
    t->n_dims = (size_t)rank;
    t->dims = ARENA_ARRAY(a, int64_t, rank);
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        count *= (size_t)dims[i];
    }
    float *data = ARENA_ARRAY(a, float, count);
    float base = (float)low, span = (float)(high - low);
    for (size_t i = 0; i < count; i++)
        data[i] = base + span * next_uniform(n);
    t->has_raw_data = 1;
    t->raw_data.data = (uint8_t *)data; /* raw_data is little-endian, and so must the machine be */
    t->raw_data.len = count * sizeof *data;
    n->parameters += (int64_t)count;
    ARENA_PUSH(a, &n->weights, item, n, cap, t);
    return t->name;
}

/* Uniform with the given variance around 0. */
static const char *add_scaled(Net *n, const char *name, int rank, const int64_t *dims,
                              double variance)
{
    double bound = sqrt(3 * variance);
    return add_weight(n, name, rank, dims, -bound, bound);
}

static const char *suffixed(Net *n, const char *name, const char *suffix)
{
    return arena_printf(n->arena, "%s.%s", name, suffix);
}

/* ---- layers ---- */

Act net_input(Net *n, const char *name, int64_t c, int64_t h, int64_t w)
{
    Act x = {name, c, h, w};
    n->input = value_info(n, x);
    return x;
}

/* Extent behind a window: ONNX's rule, a window may not begin in the padding behind the image. */
static int64_t window_extent(int64_t in, Win w, bool ceil_mode)
{
    int64_t room = in + 2 * w.pad - w.kernel;
    int64_t out = room / w.stride + 1;
    if (ceil_mode && room % w.stride && out * w.stride < in + w.pad)
        out++;
    return out;
}

Act net_conv(Net *n, const char *name, Act x, int64_t channels, Win w, int64_t group,
             bool with_bias)
{
    int64_t dims[] = {channels, x.c / group, w.kernel, w.kernel};
    int64_t fan_in = dims[1] * w.kernel * w.kernel;
    const char *in[3] = {x.name};
    in[1] = add_scaled(n, suffixed(n, name, "weight"), 4, dims, 2.0 / (double)fan_in);
    if (with_bias)
        in[2] = add_weight(n, suffixed(n, name, "bias"), 1, dims, -0.1, 0.1);
    Onnx__NodeProto *node = add_node(n, "Conv", name, in, with_bias ? 3 : 2);
    add_window(n, node, w);
    add_int(n, node, "group", group);
    Act y = {node->name, channels, window_extent(x.h, w, false), window_extent(x.w, w, false)};
    n->macs += y.c * y.h * y.w * fan_in;
    return y;
}

Act net_batch_norm(Net *n, const char *name, Act x, double gain)
{
    const char *in[] = {
        x.name,
        add_weight(n, suffixed(n, name, "weight"), 1, &x.c, 0.8 * gain, 1.2 * gain),
        add_weight(n, suffixed(n, name, "bias"), 1, &x.c, -0.1, 0.1),
        add_weight(n, suffixed(n, name, "running_mean"), 1, &x.c, -0.1, 0.1),
        add_weight(n, suffixed(n, name, "running_var"), 1, &x.c, 0.8, 1.2),
    };
    Onnx__NodeProto *node = add_node(n, "BatchNormalization", name, in, 5);
    add_float(n, node, "epsilon", 1e-5f);
    return (Act){node->name, x.c, x.h, x.w};
}

/* A layer with one input, no weights and the shape of its input. */
static Onnx__NodeProto *add_unary(Net *n, const char *op, const char *name, Act x)
{
    return add_node(n, op, name, &x.name, 1);
}

Act net_relu(Net *n, const char *name, Act x)
{
    return (Act){add_unary(n, "Relu", name, x)->name, x.c, x.h, x.w};
}

Act net_max_pool(Net *n, const char *name, Act x, Win w, bool ceil_mode)
{
    Onnx__NodeProto *node = add_unary(n, "MaxPool", name, x);
    add_window(n, node, w);
    if (ceil_mode)
        add_int(n, node, "ceil_mode", 1);
    return (Act){node->name, x.c, window_extent(x.h, w, ceil_mode),
                 window_extent(x.w, w, ceil_mode)};
}

Act net_average_pool(Net *n, const char *name, Act x, Win w)
{
    Onnx__NodeProto *node = add_unary(n, "AveragePool", name, x);
    add_window(n, node, w);
    return (Act){node->name, x.c, window_extent(x.h, w, false), window_extent(x.w, w, false)};
}

Act net_global_average_pool(Net *n, const char *name, Act x)
{
    return (Act){add_unary(n, "GlobalAveragePool", name, x)->name, x.c, 1, 1};
}

Act net_lrn(Net *n, const char *name, Act x)
{
    Onnx__NodeProto *node = add_unary(n, "LRN", name, x);
    add_int(n, node, "size", 5);
    add_float(n, node, "alpha", 1e-4f);
    add_float(n, node, "beta", 0.75f);
    add_float(n, node, "bias", 1.0f);
    return (Act){node->name, x.c, x.h, x.w};
}

Act net_add(Net *n, const char *name, Act x, Act y)
{
    const char *in[] = {x.name, y.name};
    return (Act){add_node(n, "Add", name, in, 2)->name, x.c, x.h, x.w};
}

Act net_concat(Net *n, const char *name, const Act *x, int count)
{
    const char **in = ARENA_ARRAY(n->arena, const char *, count);
    int64_t channels = 0;
    for (int i = 0; i < count; i++) {
        in[i] = x[i].name;
        channels += x[i].c;
    }
    Onnx__NodeProto *node = add_node(n, "Concat", name, in, count);
    add_int(n, node, "axis", 1);
    return (Act){node->name, channels, x[0].h, x[0].w};
}

Act net_dropout(Net *n, const char *name, Act x)
{
    return (Act){add_unary(n, "Dropout", name, x)->name, x.c, x.h, x.w};
}

Act net_flatten(Net *n, const char *name, Act x)
{
    return (Act){add_unary(n, "Flatten", name, x)->name, x.c * x.h * x.w, 0, 0};
}

Act net_dense(Net *n, const char *name, Act x, int64_t outputs, bool last)
{
    int64_t dims[] = {outputs, x.c};
    double variance = (last ? 1.0 : 2.0) / (double)x.c;
    const char *in[] = {x.name, add_scaled(n, suffixed(n, name, "weight"), 2, dims, variance),
                        add_weight(n, suffixed(n, name, "bias"), 1, dims, -0.1, 0.1)};
    Onnx__NodeProto *node = add_node(n, "Gemm", name, in, 3);
    add_int(n, node, "transB", 1);
    n->macs += outputs * x.c;
    return (Act){node->name, outputs, 0, 0};
}

Act net_softmax(Net *n, const char *name, Act x)
{
    Onnx__NodeProto *node = add_unary(n, "Softmax", name, x);
    add_int(n, node, "axis", 1);
    return (Act){node->name, x.c, x.h, x.w};
}

Arena *net_arena(const Net *n)
{
    return n->arena;
}

int64_t net_macs(const Net *n)
{
    return n->macs;
}

int64_t net_parameters(const Net *n)
{
    return n->parameters;
}

/* ---- writing ---- */

/* protobuf-c's sink: the message goes to a file piece by piece, without a copy of the weights. */
typedef struct FileSink {
    ProtobufCBuffer base;
    FILE *file;
    bool failed;
} FileSink;

static void append_to_file(ProtobufCBuffer *buffer, size_t n, const uint8_t *data)
{
    FileSink *sink = (FileSink *)buffer; /* base is its first member */
    if (fwrite(data, 1, n, sink->file) != n)
        sink->failed = true;
}

bool net_write(Net *n, Act output, const char *path)
{
    Onnx__ValueInfoProto *result = value_info(n, output);
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    graph.name = arena_strdup(n->arena, n->name);
    graph.node = n->nodes.item;
    graph.n_node = (size_t)n->nodes.n;
    graph.initializer = n->weights.item;
    graph.n_initializer = (size_t)n->weights.n;
    graph.input = &n->input;
    graph.n_input = 1;
    graph.output = &result;
    graph.n_output = 1;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    opset.has_version = 1;
    opset.version = OPSET;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    model.has_ir_version = 1;
    model.ir_version = IR_VERSION;
    model.producer_name = arena_strdup(n->arena, "cnncc mknet");
    model.graph = &graph;
    model.opset_import = &opsets;
    model.n_opset_import = 1;
    FileSink sink = {.base = {append_to_file}, .file = fopen(path, "wb")};
    if (sink.file == NULL)
        return false;
    onnx__model_proto__pack_to_buffer(&model, &sink.base);
    if (fclose(sink.file) != 0)
        sink.failed = true;
    if (sink.failed)
        remove(path);
    return !sink.failed;
}
