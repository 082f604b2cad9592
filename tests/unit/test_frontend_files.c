/* Tensor files, pictures, the textual syntax's data, SHA-256. */
#include "tests/unit/frontend_case.h"

#include "frontend/import.h"
#include "ir/sha256.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool write_file(Case *c, bool (*encode)(Arena *, Diag *, const Tensor *, OutputFile *),
                       const char *path, const Tensor *t)
{
    OutputFile file = {.path = path};
    return encode(c->arena, &c->diag, t, &file) && files_write(&c->diag, c->arena, &file, 1);
}

static const char *scratch(Case *c, const char *name)
{
    return arena_printf(c->arena, "/tmp/cnncc-test-%ld-%s", (long)getpid(), name);
}

static void write_bytes(Case *c, const char *path, const void *bytes, size_t n)
{
    assert_true(file_write(&c->diag, c->arena, path, bytes, n));
}

/* ---- tensors ---- */

static void check_round_trip(Case *c, const Tensor *t, const char *suffix)
{
    const char *path = scratch(c, suffix);
    assert_true(write_file(c, tensor_encode, path, t));
    const Tensor *back = tensor_read_file(c->arena, &c->diag, path);
    assert_non_null(back);
    assert_int_equal(back->dtype, t->dtype);
    assert_true(shape_equal(&back->shape, &t->shape));
    if (tensor_bytes(t))
        assert_memory_equal(back->data, t->data, tensor_bytes(t));
    unlink(path);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const Shape shapes[] = {{.rank = 0}, {1, {5}}, {3, {2, 3, 4}}, {2, {0, 3}}};
    Case *c = case_new();
    for (int type = DT_F32; type < DT_COUNT; type++) {
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
            Tensor *t = tensor_new(c->arena, (DType)type, &shapes[k]);
            for (int64_t i = 0; i < shape_numel(&shapes[k]); i++)
                tensor_set_i64(t, i, type == DT_BOOL ? i % 2 : i + 1);
            check_round_trip(c, t, "t.pb");
            if (type != DT_BF16)
                check_round_trip(c, t, "t.npy");
        }
    }
    assert_false(write_file(c, tensor_encode, "t.txt", tensor_new(c->arena, DT_F32, &shapes[0])));
    assert_logged(c, "a tensor file is named .npy or .pb");
    case_free(c);
}

/* NumPy has no bfloat16: it is written as float32. */
static void test_bf16_npy(void **state)
{
    (void)state;
    Case *c = case_new();
    const int64_t two = 2;
    const Shape s = shape_make(1, &two);
    Tensor *t = tensor_new(c->arena, DT_BF16, &s);
    tensor_set_f64(t, 1, 1.5);
    const char *path = scratch(c, "b.npy");
    assert_true(write_file(c, tensor_encode, path, t));
    const Tensor *back = tensor_read_file(c->arena, &c->diag, path);
    assert_non_null(back);
    assert_int_equal(back->dtype, DT_F32);
    assert_true(tensor_get_f64(back, 1) == 1.5);
    unlink(path);
    case_free(c);
}

static Tensor *read_npy(Case *c, int version, const char *header, const void *data, size_t n)
{
    unsigned char bytes[512] = "\x93NUMPY";
    size_t prefix = version == 1 ? 10 : 12, length = strlen(header);
    bytes[6] = (unsigned char)version;
    bytes[8] = (unsigned char)length;
    snprintf((char *)bytes + prefix, sizeof bytes - prefix, "%s", header);
    memcpy(bytes + prefix + length, data, n);
    const char *path = scratch(c, "h.npy");
    write_bytes(c, path, bytes, prefix + length + n);
    Tensor *t = tensor_read_file(c->arena, &c->diag, path);
    unlink(path);
    return t;
}

static void test_npy_headers(void **state)
{
    (void)state;
    static const unsigned char data[6] = {1, 2, 3, 4, 5, 6};
    static const unsigned char transposed[6] = {1, 3, 5, 2, 4, 6};
    Case *c = case_new();
    const Tensor *t =
        read_npy(c, 2, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", data, 6);
    assert_non_null(t);
    assert_memory_equal(t->data, data, 6);
    t = read_npy(c, 3, "{'shape': (2, 3), 'fortran_order': True, 'descr': '|u1'}\n", data, 6);
    assert_non_null(t);
    assert_memory_equal(t->data, transposed, 6);
    static const char *const bad[] = {
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
        "{'descr': '<f4', 'shape': (1,), }",
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(read_npy(c, 1, bad[i], data, 4));
    assert_null(
        read_npy(c, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }", data, 6));
    assert_logged(c, "6 bytes of data do not fit uint8[7]");
    assert_null(read_npy(c, 1,
                         "{'descr': '<f8', 'fortran_order': False, 'shape': "
                         "(9223372036854775807, 16), }",
                         data, 6));
    case_free(c);
}

static void test_bad_tensor_files(void **state)
{
    (void)state;
    Case *c = case_new();
    const char *path = scratch(c, "x.pb");
    write_bytes(c, path, "", 0);
    assert_null(tensor_read_file(c->arena, &c->diag, path));
    write_bytes(c, path, "not a tensor", 12);
    assert_null(tensor_read_file(c->arena, &c->diag, path));
    write_bytes(c, path,
                "\x08\x02\x10\x01\x4a\x04"
                "abcd",
                10);
    assert_null(tensor_read_file(c->arena, &c->diag, path));
    assert_logged(c, "4 bytes of data, float[2] needs 8");
    assert_int_equal(c->diag.n_errors, 3);
    unlink(path);
    case_free(c);
}

/* Each typed field of TensorProto that a type may use. */
static void test_typed_data(void **state)
{
    (void)state;
    Case *c = case_new();
    int32_t narrow[2] = {0x3c00, -2};
    uint64_t wide[2] = {3000000000U, 7};
    double doubles[2] = {1.5, -2};
    int64_t dims[1] = {2};
    Onnx__TensorProto p = ONNX__TENSOR_PROTO__INIT;
    p.n_dims = 1;
    p.dims = dims;
    p.n_int32_data = p.n_uint64_data = p.n_double_data = 2;
    p.int32_data = narrow;
    p.uint64_data = wide;
    p.double_data = doubles;
    static const struct {
        DType type;
        double first, second;
    } expected[] = {
        {DT_I32, 15360, -2}, {DT_I16, 15360, -2}, {DT_U8, 0, 254},           {DT_I8, 0, -2},
        {DT_BOOL, 0, 1},     {DT_F64, 1.5, -2},   {DT_U32, 3000000000.0, 7}, {DT_U64, 3e9, 7},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        p.data_type = dtype_to_onnx(expected[i].type);
        const Tensor *t = tensor_from_proto(c->arena, &c->diag, &p, "t", NULL);
        assert_non_null(t);
        assert_int_equal(t->dtype, expected[i].type);
        assert_true(tensor_get_f64(t, 0) == expected[i].first);
        assert_true(tensor_get_f64(t, 1) == expected[i].second);
    }
    p.data_type = dtype_to_onnx(DT_F16);
    assert_true(tensor_get_f64(tensor_from_proto(c->arena, &c->diag, &p, "t", NULL), 0) == 1);
    p.data_type = dtype_to_onnx(DT_F32);
    assert_null(tensor_from_proto(c->arena, &c->diag, &p, "t", NULL));
    assert_logged(c, "t: 0 elements of data, float[2] needs 2");
    case_free(c);
}

/* 4- and 2-bit integers, the first in the lowest bits, in raw bytes and in the field of int32. */
static void test_narrow_data(void **state)
{
    (void)state;
    static const struct {
        int32_t type;
        DType kept;
        uint8_t bytes[2];
        int64_t n, values[5];
    } cases[] = {
        {21, DT_U8, {0x98, 0xf7}, 3, {8, 9, 7}},
        {22, DT_I8, {0x98, 0xf7}, 3, {-8, -7, 7}},
        {25, DT_U8, {0xe4, 0x02}, 5, {0, 1, 2, 3, 2}},
        {26, DT_I8, {0xe4, 0x02}, 5, {0, 1, -2, -1, -2}},
    };
    Case *c = case_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t dims[1] = {cases[i].n};
        int32_t field[2] = {cases[i].bytes[0], cases[i].bytes[1]};
        uint8_t bytes[2] = {cases[i].bytes[0], cases[i].bytes[1]};
        Onnx__TensorProto p = ONNX__TENSOR_PROTO__INIT;
        p.data_type = cases[i].type;
        p.n_dims = 1;
        p.dims = dims;
        p.int32_data = field;
        for (p.n_int32_data = 0; p.n_int32_data < 2; p.n_int32_data++)
            assert_null(tensor_from_proto(c->arena, &c->diag, &p, "t", NULL));
        for (int raw = 0; raw < 2; raw++) {
            p.has_raw_data = raw;
            p.raw_data.data = bytes;
            p.raw_data.len = sizeof bytes;
            const Tensor *t = tensor_from_proto(c->arena, &c->diag, &p, "t", NULL);
            assert_non_null(t);
            assert_int_equal(t->dtype, cases[i].kept);
            for (int64_t k = 0; k < cases[i].n; k++)
                assert_int_equal(tensor_get_i64(t, k), cases[i].values[k]);
        }
    }
    assert_logged(c, "t: 1 bytes of data, 3 elements of 4 bits need 2");
    case_free(c);
}

/* ---- pictures ---- */

static void test_pictures(void **state)
{
    (void)state;
    Case *c = case_new();
    const char *path = scratch(c, "p.png");
    const Shape rgb = {4, {1, 3, 2, 2}}, last = {4, {1, 2, 2, 3}}, wide = {4, {1, 3, 2, 4}};
    Tensor *t = tensor_new(c->arena, DT_F32, &rgb);
    for (int i = 0; i < 12; i++)
        tensor_set_f64(t, i, i * 20 / 255.0);
    tensor_set_f64(t, 11, 2); /* clamped to 1 */
    assert_true(write_file(c, image_encode, path, t));
    const Tensor *back = image_read_file(c->arena, &c->diag, path, &rgb, 0, 1);
    assert_non_null(back);
    for (int i = 0; i < 11; i++)
        assert_true(fabs(tensor_get_f64(back, i) - i * 20 / 255.0) < 1e-6);
    assert_true(tensor_get_f64(back, 11) == 1);
    /* Channels last; normalised. */
    back = image_read_file(c->arena, &c->diag, path, &last, 0.5F, 0.25F);
    assert_non_null(back);
    assert_true(fabs(tensor_get_f64(back, 4) - (100 / 255.0 - 0.5) / 0.25) < 1e-5);
    /* Twice as wide: between the centres a quarter of the way, repeated at the border. */
    back = image_read_file(c->arena, &c->diag, path, &wide, 0, 1.0F / 255);
    assert_non_null(back);
    static const double row[4] = {0, 5, 15, 20};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(tensor_get_f64(back, i) - row[i]) < 1e-3);
    const Shape flat = {2, {1, 12}};
    assert_null(image_read_file(c->arena, &c->diag, path, &flat, 0, 1));
    assert_logged(c, "a picture does not fit a tensor of shape [1,12]");
    write_bytes(c, path, "no picture", 10);
    assert_null(image_read_file(c->arena, &c->diag, path, &rgb, 0, 1));
    assert_logged(c, "is not a PNG or JPEG picture");
    unlink(path);
    case_free(c);
}

/* ---- the textual syntax ---- */

static const char text_model[] =
    "<ir_version: 8, opset_import: [\"\" : 13], doc_string: \"x\", metadata_props: [\"a\" : "
    "\"b\"]>\n"
    "\"my net\" (float[1,2] X) => (float[1,2] Y)\n"
    "# a comment\n"
    "<float[2] A = {random 7 0.5}, double[3] D = {-inf, nan, 1e3}, float[1,2] t,\n"
    " int8[2] I = {-128, 127}, bool[2] B = {true, false}, uint64[1] U = {18446744073709551615}>\n"
    "{\n"
    "  [\"a \\\"b\\\"\\n\"] t = Add (X, A)\n"
    "  Y = LeakyRelu (t) <alpha : float = 1>\n"
    "}\n";

static void test_text(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = case_load(c, text_model, NULL);
    assert_non_null(g);
    assert_string_equal(g->name, "my net");
    assert_string_equal(g->nodes[0]->name, "a \"b\"\n");
    assert_true(g->nodes[1]->params.ew.alpha == 1);
    const Tensor *a = g->nodes[0]->in[1]->constant;
    for (int i = 0; i < 2; i++)
        assert_true(fabs(tensor_get_f64(a, i)) <= 0.5 && tensor_get_f64(a, i) != 0);
    assert_true(tensor_get_f64(a, 0) != tensor_get_f64(a, 1));
    case_free(c);
}

/* The same graph, by the dump, through the binary form. */
static void test_text_to_binary(void **state)
{
    (void)state;
    Case *c = case_new();
    size_t n = 0;
    const unsigned char *bytes = onnx_text_to_binary(c->arena, &c->diag, text_model, &n);
    assert_non_null(bytes);
    const Graph *direct = case_load(c, text_model, NULL);
    const Graph *binary = frontend_load_memory(c->arena, &c->diag, bytes, n, NULL);
    assert_non_null(direct);
    assert_non_null(binary);
    assert_string_equal(graph_dump(direct), graph_dump(binary));
    case_free(c);
}

/* ---- SHA-256: the examples of FIPS 180-4, and lengths around the block ---- */

static void test_sha256(void **state)
{
    (void)state;
    char hex[65];
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256_hex(two, strlen(two), hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    unsigned char data[200];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)i;
    for (size_t n = 50; n < sizeof data; n++) { /* in two pieces as in one */
        Sha256 h;
        unsigned char whole[32], pieces[32];
        sha256_init(&h);
        sha256_update(&h, data, n);
        sha256_final(&h, whole);
        sha256_init(&h);
        sha256_update(&h, data, n / 3);
        sha256_update(&h, data + n / 3, n - n / 3);
        sha256_final(&h, pieces);
        assert_memory_equal(whole, pieces, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),    cmocka_unit_test(test_bf16_npy),
        cmocka_unit_test(test_npy_headers),    cmocka_unit_test(test_bad_tensor_files),
        cmocka_unit_test(test_typed_data),     cmocka_unit_test(test_narrow_data),
        cmocka_unit_test(test_pictures),       cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_to_binary), cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
