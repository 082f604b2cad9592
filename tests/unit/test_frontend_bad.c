/* Models that are not what they should be: each gives one clear line and the right status. */
#include "tests/unit/frontend_case.h"

#include "frontend/onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct BadModel {
    int opset;
    const char *graph, *message;
    Status status;
} BadModel;

static const BadModel bad_models[] = {
    {13, "g (float[1] X) => (float[1] Y) { }", "m: error: the graph is empty", STATUS_FAILED},
    {13, "g (float[1] X) => () { Y = Relu(X) }", "the graph has no outputs", STATUS_FAILED},
    {13, "g (float[1] X) => (float[1] Y) { [a] Y = Add(X, t) [b] t = Relu(Y) }",
     "m: error: the graph has a cycle: Add \"a\" (#0) <- Relu \"b\" (#1) <- Add \"a\" (#0)",
     STATUS_FAILED},
    {13, "g (float[1] X) => (float[1] Y) { [a] Y = Foo(X) [b] Z = my.dom.Bar(Y) }",
     "m: error: Foo \"a\" (#0): operator Foo is not supported\n"
     "m: error: Bar \"b\" (#1): operator my.dom.Bar is not supported; "
     "a function of that name in the model would be inlined\n",
     STATUS_UNSUPPORTED},
    {13, "g (float[1] X) => (float[1] Y) { Y = cnncc.Reorder(X) }", "operator cnncc.Reorder",
     STATUS_UNSUPPORTED},
    {13, "g (float[1] X) => (float[1] Y) { [a] Y = Relu <slope = 1.5> (X) }",
     "m: error: Relu \"a\" (#0): unknown attribute \"slope\"", STATUS_FAILED},
    {13, "g (float[1] X) => (float[1] Y) { [a] Y = LeakyRelu <alpha = 1> (X) }",
     "attribute \"alpha\" must be a float, not an int", STATUS_FAILED},
    {13,
     "g (float[1,1,4,4] X) => (float[1,1,4,4] Y) { [a] Y = MaxPool <kernel_shape = [1,1], "
     "auto_pad = \"SAME\"> (X) }",
     "attribute \"auto_pad\" has the unknown value \"SAME\"", STATUS_FAILED},
    {13, "g (float[1,1,4,4] X) => (float[1,1,4,4] Y) { [a] Y = MaxPool (X) }",
     "attribute \"kernel_shape\" is missing", STATUS_FAILED},
    {13,
     "g (float[1,1,4,4] X) => (float[1,1,4,4] Y) { [a] Y = MaxPool <kernel_shape = [2,2], "
     "strides = [1]> (X) }",
     "attribute \"strides\" has 1 numbers, 2 axes need 2", STATUS_FAILED},
    {13,
     "g (float[1,32,4,4] X) => (float[1,8,4,4] Y) <float[8,64,1,1] W = {random 1 1}> "
     "{ [c1] Y = Conv(X, W) }",
     "m: error: Conv \"c1\" (#0): weight has 64 input channels, input has 32", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Y) <float[2] W = {1}> { Y = Add(X, W) }",
     "initializer \"W\": 4 bytes of data, float[2] needs 8", STATUS_FAILED},
    {13,
     "g (float[2] X) => (float[2] Y) <float[2] W = {1,2}, float[2] W = {1,2}> "
     "{ Y = Add(X, W) }",
     "initializer \"W\" is defined twice", STATUS_FAILED},
    {13, "g (float[2] X, float[2] X) => (float[2] Y) { Y = Relu(X) }",
     "input \"X\" is defined twice", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Y) { [a] Y = Relu(X) [b] Y = Relu(X) }",
     "Relu \"b\" (#1): output \"Y\" is already made by Relu \"a\" (#0)", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Y) { [a] X = Relu(X) [b] Y = Relu(X) }",
     "output \"X\" is already an input or initializer", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Y) { [a] Y = Add(X, Q) }",
     "Add \"a\" (#0): input \"Q\" is not made by any node", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Z) { [a] Y = Relu(X) }",
     "output \"Z\" is not made by any node", STATUS_FAILED},
    {13, "g (float[2] X) => (float[3] Y) { [a] Y = Relu(X) }",
     "output \"Y\" is stated as float[3] but is float[2]", STATUS_FAILED},
    {13, "g (float[1,C,8] X) => (float[1,C,8] Y) { Y = Relu(X) }",
     "input \"X\": dimension 1 is symbolic (\"C\"); give its size with --dim C=N", STATUS_FAILED},
    {13, "g (float[1,?] X) => (float[1,?] Y) { Y = Relu(X) }", "--dim X.1=N", STATUS_FAILED},
    {13, "g (float[] X) => (float[] Y) { Y = Relu(X) }", "input \"X\" has no shape",
     STATUS_UNSUPPORTED},
    {13, "g (seq(float[1]) X) => (float[1] Y) { Y = Relu(X) }", "input \"X\" is not a tensor",
     STATUS_UNSUPPORTED},
    {13, "g (string[1] X) => (string[1] Y) { Y = Identity(X) }",
     "element type string is not supported", STATUS_UNSUPPORTED},
    {13, "g (float[4611686018427387904,4] X) => (float[1] Y) { Y = Relu(X) }",
     "input \"X\": shape [4611686018427387904,4] is too large", STATUS_FAILED},
    {13, "g (float[1048576,1048576] X) => (float[1048576,1048576] Y) { Y = Relu(X) }",
     "needs 4398046511104 bytes, the limit is 68719476736", STATUS_FAILED},
    {13,
     "g (float[1] X) => (float[1] Y) <int64[2] s = {2147483647, 2147483647}> "
     "{ [a] e = Expand(X, s) Y = Relu(X) }",
     "Expand \"a\" (#0): shape [2147483647,2147483647]", STATUS_FAILED},
    {6,
     "g (float[1,1,2,2] X, float[2] r) => (float[1,1,2,2] Y) { [u] Y = Upsample<mode = "
     "\"nearest\">(X, r) }",
     "Upsample \"u\" (#0): as of operator set 6; 7 to 27 are supported", STATUS_UNSUPPORTED},
    {6,
     "g (float[2,3] X, float[2] B) => (float[2,3] Y) "
     "{ [a] Y = Add <broadcast = 1, axis = 2> (X, B) }",
     "Add \"a\" (#0): axis 2 does not fit 2 and 1 axes", STATUS_FAILED},
    {6,
     "g (float[1,2,1] X) => (float[1,2,1] Y) <float[2] a = {1,2}> "
     "{ Y = BatchNormalization (X, a, a, a, a) }",
     "training mode is not supported", STATUS_UNSUPPORTED},
    {28, "g (float[1] X) => (float[1] Y) { Y = Relu(X) }", "operator set 28; 7 to 27 are supported",
     STATUS_UNSUPPORTED},
    {27, "g (float[1,2,3] X) => (float[1,2,3] Y) { [a] Y = LinearAttention(X, X, X) }",
     "operator LinearAttention is not supported; write the recurrence out, or use Attention",
     STATUS_UNSUPPORTED},
    {27, "g (float[1,2,3] X, float[2,1,2] W) => (float[1,2,3] Y) { Y = CausalConvWithState(X, W) }",
     "CausalConvWithState is not supported; use Conv with padding in front, on whole sequences",
     STATUS_UNSUPPORTED},
    {99, "g (float[1] X) => (float[1] Y) { Y = Relu(X) }", "operator set 99", STATUS_UNSUPPORTED},
    {13, "g (float[1] X) => (float[1] Y) { Y = Relu(X, X) }", "2 inputs, at most 1 are allowed",
     STATUS_FAILED},
    {13, "g (float[1] X) => (float[1] Y) { Y = Add(X) }", "1 inputs, at least 2 are needed",
     STATUS_FAILED},
    {13, "g (float[1] X) => (float[1] Y) { Y = Add(, X) }", "input 0 is missing", STATUS_FAILED},
    {14,
     "g (float[1,2,1] X) => (float[1,2,1] Y) <float[2] a = {1,2}> "
     "{ Y = BatchNormalization <training_mode = 1> (X, a, a, a, a) }",
     "training mode is not supported", STATUS_UNSUPPORTED},
    {13, "g (float[2,2] X, int64[1] s) => (float[4] Y) { [r] Y = Reshape(X, s) }",
     "Reshape \"r\" (#0): shape \"s\" is not known at compile time", STATUS_UNSUPPORTED},
    {13,
     "g (float[2,2] X) => (float[4] Y) <int64[1] W = [\"location\" : \"w.bin\"]> "
     "{ Y = Reshape(X, W) }",
     "external data \"w.bin\" of a model that is not in a folder", STATUS_FAILED},
    {13, "g (float[2] X) => (float[2] Y) { Y = Relu(X }", "line 2: expected ')', found '}'",
     STATUS_FAILED},
};

static void test_bad_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_models / sizeof bad_models[0]; i++) {
        const BadModel *b = &bad_models[i];
        Case *c = case_new();
        assert_null(case_graph(c, b->opset, b->graph));
        assert_logged(c, b->message);
        assert_int_equal(c->diag.status, b->status);
        case_free(c);
    }
}

typedef struct BadBytes {
    const char *bytes;
    size_t n;
    const char *message;
} BadBytes;

#define BYTES(s) s, sizeof(s) - 1

static const BadBytes bad_bytes[] = {
    {BYTES(""), "the file is empty"},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
     "Git LFS pointer"},
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "not an ONNX model"},
    {BYTES("\0\0\0\0"), "not an ONNX model"},
    {BYTES("\x08\x08\x08"), "not an ONNX model"},
    {BYTES("hello world"), "line 1: expected '(', found \"world\""},
    {BYTES("\x08\x08\x12\x01x\x3a\x7f\x0a"), "truncated: a field of ModelProto needs 126 bytes"},
    {BYTES("\x08\x08\x12\x01x\x3a\x02\x0a\x7f"), "truncated: a field of GraphProto"},
    {BYTES("\x08\x08\x12\x01x\x38\x01"), "bad protobuf encoding in ModelProto"},
    {BYTES("\x08\x08\x12\x01x"), "the model has no graph"},
    {BYTES("<ir_version: 8> g (float[1] X) => (float[1] Y) { Y = Relu(X) }"),
     "imports no operator set"},
    {BYTES("<opset_import: [\"\" : 9]> g (float[1] X) => (float[1] Y) { Y = Relu(X) }"),
     "states no IR version"},
    {BYTES("<ir_version: 99, opset_import: [\"\" : 9]> g (float[1] X) => (float[1] Y) "
           "{ Y = Relu(X) }"),
     "IR version 99"},
    {BYTES("<ir_version: 8, opset_import: [\"\" : 9]> g (float[1] X) => (float[1] \"Y"),
     "a string does not end"},
};

static void test_bad_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_bytes / sizeof bad_bytes[0]; i++) {
        const BadBytes *b = &bad_bytes[i];
        Case *c = case_new();
        assert_null(frontend_load_memory(c->arena, &c->diag, b->bytes, b->n, NULL));
        assert_logged(c, b->message);
        case_free(c);
    }
}

static const char small_model[] =
    "<ir_version: 8, opset_import: [\"\" : 13], producer_name: \"p\">\n"
    "g (float[1,2,4,4] X) => (float[1,3,2,2] Y) <float[3,2,3,3] W = {random 1 1}>\n"
    "{ Y = Conv <kernel_shape = [3,3]> (X, W) }";

/* Every prefix of a model is refused, and none reads beyond its end. */
static void test_truncated(void **state)
{
    (void)state;
    Case *c = case_new();
    size_t n = 0;
    const unsigned char *whole = onnx_text_to_binary(c->arena, &c->diag, small_model, &n);
    assert_non_null(whole);
    assert_non_null(frontend_load_memory(c->arena, &c->diag, whole, n, NULL));
    for (size_t k = 0; k < n; k++) {
        Case *part = case_new();
        unsigned char *copy = malloc(k + (k == 0));
        assert_non_null(copy);
        memcpy(copy, whole, k);
        assert_null(frontend_load_memory(part->arena, &part->diag, copy, k, NULL));
        assert_int_equal(part->diag.n_errors, 1);
        free(copy);
        case_free(part);
    }
    case_free(c);
}

/* A graph in an attribute of a node of a graph in an attribute…: the decoder must not recurse. */
static void test_depth_bomb(void **state)
{
    (void)state;
    enum { LEVELS = 20000 };
    Case *c = case_new();
    size_t n = 0, capacity = (size_t)LEVELS * 32;
    unsigned char *end = (unsigned char *)arena_alloc(c->arena, capacity) + capacity;
    unsigned char *p = end;
    static const unsigned char tags[] = {0x2a /* node.attribute */, 0x0a /* graph.node */,
                                         0x32 /* attribute.g */};
    for (int i = 0; i < 3 * LEVELS; i++) { /* from the innermost message out */
        size_t length = n;
        unsigned char varint[5];
        int bytes = 0;
        do {
            varint[bytes++] = (unsigned char)(length & 0x7f) | (length > 0x7f ? 0x80 : 0);
            length >>= 7;
        } while (length);
        p -= bytes;
        memcpy(p, varint, (size_t)bytes);
        *--p = i == 3 * LEVELS - 1 ? 0x3a /* model.graph */ : tags[i % 3];
        n = (size_t)(end - p);
        assert_true(n + 16 < capacity);
    }
    assert_null(frontend_load_memory(c->arena, &c->diag, p, n, NULL));
    assert_logged(c, "messages nest more than");
    case_free(c);
}

/* ---- external data ---- */

typedef struct External {
    const char *location, *extra, *message; /* message NULL: loads */
} External;

static const External externals[] = {
    {"w.bin", "", NULL},
    {"w.bin", ", \"offset\" : \"8\", \"length\" : \"8\"", NULL},
    {"sub/../w.bin", "", "lies outside the model's folder"},
    {"../w.bin", "", "lies outside the model's folder"},
    {"/etc/passwd", "", "lies outside the model's folder"},
    {"link.bin", "", "lies outside the model's folder"},
    {"gone.bin", "", "external data \"gone.bin\" is missing"},
    {"w.bin", ", \"offset\" : \"9\"", "ends too early: 8 bytes at 9, the file has 16"},
    {"w.bin", ", \"length\" : \"4\"", "has 4 bytes, 8 are needed"},
    {"w.bin", ", \"offset\" : \"-8\"", "the bad offset \"-8\""},
    {"w.bin", ", \"offset\" : \"99999999999999999999\"", "the bad offset"},
    {"", "", "without a location"},
};

static void test_external_data(void **state)
{
    (void)state;
    static const float weights[4] = {1, 2, 3, 4};
    char folder[] = "/tmp/cnncc-test-XXXXXX";
    Case *setup = case_new();
    assert_non_null(mkdtemp(folder));
    const char *model = arena_printf(setup->arena, "%s/m.txt", folder);
    const char *data = arena_printf(setup->arena, "%s/w.bin", folder);
    const char *link = arena_printf(setup->arena, "%s/link.bin", folder);
    assert_true(file_write(&setup->diag, setup->arena, data, weights, sizeof weights));
    assert_int_equal(symlink("/etc/passwd", link), 0);
    for (size_t i = 0; i < sizeof externals / sizeof externals[0]; i++) {
        const External *e = &externals[i];
        Case *c = case_new();
        const char *text =
            arena_printf(c->arena,
                         "<ir_version: 8, opset_import: [\"\" : 13]> g (float[2] X) => (float[2] Y)"
                         "<float[2] W = [\"location\" : \"%s\"%s]> { Y = Add(X, W) }",
                         e->location, e->extra);
        assert_true(file_write(&c->diag, c->arena, model, text, strlen(text)));
        const Graph *g = frontend_load_file(c->arena, &c->diag, model, NULL);
        if (e->message)
            assert_logged(c, e->message);
        assert_int_equal(g != NULL, e->message == NULL);
        if (g)
            assert_memory_equal(find_node(g, OP_Add)->in[1]->constant->data,
                                weights + (e->extra[0] ? 2 : 0), 2 * sizeof weights[0]);
        case_free(c);
    }
    unlink(model);
    unlink(data);
    unlink(link);
    assert_int_equal(rmdir(folder), 0);
    case_free(setup);
}

/* Loads a model with at most `limit` bytes: either it fits or control comes back here. */
static void load_within(size_t limit)
{
    Arena *a = arena_new(limit);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) == 0) {
        Diag d = {.arena = a, .file = "m"};
        frontend_load_memory(a, &d, small_model, sizeof small_model - 1, NULL);
        assert_int_equal(d.n_errors, 0);
    }
    arena_free(a);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t limit = 1000; limit < 60000; limit += 1000)
        load_within(limit);
}

static void test_files(void **state)
{
    (void)state;
    Case *c = case_new();
    assert_null(frontend_load_file(c->arena, &c->diag, "/nonexistent/m.onnx", NULL));
    assert_logged(c, "cannot open \"/nonexistent/m.onnx\": No such file");
    assert_null(frontend_load_file(c->arena, &c->diag, "/tmp", NULL));
    assert_logged(c, "cannot read \"/tmp\": Is a directory");
    assert_false(file_write(&c->diag, c->arena, "/nonexistent/out", "x", 1));
    assert_logged(c, "cannot write \"/nonexistent/out\"");
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_models),    cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_depth_bomb),
        cmocka_unit_test(test_external_data), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
