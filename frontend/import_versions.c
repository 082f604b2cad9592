/* Versions: of the file format and of the operator set.
 *
 * cnncc knows the operators as they are from opset 7 on. Many have not changed since earlier
 * opsets; a model that is older is accepted when all its nodes are of these. */
#include "frontend/import.h"

#include <string.h>

/* The first opset from which on an operator means what it means in opset 7, attributes apart that
 * the import understands. Operators that are not here need opset 7 (or are younger). */
static const struct {
    OpKind op;
    int since;
} unchanged[] = {
    {OP_Conv, 1},
    {OP_ConvTranspose, 1},
    {OP_MaxPool, 1},
    {OP_AveragePool, 1},
    {OP_LpPool, 2},
    {OP_GlobalAveragePool, 1},
    {OP_GlobalMaxPool, 1},
    {OP_LRN, 1},
    {OP_Softmax, 1},
    {OP_LogSoftmax, 1},
    {OP_MatMul, 1},
    {OP_Gemm, 6},
    {OP_Softplus, 1},
    {OP_Softsign, 1},
    {OP_Relu, 6},
    {OP_LeakyRelu, 6},
    {OP_Elu, 6},
    {OP_Selu, 6},
    {OP_Sigmoid, 6},
    {OP_HardSigmoid, 6},
    {OP_Tanh, 6},
    {OP_Exp, 6},
    {OP_Log, 6},
    {OP_Sqrt, 6},
    {OP_Abs, 6},
    {OP_Neg, 6},
    {OP_Floor, 6},
    {OP_Ceil, 6},
    {OP_Reciprocal, 6},
    {OP_Clip, 6},
    {OP_Cast, 6},
    {OP_Sum, 6},
    {OP_Mean, 6},
    {OP_Min, 6},
    {OP_Max, 6},
    {OP_Add, 6},
    {OP_Sub, 6},
    {OP_Mul, 6},
    {OP_Div, 6},
    {OP_BatchNormalization, 6},
    {OP_Identity, 1},
    {OP_Constant, 1},
    {OP_Shape, 1},
    {OP_Concat, 4},
    {OP_Flatten, 1},
    {OP_Reshape, 5},
    {OP_Squeeze, 1},
    {OP_Unsqueeze, 1},
    {OP_Transpose, 1},
    {OP_Pad, 2},
    {OP_Slice, 1},
    {OP_Split, 2},
    {OP_Gather, 1},
    {OP_Pow, 6},
    {OP_PRelu, 6},
    {OP_Tile, 6},
    {OP_DepthToSpace, 1},
    {OP_SpaceToDepth, 1},
    {OP_Size, 1},
    {OP_MaxRoiPool, 1},
    {OP_Not, 1},
    {OP_And, 1},
    {OP_Or, 1},
    {OP_Xor, 1},
    {OP_Equal, 1},
    {OP_Less, 1},
    {OP_Greater, 1},
    {OP_ReduceSum, 1},
    {OP_ReduceMean, 1},
    {OP_ReduceMax, 1},
    {OP_ReduceMin, 1},
    {OP_ReduceProd, 1},
    {OP_ReduceL1, 1},
    {OP_ReduceL2, 1},
    {OP_ReduceLogSum, 1},
    {OP_ReduceLogSumExp, 1},
    {OP_ReduceSumSquare, 1},
    {OP_ArgMax, 1},
    {OP_ArgMin, 1},
    {OP_TopK, 1},
    {OP_Hardmax, 1},
    {OP_GlobalLpPool, 2},
    {OP_LpNormalization, 1},
    {OP_InstanceNormalization, 6},
};

static int known_since(OpKind op)
{
    for (size_t i = 0; i < sizeof unchanged / sizeof unchanged[0]; i++)
        if (unchanged[i].op == op)
            return unchanged[i].since;
    return MIN_OPSET;
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
