/* How many steps the interpreter takes for a node. Folding asks, so that a small model cannot keep
 * the compiler busy for hours, and so does inference where it computes; the plan asks for the
 * multiply-adds of products. Most operators take as many steps as their tensors have elements. The
 * others stand here: products, windows, transforms, sorting. Numbers are doubles, since a product
 * of three extents may be beyond 64 bits. */
#include "ir/einsum.h"
#include "ir/ops.h"

#include <float.h>
#include <math.h>

static double numel(const Value *v)
{
    return v ? (double)shape_numel(&v->shape) : 0;
}

static double last_extent(const Value *v, int from_end)
{
    int axis = v->shape.rank - from_end;
    return axis >= 0 ? (double)v->shape.dim[axis] : 1;
}

/* ---- products ---- */

/* Elements of the result times those of a weight but for its outputs. */
static double convolution(const Value *over, const Value *w)
{
    double work = numel(over);
    for (int i = 1; i < w->shape.rank; i++)
        work *= (double)w->shape.dim[i];
    return work;
}

static double products(const Node *n)
{
    switch (n->op) {
    case OP_Conv:
    case OP_ConvInteger:
        return convolution(n->out[0], n->in[1]);
    case OP_QLinearConv:
        return convolution(n->out[0], n->in[3]);
    case OP_ConvTranspose:
        return convolution(n->in[0], n->in[1]);
    case OP_Gemm:
    case OP_QGemm:
        return numel(n->out[0]) * last_extent(n->in[0], n->params.gemm.trans_a ? 2 : 1);
    case OP_MatMul:
    case OP_MatMulInteger:
    case OP_QLinearMatMul:
        return numel(n->out[0]) * last_extent(n->in[0], 1);
    default:
        return 0;
    }
}

int64_t op_macs(const Node *n)
{
    static const double most = 0x1p62;
    double work = products(n);
    return (int64_t)(work < most ? work : most);
}

static double einsum(Graph *g, const Node *n)
{
    Einsum e;
    double work = 1;
    if (!einsum_parse(g, n, &e))
        return DBL_MAX;
    for (int i = 0; i < e.n_labels; i++)
        work *= (double)e.extent[i];
    return work * e.n_operands;
}

/* Every time step of every sequence multiplies by all weights. */
static double recurrence(const Node *n, int last_weight)
{
    double weights = 0;
    for (int i = 1; i <= last_weight; i++)
        weights += numel(n->in[i]);
    return (double)n->in[0]->shape.dim[0] * (double)n->in[0]->shape.dim[1] * weights;
}

/* ---- windows ---- */

static double pool(const Node *n)
{
    const Window *w = &n->params.pool.w;
    double work = numel(n->out[0]);
    for (int i = 0; i < w->n; i++)
        work *= (double)w->kernel[i];
    return work;
}

static double lrn(const Node *n)
{
    const Shape *x = &n->in[0]->shape;
    double channels = x->rank > 1 ? (double)x->dim[1] : 1;
    return numel(n->out[0]) * fmin((double)n->params.norm.size, channels);
}

/* Points a side of the widest bin: as many as are asked for, or as it has pixels; `corner` is the
 * region's first coordinate on the axis. Regions that are not known may be as wide as any. */
static double bin_points(const Node *n, int corner, int64_t bins)
{
    const RoiParams *p = &n->params.roi;
    const Tensor *rois = n->in[1]->constant;
    double most = 1;
    if (p->sampling_ratio > 0)
        return (double)p->sampling_ratio;
    for (int64_t i = 0; rois && i < rois->shape.dim[0]; i++) {
        double length =
            tensor_get_f64(rois, 4 * i + corner + 2) - tensor_get_f64(rois, 4 * i + corner);
        most = fmax(most, ceil(length * p->spatial_scale / (double)bins));
    }
    return rois ? fmin(most, ROI_POINTS) : ROI_POINTS;
}

static double roi_align(const Node *n)
{
    const RoiParams *p = &n->params.roi;
    return numel(n->out[0]) * bin_points(n, 0, p->out_w) * bin_points(n, 1, p->out_h);
}

/* A pixel lies in up to four bins of each region. */
static double max_roi_pool(const Node *n)
{
    const Shape *x = &n->in[0]->shape, *rois = &n->in[1]->shape;
    double image = (double)x->dim[1] * (double)x->dim[2] * (double)x->dim[3];
    return numel(n->out[0]) + 4 * (double)rois->dim[0] * image;
}

/* ---- resampling ---- */

/* Pixels that a result is made of, along one axis. */
static double reach(ResizeMode mode)
{
    return mode == RESIZE_NEAREST ? 1 : mode == RESIZE_LINEAR ? 2 : 4;
}

/* One axis after the other; a filter against aliasing reads each element as often as one without
 * makes one. */
static double resize(const Node *n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    double size = numel(n->in[0]), work = numel(n->out[0]);
    for (int i = 0; i < x->rank && n->params.resize.mode != RESIZE_NEAREST; i++) {
        double before = size;
        size = x->dim[i] > 0 ? size / (double)x->dim[i] * (double)y->dim[i] : 0;
        work += reach(n->params.resize.mode) * fmax(before, size);
    }
    return work;
}

static double grid_sample(const Node *n)
{
    return numel(n->out[0]) * pow(reach(n->params.sample.mode), n->in[0]->shape.rank - 2);
}

/* ---- what is chosen by the data ---- */

/* A merge sort, and each box against those that were chosen already. */
static double non_max_suppression(const Node *n)
{
    const Value *most = n->n_in > 2 ? n->in[2] : NULL;
    double boxes = last_extent(n->in[1], 1), chosen = boxes;
    if (most == NULL)
        chosen = 0;
    else if (most->constant && shape_numel(&most->shape) > 0)
        chosen = fmax(0, fmin(boxes, (double)tensor_get_i64(most->constant, 0)));
    return numel(n->in[1]) * (log2(boxes + 1) + chosen);
}

static double unique(const Node *n)
{
    const IndexParams *p = &n->params.index;
    const Shape *x = &n->in[0]->shape;
    double slices = p->flat ? numel(n->in[0]) : (double)x->dim[p->axis];
    return numel(n->in[0]) * (1 + log2(slices + 1));
}

/* ---- all others ---- */

/* As many steps as elements are read, or made. */
static double elements(const Node *n)
{
    double in = 0, out = 0;
    for (int i = 0; i < n->n_in && !op_has(n->op, T_SHAPE_ONLY); i++)
        in += numel(n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        out += numel(n->out[i]);
    return fmax(in, out);
}

static double own_work(Graph *g, const Node *n)
{
    switch (n->op) {
    case OP_Einsum:
        return einsum(g, n);
    case OP_LSTM:
    case OP_GRU:
    case OP_RNN:
        return recurrence(n, 2);
    case OP_Recurrence:
        return recurrence(n, 1);
    case OP_MaxPool:
    case OP_AveragePool:
    case OP_LpPool:
    case OP_QLinearAveragePool:
        return pool(n);
    case OP_LRN:
        return lrn(n);
    case OP_RoiAlign:
        return roi_align(n);
    case OP_MaxRoiPool:
        return max_roi_pool(n);
    case OP_Resize:
    case OP_Upsample:
        return resize(n);
    case OP_GridSample:
        return grid_sample(n);
    case OP_Det:
        return numel(n->in[0]) * last_extent(n->in[0], 1);
    case OP_DFT:
    case OP_STFT:
        return numel(n->out[0]) * (double)n->params.spectrum.length;
    case OP_TopK:
        return numel(n->in[0]) * (double)n->params.line.k;
    case OP_NonMaxSuppression:
        return non_max_suppression(n);
    case OP_Unique:
        return unique(n);
    default:
        return products(n);
    }
}

double op_work(Graph *g, const Node *n)
{
    return fmax(own_work(g, n), elements(n));
}
