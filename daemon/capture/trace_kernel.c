/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/trace_kernel.h"

#if HAVE_TRACE

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <daemon/capture/trace.skel.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "protocol.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

struct trace_kernel {
    struct trace_bpf *programs;
    struct ring_buffer *ring;
    uint32_t network; /* inode of the network namespace */
    uint32_t kinds;
    void (*take)(void *context, const struct trace_ring_event *event);
    void *context;
};

/* The programs by the tracepoint that runs them. */
static const struct {
    const char *program, *point;
    enum trace_kind kind;
    bool needed;
} points[] = {
    {"on_segment", "tcp_probe", TRACE_SEGMENT, true},
    {"on_retransmit", "tcp_retransmit_skb", TRACE_RETRANSMIT, true},
    {"on_tcp_state", "inet_sock_set_state", TRACE_TCP_STATE, true},
    {"on_ca_state", "tcp_cong_state_set", TRACE_CA_STATE, false},
    {"on_reset_sent", "tcp_send_reset", TRACE_RESET_SENT, false},
    {"on_reset_received", "tcp_receive_reset", TRACE_RESET_RECEIVED, false},
    {"on_receive_buffer", "tcp_rcvbuf_grow", TRACE_RECEIVE_BUFFER, false},
};

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
    char text[512];
    int length = vsnprintf(text, sizeof text, format, args);
    if (length > 0 && (size_t)length < sizeof text && text[length - 1] == '\n')
        text[length - 1] = '\0';
    if (level != LIBBPF_DEBUG)
        log_debug("%s", text);
    return 0;
}

/* Leaves out the programs of tracepoints that the kernel does not have. */
static bool choose_programs(struct trace_kernel *kernel, struct fail *fail)
{
    struct btf *types = btf__load_vmlinux_btf();
    char name[64];
    if (!types)
        return fail_set(fail, FAULT_POLICY,
                        "flows can't be traced there: the kernel has no description of its types "
                        "(BTF, CONFIG_DEBUG_INFO_BTF)");
    for (size_t i = 0; i < COUNT(points); i++) {
        snprintf(name, sizeof name, "btf_trace_%s", points[i].point);
        bool there = btf__find_by_name_kind(types, name, BTF_KIND_TYPEDEF) > 0;
        if (!there && points[i].needed) {
            btf__free(types);
            return fail_set(fail, FAULT_POLICY,
                            "flows can't be traced there: the kernel has no tracepoint %s",
                            points[i].point);
        }
        bpf_program__set_autoload(
            bpf_object__find_program_by_name(kernel->programs->obj, points[i].program), there);
        kernel->kinds |= there ? 1U << points[i].kind : 0;
    }
    btf__free(types);
    return true;
}

static bool explain(int error, struct fail *fail)
{
    if (error == EPERM || error == EACCES)
        return fail_set(fail, FAULT_POLICY,
                        "flows can't be traced there: flowd lacks the capabilities CAP_BPF and "
                        "CAP_PERFMON, or the kernel does not permit BPF; start it as root, or give "
                        "it both");
    return fail_set(fail, FAULT_SYSTEM,
                    "flows can't be traced there: the kernel refuses the BPF programs: %s",
                    fail_errno(error));
}

static int on_event(void *context, void *data, size_t size)
{
    struct trace_kernel *kernel = context;
    if (size >= sizeof(struct trace_ring_event))
        kernel->take(kernel->context, data);
    return 0;
}

static bool load(struct trace_kernel *kernel, struct fail *fail)
{
    struct stat network;
    if (stat("/proc/self/ns/net", &network))
        return fail_set(fail, FAULT_SYSTEM, "flows can't be traced there: /proc/self/ns/net: %s",
                        fail_errno(errno));
    kernel->network = (uint32_t)network.st_ino;
    if (access(KERNEL_TYPES, R_OK))
        return fail_set(fail, FAULT_POLICY,
                        "flows can't be traced there: the kernel's description of its types (BTF) "
                        "can't be read: " KERNEL_TYPES ": %s",
                        fail_errno(errno));
    kernel->programs = trace_bpf__open();
    if (!kernel->programs)
        return explain(errno, fail);
    if (!choose_programs(kernel, fail))
        return false;
    if (trace_bpf__load(kernel->programs))
        return explain(errno, fail);
    kernel->ring =
        ring_buffer__new(bpf_map__fd(kernel->programs->maps.ring), on_event, kernel, NULL);
    return kernel->ring || explain(errno, fail);
}

struct trace_kernel *trace_kernel_open(struct fail *fail)
{
    struct trace_kernel *kernel = mem_new(1, sizeof *kernel);
    libbpf_set_print(print);
    if (load(kernel, fail))
        return kernel;
    trace_kernel_close(kernel);
    return NULL;
}

void trace_kernel_close(struct trace_kernel *kernel)
{
    if (!kernel)
        return;
    ring_buffer__free(kernel->ring);
    trace_bpf__destroy(kernel->programs);
    free(kernel);
}

bool trace_kernel_attach(struct trace_kernel *kernel, struct fail *fail)
{
    if (!trace_bpf__attach(kernel->programs))
        return true;
    int error = errno;
    trace_bpf__detach(kernel->programs);
    return explain(error, fail);
}

void trace_kernel_detach(struct trace_kernel *kernel)
{
    trace_bpf__detach(kernel->programs);
}

uint32_t trace_kernel_kinds(const struct trace_kernel *kernel)
{
    return kernel->kinds;
}

bool trace_kernel_watch(struct trace_kernel *kernel, uint64_t cookie,
                        const struct trace_socket *socket)
{
    return !bpf_map_update_elem(bpf_map__fd(kernel->programs->maps.sockets), &cookie, socket,
                                BPF_ANY);
}

bool trace_kernel_look(struct trace_kernel *kernel, uint64_t cookie, struct trace_socket *socket)
{
    return !bpf_map_lookup_elem(bpf_map__fd(kernel->programs->maps.sockets), &cookie, socket);
}

void trace_kernel_forget(struct trace_kernel *kernel, uint64_t cookie)
{
    bpf_map_delete_elem(bpf_map__fd(kernel->programs->maps.sockets), &cookie);
}

bool trace_kernel_listen(struct trace_kernel *kernel, uint16_t port)
{
    struct trace_port at = {kernel->network, port};
    uint32_t one = 1;
    return !bpf_map_update_elem(bpf_map__fd(kernel->programs->maps.ports), &at, &one, BPF_ANY);
}

void trace_kernel_unlisten(struct trace_kernel *kernel, uint16_t port)
{
    struct trace_port at = {kernel->network, port};
    bpf_map_delete_elem(bpf_map__fd(kernel->programs->maps.ports), &at);
}

void trace_kernel_read(struct trace_kernel *kernel,
                       void (*take)(void *context, const struct trace_ring_event *event),
                       void *context)
{
    kernel->take = take;
    kernel->context = context;
    ring_buffer__consume(kernel->ring);
}

#else

#include "protocol.h"

struct trace_kernel *trace_kernel_open(struct fail *fail)
{
    fail_set(fail, FAULT_POLICY,
             "flows can't be traced there: flowd was built without " TRACE_LACKS);
    return NULL;
}

void trace_kernel_close(struct trace_kernel *kernel)
{
    (void)kernel;
}

bool trace_kernel_attach(struct trace_kernel *kernel, struct fail *fail)
{
    (void)kernel;
    return fail_set(fail, FAULT_POLICY, "flows can't be traced there");
}

void trace_kernel_detach(struct trace_kernel *kernel)
{
    (void)kernel;
}

uint32_t trace_kernel_kinds(const struct trace_kernel *kernel)
{
    (void)kernel;
    return 0;
}

bool trace_kernel_watch(struct trace_kernel *kernel, uint64_t cookie,
                        const struct trace_socket *socket)
{
    (void)kernel, (void)cookie, (void)socket;
    return false;
}

bool trace_kernel_look(struct trace_kernel *kernel, uint64_t cookie, struct trace_socket *socket)
{
    (void)kernel, (void)cookie, (void)socket;
    return false;
}

void trace_kernel_forget(struct trace_kernel *kernel, uint64_t cookie)
{
    (void)kernel, (void)cookie;
}

bool trace_kernel_listen(struct trace_kernel *kernel, uint16_t port)
{
    (void)kernel, (void)port;
    return false;
}

void trace_kernel_unlisten(struct trace_kernel *kernel, uint16_t port)
{
    (void)kernel, (void)port;
}

void trace_kernel_read(struct trace_kernel *kernel,
                       void (*take)(void *context, const struct trace_ring_event *event),
                       void *context)
{
    (void)kernel, (void)take, (void)context;
}

#endif
