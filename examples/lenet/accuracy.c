/* Counts how many digits of two IDX files the emitted LeNet-5 reads right.
 *
 *     cnncc lenet5.onnx -o lenet5.c && cc -O2 accuracy.c lenet5.c -lm -o accuracy
 *     ./accuracy IMAGES LABELS          (uncompressed IDX; 28x28 pictures)
 *
 * Every fifth picture was held out of the training (train.py) and is counted apart. */
#include "lenet5.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 28, INPUT_SIDE = 32, MARGIN = (INPUT_SIDE - SIDE) / 2, DIGITS = 10 };

/* Centres a picture in the network's input; pixels become 0..1. */
static void pad(const unsigned char *picture, float *x)
{
    for (int i = 0; i < INPUT_SIDE * INPUT_SIDE; i++)
        x[i] = 0;
    for (int r = 0; r < SIDE; r++)
        for (int c = 0; c < SIDE; c++)
            x[(r + MARGIN) * INPUT_SIDE + c + MARGIN] = (float)picture[r * SIDE + c] / 255.0f;
}

static int largest(const float *score)
{
    int best = 0;
    for (int i = 1; i < DIGITS; i++)
        if (score[i] > score[best])
            best = i;
    return best;
}

static void report(const char *what, long right, long all)
{
    printf("%s: %ld of %ld right, %.2f %%\n", what, right, all,
           all ? 100.0 * (double)right / (double)all : 0.0);
}

int main(int argc, char **argv)
{
    FILE *images = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *labels = argc == 3 ? fopen(argv[2], "rb") : NULL;
    void *arena = aligned_alloc(LENET5_ALIGN, LENET5_ARENA_BYTES);
    if (images == NULL || labels == NULL || arena == NULL || fseek(images, 16, SEEK_SET) != 0 ||
        fseek(labels, 8, SEEK_SET) != 0) {
        fprintf(stderr, "usage: accuracy IMAGES LABELS\n");
        return 2;
    }
    long right[2] = {0}, all[2] = {0};
    unsigned char picture[SIDE * SIDE];
    static float x[INPUT_SIDE * INPUT_SIDE];
    float score[DIGITS];
    for (long i = 0; fread(picture, sizeof picture, 1, images) == 1; i++) {
        int label = fgetc(labels);
        pad(picture, x);
        if (label == EOF || lenet5_run(x, score, arena) != 0)
            break;
        all[i % 5 == 4]++;
        right[i % 5 == 4] += largest(score) == label;
    }
    report("trained on", right[0], all[0]);
    report("held out", right[1], all[1]);
    free(arena);
    fclose(images);
    fclose(labels);
    return 0;
}
