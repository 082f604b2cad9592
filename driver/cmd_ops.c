/* `cnncc ops`: the operator table as the user sees it. */
#include "driver/cli.h"

#include "codegen/lower.h"
#include "ir/interp/interp.h"
#include "ir/ops.h"

#include <string.h>

typedef struct OpRow {
    const char *name, *domain;
    bool (*interp)(InterpCall *c);
    bool (*lower)(Lower *lw, const Node *n);
    const char *lowering; /* name of the column; "none": no kernel is needed */
} OpRow;

#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    {name, domain, interp_##interp, lower_##lower, #lower},
static const OpRow rows[] = {
#include "ir/ops.def"
};
#undef OP

int cmd_ops(Cli *c)
{
    (void)c;
    printf("%-22s %-8s %-8s %s\n", "operator", "domain", "interp", "compiled");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const OpRow *r = &rows[i];
        bool folded = strcmp(r->lowering, "none") == 0;
        printf("%-22s %-8s %-8s %s\n", r->name, *r->domain ? r->domain : "ai.onnx",
               r->interp ? "yes" : "no",
               folded     ? "folded away at compile time"
               : r->lower ? "yes"
                          : "no");
    }
    return STATUS_OK;
}
