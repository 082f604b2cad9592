/* Weights of the emitted C: typed arrays in the text, or a binary file with a head.
 *
 * The file is 64 bytes of head and the blob of the program:
 *
 *     0  "CNNCCWTS"            8  format version, 1 (32 bits, little endian, as all numbers)
 *    12  0                    16  bytes of the blob (64 bits)
 *    24  0                    32  SHA-256 of the blob
 *
 * The head is compiled into the program too: a run compares the 64 bytes, which tells a stale or
 * foreign file apart for nothing; NAME_check_weights computes the hash. */
#include "codegen/emit.h"

#include "ir/sha256.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 64, SMALL_WEIGHTS = 256 << 10 };

/* Bytes [offset, end) of the blob as one array. */
typedef struct WeightRegion {
    int64_t offset, end;
    KBase base;
    const Call *call; /* that names it */
    int arg;
    const char *name;
} WeightRegion;

static void put_le(unsigned char *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

static void make_head(Emit *e)
{
    const Program *p = e->program;
    Sha256 h;
    memcpy(e->head, "CNNCCWTS", 8);
    put_le(e->head + 8, 1, 4);
    put_le(e->head + 16, (uint64_t)p->weights_bytes, 8);
    sha256_init(&h);
    sha256_update(&h, p->weights, (size_t)p->weights_bytes);
    sha256_final(&h, e->head + 32);
}

/* ---- regions ---- */

static int by_offset(const void *x, const void *y)
{
    const WeightRegion *a = x, *b = y;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return (a->call > b->call) - (a->call < b->call);
}

static void collect_regions(Emit *e)
{
    const Program *p = e->program;
    for (int i = 0; i < p->n_calls; i++) {
        const Kernel *k = p->calls[i].kernel;
        for (int j = 0; j < k->n_bufs; j++) {
            const Arg *arg = &p->calls[i].arg[j];
            if (arg->kind != ARG_WEIGHTS)
                continue;
            int64_t bytes = k->buf[j]->n * (int64_t)kbase_size(k->buf[j]->base);
            WeightRegion r = {arg->offset, arg->offset + bytes, k->buf[j]->base, &p->calls[i], j,
                              NULL};
            ARENA_PUSH(e->arena, e, regions, n_regions, cap_regions, r);
        }
    }
}

/* Sorts, and joins what overlaps. */
static void join_regions(Emit *e)
{
    int n = 0;
    if (e->n_regions)
        qsort(e->regions, (size_t)e->n_regions, sizeof *e->regions, by_offset);
    for (int i = 0; i < e->n_regions; i++) {
        WeightRegion *last = n ? &e->regions[n - 1] : NULL;
        if (last && e->regions[i].offset < last->end) {
            if (e->regions[i].end > last->end)
                last->end = e->regions[i].end;
        } else {
            e->regions[n++] = e->regions[i];
        }
    }
    e->n_regions = n;
}

/* "conv1_w": the node and the kernel's parameter. */
static void name_regions(Emit *e)
{
    for (int i = 0; i < e->n_regions; i++) {
        WeightRegion *r = &e->regions[i];
        const Node *n = r->call->node;
        r->name =
            name_give(&e->names, r,
                      arena_printf(e->arena, "%s_%s", c_identifier(e->arena, n ? n->name : ""),
                                   r->call->kernel->buf[r->arg]->name));
    }
}

void weights_prepare(Emit *e)
{
    e->mode = e->options->weights;
    if (e->mode == WEIGHTS_AUTO)
        e->mode = e->program->weights_bytes < SMALL_WEIGHTS ? WEIGHTS_ARRAY : WEIGHTS_INCBIN;
    if (e->program->weights_bytes == 0)
        e->mode = WEIGHTS_ARRAY;
    if (e->mode != WEIGHTS_ARRAY) {
        make_head(e);
        return;
    }
    collect_regions(e);
    join_regions(e);
    name_regions(e);
}

unsigned char *weights_file(const Emit *e, size_t *bytes)
{
    if (e->mode == WEIGHTS_ARRAY) {
        *bytes = 0;
        return NULL;
    }
    const Program *p = e->program;
    *bytes = HEAD_BYTES + (size_t)p->weights_bytes;
    unsigned char *file = arena_alloc(e->arena, *bytes);
    memcpy(file, e->head, HEAD_BYTES);
    memcpy(file + HEAD_BYTES, p->weights, (size_t)p->weights_bytes);
    return file;
}

/* ---- addresses ---- */

char *pointer_expr(Arena *a, const char *name, const char *have, size_t have_size, const char *want,
                   int64_t offset, bool is_const)
{
    const char *qualifier = is_const ? "const " : "";
    bool same = strcmp(have, want) == 0, whole = offset % (int64_t)have_size == 0;
    const char *sum = name;
    if (whole && offset != 0)
        sum = arena_printf(a, "%s + %lld", name, (long long)(offset / (int64_t)have_size));
    if (same && whole)
        return arena_strdup(a, sum);
    if (whole)
        return arena_printf(a, offset ? "(%s%s *)(%s)" : "(%s%s *)%s", qualifier, want, sum);
    return arena_printf(a, "(%s%s *)((%schar *)%s + %lld)", qualifier, want, qualifier, name,
                        (long long)offset);
}

char *weights_address(const Emit *e, int64_t offset, KBase base)
{
    const char *want = ctype_memory(base);
    if (e->mode != WEIGHTS_ARRAY)
        return pointer_expr(e->arena, "w", "float", 4, want, offset, true);
    int lo = 0, hi = e->n_regions - 1;
    while (lo < hi) { /* the last region that starts at or before the offset */
        int mid = (lo + hi + 1) / 2;
        if (e->regions[mid].offset <= offset)
            lo = mid;
        else
            hi = mid - 1;
    }
    const WeightRegion *r = &e->regions[lo];
    return pointer_expr(e->arena, r->name, ctype_memory(r->base), kbase_size(r->base), want,
                        offset - r->offset, true);
}

/* ---- printing ---- */

static char *element(Arena *a, const unsigned char *p, KBase base)
{
    union {
        float f32;
        double f64;
        uint16_t u16;
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
    } x;
    memcpy(&x, p, kbase_size(base));
    switch (base) {
    case KT_F32:
        return f32_literal(a, x.f32);
    case KT_F64:
        return f64_literal(a, x.f64);
    case KT_F16:
    case KT_BF16:
    case KT_U16:
        return int_literal(a, x.u16);
    case KT_I16:
        return int_literal(a, x.i16);
    case KT_I8:
        return int_literal(a, x.i8);
    case KT_U8:
    case KT_MASK:
        return int_literal(a, x.u8);
    case KT_I32:
        return int_literal(a, x.i32);
    case KT_U32:
        return int_literal(a, x.u32);
    case KT_I64:
        return int_literal(a, x.i64);
    case KT_U64:
        return arena_printf(a, "%lluull", (unsigned long long)x.u64);
    }
    return NULL;
}

static void print_region(const Emit *e, Text *out, const WeightRegion *r)
{
    const size_t size = kbase_size(r->base);
    const int64_t n = (r->end - r->offset) / (int64_t)size;
    size_t column = 0;
    text_add(out, "static const %s %s[%lld] ALIGN64 = {", ctype_memory(r->base), r->name,
             (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const char *s =
            element(e->arena, e->program->weights + r->offset + i * (int64_t)size, r->base);
        size_t length = strlen(s);
        if (column == 0 || column + length + 2 > 100) {
            text_puts(out, "\n    ");
            column = 4;
        } else {
            text_puts(out, " ");
            column++;
        }
        text_add(out, "%s,", s);
        column += length + 1;
    }
    text_puts(out, "\n};\n\n");
}

static void print_arrays(const Emit *e, Text *out)
{
    text_puts(out, "#if defined(__GNUC__) || defined(__TINYC__)\n"
                   "#define ALIGN64 __attribute__((aligned(64)))\n"
                   "#else\n"
                   "#define ALIGN64\n"
                   "#endif\n\n");
    for (int i = 0; i < e->n_regions; i++) {
        const Node *n = e->regions[i].call->node;
        if (n)
            text_comment(out, 0, node_label(e->arena, n));
        print_region(e, out, &e->regions[i]);
    }
}

static void print_head(const Emit *e, Text *out)
{
    text_puts(out, "/* The first 64 bytes of the weight file: magic, format, bytes, SHA-256. */\n"
                   "static const unsigned char weights_head[64] = {");
    for (int i = 0; i < HEAD_BYTES; i++)
        text_add(out, "%s0x%02x,", i % 16 ? " " : "\n    ", e->head[i]);
    text_puts(out, "\n};\n\n");
}

/* The assembler takes the file in; the path is the C file's own, so that the working directory
 * does not matter. The symbol is hidden: it does not leave the library that it is linked into. */
static void print_incbin(const Emit *e, Text *out)
{
    const char *m = e->macro, *n = e->name;
    text_puts(out,
              "/* The weights lie in a file beside this one, which the assembler takes in. */\n");
    text_add(out, "#ifndef %s_WEIGHTS_FILE\n#define %s_WEIGHTS_FILE __FILE__ \".weights\"\n", m, m);
    text_puts(out, "#endif\n#if defined(__APPLE__)\n");
    text_add(out,
             "__asm__(\".const_data\\n.balign 64\\n.private_extern _%s_weights\\n\"\n"
             "        \"_%s_weights:\\n.incbin \\\"\" %s_WEIGHTS_FILE \"\\\"\\n.text\\n\");\n",
             n, n, m);
    text_puts(out, "#elif defined(__ELF__) && defined(__GNUC__)\n");
    text_add(out,
             "__asm__(\".pushsection .rodata,\\\"a\\\"\\n.balign 64\\n\"\n"
             "        \".globl %s_weights\\n.hidden %s_weights\\n\"\n"
             "        \"%s_weights:\\n.incbin \\\"\" %s_WEIGHTS_FILE \"\\\"\\n.popsection\\n\");\n",
             n, n, n, m);
    text_puts(out, "#else\n#error \"no .incbin here: compile the model again with --weights bin\"\n"
                   "#endif\n"
                   "#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    text_add(out, "extern const float %s_weights[%lld] __attribute__((visibility(\"hidden\")));\n",
             n, (long long)((HEAD_BYTES + e->program->weights_bytes + 3) / 4));
    text_puts(out, "#ifdef __cplusplus\n}\n#endif\n\n");
}

void emit_weights(Emit *e, Text *out)
{
    if (e->n_regions == 0 && e->mode == WEIGHTS_ARRAY)
        return;
    text_puts(out, "/* ---- weights ---- */\n\n");
    if (e->mode == WEIGHTS_ARRAY) {
        print_arrays(e, out);
        return;
    }
    text_puts(out, "#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n"
                   "#error \"the weight file is little endian\"\n#endif\n\n");
    if (e->mode == WEIGHTS_INCBIN)
        print_incbin(e, out);
    print_head(e, out);
}

void emit_weights_check(Emit *e, Text *out)
{
    if (e->mode == WEIGHTS_ARRAY)
        return;
    long long bytes = (long long)e->program->weights_bytes;
    runtime_print(e->arena, "sha256_check", out);
    if (e->mode == WEIGHTS_INCBIN)
        text_add(out,
                 "int %s_check_weights(void)\n{\n"
                 "    const unsigned char *const p = (const unsigned char *)%s_weights;\n"
                 "    if (memcmp(p, weights_head, 64) != 0)\n        return 2;\n",
                 e->name, e->name);
    else
        text_add(out,
                 "int %s_check_weights(const void *weights, size_t bytes)\n{\n"
                 "    const unsigned char *const p = (const unsigned char *)weights;\n"
                 "    if (p == NULL || bytes != %lldu || memcmp(p, weights_head, 64) != 0)\n"
                 "        return 2;\n",
                 e->name, bytes + HEAD_BYTES);
    text_add(out, "    return sha256_matches(p + 64, %lldu, weights_head + 32) ? 0 : 2;\n}\n\n",
             bytes);
}
