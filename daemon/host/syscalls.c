/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
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

/* New namespaces are what clone(2) could make of a thread. */
#define NAMESPACES                                                                                \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)

/* Some of these are newer than headers may be; their numbers are the same everywhere. */
enum {
    IO_URING_SETUP = 425,
    IO_URING_ENTER,
    IO_URING_REGISTER,
    OPEN_TREE,
    MOVE_MOUNT,
    FSOPEN,
    FSCONFIG,
    FSMOUNT,
    FSPICK,
    CLONE3 = 435,
    PIDFD_GETFD = 438,
    PROCESS_MADVISE = 440,
    MOUNT_SETATTR = 442,
    QUOTACTL_FD,
};

static const uint16_t never[] = {
    /* programs, and other processes */
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    PIDFD_GETFD,
    PROCESS_MADVISE,
    /* file systems and namespaces */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_mknodat,
    SYS_open_by_handle_at,
    SYS_quotactl,
    SYS_fanotify_init,
    SYS_swapon,
    SYS_swapoff,
    OPEN_TREE,
    MOVE_MOUNT,
    FSOPEN,
    FSCONFIG,
    FSMOUNT,
    FSPICK,
    MOUNT_SETATTR,
    QUOTACTL_FD,
    /* the host */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_acct,
    SYS_vhangup,
    SYS_personality,
#if defined __x86_64__
    SYS_mknod,
    SYS_kexec_file_load,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
    /* what else the kernel has that nothing here is made of */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    IO_URING_SETUP,
    IO_URING_ENTER,
    IO_URING_REGISTER,
};

enum { NEVER = COUNT(never), HEAD = 5, TAIL = 7 };

/* First the architecture and the number's range, then each of `never`; then clone(2) by its flags,
 * and clone3(2), whose flags can't be seen: who is told that there is none takes the other. The
 * kernel keeps what a filter says of a number alone (since 5.11), so that a call that passes costs
 * next to nothing. */
void syscalls_limit(bool keep_bpf)
{
    struct sock_filter code[HEAD + NEVER + TAIL] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN, NEVER + 5, 0),
    };
    static const struct sock_filter tail[TAIL] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLONE3, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    for (int i = 0; i < NEVER; i++) {
        uint32_t call = never[i] == SYS_bpf && keep_bpf ? never[0] : never[i];
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call,
                                                      (uint8_t)(NEVER - i + 4), 0);
    }
    for (int i = 0; i < TAIL; i++)
        code[HEAD + NEVER + i] = tail[i];
    struct sock_fprog program = {COUNT(code), code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
        log_info("can't install the filter of system calls: %s", fail_errno(errno));
}

#else

void syscalls_limit(bool keep_bpf)
{
    (void)keep_bpf;
}

#endif
