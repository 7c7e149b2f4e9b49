/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Points for an InfluxDB that is there: over HTTP. */
#ifndef FLOWRIG_INFLUX_HTTP_H
#define FLOWRIG_INFLUX_HTTP_H

#include <stdbool.h>

#include "fail.h"
#include "output/sink.h"

/* Whether a target of --output influx is a server. */
bool influx_is_server(const char *target);
/* A sink that sends to it, with operations of its own; NULL with a sentence. */
struct sink *influx_http_open(const char *target, struct fail *fail);

#endif
