/* Runs an emitted network (model.h, prefix "model") once and writes its outputs to stdout.
 *
 * Every buffer is an allocation of exactly the promised size, and inputs and outputs are aligned
 * to one element only, so that the address sanitizer sees a single byte too many and the machine
 * an aligned vector access. Inputs are a fixed pseudo-random sequence; the arena is filled with
 * NaN patterns first, since a run may not depend on its content. With -DLOAD_WEIGHTS the weights
 * (of --weights bin) are read from "model.c.weights" into such a buffer as well. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Buffer {
    size_t bytes, element;
    unsigned char *memory, *data;
} Buffer;

#define VALUE(kind, i)                                                                             \
    {                                                                                              \
        (size_t) MODEL_##kind##_##i##_COUNT * sizeof(MODEL_##kind##_##i##_TYPE),                   \
            sizeof(MODEL_##kind##_##i##_TYPE), NULL, NULL                                          \
    }

static Buffer inputs[] = {
#if MODEL_INPUTS > 0
    VALUE(INPUT, 0),
#endif
#if MODEL_INPUTS > 1
    VALUE(INPUT, 1),
#endif
};

static Buffer outputs[] = {
#if MODEL_OUTPUTS > 0
    VALUE(OUTPUT, 0),
#endif
#if MODEL_OUTPUTS > 1
    VALUE(OUTPUT, 1),
#endif
};

/* An allocation that ends with the buffer and begins one element before it. */
static int allocate(Buffer *b)
{
    b->memory = malloc(b->element + b->bytes);
    b->data = b->memory ? b->memory + b->element : NULL;
    return b->data != NULL;
}

/* Numbers in [-1, 1), the same everywhere. */
static void fill(Buffer *b, unsigned *state)
{
    for (size_t i = 0; i < b->bytes / sizeof(float); i++) {
        *state = *state * 1664525u + 1013904223u;
        float x = (float)(*state >> 8) / (float)(1 << 23) - 1.0f;
        memcpy(b->data + i * sizeof x, &x, sizeof x);
    }
}

/* The parameters behind inputs and outputs. */
#ifdef LOAD_WEIGHTS
static unsigned char *weights;
#define MEMORY arena, weights

static int load_weights(void)
{
    FILE *f = fopen("model.c.weights", "rb");
    void *memory = NULL;
    size_t n = 0;
    if (posix_memalign(&memory, MODEL_ALIGN, MODEL_WEIGHTS_BYTES) == 0)
        weights = memory;
    if (f != NULL && weights != NULL)
        n = fread(weights, 1, MODEL_WEIGHTS_BYTES, f);
    if (f != NULL)
        fclose(f);
    return n == MODEL_WEIGHTS_BYTES && model_check_weights(weights, n) == 0;
}
#else
#define MEMORY arena
#endif

static int run(void *arena)
{
#if MODEL_INPUTS == 1 && MODEL_OUTPUTS == 1
    return model_run((const void *)inputs[0].data, (void *)outputs[0].data, MEMORY);
#elif MODEL_INPUTS == 2 && MODEL_OUTPUTS == 1
    return model_run((const void *)inputs[0].data, (const void *)inputs[1].data,
                     (void *)outputs[0].data, MEMORY);
#elif MODEL_INPUTS == 1 && MODEL_OUTPUTS == 2
    return model_run((const void *)inputs[0].data, (void *)outputs[0].data, (void *)outputs[1].data,
                     MEMORY);
#else
#error "the harness knows one or two inputs and outputs"
#endif
}

int main(void)
{
    unsigned state = 1;
    void *arena = NULL;
#ifdef LOAD_WEIGHTS
    if (!load_weights())
        return 1;
#endif
    if (posix_memalign(&arena, MODEL_ALIGN, MODEL_ARENA_BYTES) != 0)
        return 1;
    memset(arena, 0xff, MODEL_ARENA_BYTES);
    for (int i = 0; i < MODEL_INPUTS; i++) {
        if (!allocate(&inputs[i]))
            return 1;
        fill(&inputs[i], &state);
    }
    for (int i = 0; i < MODEL_OUTPUTS; i++)
        if (!allocate(&outputs[i]))
            return 1;
    int status = run(arena);
    for (int i = 0; i < MODEL_OUTPUTS; i++) {
        fwrite(outputs[i].data, 1, outputs[i].bytes, stdout);
        free(outputs[i].memory);
    }
    for (int i = 0; i < MODEL_INPUTS; i++)
        free(inputs[i].memory);
#ifdef LOAD_WEIGHTS
    free(weights);
#endif
    free(arena);
    return status;
}
