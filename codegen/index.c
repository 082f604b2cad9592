/* Indices that are known only at run time; codegen/index.h says what each function promises. */
#include "codegen/index.h"

static const KType i64 = {KT_I64, 1};

const KLet *index_load(KBuilder *b, const KBuf *indices, Affine at, int64_t extent)
{
    const KLet *index = kb_let(b, "index", kb_cvt(b, i64, kb_load(b, indices, at, 1)));
    KExpr *negative = kb_cmp(b, KO_LT, kb_use(b, index), kb_int(b, i64, 0));
    KExpr *wrapped = kb_bin(b, KO_ADD, kb_use(b, index), kb_int(b, i64, extent));
    return kb_let(b, "at", kb_select(b, negative, wrapped, kb_use(b, index)));
}

KExpr *index_clamped(KBuilder *b, const KLet *index, int64_t extent)
{
    return kb_clamp(b, kb_use(b, index), 0, extent - 1);
}

const KLet *index_tuple(KBuilder *b, const KBuf *indices, Affine at, const int64_t *extent,
                        int count)
{
    KExpr *sum = NULL;
    for (int k = 0; k < count; k++) {
        const KLet *index = index_load(b, indices, aff_addc(at, k), extent[k]);
        KExpr *safe = index_clamped(b, index, extent[k]);
        if (sum)
            safe = kb_bin(b, KO_ADD, kb_bin(b, KO_MUL, sum, kb_int(b, i64, extent[k])), safe);
        sum = safe;
    }
    return kb_let(b, "slice", sum);
}

void index_copy_slice(KBuilder *b, const KBuf *out, Affine to, const KBuf *in, Affine from,
                      const KLet *index, int64_t slices, int64_t inner, int depth)
{
    int wide = lanes_for(inner, lanes_of(kb_target(b), out->base)), outer = depth;
    int64_t whole = inner / wide * wide;
    if (whole > 0) {
        Affine i = nest_loop(b, "i", whole, wide, &depth);
        KExpr *dyn = index_clamped(b, index, slices);
        kb_store(b, out, aff_add(to, i),
                 kb_load_dyn(b, in, aff_add(from, i), dyn, inner, wide, wide));
        nest_close(b, &depth, outer);
    }
    if (whole == inner)
        return;
    int rest = (int)(inner - whole), lanes = lanes_for(rest, wide);
    KExpr *dyn = index_clamped(b, index, slices);
    KExpr *x = kb_load_dyn(b, in, aff_addc(from, whole), dyn, inner, lanes, rest);
    kb_store_tail(b, out, aff_addc(to, whole), x, rest);
}
