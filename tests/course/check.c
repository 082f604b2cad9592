/* Are the pictures of docs/COURSE.md right? Each is computed once more from the picture that it was
 * made of, by its textbook formula in double precision, and may differ by one level of 255.
 *
 * usage: check COURSE_DIR PHOTO.png       the pictures of examples/course/make.sh
 *        check --filters DIR PHOTO.png    those of examples/filters/make.sh
 *        check --same A.png B.png         the same pixels?
 *
 * A lesson is a function from a pixel's position (y, x, colour) to its value from 0 to 1 or beyond.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#include <stb/stb_image.h>

typedef struct Picture {
    int height, width, colours;
    unsigned char *data;
} Picture;

static Picture load(const char *dir, const char *name)
{
    char path[1024];
    Picture p;
    snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", name);
    p.data = stbi_load(path, &p.width, &p.height, &p.colours, 0);
    if (p.data == NULL) {
        fprintf(stderr, "%s: no picture\n", path);
        exit(1);
    }
    return p;
}

static double at(const Picture *p, int y, int x, int c)
{
    return p->data[(y * p->width + x) * p->colours + c] / 255.0;
}

/* The same with the border repeated outside. */
static double clamped(const Picture *p, int y, int x, int c)
{
    y = y < 0 ? 0 : y >= p->height ? p->height - 1 : y;
    x = x < 0 ? 0 : x >= p->width ? p->width - 1 : x;
    return at(p, y, x, c);
}

typedef double Lesson(const Picture *p, int y, int x, int c);

/* ---- filters: weights around a pixel; the results lost the border ---- */

static double box(const Picture *p, int y, int x, int c)
{
    double sum = 0;
    for (int i = 0; i < 49; i++)
        sum += at(p, y + i / 7, x + i % 7, c);
    return sum / 49;
}

static double gauss(const Picture *p, int y, int x, int c)
{
    static const int pascal[] = {1, 6, 15, 20, 15, 6, 1};
    double sum = 0;
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++)
            sum += pascal[i] * pascal[j] * at(p, y + i, x + j, c);
    return sum / 4096;
}

static double sharpen(const Picture *p, int y, int x, int c)
{
    return 5 * at(p, y + 1, x + 1, c) - at(p, y, x + 1, c) - at(p, y + 2, x + 1, c) -
           at(p, y + 1, x, c) - at(p, y + 1, x + 2, c);
}

/* The part on the page begins at row 28, column 18 of the photograph. */
static double part(const Picture *p, int y, int x, int c)
{
    return at(p, y + 28, x + 18, c);
}

static double part_box(const Picture *p, int y, int x, int c)
{
    return box(p, y + 28 - 3, x + 18 - 3, c);
}

static double part_gauss(const Picture *p, int y, int x, int c)
{
    return gauss(p, y + 28 - 3, x + 18 - 3, c);
}

static double part_sharpen(const Picture *p, int y, int x, int c)
{
    return sharpen(p, y + 28 - 1, x + 18 - 1, c);
}

/* ---- colours ---- */

static double grey(const Picture *p, int y, int x, int c)
{
    (void)c;
    return 0.299 * at(p, y, x, 0) + 0.587 * at(p, y, x, 1) + 0.114 * at(p, y, x, 2);
}

static double green(const Picture *p, int y, int x, int c)
{
    (void)c;
    return 4 * (2 * at(p, y, x, 1) - at(p, y, x, 0) - at(p, y, x, 2));
}

/* ---- enlarging: pixel x of the output lies at (x + 1/2) / 4 - 1/2 of the input ---- */

static double nearest(const Picture *p, int y, int x, int c)
{
    return at(p, y / 4, x / 4, c);
}

static double hat(double t)
{
    return fmax(0, 1 - fabs(t));
}

/* Keys' kernel with a = -3/4. */
static double keys(double t)
{
    const double a = -0.75;
    t = fabs(t);
    if (t < 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static double interpolate(const Picture *p, int y, int x, int c, double kernel(double))
{
    double v = (y + 0.5) / 4 - 0.5, u = (x + 0.5) / 4 - 0.5, sum = 0;
    int y0 = (int)floor(v), x0 = (int)floor(u);
    for (int i = y0 - 1; i <= y0 + 2; i++)
        for (int j = x0 - 1; j <= x0 + 2; j++)
            sum += kernel(v - i) * kernel(u - j) * clamped(p, i, j, c);
    return sum;
}

static double bilinear(const Picture *p, int y, int x, int c)
{
    return interpolate(p, y, x, c, hat);
}

static double bicubic(const Picture *p, int y, int x, int c)
{
    return interpolate(p, y, x, c, keys);
}

static double nails(const Picture *p, int y, int x, int c)
{
    return y % 4 == 0 && x % 4 == 0 ? at(p, y / 4, x / 4, c) : 0;
}

/* Nails at the multiples of 4, a hat of half-width 4 on each; nothing behind the last ones. */
static double transposed(const Picture *p, int y, int x, int c)
{
    double sum = 0;
    for (int i = 0; i < p->height; i++)
        for (int j = 0; j < p->width; j++)
            sum += hat((y - 4 * i) / 4.0) * hat((x - 4 * j) / 4.0) * at(p, i, j, c);
    return sum;
}

/* ---- pooling ---- */

/* The maximum of the n x n pixels at (n y, n x); *where: the first that has it, row by row. */
static double block_max(const Picture *p, int n, int y, int x, int c, int *where)
{
    double best = -1;
    for (int i = 0; i < n * n; i++)
        if (at(p, n * y + i / n, n * x + i % n, c) > best) {
            best = at(p, n * y + i / n, n * x + i % n, c);
            *where = i;
        }
    return best;
}

static double block_mean(const Picture *p, int n, int y, int x, int c)
{
    double sum = 0;
    for (int i = 0; i < n * n; i++)
        sum += at(p, n * y + i / n, n * x + i % n, c);
    return sum / (n * n);
}

static double halved(const Picture *p, int y, int x, int c)
{
    return block_mean(p, 2, y, x, c);
}

static double pooled(const Picture *p, int y, int x, int c)
{
    int where;
    return block_max(p, 2, y / 8, x / 8, c, &where);
}

static double unpooled(const Picture *p, int y, int x, int c)
{
    int where = 0, row = y / 4, column = x / 4;
    double best = block_max(p, 2, row / 2, column / 2, c, &where);
    return where == row % 2 * 2 + column % 2 ? best : 0;
}

static double every_fourth(const Picture *p, int y, int x, int c)
{
    return at(p, y / 4 * 4, x / 4 * 4, c);
}

/* The window begins one pixel in front of its place; outside there are zeros. */
static double strided(const Picture *p, int y, int x, int c)
{
    static const int pascal[] = {1, 4, 6, 4, 1};
    double sum = 0;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            int row = y / 4 * 4 - 1 + i, column = x / 4 * 4 - 1 + j;
            if (row >= 0 && column >= 0 && row < p->height && column < p->width)
                sum += pascal[i] * pascal[j] * at(p, row, column, c);
        }
    return sum / 256;
}

static double average_pooled(const Picture *p, int y, int x, int c)
{
    return block_mean(p, 4, y / 4, x / 4, c);
}

static double max_pooled(const Picture *p, int y, int x, int c)
{
    int where;
    return block_max(p, 4, y / 4, x / 4, c, &where);
}

static double average_colour(const Picture *p, int y, int x, int c)
{
    double sum = 0;
    (void)y, (void)x;
    for (int i = 0; i < p->height * p->width; i++)
        sum += at(p, 0, i, c);
    return sum / (p->height * p->width);
}

static double max_colour(const Picture *p, int y, int x, int c)
{
    double best = 0;
    (void)y, (void)x;
    for (int i = 0; i < p->height * p->width; i++)
        best = fmax(best, at(p, 0, i, c));
    return best;
}

/* ---- others ---- */

static double eye(const Picture *p, int y, int x, int c)
{
    return at(p, y + 22, x + 16, c);
}

/* Sobel's filter, its weights `reach` apart. */
static double sobel(const Picture *p, int y, int x, int c, int reach)
{
    double sum = 0;
    for (int i = 0; i < 3; i++)
        sum += (i == 1 ? 1 : 0.5) *
               (at(p, y + i * reach, x + 2 * reach, c) - at(p, y + i * reach, x, c));
    return sum + 0.5;
}

static double edges(const Picture *p, int y, int x, int c)
{
    return sobel(p, y, x, c, 1);
}

static double wide_edges(const Picture *p, int y, int x, int c)
{
    return sobel(p, y, x, c, 4);
}

/* A picture, what it was made of, its size, and the formula. */
typedef struct Row {
    const char *name, *from; /* from NULL: the photograph */
    int height, width, colours;
    Lesson *lesson;
} Row;

static const Row course[] = {
    {"before", NULL, 128, 128, 3, part},
    {"box_blur", NULL, 128, 128, 3, part_box},
    {"gaussian_blur", NULL, 128, 128, 3, part_gauss},
    {"sharpened", NULL, 128, 128, 3, part_sharpen},
    {"thumb", NULL, 128, 128, 3, halved},
    {"grey", "thumb", 128, 128, 1, grey},
    {"green", "thumb", 128, 128, 1, green},
    {"eye", "grey", 40, 40, 1, eye},
    {"nearest", "eye", 160, 160, 1, nearest},
    {"bilinear", "eye", 160, 160, 1, bilinear},
    {"bicubic", "eye", 160, 160, 1, bicubic},
    {"nails", "eye", 160, 160, 1, nails},
    {"transposed", "eye", 160, 160, 1, transposed},
    {"pooled", "eye", 160, 160, 1, pooled},
    {"unpooled", "eye", 160, 160, 1, unpooled},
    {"every_fourth", "grey", 128, 128, 1, every_fourth},
    {"strided", "grey", 128, 128, 1, strided},
    {"average_pooled", "grey", 128, 128, 1, average_pooled},
    {"max_pooled", "grey", 128, 128, 1, max_pooled},
    {"average_colour", "thumb", 48, 48, 3, average_colour},
    {"max_colour", "thumb", 48, 48, 3, max_colour},
    {"edges", "grey", 126, 126, 1, edges},
    {"wide_edges", "grey", 120, 120, 1, wide_edges},
};

static const Row filters[] = {
    {"box", NULL, 250, 250, 3, box},
    {"gauss", NULL, 250, 250, 3, gauss},
    {"sharpen", NULL, 254, 254, 3, sharpen},
};

/* How many pixels are off by more than a level. */
static int count_wrong(const Row *r, const Picture *got, const Picture *from)
{
    int wrong = 0;
    for (int i = 0; i < got->height * got->width * got->colours; i++) {
        int c = i % got->colours, x = i / got->colours % got->width;
        int y = i / got->colours / got->width;
        double want = fmin(fmax(r->lesson(from, y, x, c), 0), 1);
        wrong += fabs(want * 255 - got->data[i]) > 1;
    }
    return wrong;
}

static int check_row(const char *dir, const char *photo, const Row *r)
{
    char name[64], from_name[64];
    snprintf(name, sizeof name, "%s.png", r->name);
    snprintf(from_name, sizeof from_name, "%s.png", r->from ? r->from : "");
    Picture got = load(dir, name), from = r->from ? load(dir, from_name) : load("", photo);
    int wrong = -1;
    if (got.height == r->height && got.width == r->width && got.colours == r->colours)
        wrong = count_wrong(r, &got, &from);
    if (wrong < 0)
        printf("%s: %d x %d x %d instead of %d x %d x %d\n", name, got.height, got.width,
               got.colours, r->height, r->width, r->colours);
    else
        printf("%s: %s, %d wrong\n", name, wrong ? "DIFFERS" : "right", wrong);
    stbi_image_free(got.data);
    stbi_image_free(from.data);
    return wrong != 0;
}

static int check_rows(const char *dir, const char *photo, const Row *rows, size_t n)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++)
        failed |= check_row(dir, photo, &rows[i]);
    return failed;
}

static int check_same(const char *a, const char *b)
{
    Picture p = load("", a), q = load("", b);
    int same = p.height == q.height && p.width == q.width && p.colours == q.colours &&
               memcmp(p.data, q.data, (size_t)p.height * (size_t)p.width * (size_t)p.colours) == 0;
    if (!same)
        printf("%s and %s: not the same pixels\n", a, b);
    stbi_image_free(p.data);
    stbi_image_free(q.data);
    return !same;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--same") == 0)
        return check_same(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "--filters") == 0)
        return check_rows(argv[2], argv[3], filters, sizeof filters / sizeof filters[0]);
    if (argc == 3)
        return check_rows(argv[1], argv[2], course, sizeof course / sizeof course[0]);
    fprintf(stderr, "usage: check [--filters] DIR PHOTO.png | check --same A.png B.png\n");
    return 2;
}
