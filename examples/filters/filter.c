/* Filters a picture with the C file that cnncc made of a one-convolution network.
 *
 *     cnncc sharpen.onnxtxt -o filter_net.c --name filter_net
 *     cc -O2 filter.c filter_net.c -lm -o sharpen
 *     ./sharpen photo.png sharp.png
 *
 * In comes a colour picture of the network's size, out goes a PNG of its output's size. Pixels are
 * interleaved bytes outside and planes of floats from 0 to 1 inside: [1,3,H,W]. */
#include "filter_net.h"

#include <stdio.h>
#include <stdlib.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

enum { COLOURS = 3 };
static const int in_dims[] = FILTER_NET_INPUT_0_DIMS, out_dims[] = FILTER_NET_OUTPUT_0_DIMS;
static float before[FILTER_NET_INPUT_0_COUNT], after[FILTER_NET_OUTPUT_0_COUNT];
static unsigned char bytes[FILTER_NET_OUTPUT_0_COUNT];

/* The network's working memory: known at compile time, so no malloc is needed. */
static _Alignas(FILTER_NET_ALIGN) unsigned char arena[FILTER_NET_ARENA_BYTES];

/* Reads a picture of the network's size as planes. Returns 0 when it is none. */
static int read_picture(const char *path)
{
    int width, height, channels, pixels = in_dims[2] * in_dims[3];
    unsigned char *p = stbi_load(path, &width, &height, &channels, COLOURS);
    if (p == NULL || height != in_dims[2] || width != in_dims[3]) {
        fprintf(stderr, "%s: not a picture of %d x %d pixels\n", path, in_dims[3], in_dims[2]);
        stbi_image_free(p);
        return 0;
    }
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < COLOURS; c++)
            before[c * pixels + i] = (float)p[i * COLOURS + c] / 255.0f;
    stbi_image_free(p);
    return 1;
}

/* Writes the planes as a picture; what is darker than black or brighter than white is cut off. */
static int write_picture(const char *path)
{
    int pixels = out_dims[2] * out_dims[3];
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < COLOURS; c++) {
            float v = after[c * pixels + i];
            bytes[i * COLOURS + c] = (unsigned char)(v <= 0   ? 0
                                                     : v >= 1 ? 255
                                                              : (int)(v * 255.0f + 0.5f));
        }
    return stbi_write_png(path, out_dims[3], out_dims[2], COLOURS, bytes, 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s BEFORE.png AFTER.png\n", argv[0]);
        return 2;
    }
    if (!read_picture(argv[1]) || filter_net_run(before, after, arena) != 0)
        return 1;
    if (!write_picture(argv[2])) {
        fprintf(stderr, "%s: cannot write\n", argv[2]);
        return 1;
    }
    return 0;
}
