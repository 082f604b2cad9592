/* Which work a team of threads shares, and where its members wait for each other: the rules that
 * the C printer and the JIT both follow.
 *
 * All members walk through all calls of the program. A kernel is either split, each member taking
 * its share of the parallel loops, or left to the first member. */
#ifndef CNNCC_CODEGEN_TEAM_H
#define CNNCC_CODEGEN_TEAM_H

#include "ir/kernel.h"

/* Whether the members split the kernel: it has parallel loops, enough work to pay for waiting, and
 * no value in a register that only one member would compute. */
bool team_splits_kernel(const Kernel *k);
/* Whether there is anything for a team: graph->threads > 1 and a kernel that is split. */
bool team_is_needed(const Program *p);

/* How the members make the i-th call. */
typedef struct TeamCall {
    bool wait;  /* first wait for all members */
    bool alone; /* then only the first member makes the call */
} TeamCall;
TeamCall team_call(const Program *p, int i);

typedef enum TeamWho { TEAM_EACH, TEAM_FIRST, TEAM_SHARE } TeamWho;

/* A walk over the outermost statements of a kernel that is split; starts zeroed. */
typedef struct TeamWalk {
    enum { TEAM_NOTHING_WRITTEN, TEAM_FIRST_WROTE, TEAM_ALL_WROTE } state;
} TeamWalk;

/* Who executes statement `s`: each member wholly, the first member, or each its share of the
 * iterations; *wait: all wait for each other before it. */
TeamWho team_step(TeamWalk *walk, const KStmt *s, bool *wait);

#endif
