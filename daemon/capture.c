/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture_pcap.h"
#include "flow.h"
#include "log.h"
#include "route.h"
#include "splitter.h"

/* How long the thread sleeps when nothing comes, and while dumps wait for their end. */
enum { IDLE_MS = 1000, ENDING_MS = 20 };

/* Batches of packets between two looks at the dumps. */
enum { TURNS = 64 };

struct capture {
    struct list link; /* of captures->all, then of captures->over */
    struct captures *owner;
    char asked[IF_NAMESIZE];     /* the interface that was asked for */
    char interface[IF_NAMESIZE]; /* that it is on; "any": all */
    uint16_t port;
    int snaplen;
    int references; /* dumps; with the owner's lock */
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t lock; /* of the mailbox */
    struct list mailbox;
    atomic_bool quit;

    atomic_bool works; /* until the interface goes away, or the like */

    /* The thread's. */
    struct pcap_source *source;
    struct splitter splitter;
    struct list dumps;
    int64_t swept;
};

struct captures {
    struct dump_dir *dir;
    pthread_mutex_t lock;
    struct list all, over;
    int count;
};

struct dump {
    struct list link; /* of the capture's dumps */
    struct capture *capture;
    struct flow *flow; /* with the lock of all captures */
    /* The thread's, once there is one. */
    struct dump_file file;
    struct connection *connection;
    bool claimed, ending, told;
    int64_t deadline;
    int64_t dropped_before;
};

/* What the thread is asked to do; in the order of posting. */
struct mail {
    struct list link;
    void (*run)(struct dump *dump, const struct mail *mail);
    struct dump *dump;
    struct address local, peer;
    int64_t deadline;
};

/* ---- asked from outside ---- */

static void wake(struct capture *capture)
{
    uint64_t one = 1;
    if (write(capture->wake_fd, &one, sizeof one) != sizeof one)
        log_debug("a capture is awake already");
}

static void post(struct dump *dump, struct mail content)
{
    struct capture *capture = dump->capture;
    struct mail *mail = mem_new(1, sizeof *mail);
    *mail = content;
    mail->dump = dump;
    pthread_mutex_lock(&capture->lock);
    list_append(&capture->mailbox, &mail->link);
    wake(capture);
    pthread_mutex_unlock(&capture->lock);
}

const char *dump_name(const struct dump *dump)
{
    return dump->file.name;
}

void dump_set_flow(struct dump *dump, struct flow *flow)
{
    struct captures *captures = dump->capture->owner;
    pthread_mutex_lock(&captures->lock);
    dump->flow = flow;
    pthread_mutex_unlock(&captures->lock);
}

/* ---- on the thread ---- */

static void run_claim(struct dump *dump, const struct mail *mail)
{
    struct capture *capture = dump->capture;
    char interface[IF_NAMESIZE];
    if (dump->connection)
        splitter_release(&capture->splitter, dump->connection, &dump->file);
    dump->claimed = true;
    dump->dropped_before = pcap_source_dropped(capture->source);
    dump->connection = splitter_claim(&capture->splitter, &mail->local, &mail->peer, &dump->file);
    if (!capture->works)
        dump_file_note(&dump->file, "the capture had failed before");
    else if (!dump->connection)
        dump_file_note(&dump->file, "too many connections come to the port that is captured");
    if (strcmp(capture->interface, "any") && route_interface(&mail->peer, interface) &&
        strcmp(capture->interface, interface))
        dump_file_note(&dump->file,
                       "packets may be missing: they were captured on %s, but the route to the "
                       "peer is now by %s",
                       capture->interface, interface);
}

static void run_end(struct dump *dump, const struct mail *mail)
{
    dump->ending = true;
    dump->deadline = mail->deadline;
}

/* The dump has all that it will have; its flow is told so. */
static void conclude(struct dump *dump)
{
    struct capture *capture = dump->capture;
    struct dump_result result = {0};
    dump->told = true;
    if (dump->connection)
        splitter_release(&capture->splitter, dump->connection, &dump->file);
    dump->connection = NULL;
    dump_file_close(&dump->file);
    result.packets = dump->file.packets;
    result.dropped = dump->file.missed;
    if (dump->claimed)
        result.dropped += pcap_source_dropped(capture->source) - dump->dropped_before;
    memcpy(result.note, dump->file.note, sizeof result.note);
    /* Posted under the lock: who takes the flow back finds the command in the mailbox before any
     * that it posts itself. */
    pthread_mutex_lock(&capture->owner->lock);
    if (dump->flow)
        flow_post_dump_ended(dump->flow, &result);
    pthread_mutex_unlock(&capture->owner->lock);
}

static void conclude_if_over(struct dump *dump, int64_t now)
{
    if (!dump->ending || dump->told)
        return;
    if (!dump->claimed || dump->file.fd < 0 || now >= dump->deadline ||
        (dump->connection && connection_is_over(dump->connection)))
        conclude(dump);
}

/* With the lock: a capture that nobody uses does not stay. */
static void let_go(struct capture *capture)
{
    if (capture->references)
        return;
    list_remove(&capture->link);
    list_append(&capture->owner->over, &capture->link);
    capture->owner->count--;
    capture->quit = true;
    wake(capture);
}

/* The last dump takes its capture with it. */
static void run_close(struct dump *dump, const struct mail *mail)
{
    struct capture *capture = dump->capture;
    struct captures *captures = capture->owner;
    (void)mail;
    if (dump->connection)
        splitter_release(&capture->splitter, dump->connection, &dump->file);
    if (dump->claimed)
        dump_file_close(&dump->file);
    else
        dump_file_discard(&dump->file);
    list_remove(&dump->link);
    free(dump);
    pthread_mutex_lock(&captures->lock);
    capture->references--;
    let_go(capture);
    pthread_mutex_unlock(&captures->lock);
}

void dump_claim(struct dump *dump, const struct address *local, const struct address *peer)
{
    post(dump, (struct mail){.run = run_claim, .local = *local, .peer = *peer});
}

void dump_end(struct dump *dump, int64_t patience)
{
    post(dump, (struct mail){.run = run_end, .deadline = clock_now() + patience});
}

void dump_close(struct dump *dump)
{
    if (dump)
        post(dump, (struct mail){.run = run_close});
}

static void read_mail(struct capture *capture)
{
    struct list mails;
    uint64_t count;
    list_init(&mails);
    pthread_mutex_lock(&capture->lock);
    if (!list_empty(&capture->mailbox) &&
        read(capture->wake_fd, &count, sizeof count) != sizeof count)
        log_debug("a capture has mail but was not woken");
    list_splice(&mails, &capture->mailbox);
    pthread_mutex_unlock(&capture->lock);
    list_for_each_safe (link, &mails) {
        struct mail *mail = list_item(link, struct mail, link);
        struct dump *dump = mail->dump;
        /* The dumps of a capture are those that it has heard of. */
        if (list_empty(&dump->link))
            list_append(&capture->dumps, &dump->link);
        mail->run(dump, mail);
        free(mail);
    }
}

static void take_packet(void *context, const struct captured *captured)
{
    splitter_take(&((struct capture *)context)->splitter, captured);
}

/* The interface went away, or the like: the dumps keep what they have. */
static void note_failure(struct capture *capture, const char *why)
{
    log_warning("the capture on %s has failed: %s", capture->interface, why);
    list_for_each (link, &capture->dumps)
        dump_file_note(&list_item(link, struct dump, link)->file, "the capture failed: %s", why);
}

static void look_after(struct capture *capture)
{
    int64_t now = capture->splitter.now = clock_now();
    list_for_each (link, &capture->dumps)
        conclude_if_over(list_item(link, struct dump, link), now);
    if (now - capture->swept < NS_PER_SEC)
        return;
    capture->swept = now;
    splitter_sweep(&capture->splitter);
}

static bool any_ending(const struct capture *capture)
{
    list_for_each (link, &capture->dumps) {
        const struct dump *dump = list_item(link, struct dump, link);
        if (dump->ending && !dump->told)
            return true;
    }
    return false;
}

/* Some packets, and mail between the batches: a flow's claim is read before its connection has
 * brought more packets than are kept. */
static void take_packets(struct capture *capture)
{
    struct fail fail;
    int got = 1;
    for (int turn = 0; turn < TURNS && got > 0; turn++) {
        read_mail(capture);
        if (capture->quit || !capture->works)
            return;
        got = pcap_source_read(capture->source, take_packet, capture, &fail);
    }
    if (got >= 0)
        return;
    capture->works = false;
    note_failure(capture, fail.text);
}

static void *run(void *context)
{
    struct capture *capture = context;
    while (!capture->quit) {
        struct pollfd fds[] = {
            {.fd = capture->wake_fd, .events = POLLIN},
            {.fd = capture->works ? pcap_source_fd(capture->source) : -1, .events = POLLIN}};
        poll(fds, 2, any_ending(capture) ? ENDING_MS : IDLE_MS);
        take_packets(capture);
        look_after(capture);
    }
    splitter_free(&capture->splitter);
    return NULL;
}

/* ---- opening and closing ---- */

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
static void cut_off(struct capture *capture)
{
    capture->quit = true;
    wake(capture);
    pthread_join(capture->thread, NULL);
    list_for_each_safe (link, &capture->mailbox)
        free(list_item(link, struct mail, link));
    list_for_each_safe (link, &capture->dumps) {
        struct dump *dump = list_item(link, struct dump, link);
        dump_file_close(&dump->file);
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
        cut_off(list_item(link, struct capture, link));
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
            capture->snaplen == request->snaplen && !strcmp(capture->asked, interface))
            return capture;
    }
    return NULL;
}

static bool open_source(struct capture *capture, const char *interface, struct fail *fail)
{
    snprintf(capture->interface, sizeof capture->interface, "%s", interface);
    capture->source = pcap_source_open(interface, capture->port, capture->snaplen, fail);
    return capture->source != NULL;
}

static struct capture *capture_start(struct captures *captures, const char *interface,
                                     const struct dump_request *request, struct fail *fail)
{
    struct capture *capture = mem_new(1, sizeof *capture);
    capture->owner = captures;
    snprintf(capture->asked, sizeof capture->asked, "%s", interface);
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
        good = capture->wake_fd >= 0 && !pthread_create(&capture->thread, NULL, run, capture);
        if (!good)
            fail_set(fail, FAULT_SYSTEM, "a thread for packet dumps can't be started there");
    }
    if (!good) {
        capture_free(capture);
        return NULL;
    }
    list_append(&captures->all, &capture->link);
    captures->count++;
    log_debug("capturing TCP port %u on %s", capture->port, capture->interface);
    return capture;
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
                 "%d packet captures run there already, and there can be no more: dumps of flows "
                 "to fewer destinations, or with the same --snaplen, share one",
                 CAPTURES_MAX);
        return NULL;
    }
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
    dump_name_make(name, request->prefix, request->run, request->flow, request->endpoint,
                   request->host);
    if (!dump_file_create(&dump->file, captures->dir, name, capture->splitter.link,
                          capture->snaplen, fail)) {
        free(dump);
        let_go(capture);
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
