/* Reads handwritten digits with the C file that cnncc made of lenet5.onnx.
 *
 *     cnncc lenet5.onnx -o lenet5.c
 *     cc -O2 main.c lenet5.c -lm -o lenet
 *     ./lenet digits/*.png
 *
 * In come pictures of one digit each, 32x32, light ink on dark ground; out goes one line a
 * picture: the digit, how far it is ahead of the runner-up, and the ten scores (minus the squared
 * distance to the ideal picture of each digit, so 0 is best). */
#include "lenet5.h"

#include <stdio.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#include <stb/stb_image.h>

enum { SIDE = 32, CLASSES = 10 };

/* The network's working memory: known at compile time, so no malloc is needed. */
static _Alignas(LENET5_ALIGN) unsigned char arena[LENET5_ARENA_BYTES];

/* Reads a picture as grey values from 0 to 1. Returns 0 when it is not a 32x32 picture. */
static int read_picture(const char *path, float picture[SIDE * SIDE])
{
    int width, height, channels;
    unsigned char *pixels = stbi_load(path, &width, &height, &channels, 1);
    if (pixels == NULL || width != SIDE || height != SIDE) {
        fprintf(stderr, "%s: not a %dx%d picture\n", path, SIDE, SIDE);
        stbi_image_free(pixels);
        return 0;
    }
    for (int i = 0; i < SIDE * SIDE; i++)
        picture[i] = (float)pixels[i] / 255.0f;
    stbi_image_free(pixels);
    return 1;
}

/* Index of the greatest score, leaving out `except`. */
static int best_of(const float scores[CLASSES], int except)
{
    int best = -1;
    for (int i = 0; i < CLASSES; i++)
        if (i != except && (best < 0 || scores[i] > scores[best]))
            best = i;
    return best;
}

int main(int argc, char **argv)
{
    float picture[SIDE * SIDE], scores[CLASSES];
    int failed = argc < 2;
    if (failed)
        fprintf(stderr, "usage: %s PICTURE.png...\n", argv[0]);
    for (int i = 1; i < argc; i++) {
        if (!read_picture(argv[i], picture) || lenet5_run(picture, scores, arena) != 0) {
            failed = 1;
            continue;
        }
        int digit = best_of(scores, -1);
        printf("%s: %d  (ahead by %.1f)  scores", argv[i], digit,
               scores[digit] - scores[best_of(scores, digit)]);
        for (int k = 0; k < CLASSES; k++)
            printf(" %.1f", scores[k]);
        printf("\n");
    }
    return failed;
}
