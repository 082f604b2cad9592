/* stb_image and stb_image_write, compiled as they are (this file is built without warnings). */
#include "frontend/stb/stb.h"

#include <limits.h>

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_MAX_DIMENSIONS 16384
#include <stb/stb_image.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

unsigned char *stb_decode(const unsigned char *data, size_t bytes, int channels, int *width,
                          int *height, const char **reason)
{
    int found;
    *reason = "it is too large";
    if (bytes > INT_MAX)
        return NULL;
    unsigned char *pixels =
        stbi_load_from_memory(data, (int)bytes, width, height, &found, channels);
    if (pixels == NULL)
        *reason = stbi_failure_reason();
    return pixels;
}

unsigned char *stb_encode_png(const unsigned char *pixels, int width, int height, int channels,
                              size_t *bytes)
{
    int n = 0;
    unsigned char *png =
        stbi_write_png_to_mem(pixels, width * channels, width, height, channels, &n);
    *bytes = (size_t)n;
    return png;
}
