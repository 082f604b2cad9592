/* Which values share memory, and when each piece of memory is alive. */
#ifndef CNNCC_PASSES_LIFETIME_H
#define CNNCC_PASSES_LIFETIME_H

#include "ir/graph.h"

/* A piece of memory that one or more values lie in. Times are positions in graph->nodes. */
typedef struct Storage {
    PlaceKind kind; /* PLACE_ARENA until a value of it is an input, output or constant */
    int index;      /* of the input or output */
    int64_t bytes;  /* rounded up to MEMORY_ALIGN in the arena */
    int first, last;
    int head; /* first value of the list, -1: merged into another storage */
    int tail;
} Storage;

enum { MEMORY_ALIGN = 64 };

typedef struct Lifetimes {
    Graph *g;
    Storage *storages; /* by value id: the storage that the value started */
    int n;
    int *storage;    /* by value id: index of its storage */
    int64_t *offset; /* by value id: bytes into its storage */
    int *next;       /* by value id: next value of the same storage, -1 at the end */
    int *def;        /* by value id: position of the maker, -1 for inputs and constants */
    int *last_use;   /* by value id: position of the last reader; INT_MAX for outputs */
    int *output;     /* by value id: index among the outputs, -1 */
} Lifetimes;

/* Decides the sharing (views, in-place results, parts of Concat) for the present order. */
Lifetimes *lifetimes_new(Graph *g);

/* Whether two values lie at the same place. */
bool lifetimes_same_place(const Lifetimes *l, const Value *a, const Value *b, int64_t offset);

/* The most bytes of the arena that are alive at one node, scratch included. */
int64_t lifetimes_peak(const Lifetimes *l);

/* lifetimes_peak of the graph in its present order. */
int64_t peak_live_bytes(Graph *g);

/* Whether the memory of `v` reads the same in row-major order: it is not blocked, or it is and
 * nothing moves ([N,C,1,1] with whole blocks). */
bool value_is_row_major(const Value *v);

/* Byte offset at which the node's in[k] (Concat) or out[k] (Split, Slice, views) lies inside of the
 * other side, when it is one contiguous piece there; -1 when it is not. */
int64_t piece_offset(const Node *n, int k);

#endif
