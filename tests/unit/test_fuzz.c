/* Damaged models: whatever the bytes, the compiler ends with a result or a diagnostic.
 *
 * Every example of tests/operators.txt and LeNet-5 as a binary model, with bytes changed, left out,
 * repeated or exchanged, and as text with other numbers and types, goes through import, passes and
 * lowering. The seeds are fixed. A crash ends the test, a sanitizer's finding too; the number of
 * models that still compile must not be 0, or the damage proves nothing. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/support/op_line.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPERATOR_ROUNDS = 16,
    NUMBER_ROUNDS = 16,
    NETWORK_ROUNDS = 150,
    HEAD = 2048,
    MEMORY = 256 << 20
};

typedef struct Fuzz {
    uint64_t random;
    int tried, imported, compiled;
} Fuzz;

static size_t below(Fuzz *f, size_t n)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return n ? (size_t)(f->random >> 33) % n : 0;
}

/* Bytes that mean something in a protobuf message: tags, lengths, varints' ends. */
static unsigned char telling_byte(Fuzz *f)
{
    static const unsigned char bytes[] = {0x00, 0x01, 0x02, 0x07, 0x08, 0x0a, 0x10, 0x12, 0x18,
                                          0x22, 0x3a, 0x40, 0x7f, 0x80, 0x81, 0xff, 0xfe, 0xc0};
    return bytes[below(f, sizeof bytes)];
}

/* One change in place, in the first `window` bytes; returns the new length. */
static size_t damage(Fuzz *f, unsigned char *data, size_t n, size_t window)
{
    size_t at = below(f, window < n ? window : n), length = 1 + below(f, 8), from = below(f, n);
    if (at + length > n)
        length = n - at;
    switch (below(f, 6)) {
    case 0:
        data[at] ^= (unsigned char)(1u << below(f, 8));
        return n;
    case 1:
        data[at] = telling_byte(f);
        return n;
    case 2:
        data[at] = (unsigned char)(data[at] + 1 - 2 * below(f, 2));
        return n;
    case 3: /* left out */
        memmove(data + at, data + at + length, n - at - length);
        return n - length;
    case 4: /* one place's bytes at another */
        memmove(data + at, data + from, from + length <= n ? length : n - from);
        return n;
    default:
        return n > 16 ? n - below(f, 16) : n; /* cut off */
    }
}

static void compile(Fuzz *f, const unsigned char *data, size_t n)
{
    PassOptions options = {.conv = CONV_AUTO};
    bool stopped = false;
    Arena *a = arena_new(MEMORY);
    f->tried++;
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return;
    }
    Diag d = {.arena = a, .file = "fuzz"};
    Graph *g = frontend_load_memory(a, &d, data, n, NULL);
    assert_true(g != NULL || d.n_errors > 0);
    if (g) {
        f->imported++;
        g->target = target_find("avx2");
        bool ok = passes_run(g, &options, &stopped) && codegen_lower(g) != NULL;
        assert_true(ok || d.n_errors > 0);
        f->compiled += ok;
    }
    arena_free(a);
}

static void rounds(Fuzz *f, const unsigned char *model, size_t n, size_t window, int count)
{
    unsigned char *copy = malloc(n);
    assert_non_null(copy);
    for (int i = 0; i < count; i++) {
        size_t length = n;
        memcpy(copy, model, n);
        for (size_t k = 1 + below(f, 2); k > 0; k--)
            length = damage(f, copy, length, window);
        unsigned char *exact = malloc(length ? length : 1); /* a sanitizer sees a step behind it */
        assert_non_null(exact);
        memcpy(exact, copy, length);
        compile(f, exact, length);
        free(exact);
    }
    free(copy);
}

static void test_operators(void **state)
{
    (void)state;
    Fuzz f = {.random = 1};
    OpLines lines;
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail();
    Diag d = {.arena = a, .file = "operators.txt"};
    assert_true(op_lines_read(a, &d, CNNCC_SOURCE_DIR "/tests/operators.txt", &lines));
    for (int i = 0; i < lines.n_line; i++) {
        size_t n;
        const char *text = op_line_model(a, &lines.line[i], "float");
        const unsigned char *model = onnx_text_to_binary(a, &d, text, &n);
        assert_non_null(model);
        rounds(&f, model, n, n, OPERATOR_ROUNDS);
    }
    print_message("%d tried, %d imported, %d compiled\n", f.tried, f.imported, f.compiled);
    assert_true(f.tried > 1000 && f.imported > 100 && f.compiled > 50);
    arena_free(a);
}

static void test_network(void **state)
{
    (void)state;
    Fuzz f = {.random = 2};
    size_t n;
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail();
    Diag d = {.arena = a, .file = "lenet5.onnx"};
    const unsigned char *model =
        file_read(a, &d, CNNCC_SOURCE_DIR "/examples/lenet/lenet5.onnx", &n);
    assert_non_null(model);
    rounds(&f, model, n, HEAD, NETWORK_ROUNDS);
    print_message("%d tried, %d imported, %d compiled\n", f.tried, f.imported, f.compiled);
    assert_true(f.tried > 100 && f.imported > 0);
    arena_free(a);
}

/* ---- text: numbers and types exchanged ---- */

/* Where the k-th number or type of the text begins; its length in *n. NULL behind the last. */
static const char *find_word(const char *text, size_t k, size_t *n)
{
    static const char *const letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    for (const char *p = strchr(text, '\n') + 1; *p; p += *n) {
        *n = strspn(p, letters);
        bool number = *n > 0 && strspn(p, "0123456789") == *n;
        if (number && p[-1] == '-') {
            p--;
            ++*n;
        }
        char word[16] = "";
        memcpy(word, p, *n < sizeof word ? *n : 0);
        bool type = dtype_from_name(word) != DT_NONE;
        if ((number || type) && k-- == 0)
            return p;
        *n += *n == 0;
    }
    return NULL;
}

static char *exchange(Fuzz *f, Arena *a, const char *text)
{
    static const char *const numbers[] = {
        "0",  "1",   "2",     "3",          "-1",         "-2",        "5",
        "8",  "9",   "64",    "65",         "255",        "65536",     "1000000",
        "-7", "100", "-1000", "2147483647", "4294967296", "536870912", "9223372036854775807"};
    size_t n, words = 0;
    while (find_word(text, words, &n))
        words++;
    const char *at = find_word(text, below(f, words), &n);
    if (at == NULL)
        return arena_strdup(a, text);
    const char *word = at[0] == '-' || (at[0] >= '0' && at[0] <= '9')
                           ? numbers[below(f, sizeof numbers / sizeof numbers[0])]
                           : dtype_name((DType)(1 + below(f, DT_COUNT - 1)));
    return arena_printf(a, "%.*s%s%s", (int)(at - text), text, word, at + n);
}

static void test_numbers(void **state)
{
    (void)state;
    Fuzz f = {.random = 3};
    OpLines lines;
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail();
    Diag d = {.arena = a, .file = "operators.txt"};
    assert_true(op_lines_read(a, &d, CNNCC_SOURCE_DIR "/tests/operators.txt", &lines));
    for (int i = 0; i < lines.n_line * NUMBER_ROUNDS; i++) {
        const OpLine *l = &lines.line[i / NUMBER_ROUNDS];
        const char *text = exchange(&f, a, op_line_model(a, l, i % 3 ? "float" : "int8"));
        for (size_t k = below(&f, 2); k > 0; k--)
            text = exchange(&f, a, text);
        compile(&f, (const unsigned char *)text, strlen(text));
    }
    print_message("%d tried, %d imported, %d compiled\n", f.tried, f.imported, f.compiled);
    assert_true(f.tried > 1000 && f.imported > 500 && f.compiled > 500);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
