/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests common/exposition.c and exposed.c: lines to the last character, labels that would break
 * them, and names without doubles. */
#include "common/exposition.c"

#include "exposed.h"

#include "unit.h"

static void expect_text(struct buffer *out, const char *text)
{
    buffer_add(out, "", 1);
    assert_string_equal(out->data, text);
    buffer_free(out);
}

static void writes_prometheus_text(void **state)
{
    struct buffer out = {0}, labels = {0};
    struct exposition page = {.out = &out, .form = EXPOSITION_TEXT};
    (void)state;
    exposition_label(&labels, "a", "x");
    exposition_label_number(&labels, "b", -7);
    exposition_family(&page, EXPOSITION_COUNTER, "t_seconds", "seconds", "a\\b\nc");
    exposition_fixed(&page, labels.data, 1500, 3);
    exposition_fixed(&page, "", -5, 0);
    exposition_family(&page, EXPOSITION_GAUGE, "g", "", "h");
    exposition_real(&page, "", (double)NAN);
    exposition_real(&page, "", 0.25);
    exposition_end(&page);
    expect_text(&out, "# TYPE flowrig_t_seconds_total counter\n"
                      "# HELP flowrig_t_seconds_total a\\\\b\\nc\n"
                      "flowrig_t_seconds_total{a=\"x\",b=\"-7\"} 1.500\n"
                      "flowrig_t_seconds_total -5\n"
                      "# TYPE flowrig_g gauge\n# HELP flowrig_g h\nflowrig_g 0.25\n");
    buffer_free(&labels);
}

static void writes_openmetrics(void **state)
{
    struct buffer out = {0};
    struct exposition page = {.out = &out, .form = EXPOSITION_OPENMETRICS};
    (void)state;
    exposition_family(&page, EXPOSITION_COUNTER, "t_seconds", "seconds", "h");
    exposition_fixed(&page, "", 2, 0);
    exposition_end(&page);
    expect_text(&out, "# TYPE flowrig_t_seconds counter\n# UNIT flowrig_t_seconds seconds\n"
                      "# HELP flowrig_t_seconds h\nflowrig_t_seconds_total 2\n# EOF\n");
}

static void labels_are_escaped(void **state)
{
    struct buffer labels = {0};
    (void)state;
    exposition_label(&labels, "a", "q\"b\\n\nx\x01\xff");
    assert_int_equal(strlen(labels.data), labels.length);
    expect_text(&labels, "{a=\"q\\\"b\\\\n?x??\"}");
}

/* Every exposed metric has a kind that it can be shown as, and a name of its own. */
static void exposed_metrics_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < EXPOSED_METRICS; i++) {
        struct buffer out = {0};
        struct exposition page = {.out = &out, .form = EXPOSITION_TEXT};
        const struct metric_info *info = &metrics[exposed_metrics[i].metric];
        assert_true(info->kind == METRIC_KIND_COUNTER || info->kind == METRIC_KIND_GAUGE);
        if (exposed_metrics[i].type == EXPOSITION_COUNTER)
            assert_int_equal(info->kind, METRIC_KIND_COUNTER);
        exposed_family(&page, (enum exposed)i);
        assert_true(page.name_length < sizeof page.name);
        assert_null(strstr(page.name, "bits"));
        for (int k = 0; k < i; k++)
            assert_true(strcmp(exposed_metrics[i].name, exposed_metrics[k].name) != 0 ||
                        strcmp(exposed_unit((enum exposed)i).name,
                               exposed_unit((enum exposed)k).name) != 0);
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_prometheus_text),
        cmocka_unit_test(writes_openmetrics),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(exposed_metrics_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
