/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP front of the daemon: takes calls, bounded in size and time, and lets them wait. */
#ifndef FLOWRIG_HTTP_H
#define FLOWRIG_HTTP_H

#include "rpc_server.h"

struct http;

struct http *http_new(struct rpc_server *rpc);
/* Serves connections of a listening socket, which then belongs to the front. */
bool http_serve(struct http *http, int listen_fd, struct fail *fail);
/* Answers what is under way and ends. No call may be waiting any more (waitlist_wake). */
void http_stop(struct http *http);
/* From now on calls do not wait. */
void http_stop_waiting(struct http *http);

#endif
