/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/resolver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "mem.h"
#include "protocol.h"

enum {
    NAMES_MAX = 1024,
    THREADS_MAX = 8,
    PENDING_PER_SESSION = 32, /* the rest of a session's names follows as these are answered */
    LOOKUPS_PER_SESSION = 2,  /* at once */
    LOOKUPS_PER_USER = 4,
};

/* How long an answer is kept. */
#define CACHE_LIFETIME (15 * NS_PER_SEC)

/* A session that has asked for names. */
struct asker {
    struct list link;
    const void *session, *user;
    int pending;    /* names, those that are looked up included */
    int lookups;    /* names that are looked up now */
    uint64_t turn;  /* of its last lookup; 0: it had none */
    bool forgotten; /* freed with its last lookup */
};

struct name {
    struct list link; /* of all names, the oldest first */
    char host[PROTOCOL_HOST_MAX];
    enum resolver_answer answer;
    bool in_lookup;
    struct asker *asker; /* while it is pending: who asked first */
    int64_t until;       /* while it is pending: how long somebody waits for it */
    struct addresses addresses;
    struct fail fail;
    int64_t expires;
};

struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* somebody asks, or one of these: */
    bool quit;
    int running, idle; /* threads */
    pthread_t threads[THREADS_MAX];
    int thread_count;
    struct list names, askers;
    int count;
    uint64_t turn;
    struct waitlist waitlist;
};

/* ---- askers ---- */

static struct asker *find_asker(struct resolver *resolver, const struct resolver_client *client)
{
    list_for_each (link, &resolver->askers) {
        struct asker *asker = list_item(link, struct asker, link);
        if (asker->session == client->session && !asker->forgotten)
            return asker;
    }
    struct asker *asker = mem_new(1, sizeof *asker);
    asker->session = client->session;
    asker->user = client->user;
    list_append(&resolver->askers, &asker->link);
    return asker;
}

static void release_asker(struct asker *asker)
{
    if (!asker->forgotten || asker->pending)
        return;
    list_remove(&asker->link);
    free(asker);
}

static int lookups_of_user(struct resolver *resolver, const void *user)
{
    int lookups = 0;
    list_for_each (link, &resolver->askers) {
        struct asker *asker = list_item(link, struct asker, link);
        if (user && asker->user == user)
            lookups += asker->lookups;
    }
    return lookups;
}

/* ---- names ---- */

static void end_pending(struct name *name)
{
    name->asker->pending--;
    release_asker(name->asker);
    name->asker = NULL;
}

static void forget(struct resolver *resolver, struct name *name)
{
    if (name->asker)
        end_pending(name);
    list_remove(&name->link);
    resolver->count--;
    free(name);
}

/* Of those that may be looked up now, one of the session whose turn is the longest ago; NULL: there
 * is none. What nobody waits for any more is forgotten. */
static struct name *next_pending(struct resolver *resolver, int64_t now)
{
    struct name *next = NULL;
    list_for_each_safe (link, &resolver->names) {
        struct name *name = list_item(link, struct name, link);
        if (name->answer != RESOLVER_PENDING || name->in_lookup)
            continue;
        if (now >= name->until)
            forget(resolver, name);
        else if (name->asker->lookups < LOOKUPS_PER_SESSION &&
                 lookups_of_user(resolver, name->asker->user) < LOOKUPS_PER_USER &&
                 (!next || name->asker->turn < next->asker->turn))
            next = name;
    }
    return next;
}

static int add_thread(struct resolver *resolver);

/* With the lock: lets another thread see to what can be looked up besides, if anything can. */
static void hand_on(struct resolver *resolver)
{
    if (!next_pending(resolver, clock_now()) || resolver->quit)
        return;
    if (resolver->idle)
        pthread_cond_signal(&resolver->changed);
    else if (resolver->thread_count < THREADS_MAX)
        add_thread(resolver); /* where there can't be one, those that are there come to it */
}

/* With the lock, which is let go meanwhile: a name in lookup is never forgotten. */
static void look_up(struct resolver *resolver, struct name *name)
{
    struct addresses addresses;
    struct fail fail;
    name->in_lookup = true;
    name->asker->lookups++;
    name->asker->turn = ++resolver->turn;
    hand_on(resolver);
    pthread_mutex_unlock(&resolver->lock);
    bool known = addresses_resolve(name->host, &addresses, &fail);
    pthread_mutex_lock(&resolver->lock);
    name->in_lookup = false;
    name->asker->lookups--;
    end_pending(name);
    name->addresses = addresses;
    name->fail = fail;
    name->answer = known ? RESOLVER_KNOWN : RESOLVER_UNKNOWN;
    name->expires = clock_now() + CACHE_LIFETIME;
}

/* ---- threads ---- */

static void *resolver_main(void *argument)
{
    struct resolver *resolver = argument;
    pthread_setname_np(pthread_self(), "resolver");
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->quit) {
        struct name *name = next_pending(resolver, clock_now());
        if (!name) {
            resolver->idle++;
            pthread_cond_wait(&resolver->changed, &resolver->lock);
            resolver->idle--;
            continue;
        }
        look_up(resolver, name);
        pthread_cond_signal(&resolver->changed); /* its session's next one may be looked up */
        pthread_mutex_unlock(&resolver->lock);
        waitlist_wake(&resolver->waitlist);
        pthread_mutex_lock(&resolver->lock);
    }
    resolver->running--;
    pthread_cond_broadcast(&resolver->changed);
    pthread_mutex_unlock(&resolver->lock);
    return NULL;
}

/* With the lock, or before anybody else knows the resolver. Returns an error number. */
static int add_thread(struct resolver *resolver)
{
    int error =
        pthread_create(&resolver->threads[resolver->thread_count], NULL, resolver_main, resolver);
    resolver->thread_count += !error;
    resolver->running += !error;
    return error;
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
    list_init(&resolver->askers);
    waitlist_init(&resolver->waitlist);
    pthread_mutex_lock(&resolver->lock);
    int error = add_thread(resolver);
    pthread_mutex_unlock(&resolver->lock);
    if (!error)
        return resolver;
    fail_set(fail, 0, "can't start the resolver's thread: %s", fail_errno(error));
    free(resolver);
    return NULL;
}

/* Returns whether all threads end within a second: a name server that does not answer shall not
 * keep the daemon from ending. */
static bool wait_for_threads(struct resolver *resolver)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&resolver->lock);
    resolver->quit = true;
    pthread_cond_broadcast(&resolver->changed);
    int late = 0;
    while (resolver->running && !late)
        late = pthread_cond_timedwait(&resolver->changed, &resolver->lock, &until);
    bool ended = !resolver->running;
    pthread_mutex_unlock(&resolver->lock);
    return ended;
}

void resolver_stop(struct resolver *resolver)
{
    if (!resolver)
        return;
    bool ended = wait_for_threads(resolver);
    for (int i = 0; i < resolver->thread_count; i++)
        if (ended)
            pthread_join(resolver->threads[i], NULL);
        else
            pthread_detach(resolver->threads[i]);
    if (!ended)
        return; /* what those that are left may still look at stays */
    list_for_each_safe (link, &resolver->names)
        forget(resolver, list_item(link, struct name, link));
    list_for_each_safe (link, &resolver->askers)
        free(list_item(link, struct asker, link));
    waitlist_destroy(&resolver->waitlist);
    pthread_mutex_destroy(&resolver->lock);
    pthread_cond_destroy(&resolver->changed);
    free(resolver);
}

/* ---- asking ---- */

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

/* Whether one more name can be kept; answers make room for it, the oldest first. */
static bool make_room(struct resolver *resolver)
{
    list_for_each_safe (link, &resolver->names) {
        struct name *name = list_item(link, struct name, link);
        if (resolver->count < NAMES_MAX)
            break;
        if (name->answer != RESOLVER_PENDING)
            forget(resolver, name);
    }
    return resolver->count < NAMES_MAX;
}

static enum resolver_answer ask(struct resolver *resolver, const char *host,
                                const struct resolver_client *client, struct fail *fail)
{
    struct asker *asker = find_asker(resolver, client);
    if (strlen(host) >= PROTOCOL_HOST_MAX) {
        fail_set(fail, FAULT_BAD_CALL, "a host name is too long");
        return RESOLVER_UNKNOWN;
    }
    /* It is asked for again at the next answer. */
    if (asker->pending >= PENDING_PER_SESSION || !make_room(resolver))
        return RESOLVER_PENDING;
    struct name *name = mem_new(1, sizeof *name);
    strcpy(name->host, host);
    name->answer = RESOLVER_PENDING;
    name->asker = asker;
    name->until = client->until;
    asker->pending++;
    list_append(&resolver->names, &name->link);
    resolver->count++;
    hand_on(resolver);
    return RESOLVER_PENDING;
}

enum resolver_answer resolver_lookup(struct resolver *resolver, const char *host,
                                     const struct resolver_client *client,
                                     struct addresses *addresses, struct fail *fail)
{
    if (address_parse(host, 0, &addresses->list[0])) {
        addresses->list[0] = address_on_wire(&addresses->list[0]);
        addresses->count = 1;
        return RESOLVER_KNOWN;
    }
    pthread_mutex_lock(&resolver->lock);
    struct name *name = find(resolver, host);
    enum resolver_answer answer = name ? name->answer : ask(resolver, host, client, fail);
    if (answer == RESOLVER_KNOWN)
        *addresses = name->addresses;
    else if (name && answer == RESOLVER_UNKNOWN && fail)
        *fail = name->fail;
    else if (name && answer == RESOLVER_PENDING && name->until < client->until)
        name->until = client->until;
    pthread_mutex_unlock(&resolver->lock);
    return answer;
}

void resolver_forget(struct resolver *resolver, const void *session)
{
    bool any = false;
    if (!resolver)
        return;
    pthread_mutex_lock(&resolver->lock);
    list_for_each_safe (link, &resolver->names) {
        struct name *name = list_item(link, struct name, link);
        if (name->asker && name->asker->session == session && !name->in_lookup) {
            forget(resolver, name);
            any = true;
        }
    }
    list_for_each_safe (link, &resolver->askers) {
        struct asker *asker = list_item(link, struct asker, link);
        asker->forgotten |= asker->session == session;
        release_asker(asker);
    }
    pthread_cond_signal(&resolver->changed);
    pthread_mutex_unlock(&resolver->lock);
    if (any) /* others may wait for the same names */
        waitlist_wake(&resolver->waitlist);
}

struct waitlist *resolver_waitlist(struct resolver *resolver)
{
    return &resolver->waitlist;
}
