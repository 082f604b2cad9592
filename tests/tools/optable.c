/* optable: the facts about every operator, found by trying, and the diagnostics of illegal nodes.
 *
 *     optable facts TABLE                   the rows of ir/op_facts.def
 *     optable doc TABLE ROOT EXCLUDE        docs/OPERATORS.md
 *     optable errors TABLE                  what is reported for each line, to the standard output
 *
 * TABLE is tests/operators.txt (for `errors`, a table of illegal nodes); ROOT is the folder `data`
 * of ONNX's backend tests, EXCLUDE the list of those that need not pass. Exit status 1 when a type
 * computes something else in the JIT than in the interpreter, or an operator has no line. */
#include "frontend/frontend.h"
#include "ir/ops.h"
#include "tests/tools/op_doc.h"
#include "tests/tools/op_probe.h"

#include <stdio.h>
#include <string.h>

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    if (severity == SEVERITY_ERROR)
        fprintf(user ? stdout : stderr, "%s\n", line);
}

/* The rows' identifiers: "Conv", "MsQuantizeLinear". */
static const char *const ids[OP_COUNT] = {
#define OP(id, ...) [OP_##id] = #id,
#include "ir/ops.def"
#undef OP
};

static bool facts_row(Arena *a, const OpLine *l)
{
    OpTypes types;
    OpKind op = op_line_kind(a, l);
    if (op == OP_NONE) {
        fprintf(stderr, "%s: there is no such operator yet\n", l->name);
        return true;
    }
    bool ok = op_probe(l, &types);
    printf("FACTS(%s, %d, %d, 0x%04x, 0x%04x, \"%s\")\n", ids[op], l->first, l->last,
           types.interpreted, types.compiled, l->note);
    return ok;
}

/* Every operator of the table that a model can have needs a line. */
static bool all_there(Arena *a, const OpLines *lines)
{
    bool there[OP_COUNT] = {false}, ok = true;
    for (int i = 0; i < lines->n_line; i++)
        there[op_line_kind(a, &lines->line[i])] = true;
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        if (there[op] || strcmp(op_info((OpKind)op)->domain, "cnncc") == 0)
            continue;
        fprintf(stderr, "operator %s has no line in the table\n", op_info((OpKind)op)->name);
        ok = false;
    }
    return ok;
}

static bool facts(Arena *a, const OpLines *lines)
{
    bool ok = all_there(a, lines);
    printf("/* Written by `optable facts tests/operators.txt`; tests/operators.txt says how.\n"
           " * FACTS(operator, first and last operator set (0: the newest), element types of the\n"
           " * interpreter, of compiled code (bits of DType), what ONNX allows and cnncc does not) "
           "*/\n");
    for (int i = 0; i < lines->n_line; i++)
        ok = facts_row(a, &lines->line[i]) && ok;
    return ok;
}

static bool error_of(const OpLine *l)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return false;
    }
    const char *node = arena_printf(a, "%s %s%s(%s)", l->name, l->attributes,
                                    l->attributes[0] ? " " : "", l->operands);
    Diag d = {.arena = a, .file = node, .sink = print_diagnostic, .user = &d};
    const char *text = op_line_model(a, l, "float");
    if (frontend_load_memory(a, &d, text, strlen(text), NULL))
        printf("%s: is accepted\n", node);
    arena_free(a);
    return true;
}

static bool errors(const OpLines *lines)
{
    bool ok = true;
    for (int i = 0; ok && i < lines->n_line; i++)
        ok = error_of(&lines->line[i]);
    return ok;
}

static int usage(void)
{
    fprintf(stderr, "usage: optable facts TABLE | doc TABLE ROOT EXCLUDE | errors TABLE\n");
    return 2;
}

int main(int argc, char **argv)
{
    OpLines lines;
    Arena *a = arena_new(0);
    if (argc < 3 || a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return usage();
    }
    Diag d = {.arena = a, .file = "optable", .sink = print_diagnostic};
    bool ok = op_lines_read(a, &d, argv[2], &lines);
    if (ok && argc == 3 && strcmp(argv[1], "facts") == 0)
        ok = facts(a, &lines);
    else if (ok && argc == 3 && strcmp(argv[1], "errors") == 0)
        ok = errors(&lines);
    else if (ok && argc == 5 && strcmp(argv[1], "doc") == 0)
        ok = op_doc(a, &d, &lines, argv[3], argv[4]);
    else
        ok = usage() == 0;
    arena_free(a);
    return ok ? 0 : 1;
}
