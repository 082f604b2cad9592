/* Classifies pictures with libcnncc: the smallest whole program that uses the library.
 *
 *     classify MODEL.onnx PICTURE...
 *
 * The model has one float input [1,C,H,W] with C = 1 or 3, and one float output with a score a
 * class. A picture is a PNG or JPEG of H x W pixels, taken as numbers from 0 to 1; or, when its
 * name ends in ".f32", C*H*W raw floats of this machine. The five best classes are printed. */
#include <cnncc.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#include <stb/stb_image.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 5 };

/* Reads `count` raw floats. */
static int read_floats(const char *path, float *to, size_t count)
{
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(to, sizeof *to, count, f) : 0;
    if (f != NULL)
        fclose(f);
    if (n != count)
        fprintf(stderr, "%s: cannot read %zu floats\n", path, count);
    return n == count;
}

/* Reads a picture of the input's size: pixels of interleaved bytes to planes of floats. */
static int read_picture(const char *path, float *to, const cnncc_tensor *in)
{
    int channels = (int)in->dims[1], height = (int)in->dims[2], width = (int)in->dims[3];
    int h, w, n;
    unsigned char *pixels = stbi_load(path, &w, &h, &n, channels);
    if (pixels == NULL || h != height || w != width) {
        fprintf(stderr, "%s: not a picture of %d x %d pixels\n", path, width, height);
        free(pixels);
        return 0;
    }
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < h * w; i++)
            to[c * h * w + i] = (float)pixels[i * channels + c] / 255.0f;
    free(pixels);
    return 1;
}

static int read_input(const char *path, float *to, const cnncc_tensor *in)
{
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".f32") == 0)
        return read_floats(path, to, in->count);
    return read_picture(path, to, in);
}

static void print_best(const char *path, float *score, size_t count)
{
    printf("%s\n", path);
    for (int rank = 1; rank <= TOP && (size_t)rank <= count; rank++) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            if (score[i] > score[best])
                best = i;
        printf("  %d. class %zu, score %g\n", rank, best, (double)score[best]);
        score[best] = -3.4e38f; /* out of the way of the next one */
    }
}

/* Whether this program can feed the model. */
static int is_classifier(const cnncc_model *model, cnncc_tensor *in, cnncc_tensor *out)
{
    return cnncc_input_count(model) == 1 && cnncc_output_count(model) == 1 &&
           cnncc_input(model, 0, in) == CNNCC_OK && cnncc_output(model, 0, out) == CNNCC_OK &&
           in->type == CNNCC_F32 && out->type == CNNCC_F32 && in->rank == 4 && in->dims[0] == 1 &&
           (in->dims[1] == 1 || in->dims[1] == 3);
}

/* Classifies all pictures; 0 when every one went well. */
static int classify(const cnncc_model *model, char **paths, int n)
{
    cnncc_tensor in, out;
    cnncc_context *context;
    if (!is_classifier(model, &in, &out)) {
        fprintf(stderr, "the model is no classifier of pictures\n");
        return 1;
    }
    if (cnncc_context_new(model, &context) != CNNCC_OK) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    float *picture = malloc(in.bytes), *scores = malloc(out.bytes);
    int failed = picture == NULL || scores == NULL;
    for (int i = 0; i < n && !failed; i++) {
        const void *inputs[1];
        void *outputs[1];
        inputs[0] = picture;
        outputs[0] = scores;
        failed = !read_input(paths[i], picture, &in);
        if (!failed && cnncc_run(context, inputs, outputs) != CNNCC_OK) {
            fprintf(stderr, "%s: %s\n", paths[i], cnncc_context_error(context));
            failed = 1;
        }
        if (!failed)
            print_best(paths[i], scores, out.count);
    }
    free(picture);
    free(scores);
    cnncc_context_free(context);
    return failed;
}

int main(int argc, char **argv)
{
    cnncc_model *model;
    char why[512];
    cnncc_options options;
    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL.onnx PICTURE...\n");
        return 2;
    }
    memset(&options, 0, sizeof options);
    options.error = why;
    options.error_bytes = sizeof why;
    if (cnncc_load_file(argv[1], &options, &model) != CNNCC_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int failed = classify(model, argv + 2, argc - 2);
    cnncc_free(model);
    return failed;
}
