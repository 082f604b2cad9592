/* A small pool of threads for code that cnncc makes with --threads: libcnncc runs its models on
 * one, and a program with an emitted model may pass one to NAME_run_on, or a pool of its own.
 *
 *     cnncc_pool *pool = cnncc_pool_new(3);
 *     resnet_run_on(cnncc_pool_run, pool, image, scores, arena);
 *     cnncc_pool_free(pool);
 *
 * Between runs its threads spin for some microseconds, so that a run that follows at once starts
 * at once, and then sleep. Header only: C99 with POSIX threads and GNU atomics, C++ too. */
#ifndef CNNCC_POOL_H
#define CNNCC_POOL_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

typedef struct cnncc_pool {
    pthread_mutex_t busy; /* held by the run that uses the pool */
    pthread_mutex_t lock; /* guards `job` against threads that fall asleep */
    pthread_cond_t wake;
    int threads;   /* that were started, beside the caller's */
    int running;   /* parts of the job that other threads still have to finish */
    unsigned jobs; /* counts them: a change is the signal to start */
    int sleepers, stop;
    int parts;
    void (*part)(void *job, int part);
    void *job;
    struct cnncc_pool_thread {
        struct cnncc_pool *pool;
        pthread_t id;
        int part;
    } thread[1]; /* `threads` of them */
} cnncc_pool;

/* Waits for a job that is not number `seen`, and returns its number. */
static inline unsigned cnncc_pool_wait(cnncc_pool *p, unsigned seen)
{
    enum { SPINS = 4000 };
    unsigned now = seen;
    for (int i = 0; i < SPINS && now == seen; i++)
        now = __atomic_load_n(&p->jobs, __ATOMIC_ACQUIRE);
    if (now != seen)
        return now;
    pthread_mutex_lock(&p->lock);
    p->sleepers++;
    while ((now = __atomic_load_n(&p->jobs, __ATOMIC_ACQUIRE)) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    p->sleepers--;
    pthread_mutex_unlock(&p->lock);
    return now;
}

static inline void *cnncc_pool_work(void *argument)
{
    const struct cnncc_pool_thread *t = (const struct cnncc_pool_thread *)argument;
    cnncc_pool *p = t->pool;
    unsigned seen = 0;
    for (;;) {
        seen = cnncc_pool_wait(p, seen);
        if (p->stop)
            return NULL;
        if (t->part < p->parts)
            p->part(p->job, t->part);
        __atomic_sub_fetch(&p->running, 1, __ATOMIC_ACQ_REL);
    }
}

static inline void cnncc_pool_signal(cnncc_pool *p)
{
    __atomic_store_n(&p->running, p->threads, __ATOMIC_RELEASE);
    pthread_mutex_lock(&p->lock);
    __atomic_add_fetch(&p->jobs, 1, __ATOMIC_RELEASE);
    if (p->sleepers > 0)
        pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static inline void cnncc_pool_free(cnncc_pool *p)
{
    if (p == NULL)
        return;
    p->stop = 1;
    cnncc_pool_signal(p);
    for (int i = 0; i < p->threads; i++)
        pthread_join(p->thread[i].id, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->busy);
    free(p);
}

/* A pool that runs up to `parts` parts of a job at the same time: the caller's thread and
 * parts - 1 of its own. NULL when threads or memory are missing. */
static inline cnncc_pool *cnncc_pool_new(int parts)
{
    int wanted = parts > 1 ? parts - 1 : 0;
    cnncc_pool *p =
        (cnncc_pool *)calloc(1, sizeof *p + (size_t)wanted * sizeof(struct cnncc_pool_thread));
    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->busy, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    while (p->threads < wanted) {
        struct cnncc_pool_thread *t = &p->thread[p->threads];
        t->pool = p;
        t->part = p->threads + 1;
        if (pthread_create(&t->id, NULL, cnncc_pool_work, t) != 0) {
            cnncc_pool_free(p);
            return NULL;
        }
        p->threads++;
    }
    return p;
}

/* Calls part(job, 0) … part(job, parts - 1), all at the same time, and returns when all have
 * returned. `pool` is a cnncc_pool for at least so many parts. One job at a time: further callers
 * wait. */
static inline void cnncc_pool_run(void *pool, int parts, void (*part)(void *job, int part),
                                  void *job)
{
    cnncc_pool *p = (cnncc_pool *)pool;
    pthread_mutex_lock(&p->busy);
    p->parts = parts;
    p->part = part;
    p->job = job;
    cnncc_pool_signal(p);
    part(job, 0);
    for (int spins = 0; __atomic_load_n(&p->running, __ATOMIC_ACQUIRE) > 0; spins++)
        if (spins >= 4000)
            sched_yield();
    pthread_mutex_unlock(&p->busy);
}

#endif
