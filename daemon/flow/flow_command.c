/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other threads want of a flow, on its way to the flow's worker. */
#include <stdlib.h>

#include "flow/flow_state.h"
#include "mem.h"

/* A command on one flow. */
struct flow_command {
    struct command command;
    struct flow *flow;
    int64_t at; /* when to start, how long to drain, or how many bytes to expect */
    char *why;  /* to stop; NULL: nothing to be said */
    int fd;
    struct preamble preamble;
    struct dump_result dumped;
    struct trace_result traced;
};

static struct flow_command *of_command(struct command *command)
{
    return container_of(command, struct flow_command, command);
}

static void post(struct flow *flow, void (*run)(struct worker *, struct command *),
                 struct flow_command content)
{
    struct flow_command *command = mem_new(1, sizeof *command);
    *command = content;
    command->command.run = run;
    command->flow = flow;
    worker_post(flow->worker, &command->command);
}

static void run_prepare(struct worker *worker, struct command *command)
{
    struct flow *flow = of_command(command)->flow;
    (void)worker;
    flow->protocol->prepare(flow);
    flow_rearm(flow);
    free(of_command(command));
}

static void run_start(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_start(of_command(command)->flow, of_command(command)->at);
    free(of_command(command));
}

static void run_stop(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_stop(of_command(command)->flow, of_command(command)->at, of_command(command)->why);
    free(of_command(command));
}

static void run_expect(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_expect(of_command(command)->flow, of_command(command)->at);
    free(of_command(command));
}

static void run_release(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_release(of_command(command)->flow);
    free(of_command(command));
}

static void run_adopt(struct worker *worker, struct command *command)
{
    struct flow_command *adopt = of_command(command);
    (void)worker;
    adopt->flow->protocol->adopt(adopt->flow, adopt->fd, &adopt->preamble);
    flow_rearm(adopt->flow);
    free(adopt);
}

static void run_dump_ended(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_dump_ended(of_command(command)->flow, &of_command(command)->dumped);
    free(of_command(command));
}

/* On the capture's thread. */
static void post_dump_ended(void *owner, const struct dump_result *result)
{
    post(owner, run_dump_ended, (struct flow_command){.dumped = *result});
}

void flow_set_dump(struct flow *flow, struct dump *dump)
{
    flow->dump = dump;
    dump_set_owner(dump, post_dump_ended, flow);
}

static void run_trace_ended(struct worker *worker, struct command *command)
{
    (void)worker;
    flow_trace_ended(of_command(command)->flow, &of_command(command)->traced);
    free(of_command(command));
}

/* On the tracer's thread. */
static void post_trace_ended(void *owner, const struct trace_result *result)
{
    post(owner, run_trace_ended, (struct flow_command){.traced = *result});
}

void flow_set_trace(struct flow *flow, struct trace *trace)
{
    flow->trace = trace;
    trace_set_owner(trace, post_trace_ended, flow);
}

void flow_post_adopt(struct flow *flow, int fd, const struct preamble *preamble)
{
    post(flow, run_adopt, (struct flow_command){.fd = fd, .preamble = *preamble});
}

void flow_post_prepare(struct flow *flow)
{
    post(flow, run_prepare, (struct flow_command){0});
}

void flow_post_start(struct flow *flow, int64_t at)
{
    post(flow, run_start, (struct flow_command){.at = at});
}

void flow_post_stop(struct flow *flow, int64_t drain, const char *why)
{
    post(flow, run_stop, (struct flow_command){.at = drain, .why = why ? mem_strdup(why) : NULL});
}

void flow_post_expect(struct flow *flow, int64_t bytes)
{
    post(flow, run_expect, (struct flow_command){.at = bytes});
}

void flow_post_release(struct flow *flow)
{
    if (flow->dump)
        dump_set_owner(flow->dump, NULL, NULL);
    if (flow->trace)
        trace_set_owner(flow->trace, NULL, NULL);
    post(flow, run_release, (struct flow_command){0});
}
