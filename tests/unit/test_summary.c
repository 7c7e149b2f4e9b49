/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/results/summary.c: the figures of a run, computed from its final reports. */
#include "controller/results/summary.c"

#include "unit.h"

struct scene {
    struct plan *plan;
    struct describe_reply hosts[2];
    struct results *results;
    struct clocksync *clocks;
};

/* Flows from localhost to another daemon, each end with an empty final report. */
static void begin(struct scene *scene, size_t flows, enum clock_mode mode)
{
    *scene = (struct scene){.plan = plan_new(flows), .results = results_new(flows)};
    for (size_t i = 0; i < flows; i++) {
        scene->plan->flows[i].at[DESTINATION].port = 6000;
        for (int end = 0; end < ENDPOINTS; end++) {
            report_init(&scene->results->flows[i].ends[end].final);
            scene->results->flows[i].ends[end].finished = true;
        }
    }
    plan_group(scene->plan);
    scene->clocks = clocksync_new(scene->plan->daemon_count, mode);
}

static struct summary *sum_up(struct scene *scene)
{
    return summary_new(&(struct summary_source){.plan = scene->plan,
                                                .hosts = scene->hosts,
                                                .results = scene->results,
                                                .clocks = scene->clocks,
                                                .start_bound = 7});
}

static void end(struct scene *scene, struct summary *summary)
{
    summary_free(summary);
    plan_free(scene->plan);
    results_free(scene->results);
    clocksync_free(scene->clocks);
}

static int64_t *value_of(struct scene *scene, size_t flow, enum endpoint end)
{
    return scene->results->flows[flow].ends[end].final.value;
}

static void what_is_not_known_is_absent(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene, 1, CLOCK_MODE_NONE);
    struct summary *summary = sum_up(&scene);
    for (int i = 0; i < ENDPOINTS; i++) {
        const struct summary_endpoint *endpoint = &summary->flows[0].ends[i];
        const struct summary_direction *direction = &summary->flows[0].directions[i];
        assert_true(isnan(endpoint->tx_rate) && isnan(endpoint->rx_rate));
        assert_true(isnan(endpoint->transactions));
        assert_int_equal(endpoint->requests_out + endpoint->responses_in, 0);
        assert_false(endpoint->start_known || endpoint->clock_known || endpoint->drift_known);
        assert_int_equal(direction->exists, i == SOURCE);
        assert_true(isnan(direction->goodput));
        assert_true(direction->bytes == METRIC_ABSENT && direction->retransmitted == METRIC_ABSENT);
        assert_true(direction->srtt == METRIC_ABSENT && direction->min_rtt == METRIC_ABSENT);
    }
    assert_int_equal(summary->clock_count, 0);
    assert_int_equal(summary->start_bound, 7);
    end(&scene, summary);
}

static void endpoints_have_rates_and_blocks(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene, 1, CLOCK_MODE_NONE);
    int64_t *value = value_of(&scene, 0, SOURCE);
    value[METRIC_tx_bytes] = 1000;
    value[METRIC_tx_time] = 4 * NS_PER_SEC;
    value[METRIC_rx_bytes] = 3000;
    value[METRIC_rx_time] = 2 * NS_PER_SEC;
    value[METRIC_tx_requests] = 5;
    value[METRIC_tx_requests_tail] = 1;
    value[METRIC_rx_responses] = 10;
    value[METRIC_rx_responses_tail] = 3;
    struct summary *summary = sum_up(&scene);
    const struct summary_endpoint *endpoint = &summary->flows[0].ends[SOURCE];
    assert_float_equal(endpoint->tx_rate, 2000, 1e-9);
    assert_float_equal(endpoint->rx_rate, 12000, 1e-9);
    assert_float_equal(endpoint->transactions, 2.5, 1e-9); /* without those of the tail */
    assert_int_equal(endpoint->requests_out, 6);
    assert_int_equal(endpoint->responses_in, 13);
    assert_ptr_equal(endpoint->host, &scene.hosts[0]);
    assert_ptr_equal(endpoint[1].host, &scene.hosts[1]);
    end(&scene, summary);
}

/* The receiver knows the goodput, the sender's kernel what was sent again. */
static void directions_join_both_ends(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene, 1, CLOCK_MODE_NONE);
    scene.plan->flows[0].ends[DESTINATION].duration = NS_PER_SEC;
    for (int i = 0; i < ENDPOINTS; i++) {
        int64_t *value = value_of(&scene, 0, (enum endpoint)i);
        value[METRIC_rx_bytes] = i == DESTINATION ? 1000 : 500;
        value[METRIC_rx_time] = NS_PER_SEC;
        value[METRIC_bytes_retrans] = i == SOURCE ? 10 : 20;
        value[METRIC_bytes_sent] = i == SOURCE ? 1100 : 600;
        value[METRIC_srtt] = i == SOURCE ? 100 : 200;
    }
    struct summary *summary = sum_up(&scene);
    const struct summary_direction *directions = summary->flows[0].directions;
    assert_true(directions[SOURCE].exists && directions[DESTINATION].exists);
    assert_float_equal(directions[SOURCE].goodput, 8000, 1e-9);
    assert_float_equal(directions[DESTINATION].goodput, 4000, 1e-9);
    assert_int_equal(directions[SOURCE].retransmitted, 10);
    assert_int_equal(directions[DESTINATION].retransmitted, 20);
    assert_int_equal(directions[SOURCE].sent, 1100);
    assert_int_equal(directions[SOURCE].srtt, 100);
    assert_int_equal(summary->total.bytes, 1500);
    end(&scene, summary);
}

/* Without a final report there is no figure, whatever its memory holds. */
static void an_endpoint_without_final_report_has_no_figures(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene, 1, CLOCK_MODE_NONE);
    value_of(&scene, 0, SOURCE)[METRIC_bytes_retrans] = 5;
    scene.results->flows[0].ends[SOURCE].finished = false;
    struct summary *summary = sum_up(&scene);
    assert_true(summary->flows[0].directions[SOURCE].retransmitted == METRIC_ABSENT);
    assert_int_equal(summary->total.failed, 1);
    end(&scene, summary);
}

static void starts_are_known_by_the_clocks(void **state)
{
    struct scene scene;
    (void)state;
    begin(&scene, 3, CLOCK_MODE_NONE);
    for (int i = 0; i < 3; i++) {
        struct endpoint_result *result = &scene.results->flows[i].ends[SOURCE];
        result->started = true;
        result->start_bound = i == 1 ? CLOCK_NEVER : 5;
    }
    scene.plan->flows[2].settings.late_connect = 1;
    struct summary *summary = sum_up(&scene);
    assert_true(summary->flows[0].ends[SOURCE].start_known);
    assert_false(summary->flows[1].ends[SOURCE].start_known);
    assert_false(summary->flows[2].ends[SOURCE].start_known);
    end(&scene, summary);
}

/* --clock=sync: wall clocks are trusted, and what the kernel says of them is kept. */
static void trusted_clocks_are_compared(void **state)
{
    struct scene scene;
    struct clock_reply reply = {.synchronised = true};
    (void)state;
    begin(&scene, 1, CLOCK_MODE_SYNC);
    for (size_t i = 0; i < scene.plan->daemon_count; i++)
        clocksync_add(scene.clocks, i, 1000, 2000, &reply);
    struct summary *summary = sum_up(&scene);
    assert_int_equal(summary->clock_count, 2);
    assert_ptr_equal(summary->clocks[1].daemon, &scene.plan->daemons[1]);
    assert_true(summary->clocks[1].last->synchronised);
    assert_true(summary->flows[0].ends[DESTINATION].clock_known);
    assert_false(summary->flows[0].ends[SOURCE].clock_known); /* it is the reference */
    assert_false(summary->flows[0].ends[DESTINATION].drift_known);
    end(&scene, summary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_absent),
        cmocka_unit_test(endpoints_have_rates_and_blocks),
        cmocka_unit_test(directions_join_both_ends),
        cmocka_unit_test(an_endpoint_without_final_report_has_no_figures),
        cmocka_unit_test(starts_are_known_by_the_clocks),
        cmocka_unit_test(trusted_clocks_are_compared),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
