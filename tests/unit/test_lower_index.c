/* Operators of indices and of coordinates against the interpreter: every element type, random
 * attributes, indices that meet and that count from the end. */
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static const DType types[] = {DT_F32, DT_F64, DT_F16, DT_BF16, DT_I8,  DT_U8,  DT_I16,
                              DT_U16, DT_I32, DT_U32, DT_I64,  DT_U64, DT_BOOL};
enum { N_TYPES = sizeof types / sizeof types[0], MAX_INDICES = 256 };

static DType type_of(uint64_t seed)
{
    return types[seed % N_TYPES];
}

/* Indices in -extent … extent-1. */
static void indices(NodeCase *c, int rank, const int64_t *dims, int64_t extent)
{
    int64_t data[MAX_INDICES], count = 1;
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    for (int64_t i = 0; i < count; i++)
        data[i] = node_case_random(c, 2 * (int)extent) - extent;
    node_case_input(c, DT_I64, rank, dims, 0, data, false);
}

static int64_t random_dims(NodeCase *c, int rank, int64_t *dims)
{
    int64_t numel = 1;
    for (int i = 0; i < rank; i++)
        numel *= dims[i] = 1 + node_case_random(c, 5);
    return numel;
}

static void tile(NodeCase *c, uint64_t seed)
{
    int64_t dims[8], repeats[8], rank = 1 + (int64_t)seed % 8;
    for (int i = 0; i < rank; i++) {
        dims[i] = 1 + node_case_random(c, rank > 4 ? 2 : 9);
        repeats[i] = 1 + node_case_random(c, 2);
    }
    node_case_input(c, type_of(seed), (int)rank, dims, 0, NULL, false);
    node_case_input(c, DT_I64, 1, &rank, 0, repeats, true);
    node_case_node(c, OP_Tile, 1);
}

static void depth_to_space(NodeCase *c, uint64_t seed)
{
    int64_t b = 1 + (int64_t)seed % 3, dims[] = {2, b * b * (1 + (int64_t)seed % 4), 5, 17};
    node_case_input(c, type_of(seed), 4, dims, 0, NULL, false);
    node_case_node(c, OP_DepthToSpace, 1)->params.depth = (DepthParams){b, seed / 2 % 2};
}

static void space_to_depth(NodeCase *c, uint64_t seed)
{
    int64_t b = 1 + (int64_t)seed % 3, dims[] = {2, 1 + (int64_t)seed % 4, 3 * b, 17 * b};
    node_case_input(c, type_of(seed), 4, dims, 0, NULL, false);
    node_case_node(c, OP_SpaceToDepth, 1)->params.depth.block = b;
}

static void reverse_sequence(NodeCase *c, uint64_t seed)
{
    int64_t dims[4], lens[8], time = (int64_t)seed % 2;
    random_dims(c, 4, dims);
    for (int i = 0; i < dims[1 - time]; i++)
        lens[i] = node_case_random(c, (int)dims[time] + 1);
    node_case_input(c, type_of(seed), 2 + (int)(seed % 3), dims, 0, NULL, false);
    node_case_input(c, DT_I64, 1, &dims[1 - time], 0, lens, false);
    node_case_node(c, OP_ReverseSequence, 1)->params.sequence = (SequenceParams){1 - time, time};
}

static void trilu(NodeCase *c, uint64_t seed)
{
    int64_t dims[4], k = node_case_random(c, 9) - 4;
    random_dims(c, 4, dims);
    node_case_input(c, type_of(seed), 2 + (int)(seed % 3), dims, 0, NULL, false);
    if (seed % 2)
        node_case_input(c, DT_I64, 0, NULL, 0, &k, false);
    node_case_node(c, OP_Trilu, 1)->params.diagonal = (DiagonalParams){k, seed / 2 % 2, DT_NONE};
}

static void one_hot(NodeCase *c, uint64_t seed)
{
    int64_t dims[3], depth = 1 + node_case_random(c, 6), two = 2;
    random_dims(c, 3, dims);
    int rank = (int)(seed % 4);
    if (seed % 2) {
        c->lo = -8;
        c->hi = 8;
        node_case_input(c, DT_F32, rank, dims, 0, NULL, false);
    } else {
        indices(c, rank, dims, depth + 1);
    }
    node_case_input(c, DT_I64, 0, NULL, 0, &depth, true);
    node_case_input(c, type_of(seed), 1, &two, 0, NULL, false);
    node_case_node(c, OP_OneHot, 1)->params.index.axis = -1 - node_case_random(c, rank + 1);
}

static void gather_elements(NodeCase *c, uint64_t seed)
{
    int64_t dims[3], some[3];
    random_dims(c, 3, dims);
    int rank = 1 + (int)(seed % 3), axis = node_case_random(c, rank);
    for (int i = 0; i < rank; i++)
        some[i] = 1 + node_case_random(c, i == axis ? 6 : (int)dims[i]);
    node_case_input(c, type_of(seed), rank, dims, 0, NULL, false);
    indices(c, rank, some, dims[axis]);
    node_case_node(c, OP_GatherElements, 1)->params.index.axis = axis;
}

static void gather_nd(NodeCase *c, uint64_t seed)
{
    int64_t extent = 3, dims[] = {3, 3, 3, 1 + (int64_t)seed % 20};
    int64_t tuple = 1 + (int64_t)seed % 3, batch = tuple < 3 ? (int64_t)seed / 3 % 2 : 0;
    int64_t shape[] = {3, 4, tuple};
    node_case_input(c, type_of(seed), 4, dims, 0, NULL, false);
    indices(c, 3, shape, extent);
    node_case_node(c, OP_GatherND, 1)->params.index.batch_dims = batch;
}

/* Sums and products of halves are rounded at each step, in another precision. */
static ScatterReduction reduction(uint64_t seed)
{
    return type_of(seed) == DT_BOOL ? SCATTER_NONE : (ScatterReduction)(seed / N_TYPES % 5);
}

static void scatter_elements(NodeCase *c, uint64_t seed)
{
    int64_t dims[3], some[3];
    random_dims(c, 3, dims);
    int rank = 1 + (int)(seed % 3), axis = node_case_random(c, rank);
    for (int i = 0; i < rank; i++)
        some[i] = 1 + node_case_random(c, i == axis ? 6 : (int)dims[i]);
    node_case_input(c, type_of(seed), rank, dims, 0, NULL, false);
    indices(c, rank, some, dims[axis]);
    node_case_input(c, type_of(seed), rank, some, 0, NULL, false);
    IndexParams *p = &node_case_node(c, OP_ScatterElements, 1)->params.index;
    p->axis = axis - (seed % 2 ? rank : 0);
    p->reduction = reduction(seed);
}

static void scatter_nd(NodeCase *c, uint64_t seed)
{
    int64_t tuple = 1 + (int64_t)seed % 3, dims[] = {3, 3, 3}, shape[] = {5, tuple};
    int64_t updates[] = {5, 3, 3};
    node_case_input(c, type_of(seed), 3, dims, 0, NULL, false);
    indices(c, 2, shape, 3);
    node_case_input(c, type_of(seed), 4 - (int)tuple, updates, 0, NULL, false);
    node_case_node(c, OP_ScatterND, 1)->params.index.reduction = reduction(seed);
}

static DType float_type(uint64_t seed)
{
    return seed % 4 == 3 ? DT_F64 : DT_F32;
}

static void grid_sample(NodeCase *c, uint64_t seed)
{
    int axes = 2 + (int)(seed / 3 % 2);
    int64_t dims[5] = {2, 3}, grid[5] = {2};
    for (int i = 0; i < axes; i++) {
        dims[i + 2] = 1 + node_case_random(c, 4);
        grid[i + 1] = 1 + node_case_random(c, 3);
    }
    grid[axes + 1] = axes;
    node_case_input(c, float_type(seed), axes + 2, dims, 0, NULL, false);
    c->lo = -2.5;
    c->hi = 2.5;
    node_case_input(c, float_type(seed), axes + 2, grid, 0, NULL, false);
    node_case_node(c, OP_GridSample, 1)->params.sample =
        (SampleParams){(ResizeMode)(seed % 3), (SamplePadding)(seed / 2 % 3), seed / 5 % 2};
}

/* Every second case has a mask; one group of offsets or two; images of one to three axes. */
static void deform_columns(NodeCase *c, uint64_t seed)
{
    int axes = 1 + (int)(seed / 3 % 3);
    int64_t groups = 1 + (int64_t)(seed / 2 % 2);
    int64_t dims[5] = {2, 4}, offset[5] = {2, groups * axes}, mask[5] = {2, groups};
    ConvParams p = {.w = {.n = axes}, .group = groups};
    for (int i = 0; i < MAX_SPATIAL; i++) {
        p.w.kernel[i] = i < axes ? 1 + node_case_random(c, 3) : 1;
        p.w.stride[i] = i < axes ? 1 + node_case_random(c, 2) : 1;
        p.w.dilation[i] = i < axes ? 1 + node_case_random(c, 2) : 1;
        p.w.pad_begin[i] = i < axes ? node_case_random(c, 3) : 0;
    }
    for (int i = 0; i < axes; i++) {
        int64_t reach = (p.w.kernel[i] - 1) * p.w.dilation[i] + 1, more = node_case_random(c, 4);
        dims[i + 2] = reach + more;
        mask[i + 2] = offset[i + 2] = (more + p.w.pad_begin[i]) / p.w.stride[i] + 1;
        offset[1] *= p.w.kernel[i];
        mask[1] *= p.w.kernel[i];
    }
    node_case_input(c, float_type(seed), axes + 2, dims, 0, NULL, false);
    c->lo = -4;
    c->hi = 4;
    node_case_input(c, float_type(seed), axes + 2, offset, 0, NULL, false);
    if (seed % 2)
        node_case_input(c, float_type(seed), axes + 2, mask, 0, NULL, false);
    node_case_node(c, OP_DeformColumns, 1)->params.conv = p;
}

/* Coordinates that are not finite, or far away, beside others that are. */
static void grid_sample_far(NodeCase *c, uint64_t seed)
{
    static const double far[] = {NAN, INFINITY, -INFINITY, 0.3, -0.9, 40, -17.25};
    enum { FAR = sizeof far / sizeof *far };
    const int64_t dims[] = {1, 2, 4, 5}, grid[] = {1, FAR, FAR, 2};
    Shape s = shape_make(4, grid);
    Tensor *points = tensor_new(c->arena, float_type(seed), &s);
    for (int64_t i = 0; i < points->shape.dim[1] * points->shape.dim[2]; i++) {
        tensor_set_f64(points, 2 * i, far[i % FAR]);
        tensor_set_f64(points, 2 * i + 1, far[i / FAR]);
    }
    node_case_input(c, float_type(seed), 4, dims, 0, NULL, false);
    node_case_input(c, float_type(seed), 4, grid, 0, points->data, false);
    node_case_node(c, OP_GridSample, 1)->params.sample =
        (SampleParams){(ResizeMode)(seed % 3), (SamplePadding)(seed / 3 % 3), seed / 9 % 2};
}

/* Bins wider than there are points, and corners that are not finite. */
static void roi_align_far(NodeCase *c, uint64_t seed)
{
    static const float corners[] = {1,   0.3F, 5000.7F, 3,        0, 0,   INFINITY, 3,
                                    NAN, 0,    4,       INFINITY, 2, -30, 3,        1e30F};
    const int64_t dims[] = {1, 1, 6, 7}, rois[] = {4, 4}, n = 4, batch[] = {0, 0, 0, 0};
    node_case_f32(c, 4, dims, 0);
    node_case_input(c, DT_F32, 2, rois, 0, corners, false);
    node_case_input(c, DT_I64, 1, &n, 0, batch, false);
    node_case_node(c, OP_RoiAlign, 1)->params.roi =
        (RoiParams){.half_pixel = seed % 2, .out_h = 1, .out_w = 1, .spatial_scale = 1};
}

static void roi_align(NodeCase *c, uint64_t seed)
{
    int64_t dims[] = {2, 1 + (int64_t)seed % 10, 6, 7}, rois[] = {3, 4}, n = 3, batch[] = {0, 1, 1};
    node_case_input(c, float_type(seed), 4, dims, 0, NULL, false);
    c->lo = -3;
    c->hi = 12;
    node_case_input(c, float_type(seed), 2, rois, 0, NULL, false);
    node_case_input(c, DT_I64, 1, &n, 0, batch, false);
    node_case_node(c, OP_RoiAlign, 1)->params.roi =
        (RoiParams){seed % 2, seed / 2 % 2, 1 + (int64_t)seed % 3, 2, (int64_t)seed % 4, 0.75};
}

static void max_roi_pool(NodeCase *c, uint64_t seed)
{
    int64_t dims[] = {1, 1 + (int64_t)seed % 10, 6, 7}, rois[] = {2, 5};
    float data[10];
    for (int i = 0; i < 10; i++)
        data[i] = i % 5 ? (float)node_case_random(c, 40) / 4 - 1 : 0;
    node_case_f32(c, 4, dims, 0);
    node_case_input(c, DT_F32, 2, rois, 0, data, false);
    node_case_node(c, OP_MaxRoiPool, 1)->params.roi =
        (RoiParams){.out_h = 1 + (int64_t)seed % 3, .out_w = 3, .spatial_scale = 0.5};
}

static void col2im(NodeCase *c, uint64_t seed)
{
    int64_t image[] = {5, 6}, n = 2, taps = 4, columns = 1;
    FoldParams p = {.w = {.n = 2,
                          .kernel = {2, 2, 1},
                          .stride = {1 + (int64_t)seed % 2, 1, 1},
                          .dilation = {1, 1 + (int64_t)seed % 3, 1},
                          .pad_begin = {(int64_t)seed % 3, 0},
                          .pad_end = {0, (int64_t)seed % 2}}};
    for (int i = 0; i < 2; i++)
        columns *=
            (image[i] + p.w.pad_begin[i] + p.w.pad_end[i] - p.w.dilation[i] - 1) / p.w.stride[i] +
            1;
    int64_t dims[] = {2, 3 * taps, columns};
    node_case_input(c, seed % 3 ? DT_F32 : DT_I32, 3, dims, 0, NULL, false);
    node_case_input(c, DT_I64, 1, &n, 0, image, true);
    node_case_input(c, DT_I64, 1, &n, 0, p.w.kernel, true);
    node_case_node(c, OP_Col2Im, 1)->params.fold = p;
}

static void eye_like(NodeCase *c, uint64_t seed)
{
    int64_t dims[] = {4, 7};
    node_case_f32(c, 2, dims, 0);
    node_case_node(c, OP_EyeLike, 1)->params.diagonal =
        (DiagonalParams){(int64_t)seed % 9 - 4, false, type_of(seed)};
}

static void range(NodeCase *c, uint64_t seed)
{
    bool is_float = seed % 3 == 0;
    float from = -1.5F, to = 7.25F, by = 0.3F;
    int64_t first = 9, last = -8, step = -3;
    DType t = is_float ? DT_F32 : DT_I64;
    node_case_input(c, t, 0, NULL, 0, is_float ? (void *)&from : &first, true);
    node_case_input(c, t, 0, NULL, 0, is_float ? (void *)&to : &last, true);
    node_case_input(c, t, 0, NULL, 0, is_float ? (void *)&by : &step, true);
    node_case_node(c, OP_Range, 1);
}

/* Each operator with the tolerance of its arithmetic and the number of its cases. */
enum { MANY = 66 };

static const struct {
    void (*make)(NodeCase *c, uint64_t seed);
    double tolerance;
    uint64_t seeds;
} cases[] = {
    {tile, 0, MANY},
    {depth_to_space, 0, MANY},
    {space_to_depth, 0, MANY},
    {reverse_sequence, 0, MANY},
    {trilu, 0, MANY},
    {one_hot, 0, MANY},
    {gather_elements, 0, MANY},
    {gather_nd, 0, MANY},
    {eye_like, 0, MANY},
    {range, 1e-6, MANY},
    {scatter_nd, 1e-2, MANY},
    {scatter_elements, 1e-2, MANY},
    {roi_align, 1e-4, MANY},
    {max_roi_pool, 0, MANY},
    {col2im, 1e-5, MANY},
    {grid_sample, 1e-3, MANY},
    {deform_columns, 1e-4, MANY},
    {roi_align_far, 2e-3, 2},
    {grid_sample_far, 1e-4, 18},
};

static void test_against_the_interpreter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int t = 0; node_case_targets[t]; t++)
            for (uint64_t seed = 1; seed <= cases[i].seeds; seed++) {
                NodeCase c;
                node_case_open(&c, node_case_targets[t], seed);
                cases[i].make(&c, seed);
                node_case_check(&c, 0, cases[i].tolerance, cases[i].tolerance);
                node_case_close(&c);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_interpreter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
