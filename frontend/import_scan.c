/* Scan: unrolled; the lengths of the scanned axes are known, since all shapes are.
 *
 * Comes in: Scan(state…, scanned…) with a body (state…, element…) -> (state…, element…). As of
 * opset 8 an optional first operand holds the lengths of sequences, and every operand has a batch
 * axis in front, over which the whole is repeated. Goes out: the nodes of all turns; elements are
 * cut out of the scanned inputs, and the outputs' elements are stacked.
 * Holds: at most MAX_TURNS turns, and MAX_EXPANDED nodes together. */
#include "frontend/import.h"

enum { MAX_SCANNED = 64 };

typedef struct Scan {
    Importer *im;
    const Onnx__NodeProto *p;
    Node *node;
    const Onnx__GraphProto *g;
    Body *fixed;                 /* what all turns share: the body's initializers */
    size_t n_state, n_in, n_out; /* scanned inputs and outputs */
    int64_t in_axis[MAX_SCANNED], out_axis[MAX_SCANNED];
    int64_t in_back[MAX_SCANNED], out_back[MAX_SCANNED]; /* 1: from the end to the beginning */
    int64_t turns;
} Scan;

/* ---- attributes ---- */

/* One number for each scanned value, `fallback` when there are none. */
static bool numbers(const Scan *s, const char *name, size_t n, int64_t *values)
{
    int count = (int)n;
    for (size_t i = 0; i < n; i++)
        values[i] = 0;
    if (!attr_ints(s->im, s->p, name, values, MAX_SCANNED, &count))
        return false;
    return (size_t)count == n ||
           node_error(s->im->graph, s->node, "attribute \"%s\" has %d numbers, %zu are needed",
                      name, count, n);
}

static bool directions(const Scan *s, const char *name, size_t n, int64_t *values)
{
    if (!numbers(s, name, n, values))
        return false;
    for (size_t i = 0; i < n; i++)
        if (values[i] != 0 && values[i] != 1)
            return node_error(s->im->graph, s->node, "attribute \"%s\" holds %lld, must be 0 or 1",
                              name, (long long)values[i]);
    return true;
}

static bool attributes(Scan *s, size_t n_operands)
{
    int64_t scanned = 0;
    if (!attr_graph(s->im, s->p, "body", &s->g) ||
        !attr_int(s->im, s->p, "num_scan_inputs", &scanned))
        return false;
    if (scanned < 1 || scanned > MAX_SCANNED || (size_t)scanned > n_operands)
        return node_error(s->im->graph, s->node, "num_scan_inputs is %lld, of %zu operands",
                          (long long)scanned, n_operands);
    s->n_in = (size_t)scanned;
    s->n_state = n_operands - s->n_in;
    if (s->g->n_input != n_operands || s->g->n_output < s->n_state ||
        s->g->n_output - s->n_state > MAX_SCANNED)
        return node_error(s->im->graph, s->node,
                          "%zu operands; a body of %zu inputs and %zu outputs does not fit",
                          n_operands, s->g->n_input, s->g->n_output);
    s->n_out = s->g->n_output - s->n_state;
    if (s->im->opset < 9)
        return directions(s, "directions", s->n_in, s->in_back);
    return numbers(s, "scan_input_axes", s->n_in, s->in_axis) &&
           numbers(s, "scan_output_axes", s->n_out, s->out_axis) &&
           directions(s, "scan_input_directions", s->n_in, s->in_back) &&
           directions(s, "scan_output_directions", s->n_out, s->out_back);
}

/* ---- turns ---- */

/* The axes become non-negative; all scanned inputs must be of one length. */
static bool lengths(Scan *s, Value *const *in)
{
    s->turns = -1;
    for (size_t i = 0; i < s->n_in; i++) {
        const Shape *shape = &in[s->n_state + i]->shape;
        int64_t axis = s->in_axis[i] < 0 ? s->in_axis[i] + shape->rank : s->in_axis[i];
        if (axis < 0 || axis >= shape->rank)
            return node_error(s->im->graph, s->node, "axis %lld of a scanned input of shape %s",
                              (long long)s->in_axis[i], shape_str(s->im->arena, shape));
        s->in_axis[i] = axis;
        if (s->turns >= 0 && shape->dim[axis] != s->turns)
            return node_error(s->im->graph, s->node, "scanned inputs of lengths %lld and %lld",
                              (long long)s->turns, (long long)shape->dim[axis]);
        s->turns = shape->dim[axis];
    }
    return s->turns <= MAX_TURNS ||
           node_unsupported(s->im->graph, s->node, "%lld turns; at most %d can be unrolled",
                            (long long)s->turns, MAX_TURNS);
}

/* state: in and out; element[k][turn]: out */
static bool turn(Scan *s, const char *path, int64_t i, Value *const *in, Value **state,
                 Value ***element)
{
    Importer *im = s->im;
    Body *b = import_body_new(im, s->fixed, arena_printf(im->arena, "%s/%lld", path, (long long)i));
    b->node = s->g->node;
    b->n_node = s->g->n_node;
    for (size_t k = 0; k < s->n_state + s->n_in; k++) {
        Value *v = k < s->n_state ? state[k] : in[k];
        size_t m = k - s->n_state;
        if (k >= s->n_state)
            v = import_element(im, v, s->in_axis[m], s->in_back[m] ? s->turns - 1 - i : i);
        if (v == NULL)
            return false;
        import_bind(b, proto_name(s->g->input[k]->name), v);
    }
    if (!import_body(im, b))
        return false;
    for (size_t k = 0; k < s->g->n_output; k++) {
        const char *name = proto_name(s->g->output[k]->name);
        Value *v = import_find(b, name);
        if (v == NULL || v == im->absent)
            return node_error(im->graph, s->node, "the body does not make its output \"%s\"", name);
        if (k < s->n_state)
            state[k] = v;
        else
            element[k - s->n_state][s->out_back[k - s->n_state] ? s->turns - 1 - i : i] = v;
    }
    return true;
}

/* The whole of one batch element; out: state…, scanned…. */
static bool all_turns(Scan *s, const char *path, Value *const *in, Value **out)
{
    Arena *a = s->im->arena;
    Value ***element = ARENA_ARRAY(a, Value **, s->n_out);
    if (!lengths(s, in))
        return false;
    for (size_t k = 0; k < s->n_out; k++)
        element[k] = ARENA_ARRAY(a, Value *, s->turns);
    for (size_t k = 0; k < s->n_state; k++)
        out[k] = in[k];
    for (int64_t i = 0; i < s->turns; i++)
        if (!turn(s, path, i, in, out, element))
            return false;
    for (size_t k = 0; k < s->n_out; k++) {
        out[s->n_state + k] =
            import_stack(s->im, element[k], s->turns, s->out_axis[k], s->g->output[s->n_state + k]);
        if (out[s->n_state + k] == NULL)
            return false;
    }
    return true;
}

/* Opset 8: every operand has a batch axis in front. */
static bool all_batches(Scan *s, const char *path, Value *const *in, Value **out)
{
    Importer *im = s->im;
    size_t n = s->n_state + s->n_in, n_out = s->g->n_output;
    int64_t batch = in[0]->shape.rank ? in[0]->shape.dim[0] : 0;
    Value **part = ARENA_ARRAY(im->arena, Value *, n),
          **made = ARENA_ARRAY(im->arena, Value *, n_out);
    Value ***all = ARENA_ARRAY(im->arena, Value **, n_out);
    for (size_t k = 0; k < n; k++)
        if (in[k]->shape.rank == 0 || in[k]->shape.dim[0] != batch)
            return node_error(im->graph, s->node, "operands of shapes %s and %s: no common batch",
                              shape_str(im->arena, &in[0]->shape),
                              shape_str(im->arena, &in[k]->shape));
    if (batch > MAX_TURNS)
        return node_unsupported(im->graph, s->node, "a batch of %lld; at most %d can be unrolled",
                                (long long)batch, MAX_TURNS);
    for (size_t k = 0; k < n_out; k++)
        all[k] = ARENA_ARRAY(im->arena, Value *, batch);
    for (int64_t i = 0; i < batch; i++) {
        for (size_t k = 0; k < n; k++)
            if ((part[k] = import_element(im, in[k], 0, i)) == NULL)
                return false;
        if (!all_turns(s, arena_printf(im->arena, "%s/%lld", path, (long long)i), part, made))
            return false;
        for (size_t k = 0; k < n_out; k++)
            all[k][i] = made[k];
    }
    for (size_t k = 0; k < n_out; k++)
        if ((out[k] = import_stack(im, all[k], batch, 0, s->g->output[k])) == NULL)
            return false;
    return true;
}

bool import_scan(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Scan s = {.im = im, .p = p, .node = n};
    bool batched = im->opset < 9;
    int n_in = n->n_in - batched, first = im->graph->n_values;
    if (n_in < 1)
        return node_error(im->graph, n, "it has nothing to scan");
    Value **in = n->in + batched;
    if (batched && n->in[0])
        return node_unsupported(im->graph, n, "sequences of unequal lengths");
    for (int i = 0; i < n_in; i++)
        if (in[i] == NULL)
            return node_error(im->graph, n, "input %d is missing", i + batched);
    if (!attributes(&s, (size_t)n_in) || !import_check_inputs(im, s.g))
        return false;
    if (p->n_output > s.g->n_output)
        return node_error(im->graph, n, "%zu outputs, the body makes %zu", p->n_output,
                          s.g->n_output);
    const char *path = import_path_part(im, p);
    Value **out = ARENA_ARRAY(im->arena, Value *, s.g->n_output);
    s.fixed = import_body_new(im, im->body, path);
    if (!import_initializers(im, s.fixed, s.g) ||
        !(batched ? all_batches : all_turns)(&s, path, in, out))
        return false;
    n->dead = true;
    for (size_t i = 0; i < p->n_output; i++)
        import_result(im, p, i, out[i], first);
    return true;
}
