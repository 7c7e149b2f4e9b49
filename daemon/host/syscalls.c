/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fail.h"
#include "log.h"
#include "mem.h"

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined ARCHITECTURE && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__

/* The system calls of another architecture (and of x32) have other numbers. */
#define FOREIGN UINT32_C(0x40000000)

static const uint16_t never[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_acct,
    SYS_quotactl,
    SYS_mknodat,
    SYS_personality,
    SYS_open_by_handle_at,
};

enum { NEVER = COUNT(never), HEAD = 5 };

/* Four instructions look at the architecture and the number's range, one at each of `never`; then
 * come two that let the call pass or fail. The kernel keeps what a filter says of a number alone
 * (since 5.11), so that a call that passes costs next to nothing. */
void syscalls_limit(void)
{
    struct sock_filter code[HEAD + NEVER + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN, NEVER + 1, 0),
    };
    for (int i = 0; i < NEVER; i++)
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, never[i],
                                                      (uint8_t)(NEVER - i), 0);
    code[HEAD + NEVER] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[HEAD + NEVER + 1] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {HEAD + NEVER + 2, code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
        log_info("can't install the filter of system calls: %s", fail_errno(errno));
}

#else

void syscalls_limit(void)
{
}

#endif
