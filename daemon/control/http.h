/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP front of the daemon: takes calls, bounded in size and time, and lets them wait. */
#ifndef FLOWRIG_HTTP_H
#define FLOWRIG_HTTP_H

#include "control/auth.h"
#include "control/http_headers.h"
#include "control/rpc_server.h"
#include "control/tls.h"
#include "stamp/stamp_counts.h"

struct http;

/* `tls` NULL: plain HTTP. Where `auth` has users, each request has to show one of them; where `tls`
 * has a CA of clients, each connection has to show a certificate of it. `names`: those that the
 * header Host may have, NULL for any. All are borrowed. NULL with errno on failure. */
struct http *http_new(struct rpc_server *rpc, const struct tls *tls, struct auth *auth,
                      const struct host_names *names);
/* Serves connections of a listening socket, which then belongs to the front. */
bool http_serve(struct http *http, int listen_fd, struct fail *fail);
/* The same for a socket at which metrics of these sessions can be scraped; with several sockets,
 * they are the same. `stamp` NULL: there is no reflector. */
bool http_serve_metrics(struct http *http, int listen_fd, struct sessions *sessions,
                        const struct stamp_counts *stamp, struct fail *fail);
/* Answers what is under way and ends. No call may be waiting any more (waitlist_wake). */
void http_stop(struct http *http);
/* From now on calls do not wait, and refusals are not held back. */
void http_stop_waiting(struct http *http);

#endif
