/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests the filter of system calls: what it refuses, whatever the process may do, and what it lets
 * pass. */
#include "daemon/host/syscalls.c"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#if defined ARCHITECTURE && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__

static void *nothing(void *argument)
{
    return argument;
}

/* The error of a call without sense. */
static int error_of(long number, long first)
{
    errno = 0;
    return syscall(number, first, 0L, 0L, 0L, 0L, 0L) < 0 ? errno : 0;
}

static int failed(const char *what, long number)
{
    printf("# %s: system call %ld\n", what, number);
    fflush(stdout);
    return 1;
}

/* In a process of its own: a filter stays. */
static int behind_the_filter(bool keep_bpf)
{
    static const long flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID};
    pthread_t thread;
    int bare = error_of(SYS_bpf, -1);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscalls_limit(keep_bpf);
    for (size_t i = 0; i < COUNT(never); i++)
        if (error_of(never[i], -1) != (keep_bpf && never[i] == SYS_bpf ? bare : EPERM))
            return failed("is not as it should be", never[i]);
    for (size_t i = 0; i < COUNT(flags); i++)
        if (error_of(SYS_clone, flags[i] | SIGCHLD) != EPERM)
            return failed("passes with a namespace", SYS_clone);
    if (error_of(CLONE3, 0) != ENOSYS)
        return failed("is there", CLONE3);
    if (error_of((long)FOREIGN, 0) != EPERM)
        return failed("passes", FOREIGN);
    if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
        return failed("no thread can be started", SYS_clone);
    return error_of(SYS_getppid, 0) ? failed("does not pass", SYS_getppid) : 0;
}

static void check_in_child(bool keep_bpf)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(behind_the_filter(keep_bpf));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_is_never_needed_is_refused(void **state)
{
    (void)state;
    check_in_child(false);
}

/* Traces need bpf(2), and nothing else more. */
static void with_traces_bpf_passes(void **state)
{
    (void)state;
    check_in_child(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_never_needed_is_refused),
                                       cmocka_unit_test(with_traces_bpf_passes)};
    return cmocka_run_group_tests_name("syscalls", tests, NULL, NULL);
}

#else

int main(void)
{
    puts("1..1\nok 1 - what is never needed is refused # SKIP builds with sanitizers have no "
         "filter");
    return 0;
}

#endif
