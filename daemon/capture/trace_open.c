/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the tracer and its traces are opened and closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/trace_state.h"
#include "log.h"
#include "settings.h"

/* Without the thread there is no kernel's part either. */
static bool start_thread(struct tracer *tracer)
{
    tracer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return (tracer->wake_fd >= 0 && !pthread_create(&tracer->thread, NULL, tracer_run, tracer)) ||
           fail_set(&tracer->why, FAULT_SYSTEM, "can't start a thread for traces there");
}

struct tracer *tracer_new(struct dump_dir *dir, bool wanted)
{
    struct tracer *tracer = mem_new(1, sizeof *tracer);
    tracer->dir = dir;
    tracer->wanted = wanted;
    tracer->wake_fd = -1;
    pthread_mutex_init(&tracer->lock, NULL);
    list_init(&tracer->mailbox);
    list_init(&tracer->ports);
    list_init(&tracer->traces);
    for (size_t i = 0; i < TRACE_BUCKETS; i++)
        list_init(&tracer->buckets[i]);
    if (!wanted)
        return tracer;
    tracer->kernel = trace_kernel_open(&tracer->why);
    if (tracer->kernel && !start_thread(tracer)) {
        trace_kernel_close(tracer->kernel);
        tracer->kernel = NULL;
    }
    if (!tracer->kernel)
        log_warning("%s", tracer->why.text);
    return tracer;
}

void trace_end_file(struct trace *trace)
{
    if (trace->agreed)
        trace_file_close(&trace->file, trace->lost + trace->file.file.missed);
    else
        trace_file_discard(&trace->file);
}

/* Whatever did not come to its end in time: files hold what was read until now. */
static void end_truncated(struct tracer *tracer)
{
    list_for_each_safe (link, &tracer->mailbox) {
        struct trace_mail *mail = list_item(link, struct trace_mail, link);
        if (list_empty(&mail->trace->link)) /* the thread has not heard of it */
            list_append(&tracer->traces, &mail->trace->link);
        free(mail);
    }
    list_for_each_safe (link, &tracer->traces) {
        struct trace *trace = list_item(link, struct trace, link);
        trace_end_file(trace);
        tracer_unref(tracer, trace);
        free(trace);
    }
    for (size_t i = 0; i < TRACE_BUCKETS; i++)
        list_for_each_safe (link, &tracer->buckets[i]) {
            struct traced *traced = list_item(link, struct traced, link);
            buffer_free(&traced->early);
            free(traced);
        }
}

void tracer_free(struct tracer *tracer)
{
    if (!tracer)
        return;
    if (tracer->kernel) {
        tracer->quit = true;
        tracer_wake(tracer);
        pthread_join(tracer->thread, NULL);
        end_truncated(tracer);
        trace_kernel_close(tracer->kernel);
    }
    if (tracer->wake_fd >= 0)
        close(tracer->wake_fd);
    pthread_mutex_destroy(&tracer->lock);
    free(tracer);
}

/* ---- with the lock ---- */

static struct trace_listener *find_listener(struct tracer *tracer, uint16_t port)
{
    list_for_each (link, &tracer->ports) {
        struct trace_listener *listener = list_item(link, struct trace_listener, link);
        if (listener->port == port)
            return listener;
    }
    return NULL;
}

static struct trace_listener *take_listener(struct tracer *tracer, uint16_t port)
{
    struct trace_listener *listener = find_listener(tracer, port);
    if (!listener) {
        listener = mem_new(1, sizeof *listener);
        listener->port = port;
        list_append(&tracer->ports, &listener->link);
        if (!trace_kernel_listen(tracer->kernel, port))
            log_warning("port %u can't be traced: connections are traced once they are claimed",
                        port);
    }
    listener->references++;
    return listener;
}

static void give_listener(struct tracer *tracer, struct trace_listener *listener)
{
    if (!listener || --listener->references)
        return;
    trace_kernel_unlisten(tracer->kernel, listener->port);
    list_remove(&listener->link);
    free(listener);
}

static bool take_place(struct tracer *tracer, struct trace *trace,
                       const struct trace_request *request, struct fail *fail)
{
    pthread_mutex_lock(&tracer->lock);
    bool good = tracer->open || trace_kernel_attach(tracer->kernel, fail);
    if (good) {
        tracer->open++;
        if (request->endpoint == 'd')
            trace->listener = take_listener(tracer, request->port);
    }
    pthread_mutex_unlock(&tracer->lock);
    return good;
}

void tracer_unref(struct tracer *tracer, struct trace *trace)
{
    pthread_mutex_lock(&tracer->lock);
    give_listener(tracer, trace->listener);
    if (--tracer->open == 0)
        trace_kernel_detach(tracer->kernel);
    pthread_mutex_unlock(&tracer->lock);
}

/* ---- from any thread ---- */

static bool check_tracer(const struct tracer *tracer, struct fail *fail)
{
    if (!tracer->wanted || tracer->dir->fd < 0)
        return fail_set(fail, FAULT_POLICY,
                        "this flowd does not trace flows (its options --trace and -w, --dump-dir)");
    if (!tracer->kernel)
        return fail_set(fail, tracer->why.code, "%s", tracer->why.text);
    return true;
}

struct trace *trace_open(struct tracer *tracer, const struct trace_request *request,
                         struct fail *fail)
{
    char name[DUMP_NAME_MAX];
    if (!check_tracer(tracer, fail))
        return NULL;
    struct trace *trace = mem_new(1, sizeof *trace);
    trace->owner_of_all = tracer;
    trace->limit = request->events ? request->events : INT64_MAX;
    trace->wanted.filter = (uint8_t)request->filter;
    trace->wanted.left = (uint64_t)trace->limit;
    trace->filter = trace->wanted;
    snprintf(trace->user, sizeof trace->user, "%s", request->user);
    list_init(&trace->link);
    dump_name_make(name, request->prefix, request->run, request->flow, request->endpoint,
                   request->host, TRACE_SUFFIX);
    const struct trace_about about = {
        .run = request->run,
        .host = request->host,
        .flow = request->flow,
        .endpoint = request->endpoint,
        .filter = request->filter == TRACE_FILTER_CHANGE ? "change" : "all",
        .kinds = trace_kernel_kinds(tracer->kernel),
    };
    if (trace_file_create(&trace->file, tracer->dir, name, &about, fail)) {
        if (take_place(tracer, trace, request, fail))
            return trace;
        trace_file_discard(&trace->file);
    }
    free(trace);
    return NULL;
}
