/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system calls that the daemon never makes. */
#ifndef FLOWRIG_SYSCALLS_H
#define FLOWRIG_SYSCALLS_H

#include <stdbool.h>

/* From now on, calls that run programs, look into other processes, change the kernel, file systems
 * or namespaces fail with EPERM, for this thread and those that it starts (seccomp(2)); bpf(2) does
 * not where `keep_bpf`. Needs PR_SET_NO_NEW_PRIVS. Does nothing where the kernel has no filters,
 * and in a build with sanitizers, which look for leaks with ptrace(2). */
void syscalls_limit(bool keep_bpf);

#endif
