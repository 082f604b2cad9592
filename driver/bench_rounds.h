/* Back ends, and a peer, timed alternately: what drifts while they run drifts for all of them. */
#ifndef CNNCC_DRIVER_BENCH_ROUNDS_H
#define CNNCC_DRIVER_BENCH_ROUNDS_H

#include "driver/backend.h"
#include "driver/peer.h"

/* The times of one contestant, in seconds. */
typedef struct Timing {
    double first;           /* of its first warm-up run */
    double median, minimum; /* of all runs of all rounds */
    double *of_round;       /* the median of each round */
    double *seconds;        /* all times, round by round */
} Timing;

typedef struct Engine {
    const Backend *backend;
    Timing time;
    double ratio; /* peer over engine, the median of the rounds' ratios of medians; 0: no peer */
} Engine;

typedef struct Bench {
    Engine *engines;
    int n, cap;
    Peer *peer; /* NULL: none */
    Timing peer_time;
    int64_t rounds;
    int64_t runs; /* a round; 0: chosen by the slowest engine's time */
} Bench;

/* Warms everybody up, then times `runs` runs of the peer and of each engine in every round, and
 * fills in the Timings, the ratios and `runs`. False after a diagnostic. */
bool bench_rounds(Cli *c, Bench *bench, const Tensor *const *in, Tensor **out);

#endif
