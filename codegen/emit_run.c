/* The run function of the emitted C: checks its arguments and calls the kernels in order. */
#include "codegen/emit.h"
#include "codegen/team.h"

#include <string.h>

const char *ctype_dtype(DType t)
{
    static const char *const name[DT_COUNT] = {
        [DT_F32] = "float",    [DT_F64] = "double",   [DT_F16] = "uint16_t", [DT_BF16] = "uint16_t",
        [DT_I8] = "int8_t",    [DT_U8] = "uint8_t",   [DT_I16] = "int16_t",  [DT_U16] = "uint16_t",
        [DT_I32] = "int32_t",  [DT_U32] = "uint32_t", [DT_I64] = "int64_t",  [DT_U64] = "uint64_t",
        [DT_BOOL] = "uint8_t",
    };
    return name[t] ? name[t] : "uint8_t";
}

void emit_signature(const Emit *e, Text *out, bool on_pool)
{
    const Graph *g = e->program->graph;
    Text line = text_new(e->arena);
    if (on_pool)
        text_add(&line, "int %s_run_on(%s_parallel *parallel, void *pool, ", e->name, e->name);
    else
        text_add(&line, "int %s_run(", e->name);
    for (int i = 0; i < g->n_inputs; i++)
        text_add(&line, "const %s *%s, ", ctype_dtype(g->inputs[i]->dtype), e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(&line, "%s *%s, ", ctype_dtype(g->outputs[i]->dtype), e->output[i]);
    text_add(&line, "void *arena%s)", e->mode == WEIGHTS_BIN ? ", const void *weights" : "");
    text_line(out, 0, text_str(&line));
    out->data[--out->n] = '\0'; /* the newline */
}

static char *argument(const Emit *e, const KBuf *buf, const Arg *arg)
{
    const Graph *g = e->program->graph;
    const char *want = ctype_memory(buf->base);
    switch (arg->kind) {
    case ARG_INPUT: {
        DType t = g->inputs[arg->index]->dtype;
        return pointer_expr(e->arena, e->input[arg->index], ctype_dtype(t), dtype_size(t), want,
                            arg->offset, true);
    }
    case ARG_OUTPUT: {
        DType t = g->outputs[arg->index]->dtype;
        return pointer_expr(e->arena, e->output[arg->index], ctype_dtype(t), dtype_size(t), want,
                            arg->offset, !(buf->access & K_WRITE));
    }
    case ARG_ARENA:
        return pointer_expr(e->arena, "mem", "float", 4, want, arg->offset,
                            !(buf->access & K_WRITE));
    case ARG_WEIGHTS:
        return weights_address(e, arg->offset, buf->base);
    }
    return NULL;
}

/* One line a call; the comment goes in front when both do not fit on it. */
static void print_call(const Emit *e, Text *out, int indent, const Call *c)
{
    Text line = text_new(e->arena);
    text_add(&line, "%s(", name_of(&e->names, c->kernel));
    for (int i = 0; i < c->kernel->n_bufs; i++)
        text_add(&line, "%s%s", i ? ", " : "", argument(e, c->kernel->buf[i], &c->arg[i]));
    text_puts(&line, kernel_is_shared(e, c->kernel) ? ", team, part);" : ");");
    if (c->node) {
        char *node = comment_text(e->arena, node_label(e->arena, c->node), 80);
        if (line.n + strlen(node) + 7 + (size_t)indent > 100)
            text_comment(out, indent, node);
        else
            text_add(&line, " /* %s */", node);
    }
    text_line(out, indent, text_str(&line));
}

static bool uses(const Program *p, ArgKind kind, int index)
{
    for (int i = 0; i < p->n_calls; i++)
        for (int j = 0; j < p->calls[i].kernel->n_bufs; j++)
            if (p->calls[i].arg[j].kind == kind && (index < 0 || p->calls[i].arg[j].index == index))
                return true;
    return false;
}

static void print_unused(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    for (int i = 0; i < g->n_inputs; i++)
        if (!uses(e->program, ARG_INPUT, i))
            text_add(out, "    (void)%s;\n", e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        if (!uses(e->program, ARG_OUTPUT, i))
            text_add(out, "    (void)%s;\n", e->output[i]);
}

void emit_checks(const Emit *e, Text *out)
{
    print_unused(e, out);
    text_add(out,
             "    if (arena == NULL || (uintptr_t)arena %% %s_ALIGN != 0)\n        return 1;\n",
             e->macro);
    if (e->mode == WEIGHTS_BIN)
        text_puts(out, "    if (weights == NULL || (uintptr_t)weights % 16 != 0 ||\n"
                       "        memcmp(weights, weights_head, 64) != 0)\n        return 2;\n");
    else if (e->mode == WEIGHTS_INCBIN)
        text_add(out, "    if (memcmp(%s_weights, weights_head, 64) != 0)\n        return 2;\n",
                 e->name);
}

void emit_pointers(const Emit *e, Text *out)
{
    if (uses(e->program, ARG_ARENA, -1))
        text_puts(out, "    float *const mem = (float *)arena;\n");
    if (e->mode != WEIGHTS_ARRAY && uses(e->program, ARG_WEIGHTS, -1))
        text_add(out, "    const float *const w = %s + 16;\n",
                 e->mode == WEIGHTS_BIN ? "(const float *)weights"
                                        : arena_printf(e->arena, "%s_weights", e->name));
}

void emit_calls(const Emit *e, Text *out)
{
    const Program *p = e->program;
    for (int i = 0; i < p->n_calls; i++) {
        if (!e->team) {
            print_call(e, out, 4, &p->calls[i]);
            continue;
        }
        TeamCall c = team_call(p, i);
        bool last = i + 1 == p->n_calls || !team_call(p, i + 1).alone;
        if (c.wait)
            text_puts(out, "    team_wait(team);\n");
        if (c.alone && (i == 0 || c.wait))
            text_puts(out, "    if (part == 0) {\n");
        print_call(e, out, c.alone ? 8 : 4, &p->calls[i]);
        if (c.alone && last)
            text_puts(out, "    }\n");
    }
}

void emit_run(Emit *e, Text *out)
{
    text_puts(out, "/* ---- the network ---- */\n\n");
    if (e->team) {
        emit_team(e, out);
        return;
    }
    emit_signature(e, out, false);
    text_puts(out, "\n{\n");
    emit_checks(e, out);
    emit_pointers(e, out);
    text_puts(out, "\n");
    emit_calls(e, out);
    text_puts(out, "    return 0;\n}\n");
}
