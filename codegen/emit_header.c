/* model.h: what a caller needs to know, as macros, and the function to call.
 *
 * Also the comment at the head of both files: what was compiled from what, and a complete program
 * that uses it. No time and no path, so that the same model gives the same bytes. */
#include "codegen/emit.h"

#include <string.h>

/* 4089184256 -> "4.09 G" */
static char *big(Arena *a, int64_t n)
{
    static const char *const unit[] = {"", " k", " M", " G", " T"};
    int64_t scale = 1;
    int u = 0;
    while (u < 4 && n / scale >= 1000) {
        scale *= 1000;
        u++;
    }
    if (u == 0)
        return arena_printf(a, "%lld", (long long)n);
    int64_t step = scale / 100, hundredths = n / step + (n % step * 2 >= step);
    return arena_printf(a, "%lld.%02lld%s", (long long)(hundredths / 100),
                        (long long)(hundredths % 100), unit[u]);
}

static const char *weights_words(const Emit *e)
{
    const char *size = big(e->arena, e->program->weights_bytes);
    switch (e->mode) {
    case WEIGHTS_INCBIN:
        return arena_printf(e->arena, "%sB in %s.weights, beside the C file when it is compiled",
                            strchr(size, ' ') ? size : arena_printf(e->arena, "%s ", size),
                            comment_text(e->arena, e->c_file, 200));
    case WEIGHTS_BIN:
        return arena_printf(e->arena, "%sB in %s.weights, loaded by the caller",
                            strchr(size, ' ') ? size : arena_printf(e->arena, "%s ", size),
                            comment_text(e->arena, e->c_file, 200));
    default:
        return arena_printf(e->arena, "%sB in the C file",
                            strchr(size, ' ') ? size : arena_printf(e->arena, "%s ", size));
    }
}

/* ---- the example in the head comment ---- */

static void print_example(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    const char *m = e->macro;
    Text call = text_new(e->arena);
    const char *h = comment_text(e->arena, e->c_file, 200);
    const char *stem = arena_strndup(e->arena, h, strlen(h) - (strlen(h) > 2 ? 2 : 0));
    text_add(out, " * Use, with the program below in main.c:  cc -O2 %s main.c -lm%s\n *\n", h,
             e->team ? " -pthread" : "");
    text_add(out, " *     #include \"%s.h\"\n *     #include <stdio.h>\n", stem);
    text_puts(out, " *     #include <stdlib.h>\n *\n");
    for (int i = 0; i < g->n_inputs; i++)
        text_add(out, " *     static %s %s[%s_INPUT_%d_COUNT];\n", ctype_dtype(g->inputs[i]->dtype),
                 e->input[i], m, i);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(out, " *     static %s %s[%s_OUTPUT_%d_COUNT];\n",
                 ctype_dtype(g->outputs[i]->dtype), e->output[i], m, i);
    text_puts(out, " *\n *     int main(void)\n *     {\n");
    text_add(out, " *         void *arena = aligned_alloc(%s_ALIGN, %s_ARENA_BYTES);\n", m, m);
    if (e->mode == WEIGHTS_BIN) {
        text_add(out, " *         void *weights = aligned_alloc(%s_ALIGN, %s_WEIGHTS_BYTES);\n", m,
                 m);
        text_add(out, " *         FILE *f = fopen(\"%s.weights\", \"rb\");\n", h);
        text_add(out, " *         if (!f || fread(weights, 1, %s_WEIGHTS_BYTES, f) == 0)\n", m);
        text_puts(out, " *             return 1;\n");
    }
    for (int i = 0; i < g->n_inputs; i++)
        text_add(&call, "%s, ", e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(&call, "%s, ", e->output[i]);
    if (g->n_inputs)
        text_add(out, " *         // fill %s here\n", e->input[0]);
    text_add(out, " *         if (%s_run(%sarena%s) != 0)\n", e->name, text_str(&call),
             e->mode == WEIGHTS_BIN ? ", weights" : "");
    text_puts(out, " *             return 1;\n");
    if (g->n_outputs) {
        text_add(out, " *         for (int i = 0; i < %s_OUTPUT_0_COUNT; i++)\n", m);
        text_add(out, " *             printf(\"%%g\\n\", (double)%s[i]);\n", e->output[0]);
    }
    text_puts(out, " *         return 0;\n *     }\n");
}

void emit_head_comment(Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    int64_t macs = 0;
    for (int i = 0; i < g->n_nodes; i++)
        macs += g->nodes[i]->plan.macs;
    text_add(out, "/* %s: a neural network compiled to C by cnncc %s.\n *\n", e->name,
             CNNCC_VERSION);
    text_add(out, " * model       %s, SHA-256 %s\n",
             g->name && *g->name ? comment_text(e->arena, g->name, 60) : "(no name)",
             *g->sha256 ? g->sha256 : "unknown");
    if (g->producer && *g->producer)
        text_add(out, " * producer    %s\n", comment_text(e->arena, g->producer, 80));
    if (e->options->options && *e->options->options)
        text_add(out, " * options     %s\n", comment_text(e->arena, e->options->options, 200));
    text_add(out, " * target      %s: %s\n", e->program->target->name,
             e->program->target->describe);
    if (e->team)
        text_add(out, " * threads     %d\n", g->threads);
    else if (g->threads > 1)
        text_puts(out, " * threads     1: too little work to share\n");
    text_add(out, " * work        %s multiply-adds a run\n", big(e->arena, macs));
    text_add(out, " * parameters  %s\n", big(e->arena, g->n_parameters));
    text_add(out, " * weights     %s\n", weights_words(e));
    text_add(out, " * arena       %lld bytes\n */\n", (long long)e->arena_bytes);
}

/* ---- macros ---- */

static void print_value(const Emit *e, Text *out, const char *kind, int i, const Value *v)
{
    const char *m = arena_printf(e->arena, "%s_%s_%d", e->macro, kind, i);
    text_add(out, "#define %s_NAME %s\n", m, string_literal(e->arena, v->name));
    text_add(out, "#define %s_TYPE %s\n", m, ctype_dtype(v->dtype));
    text_add(out, "#define %s_RANK %d\n#define %s_DIMS {", m, v->shape.rank, m);
    for (int d = 0; d < v->shape.rank; d++)
        text_add(out, "%s%lld", d ? ", " : "", (long long)v->shape.dim[d]);
    text_add(out, "%s}\n#define %s_COUNT %lld\n\n", v->shape.rank ? "" : "1", m,
             (long long)shape_numel(&v->shape));
}

static void print_macros(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    text_puts(out, "/* What a run needs: memory of this size and alignment, of any content. */\n");
    text_add(out, "#define %s_ARENA_BYTES %lld\n#define %s_ALIGN 64\n", e->macro,
             (long long)e->arena_bytes, e->macro);
    if (e->mode != WEIGHTS_ARRAY)
        text_add(out, "\n/* The size of the weight file. */\n#define %s_WEIGHTS_BYTES %lld\n",
                 e->macro, (long long)e->program->weights_bytes + 64);
    text_puts(
        out, "\n/* Inputs and outputs: ONNX's name, element type, dimensions, number of elements.\n"
             " * Tensors are flat arrays, the last dimension innermost. */\n");
    text_add(out, "#define %s_INPUTS %d\n#define %s_OUTPUTS %d\n\n", e->macro, g->n_inputs,
             e->macro, g->n_outputs);
    for (int i = 0; i < g->n_inputs; i++)
        print_value(e, out, "INPUT", i, g->inputs[i]);
    for (int i = 0; i < g->n_outputs; i++)
        print_value(e, out, "OUTPUT", i, g->outputs[i]);
}

/* The run on threads of the caller's. */
static void print_run_on(const Emit *e, Text *out)
{
    text_add(
        out,
        "\n/* The same on threads of the caller's; %s_run starts and joins its own each time.\n"
        " * `parallel` must call part(job, 0) to part(job, parts - 1), all at the same time "
        "(they wait\n"
        " * for each other), and return when all have returned. */\n"
        "typedef void %s_parallel(void *pool, int parts, void (*part)(void *job, int part),\n"
        "    void *job);\n#define %s_THREADS %d\n",
        e->name, e->name, e->macro, e->program->graph->threads);
    emit_signature(e, out, true);
    text_puts(out, ";\n");
}

static void print_functions(const Emit *e, Text *out)
{
    text_puts(
        out,
        "/* Computes the outputs from the inputs. Every pointer must hold as many elements as the\n"
        " * macros say; outputs may not overlap inputs. Re-entrant: threads that run at the same "
        "time\n"
        " * need an arena each. Returns 0; 1 when the arena is NULL or not aligned");
    text_puts(out, e->mode == WEIGHTS_ARRAY
                       ? ". */\n"
                       : ";\n * 2 when the weights are not those of this model. */\n");
    emit_signature(e, out, false);
    text_puts(out, ";\n");
    if (e->team)
        print_run_on(e, out);
    if (e->mode == WEIGHTS_ARRAY)
        return;
    text_puts(
        out,
        "\n/* Computes the hash of all weights (a run only looks at their head): 0 when they are\n"
        " * intact, 2 when not. */\n");
    text_add(out, "int %s_check_weights(%s);\n", e->name,
             e->mode == WEIGHTS_BIN ? "const void *weights, size_t bytes" : "void");
}

char *emit_header_file(Emit *e, size_t *n)
{
    Text out = text_new(e->arena);
    emit_head_comment(e, &out);
    out.n -= strlen(" */\n"); /* reopens the comment */
    text_puts(&out, " *\n");
    print_example(e, &out);
    text_add(&out, " */\n#ifndef %s_H\n#define %s_H\n\n", e->macro, e->macro);
    text_puts(&out, "#include <stddef.h>\n#include <stdint.h>\n\n");
    text_puts(&out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    print_macros(e, &out);
    print_functions(e, &out);
    text_puts(&out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    *n = out.n;
    return text_str(&out);
}
