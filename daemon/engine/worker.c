/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "engine/collector.h"
#include "log.h"
#include "mem.h"

enum {
    EVENTS_MAX = 256,
    POLL_EVERY = 20 * NS_PER_US, /* how often events are asked for while there is something to do */
    SLICE = 100 * NS_PER_US,     /* the least that kernels give */
    RING_LIMIT = 64 << 20,       /* bytes of rows on their way to the collector */
};

void worker_update_now(struct worker *worker)
{
    worker->now = clock_now();
}

bool worker_watch(struct worker *worker, struct watch *watch, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = watch};
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void worker_unwatch(struct worker *worker, int fd)
{
    epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void worker_queue(struct worker *worker, struct task *task)
{
    if (list_empty(&task->link))
        list_append(&worker->runnable, &task->link);
}

void worker_free_later(struct worker *worker, struct deferred_free *head)
{
    list_append(&worker->deferred, &head->link);
}

void *worker_local(struct worker *worker, const struct worker_local *kind)
{
    int at = 0;
    while (worker->locals[at].kind && worker->locals[at].kind != kind)
        if (++at == WORKER_LOCALS_MAX)
            abort();
    if (!worker->locals[at].kind) {
        worker->locals[at].kind = kind;
        worker->locals[at].data = mem_new(1, kind->size);
        if (kind->init)
            kind->init(worker->locals[at].data, worker);
    }
    return worker->locals[at].data;
}

static void free_locals(struct worker *worker)
{
    for (int i = 0; i < WORKER_LOCALS_MAX; i++)
        free(worker->locals[i].data);
}

struct ring_entry *worker_reserve(struct worker *worker, enum ring_type type, size_t size)
{
    return ring_reserve(worker->ring, type, size);
}

void worker_push(struct worker *worker)
{
    ring_push(worker->ring);
    worker->told = true;
}

void worker_post(struct worker *worker, struct command *command)
{
    pthread_mutex_lock(&worker->lock);
    bool was_empty = list_empty(&worker->mailbox);
    list_append(&worker->mailbox, &command->link);
    pthread_mutex_unlock(&worker->lock);
    if (was_empty)
        eventfd_write(worker->wake_fd, 1);
}

static void run_commands(struct worker *worker)
{
    struct list batch;
    eventfd_t ignored;
    list_init(&batch);
    eventfd_read(worker->wake_fd, &ignored);
    pthread_mutex_lock(&worker->lock);
    list_splice(&batch, &worker->mailbox);
    pthread_mutex_unlock(&worker->lock);
    while (!list_empty(&batch)) {
        struct command *command = list_item(batch.next, struct command, link);
        list_remove(&command->link);
        command->run(worker, command);
    }
}

/* As many as there are, and no more: one that has fallen behind is due again at once, and many of
 * them would keep all else from its turn for as long as the worker can't catch up. */
static void run_timers(struct worker *worker)
{
    struct timer *timer;
    for (size_t most = worker->timers.count; most > 0; most--) {
        timer = timers_take_due(&worker->timers, worker->now);
        if (!timer)
            break;
        timer->fire(timer, worker->now);
    }
}

/* One turn of everything that was runnable when it began. */
static void run_tasks(struct worker *worker)
{
    struct list batch;
    list_init(&batch);
    list_splice(&batch, &worker->runnable);
    while (!list_empty(&batch)) {
        struct task *task = list_item(batch.next, struct task, link);
        list_remove(&task->link);
        task->run(task);
        worker_update_now(worker);
        run_timers(worker);
    }
}

/* timerfd takes an absolute time and, unlike epoll's timeout, knows no slack. */
static void arm_timer(struct worker *worker)
{
    int64_t first = timers_first(&worker->timers);
    if (first == worker->armed)
        return;
    struct itimerspec at = {0};
    if (first != CLOCK_NEVER) {
        int64_t when = first > 0 ? clock_system(first) : 1;
        when = when > 0 ? when : 1;
        at.it_value = (struct timespec){when / NS_PER_SEC, when % NS_PER_SEC};
    }
    timerfd_settime(worker->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    worker->armed = first;
}

static void free_deferred(struct worker *worker)
{
    while (!list_empty(&worker->deferred)) {
        struct deferred_free *head = list_item(worker->deferred.next, struct deferred_free, link);
        list_remove(&head->link);
        free(head);
    }
}

static void turn(struct worker *worker)
{
    struct epoll_event events[EVENTS_MAX];
    bool busy = !list_empty(&worker->runnable);
    if (!busy)
        arm_timer(worker);
    int count = 0;
    if (!busy || worker->now - worker->polled >= POLL_EVERY) {
        count = epoll_wait(worker->epoll, events, EVENTS_MAX, busy ? 0 : -1);
        worker_update_now(worker);
        worker->polled = worker->now;
    }
    /* A timer that is due ends what it ends before more data is counted. */
    run_timers(worker);
    bool commands = false;
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch)
            watch->ready(watch, events[i].events);
        else
            commands = true;
    }
    /* After the events: a command may release what an event is about. */
    if (commands)
        run_commands(worker);
    run_tasks(worker);
    free_deferred(worker);
    if (worker->told) {
        worker->told = false;
        collector_wake(worker->collector);
    }
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
        log_warning("can't bind a worker to CPU %d", cpu);
}

/* What sched_setattr(2) takes, as far as it is used here (linux/sched/types.h). */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* Where the worker has to share its CPU, as with that of another daemon of the host, it gives way
 * sooner, and has its turn sooner: rows are less late then. Older kernels take no notice. */
static void ask_short_slices(void)
{
    struct scheduling scheduling = {.size = sizeof scheduling};
    if (syscall(SYS_sched_getattr, 0, &scheduling, sizeof scheduling, 0) ||
        scheduling.policy != SCHED_OTHER)
        return;
    scheduling.runtime = SLICE;
    syscall(SYS_sched_setattr, 0, &scheduling, 0);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    char name[24];
    snprintf(name, sizeof name, "worker-%d", worker->index);
    pthread_setname_np(pthread_self(), name);
    if (worker->cpu >= 0)
        pin(worker->cpu);
    if (!payload_open(&worker->payload))
        worker->error = errno;
    sem_post(&worker->ready);
    if (worker->error)
        return NULL;
    ask_short_slices();
    while (!worker->quit)
        turn(worker);
    return NULL;
}

static void watch_timer(struct watch *watch, uint32_t events)
{
    (void)watch, (void)events; /* run_timers() has done it */
}

static bool open_descriptors(struct worker *worker)
{
    static struct watch timer = {watch_timer};
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (worker->epoll < 0 || worker->timer_fd < 0 || worker->wake_fd < 0 ||
        pipe2(worker->pipe, O_NONBLOCK | O_CLOEXEC))
        return false;
    /* An unprivileged user may be refused the full size; then more calls carry the same. */
    fcntl(worker->pipe[1], F_SETPIPE_SZ, PAYLOAD_SIZE);
    return worker_watch(worker, &timer, worker->timer_fd) &&
           worker_watch(worker, NULL, worker->wake_fd);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    int *descriptors[] = {&worker->epoll, &worker->timer_fd, &worker->wake_fd, &worker->pipe[0],
                          &worker->pipe[1]};
    for (size_t i = 0; i < COUNT(descriptors); i++)
        if (*descriptors[i] >= 0)
            close(*descriptors[i]);
    payload_close(&worker->payload);
    sem_destroy(&worker->ready);
    pthread_mutex_destroy(&worker->lock);
    timers_free(&worker->timers);
    if (worker->scratch != MAP_FAILED)
        munmap(worker->scratch, WORKER_SCRATCH_SIZE);
    free(worker->block);
    free_locals(worker);
    free(worker);
}

/* All of it but what the loop needs. */
static void worker_init(struct worker *worker)
{
    *worker = (struct worker){.cpu = -1, .armed = CLOCK_NEVER, .epoll = -1};
    worker->timer_fd = worker->wake_fd = worker->pipe[0] = worker->pipe[1] = -1;
    payload_init(&worker->payload);
    worker->scratch =
        mmap(NULL, WORKER_SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    worker->block = mem_new(WORKER_BLOCK_SIZE, 1);
    pthread_mutex_init(&worker->lock, NULL);
    list_init(&worker->mailbox);
    list_init(&worker->runnable);
    list_init(&worker->deferred);
    sem_init(&worker->ready, 0, 0);
    worker->numbers = payload_numbers();
    worker_update_now(worker);
}

/* Returns 0 when the worker's thread runs, else the error. */
static int start_thread(struct worker *worker)
{
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (error)
        return error;
    while (sem_wait(&worker->ready))
        ; /* EINTR */
    if (worker->error)
        pthread_join(worker->thread, NULL);
    return worker->error;
}

struct worker *worker_start(int index, int cpu, struct collector *collector, struct fail *fail)
{
    struct worker *worker = mem_new(1, sizeof *worker);
    worker_init(worker);
    worker->index = index;
    worker->cpu = cpu;
    worker->collector = collector;
    if (!worker->numbers || worker->scratch == MAP_FAILED || !open_descriptors(worker)) {
        fail_set(fail, 0, "can't set up a worker: %s", fail_errno(errno));
        worker_free(worker);
        return NULL;
    }
    worker->ring = collector_add_ring(collector, RING_LIMIT);
    int error = start_thread(worker);
    if (!error)
        return worker;
    fail_set(fail, 0, "can't start a worker's thread: %s", fail_errno(error));
    worker_free(worker);
    return NULL;
}

static void run_quit(struct worker *worker, struct command *command)
{
    worker->quit = true;
    free(command);
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    struct command *command = mem_new(1, sizeof *command);
    command->run = run_quit;
    worker_post(worker, command);
    pthread_join(worker->thread, NULL);
}
