/* The JIT: a program -> machine code in this process, and its runs.
 *
 * jit_compile builds LLVM IR (jit_build.c), optimises it with a short pipeline of its own (the
 * kernels are already tiled, unrolled and vectorised: what is left is SSA construction, common
 * subexpressions and invariants), emits one object and links it with LLJIT. Everything belongs to
 * an arena of the Jit, LLVM's objects through its deferred clean-ups, so an exhausted arena frees
 * them too. Each compilation has its own LLVM context: several threads may compile at once, and a
 * Jit is read-only once made. */
#include "codegen/codegen.h"
#include "codegen/jit_build.h"
#include "codegen/team.h"
#include "runtime/pool.h"
#include "runtime/team.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef void (*KernelFn)(void *const *args, JitTeam *team, int64_t part, int64_t parts);

/* A call of the program, resolved. */
typedef struct JitCall {
    KernelFn kernel;
    int n_args;
    Arg arg[MAX_KERNEL_BUFFERS];
    TeamCall team; /* how the members of a team make it */
} JitCall;

struct Jit {
    Arena *arena;
    JitCall *calls;
    int n_calls;
    const unsigned char *weights;
    cnncc_pool *pool; /* NULL: a run has one thread */
    int threads;
    const Program *program; /* while it compiles */
    /* LLVM's objects while they are ours; NULL once given away or freed. */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMTargetMachineRef machine;
    LLVMMemoryBufferRef object;
    LLVMOrcLLJITRef linker;
    JitBuild build;
    char *error; /* why compilation failed */
};

/* Instcombine may stop before its fixpoint: by default it would abort the process then. */
static const char pipeline[] = "always-inline,function(mem2reg,early-cse,instcombine<no-verify-"
                               "fixpoint>,loop-mssa(licm),gvn,simplifycfg)";

bool jit_available(void)
{
    return true;
}

/* ---- errors ---- */

static bool fail(Jit *j, const char *what, const char *why)
{
    j->error = arena_printf(j->arena, "JIT: %s: %s", what, why);
    return false;
}

static bool fail_message(Jit *j, const char *what, char *message)
{
    fail(j, what, message != NULL ? message : "no reason given");
    LLVMDisposeMessage(message);
    return false;
}

static bool fail_error(Jit *j, const char *what, LLVMErrorRef e)
{
    char *message = LLVMGetErrorMessage(e);
    fail(j, what, message);
    LLVMDisposeErrorMessage(message);
    return false;
}

/* ---- compilation, step by step ---- */

static void free_llvm(void *arg)
{
    Jit *j = arg;
    if (j->build.at != NULL)
        LLVMDisposeBuilder(j->build.at);
    if (j->build.entry != NULL)
        LLVMDisposeBuilder(j->build.entry);
    if (j->module != NULL)
        LLVMDisposeModule(j->module);
    if (j->context != NULL)
        LLVMContextDispose(j->context);
    if (j->machine != NULL)
        LLVMDisposeTargetMachine(j->machine);
    if (j->object != NULL)
        LLVMDisposeMemoryBuffer(j->object);
    if (j->linker != NULL)
        LLVMConsumeError(LLVMOrcDisposeLLJIT(j->linker));
    j->build.at = j->build.entry = NULL;
    j->module = NULL;
    j->context = NULL;
    j->machine = NULL;
    j->object = NULL;
    j->linker = NULL;
}

/* LLVM's own registry of targets is global: it is filled once a process. */
static void initialize_llvm(void)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
}

/* A machine with exactly the instructions of the target, scheduled for this CPU. */
static bool make_machine(Jit *j)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, initialize_llvm);
    char *triple = LLVMGetDefaultTargetTriple(), *message = NULL;
    LLVMTargetRef target;
    if (LLVMGetTargetFromTriple(triple, &target, &message)) {
        LLVMDisposeMessage(triple);
        return fail_message(j, "no LLVM target for this machine", message);
    }
    const char *features = j->program->target->llvm_features;
    j->machine = LLVMCreateTargetMachine(target, triple, "", features, LLVMCodeGenLevelDefault,
                                         LLVMRelocPIC, LLVMCodeModelJITDefault);
    LLVMDisposeMessage(triple);
    return j->machine != NULL || fail(j, "no LLVM target for this machine", features);
}

/* The module, built and verified. */
static bool build_module(Jit *j)
{
    const Target *target = j->program->target;
    j->context = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(j->context, true);
    j->module = LLVMModuleCreateWithNameInContext("cnncc", j->context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(j->machine);
    LLVMSetModuleDataLayout(j->module, layout);
    LLVMDisposeTargetData(layout);
    char *triple = LLVMGetTargetMachineTriple(j->machine);
    LLVMSetTarget(j->module, triple);
    LLVMDisposeMessage(triple);
    char *host = LLVMGetHostCPUName();
    j->build = (JitBuild){
        .arena = j->arena,
        .context = j->context,
        .module = j->module,
        .at = LLVMCreateBuilderInContext(j->context),
        .entry = LLVMCreateBuilderInContext(j->context),
        .tune_cpu = arena_strdup(j->arena, host),
        .vector_width = arena_printf(j->arena, "%d", target->lanes > 4 ? 32 * target->lanes : 128),
    };
    LLVMDisposeMessage(host);
    if (!jit_build_program(&j->build, j->program))
        return fail(j, "internal error", j->build.broken);
    char *message = NULL;
    if (LLVMVerifyModule(j->module, LLVMReturnStatusAction, &message))
        return fail_message(j, "internal error: LLVM refuses the module", message);
    LLVMDisposeMessage(message);
    return true;
}

/* Optimised IR, then an object file in memory; the module and its context are freed. */
static bool emit_object(Jit *j)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(j->module, pipeline, j->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error != NULL)
        return fail_error(j, "optimising", error);
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(j->machine, j->module, LLVMObjectFile, &message,
                                            &j->object))
        return fail_message(j, "emitting code", message);
    return true;
}

/* The linked object. Symbols of the C library (floorf on machines without such an instruction)
 * come from this process. */
static bool link_object(Jit *j)
{
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
        builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(j->machine));
    j->machine = NULL;
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&j->linker, builder);
    if (error != NULL)
        return fail_error(j, "creating the linker", error);
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(j->linker);
    LLVMOrcDefinitionGeneratorRef process;
    error = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
        &process, LLVMOrcLLJITGetGlobalPrefix(j->linker), NULL, NULL);
    if (error != NULL)
        return fail_error(j, "looking up the process", error);
    LLVMOrcJITDylibAddGenerator(library, process);
    error = LLVMOrcLLJITAddObjectFile(j->linker, library, j->object);
    j->object = NULL;
    return error == NULL || fail_error(j, "linking", error);
}

/* The address of each call's kernel. */
static bool find_kernels(Jit *j)
{
    const Program *p = j->program;
    KernelFn *address = ARENA_ARRAY(j->arena, KernelFn, p->n_kernels);
    for (int i = 0; i < p->n_kernels; i++) {
        LLVMOrcExecutorAddress where = 0;
        LLVMErrorRef error =
            LLVMOrcLLJITLookup(j->linker, &where, arena_printf(j->arena, "k%d", i));
        if (error != NULL)
            return fail_error(j, "linking", error);
        memcpy(&address[i], &(uintptr_t){(uintptr_t)where}, sizeof address[i]);
    }
    j->n_calls = p->n_calls;
    j->calls = ARENA_ARRAY(j->arena, JitCall, p->n_calls);
    for (int i = 0; i < p->n_calls; i++) {
        JitCall *c = &j->calls[i];
        c->n_args = p->calls[i].kernel->n_bufs;
        memcpy(c->arg, p->calls[i].arg, sizeof c->arg);
        c->team = team_call(p, i);
        for (int k = 0; k < p->n_kernels; k++)
            if (p->kernels[k] == p->calls[i].kernel)
                c->kernel = address[k];
    }
    return true;
}

static void free_pool(void *arg)
{
    cnncc_pool_free(((Jit *)arg)->pool);
}

static bool compile(Jit *j)
{
    if (!target_runs_here(j->program->target))
        return fail(j, j->program->target->name, "this machine cannot run code for the target");
    if (!make_machine(j) || !build_module(j) || !emit_object(j) || !link_object(j) ||
        !find_kernels(j))
        return false;
    LLVMOrcLLJITRef linker = j->linker; /* all that a run needs */
    j->linker = NULL;
    free_llvm(j);
    j->linker = linker;
    if (team_is_needed(j->program)) {
        j->threads = j->program->graph->threads;
        j->pool = cnncc_pool_new(j->threads);
        arena_defer(j->arena, free_pool, j);
    }
    j->weights = j->program->weights;
    j->program = NULL;
    return true;
}

Jit *jit_compile(const Program *p, Diag *d)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        diag_error(d, "JIT: out of memory");
        return NULL;
    }
    Jit *j = ARENA_NEW(a, Jit);
    j->arena = a;
    j->program = p;
    arena_defer(a, free_llvm, j);
    if (compile(j))
        return j;
    char reason[512]; /* outlives the arena: diag_error may not return when memory runs out */
    snprintf(reason, sizeof reason, "%s", j->error);
    arena_free(a);
    diag_error(d, "%s", reason);
    return NULL;
}

void jit_free(Jit *j)
{
    if (j != NULL)
        arena_free(j->arena);
}

/* ---- running ---- */

void jit_move_weights(Jit *j, const void *weights)
{
    j->weights = weights;
}

/* The address of an argument. Kernels take plain pointers; those of inputs and weights they only
 * read. */
static void *argument(const Jit *j, const Arg *a, const void *const *inputs, void *const *outputs,
                      void *arena)
{
    unsigned char *base = NULL;
    switch (a->kind) {
    case ARG_INPUT:
        memcpy(&base, &inputs[a->index], sizeof base);
        break;
    case ARG_OUTPUT:
        base = outputs[a->index];
        break;
    case ARG_ARENA:
        base = arena;
        break;
    case ARG_WEIGHTS:
        memcpy(&base, &j->weights, sizeof base);
        break;
    }
    return base + a->offset;
}

/* One run, its threads in a team. */
typedef struct JitRun {
    JitTeam waiter; /* first: what kernels get a pointer to */
    struct team team;
    const Jit *jit;
    const void *const *inputs;
    void *const *outputs;
    void *arena;
} JitRun;

static void run_wait(JitTeam *waiter)
{
    team_wait(&((JitRun *)waiter)->team);
}

static void run_call(JitRun *r, const JitCall *c, int part)
{
    void *args[MAX_KERNEL_BUFFERS];
    for (int k = 0; k < c->n_args; k++)
        args[k] = argument(r->jit, &c->arg[k], r->inputs, r->outputs, r->arena);
    c->kernel(args, &r->waiter, part, r->team.parts);
}

/* What one member of the team does. */
static void run_part(void *job, int part)
{
    JitRun *r = job;
    for (int i = 0; i < r->jit->n_calls; i++) {
        const JitCall *c = &r->jit->calls[i];
        if (c->team.wait)
            team_wait(&r->team);
        if (part == 0 || !c->team.alone)
            run_call(r, c, part);
    }
}

static JitRun new_run(const Jit *j, const void *const *inputs, void *const *outputs, void *arena)
{
    return (JitRun){{run_wait}, {.parts = 1}, j, inputs, outputs, arena};
}

void jit_run_call(const Jit *j, int i, const void *const *inputs, void *const *outputs, void *arena)
{
    JitRun r = new_run(j, inputs, outputs, arena);
    run_call(&r, &j->calls[i], 0);
}

int jit_run(const Jit *j, const void *const *inputs, void *const *outputs, void *arena)
{
    JitRun r = new_run(j, inputs, outputs, arena);
    if (j->pool == NULL) {
        run_part(&r, 0);
        return 0;
    }
    r.team.parts = j->threads;
    cnncc_pool_run(j->pool, j->threads, run_part, &r);
    return 0;
}
