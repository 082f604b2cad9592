/* What a team of threads shares. codegen/team.h says what holds.
 *
 * Work is counted in operations of vectors or scalars, all of one price: it only has to tell
 * layers that take microseconds from those that take less than a wait does. */
#include "codegen/team.h"

/* Operations that take about as long as a few waits: some microseconds. */
static const double enough_work = 20000;

static double expr_work(const KExpr *e)
{
    if (e == NULL)
        return 0;
    double work = e->kind == KE_CONST || e->kind == KE_GET || e->kind == KE_LETREF ? 0 : 1;
    if (e->kind == KE_CALL)
        work += 10;
    for (int i = 0; i < 3; i++)
        work += expr_work(e->arg[i]);
    return work + expr_work(e->dyn);
}

static int64_t trips(const KVar *v)
{
    return v->hi > v->lo ? (v->hi - v->lo + v->step - 1) / v->step : 1;
}

static double stmts_work(const KStmt *s)
{
    double work = 0;
    for (; s; s = s->next) {
        double inside = stmts_work(s->body) + expr_work(s->expr) + expr_work(s->dyn);
        if (s->kind == KS_FOR)
            inside *= (double)trips(s->var);
        else if (s->kind == KS_STORE)
            inside += 1;
        work += inside;
    }
    return work;
}

static bool is_shared(const KStmt *s)
{
    return s->kind == KS_FOR && s->loop == KL_PARALLEL && s->expr == NULL &&
           s->var->hi - s->var->lo > s->var->step;
}

static bool sets(const KStmt *s, const KReg *r)
{
    for (; s; s = s->next)
        if ((s->kind == KS_SET && s->reg == r) || sets(s->body, r))
            return true;
    return false;
}

static bool stores(const KStmt *s)
{
    for (; s; s = s->next)
        if (s->kind == KS_STORE || stores(s->body))
            return true;
    return false;
}

/* Whether a block that only the first member executes sets a register of the whole kernel. */
static bool first_sets(const Kernel *k)
{
    for (const KStmt *r = k->body; r; r = r->next)
        for (const KStmt *s = r; r->kind == KS_REG && s; s = s->next)
            if (!is_shared(s) && stores(s->body) && sets(s->body, r->reg))
                return true;
    return false;
}

bool team_splits_kernel(const Kernel *k)
{
    bool any = false;
    for (const KStmt *s = k->body; s; s = s->next)
        any = any || is_shared(s);
    return any && stmts_work(k->body) >= enough_work && !first_sets(k);
}

bool team_is_needed(const Program *p)
{
    if (p->graph->threads > 1)
        for (int i = 0; i < p->n_kernels; i++)
            if (team_splits_kernel(p->kernels[i]))
                return true;
    return false;
}

/* Calls that only the first member makes follow each other without waiting. */
TeamCall team_call(const Program *p, int i)
{
    bool alone = !team_splits_kernel(p->calls[i].kernel);
    bool before = i > 0 && !team_splits_kernel(p->calls[i - 1].kernel);
    return (TeamCall){.wait = i > 0 && !(alone && before), .alone = alone};
}

/* Registers and values are computed by each member; what writes memory outside a shared loop is
 * left to the first. Between a write and what may depend on it, the members wait. */
TeamWho team_step(TeamWalk *walk, const KStmt *s, bool *wait)
{
    bool shared = is_shared(s), writes = s->kind == KS_STORE || stores(s->body);
    bool quiet = s->kind == KS_NOTE || s->kind == KS_REG;
    *wait = !quiet && walk->state != TEAM_NOTHING_WRITTEN &&
            !(walk->state == TEAM_FIRST_WROTE && writes && !shared);
    if (*wait)
        walk->state = TEAM_NOTHING_WRITTEN;
    if (writes)
        walk->state = shared ? TEAM_ALL_WROTE : TEAM_FIRST_WROTE;
    return shared ? TEAM_SHARE : writes ? TEAM_FIRST : TEAM_EACH;
}
