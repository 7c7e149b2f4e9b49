/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How captures and dumps are opened and closed. */
#include "capture/capture_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "net/route.h"

struct captures *captures_new(struct dump_dir *dir)
{
    struct captures *captures = mem_new(1, sizeof *captures);
    captures->dir = dir;
    pthread_mutex_init(&captures->lock, NULL);
    list_init(&captures->all);
    list_init(&captures->over);
    return captures;
}

static void capture_free(struct capture *capture)
{
    pcap_source_close(capture->source);
    if (capture->wake_fd >= 0)
        close(capture->wake_fd);
    pthread_mutex_destroy(&capture->lock);
    free(capture);
}

/* Frees those that have ended, or are about to. */
static void reap(struct captures *captures)
{
    struct list over;
    list_init(&over);
    pthread_mutex_lock(&captures->lock);
    list_splice(&over, &captures->over);
    pthread_mutex_unlock(&captures->lock);
    list_for_each_safe (link, &over) {
        struct capture *capture = list_item(link, struct capture, link);
        pthread_join(capture->thread, NULL);
        capture_free(capture);
    }
}

/* Whatever did not come to its end in time: files hold what was captured until now. */
static void end_truncated(struct capture *capture)
{
    capture->quit = true;
    capture_wake(capture);
    pthread_join(capture->thread, NULL);
    list_for_each_safe (link, &capture->mailbox)
        free(list_item(link, struct mail, link));
    list_for_each_safe (link, &capture->dumps) {
        struct dump *dump = list_item(link, struct dump, link);
        dump_end_file(dump);
        free(dump);
    }
    capture_free(capture);
}

void captures_free(struct captures *captures)
{
    if (!captures)
        return;
    reap(captures);
    list_for_each_safe (link, &captures->all)
        end_truncated(list_item(link, struct capture, link));
    pthread_mutex_destroy(&captures->lock);
    free(captures);
}

/* The interface that leads to all of the addresses, or "any". */
static void choose_interface(const struct addresses *peers, char name[IF_NAMESIZE])
{
    char other[IF_NAMESIZE];
    for (size_t i = 0; i < peers->count; i++) {
        if (route_interface(&peers->list[i], i ? other : name) && (i == 0 || !strcmp(name, other)))
            continue;
        snprintf(name, IF_NAMESIZE, "any");
        return;
    }
    if (!peers->count)
        snprintf(name, IF_NAMESIZE, "any");
}

static struct capture *find(struct captures *captures, const char *interface,
                            const struct dump_request *request)
{
    list_for_each (link, &captures->all) {
        struct capture *capture = list_item(link, struct capture, link);
        if (capture->works && capture->port == request->port &&
            capture->snaplen == request->snaplen && !strcmp(capture->filter, request->filter) &&
            !strcmp(capture->asked, interface))
            return capture;
    }
    return NULL;
}

static bool open_source(struct capture *capture, const char *interface, struct fail *fail)
{
    snprintf(capture->interface, sizeof capture->interface, "%s", interface);
    capture->source =
        pcap_source_open(interface, capture->filter, capture->port, capture->snaplen, fail);
    return capture->source != NULL;
}

static struct capture *capture_start(struct captures *captures, const char *interface,
                                     const struct dump_request *request, struct fail *fail)
{
    struct capture *capture = mem_new(1, sizeof *capture);
    capture->owner = captures;
    snprintf(capture->asked, sizeof capture->asked, "%s", interface);
    capture->filter = request->filter;
    capture->holder = request->holder;
    capture->port = request->port;
    capture->snaplen = request->snaplen;
    capture->works = true;
    pthread_mutex_init(&capture->lock, NULL);
    list_init(&capture->mailbox);
    list_init(&capture->dumps);
    capture->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* An interface of a kind that is not known may still be seen through "any". */
    bool good = open_source(capture, interface, fail) ||
                (strcmp(interface, "any") && fail->code != FAULT_POLICY &&
                 open_source(capture, "any", fail));
    if (good) {
        splitter_init(&capture->splitter, pcap_source_link(capture->source));
        good =
            capture->wake_fd >= 0 && !pthread_create(&capture->thread, NULL, capture_run, capture);
        if (!good)
            fail_set(fail, FAULT_SYSTEM, "can't start a thread for packet dumps there");
    }
    if (!good) {
        capture_free(capture);
        return NULL;
    }
    list_append(&captures->all, &capture->link);
    captures->count++;
    log_debug("capturing %s port %u on %s", capture->filter, capture->port, capture->interface);
    return capture;
}

/* Whether the session and the user may have one more capture. */
static bool check_share(const struct captures *captures, const struct holder *holder,
                        struct fail *fail)
{
    int64_t left = CAPTURES_MAX - captures->count, of_session = 0, of_user = 0;
    list_for_each (link, &captures->all) {
        const struct holder *other = &list_item(link, struct capture, link)->holder;
        of_session += holder->session && other->session == holder->session;
        of_user += holder->user && other->user == holder->user;
    }
    if (share_allows(of_session, left) && share_allows(of_user, left))
        return true;
    return fail_set(fail, FAULT_TOO_MANY,
                    "%d packet captures are running there, %lld of this session and %lld of this "
                    "user, and the other %lld are reserved for others: dumps of flows to fewer "
                    "destinations, or with the same --snaplen, share one",
                    captures->count, (long long)of_session, (long long)of_user, (long long)left);
}

static struct capture *find_or_start(struct captures *captures, const struct dump_request *request,
                                     struct fail *fail)
{
    char interface[IF_NAMESIZE];
    choose_interface(request->peers, interface);
    struct capture *capture = find(captures, interface, request);
    if (capture)
        return capture;
    if (captures->count == CAPTURES_MAX) {
        fail_set(fail, FAULT_TOO_MANY,
                 "%d packet captures are running there, which is the limit: dumps of flows to "
                 "fewer destinations, or with the same --snaplen, share one",
                 CAPTURES_MAX);
        return NULL;
    }
    if (!check_share(captures, &request->holder, fail))
        return NULL;
    return capture_start(captures, interface, request, fail);
}

static struct dump *open_locked(struct captures *captures, const struct dump_request *request,
                                struct fail *fail)
{
    char name[DUMP_NAME_MAX];
    struct capture *capture = find_or_start(captures, request, fail);
    if (!capture)
        return NULL;
    struct dump *dump = mem_new(1, sizeof *dump);
    list_init(&dump->link);
    dump->capture = capture;
    snprintf(dump->user, sizeof dump->user, "%s", request->user);
    dump_name_make(name, request->prefix, request->run, request->flow, request->endpoint,
                   request->host, DUMP_SUFFIX);
    const struct dump_format format = {
        .link = capture->splitter.link,
        .snaplen = capture->snaplen,
        .microseconds = request->microseconds,
    };
    if (!dump_file_create(&dump->file, captures->dir, name, &format, fail)) {
        free(dump);
        capture_unref(capture);
        return NULL;
    }
    capture->references++;
    return dump;
}

struct dump *dump_open(struct captures *captures, const struct dump_request *request,
                       struct fail *fail)
{
    if (captures->dir->fd < 0) {
        fail_set(fail, FAULT_POLICY,
                 "packets can't be dumped there: flowd was started without a directory for dumps "
                 "(-w, --dump-dir)");
        return NULL;
    }
    reap(captures);
    pthread_mutex_lock(&captures->lock);
    struct dump *dump = open_locked(captures, request, fail);
    pthread_mutex_unlock(&captures->lock);
    return dump;
}
