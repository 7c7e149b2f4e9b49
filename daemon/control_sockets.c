/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gate.h"
#include "protocol.h"
#include "sock.h"

enum { FIRST_PASSED_FD = 3 };

static bool is_guarded(const struct daemon_options *options)
{
    return options->no_auth || gate_asks(options);
}

static bool add_listener(struct control_sockets *sockets, const struct address *address,
                         bool guarded, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format_port(address, text);
    if (!address_is_loopback(address) && !guarded)
        return fail_set(fail, 0,
                        "refusing to listen at %s: it is no loopback address, and anybody who "
                        "reaches it could command this daemon; --token-file prevents that, "
                        "--no-auth allows it",
                        text);
    if (sockets->count == 2 * BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses can't be served", 2 * BINDS_MAX);
    int fd = sock_listen(address, NULL, fail);
    if (fd < 0)
        return false;
    sockets->fds[sockets->count++] = fd;
    return true;
}

static bool listen_at(struct control_sockets *sockets, const char *text,
                      const struct daemon_options *options, struct fail *fail)
{
    char host[PROTOCOL_HOST_MAX];
    uint16_t port = (uint16_t)options->port;
    struct addresses addresses;
    if (!sock_split_host_port(text, host, sizeof host, &port, fail) ||
        !addresses_resolve(host, &addresses, fail))
        return fail_prefix(fail, "option -b");
    for (size_t i = 0; i < addresses.count; i++) {
        address_set_port(&addresses.list[i], port);
        if (!add_listener(sockets, &addresses.list[i], is_guarded(options), fail))
            return false;
    }
    return true;
}

/* 127.0.0.1 and, where the system has it, ::1 at the same port. */
static bool listen_at_loopback(struct control_sockets *sockets,
                               const struct daemon_options *options, struct fail *fail)
{
    struct address v4, v6, real;
    address_parse("127.0.0.1", (uint16_t)options->port, &v4);
    if (!add_listener(sockets, &v4, false, fail))
        return false;
    sock_local(sockets->fds[0], &real);
    address_parse("::1", address_port(&real), &v6);
    if (!add_listener(sockets, &v6, false, fail))
        return errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT || options->port == 0;
    return true;
}

int control_sockets_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || atol(pid) != (long)getpid())
        return 0;
    int number = atoi(count);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    return number > 0 && number <= BINDS_MAX ? number : 0;
}

static bool take_passed_sockets(struct control_sockets *sockets, int count, bool guarded,
                                struct fail *fail)
{
    for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + count; fd++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        if (!sock_local(fd, &address))
            return fail_set(fail, 0, "what was passed as descriptor %d is no socket", fd);
        address_format_port(&address, text);
        if (!address_is_loopback(&address) && !guarded)
            return fail_set(fail, 0,
                            "refusing the socket passed for %s: give --token-file, or --no-auth "
                            "allows it",
                            text);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        sockets->fds[sockets->count++] = fd;
    }
    return true;
}

bool control_sockets_open(struct control_sockets *sockets, const struct daemon_options *options,
                          struct fail *fail)
{
    if (sockets->passed)
        return take_passed_sockets(sockets, sockets->passed, is_guarded(options), fail);
    if (!options->bind_count)
        return listen_at_loopback(sockets, options, fail);
    for (int i = 0; i < options->bind_count; i++)
        if (!listen_at(sockets, options->binds[i], options, fail))
            return false;
    return true;
}

void control_sockets_tell(const struct control_sockets *sockets)
{
    for (int i = 0; i < sockets->count && !sockets->passed; i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        sock_local(sockets->fds[i], &address);
        address_format_port(&address, text);
        fprintf(stderr, "flowd: listening at %s\n", text);
    }
}
