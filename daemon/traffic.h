/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an endpoint sends of its own accord: the sizes of blocks and of the responses asked for. */
#ifndef FLOWRIG_TRAFFIC_H
#define FLOWRIG_TRAFFIC_H

#include <stdint.h>

#include "settings.h"

/* The next block's size, header included, in bytes. */
uint32_t traffic_request_size(const struct endpoint_settings *settings);
/* The size of the response to ask for, 0 for none. */
uint32_t traffic_response_size(const struct endpoint_settings *settings);

/* The largest response that an endpoint with these settings asks for. */
uint32_t traffic_response_limit(const struct endpoint_settings *settings);

#endif
