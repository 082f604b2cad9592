/* The run functions of emitted C with threads: all members of a team walk through the same list of
 * calls. NAME_run_on takes the caller's threads; NAME_run starts and joins its own, and how many
 * of them really started decides nothing but the speed. */
#include "codegen/emit.h"

/* The arguments of the run function as members of a struct. */
static void print_run_struct(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    text_puts(out, "/* A run: its arguments, and the team that works on it. */\nstruct run {\n");
    for (int i = 0; i < g->n_inputs; i++)
        text_add(out, "    const %s *%s;\n", ctype_dtype(g->inputs[i]->dtype), e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(out, "    %s *%s;\n", ctype_dtype(g->outputs[i]->dtype), e->output[i]);
    text_puts(out, "    void *arena;\n");
    if (e->mode == WEIGHTS_BIN)
        text_puts(out, "    const void *weights;\n");
    text_puts(out, "    struct team team;\n};\n\n");
}

/* What one member does: all calls, on local copies of the arguments. */
static void print_member(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    text_puts(out, "/* What a member of the team does. */\n"
                   "static void run_part(void *job, int part)\n{\n"
                   "    struct run *const run = (struct run *)job;\n"
                   "    struct team *const team = &run->team;\n");
    for (int i = 0; i < g->n_inputs; i++)
        text_add(out, "    const %s *const %s = run->%s;\n", ctype_dtype(g->inputs[i]->dtype),
                 e->input[i], e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(out, "    %s *const %s = run->%s;\n", ctype_dtype(g->outputs[i]->dtype),
                 e->output[i], e->output[i]);
    text_puts(out, "    void *const arena = run->arena;\n");
    if (e->mode == WEIGHTS_BIN)
        text_puts(out, "    const void *const weights = run->weights;\n");
    emit_pointers(e, out);
    for (int i = 0; i < g->n_inputs; i++)
        text_add(out, "    (void)%s;\n", e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(out, "    (void)%s;\n", e->output[i]);
    text_puts(out, "    (void)arena;\n    (void)team;\n    (void)part;\n\n");
    emit_calls(e, out);
    text_puts(out, "}\n\n");
}

static void print_run_on(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    emit_signature(e, out, true);
    text_puts(out, "\n{\n");
    emit_checks(e, out);
    text_puts(out, "    struct run run;\n");
    for (int i = 0; i < g->n_inputs; i++)
        text_add(out, "    run.%s = %s;\n", e->input[i], e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(out, "    run.%s = %s;\n", e->output[i], e->output[i]);
    text_puts(out, "    run.arena = arena;\n");
    if (e->mode == WEIGHTS_BIN)
        text_puts(out, "    run.weights = weights;\n");
    text_add(out, "    run.team.parts = %s_THREADS;\n", e->macro);
    text_puts(out, "    run.team.arrived = 0;\n    run.team.round = 0;\n");
    text_add(out, "    parallel(pool, %s_THREADS, run_part, &run);\n    return 0;\n}\n\n",
             e->macro);
}

/* The threads of NAME_run itself. */
static void print_start_threads(const Emit *e, Text *out)
{
    const int others = e->program->graph->threads - 1;
    text_puts(out, "struct member {\n    struct run *run;\n    int part;\n};\n\n"
                   "/* A started thread first waits to hear how many have started. */\n"
                   "static void *run_thread(void *argument)\n{\n"
                   "    const struct member *const m = (const struct member *)argument;\n"
                   "    while (__atomic_load_n(&m->run->team.parts, __ATOMIC_ACQUIRE) == 0)\n"
                   "        sched_yield();\n"
                   "    run_part(m->run, m->part);\n    return NULL;\n}\n\n");
    text_puts(out, "static void start_threads(void *pool, int parts, "
                   "void (*part)(void *job, int part), void *job)\n{\n"
                   "    struct run *const run = (struct run *)job;\n");
    text_add(out, "    struct member member[%d];\n    pthread_t thread[%d];\n", others, others);
    text_puts(
        out,
        "    int started = 0;\n    (void)pool;\n"
        "    run->team.parts = 0;\n"
        "    while (started < parts - 1) {\n"
        "        member[started].run = run;\n"
        "        member[started].part = started + 1;\n"
        "        if (pthread_create(&thread[started], NULL, run_thread, &member[started]) != 0)\n"
        "            break; /* fewer threads do */\n"
        "        started++;\n    }\n"
        "    __atomic_store_n(&run->team.parts, started + 1, __ATOMIC_RELEASE);\n"
        "    part(job, 0);\n"
        "    for (int i = 0; i < started; i++)\n"
        "        pthread_join(thread[i], NULL);\n}\n\n");
}

static void print_run(const Emit *e, Text *out)
{
    const Graph *g = e->program->graph;
    Text line = text_new(e->arena);
    emit_signature(e, out, false);
    text_puts(out, "\n{\n");
    text_add(&line, "return %s_run_on(start_threads, NULL, ", e->name);
    for (int i = 0; i < g->n_inputs; i++)
        text_add(&line, "%s, ", e->input[i]);
    for (int i = 0; i < g->n_outputs; i++)
        text_add(&line, "%s, ", e->output[i]);
    text_add(&line, "arena%s);", e->mode == WEIGHTS_BIN ? ", weights" : "");
    text_line(out, 4, text_str(&line));
    text_puts(out, "}\n");
}

void emit_team(Emit *e, Text *out)
{
    print_run_struct(e, out);
    print_member(e, out);
    print_run_on(e, out);
    print_start_threads(e, out);
    print_run(e, out);
}
