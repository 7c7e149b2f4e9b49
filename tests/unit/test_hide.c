/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/hide.c: no name or address of a host stays in a text. */
#include "controller/output/hide.c"

#include "unit.h"

static void check(const struct hide *hide, const char *text, const char *expected)
{
    char *hidden = hide_text(hide, text);
    assert_string_equal(hidden, expected);
    free(hidden);
}

static void names_and_addresses_are_replaced(void **state)
{
    struct output_options options = {.hide_addresses = true};
    struct describe_reply daemons[2] = {{.host = "alpha"}, {.host = "alpha-two"}};
    struct plan *plan = plan_new(1);
    struct sink_run run = {
        .options = &options, .plan = plan, .daemons = daemons, .controller = "laptop"};
    (void)state;
    snprintf(plan->flows[0].at[SOURCE].host, PROTOCOL_HOST_MAX, "10.0.0.1");
    snprintf(plan->flows[0].at[SOURCE].control, PROTOCOL_HOST_MAX, "alpha.lab");
    snprintf(plan->flows[0].at[DESTINATION].host, PROTOCOL_HOST_MAX, "10.0.0.12");
    snprintf(plan->flows[0].at[DESTINATION].control, PROTOCOL_HOST_MAX, "fd00::2");
    plan_group(plan);
    struct hide *hide = hide_new(&run);
    check(hide, "", "");
    check(hide, "flowd at alpha.lab:5999 is lost", "flowd at host-0:5999 is lost");
    check(hide, "s=10.0.0.1,d=10.0.0.12/[fd00::2]:6000", "s=host-0,d=host-1/[host-1]:6000");
    check(hide, "alpha alpha-two laptop", "host-0 host-1 controller");
    check(hide, "alphabet 110.0.0.1 10.0.0.123 mylaptop", "alphabet 110.0.0.1 10.0.0.123 mylaptop");
    hide_free(hide);
    options.hide_addresses = false;
    hide = hide_new(&run);
    assert_null(hide);
    check(hide, "10.0.0.1", "10.0.0.1");
    hide_free(hide);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses_are_replaced),
    };
    return cmocka_run_group_tests_name("hide", tests, NULL, NULL);
}
