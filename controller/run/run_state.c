/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/run_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "log.h"

void run_fail(struct run *run, int status, const char *format, ...)
{
    char text[2 * FAIL_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (run->failed) {
        log_debug("and: %s", text);
        return;
    }
    run->failed = true;
    run->status = status;
    log_error("%s", text);
}

const char *run_daemon_name(const struct run *run, size_t daemon)
{
    static _Thread_local char text[PROTOCOL_HOST_MAX + 16];
    plan_daemon_text(&run->plan->daemons[daemon], text);
    return text;
}

bool run_wait(struct run *run)
{
    while (fleet_pending(run->fleet) && !interrupt_asked() && !run->failed)
        fleet_step(run->fleet, RUN_STEP_MS);
    /* What has come at the same time is still of use to say how many daemons were reached. */
    return !run->failed && !interrupt_asked();
}

/* Where the daemon does not know a setting, which one by the name that it is typed with. */
static bool explain_unknown(struct run *run, const struct fleet_result *result)
{
    static const char mark[] = "unknown member '";
    const char *at = strstr(result->fail.text, mark);
    const char *end = at ? strchr(at + sizeof mark - 1, '\'') : NULL;
    char field[64];
    if (!end)
        return false;
    at += sizeof mark - 1;
    snprintf(field, sizeof field, "%.*s", (int)(end - at), at);
    const struct setting *setting = settings_find(field);
    if (!setting)
        return false;
    run_fail(run, EXIT_PARTIAL,
             "flowd %s at %s does not know %s%s, which this flowctl %s requires: install the same "
             "version of flowrig on both",
             run->described[result->daemon].version, run_daemon_name(run, result->daemon),
             setting->form == SETTING_FORM_SOCKOPT ? "" : "--", setting->name, PACKAGE_VERSION);
    return true;
}

void run_failure_text(const struct run *run, const struct failure *failure,
                      char text[2 * FAIL_TEXT_MAX])
{
    const struct plan_place *at = &run->plan->flows[failure->flow].at[failure->endpoint];
    snprintf(text, 2 * FAIL_TEXT_MAX, "flow %" PRId64 ", %s %s (flowd at %s): %s", failure->flow,
             endpoint_name(failure->endpoint), failure->host ? failure->host : at->host,
             run_daemon_name(run, at->daemon), failure->sentence);
}

bool run_fail_flow(struct run *run, size_t daemon, const struct failure *failure)
{
    char text[2 * FAIL_TEXT_MAX];
    if (failure->flow < 0 || (size_t)failure->flow >= run->plan->count ||
        run->plan->flows[failure->flow].at[failure->endpoint].daemon != daemon)
        return false;
    run_failure_text(run, failure, text);
    run_fail(run, EXIT_PARTIAL, "%s", text);
    return true;
}

void run_fail_call(struct run *run, const struct fleet_result *result)
{
    struct failure failure;
    if (result->outcome == FLEET_FAULT &&
        (explain_unknown(run, result) ||
         (failure_read(&result->fail, &failure) && run_fail_flow(run, result->daemon, &failure))))
        return;
    if (result->outcome == FLEET_FAULT)
        run_fail(run, EXIT_PARTIAL, "flowd at %s: %s", run_daemon_name(run, result->daemon),
                 result->fail.text);
    else
        run_fail(run, EXIT_PARTIAL, "%s", result->fail.text);
}
