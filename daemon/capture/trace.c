/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tracer's thread, and what it is asked to do. trace_open.c begins and ends it. */
#include "capture/trace.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/trace_state.h"
#include "clock.h"
#include "log.h"

enum { READ_MS = 5 };

/* How long a connection to a traced port is remembered that no flow claims. */
#define PATIENCE (15 * NS_PER_SEC)

/* ---- asked from outside ---- */

void tracer_wake(struct tracer *tracer)
{
    uint64_t one = 1;
    if (write(tracer->wake_fd, &one, sizeof one) != sizeof one)
        log_debug("the tracer is awake already");
}

static void post(struct trace *trace, struct trace_mail content)
{
    struct tracer *tracer = trace->owner_of_all;
    struct trace_mail *mail = mem_new(1, sizeof *mail);
    *mail = content;
    mail->trace = trace;
    pthread_mutex_lock(&tracer->lock);
    list_append(&tracer->mailbox, &mail->link);
    tracer_wake(tracer);
    pthread_mutex_unlock(&tracer->lock);
}

const char *trace_name(const struct trace *trace)
{
    return trace->file.file.name;
}

void trace_set_owner(struct trace *trace,
                     void (*ended)(void *owner, const struct trace_result *result), void *owner)
{
    struct tracer *tracer = trace->owner_of_all;
    pthread_mutex_lock(&tracer->lock);
    trace->ended = ended;
    trace->owner = owner;
    pthread_mutex_unlock(&tracer->lock);
}

/* ---- the sockets, on the thread ---- */

static struct list *bucket(struct tracer *tracer, uint64_t cookie)
{
    return &tracer->buckets[cookie % TRACE_BUCKETS];
}

static struct traced *find(struct tracer *tracer, uint64_t cookie)
{
    list_for_each (link, bucket(tracer, cookie)) {
        struct traced *traced = list_item(link, struct traced, link);
        if (traced->cookie == cookie)
            return traced;
    }
    return NULL;
}

static struct traced *add_traced(struct tracer *tracer, uint64_t cookie)
{
    struct traced *traced = mem_new(1, sizeof *traced);
    traced->cookie = cookie;
    traced->seen = clock_now();
    list_append(bucket(tracer, cookie), &traced->link);
    tracer->unclaimed++;
    return traced;
}

static void drop_traced(struct tracer *tracer, struct traced *traced)
{
    tracer->unclaimed -= !traced->trace;
    trace_kernel_forget(tracer->kernel, traced->cookie);
    list_remove(&traced->link);
    buffer_free(&traced->early);
    free(traced);
}

static void add_event(struct trace *trace, const struct trace_event *event)
{
    if (event->kind == TRACE_TCP_STATE &&
        !strcmp(trace_tcp_state_names[event->tcp_state % TRACE_TCP_STATES], "CLOSE"))
        trace->over = true;
    /* The kernel's part has let pass what came before the flow had claimed its connection. */
    if (!trace_passes(&trace->filter, event->kind, event->cwnd, event->ssthresh, event->ca_state))
        return;
    if (trace->file.file.packets >= trace->limit) {
        trace->file.file.missed++;
        dump_file_note(
            &trace->file.file,
            "the trace ends early: it has the %lld events that were asked for (--trace-max)",
            (long long)trace->limit);
        return;
    }
    trace_file_add(&trace->file, event);
}

static void take_event(void *context, const struct trace_ring_event *event)
{
    struct tracer *tracer = context;
    struct traced *traced = find(tracer, event->cookie);
    if (!traced && tracer->unclaimed >= TRACE_UNCLAIMED_MAX)
        return;
    if (!traced)
        traced = add_traced(tracer, event->cookie);
    if (traced->trace)
        add_event(traced->trace, &event->event);
    else if (traced->early.length < TRACE_EARLY_MAX * sizeof event->event)
        buffer_add(&traced->early, &event->event, sizeof event->event);
}

/* What the kernel's part could not tell of the trace's socket. */
static int64_t kernel_lost(const struct trace *trace)
{
    struct trace_socket socket;
    if (!trace->traced ||
        !trace_kernel_look(trace->owner_of_all->kernel, trace->traced->cookie, &socket))
        return 0;
    if (socket.lost)
        dump_file_note((struct dump_file *)&trace->file.file,
                       "the trace lacks %llu events that came faster than they were read",
                       (unsigned long long)socket.lost);
    return (int64_t)(socket.lost + socket.refused);
}

/* The socket is not the trace's any more. */
static void release(struct trace *trace)
{
    if (!trace->traced)
        return;
    trace->lost += kernel_lost(trace);
    drop_traced(trace->owner_of_all, trace->traced);
    trace->traced = NULL;
}

/* ---- mail ---- */

static void run_watch(struct trace *trace, const struct trace_mail *mail)
{
    struct tracer *tracer = trace->owner_of_all;
    release(trace);
    struct traced *traced = find(tracer, mail->cookie);
    if (!traced)
        traced = add_traced(tracer, mail->cookie);
    if (traced->trace) /* it can't be two flows' */
        return;
    tracer->unclaimed--;
    traced->trace = trace;
    trace->traced = traced;
    trace->over = false;
    const struct trace_event *early = (const struct trace_event *)(void *)traced->early.data;
    for (size_t i = 0; i < traced->early.length / sizeof *early; i++)
        add_event(trace, &early[i]);
    buffer_free(&traced->early);
}

static void run_agree(struct trace *trace, const struct trace_mail *mail)
{
    (void)mail;
    trace->agreed = true;
    dump_dir_add(trace->file.file.dir, trace_name(trace), trace->user);
}

static void run_start(struct trace *trace, const struct trace_mail *mail)
{
    trace->file.start = mail->time;
}

static void run_end(struct trace *trace, const struct trace_mail *mail)
{
    trace->ending = true;
    trace->deadline = mail->time;
}

static void run_close(struct trace *trace, const struct trace_mail *mail)
{
    (void)mail;
    release(trace);
    list_remove(&trace->link);
    trace_end_file(trace);
    tracer_unref(trace->owner_of_all, trace);
    free(trace);
}

/* The kernel's part hears of it before this returns: the next packet is traced. An accepted socket
 * is traced already, and keeps what it counts. */
void trace_watch(struct trace *trace, int fd)
{
    struct tracer *tracer = trace->owner_of_all;
    struct trace_socket before, socket = trace->wanted;
    uint64_t cookie;
    socklen_t length = sizeof cookie;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length))
        return;
    if (trace_kernel_look(tracer->kernel, cookie, &before)) {
        socket.lost = before.lost;
        socket.refused = before.refused;
    }
    if (!trace_kernel_watch(tracer->kernel, cookie, &socket))
        log_warning("a connection can't be traced: %s", fail_errno(errno));
    post(trace, (struct trace_mail){.run = run_watch, .cookie = cookie});
}

void trace_agree(struct trace *trace)
{
    if (trace)
        post(trace, (struct trace_mail){.run = run_agree});
}

void trace_start(struct trace *trace, int64_t start)
{
    if (trace)
        post(trace, (struct trace_mail){.run = run_start, .time = clock_system(start)});
}

void trace_end(struct trace *trace, int64_t patience)
{
    post(trace, (struct trace_mail){.run = run_end, .time = clock_now() + patience});
}

void trace_close(struct trace *trace)
{
    if (trace)
        post(trace, (struct trace_mail){.run = run_close});
}

/* ---- the thread ---- */

static void read_mail(struct tracer *tracer)
{
    struct list mails;
    uint64_t count;
    list_init(&mails);
    pthread_mutex_lock(&tracer->lock);
    if (!list_empty(&tracer->mailbox) &&
        read(tracer->wake_fd, &count, sizeof count) != sizeof count)
        log_debug("the tracer has mail but was not woken");
    list_splice(&mails, &tracer->mailbox);
    pthread_mutex_unlock(&tracer->lock);
    list_for_each_safe (link, &mails) {
        struct trace_mail *mail = list_item(link, struct trace_mail, link);
        if (list_empty(&mail->trace->link))
            list_append(&tracer->traces, &mail->trace->link);
        mail->run(mail->trace, mail);
        free(mail);
    }
}

/* The trace has all that it will have; its owner is told so. */
static void conclude(struct trace *trace)
{
    struct trace_result result = {0};
    trace->told = true;
    if (!trace->traced)
        dump_file_note(&trace->file.file, "the connection was not traced");
    release(trace);
    trace_end_file(trace);
    result.events = trace->file.file.packets;
    result.lost = trace->lost + trace->file.file.missed;
    memcpy(result.note, trace->file.file.note, sizeof result.note);
    /* Under the lock, as with dumps: who takes the owner back finds what this posts before its own
     * commands. */
    pthread_mutex_lock(&trace->owner_of_all->lock);
    if (trace->ended)
        trace->ended(trace->owner, &result);
    pthread_mutex_unlock(&trace->owner_of_all->lock);
}

/* Connections to a traced port that were nobody's. */
static void sweep(struct tracer *tracer, int64_t now)
{
    if (now - tracer->swept < NS_PER_SEC)
        return;
    tracer->swept = now;
    for (size_t i = 0; i < TRACE_BUCKETS; i++)
        list_for_each_safe (link, &tracer->buckets[i]) {
            struct traced *traced = list_item(link, struct traced, link);
            if (!traced->trace && now - traced->seen > PATIENCE)
                drop_traced(tracer, traced);
        }
}

static void service(struct tracer *tracer)
{
    int64_t now = clock_now();
    list_for_each (link, &tracer->traces) {
        struct trace *trace = list_item(link, struct trace, link);
        if (trace->ending && !trace->told &&
            (trace->over || !trace->traced || now >= trace->deadline))
            conclude(trace);
    }
    sweep(tracer, now);
}

void *tracer_run(void *context)
{
    struct tracer *tracer = context;
    while (!tracer->quit) {
        struct pollfd woken = {.fd = tracer->wake_fd, .events = POLLIN};
        poll(&woken, 1, list_empty(&tracer->traces) ? -1 : READ_MS);
        read_mail(tracer);
        trace_kernel_read(tracer->kernel, take_event, tracer);
        service(tracer);
    }
    return NULL;
}
