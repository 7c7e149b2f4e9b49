/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's part of the tracer (trace.bpf.c), or a sentence where it can't be had: flowd was
 * built without it, the kernel lacks what it needs, or flowd lacks the capabilities. */
#ifndef FLOWRIG_TRACE_KERNEL_H
#define FLOWRIG_TRACE_KERNEL_H

#include <stdbool.h>

#include "fail.h"
#include "traceformat.h"

struct trace_kernel;

/* Loads the programs; that takes some tenths of a second. NULL with a sentence. */
struct trace_kernel *trace_kernel_open(struct fail *fail);
void trace_kernel_close(struct trace_kernel *kernel);
/* Has the programs run, at each event of the kernel's; false with a sentence. */
bool trace_kernel_attach(struct trace_kernel *kernel, struct fail *fail);
void trace_kernel_detach(struct trace_kernel *kernel);
/* A bit for each kind of event that the kernel can tell. */
uint32_t trace_kernel_kinds(const struct trace_kernel *kernel);

/* Traces the socket with this cookie (SO_COOKIE), or does so in another way; from any thread. False
 * with errno. */
bool trace_kernel_watch(struct trace_kernel *kernel, uint64_t cookie,
                        const struct trace_socket *socket);
/* What became of it so far; false where it is not traced. */
bool trace_kernel_look(struct trace_kernel *kernel, uint64_t cookie, struct trace_socket *socket);
void trace_kernel_forget(struct trace_kernel *kernel, uint64_t cookie);
/* Traces each connection that this port of this network namespace accepts; false with errno. */
bool trace_kernel_listen(struct trace_kernel *kernel, uint16_t port);
void trace_kernel_unlisten(struct trace_kernel *kernel, uint16_t port);

/* Hands over all events that are there, in their order. One thread only. */
void trace_kernel_read(struct trace_kernel *kernel,
                       void (*take)(void *context, const struct trace_ring_event *event),
                       void *context);

#endif
