/* `cnncc ops`: the operators as the user sees them; docs/OPERATORS.md has the same facts. */
#include "driver/cli.h"

#include "ir/op_facts.h"

int cmd_ops(Cli *c)
{
    printf("%-25s %-14s %-7s %-35s %s\n", "operator", "domain", "opsets", "types", "limits");
    for (int i = OP_NONE + 1; i < OP_COUNT; i++) {
        const OpInfo *op = op_info((OpKind)i);
        const OpFacts *f = op_facts((OpKind)i);
        if (f == NULL)
            continue;
        const char *opsets = f->last ? arena_printf(c->arena, "%d-%d", f->first, f->last)
                                     : arena_printf(c->arena, "%d-", f->first);
        printf("%-25s %-14s %-7s %-35s %s\n", op->name, op->domain[0] ? op->domain : "ai.onnx",
               opsets, op_types_str(c->arena, f->compiled), f->limits);
    }
    return STATUS_OK;
}
