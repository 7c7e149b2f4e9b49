// SPDX-License-Identifier: GPL-3.0-or-later
/* core.c - frames in, through the links, and out again. */
#define _GNU_SOURCE 1
#include "core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "tap.h"

#define BATCH 64 /* frames read from one port, or moved on, before others get their turn */

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory) {
        fputs("labwire: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

struct core *core_new(int epoll_fd, size_t frame_room, uint64_t seed)
{
    struct core *core = allocate(1, sizeof *core);

    core->epoll_fd = epoll_fd;
    core->seed = seed;
    core->pool.room = frame_room + 1;
    return core;
}

static void free_port(struct port *port, unsigned ports)
{
    for (unsigned i = 0; port->path && i < ports; i++)
        free(port->path[i]);
    free(port->path);
    close(port->watch.fd);
    free(port);
}

void core_free(struct core *core)
{
    struct frame *frame;

    while (core->queue.count > 0)
        frame_put(&core->pool, queue_pop(&core->queue));
    free(core->queue.entry);
    while ((frame = core->pool.spare)) {
        core->pool.spare = frame->next;
        free(frame);
    }
    for (unsigned i = 0; i < core->ports; i++)
        free_port(core->port[i], core->ports);
    free(core);
}

static void deliver(struct core *core, struct frame *frame)
{
    struct port *port = core->port[frame->target];

    if (write(port->watch.fd, frame->data, frame->length) < 0)
        port->failed++;
    else
        port->sent++;
    frame_put(&core->pool, frame);
}

static void advance(struct core *core, struct frame *frame, uint64_t now);

/* Through a link to the next stage: at once if the link takes no time, else by way of the queue. */
static void cross(struct core *core, struct link *link, struct frame *frame, uint64_t now,
                  enum stage next)
{
    uint64_t out = link_pass(link, frame, now);

    if (out == LINK_DROPPED) {
        frame_put(&core->pool, frame);
        return;
    }
    frame->stage = next;
    frame->due = out;
    if (link_duplicates(link))
        queue_push(&core->queue, frame_copy(&core->pool, frame));
    if (out == now)
        advance(core, frame, now);
    else
        queue_push(&core->queue, frame);
}

static void send_to(struct core *core, struct frame *frame, unsigned target, uint64_t now)
{
    struct link **path = core->port[frame->source]->path;

    frame->target = (uint16_t)target;
    frame->stage = AT_EGRESS;
    if (path && path[target])
        cross(core, path[target], frame, now, AT_EGRESS);
    else
        advance(core, frame, now);
}

static void flood(struct core *core, struct frame *frame, uint64_t now)
{
    const struct port *source = core->port[frame->source];

    for (unsigned i = 0; i < core->ports; i++) {
        if (i != source->number && core->port[i]->group == source->group)
            send_to(core, frame_copy(&core->pool, frame), i, now);
    }
    frame_put(&core->pool, frame);
}

static void forward(struct core *core, struct frame *frame, uint64_t now)
{
    const unsigned char *address = frame->data;
    int target = -1;

    if (!(address[0] & 1)) /* not a group address */
        target = fdb_find(&core->fdb, core->port[frame->source]->group, address);
    if (target < 0)
        flood(core, frame, now);
    else if (target == frame->source)
        frame_put(&core->pool, frame);
    else
        send_to(core, frame, (unsigned)target, now);
}

/* The frame stands at frame->stage at time `now`: send it on. Takes the frame. */
static void advance(struct core *core, struct frame *frame, uint64_t now)
{
    struct port *source = core->port[frame->source];

    switch (frame->stage) {
    case AT_SENDER:
        fdb_learn(&core->fdb, source->group, frame->data + 6, source->number);
        cross(core, &source->up, frame, now, AT_SWITCH);
        break;
    case AT_SWITCH:
        forward(core, frame, now);
        break;
    case AT_EGRESS:
        cross(core, &core->port[frame->target]->down, frame, now, AT_RECEIVER);
        break;
    case AT_RECEIVER:
        deliver(core, frame);
        break;
    }
}

static void note_lateness(struct lateness *lateness, uint64_t late)
{
    lateness->count++;
    lateness->sum += late;
    if (late > lateness->max)
        lateness->max = late;
}

/* Frames go on from the time at which they were due, so that the emulator's own lateness does not
 * add up. */
void core_run(struct core *core)
{
    struct queue *queue = &core->queue;
    uint64_t now = clock_ns();

    for (int i = 0; i < BATCH && queue->count > 0 && queue->entry[0].due <= now; i++) {
        struct frame *frame = queue_pop(queue);

        core->events++;
        if (frame->stage == AT_RECEIVER)
            note_lateness(&core->lateness, now - frame->due);
        advance(core, frame, frame->due);
    }
}

int64_t core_wait_ns(const struct core *core)
{
    uint64_t now;

    if (core->queue.count == 0)
        return -1;
    now = clock_ns();
    return core->queue.entry[0].due > now ? (int64_t)(core->queue.entry[0].due - now) : 0;
}

/* The device's MTU may have grown since it was opened: what does not fit was cut by read(), so drop
 * it. */
static bool acceptable(struct port *port, size_t length)
{
    if (length < port->core->pool.room)
        return length >= ETHERNET_HEADER;
    port->oversized++;
    return false;
}

static void read_frames(struct watch *watch)
{
    struct port *port = container_of(watch, struct port, watch);
    struct core *core = port->core;

    for (int i = 0; i < BATCH; i++) {
        struct frame *frame = frame_get(&core->pool);
        ssize_t length = read(port->watch.fd, frame->data, core->pool.room);

        if (length < 0 || !acceptable(port, (size_t)length)) {
            frame_put(&core->pool, frame);
            if (length < 0)
                break;
            continue;
        }
        port->received++;
        frame->length = (uint32_t)length;
        frame->source = (uint16_t)port->number;
        frame->stage = AT_SENDER;
        advance(core, frame, clock_ns());
    }
}

struct port *core_find_port(struct core *core, const char *name)
{
    for (unsigned i = 0; i < core->ports; i++) {
        if (strcmp(core->port[i]->name, name) == 0)
            return core->port[i];
    }
    return NULL;
}

static unsigned group_number(struct core *core, const char *name)
{
    for (unsigned i = 0; i < core->ports; i++) {
        if (strcmp(core->port[i]->group_name, name) == 0)
            return core->port[i]->group;
    }
    return ++core->groups;
}

/* Each link draws from a sequence of its own, which the seed and the link's place determine: `up`
 * and `down` of a port take the places of paths from the port to itself, which no frame uses. */
static uint64_t link_seed(const struct core *core, unsigned from, unsigned to, unsigned which)
{
    uint64_t place = ((uint64_t)from * MAX_PORTS + to) * 2 + which;
    struct rng rng;

    rng_seed(&rng, core->seed);
    rng_seed(&rng, rng.state ^ place);
    return rng.state;
}

/* Takes the descriptor of the TAP device. */
static struct port *new_port(struct core *core, const char *name, const char *group, int fd)
{
    struct port *port = allocate(1, sizeof *port);

    port->watch = (struct watch){.fd = fd, .readable = read_frames};
    port->core = core;
    port->number = core->ports;
    port->group = group_number(core, group);
    snprintf(port->name, sizeof port->name, "%s", name);
    snprintf(port->group_name, sizeof port->group_name, "%s", group);
    link_init(&port->up, link_seed(core, port->number, port->number, 0));
    link_init(&port->down, link_seed(core, port->number, port->number, 1));
    return port;
}

int core_add_port(struct core *core, const char *name, const char *netns, const char *device,
                  const char *group, struct err *err)
{
    struct port *port;
    int fd;

    if (core->ports == MAX_PORTS)
        return err_set(err, "port '%s' is one too many: %d is the most", name, MAX_PORTS);
    if (strlen(name) >= NAME_SIZE || strlen(group) >= NAME_SIZE)
        return err_set(err, "'%s %s': a port or group has less than %d letters", name, group,
                       NAME_SIZE);
    if (core_find_port(core, name))
        return err_set(err, "port '%s' exists already", name);
    fd = tap_open(netns, device, core->pool.room - 1, err);
    if (fd < 0)
        return -1;
    port = new_port(core, name, group, fd);
    if (watch_add(core->epoll_fd, &port->watch) < 0) {
        free_port(port, 0);
        return err_set(err, "epoll: %s", strerror(errno));
    }
    core->port[core->ports++] = port;
    return 0;
}

struct link *core_path(struct core *core, struct port *from, const struct port *to)
{
    struct link **path;

    if (!from->path)
        from->path = allocate(MAX_PORTS, sizeof *from->path);
    path = &from->path[to->number];
    if (!*path) {
        *path = allocate(1, sizeof **path);
        link_init(*path, link_seed(core, from->number, to->number, 0));
    }
    return *path;
}

/* A link that has carried nothing is not worth a line. */
static void print_link(FILE *out, const char *port, const char *name, const struct link *link)
{
    const struct link_stats *s = &link->stats;

    if (s->frames == 0)
        return;
    fprintf(out, "%s %s pkts=%" PRIu64 " bytes=%" PRIu64 " qdrop=%" PRIu64, port, name, s->frames,
            s->bytes, s->queue_drops);
    fprintf(out, " loss=%" PRIu64 " mtu/down=%" PRIu64 " ce=%" PRIu64 " reord=%" PRIu64, s->losses,
            s->blocked, s->marks, s->reordered);
    fprintf(out, " dup=%" PRIu64 " maxq=%.0f\n", s->duplicates, s->max_queue);
}

static void print_port(const struct core *core, const struct port *port, FILE *out)
{
    fprintf(out, "%s rx=%" PRIu64 " tx=%" PRIu64 " werr=%" PRIu64 " toolong=%" PRIu64 "\n",
            port->name, port->received, port->sent, port->failed, port->oversized);
    print_link(out, port->name, "up", &port->up);
    print_link(out, port->name, "down", &port->down);
    for (unsigned i = 0; port->path && i < core->ports; i++) {
        char name[NAME_SIZE + 8];

        if (!port->path[i])
            continue;
        snprintf(name, sizeof name, "path %s", core->port[i]->name);
        print_link(out, port->name, name, port->path[i]);
    }
}

void core_print_stats(const struct core *core, FILE *out)
{
    const struct lateness *late = &core->lateness;

    for (unsigned i = 0; i < core->ports; i++)
        print_port(core, core->port[i], out);
    fprintf(out, "events=%" PRIu64 " late_avg_us=%.1f late_max_us=%.1f heap=%zu\n", core->events,
            late->count ? (double)late->sum / 1e3 / (double)late->count : 0,
            (double)late->max / 1e3, core->queue.count);
}
