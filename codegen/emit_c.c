/* The C file: puts the parts together.
 *
 *     head comment, includes · target and contraction pragmas · static assertions · words of the
 *     vocabulary · thread team · functions · kernels · weights · the run function · pragmas undone
 *
 * The kernels are printed first, because they decide which words the file needs. */
#include "codegen/emit.h"
#include "codegen/team.h"

#include <ctype.h>
#include <string.h>

/* ---- the target ---- */

/* What the file must say so that a compiler without options makes code for the ISA. */
typedef struct IsaText {
    const char *needs;   /* preprocessor condition */
    const char *error;   /* when it does not hold */
    const char *include; /* the intrinsics */
    const char *target;  /* for target pragmas; NULL: none is needed */
    int vector_bits;     /* that clang must be told to use */
} IsaText;

static const IsaText isa_texts[] = {
    [ISA_C99] = {NULL, NULL, NULL, NULL, 0},
    [ISA_GNU] = {"defined(__GNUC__)", "this code uses GNU C vectors: compile it with gcc or clang",
                 NULL, NULL, 0},
    [ISA_AVX2] = {"defined(__GNUC__) && defined(__x86_64__)",
                  "this code is for x86-64 with AVX2 and FMA, and for gcc or clang", "immintrin.h",
                  "avx2,fma,f16c", 0},
    [ISA_AVX512] = {"defined(__GNUC__) && defined(__x86_64__)",
                    "this code is for x86-64 with AVX-512, and for gcc or clang", "immintrin.h",
                    "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", 512},
    [ISA_NEON] = {"defined(__GNUC__) && defined(__aarch64__)",
                  "this code is for aarch64, and for gcc or clang", "arm_neon.h", NULL, 0},
};

/* Nothing in this file may be contracted: gcc's pragma also reaches the functions that it
 * inlines, so it stands in front of the intrinsics; clang's intrinsics carry their own target. */
static void print_target(const Emit *e, Text *out)
{
    const IsaText *t = &isa_texts[e->program->target->isa];
    if (t->needs)
        text_add(out, "#if !(%s)\n#error \"%s\"\n#endif\n", t->needs, t->error);
    text_puts(out,
              "/* Every operation rounds on its own, and the code is for the target above. */\n"
              "#if defined(__GNUC__) && !defined(__clang__)\n");
    text_puts(out, "#pragma GCC push_options\n");
    if (t->target)
        text_add(out, "#pragma GCC target(\"%s\")\n", t->target);
    text_puts(out, "#pragma GCC optimize(\"fp-contract=off\")\n#else\n"
                   "#pragma STDC FP_CONTRACT OFF\n#endif\n");
    if (t->include)
        text_add(out, "#include <%s>\n", t->include);
    if (t->target) {
        text_puts(out, "#if defined(__clang__)\n");
        text_add(out,
                 "#pragma clang attribute push(__attribute__((target(\"%s\"))), \\\n"
                 "                             apply_to = function)\n",
                 t->target);
        if (t->vector_bits)
            text_add(out,
                     "#pragma clang attribute push(__attribute__((min_vector_width(%d))), \\\n"
                     "                             apply_to = function)\n",
                     t->vector_bits);
        text_puts(out, "#endif\n");
    }
    text_puts(out, "\n");
}

static void print_target_end(const Emit *e, Text *out)
{
    const IsaText *t = &isa_texts[e->program->target->isa];
    text_puts(out, "\n#if defined(__GNUC__) && !defined(__clang__)\n#pragma GCC pop_options\n");
    if (t->target) {
        text_puts(out, "#elif defined(__clang__)\n#pragma clang attribute pop\n");
        text_puts(out, t->vector_bits ? "#pragma clang attribute pop\n" : "");
    }
    text_puts(out, "#endif\n");
}

/* ---- static assertions ---- */

static void print_assertion(const Emit *e, Text *out, const char *name, const char *condition)
{
    text_line(out, 0,
              arena_printf(e->arena, "typedef char %s_assert_%s[%s ? 1 : -1];", e->name, name,
                           condition));
}

static void assert_count(const Emit *e, Text *out, const char *kind, int i, const Value *v)
{
    Text c = text_new(e->arena);
    text_add(&c, "%s_%s_%d_COUNT == ", e->macro, kind, i);
    text_puts(&c, "1");
    for (int d = 0; d < v->shape.rank; d++)
        text_add(&c, "%s * %lld", d ? "" : "LL", (long long)v->shape.dim[d]);
    print_assertion(e, out,
                    arena_printf(e->arena, "%s_%d", strcmp(kind, "INPUT") ? "output" : "input", i),
                    text_str(&c));
}

static void print_assertions(const Emit *e, Text *out)
{
    const Program *p = e->program;
    text_puts(
        out,
        "/* What the code below relies on; an array of negative size is how C99 says no. */\n");
    print_assertion(e, out, "float", "sizeof(float) == 4");
    print_assertion(e, out, "align",
                    arena_printf(e->arena, "%s_ARENA_BYTES %% %s_ALIGN == 0", e->macro, e->macro));
    if (e->arena_bytes > INT32_MAX || p->weights_bytes > INT32_MAX)
        print_assertion(e, out, "memory", "sizeof(ptrdiff_t) >= 8");
    for (int i = 0; i < p->graph->n_inputs; i++)
        assert_count(e, out, "INPUT", i, p->graph->inputs[i]);
    for (int i = 0; i < p->graph->n_outputs; i++)
        assert_count(e, out, "OUTPUT", i, p->graph->outputs[i]);
    text_puts(out, "\n");
}

/* ---- the file ---- */

/* "resnet50.c" -> "resnet50.h" */
static char *header_name(const Emit *e)
{
    const char *dot = strrchr(e->c_file, '.');
    size_t n = dot ? (size_t)(dot - e->c_file) : strlen(e->c_file);
    return arena_printf(e->arena, "%s.h", arena_strndup(e->arena, e->c_file, n));
}

static void print_vocabulary(Emit *e, Text *out)
{
    Text words = text_new(e->arena);
    words_print(&e->words, &words);
    if (words.n == 0)
        return;
    text_puts(out, "/* ---- the vocabulary ---- */\n\n");
    if (e->program->target->lanes > 1)
        text_puts(out, "#define SIMD static inline __attribute__((always_inline))\n\n");
    text_puts(out, text_str(&words));
}

static void print_source(Emit *e, Text *out)
{
    emit_head_comment(e, out);
    text_add(out, "#include \"%s\"\n\n#include <math.h>\n%s#include <string.h>\n\n", header_name(e),
             e->team ? "#include <pthread.h>\n#include <sched.h>\n" : "");
    print_target(e, out);
    print_assertions(e, out);
    print_vocabulary(e, out);
    if (e->team) {
        text_puts(out, "/* ---- threads ---- */\n\n");
        runtime_print(e->arena, "team", out);
    }
    text_puts(out, "/* ---- kernels ---- */\n\n");
    text_bytes(out, text_str(&e->kernels), e->kernels.n);
    emit_weights(e, out);
    emit_weights_check(e, out);
    emit_run(e, out);
    print_target_end(e, out);
}

/* Parameter names of the run function. */
static void name_parameters(Emit *e)
{
    const Graph *g = e->program->graph;
    Names *names = ARENA_NEW(e->arena, Names);
    *names = names_new(e->arena, &e->names);
    static const char *const taken[] = {"arena", "weights", "mem", "w",        "team",
                                        "part",  "run",     "job", "parallel", "pool"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        name_give(names, NULL, taken[i]);
    e->input = ARENA_ARRAY(e->arena, const char *, g->n_inputs + 1);
    e->output = ARENA_ARRAY(e->arena, const char *, g->n_outputs + 1);
    for (int i = 0; i < g->n_inputs; i++)
        e->input[i] = name_give(names, NULL, g->inputs[i]->name);
    for (int i = 0; i < g->n_outputs; i++)
        e->output[i] = name_give(names, NULL, g->outputs[i]->name);
}

/* Names of the file that do not come from kernels. */
static void name_own(Emit *e)
{
    static const char *const prefixed[] = {"run", "run_on", "parallel", "weights", "check_weights"};
    static const char *const plain[] = {"weights_head",  "run_part",     "run_thread",
                                        "start_threads", "team_wait",    "team_share",
                                        "sha256_rotate", "sha256_block", "sha256_matches",
                                        "SIMD",          "ALIGN64"};
    for (size_t i = 0; i < sizeof prefixed / sizeof prefixed[0]; i++)
        name_give(&e->names, NULL, arena_printf(e->arena, "%s_%s", e->name, prefixed[i]));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        name_give(&e->names, NULL, plain[i]);
}

static char *upper(Arena *a, const char *s)
{
    char *u = arena_strdup(a, s);
    for (char *c = u; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return u;
}

EmittedC *emit_c(Arena *a, const Program *p, const char *c_file, const EmitOptions *o)
{
    Emit e = {.arena = a, .program = p, .options = o, .c_file = c_file};
    Text source = text_new(a);
    EmittedC *result = ARENA_NEW(a, EmittedC);
    e.name = c_identifier(a, o->name);
    e.macro = upper(a, e.name);
    e.team = team_is_needed(p);
    e.arena_bytes = p->arena_bytes > 0 ? (p->arena_bytes + 63) / 64 * 64 : 64;
    e.words = words_new(a, p->target);
    e.names = names_new(a, NULL);
    e.kernels = text_new(a);
    words_reserve(&e.words, &e.names);
    name_own(&e);
    for (int i = 0; i < p->n_funcs; i++)
        emit_func(&e, p->funcs[i]);
    for (int i = 0; i < p->n_kernels; i++)
        emit_kernel(&e, p->kernels[i]);
    weights_prepare(&e);
    name_parameters(&e);
    print_source(&e, &source);
    result->source = text_str(&source);
    result->source_bytes = source.n;
    result->header = emit_header_file(&e, &result->header_bytes);
    result->weights = weights_file(&e, &result->weights_bytes);
    return result;
}
