/* The programs of kernel_cases.h: their buffers and data, and one small kernel an operation. */
#include "tests/support/kernel_cases_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a program under construction ---- */

static const DType dtype_of[CASE_BASES] = {
    [KT_F32] = DT_F32, [KT_F64] = DT_F64, [KT_F16] = DT_F16, [KT_BF16] = DT_BF16,
    [KT_I8] = DT_I8,   [KT_U8] = DT_U8,   [KT_I16] = DT_I16, [KT_U16] = DT_U16,
    [KT_I32] = DT_I32, [KT_U32] = DT_U32, [KT_I64] = DT_I64, [KT_U64] = DT_U64,
};

Cases *cases_new(Arena *a, const Target *target, int lanes)
{
    Cases *c = ARENA_NEW(a, Cases);
    c->arena = a;
    c->lanes = lanes;
    c->program = ARENA_NEW(a, Program);
    c->program->arena = a;
    c->program->target = target;
    return c;
}

void cases_open(Cases *c, const char *name)
{
    c->b = kb_new(c->arena, c->program->target, name);
    memset(c->input, 0, sizeof c->input);
    memset(c->call.arg, 0, sizeof c->call.arg);
}

const KBuf *cases_input(Cases *c, KBase base)
{
    if (c->input[base] == NULL) {
        const char *name = arena_printf(c->arena, "in_%s", kbase_name(base));
        c->input[base] = kb_buf(c->b, name, base, CASE_INPUT_LENGTH, K_READ);
        c->call.arg[c->input[base]->index] = (Arg){ARG_INPUT, (int)base, 0};
    }
    return c->input[base];
}

const KBuf *cases_output(Cases *c, KBase base, int64_t n)
{
    const char *name = arena_printf(c->arena, "out_%s", kbase_name(base));
    const KBuf *buf = kb_buf(c->b, name, base, n, K_WRITE);
    c->call.arg[buf->index] =
        (Arg){ARG_OUTPUT, (int)base, c->used[base] * (int64_t)kbase_size(base)};
    c->used[base] += n;
    return buf;
}

void cases_close(Cases *c)
{
    const char *why = NULL;
    Program *p = c->program;
    Kernel *k = kb_finish(c->b, "a test");
    kernel_unroll(c->arena, k);
    if (!kernel_verify(c->arena, k, true, &why)) {
        fprintf(stderr, "%s: %s\n%s", k->name, why, kernel_dump(c->arena, k));
        abort();
    }
    c->call.kernel = k;
    ARENA_PUSH(c->arena, p, kernels, n_kernels, cap_kernels, k);
    ARENA_PUSH(c->arena, p, calls, n_calls, cap_calls, c->call);
}

static Value *case_value(Graph *g, const char *name, DType dtype, int64_t n, Place place)
{
    int64_t dim[] = {n > 0 ? n : 1};
    Shape shape = shape_make(1, dim);
    Value *v = graph_value(g, name, dtype, &shape);
    v->place = place;
    return v;
}

Program *cases_finish(Cases *c)
{
    Graph *g = graph_new(c->arena, NULL);
    g->name = "cases";
    g->target = c->program->target;
    for (int i = 0; i < CASE_BASES; i++) {
        Value *in = case_value(g, arena_printf(c->arena, "in_%s", kbase_name((KBase)i)),
                               dtype_of[i], CASE_INPUT_LENGTH, (Place){PLACE_INPUT, i, 0});
        Value *out = case_value(g, arena_printf(c->arena, "out_%s", kbase_name((KBase)i)),
                                dtype_of[i], c->used[i], (Place){PLACE_OUTPUT, i, 0});
        in->is_input = out->is_output = true;
        ARENA_PUSH(c->arena, g, inputs, n_inputs, cap_inputs, in);
        ARENA_PUSH(c->arena, g, outputs, n_outputs, cap_outputs, out);
    }
    c->program->graph = g;
    return c->program;
}

/* ---- data ---- */

uint64_t cases_random(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Every third number is special, every third any bit pattern, the others are ordinary. */
static float wild_float(uint64_t *state)
{
    static const float special[] = {
        0.0f,
        -0.0f,
        1.0f,
        -1.0f,
        0.5f,
        -0.5f,
        1.5f,
        2.5f,
        -2.5f,
        INFINITY,
        -INFINITY,
        NAN,
        1e-40f,
        -1e-45f,
        3.4e38f,
        255.f,
        256.f,
        -129.f,
        8388607.5f,
        -0.99999f,
        65520.f,
        1e-8f,
        2147483520.f,
        -2147483648.f,
        2147483648.f,
        4294967296.f,
        9223372036854775808.f,
        -9223372036854775808.f,
        18446742974197923840.f,
        18446744073709551616.f,
        -1.5f,
        1.00048828125f,
    };
    uint64_t r = cases_random(state);
    uint32_t bits = (uint32_t)(r >> 32);
    float any;
    memcpy(&any, &bits, sizeof any);
    switch (r % 3) {
    case 0:
        return special[(r >> 8) % (sizeof special / sizeof special[0])];
    case 1:
        return any;
    default:
        return (float)((int32_t)bits % 1000000) / 7919.0f;
    }
}

/* Every other integer is one of those at which something changes, of its own type. */
static uint64_t wild_integer(KBase base, uint64_t *state)
{
    static const uint64_t special[] = {0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 255};
    uint64_t r = cases_random(state), k = r >> 8 & 31;
    uint64_t top = (uint64_t)1 << (8 * kbase_size(base) - 1);
    if (r & 1)
        return r >> (r >> 1 & 63);
    return k < 16 ? special[k] : k < 24 ? 0 - special[k - 16] : top - (k & 1);
}

static void fill_input(KBase base, void *data)
{
    uint64_t state = 12 + base;
    for (int i = 0; i < CASE_INPUT_LENGTH; i++) {
        uint64_t r = cases_random(&state);
        if (base == KT_F32) {
            ((float *)data)[i] = wild_float(&state);
        } else if (base == KT_F64) {
            double near = r & 1 ? 1 : 1 + 1e-9 * (double)(r % 1000);
            ((double *)data)[i] = (double)wild_float(&state) * near;
        } else {
            if (!kbase_is_float(base))
                r = wild_integer(base, &state);
            memcpy((char *)data + (size_t)i * kbase_size(base), &r, kbase_size(base));
        }
    }
}

CaseData *case_data(Arena *a, const Program *p)
{
    CaseData *d = ARENA_NEW(a, CaseData);
    for (int i = 0; i < CASE_BASES; i++) {
        void *in = arena_array(a, CASE_INPUT_LENGTH, kbase_size((KBase)i));
        fill_input((KBase)i, in);
        d->input[i] = in;
        d->output[i] =
            arena_array(a, (size_t)p->graph->outputs[i]->shape.dim[0], kbase_size((KBase)i));
    }
    return d;
}

/* Whether element i of the two differs. */
static bool element_differs(KBase base, const char *x, const char *y)
{
    if (memcmp(x, y, kbase_size(base)) == 0)
        return false;
    uint16_t hx, hy;
    float fx, fy;
    double dx, dy;
    switch (base) {
    case KT_F16:
    case KT_BF16:
        memcpy(&hx, x, sizeof hx);
        memcpy(&hy, y, sizeof hy);
        if (base == KT_F16)
            return !isnan(f16_to_f32(hx)) || !isnan(f16_to_f32(hy));
        return !isnan(bf16_to_f32(hx)) || !isnan(bf16_to_f32(hy));
    case KT_F32:
        memcpy(&fx, x, sizeof fx);
        memcpy(&fy, y, sizeof fy);
        return !isnan(fx) || !isnan(fy);
    case KT_F64:
        memcpy(&dx, x, sizeof dx);
        memcpy(&dy, y, sizeof dy);
        return !isnan(dx) || !isnan(dy);
    default:
        return true;
    }
}

static const char *hex(Arena *a, KBase base, const char *x)
{
    uint64_t bits = 0;
    memcpy(&bits, x, kbase_size(base));
    return arena_printf(a, "0x%0*llx", (int)(2 * kbase_size(base)), (unsigned long long)bits);
}

const char *case_outputs_differ(Arena *a, const Program *p, const CaseData *got,
                                const CaseData *want)
{
    for (int c = 0; c < p->n_calls; c++) {
        const Kernel *k = p->calls[c].kernel;
        for (int i = 0; i < k->n_bufs; i++) {
            const KBuf *buf = k->buf[i];
            if (p->calls[c].arg[i].kind != ARG_OUTPUT)
                continue;
            size_t size = kbase_size(buf->base);
            const char *x = (const char *)got->output[buf->base] + p->calls[c].arg[i].offset;
            const char *y = (const char *)want->output[buf->base] + p->calls[c].arg[i].offset;
            for (int64_t e = 0; e < buf->n; e++)
                if (element_differs(buf->base, x + (size_t)e * size, y + (size_t)e * size))
                    return arena_printf(a, "kernel %s: %s[%lld] is %s, not %s\n%s", k->name,
                                        buf->name, (long long)e,
                                        hex(a, buf->base, x + (size_t)e * size),
                                        hex(a, buf->base, y + (size_t)e * size), kernel_dump(a, k));
        }
    }
    return NULL;
}

bool case_target(int i, const Target **target, int *lanes)
{
    for (size_t t = 0; target_at(t) != NULL; t++) {
        if (!target_runs_here(target_at(t)))
            continue;
        for (int l = 1; l <= target_at(t)->lanes; l *= 2)
            if (l != 2 && i-- == 0) {
                *target = target_at(t);
                *lanes = l;
                return true;
            }
    }
    return false;
}
