/* Inputs that --freeze makes constants: numbers that decide shapes, above all.
 *
 * Comes in: bindings of an input's name to a tensor, or to numbers as text ("3", "2,4", "[0.5,1]",
 * "true"). Goes out: a tensor of the input's type: numbers become a scalar where the input is one,
 * and otherwise fill the input's shape; along the one axis of a vector their count decides where
 * the model leaves it open. Holds: a name that no input has, a number that the type cannot hold and
 * a count that does not fit are errors. */
#include "frontend/import.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NUMBERS = 1 << 16 };

bool freeze_is_text(const char *value)
{
    static const char *const words[] = {"true", "false", "inf", "-inf", "nan", NULL};
    const char *p = value + strspn(value, "[");
    for (int i = 0; words[i]; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0 &&
            strchr(",]", p[strlen(words[i])]) != NULL)
            return true;
    return value[0] != '\0' && strspn(value, "[]0123456789+-.eE, ") == strlen(value) &&
           strpbrk(value, "0123456789[") != NULL;
}

/* ---- numbers ---- */

/* Steps over the number at *p and stores it as element i; false when it is none, or does not fit.
 */
static bool number(Tensor *t, int64_t i, const char **p)
{
    char *end = NULL;
    errno = 0;
    if (strncmp(*p, "true", 4) == 0 || strncmp(*p, "false", 5) == 0) {
        tensor_set_i64(t, i, **p == 't');
        *p += **p == 't' ? 4 : 5;
        return true;
    }
    if (dtype_is_float(t->dtype)) {
        tensor_set_f64(t, i, strtod(*p, &end));
    } else if (t->dtype == DT_U64) {
        ((uint64_t *)t->data)[i] = strtoull(*p, &end, 10);
    } else {
        long long value = strtoll(*p, &end, 10);
        tensor_set_i64(t, i, value);
        if (tensor_get_i64(t, i) != value)
            return false;
    }
    bool ok = end != *p && errno == 0;
    *p = end;
    return ok;
}

/* Steps over brackets and spaces and returns how many brackets there are. */
static int brackets(const char **p, char bracket)
{
    int n = 0;
    for (; **p == bracket || **p == ' '; ++*p)
        n += **p == bracket;
    return n;
}

static bool numbers(Importer *im, const FreezeBinding *b, Tensor *t, int64_t count)
{
    const char *p = b->text;
    int depth = brackets(&p, '[');
    for (int64_t i = 0; i < count; i++) {
        if (!number(t, i, &p))
            return diag_error(im->diag, "--freeze %s=%s: no row of numbers of type %s", b->input,
                              b->text, dtype_name(t->dtype));
        p += strspn(p, ", ");
    }
    if (brackets(&p, ']') != depth || *p != '\0')
        return diag_error(im->diag, "--freeze %s=%s: no row of numbers of type %s", b->input,
                          b->text, dtype_name(t->dtype));
    return true;
}

/* How many there are: one more than commas; "[]" is none. */
static int64_t count_numbers(const char *text)
{
    int64_t n = text[strspn(text, "[] ")] != '\0';
    for (; *text; text++)
        n += *text == ',';
    return n;
}

/* The shape that `count` numbers take: the input's where it is known, its one axis where not. */
static bool text_shape(Importer *im, const FreezeBinding *b, const Onnx__TensorShapeProto *s,
                       int64_t count, Shape *shape)
{
    *shape = (Shape){.rank = s ? (int)s->n_dim : count == 1 ? 0 : 1};
    for (int i = 0; i < shape->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = s ? s->dim[i] : NULL;
        const int64_t *pinned = d ? strmap_get(&im->dims, proto_name(d->dim_param)) : NULL;
        shape->dim[i] = d && d->has_dim_value && d->dim_value >= 0 ? d->dim_value
                        : pinned                                   ? *pinned
                        : shape->rank == 1                         ? count
                                                                   : -1;
        if (shape->dim[i] < 0)
            return diag_error(
                im->diag,
                "--freeze %s=%s: axis %d of the input is symbolic; give a file, or its "
                "size with --dim",
                b->input, b->text, i);
    }
    int64_t numel;
    return (shape_checked_numel(shape, &numel) && numel == count) ||
           diag_error(im->diag, "--freeze %s=%s: %lld numbers, the input is %s", b->input, b->text,
                      (long long)count, shape_str(im->arena, shape));
}

static const Tensor *tensor_of_text(Importer *im, const FreezeBinding *b,
                                    const Onnx__ValueInfoProto *v)
{
    const Onnx__TypeProto__Tensor *type = v->type ? v->type->tensor_type : NULL;
    DType dtype = type ? dtype_from_onnx(type->elem_type) : DT_NONE;
    int64_t count = count_numbers(b->text);
    Shape shape;
    if (dtype == DT_NONE || (type->shape && type->shape->n_dim > MAX_RANK)) {
        diag_error(im->diag, "--freeze %s: the input is no tensor of numbers", b->input);
        return NULL;
    }
    if (count > MAX_NUMBERS) {
        diag_error(im->diag, "--freeze %s: %lld numbers; give a file", b->input, (long long)count);
        return NULL;
    }
    if (!text_shape(im, b, type->shape, count, &shape))
        return NULL;
    Tensor *t = tensor_new(im->arena, dtype, &shape);
    return numbers(im, b, t, count) ? t : NULL;
}

/* ---- bindings ---- */

static bool freeze_one(Importer *im, const FreezeBinding *b)
{
    const Onnx__ValueInfoProto *v = NULL;
    for (size_t i = 0; i < im->proto->n_input && v == NULL; i++)
        if (strcmp(proto_name(im->proto->input[i]->name), b->input) == 0)
            v = im->proto->input[i];
    if (v == NULL)
        return diag_error(im->diag, "--freeze %s: the model has no such input", b->input);
    const Tensor *t = b->tensor ? b->tensor : tensor_of_text(im, b, v);
    if (t == NULL)
        return false;
    const Tensor **slot = ARENA_NEW(im->arena, const Tensor *);
    *slot = t;
    if (strmap_put(&im->frozen, b->input, slot))
        return diag_error(im->diag, "--freeze %s is given twice", b->input);
    return true;
}

bool import_freezes(Importer *im)
{
    for (int i = 0; i < im->options->n_freezes; i++)
        if (!freeze_one(im, &im->options->freezes[i]))
            return false;
    return true;
}
