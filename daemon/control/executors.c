/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/executors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct executor {
    struct executors *all;
    pthread_t thread;
    bool busy;
    char owner[TOKEN_NAME_MAX]; /* of what it carries out */
};

struct executors {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job came, or one was done, or the end */
    struct list jobs;
    size_t count, share;
    bool quit;
    struct executor list[];
};

/* What follows is called with the lock. */

static size_t running_of(const struct executors *all, const char *owner)
{
    size_t running = 0;
    for (size_t i = 0; i < all->count; i++)
        running += all->list[i].busy && !memcmp(all->list[i].owner, owner, TOKEN_NAME_MAX);
    return running;
}

/* The next job, taken out; NULL where there is none that may run now. */
static struct job *take(struct executors *all)
{
    struct job *next = NULL;
    size_t fewest = all->share;
    list_for_each (link, &all->jobs) {
        struct job *job = list_item(link, struct job, link);
        size_t running = running_of(all, job->owner);
        if (running < fewest) {
            fewest = running;
            next = job;
        }
        if (next && !fewest)
            break;
    }
    if (next)
        list_remove(&next->link);
    return next;
}

/* ---- threads ---- */

static void run(struct executor *executor, struct job *job)
{
    struct executors *all = executor->all;
    memcpy(executor->owner, job->owner, sizeof executor->owner);
    executor->busy = true;
    pthread_mutex_unlock(&all->lock);
    job->run(job);
    pthread_mutex_lock(&all->lock);
    executor->busy = false;
    /* Another job of this owner may run now. */
    if (!list_empty(&all->jobs))
        pthread_cond_broadcast(&all->changed);
}

static void *executor_main(void *argument)
{
    struct executor *executor = argument;
    struct executors *all = executor->all;
    pthread_setname_np(pthread_self(), "calls");
    pthread_mutex_lock(&all->lock);
    for (;;) {
        struct job *job = take(all);
        if (job)
            run(executor, job);
        else if (all->quit && list_empty(&all->jobs))
            break;
        else
            pthread_cond_wait(&all->changed, &all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

struct executors *executors_new(size_t count, size_t share)
{
    struct executors *all = mem_new(1, sizeof *all + count * sizeof all->list[0]);
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
    list_init(&all->jobs);
    all->share = share;
    for (; all->count < count; all->count++) {
        struct executor *executor = &all->list[all->count];
        executor->all = all;
        if (pthread_create(&executor->thread, NULL, executor_main, executor)) {
            executors_free(all);
            return NULL;
        }
    }
    return all;
}

void executors_add(struct executors *all, struct job *job)
{
    pthread_mutex_lock(&all->lock);
    list_append(&all->jobs, &job->link);
    pthread_cond_signal(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

void executors_free(struct executors *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->quit = true;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        pthread_join(all->list[i].thread, NULL);
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->lock);
    free(all);
}
