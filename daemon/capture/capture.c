/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The thread of a capture, and what it is asked to do. capture_open.c begins and ends it. */
#include "capture/capture_state.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net/route.h"

/* How long the thread sleeps when nothing comes, and while dumps wait for their end. */
enum { IDLE_MS = 1000, ENDING_MS = 20 };

/* Batches of packets between two looks at the dumps. */
enum { TURNS = 64 };

/* ---- asked from outside ---- */

void capture_wake(struct capture *capture)
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
    capture_wake(capture);
    pthread_mutex_unlock(&capture->lock);
}

const char *dump_name(const struct dump *dump)
{
    return dump->file.name;
}

void dump_set_owner(struct dump *dump, void (*ended)(void *owner, const struct dump_result *result),
                    void *owner)
{
    struct captures *captures = dump->capture->owner;
    pthread_mutex_lock(&captures->lock);
    dump->ended = ended;
    dump->owner = owner;
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
        dump_file_note(&dump->file, "the capture had already failed");
    else if (!dump->connection)
        dump_file_note(&dump->file, "too many connections to the captured port");
    if (strcmp(capture->interface, "any") && route_interface(&mail->peer, interface) &&
        strcmp(capture->interface, interface))
        dump_file_note(&dump->file,
                       "packets may be missing: they were captured on %s, but the route to the "
                       "peer now uses %s",
                       capture->interface, interface);
}

static void run_agree(struct dump *dump, const struct mail *mail)
{
    (void)mail;
    dump->agreed = true;
    dump_dir_add(dump->file.dir, dump->file.name, dump->user);
}

static void run_end(struct dump *dump, const struct mail *mail)
{
    dump->ending = true;
    dump->deadline = mail->deadline;
}

/* The dump has all that it will have; its owner is told so. */
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
    /* Told under the lock: who takes the owner back finds the command of this in its mailbox before
     * any that it posts itself. */
    pthread_mutex_lock(&capture->owner->lock);
    if (dump->ended)
        dump->ended(dump->owner, &result);
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

void capture_unref(struct capture *capture)
{
    if (capture->references)
        return;
    list_remove(&capture->link);
    list_append(&capture->owner->over, &capture->link);
    capture->owner->count--;
    capture->quit = true;
    capture_wake(capture);
}

void dump_end_file(struct dump *dump)
{
    if (dump->agreed)
        dump_file_close(&dump->file);
    else
        dump_file_discard(&dump->file);
}

/* The last dump takes its capture with it. */
static void run_close(struct dump *dump, const struct mail *mail)
{
    struct capture *capture = dump->capture;
    struct captures *captures = capture->owner;
    (void)mail;
    if (dump->connection)
        splitter_release(&capture->splitter, dump->connection, &dump->file);
    list_remove(&dump->link);
    dump_end_file(dump);
    free(dump);
    pthread_mutex_lock(&captures->lock);
    capture->references--;
    capture_unref(capture);
    pthread_mutex_unlock(&captures->lock);
}

void dump_claim(struct dump *dump, const struct address *local, const struct address *peer)
{
    post(dump, (struct mail){.run = run_claim, .local = *local, .peer = *peer});
}

void dump_agree(struct dump *dump)
{
    if (dump)
        post(dump, (struct mail){.run = run_agree});
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

static void service(struct capture *capture)
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

void *capture_run(void *context)
{
    struct capture *capture = context;
    while (!capture->quit) {
        struct pollfd fds[] = {
            {.fd = capture->wake_fd, .events = POLLIN},
            {.fd = capture->works ? pcap_source_fd(capture->source) : -1, .events = POLLIN}};
        poll(fds, 2, any_ending(capture) ? ENDING_MS : IDLE_MS);
        take_packets(capture);
        service(capture);
    }
    splitter_free(&capture->splitter);
    return NULL;
}
