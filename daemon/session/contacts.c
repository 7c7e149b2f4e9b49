/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "session/contacts.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "list.h"
#include "mem.h"
#include "protocol.h"

enum { TARGETS_MAX = 4096 };

/* For so long a target that agreed once is known to be a daemon's. */
#define AGREEMENT_LIFETIME (3600 * NS_PER_SEC)

struct target {
    struct list link; /* that which was used last is the last */
    struct address address;
    struct contact_bucket bucket;
    int64_t under_way;
    int64_t agreed_at; /* 0: never */
};

struct contacts {
    pthread_mutex_t lock;
    struct list targets;
    int count;
};

struct contacts *contacts_new(void)
{
    struct contacts *contacts = mem_new(1, sizeof *contacts);
    pthread_mutex_init(&contacts->lock, NULL);
    list_init(&contacts->targets);
    return contacts;
}

void contacts_free(struct contacts *contacts)
{
    if (!contacts)
        return;
    list_for_each_safe (link, &contacts->targets)
        free(list_item(link, struct target, link));
    pthread_mutex_destroy(&contacts->lock);
    free(contacts);
}

/* ---- buckets: each contact without an agreement moves the time at which all is free again */

static void bucket_use(struct contact_bucket *bucket, int64_t now)
{
    if (bucket->free_at < now)
        bucket->free_at = now;
    bucket->free_at += NS_PER_SEC / CONTACTS_PER_SECOND;
}

/* How long until one more may be tried; 0: now. */
static int64_t bucket_wait(const struct contact_bucket *bucket, int64_t now)
{
    int64_t wait = bucket->free_at - now - CONTACTS_BURST * (NS_PER_SEC / CONTACTS_PER_SECOND);
    return wait > 0 ? wait : 0;
}

/* ---- targets */

static bool agreed_lately(const struct target *target, int64_t now)
{
    return target->agreed_at && now - target->agreed_at < AGREEMENT_LIFETIME;
}

/* Forgets the targets of which nothing is left to know, those not used for longest first; where
 * there are none, one that has agreed. */
static void make_room(struct contacts *contacts, int64_t now)
{
    for (int round = 0; round < 2 && contacts->count >= TARGETS_MAX; round++) {
        list_for_each_safe (link, &contacts->targets) {
            struct target *target = list_item(link, struct target, link);
            if (contacts->count < TARGETS_MAX || target->under_way ||
                target->bucket.free_at > now || (!round && agreed_lately(target, now)))
                continue;
            list_remove(&target->link);
            free(target);
            contacts->count--;
        }
    }
}

/* Without its port. NULL if it is not known. */
static struct target *find(struct contacts *contacts, const struct address *address)
{
    struct address host = *address;
    address_set_port(&host, 0);
    list_for_each (link, &contacts->targets) {
        struct target *target = list_item(link, struct target, link);
        if (address_equal(&target->address, &host))
            return target;
    }
    return NULL;
}

/* NULL where no more are kept: all of them are under way, or have failed of late. */
static struct target *find_or_add(struct contacts *contacts, const struct address *address,
                                  int64_t now)
{
    struct target *target = find(contacts, address);
    if (target) {
        list_remove(&target->link);
        list_append(&contacts->targets, &target->link);
        return target;
    }
    make_room(contacts, now);
    if (contacts->count >= TARGETS_MAX)
        return NULL;
    target = mem_new(1, sizeof *target);
    target->address = *address;
    address_set_port(&target->address, 0);
    list_append(&contacts->targets, &target->link);
    contacts->count++;
    return target;
}

static bool refuse(const struct address *address, const char *whose, int64_t wait,
                   struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(address, text);
    return fail_set(fail, FAULT_POLICY,
                    "too many connections %s without the agreement of a flowd there; %s can be "
                    "tried again in %.3g s",
                    whose, text, (double)wait / NS_PER_SEC);
}

static bool check(const struct target *target, const struct contact_bucket *user,
                  const struct address *address, int64_t now, struct fail *fail)
{
    if (!target)
        return fail_set(fail, FAULT_TOO_MANY,
                        "connections to %d other hosts are pending, or were not agreed to recently",
                        TARGETS_MAX);
    int64_t wait = bucket_wait(&target->bucket, now);
    if (wait)
        return refuse(address, "to this host", wait, fail);
    if (agreed_lately(target, now))
        return true;
    wait = user ? bucket_wait(user, now) : 0;
    if (wait)
        return refuse(address, "for this user", wait, fail);
    return target->under_way < CONTACTS_UNKNOWN_MAX ||
           fail_set(fail, FAULT_POLICY,
                    "%d connections to this host are pending, and it has not agreed to any yet",
                    CONTACTS_UNKNOWN_MAX);
}

bool contacts_begin(struct contacts *contacts, struct contact_bucket *user,
                    const struct address *address, int64_t now, struct fail *fail)
{
    pthread_mutex_lock(&contacts->lock);
    struct target *target = find_or_add(contacts, address, now);
    bool good = check(target, user, address, now, fail);
    if (good)
        target->under_way++;
    pthread_mutex_unlock(&contacts->lock);
    return good;
}

void contacts_end(struct contacts *contacts, struct contact_bucket *user,
                  const struct address *address, enum contact_end end, int64_t now)
{
    pthread_mutex_lock(&contacts->lock);
    struct target *target = find(contacts, address); /* what is under way is kept */
    target->under_way--;
    if (end == CONTACT_AGREED)
        target->agreed_at = now;
    if (end == CONTACT_REFUSED) {
        bucket_use(&target->bucket, now);
        if (user)
            bucket_use(user, now);
    }
    pthread_mutex_unlock(&contacts->lock);
}
