/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/control_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "number.h"
#include "protocol.h"
#include "address.h"

enum { FIRST_PASSED_FD = 3 };

static bool add_listener(struct control_sockets *sockets,
                         const struct control_sockets_config *config, const struct address *address,
                         bool guarded, struct fail *fail)
{
    char text[ADDRESS_TEXT_MAX];
    address_format_port(address, text);
    if (!address_is_loopback(address) && !guarded)
        return fail_set(fail, 0,
                        "refusing to listen on %s: not a loopback address: anyone who can reach it "
                        "could %s; use --token-file to protect it, or --no-auth to allow that",
                        text, config->danger);
    if (sockets->count == 2 * BINDS_MAX)
        return fail_set(fail, 0, "more than %d addresses", 2 * BINDS_MAX);
    int fd = address_listen(address, fail);
    int error = errno;
    if (fd < 0 && error == EADDRINUSE)
        fail_set(fail, 0, "can't listen on %s: the address is in use%s", text, config->hint);
    if (fd < 0 && error == EADDRNOTAVAIL)
        fail_set(fail, 0, "can't listen on %s: this host does not have that address", text);
    errno = error; /* for who can do without the address */
    if (fd < 0)
        return false;
    sockets->fds[sockets->count++] = fd;
    return true;
}

static bool listen_at(struct control_sockets *sockets, const char *text,
                      const struct control_sockets_config *config, bool guarded, struct fail *fail)
{
    char host[PROTOCOL_HOST_MAX];
    uint16_t port = (uint16_t)config->port;
    struct addresses addresses;
    if (!address_split_host_port(text, host, sizeof host, &port, fail) ||
        !addresses_resolve(host, &addresses, fail))
        return fail_prefix(fail, "option %s", config->option);
    for (size_t i = 0; i < addresses.count; i++) {
        address_set_port(&addresses.list[i], port);
        if (!add_listener(sockets, config, &addresses.list[i], guarded, fail))
            return false;
    }
    return true;
}

/* 127.0.0.1 and, where the system has it, ::1 at the same port. */
static bool listen_at_loopback(struct control_sockets *sockets,
                               const struct control_sockets_config *config, struct fail *fail)
{
    struct address v4, v6, real;
    address_parse("127.0.0.1", (uint16_t)config->port, &v4);
    if (!add_listener(sockets, config, &v4, false, fail))
        return false;
    address_local(sockets->fds[0], &real);
    address_parse("::1", address_port(&real), &v6);
    if (!add_listener(sockets, config, &v6, false, fail))
        return errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT || config->port == 0;
    return true;
}

int control_sockets_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int64_t process, number;
    if (!pid || !count || !number_parse_int(pid, &process, NULL) || process != getpid() ||
        !number_parse_int(count, &number, NULL))
        return 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    return number > 0 && number <= BINDS_MAX ? (int)number : 0;
}

static bool take_passed_sockets(struct control_sockets *sockets, int count, bool guarded,
                                struct fail *fail)
{
    for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + count; fd++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        if (!address_local(fd, &address))
            return fail_set(fail, 0, "descriptor %d was passed as a socket but is not one", fd);
        address_format_port(&address, text);
        if (!address_is_loopback(&address) && !guarded)
            return fail_set(fail, 0,
                            "refusing the socket passed for %s: use --token-file to protect it, or "
                            "--no-auth to allow that",
                            text);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        sockets->fds[sockets->count++] = fd;
    }
    return true;
}

bool control_sockets_open(struct control_sockets *sockets,
                          const struct control_sockets_config *config, bool guarded,
                          struct fail *fail)
{
    if (sockets->passed)
        return take_passed_sockets(sockets, sockets->passed, guarded, fail);
    if (!config->wanted)
        return true;
    if (!config->bind_count)
        return listen_at_loopback(sockets, config, fail);
    for (int i = 0; i < config->bind_count; i++)
        if (!listen_at(sockets, config->binds[i], config, guarded, fail))
            return false;
    return true;
}

void control_sockets_tell(const struct control_sockets *sockets, const char *what)
{
    for (int i = 0; i < sockets->count && !sockets->passed; i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        address_local(sockets->fds[i], &address);
        address_format_port(&address, text);
        fprintf(stderr, "flowd: %s at %s\n", what, text);
    }
}
