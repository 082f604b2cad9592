/* Import of LSTM, GRU and RNN: direction, activations with their numbers, layout.
 *
 * The lists activation_alpha and activation_beta are consumed in the order of the activations, by
 * those that have such a number; what is missing takes the default of the ONNX operator. */
#include "frontend/import.h"

#include <math.h>
#include <strings.h>

enum { MAX_ACTIVATIONS = 6 };

static const struct {
    const char *name;
    RnnFunction f;
    bool has_alpha, has_beta;
    double alpha, beta;
} functions[] = {
    {"Relu", RNN_RELU, false, false, 0, 0},
    {"Tanh", RNN_TANH, false, false, 0, 0},
    {"Sigmoid", RNN_SIGMOID, false, false, 0, 0},
    {"Affine", RNN_AFFINE, true, true, 1, 0},
    {"LeakyRelu", RNN_LEAKY_RELU, true, false, (double)0.01F, 0},
    {"ThresholdedRelu", RNN_THRESHOLDED_RELU, true, false, 1, 0},
    {"ScaledTanh", RNN_SCALED_TANH, true, true, 1, 1},
    {"HardSigmoid", RNN_HARD_SIGMOID, true, true, (double)0.2F, 0.5},
    {"Elu", RNN_ELU, true, false, 1, 0},
    {"Softsign", RNN_SOFTSIGN, false, false, 0, 0},
    {"Softplus", RNN_SOFTPLUS, false, false, 0, 0},
};

/* Activations of one direction, and what they are by default. */
static int activations_of(RnnCell cell, const char *const **defaults)
{
    static const char *const rnn[] = {"Tanh"}, *const gru[] = {"Sigmoid", "Tanh"},
                             *const lstm[] = {"Sigmoid", "Tanh", "Tanh"};
    *defaults = cell == RNN_CELL ? rnn : cell == GRU_CELL ? gru : lstm;
    return cell == RNN_CELL ? 1 : cell == GRU_CELL ? 2 : 3;
}

/* The numbers that the activations take, one after the other. */
typedef struct Numbers {
    const float *list;
    size_t count, used;
} Numbers;

static double take_number(Numbers *n, double otherwise)
{
    return n->used < n->count ? (double)n->list[n->used++] : otherwise;
}

static bool take_activation(Importer *im, const char *name, Numbers *alpha, Numbers *beta,
                            RnnActivation *a)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcasecmp(functions[i].name, name) != 0)
            continue;
        a->f = functions[i].f;
        a->alpha = functions[i].alpha;
        a->beta = functions[i].beta;
        if (functions[i].has_alpha)
            a->alpha = take_number(alpha, a->alpha);
        if (functions[i].has_beta)
            a->beta = take_number(beta, a->beta);
        return true;
    }
    return node_unsupported(im->graph, im->node, "activation \"%s\" is unknown", name);
}

static bool import_activations(Importer *im, const Onnx__NodeProto *p, RnnParams *c)
{
    const char *const *names = NULL, *const * defaults;
    size_t count = 0;
    Numbers alpha = {0}, beta = {0};
    int each = activations_of(c->cell, &defaults), all = each * c->directions;
    if (!attr_strings(im, p, "activations", &names, &count) ||
        !attr_floats(im, p, "activation_alpha", &alpha.list, &alpha.count) ||
        !attr_floats(im, p, "activation_beta", &beta.list, &beta.count))
        return false;
    if (count != 0 && count != (size_t)all)
        return node_error(im->graph, im->node, "%zu activations, %d are needed", count, all);
    for (int i = 0; i < all; i++)
        if (!take_activation(im, count ? names[i] : defaults[i % each], &alpha, &beta,
                             &c->activation[i / each][i % each]))
            return false;
    return true;
}

/* A first output that is not asked for is made all the same: nodes have one. */
static void make_first_output(Importer *im, Node *n)
{
    static const Shape scalar;
    if (n->n_out < 1 || n->out[0])
        return;
    n->out[0] = graph_value(im->graph, NULL, DT_NONE, &scalar);
    n->out[0]->def = n;
}

bool import_rnn(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const ways[] = {"forward", "reverse", "bidirectional", NULL};
    RnnParams *c = &n->params.rnn;
    int way = 0;
    double clip = 0;
    *c = (RnnParams){.cell = n->op == OP_LSTM ? LSTM_CELL : n->op == OP_GRU ? GRU_CELL : RNN_CELL};
    if (!attr_word(im, p, "direction", ways, &way) || !attr_float(im, p, "clip", &clip) ||
        !attr_int(im, p, "hidden_size", &c->hidden))
        return false;
    attr_ignore(im, p, "output_sequence"); /* of opsets before 7 */
    c->directions = way == 2 ? 2 : 1;
    c->reverse = way == 1;
    c->clip = clip > 0 ? clip : (double)INFINITY;
    if (im->opset >= 14 && !attr_bool(im, p, "layout", &c->batch_first))
        return false;
    if (c->cell == GRU_CELL && !attr_bool(im, p, "linear_before_reset", &c->linear_before_reset))
        return false;
    if (c->cell == LSTM_CELL && !attr_bool(im, p, "input_forget", &c->input_forget))
        return false;
    make_first_output(im, n);
    return import_activations(im, p, c);
}
