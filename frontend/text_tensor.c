/* Types and tensor data of ONNX's textual syntax.
 *
 * Elements go straight into raw bytes. Their count is not compared with the shape here: the import
 * does that for every model, and tests want models where it is wrong. */
#include "frontend/import.h"
#include "frontend/text_lex.h"

#include <math.h>
#include <string.h>

static const char *const compound_types[] = {"seq", "map", "optional", "sparse_tensor", "opaque"};

static bool element_type(TextReader *r, int32_t *number)
{
    *number = onnx_type_named(r->token.kind == TOKEN_NAME ? r->token.text : "");
    return *number ? text_next(r) : text_error(r, "a type");
}

bool text_is_type(const TextReader *r)
{
    if (r->token.kind != TOKEN_NAME)
        return false;
    for (size_t i = 0; i < sizeof compound_types / sizeof compound_types[0]; i++)
        if (text_is_name(r, compound_types[i]))
            return true;
    return onnx_type_named(r->token.text) != 0;
}

/* Steps over `( … )`. */
static bool skip_parentheses(TextReader *r)
{
    int depth = 0;
    do {
        depth += text_is(r, '(') ? 1 : text_is(r, ')') ? -1 : 0;
        if (r->token.kind == TOKEN_END)
            return text_error(r, "')'");
        if (!text_next(r))
            return false;
    } while (depth > 0);
    return true;
}

static bool dimension(TextReader *r, Onnx__TensorShapeProto *s)
{
    Onnx__TensorShapeProto__Dimension *d = ARENA_NEW(r->arena, Onnx__TensorShapeProto__Dimension);
    onnx__tensor_shape_proto__dimension__init(d);
    TEXT_PUSH(r, s->dim, s->n_dim, d);
    bool unknown;
    if (!text_accept(r, '?', &unknown))
        return false;
    if (unknown)
        return true;
    if (r->token.kind == TOKEN_INT) {
        d->has_dim_value = 1;
        return text_int(r, &d->dim_value);
    }
    const char *symbol;
    if (!text_quotable(r, &symbol))
        return false;
    d->dim_param = arena_strdup(r->arena, symbol);
    return true;
}

/* No brackets: a scalar. Empty brackets: unknown rank. */
static bool shape(TextReader *r, Onnx__TensorShapeProto **shape)
{
    Onnx__TensorShapeProto *s = ARENA_NEW(r->arena, Onnx__TensorShapeProto);
    bool open, more = true, closed;
    onnx__tensor_shape_proto__init(s);
    if (!text_accept(r, '[', &open))
        return false;
    if (!open) {
        *shape = s;
        return true;
    }
    if (!text_accept(r, ']', &closed))
        return false;
    if (closed)
        return true;
    *shape = s;
    while (more)
        if (!dimension(r, s) || !text_accept(r, ',', &more))
            return false;
    return text_expect(r, ']');
}

bool text_type(TextReader *r, Onnx__TypeProto **type)
{
    *type = ARENA_NEW(r->arena, Onnx__TypeProto);
    onnx__type_proto__init(*type);
    for (size_t i = 0; i < sizeof compound_types / sizeof compound_types[0]; i++) {
        if (text_is_name(r, compound_types[i])) {
            (*type)->has_sequence_type = 1; /* which one does not matter: none is supported */
            return text_next(r) && skip_parentheses(r);
        }
    }
    Onnx__TypeProto__Tensor *t = ARENA_NEW(r->arena, Onnx__TypeProto__Tensor);
    onnx__type_proto__tensor__init(t);
    (*type)->tensor_type = t;
    t->has_elem_type = 1;
    return element_type(r, &t->elem_type) && shape(r, &t->shape);
}

/* ---- data ---- */

typedef struct Data {
    DType dtype;
    unsigned char *bytes;
    size_t n, capacity;
} Data;

static unsigned char *next_element(TextReader *r, Data *d)
{
    size_t size = dtype_size(d->dtype);
    if (d->n + size > d->capacity) {
        d->capacity = d->capacity ? 2 * d->capacity : 64;
        d->bytes = arena_grow(r->arena, d->bytes, d->n, d->capacity, 1);
    }
    d->n += size;
    return d->bytes + d->n - size;
}

/* The words that stand for numbers. */
static bool word_value(const char *word, double *value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"inf", (double)INFINITY}, {"nan", (double)NAN}, {"true", 1}, {"false", 0}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i].word) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

static bool element(TextReader *r, Data *d)
{
    Tensor one = {.dtype = d->dtype};
    double f = r->token.f;
    bool is_number = r->token.kind == TOKEN_INT || r->token.kind == TOKEN_FLOAT ||
                     (r->token.kind == TOKEN_NAME && word_value(r->token.text, &f));
    if (!is_number)
        return text_error(r, "a number");
    _Alignas(16) unsigned char buffer[16] = {0};
    one.data = buffer;
    if (r->token.kind == TOKEN_INT && !dtype_is_float(d->dtype))
        tensor_set_i64(&one, 0, r->token.i);
    else
        tensor_set_f64(&one, 0, f);
    memcpy(next_element(r, d), buffer, dtype_size(d->dtype));
    return text_next(r);
}

/* A number in [0, 1) from a counter: the finaliser of splitmix64. */
static double uniform(uint64_t seed, uint64_t i)
{
    uint64_t z = (seed + 1) * 0x9e3779b97f4a7c15u + (i + 1) * 0xd1b54a32d192ed03u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

/* `random SEED SCALE`: every element uniform in [-SCALE, SCALE], the same for the same seed. */
static bool random_elements(TextReader *r, const Onnx__TensorProto *p, Data *d)
{
    int64_t seed, numel;
    if (!text_next(r) || !text_int(r, &seed))
        return false;
    double scale = r->token.f;
    if (r->token.kind != TOKEN_INT && r->token.kind != TOKEN_FLOAT)
        return text_error(r, "the scale of the random numbers");
    if (p->n_dims > MAX_RANK)
        return diag_error(r->diag, "line %d: too many dimensions", r->line);
    Shape s = shape_make((int)p->n_dims, p->dims);
    if (!shape_checked_numel(&s, &numel) || numel > (int64_t)1 << 32)
        return diag_error(r->diag, "line %d: too many random numbers", r->line);
    Tensor *t = tensor_new(r->arena, d->dtype, &s);
    for (int64_t i = 0; i < numel; i++)
        tensor_set_f64(t, i, (2 * uniform((uint64_t)seed, (uint64_t)i) - 1) * scale);
    d->bytes = t->data;
    d->n = tensor_bytes(t);
    return text_next(r);
}

static bool elements(TextReader *r, Onnx__TensorProto *p)
{
    int bits;
    Data d = {.dtype = onnx_storage(p->data_type, &bits)};
    bool closed, more = true;
    if (d.dtype == DT_NONE)
        return diag_unsupported(r->diag, "line %d: data of element type %s", r->line,
                                onnx_type_refusal(r->arena, p->data_type));
    if (!text_expect(r, '{') || !text_accept(r, '}', &closed))
        return false;
    if (!closed && text_is_name(r, "random")) {
        if (!random_elements(r, p, &d))
            return false;
        more = false;
    }
    while (!closed && more)
        if (!element(r, &d) || !text_accept(r, ',', &more))
            return false;
    p->has_raw_data = 1;
    p->raw_data.data = d.bytes;
    p->raw_data.len = bits < 8 ? narrow_pack(d.bytes, d.n, bits) : d.n;
    return closed || text_expect(r, '}');
}

/* ["location" : "weights.bin", "offset" : "64"] */
static bool external(TextReader *r, Onnx__TensorProto *p)
{
    bool more = true;
    p->has_data_location = 1;
    p->data_location = 1;
    if (!text_expect(r, '['))
        return false;
    while (more) {
        const char *key, *value;
        Onnx__StringStringEntryProto *e = ARENA_NEW(r->arena, Onnx__StringStringEntryProto);
        onnx__string_string_entry_proto__init(e);
        if (!text_quotable(r, &key) || !text_expect(r, ':') || !text_quotable(r, &value) ||
            !text_accept(r, ',', &more))
            return false;
        e->key = arena_strdup(r->arena, key);
        e->value = arena_strdup(r->arena, value);
        TEXT_PUSH(r, p->external_data, p->n_external_data, e);
    }
    return text_expect(r, ']');
}

bool text_tensor(TextReader *r, const Onnx__TypeProto *type, const char *name,
                 Onnx__TensorProto **tensor)
{
    Onnx__TensorProto *p = ARENA_NEW(r->arena, Onnx__TensorProto);
    onnx__tensor_proto__init(p);
    *tensor = p;
    if (type->tensor_type == NULL)
        return diag_error(r->diag, "line %d: data of a type that is no tensor", r->line);
    const Onnx__TensorShapeProto *s = type->tensor_type->shape;
    p->name = arena_strdup(r->arena, name);
    p->has_data_type = 1;
    p->data_type = type->tensor_type->elem_type;
    for (size_t i = 0; s && i < s->n_dim; i++) {
        if (!s->dim[i]->has_dim_value)
            return diag_error(r->diag, "line %d: the shape of constant data must be numbers",
                              r->line);
        TEXT_PUSH(r, p->dims, p->n_dims, s->dim[i]->dim_value);
    }
    return text_is(r, '[') ? external(r, p) : elements(r, p);
}
