/* The C file as a whole: the three ways to carry weights, what a run refuses, names from hostile
 * models, determinism, identifiers and literals. */
#include "codegen/emit.h"
#include "tests/support/emit_harness.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define WARN     "-Wall -Wextra -Werror "
#define SANITIZE "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined "

enum { N = 40 };

static const char *const commands[] = {"gcc -O2 " WARN, "clang -O1 " WARN SANITIZE,
                                       "g++ -O1 -x c++ " WARN, NULL};

/* y = x * w + k through the arena: two kernels, weights of two types. */
static Program *affine_program(Arena *a)
{
    float w[N];
    int32_t k[N];
    for (int i = 0; i < N; i++) {
        w[i] = 1.0f / (float)(i + 1);
        k[i] = i * i - 300;
    }
    Program *p = hand_program(a, "c99");
    KBuilder *b = kb_new(a, p->target, "scale");
    const KBuf *x = kb_buf(b, "x", KT_F32, N, K_READ), *wb = kb_buf(b, "w", KT_F32, N, K_READ);
    const KBuf *y = kb_buf(b, "y", KT_F32, N, K_WRITE);
    KVar *i = kb_for(b, "i", 0, N, 1, KL_SERIAL);
    kb_store(b, y, aff_var(i),
             kb_bin(b, KO_MUL, kb_load(b, x, aff_var(i), 1), kb_load(b, wb, aff_var(i), 1)));
    kb_end(b);
    const Arg scale[] = {{ARG_INPUT, hand_input(p, "x", DT_F32, N), 0},
                         {ARG_WEIGHTS, 0, hand_weights(p, w, sizeof w)},
                         {ARG_ARENA, 0, 64}};
    hand_call(p, kb_finish(b, "scale"), scale, "scale");
    b = kb_new(a, p->target, "offset");
    x = kb_buf(b, "x", KT_F32, N, K_READ);
    wb = kb_buf(b, "k", KT_I32, N, K_READ);
    y = kb_buf(b, "y", KT_F32, N, K_WRITE);
    i = kb_for(b, "i", 0, N, 1, KL_SERIAL);
    KExpr *number = kb_cvt(b, KTYPE(KT_F32, 1), kb_load(b, wb, aff_var(i), 1));
    kb_store(b, y, aff_var(i), kb_bin(b, KO_ADD, kb_load(b, x, aff_var(i), 1), number));
    kb_end(b);
    const Arg offset[] = {{ARG_ARENA, 0, 64},
                          {ARG_WEIGHTS, 0, hand_weights(p, k, sizeof k)},
                          {ARG_OUTPUT, hand_output(p, "y", DT_F32, N), 0}};
    hand_call(p, kb_finish(b, "offset"), offset, "offset");
    p->arena_bytes = 64 + sizeof w;
    return p;
}

static void test_weights(void **state)
{
    (void)state;
    static const WeightsMode modes[] = {WEIGHTS_AUTO, WEIGHTS_ARRAY, WEIGHTS_INCBIN, WEIGHTS_BIN};
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        Arena *a = arena_new(0);
        const EmitOptions o = {.name = "net", .options = "", .weights = modes[m]};
        check_program(affine_program(a), &o, commands);
        arena_free(a);
    }
}

/* A changed payload: a run does not see it, the check does. A changed head: the run refuses. */
static void test_wrong_weights(void **state)
{
    (void)state;
    static const char check[] =
        "#include \"model.h\"\n"
        "static float x[40], y[40];\n"
        "static char arena[NET_ARENA_BYTES + 64];\n"
        "int main(int argc, char **argv)\n{\n"
        "    char *a = arena + (64 - (size_t)arena % 64) % 64;\n"
        "    (void)argv;\n"
        "    return 10 * net_run(x, y, a) + net_check_weights() == WANT ? 0 : 10 + argc;\n}\n";
    static const struct {
        size_t at;
        const char *want;
    } cases[] = {{64 + 10, "2"}, {0, "22"}, {40, "22"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        Arena *a = arena_new(0);
        const EmitOptions o = {.name = "net", .options = "", .weights = WEIGHTS_INCBIN};
        Program *p = affine_program(a);
        EmittedC *c = emit_c(a, p, "model.c", &o);
        unsigned char *w = arena_alloc(a, c->weights_bytes);
        memcpy(w, c->weights, c->weights_bytes);
        w[cases[k].at] ^= 1;
        char *dir = scratch_new(a);
        write_program(dir, p, &o);
        write_file(dir, "model.c.weights", w, c->weights_bytes);
        write_file(dir, "main.c", check, strlen(check));
        compile_and_run(dir, arena_printf(a, "gcc -O1 -DWANT=%s", cases[k].want));
        scratch_free(dir);
        arena_free(a);
    }
}

static void test_bad_arena(void **state)
{
    (void)state;
    static const char check[] =
        "#include \"model.h\"\n"
        "static float x[40], y[40];\n"
        "static char arena[NET_ARENA_BYTES + 128];\n"
        "int main(void)\n{\n"
        "    char *a = arena + (64 - (size_t)arena % 64);\n"
        "    return !(net_run(x, y, a) == 0 && net_run(x, y, NULL) == 1 &&\n"
        "             net_run(x, y, a + 4) == 1);\n}\n";
    Arena *a = arena_new(0);
    const EmitOptions o = {.name = "net", .options = "", .weights = WEIGHTS_ARRAY};
    char *dir = scratch_new(a);
    write_program(dir, affine_program(a), &o);
    write_file(dir, "main.c", check, strlen(check));
    compile_and_run(dir, "gcc -O1 -std=c99 " SANITIZE);
    scratch_free(dir);
    arena_free(a);
}

/* Everything that a model can name, with names made to break out of comments and strings. */
static void test_hostile_names(void **state)
{
    (void)state;
    static const char evil[] = "*/\nint evil = 1; /* ?\?/\n\" \\ \xc3\xa9 #error";
    Arena *a = arena_new(0);
    Program *p = hand_program(a, "c99");
    Graph *g = (Graph *)p->graph;
    g->name = evil;
    g->producer = evil;
    KBuilder *b = kb_new(a, p->target, "copy");
    const KBuf *x = kb_buf(b, "x", KT_F32, 4, K_READ), *y = kb_buf(b, "y", KT_F32, 4, K_WRITE);
    KVar *i = kb_for(b, "i", 0, 4, 1, KL_SERIAL);
    kb_note(b, "%s", evil);
    kb_store(b, y, aff_var(i), kb_load(b, x, aff_var(i), 1));
    kb_end(b);
    const Arg args[] = {{ARG_INPUT, hand_input(p, evil, DT_F32, 4), 0},
                        {ARG_OUTPUT, hand_output(p, "int_evil_1_error", DT_F32, 4), 0}};
    hand_call(p, kb_finish(b, evil), args, evil);
    const EmitOptions o = {.name = "net", .options = evil};
    static const char *const how[] = {"gcc -O1 -std=c99 -pedantic -trigraphs " WARN,
                                      "clang -O1 -std=c99 -pedantic " WARN, NULL};
    check_program(p, &o, how);
    const EmittedC *c = emit_c(a, p, "model.c", &o);
    assert_null(strstr(c->source, "*/\nint evil"));
    for (const char *s = c->source; *s; s++)
        assert_true((unsigned char)*s < 127);
    /* the macro holds the exact bytes */
    assert_non_null(strstr(c->header, "#define NET_INPUT_0_NAME \"*/\\012int evil = 1; /* "
                                      "\\?\\?/\\012\\\" \\\\ \\303\\251 #error\""));
    arena_free(a);
}

static void test_deterministic(void **state)
{
    (void)state;
    const EmitOptions o = {.name = "net", .options = "", .weights = WEIGHTS_ARRAY};
    Arena *a = arena_new(0), *b = arena_new(0);
    const EmittedC *one = emit_c(a, affine_program(a), "model.c", &o);
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++)
        if (setlocale(LC_ALL, locales[i]))
            break;
    const EmittedC *two = emit_c(b, affine_program(b), "model.c", &o);
    setlocale(LC_ALL, "C");
    assert_string_equal(one->source, two->source);
    assert_string_equal(one->header, two->header);
    arena_free(a);
    arena_free(b);
}

static void test_identifiers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"conv1", "conv1"}, {"a.b/c:0", "a_b_c_0"}, {"7seas", "n7seas"}, {"", "unnamed"},
        {"...", "unnamed"}, {"while", "while_"},    {"_x", "x"},         {"\xc3\xa9t\xc3\xa9", "t"},
        {"a  b", "a_b"},    {"class", "class_"},    {"x\n*/y", "x_y"},
    };
    Arena *a = arena_new(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(c_identifier(a, cases[i][0]), cases[i][1]);
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_true(strlen(c_identifier(a, longest)) <= 63);
    arena_free(a);
}

static void test_literals(void **state)
{
    (void)state;
    static const float values[] = {0.0f,    -0.0f,    1.0f,        0.1f, 1e-45f,
                                   FLT_MAX, -FLT_MIN, 16777217.0f, 1e10f};
    Arena *a = arena_new(0);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *s = f32_literal(a, values[i]);
        float back = strtof(s, NULL);
        assert_memory_equal(&back, &values[i], sizeof back);
        assert_true(strpbrk(s, ".e") && s[strlen(s) - 1] == 'f');
    }
    assert_string_equal(f32_literal(a, 2), "2.0f");
    assert_string_equal(f32_literal(a, NAN), "NAN");
    assert_string_equal(f32_literal(a, -HUGE_VAL), "-INFINITY");
    assert_string_equal(f64_literal(a, 0.1), "0.1");
    assert_string_equal(int_literal(a, INT32_MIN), "INT32_MIN");
    assert_string_equal(int_literal(a, -5), "-5");
    assert_string_equal(string_literal(a, "a\"\\?\n"), "\"a\\\"\\\\\\?\\012\"");
    assert_string_equal(comment_text(a, "*/ /* ?\?/ \\", 100), "* / / * ? ?/ _");
    arena_free(a);
}

/* Compilers without the builtin are told so, whichever of the words a file uses. */
static void test_shuffles_are_guarded(void **state)
{
    (void)state;
    static const char *const names[] = {"shuffle", "shuffle2"};
    for (int i = 0; i < 2; i++) {
        Arena *a = arena_new(0);
        Words w = words_new(a, target_find("gnu"));
        Text out = text_new(a);
        word_use(&w, names[i], 1);
        words_print(&w, &out);
        assert_non_null(strstr(out.data, "#error"));
        assert_non_null(strstr(out.data, "#define shuffle2("));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shuffles_are_guarded), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_wrong_weights),        cmocka_unit_test(test_bad_arena),
        cmocka_unit_test(test_hostile_names),        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_identifiers),          cmocka_unit_test(test_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
