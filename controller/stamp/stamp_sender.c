/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stamp/stamp_sender.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fleet/interrupt.h"
#include "secret.h"
#include "udp_marks.h"

enum { CONTROL_MAX = 256, HOPS = 255 };

#define CLOSING_TIME (500 * NS_PER_MS)

struct sender {
    const struct stamp_session *session;
    struct stamp_figures *figures;
    int fd;
    uint16_t ssid;
    int64_t heard;   /* CLOCK_MONOTONIC: the last reply */
    int64_t closing; /* the number of a request after all others; -1: none was sent */
    uint64_t closing_sent;
    bool closed;
};

static bool set_options(int fd, int family, int64_t dscp)
{
    const struct {
        int family, level, option, value;
    } options[] = {
        {0, SOL_SOCKET, SO_TIMESTAMPNS, 1},
        {AF_INET, IPPROTO_IP, IP_RECVTOS, 1},
        {AF_INET, IPPROTO_IP, IP_RECVTTL, 1},
        {AF_INET, IPPROTO_IP, IP_TTL, HOPS},
        {AF_INET, IPPROTO_IP, IP_TOS, (int)dscp << 2},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
        {AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS},
        {AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, (int)dscp << 2},
    };
    for (size_t i = 0; i < COUNT(options); i++)
        if ((!options[i].family || options[i].family == family) &&
            setsockopt(fd, options[i].level, options[i].option, &options[i].value,
                       sizeof options[i].value))
            return false;
    return true;
}

static bool open_socket(struct sender *sender, struct fail *fail)
{
    const struct address *to = &sender->session->to;
    char text[ADDRESS_TEXT_MAX];
    int family = to->any.sa_family;
    sender->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sender->fd >= 0 && set_options(sender->fd, family, sender->session->dscp) &&
        !connect(sender->fd, &to->any, to->length))
        return true;
    address_format_port(to, text);
    return fail_set(fail, 0, "can't send to %s: %s", text, fail_errno(errno));
}

/* Returns 0, or errno. */
static int send_one(struct sender *sender, uint32_t number, uint64_t *sent)
{
    uint8_t bytes[STAMP_PACKET_MAX];
    const struct stamp_session *session = sender->session;
    const struct stamp_key *key = &session->key;
    size_t head = stamp_size(key), size = (size_t)session->size;
    struct stamp_request request = {
        .sequence = number, .error = stamp_error_own(), .session = sender->ssid};
    stamp_tlvs_write(key, number, (int)session->dscp, bytes + head, size - head);
    request.sent = *sent = stamp_time(clock_wall());
    stamp_request_encode(key, &request, bytes);
    return send(sender->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size ? 0 : errno;
}

static bool is_refusal(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EACCES || error == EPERM || error == EMSGSIZE;
}

/* What was refused has used no number: loss is counted of what left. */
static bool send_next(struct sender *sender, struct fail *fail)
{
    uint64_t sent;
    int error = send_one(sender, (uint32_t)sender->figures->sent, &sent);
    if (!error)
        stamp_figures_send(sender->figures, sent);
    else
        sender->figures->not_sent++;
    if (is_refusal(error) && !sender->figures->received)
        return fail_set(fail, 0, "%s", fail_errno(error));
    return true;
}

static void take(struct sender *sender, const uint8_t *bytes, size_t length,
                 struct stamp_arrived *arrived)
{
    const struct stamp_key *key = &sender->session->key;
    size_t head = stamp_size(key);
    if (!stamp_reply_decode(key, bytes, length, &arrived->reply)) {
        sender->figures->wrong++;
        return;
    }
    arrived->class = (struct stamp_class){.dscp = -1, .ecn = -1};
    if (length > head)
        stamp_tlvs_read(key, arrived->reply.sequence, bytes + head, length - head, &arrived->class);
    const struct stamp_request *request = &arrived->reply.request;
    if (sender->closing >= 0 && request->sequence == sender->closing &&
        request->sent == sender->closing_sent) {
        stamp_figures_close(sender->figures, &arrived->reply);
        sender->closed = true;
        return;
    }
    stamp_figures_take(sender->figures, arrived, stamp_error_own());
    sender->heard = clock_now();
}

/* Takes what is there. An error of ICMP ends it where nobody has answered yet. */
static bool take_all(struct sender *sender, struct fail *fail)
{
    uint8_t bytes[STAMP_PACKET_MAX];
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    for (;;) {
        struct iovec data = {bytes, sizeof bytes};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t got = recvmsg(sender->fd, &message, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got < 0 && is_refusal(errno) && !sender->figures->received)
            return fail_set(fail, 0, "%s", fail_errno(errno));
        if (got < 0)
            continue;
        struct udp_marks marks = udp_marks_read(&message, (size_t)got);
        struct stamp_arrived arrived = {
            .at = stamp_time(marks.stamp ? marks.stamp : clock_wall()),
            .tos = marks.tos,
            .ttl = marks.ttl,
        };
        take(sender, bytes, (size_t)got, &arrived);
    }
}

/* Takes replies until the instant, or until there are `enough`. */
static bool wait_until(struct sender *sender, int64_t until, size_t enough, struct fail *fail)
{
    for (;;) {
        int64_t left = until - clock_now();
        if (left <= 0 || interrupt_asked() || sender->figures->received >= enough || sender->closed)
            return true;
        struct pollfd ready[] = {{.fd = sender->fd, .events = POLLIN},
                                 {.fd = interrupt_fd(), .events = POLLIN}};
        struct timespec pause = {left / NS_PER_SEC, left % NS_PER_SEC};
        if (ppoll(ready, COUNT(ready), &pause, NULL) > 0 && !take_all(sender, fail))
            return false;
    }
}

/* Once nothing has come for long, the host may not be the one that answered any more. */
static bool is_silent(const struct sender *sender, struct fail *fail)
{
    const struct stamp_figures *figures = sender->figures;
    if (!figures->received && figures->sent >= STAMP_SILENT_MAX)
        return !fail_set(fail, 0, "no reply to %d requests", STAMP_SILENT_MAX);
    if (figures->received && clock_now() - sender->heard > STAMP_SILENCE)
        return !fail_set(fail, 0, "no reply for %lld s: stopped sending",
                         (long long)(STAMP_SILENCE / NS_PER_SEC));
    return false;
}

static bool send_all(struct sender *sender, struct fail *fail)
{
    const struct stamp_session *session = sender->session;
    int64_t at = clock_now();
    for (int64_t i = 0; i < session->count && !interrupt_asked(); i++) {
        if (!sender->figures->received && sender->figures->sent >= STAMP_SILENT_MAX &&
            !wait_until(sender, clock_now() + STAMP_LATE, 1, fail))
            return false;
        if (is_silent(sender, fail) || !send_next(sender, fail))
            return false;
        at += session->interval;
        if (at < clock_now()) /* nothing is caught up */
            at = clock_now();
        if (i + 1 < session->count && !wait_until(sender, at, SIZE_MAX, fail))
            return false;
    }
    return wait_until(sender, clock_now() + STAMP_LATE, sender->figures->sent, fail);
}

/* Asks for the reflector's count once more, with a number that leaves one out. */
static void close_session(struct sender *sender)
{
    if (!sender->figures->received || interrupt_asked())
        return;
    sender->closing = (int64_t)sender->figures->sent + 1;
    if (!send_one(sender, (uint32_t)sender->closing, &sender->closing_sent))
        wait_until(sender, clock_now() + CLOSING_TIME, SIZE_MAX, NULL);
}

bool stamp_send(const struct stamp_session *session, struct stamp_figures *figures,
                struct fail *fail)
{
    struct sender sender = {.session = session, .figures = figures, .fd = -1, .closing = -1};
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    sender.ssid = (uint16_t)(random[0] << 8 | random[1]);
    stamp_figures_init(figures, (size_t)session->count);
    bool good = open_socket(&sender, fail) && send_all(&sender, fail);
    if (good && !figures->received)
        good = fail_set(fail, 0, "no reply to %zu requests", figures->sent);
    if (good)
        close_session(&sender);
    if (sender.fd >= 0)
        close(sender.fd);
    return good;
}
