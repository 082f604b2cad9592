/* The rounds of `cnncc bench`.
 *
 * The speed of a shared machine changes within seconds, so each round is short and holds one turn
 * of everybody, and a ratio is taken between neighbours: of the medians of the same round. The
 * median of these ratios is what is reported. */
#include "driver/bench_rounds.h"

#include <stdlib.h>

enum { WARM_UP_RUNS = 2 };

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the numbers; returns their median. */
static double sort_median(double *v, int64_t n)
{
    qsort(v, (size_t)n, sizeof *v, compare_doubles);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static bool time_run(Cli *c, const Backend *b, const Tensor *const *in, Tensor **out,
                     double *seconds)
{
    double start = seconds_now();
    if (!backend_run(c, b, in, out))
        return false;
    *seconds = seconds_now() - start;
    return true;
}

/* Everybody's warm-up; *slowest becomes the greatest time of an engine's last one. The peer's comes
 * first: it may still be loading, which would disturb the others. */
static bool warm_up(Cli *c, Bench *bench, const Tensor *const *in, Tensor **out, double *slowest)
{
    if (bench->peer && !peer_run(bench->peer, &c->diag, 1, &bench->peer_time.first))
        return false;
    for (int i = 0; i < bench->n; i++) {
        Engine *e = &bench->engines[i];
        double seconds = 0;
        for (int k = 0; k < WARM_UP_RUNS; k++) {
            if (!time_run(c, e->backend, in, out, &seconds))
                return false;
            if (k == 0)
                e->time.first = seconds;
        }
        if (seconds > *slowest)
            *slowest = seconds;
    }
    return true;
}

/* How many runs fit in two seconds, an odd number from 3 to 1001. */
static int64_t choose_runs(double one)
{
    double n = one > 0 ? 2.0 / one : 1001;
    return n < 3 ? 3 : n > 1001 ? 1001 : (int64_t)n | 1;
}

/* Room for all times. */
static bool make_room(Cli *c, const Bench *bench, Timing *t)
{
    if (bench->runs > INT64_MAX / (int64_t)sizeof(double) / bench->rounds)
        return usage_error(&c->diag, "so many runs cannot be counted");
    t->of_round = ARENA_ARRAY(c->arena, double, bench->rounds);
    t->seconds = ARENA_ARRAY(c->arena, double, bench->rounds * bench->runs);
    return true;
}

/* One turn: the runs of an engine in a round, their times from `seconds` on. */
static bool run_turn(Cli *c, const Backend *b, int64_t runs, const Tensor *const *in, Tensor **out,
                     double *seconds)
{
    for (int64_t i = 0; i < runs; i++)
        if (!time_run(c, b, in, out, &seconds[i]))
            return false;
    return true;
}

/* One round: first the peer's turn, then those of the engines. Each round begins with another one,
 * so that none is always the one that finds the caches full of the peer's data. */
static bool run_round(Cli *c, Bench *bench, int64_t round, const Tensor *const *in, Tensor **out)
{
    int64_t at = round * bench->runs;
    if (bench->peer && !peer_run(bench->peer, &c->diag, bench->runs, bench->peer_time.seconds + at))
        return false;
    for (int i = 0; i < bench->n; i++) {
        Engine *e = &bench->engines[(round + i) % bench->n];
        if (!run_turn(c, e->backend, bench->runs, in, out, e->time.seconds + at))
            return false;
    }
    return true;
}

static void summarise(const Bench *bench, Timing *t)
{
    for (int64_t r = 0; r < bench->rounds; r++)
        t->of_round[r] = sort_median(t->seconds + r * bench->runs, bench->runs);
    t->median = sort_median(t->seconds, bench->rounds * bench->runs);
    t->minimum = t->seconds[0];
}

static double median_ratio(Cli *c, const Bench *bench, const Timing *t)
{
    double *ratios = ARENA_ARRAY(c->arena, double, bench->rounds);
    for (int64_t r = 0; r < bench->rounds; r++)
        if (t->of_round[r] > 0)
            ratios[r] = bench->peer_time.of_round[r] / t->of_round[r];
    return sort_median(ratios, bench->rounds);
}

bool bench_rounds(Cli *c, Bench *bench, const Tensor *const *in, Tensor **out)
{
    double slowest = 0;
    if (!warm_up(c, bench, in, out, &slowest))
        return false;
    if (bench->runs == 0)
        bench->runs = choose_runs(slowest);
    bool ok = make_room(c, bench, &bench->peer_time);
    for (int i = 0; ok && i < bench->n; i++)
        ok = make_room(c, bench, &bench->engines[i].time);
    for (int64_t r = 0; ok && r < bench->rounds; r++)
        ok = run_round(c, bench, r, in, out);
    if (!ok)
        return false;
    summarise(bench, &bench->peer_time);
    for (int i = 0; i < bench->n; i++) {
        Engine *e = &bench->engines[i];
        summarise(bench, &e->time);
        if (bench->peer)
            e->ratio = median_ratio(c, bench, &e->time);
    }
    return true;
}
