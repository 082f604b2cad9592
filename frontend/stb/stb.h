/* The image codecs of stb, behind two functions; stb.c is the only file that sees stb itself. */
#ifndef CNNCC_FRONTEND_STB_H
#define CNNCC_FRONTEND_STB_H

#include <stddef.h>

/* Decodes a PNG or JPEG to 8 bits a channel, rows from the top, `channels` (1 or 3) interleaved.
 * The result is malloc'ed; NULL with *reason set when the bytes are no such image. */
unsigned char *stb_decode(const unsigned char *data, size_t bytes, int channels, int *width,
                          int *height, const char **reason);

/* Encodes the same form as PNG; malloc'ed, NULL when there is no memory. */
unsigned char *stb_encode_png(const unsigned char *pixels, int width, int height, int channels,
                              size_t *bytes);

#endif
