/* The page of all operators.
 *
 * Comes in: the operator table's lines, ir/op_facts.def, ONNX's test models, the list of excluded
 * tests. Goes out: Markdown. A test counts for every operator that its model holds, in subgraphs
 * too; whether a back end passes it is what the list says, and the conformance tests hold the list
 * to it. */
#include "tests/tools/op_doc.h"

#include "frontend/frontend.h"
#include "frontend/import.h"
#include "frontend/model.h"
#include "ir/op_facts.h"
#include "tests/conformance/exclude.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const engines[] = {"interp", "jit", "c-gcc", "c-clang"};
enum { N_ENGINES = sizeof engines / sizeof engines[0] };

typedef struct Tally {
    int tests, passed[N_ENGINES];
    int seen; /* number of the last model that was counted */
} Tally;

typedef struct Doc {
    Exclusions exclusions;
    Tally op[OP_COUNT];
    int models, passed[N_ENGINES], not_countable;
} Doc;

static void count_nodes(Doc *doc, Onnx__NodeProto *const *node, size_t n, const bool *passes)
{
    for (size_t i = 0; i < n; i++) {
        Tally *t = &doc->op[proto_op(node[i])];
        for (size_t k = 0; k < node[i]->n_attribute; k++)
            if (node[i]->attribute[k]->g)
                count_nodes(doc, node[i]->attribute[k]->g->node, node[i]->attribute[k]->g->n_node,
                            passes);
        if (t->seen == doc->models)
            continue;
        t->seen = doc->models;
        t->tests++;
        for (int e = 0; e < N_ENGINES; e++)
            t->passed[e] += passes[e];
    }
}

static void count_model(Doc *doc, const char *root, const char *name)
{
    Arena *a = arena_new(0);
    size_t bytes;
    bool passes[N_ENGINES];
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return;
    }
    Diag d = {.arena = a, .file = name};
    const unsigned char *data =
        file_read(a, &d, arena_printf(a, "%s/%s/model.onnx", root, name), &bytes);
    const Onnx__ModelProto *m = data ? model_decode(a, &d, data, bytes) : NULL;
    doc->models++;
    for (int e = 0; e < N_ENGINES; e++) {
        const Exclusion *x = exclusion_find(&doc->exclusions, name, engines[e]);
        passes[e] = x == NULL;
        doc->passed[e] += passes[e];
        doc->not_countable += e == 0 && x && !x->countable;
    }
    if (m && m->graph)
        count_nodes(doc, m->graph->node, m->graph->n_node, passes);
    arena_free(a);
}

static void count_group(Doc *doc, const char *root, const char *group)
{
    struct dirent **tests;
    char path[1024], name[512];
    snprintf(path, sizeof path, "%s/%s", root, group);
    int n = scandir(path, &tests, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%s", group, tests[i]->d_name);
        snprintf(path, sizeof path, "%s/%s/model.onnx", root, name);
        if (access(path, R_OK) == 0)
            count_model(doc, root, name);
        free(tests[i]);
    }
    if (n >= 0)
        free(tests);
}

/* ---- the page ---- */

static void print_head(const Doc *doc)
{
    printf(
        "# Operators\n\n"
        "Written by `scripts/operators.sh` from [`tests/operators.txt`](../tests/operators.txt), "
        "by "
        "trying every operator in\nevery element type; a test holds this page to it. `cnncc ops` "
        "prints the same facts.\n\n"
        "*Opsets*: those of the operator's domain that are understood. *Types*: the element types "
        "in "
        "which compiled code and the\nreference interpreter agree; types that only the interpreter "
        "has follow in brackets. *Tests*: how many of ONNX's own\nbackend tests that hold the "
        "operator pass in the interpreter, the JIT, C by gcc and C by clang (for the native target "
        "and "
        "as strict C99 with warnings as\nerrors), of how many there are.\n\n"
        "| | interpreter | JIT | C by gcc | C by clang |\n|---|---|---|---|---|\n| passed of %d |",
        doc->models);
    for (int e = 0; e < N_ENGINES; e++)
        printf(" %d |", doc->passed[e]);
    printf(
        "\n\n%d of the tests cannot be passed by a compiler of static tensors (sequences, strings, "
        "training…); [`tests/conformance.exclude`](../tests/conformance.exclude)\nnames them and "
        "all "
        "others that do not pass, with the reason.\n\n",
        doc->not_countable);
}

static void print_row(Arena *a, const OpFacts *f, const Tally *t)
{
    unsigned only = f->interpreted & ~f->compiled;
    printf("| %s | %d–", op_info(f->op)->name, f->first);
    if (f->last)
        printf("%d", f->last);
    printf(" | %s", op_types_str(a, f->compiled));
    if (only)
        printf(" (%s)", op_types_str(a, only));
    printf(" | %s |", f->limits);
    bool same = true;
    for (int e = 1; e < N_ENGINES; e++)
        same = same && t->passed[e] == t->passed[0];
    if (t->tests == 0)
        printf(" |\n");
    else if (same)
        printf(" %d/%d |\n", t->passed[0], t->tests);
    else
        printf(" %d, %d, %d, %d/%d |\n", t->passed[0], t->passed[1], t->passed[2], t->passed[3],
               t->tests);
}

static void print_domain(Arena *a, const Doc *doc, const OpLines *lines, bool standard)
{
    printf("## %s\n\n| operator | opsets | types | limits | tests |\n|---|---|---|---|---|\n",
           standard ? "ONNX" : "com.microsoft (ONNX Runtime)");
    for (int i = 0; i < lines->n_line; i++) {
        const OpLine *l = &lines->line[i];
        OpKind op = op_line_kind(a, l);
        if ((strchr(l->name, '.') == NULL) == standard && op_facts(op))
            print_row(a, op_facts(op), &doc->op[op]);
    }
    printf("\n");
}

OpKind op_line_kind(Arena *a, const OpLine *l)
{
    const char *dot = strrchr(l->name, '.');
    return dot ? op_find(arena_strndup(a, l->name, (size_t)(dot - l->name)), dot + 1)
               : op_find("", l->name);
}

bool op_doc(Arena *a, Diag *d, const OpLines *lines, const char *root, const char *exclude)
{
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    Doc *doc = ARENA_NEW(a, Doc);
    doc->exclusions.arena = a;
    if (!exclusions_read(&doc->exclusions, exclude))
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        count_group(doc, root, groups[i]);
    if (doc->models == 0)
        return diag_error(d, "%s: no tests", root);
    print_head(doc);
    print_domain(a, doc, lines, true);
    print_domain(a, doc, lines, false);
    return true;
}
