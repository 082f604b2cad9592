/* Unique and NonMaxSuppression, whose results are as long as the data say.
 *
 * Comes in: tensors. Goes out: lists in the arena. Inference asks for their length, the
 * interpreter for their contents; both are naive and follow the specification word by word. */
#include "ir/select.h"

#include "ir/ops.h"

#include <math.h>
#include <string.h>

/* ---- a stable merge sort of indices ---- */

typedef bool Before(const void *user, int64_t a, int64_t b);

static void sort_range(int64_t *list, int64_t *room, int64_t n, Before *before, const void *user)
{
    if (n < 2)
        return;
    int64_t half = n / 2, a = 0, b = half;
    sort_range(list, room, half, before, user);
    sort_range(list + half, room, n - half, before, user);
    for (int64_t i = 0; i < n; i++) {
        bool second = a == half || (b < n && before(user, list[b], list[a]));
        room[i] = second ? list[b++] : list[a++];
    }
    memcpy(list, room, (size_t)n * sizeof *list);
}

static int64_t *sorted_indices(Arena *a, int64_t n, Before *before, const void *user)
{
    int64_t *list = ARENA_ARRAY(a, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        list[i] = i;
    sort_range(list, ARENA_ARRAY(a, int64_t, n), n, before, user);
    return list;
}

/* ---- Unique ---- */

/* A tensor seen as [outer][slices][inner]. */
typedef struct Slices {
    const Tensor *t;
    int64_t outer, n, inner;
} Slices;

/* -1, 0 or 1; NaN comes behind all numbers. */
static int compare_elements(const Tensor *t, int64_t i, int64_t j)
{
    if (dtype_is_float(t->dtype)) {
        double x = tensor_get_f64(t, i), y = tensor_get_f64(t, j);
        if (isnan(x) || isnan(y))
            return isnan(x) - isnan(y);
        return (x > y) - (x < y);
    }
    if (t->dtype == DT_U64) {
        uint64_t x = (uint64_t)tensor_get_i64(t, i), y = (uint64_t)tensor_get_i64(t, j);
        return (x > y) - (x < y);
    }
    int64_t x = tensor_get_i64(t, i), y = tensor_get_i64(t, j);
    return (x > y) - (x < y);
}

static int compare_slices(const Slices *s, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++) {
            int64_t row = o * s->n;
            int c = compare_elements(s->t, (row + a) * s->inner + i, (row + b) * s->inner + i);
            if (c != 0)
                return c;
        }
    return 0;
}

static bool slice_before(const void *user, int64_t a, int64_t b)
{
    return compare_slices(user, a, b) < 0;
}

static bool has_nan(const Slices *s, int64_t a)
{
    for (int64_t o = 0; o < s->outer && dtype_is_float(s->t->dtype); o++)
        for (int64_t i = 0; i < s->inner; i++)
            if (isnan(tensor_get_f64(s->t, (o * s->n + a) * s->inner + i)))
                return true;
    return false;
}

/* Renumbers the distinct slices in the order in which they occur. */
static void order_by_occurrence(Arena *a, Distinct *d)
{
    int64_t *number = ARENA_ARRAY(a, int64_t, d->n), next = 0;
    int64_t *first = ARENA_ARRAY(a, int64_t, d->n), *count = ARENA_ARRAY(a, int64_t, d->n);
    for (int64_t i = 0; i < d->slices; i++) {
        int64_t old = d->inverse[i];
        if (d->first[old] == i) {
            first[next] = i;
            count[next] = d->count[old];
            number[old] = next++;
        }
        d->inverse[i] = number[old];
    }
    d->first = first;
    d->count = count;
}

Distinct select_distinct(Arena *a, const Tensor *t, const IndexParams *p)
{
    int axis = (int)p->axis;
    Slices s = {.t = t, .outer = 1, .n = shape_numel(&t->shape), .inner = 1};
    if (!p->flat) {
        s.outer = shape_range_numel(&t->shape, 0, axis);
        s.n = t->shape.dim[axis];
        s.inner = shape_range_numel(&t->shape, axis + 1, t->shape.rank);
    }
    Distinct d = {.slices = s.n};
    const int64_t *order = sorted_indices(a, s.n, slice_before, &s);
    d.first = ARENA_ARRAY(a, int64_t, s.n);
    d.count = ARENA_ARRAY(a, int64_t, s.n);
    d.inverse = ARENA_ARRAY(a, int64_t, s.n);
    for (int64_t k = 0; k < s.n; k++) { /* the sort is stable: the first of equals occurs first */
        int64_t i = order[k];
        bool same = k > 0 && compare_slices(&s, order[k - 1], i) == 0 && !has_nan(&s, i);
        if (!same)
            d.first[d.n++] = i;
        d.count[d.n - 1]++;
        d.inverse[i] = d.n - 1;
    }
    if (!p->sorted)
        order_by_occurrence(a, &d);
    return d;
}

/* ---- NonMaxSuppression ---- */

typedef struct Box {
    double y0, x0, y1, x1;
} Box;

static double ordered_low(double a, double b)
{
    return a < b ? a : b;
}

static double ordered_high(double a, double b)
{
    return a < b ? b : a;
}

static Box read_box(const Suppression *s, int64_t i)
{
    double v[4];
    for (int k = 0; k < 4; k++)
        v[k] = tensor_get_f64(s->boxes, 4 * i + k);
    if (s->center_box)
        return (Box){v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
    return (Box){ordered_low(v[0], v[2]), ordered_low(v[1], v[3]), ordered_high(v[0], v[2]),
                 ordered_high(v[1], v[3])};
}

/* Intersection over union; 0 for a box without area. */
static double overlap(const Box *a, const Box *b)
{
    double height = ordered_low(a->y1, b->y1) - ordered_high(a->y0, b->y0);
    double width = ordered_low(a->x1, b->x1) - ordered_high(a->x0, b->x0);
    double area_a = (a->y1 - a->y0) * (a->x1 - a->x0), area_b = (b->y1 - b->y0) * (b->x1 - b->x0);
    if (!(height > 0 && width > 0 && area_a > 0 && area_b > 0))
        return 0;
    double common = height * width;
    return common / (area_a + area_b - common);
}

/* The scores of one class of one batch. */
typedef struct Scores {
    const Tensor *scores;
    int64_t first;
} Scores;

static bool scores_more(const void *user, int64_t a, int64_t b)
{
    const Scores *s = user;
    return tensor_get_f64(s->scores, s->first + a) > tensor_get_f64(s->scores, s->first + b);
}

/* Appends the boxes of one class to list[*n…]. */
static void select_of_class(Arena *a, const Suppression *s, int64_t batch, int64_t class,
                            int64_t *list, int64_t *n)
{
    int64_t boxes = s->boxes->shape.dim[1], start = *n;
    Scores scores = {s->scores, (batch * s->scores->shape.dim[1] + class) * boxes};
    const int64_t *order = sorted_indices(a, boxes, scores_more, &scores);
    for (int64_t k = 0; k < boxes && *n - start < s->most; k++) {
        Box box = read_box(s, batch * boxes + order[k]);
        bool chosen = tensor_get_f64(s->scores, scores.first + order[k]) > s->score;
        for (int64_t i = start; chosen && i < *n; i++) {
            Box other = read_box(s, batch * boxes + list[3 * i + 2]);
            chosen = !(overlap(&box, &other) > s->iou);
        }
        if (!chosen)
            continue;
        list[3 * *n] = batch;
        list[3 * *n + 1] = class;
        list[3 * *n + 2] = order[k];
        ++*n;
    }
}

int64_t *select_boxes(Arena *a, const Suppression *s, int64_t *n)
{
    int64_t *list = ARENA_ARRAY(a, int64_t, 3 * shape_numel(&s->scores->shape));
    *n = 0;
    for (int64_t b = 0; b < s->scores->shape.dim[0]; b++)
        for (int64_t c = 0; c < s->scores->shape.dim[1]; c++)
            select_of_class(a, s, b, c, list, n);
    return list;
}

Suppression suppression_of(const Node *n, const Tensor *const *in, int n_in)
{
    Suppression s = {.boxes = in[0],
                     .scores = in[1],
                     .score = -INFINITY,
                     .center_box = n->params.suppress.center_box};
    if (n_in > 2 && in[2])
        s.most = tensor_get_i64(in[2], 0);
    if (n_in > 3 && in[3])
        s.iou = tensor_get_f64(in[3], 0);
    if (n_in > 4 && in[4])
        s.score = tensor_get_f64(in[4], 0);
    return s;
}
