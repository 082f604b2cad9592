/* What the two lowerings of convolutions of integers share. */
#ifndef CNNCC_CODEGEN_LOWER_QCONV_H
#define CNNCC_CODEGEN_LOWER_QCONV_H

#include "codegen/quant.h"
#include "ir/qconv.h"

/* The operands of a ConvInteger or QLinearConv by what they are; NULL: absent. */
typedef struct QConvOperands {
    const Value *x, *w, *x_zero, *w_zero, *bias, *y_zero, *out;
    const Value *scale[3];  /* of x, w, y; NULL: ConvInteger */
    bool scaled;            /* QLinearConv */
    int64_t channels, maps; /* of a group: input, output */
} QConvOperands;

QConvOperands qconv_operands(const Node *n);

/* The largest number of output channels, at most `most`, that divides a group. */
int qconv_tile(int64_t maps, int most);

/* With vectors, where the plan has reserved the scratch for `s`. */
bool lower_qconv_vector(Lower *lw, const Node *n, const QConvScratch *s);

#endif
