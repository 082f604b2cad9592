/* Reading inputs and showing outputs. driver/tensors.h says what holds. */
#include "driver/tensors.h"

#include "frontend/files.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

uint64_t random_next(Random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tensor_randomise(Tensor *t, Random *r)
{
    int64_t n = shape_numel(&t->shape);
    bool real = dtype_is_float(t->dtype);
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits = random_next(r) >> 40; /* 24 bits: exact in a float */
        if (real)
            tensor_set_f64(t, i, (double)bits / (1 << 23) - 1);
        else
            tensor_set_i64(t, i, (int64_t)(bits & 1));
    }
}

/* ---- inputs ---- */

/* A tensor as `v` wants it: other float types are converted, everything else must agree. */
static const Tensor *fit_tensor(Cli *c, const Value *v, const Tensor *t, const char *path)
{
    if (!shape_equal(&t->shape, &v->shape)) {
        diag_error(&c->diag, "%s: shape is %s, \"%s\" is %s", path, shape_str(c->arena, &t->shape),
                   v->name, shape_str(c->arena, &v->shape));
        return NULL;
    }
    if (t->dtype == v->dtype)
        return t;
    if (!dtype_is_float(t->dtype) || !dtype_is_float(v->dtype)) {
        diag_error(&c->diag, "%s: type is %s, \"%s\" is %s", path, dtype_name(t->dtype), v->name,
                   dtype_name(v->dtype));
        return NULL;
    }
    Tensor *converted = tensor_new(c->arena, v->dtype, &v->shape);
    int64_t n = shape_numel(&v->shape);
    for (int64_t i = 0; i < n; i++)
        tensor_set_f64(converted, i, tensor_get_f64(t, i));
    return converted;
}

/* A picture for an input: pixels from 0 to 1 for floats, from 0 to 255 for integers. */
static const Tensor *decode_picture(Cli *c, const Value *v, const char *path, const FileBytes *f)
{
    const Options *o = c->o;
    const Tensor *t = image_decode(c->arena, &c->diag, path, f->data, f->bytes, &v->shape,
                                   (float)o->mean, (float)o->std);
    if (t == NULL || !dtype_is_integer(v->dtype))
        return t;
    Tensor *pixels = tensor_new(c->arena, v->dtype, &v->shape);
    int64_t n = shape_numel(&v->shape);
    for (int64_t i = 0; i < n; i++)
        tensor_set_f64(pixels, i, round(255 * tensor_get_f64(t, i)));
    return pixels;
}

static const Tensor *read_input(Cli *c, const Value *v, const char *path)
{
    FileBytes *f = file_read_owned(c->arena, &c->diag, path); /* once: it may be a pipe */
    if (f == NULL)
        return NULL;
    const Tensor *t = image_is(f->data, f->bytes)
                          ? decode_picture(c, v, path, f)
                          : tensor_decode(c->arena, &c->diag, path, f->data, f->bytes);
    file_release(f);
    return t ? fit_tensor(c, v, t, path) : NULL;
}

/* Which input "NAME=FILE" or "FILE" is for; the first one without a tensor when it has no name.
 * -1 after a diagnostic. */
static int find_input(Cli *c, const Graph *g, const char *binding, const Tensor *const *in,
                      const char **path)
{
    int free_input = -1;
    for (int i = 0; i < g->n_inputs; i++) {
        size_t n = strlen(g->inputs[i]->name);
        if (strncmp(binding, g->inputs[i]->name, n) == 0 && binding[n] == '=') {
            *path = binding + n + 1;
            return i;
        }
        if (in[i] == NULL && free_input < 0)
            free_input = i;
    }
    *path = binding;
    struct stat s;
    if (strchr(binding, '=') && stat(binding, &s) != 0)
        usage_error(&c->diag, "-i %s: the model has no input of that name", binding);
    else if (free_input < 0)
        usage_error(&c->diag, "-i %s: every input of the model has its file", binding);
    else
        return free_input;
    return -1;
}

/* Names the inputs that have no tensor. */
static bool report_missing(Cli *c, const Graph *g, const Tensor *const *in)
{
    char *list = arena_strdup(c->arena, "");
    for (int i = 0; i < g->n_inputs; i++)
        if (in[i] == NULL)
            list = arena_printf(c->arena, "%s%s\"%s\" %s%s", list, *list ? ", " : "",
                                g->inputs[i]->name, dtype_name(g->inputs[i]->dtype),
                                shape_str(c->arena, &g->inputs[i]->shape));
    return usage_error(&c->diag, "no file (-i) for input %s; --random SEED makes one up", list);
}

bool inputs_read(Cli *c, const Graph *g, Random *random, const Tensor **in)
{
    const StringList *files = &c->o->inputs;
    bool missing = false;
    for (int i = 0; i < files->n; i++) {
        const char *path = NULL;
        int at = find_input(c, g, files->item[i], in, &path);
        if (at < 0 || (in[at] = read_input(c, g->inputs[at], path)) == NULL)
            return false;
    }
    for (int i = 0; i < g->n_inputs; i++) {
        if (in[i] == NULL && random) {
            Tensor *t = tensor_new(c->arena, g->inputs[i]->dtype, &g->inputs[i]->shape);
            tensor_randomise(t, random);
            in[i] = t;
        }
        missing = missing || in[i] == NULL;
    }
    return !missing || report_missing(c, g, in);
}

bool tensors_read_folder(Cli *c, const char *dir, const char *prefix, Value *const *v, int n,
                         const Tensor **tensors)
{
    for (int i = 0; i < n; i++) {
        int k = v[i]->is_input ? v[i]->position : i;
        const char *path = arena_printf(c->arena, "%s/%s_%d.pb", dir, prefix, k);
        const Tensor *t = tensor_read_file(c->arena, &c->diag, path);
        if (t == NULL || (tensors[i] = fit_tensor(c, v[i], t, path)) == NULL)
            return false;
    }
    return true;
}

/* ---- outputs ---- */

/* Class scores are a vector: one axis of extent > 1, or any shape that is all ones but it. */
static bool is_scores(const Tensor *t)
{
    int long_axes = 0;
    for (int i = 0; i < t->shape.rank; i++)
        long_axes += t->shape.dim[i] > 1;
    return long_axes == 1 && dtype_is_float(t->dtype);
}

static void print_best(const Tensor *t)
{
    enum { BEST = 5 };
    int64_t n = shape_numel(&t->shape), taken[BEST];
    for (int k = 0; k < BEST && k < n; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++) {
            bool used = false;
            for (int j = 0; j < k; j++)
                used = used || taken[j] == i;
            if (!used && (best < 0 || tensor_get_f64(t, i) > tensor_get_f64(t, best)))
                best = i;
        }
        taken[k] = best;
        printf("  %6lld  %.6g\n", (long long)best, tensor_get_f64(t, best));
    }
}

static void print_statistics(const Tensor *t)
{
    int64_t n = shape_numel(&t->shape), n_odd = 0;
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_get_f64(t, i);
        n_odd += !isfinite(x);
        low = fmin(low, x);
        high = fmax(high, x);
        sum += x;
        squares += x * x;
    }
    double mean = n ? sum / (double)n : 0;
    double variance = n ? squares / (double)n - mean * mean : 0;
    printf("  min %.6g, max %.6g, mean %.6g, standard deviation %.6g", low, high, mean,
           sqrt(fmax(variance, 0)));
    printf(n_odd ? ", %lld not finite\n" : "\n", (long long)n_odd);
}

void tensor_print(Cli *c, const Value *v, const Tensor *t)
{
    printf("output \"%s\" %s%s\n", v->name, dtype_name(t->dtype), shape_str(c->arena, &t->shape));
    if (is_scores(t))
        print_best(t);
    else if (shape_numel(&t->shape) > 0)
        print_statistics(t);
}

/* A file name made from an output's name: no slashes, no dots in front, unique in the folder. */
static const char *output_path(Cli *c, const Graph *g, int at, const char *dir, const char *suffix)
{
    const char *stem = c_identifier(c->arena, g->outputs[at]->name);
    for (int i = 0; i < at; i++)
        if (strcmp(c_identifier(c->arena, g->outputs[i]->name), stem) == 0)
            return arena_printf(c->arena, "%s/%s.%d.%s", dir, stem, at, suffix);
    return arena_printf(c->arena, "%s/%s.%s", dir, stem, suffix);
}

bool outputs_write(Cli *c, const Graph *g, Tensor *const *out, const char *dir)
{
    const char *format = c->o->format ? c->o->format : "npy";
    bool png = strcmp(format, "png") == 0;
    OutputFile *files = ARENA_ARRAY(c->arena, OutputFile, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++) {
        files[i].path = output_path(c, g, i, dir, format);
        if (!(png ? image_encode : tensor_encode)(c->arena, &c->diag, out[i], &files[i]))
            return false;
    }
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return diag_error(&c->diag, "cannot make the folder %s: %s", dir, strerror(errno));
    return files_write(&c->diag, c->arena, files, g->n_outputs);
}
