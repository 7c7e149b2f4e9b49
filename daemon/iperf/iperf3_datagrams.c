/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "iperf/iperf3_datagrams.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/datagram_iperf3.h"
#include "log.h"
#include "net/transport.h"

enum {
    TURN = 64,            /* datagrams read in one turn */
    STRAYED_MAX = 64,     /* that come to a new socket before it is connected */
    PRIVILEGED_END = 1024 /* no client's stream has a port below, but servers do */
};

/* The first bytes of a datagram, and where it came from. */
struct first {
    uint8_t bytes[IPERF3_CONNECT_SIZE];
    size_t size;
    struct address from;
};

static void set_flag(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

static bool read_first(int fd, struct first *first)
{
    memset(&first->from, 0, sizeof first->from);
    first->from.length = sizeof first->from.storage;
    ssize_t got = recvfrom(fd, first->bytes, sizeof first->bytes, MSG_DONTWAIT | MSG_TRUNC,
                           &first->from.any, &first->from.length);
    first->size = got < 0 ? 0 : (size_t)got;
    first->from = address_on_wire(&first->from);
    return got >= 0;
}

/* A socket at the server's own port: what comes from the client's goes to this one then. */
static int make_socket(const struct address *own, const struct address *peer, bool fragment,
                       struct fail *fail)
{
    struct endpoint_settings settings;
    schema_defaults(&endpoint_settings_schema, &settings);
    int fd = transports[TRANSPORT_UDP]->create(own->any.sa_family, &settings, fail);
    if (fd < 0)
        return -1;
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (fragment) {
        set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
        if (own->any.sa_family == AF_INET6)
            set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT);
    }
    if (!bind(fd, &own->any, own->length) && !connect(fd, &peer->any, peer->length))
        return fd;
    fail_set(fail, FAULT_SYSTEM, "can't open a socket for its datagrams: %s", fail_errno(errno));
    close(fd);
    return -1;
}

/* Until it was connected, the new socket was the one that all datagrams came to: those of others
 * are kept. To be called before the client is answered: what it sends then is the stream's. */
static size_t read_strayed(int fd, const struct address *peer, struct first others[STRAYED_MAX])
{
    struct first first;
    size_t count = 0;
    for (int i = 0; i < STRAYED_MAX && read_first(fd, &first); i++)
        if (!address_equal(&first.from, peer))
            others[count++] = first;
    return count;
}

/* The depth of take() is bounded: each one in the other is one stream less that is waited for. */
static void take(struct iperf3_datagrams *datagrams, const struct first *first)
{
    uint8_t answer[IPERF3_CONNECT_SIZE];
    struct address own;
    struct fail fail = {0};
    uint16_t port = address_port(&first->from);
    struct first others[STRAYED_MAX];
    if (!iperf3_connect_answer(first->bytes, first->size, answer) || port < PRIVILEGED_END)
        return;
    struct iperf3_test *test = iperf3_test_awaits_datagrams(datagrams->host, &first->from);
    if (!test || !iperf3_test_own_address(test, &own) || port == address_port(&own))
        return;
    int fd = make_socket(&own, &first->from, iperf3_test_may_fragment(test), &fail);
    if (fd < 0) {
        log_warning("%s", fail.text);
        return;
    }
    size_t count = read_strayed(fd, &first->from, others);
    (void)!send(fd, answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
    iperf3_test_add_datagrams(test, fd);
    for (size_t i = 0; i < count; i++)
        take(datagrams, &others[i]);
}

static void read_some(struct task *task)
{
    struct iperf3_datagrams *datagrams = container_of(task, struct iperf3_datagrams, task);
    for (int i = 0; i < TURN; i++) {
        struct first first;
        if (read_first(datagrams->fd, &first))
            take(datagrams, &first);
        else if (errno == EAGAIN)
            return;
    }
    worker_queue(datagrams->host->worker, task);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    read_some(&container_of(watch, struct iperf3_datagrams, watch)->task);
}

bool iperf3_datagrams_open(struct iperf3_datagrams *datagrams, struct iperf3_host *host,
                           const struct address *address, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    *datagrams = (struct iperf3_datagrams){.host = host};
    datagrams->watch.ready = on_ready;
    datagrams->task.run = read_some;
    list_init(&datagrams->task.link);
    datagrams->fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (datagrams->fd >= 0) {
        set_flag(datagrams->fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (!bind(datagrams->fd, &address->any, address->length))
            return true;
    }
    int error = errno;
    address_format_port(address, text);
    fail_set(fail, 0, "can't bind %s for datagrams: %s", text, fail_errno(error));
    iperf3_datagrams_close(datagrams);
    errno = error;
    return false;
}

void iperf3_datagrams_start(struct iperf3_datagrams *datagrams)
{
    worker_watch(datagrams->host->worker, &datagrams->watch, datagrams->fd);
}

void iperf3_datagrams_stop(struct iperf3_datagrams *datagrams)
{
    worker_unwatch(datagrams->host->worker, datagrams->fd);
    list_remove(&datagrams->task.link);
}

void iperf3_datagrams_close(struct iperf3_datagrams *datagrams)
{
    if (datagrams->fd >= 0)
        close(datagrams->fd);
    datagrams->fd = -1;
}
