/* Versions: of the file format and of the operator set.
 *
 * cnncc knows the operators as they are from opset 7 on. Many have not changed since earlier
 * opsets (tests/operators.txt says from which on the import understands each); a model that is
 * older is accepted when all its nodes are of these. */
#include "frontend/import.h"
#include "ir/op_facts.h"

#include <string.h>

static int known_since(OpKind op)
{
    const OpFacts *f = op_facts(op);
    return f && op_info(op)->domain[0] == '\0' && f->first < MIN_OPSET ? f->first : MIN_OPSET;
}

bool import_check_opset(Importer *im, const Body *b)
{
    bool ok = true;
    if (b->opset < 1 || b->opset > MAX_OPSET)
        return diag_unsupported(im->diag, "%s%soperator set %lld; %d to %d are supported",
                                import_place(im, b), b->path[0] ? ": " : "", (long long)b->opset,
                                MIN_OPSET, MAX_OPSET);
    for (size_t i = 0; b->opset < MIN_OPSET && i < b->n_node; i++) {
        const Onnx__NodeProto *p = b->node[i];
        int since = known_since(proto_op(p));
        if (b->opset < since)
            ok = diag_unsupported(im->diag, "%s: as of operator set %lld; %d to %d are supported",
                                  proto_label(im->arena, p, i), (long long)b->opset, since,
                                  MAX_OPSET);
    }
    return ok;
}

bool import_check_versions(Importer *im)
{
    const Onnx__ModelProto *m = im->model;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *domain = proto_name(m->opset_import[i]->domain);
        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
            im->body->opset = m->opset_import[i]->version;
    }
    if (m->ir_version < 1)
        return diag_error(im->diag, "the model states no IR version");
    im->opset = im->body->opset;
    if (im->opset == 0)
        return diag_error(im->diag, "the model imports no operator set of ONNX");
    if (m->ir_version < MIN_IR_VERSION || m->ir_version > MAX_IR_VERSION)
        return diag_unsupported(im->diag, "IR version %lld; %d to %d are supported",
                                (long long)m->ir_version, MIN_IR_VERSION, MAX_IR_VERSION);
    return import_check_opset(im, im->body);
}
