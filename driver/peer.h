/* A peer: another program that runs the same network, timed by itself beside cnncc.
 *
 * It is started once, loads what it needs, and then waits on its standard input. A line there is a
 * number of runs; it does them and prints one line, the milliseconds of each with blanks between.
 * At the end of its input it ends. bench/peer.js is one. */
#ifndef CNNCC_DRIVER_PEER_H
#define CNNCC_DRIVER_PEER_H

#include "ir/diag.h"

#include <stdint.h>

typedef struct Peer Peer;

/* Starts a command that may have arguments, split at blanks; no shell reads it. The peer ends with
 * the arena, by force when it does not follow the end of its input. NULL after a diagnostic. */
Peer *peer_start(Arena *a, Diag *d, const char *command);

/* Asks for `runs` runs; seconds[i] becomes the time of the i-th. False after a diagnostic, also
 * when the peer has ended or answers something else. */
bool peer_run(Peer *p, Diag *d, int64_t runs, double *seconds);

#endif
