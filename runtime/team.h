/* The thread team of emitted C: a run starts it and joins it, so there is no global state and a
 * run is as re-entrant as without threads. Only the members of a team share memory.
 *
 * All members call the same kernels in the same order; a parallel loop is split into one part a
 * member, and team_wait lets nobody pass before all have arrived. Which member computes what does
 * not change any result. The format is that of simd_scalar.h. */
#ifndef CNNCC_TEAM_H
#define CNNCC_TEAM_H

#include <pthread.h>
#include <sched.h>
#include <stddef.h>

/* ---------------------------------------------------------------------------------------------- */

/* `parts` members, of which `arrived` wait for the others in this round. */
struct team {
    int parts, arrived;
    unsigned round;
};

/* Waits until every member of the team is here. */
static void team_wait(struct team *team)
{
    const unsigned round = __atomic_load_n(&team->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->parts) {
        __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&team->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&team->round, __ATOMIC_ACQUIRE) == round; spins++)
        if (spins >= 4000)
            sched_yield();
}

/* Where the share of a member in n iterations begins; it ends where the next one's begins. */
static inline ptrdiff_t team_share(const struct team *team, int part, ptrdiff_t n)
{
    return n * part / team->parts;
}

/* ---------------------------------------------------------------------------------------------- */
#endif
