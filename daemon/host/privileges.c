/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/syscalls.h"
#include "log.h"
#include "number.h"

enum { WORDS = 2, WORD_BITS = 32 };

bool privileges_find(const char *user, uid_t *uid, gid_t *gid, struct fail *fail)
{
    int64_t number;
    struct passwd *found = getpwnam(user);
    if (!found && number_parse_int(user, &number, NULL) && number >= 0 && number < UINT32_MAX)
        found = getpwuid((uid_t)number);
    if (!found)
        return fail_set(fail, 0, "option --user: unknown user '%s'", user);
    *uid = found->pw_uid;
    *gid = found->pw_gid;
    return true;
}

static uint64_t kept_capabilities(const struct privileges *privileges)
{
    return (privileges->capture ? UINT64_C(1) << CAP_NET_RAW : 0) |
           (privileges->net_admin ? UINT64_C(1) << CAP_NET_ADMIN : 0) |
           (privileges->trace ? UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_PERFMON : 0);
}

/* Of those that the process has, keeps the ones of `mask`. */
static bool limit_capabilities(uint64_t mask)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[WORDS];
    if (syscall(SYS_capget, &header, data))
        return false;
    for (int i = 0; i < WORDS; i++) {
        data[i].permitted &= (uint32_t)(mask >> (i * WORD_BITS));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) == 0;
}

/* What no program that this one could be made to run would get, either. A process without
 * CAP_SETPCAP can't drop it, and PR_SET_NO_NEW_PRIVS has the same effect there. */
static void drop_bounding_set(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool become(uid_t uid, gid_t gid, uint64_t mask)
{
    return prctl(PR_SET_KEEPCAPS, mask != 0, 0, 0, 0) == 0 && setgroups(1, &gid) == 0 &&
           setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0 &&
           limit_capabilities(mask) && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0;
}

bool privileges_drop(const struct privileges *privileges, struct fail *fail)
{
    uid_t uid;
    gid_t gid;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        log_warning("can't set PR_SET_NO_NEW_PRIVS: %s", fail_errno(errno));
    drop_bounding_set();
    syscalls_limit(privileges->trace);
    if (!privileges->user)
        return true;
    if (!privileges_find(privileges->user, &uid, &gid, fail))
        return false;
    if (uid == 0)
        return fail_set(fail, 0, "option --user: '%s' is root, who has all privileges",
                        privileges->user);
    if (uid == geteuid() && uid == getuid())
        return limit_capabilities(kept_capabilities(privileges)) ||
               fail_set(fail, 0, "option --user: can't drop capabilities: %s", fail_errno(errno));
    if (!become(uid, gid, kept_capabilities(privileges)))
        return fail_set(fail, 0, "option --user: can't become '%s': %s", privileges->user,
                        fail_errno(errno));
    /* A process that could go back would not have dropped anything. */
    if (setresuid(0, 0, 0) == 0 || setgid(0) == 0)
        abort();
    return true;
}
