/* onnxtext: ONNX's textual syntax to a binary model, for tests that need the bytes.
 *
 * usage: onnxtext IN.txt OUT.onnx */
#include "frontend/frontend.h"

#include <stdio.h>

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    fprintf(stderr, "%s\n", line);
}

/* Reads, converts, writes; the text gets the '\0' that the converter wants. */
static bool convert(Arena *a, const char *in, const char *out)
{
    Diag d = {.arena = a, .file = in, .sink = print_diagnostic};
    size_t n = 0, bytes = 0;
    const unsigned char *text = file_read(a, &d, in, &n);
    if (text == NULL)
        return false;
    const unsigned char *model =
        onnx_text_to_binary(a, &d, arena_strndup(a, (const char *)text, n), &bytes);
    return model != NULL && file_write(&d, a, out, model, bytes);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: onnxtext IN.txt OUT.onnx\n");
        return 2;
    }
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        fprintf(stderr, "onnxtext: out of memory\n");
        arena_free(a);
        return 1;
    }
    bool ok = convert(a, argv[1], argv[2]);
    arena_free(a);
    return ok ? 0 : 1;
}
