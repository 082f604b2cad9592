/* Import of Resize and Upsample.
 *
 *   Upsample 7       scales are an attribute
 *   Upsample 9       X, scales                 all three: asymmetric coordinates; nearest takes the
 *   Resize 10        X, scales                 element below, or above when the axis shrinks
 *   Resize 11, 13    X, roi, scales, sizes and the coordinate modes
 *   Resize 18, 19    also axes, antialias, keep_aspect_ratio_policy, half_pixel_symmetric
 *
 * All become the last form: scales in the parameters, or inputs roi, scales, sizes. */
#include "frontend/import.h"

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};

/* The early forms say nothing of coordinates. */
static bool set_simple(Importer *im, ResizeParams *c, const double *scale, int count)
{
    bool up = false, down = false;
    for (int i = 0; i < count; i++) {
        up = up || scale[i] > 1;
        down = down || scale[i] < 1;
    }
    if (up && down && c->mode == RESIZE_NEAREST)
        return node_unsupported(im->graph, im->node,
                                "nearest resizing up on one axis and down on another is not "
                                "supported before opset 11");
    c->coord = COORD_ASYMMETRIC;
    c->nearest = down ? NEAREST_CEIL : NEAREST_FLOOR;
    return true;
}

static bool simple_from_input(Importer *im, Node *n)
{
    ResizeParams *c = &n->params.resize;
    double scale[MAX_RANK];
    const Tensor *t = n->in[1]->constant;
    int64_t count = t ? shape_numel(&t->shape) : 0;
    if (count > MAX_RANK)
        return node_error(im->graph, n, "scales has %lld numbers, the input %d axes",
                          (long long)count, n->in[0]->shape.rank);
    for (int i = 0; i < (int)count; i++)
        scale[i] = tensor_get_f64(t, i);
    Value *scales = n->in[1];
    n->in[1] = NULL;
    node_add_input(im->graph, n, scales);
    return set_simple(im, c, scale, (int)count);
}

static bool simple_from_attr(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ResizeParams *c = &n->params.resize;
    const float *scales = NULL;
    size_t count = 0;
    if (!attr_floats(im, p, "scales", &scales, &count))
        return false;
    if (count != (size_t)n->in[0]->shape.rank)
        return node_error(im->graph, n, "attribute \"scales\" has %zu numbers, the input %d axes",
                          count, n->in[0]->shape.rank);
    for (size_t i = 0; i < count; i++)
        c->scale[i] = (double)scales[i];
    return set_simple(im, c, c->scale, (int)count);
}

static bool import_simple(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    /* The early operators also called the mode by its names for images. */
    static const char *const early[] = {"nearest", "linear", "bilinear", NULL};
    int mode = RESIZE_NEAREST;
    if (!attr_word(im, p, "mode", early, &mode))
        return false;
    n->params.resize.mode = mode == 0 ? RESIZE_NEAREST : RESIZE_LINEAR;
    n->op = OP_Resize;
    if (n->n_in > 2)
        return node_error(im->graph, n, "%d inputs, opset %lld has 2", n->n_in,
                          (long long)im->opset);
    if (import_has_input(n, 1))
        return simple_from_input(im, n);
    return simple_from_attr(im, p, n);
}

bool import_upsample(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return import_simple(im, p, n);
}

static bool import_words(Importer *im, const Onnx__NodeProto *p, ResizeParams *c)
{
    /* In the order of CoordMode, NearestMode and AspectPolicy. */
    static const char *const coords[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",   "align_corners",
        "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn", NULL};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil", NULL};
    static const char *const aspects[] = {"stretch", "not_larger", "not_smaller", NULL};
    int mode = RESIZE_NEAREST, coord = COORD_HALF_PIXEL, round = NEAREST_ROUND_PREFER_FLOOR;
    int aspect = ASPECT_STRETCH;
    if (!attr_word(im, p, "mode", modes, &mode) ||
        !attr_word(im, p, "coordinate_transformation_mode", coords, &coord) ||
        !attr_word(im, p, "nearest_mode", nearest, &round))
        return false;
    if (im->opset >= 18 && !attr_word(im, p, "keep_aspect_ratio_policy", aspects, &aspect))
        return false;
    c->mode = (ResizeMode)mode;
    c->coord = (CoordMode)coord;
    c->nearest = (NearestMode)round;
    c->aspect = (AspectPolicy)aspect;
    return true;
}

static bool import_axes(Importer *im, const Onnx__NodeProto *p, ResizeParams *c)
{
    int64_t axes[MAX_RANK];
    if (!attr_ints(im, p, "axes", axes, MAX_RANK, &c->n_axes))
        return false;
    for (int i = 0; i < c->n_axes; i++) {
        if (axes[i] < -MAX_RANK || axes[i] >= MAX_RANK)
            return node_error(im->graph, im->node, "attribute \"axes\" names axis %lld",
                              (long long)axes[i]);
        c->axes[i] = (int)axes[i];
    }
    return true;
}

bool import_resize(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ResizeParams *c = &n->params.resize;
    if (im->opset < 11)
        return import_simple(im, p, n);
    c->cubic_a = -0.75;
    if (!import_words(im, p, c) || !attr_float(im, p, "cubic_coeff_a", &c->cubic_a) ||
        !attr_bool(im, p, "exclude_outside", &c->exclude_outside) ||
        !attr_float(im, p, "extrapolation_value", &c->extrapolation))
        return false;
    if (im->opset >= 18 &&
        (!attr_bool(im, p, "antialias", &c->antialias) || !import_axes(im, p, c)))
        return false;
    return import_has_input(n, 2) || import_has_input(n, 3) ||
           node_error(im->graph, n, "neither scales nor sizes are given");
}
