/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/listen_at.h"

#include <errno.h>

#include "number.h"
#include "protocol.h"

/* A family that the host does not have is no failure where the other one works. */
static bool is_absent(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

static bool listen_one(const struct listen_at *how, const char *text, uint16_t port,
                       struct address *bound, struct fail *fail)
{
    struct address address;
    address_parse(text, port, &address);
    return how->listen(how->owner, &address, bound, fail);
}

static bool listen_both(const struct listen_at *how, uint16_t port, struct fail *fail)
{
    struct address bound;
    bool any = !port;
    bool good = listen_one(how, how->loopback ? "127.0.0.1" : "0.0.0.0", port, &bound, fail);
    if (!good && !is_absent(errno))
        return false;
    if (good && any)
        port = address_port(&bound);
    return listen_one(how, how->loopback ? "::1" : "::", port, &bound, fail) ||
           (good && (any || is_absent(errno)));
}

static bool read_option(const struct listen_at *how, char host[PROTOCOL_HOST_MAX], uint16_t *port,
                        struct fail *fail)
{
    int64_t number;
    if (!how->option || !*how->option)
        return true;
    if (!number_parse_int(how->option, &number, NULL))
        return address_split_host_port(how->option, host, PROTOCOL_HOST_MAX, port, fail);
    if (number < 0 || number > UINT16_MAX)
        return fail_set(fail, 0, "'%s' is not a port", how->option);
    *port = (uint16_t)number;
    return true;
}

bool listen_at(const struct listen_at *how, struct fail *fail)
{
    char host[PROTOCOL_HOST_MAX] = "";
    uint16_t port = how->port;
    struct addresses addresses;
    struct address bound;
    if (!read_option(how, host, &port, fail))
        return false;
    if (!host[0] && !how->loopback && how->both_at_once)
        return listen_one(how, "::", port, &bound, fail) ||
               listen_one(how, "0.0.0.0", port, &bound, fail);
    if (!host[0])
        return listen_both(how, port, fail);
    if (!addresses_resolve(host, &addresses, fail))
        return false;
    for (size_t i = 0; i < addresses.count; i++) {
        address_set_port(&addresses.list[i], port);
        if (!how->listen(how->owner, &addresses.list[i], &bound, fail))
            return false;
    }
    return true;
}
