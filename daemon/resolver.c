/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "mem.h"
#include "protocol.h"

enum { NAMES_MAX = 1024 };

#define KEPT (15 * NS_PER_SEC)

struct name {
    struct list link; /* of all names, the oldest first */
    char host[PROTOCOL_HOST_MAX];
    enum resolver_answer answer;
    struct addresses addresses;
    struct fail fail;
    int64_t expires;
};

struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* somebody asks, or one of these: */
    bool quit, ended;
    pthread_t thread;
    struct list names;
    int count;
    struct waitlist waitlist;
};

static struct name *next_pending(struct resolver *resolver)
{
    list_for_each (link, &resolver->names) {
        struct name *name = list_item(link, struct name, link);
        if (name->answer == RESOLVER_PENDING)
            return name;
    }
    return NULL;
}

static void *resolver_main(void *argument)
{
    struct resolver *resolver = argument;
    pthread_setname_np(pthread_self(), "resolver");
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->quit) {
        struct name *name = next_pending(resolver);
        if (!name) {
            pthread_cond_wait(&resolver->changed, &resolver->lock);
            continue;
        }
        /* A pending name is never thrown away, so it may be used without the lock. */
        struct addresses addresses;
        struct fail fail;
        pthread_mutex_unlock(&resolver->lock);
        bool known = addresses_resolve(name->host, &addresses, &fail);
        pthread_mutex_lock(&resolver->lock);
        name->addresses = addresses;
        name->fail = fail;
        name->answer = known ? RESOLVER_KNOWN : RESOLVER_UNKNOWN;
        name->expires = clock_now() + KEPT;
        pthread_mutex_unlock(&resolver->lock);
        waitlist_wake(&resolver->waitlist);
        pthread_mutex_lock(&resolver->lock);
    }
    resolver->ended = true;
    pthread_cond_signal(&resolver->changed);
    pthread_mutex_unlock(&resolver->lock);
    return NULL;
}

struct resolver *resolver_start(struct fail *fail)
{
    struct resolver *resolver = mem_new(1, sizeof *resolver);
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&resolver->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    list_init(&resolver->names);
    waitlist_init(&resolver->waitlist);
    int error = pthread_create(&resolver->thread, NULL, resolver_main, resolver);
    if (!error)
        return resolver;
    fail_set(fail, 0, "the resolver's thread can't be started: %s", fail_errno(error));
    free(resolver);
    return NULL;
}

static void forget(struct resolver *resolver, struct name *name)
{
    list_remove(&name->link);
    resolver->count--;
    free(name);
}

void resolver_stop(struct resolver *resolver)
{
    if (!resolver)
        return;
    /* A name server that does not answer shall not keep the daemon from ending. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&resolver->lock);
    resolver->quit = true;
    pthread_cond_signal(&resolver->changed);
    int late = 0;
    while (!resolver->ended && !late)
        late = pthread_cond_timedwait(&resolver->changed, &resolver->lock, &until);
    bool ended = resolver->ended;
    pthread_mutex_unlock(&resolver->lock);
    if (!ended)
        return;
    pthread_join(resolver->thread, NULL);
    list_for_each_safe (link, &resolver->names)
        forget(resolver, list_item(link, struct name, link));
    waitlist_destroy(&resolver->waitlist);
    pthread_mutex_destroy(&resolver->lock);
    pthread_cond_destroy(&resolver->changed);
    free(resolver);
}

static struct name *find(struct resolver *resolver, const char *host)
{
    int64_t now = clock_now();
    struct name *found = NULL;
    list_for_each_safe (link, &resolver->names) {
        struct name *name = list_item(link, struct name, link);
        if (name->answer != RESOLVER_PENDING && now >= name->expires)
            forget(resolver, name);
        else if (!strcmp(name->host, host))
            found = name;
    }
    return found;
}

static enum resolver_answer ask(struct resolver *resolver, const char *host, struct fail *fail)
{
    if (resolver->count >= NAMES_MAX) {
        fail_set(fail, FAULT_TOO_MANY, "too many host names are being looked up; use addresses");
        return RESOLVER_UNKNOWN;
    }
    struct name *name = mem_new(1, sizeof *name);
    if (!mem_copy_text(name->host, sizeof name->host, host)) {
        free(name);
        fail_set(fail, FAULT_BAD_CALL, "a host name is too long");
        return RESOLVER_UNKNOWN;
    }
    name->answer = RESOLVER_PENDING;
    list_append(&resolver->names, &name->link);
    resolver->count++;
    pthread_cond_signal(&resolver->changed);
    return RESOLVER_PENDING;
}

enum resolver_answer resolver_lookup(struct resolver *resolver, const char *host,
                                     struct addresses *addresses, struct fail *fail)
{
    if (address_parse(host, 0, &addresses->list[0])) {
        addresses->count = 1;
        return RESOLVER_KNOWN;
    }
    pthread_mutex_lock(&resolver->lock);
    struct name *name = find(resolver, host);
    enum resolver_answer answer = name ? name->answer : ask(resolver, host, fail);
    if (answer == RESOLVER_KNOWN)
        *addresses = name->addresses;
    else if (name && answer == RESOLVER_UNKNOWN)
        *fail = name->fail;
    pthread_mutex_unlock(&resolver->lock);
    return answer;
}

struct waitlist *resolver_waitlist(struct resolver *resolver)
{
    return &resolver->waitlist;
}
