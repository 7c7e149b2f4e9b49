/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/live_*.c but the terminal: which rows a live view shows, in which order,
 * what keys do, sparklines, and that nothing leaves the screen. */
#include "controller/output/live_keys.c"
#include "controller/output/live_list.c"
#include "controller/output/live_model.c"
#include "controller/output/live_view.c"

#include "unit.h"

enum { FLOWS = 30, WIDTH_MOST = 200, HEIGHT_MOST = 50 };

static struct plan *plan;
static struct live_model *model;
static struct live_view *view;
static char screen[HEIGHT_MOST][WIDTH_MOST + 1];
static struct live_canvas canvas;
static size_t longest; /* text that was put */

/* Places are bytes here: the sparklines are plain. */
static void put_text(void *context, int y, int x, int width, const char *text, unsigned style)
{
    (void)context, (void)style;
    assert_in_range(y, 0, canvas.height - 1);
    assert_in_range(x, 0, canvas.width - 1);
    assert_true(x + width <= canvas.width);
    if (strlen(text) > longest)
        longest = strlen(text);
    for (int i = 0; i < width && text[i]; i++)
        screen[y][x + i] = text[i];
}

static void draw(int64_t now_ms)
{
    for (int y = 0; y < HEIGHT_MOST; y++) {
        memset(screen[y], ' ', WIDTH_MOST);
        screen[y][canvas.width] = '\0';
    }
    live_view_draw(view, now_ms * NS_PER_MS, "1 of 9 s", "", &canvas);
}

static int set_up(void **state)
{
    (void)state;
    plan = plan_new(FLOWS);
    for (size_t i = 0; i < FLOWS; i++) {
        snprintf(plan->flows[i].at[SOURCE].host, PROTOCOL_HOST_MAX, i < 10 ? "alpha" : "beta");
        snprintf(plan->flows[i].at[DESTINATION].host, PROTOCOL_HOST_MAX, "gamma\033[2J");
    }
    model = live_model_new(plan, 250 * NS_PER_MS);
    view = live_view_new(model, "run", false);
    canvas = (struct live_canvas){.width = 80, .height = 24, .put = put_text};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    live_view_free(view);
    live_model_free(model);
    plan_free(plan);
    return 0;
}

/* Flow i has i + 1 kB/s, and an srtt of FLOWS - i ms. */
static void report_window(int64_t window)
{
    struct report report;
    for (int i = 0; i < ENDPOINTS * FLOWS; i++) {
        int flow = i / ENDPOINTS;
        report_init(&report);
        report.key[REPORT_FLOW] = flow;
        report.key[REPORT_ENDPOINT] = i % ENDPOINTS;
        report.key[REPORT_BEGIN] = window * 250 * NS_PER_MS;
        report.key[REPORT_END] = (window + 1) * 250 * NS_PER_MS;
        if (i % ENDPOINTS == SOURCE) {
            report.value[METRIC_srtt] = (FLOWS - flow) * 1000;
            report.value[METRIC_total_retrans] = flow == 7 ? 3 : 0;
        } else {
            report.value[METRIC_rx_bytes] = (flow + 1) * 250;
        }
        live_model_take(model, &report, report.value);
    }
    assert_true(live_model_update(model));
}

static size_t flow_at(size_t line)
{
    assert_false(view->lines[line].is_group);
    return model->rows[view->lines[line].index].flow;
}

static void press(const char *keys)
{
    for (; *keys; keys++)
        live_view_key(view, *keys);
}

static void figures_are_those_of_the_rows(void **state)
{
    (void)state;
    report_window(0);
    report_window(1);
    draw(1000);
    assert_non_null(strstr(screen[0], "run"));
    assert_non_null(strstr(screen[0], "1 of 9 s"));
    /* 8 kbit/s times 1 to 30, and the bytes of two windows */
    assert_non_null(strstr(screen[1], "30 shown, goodput 3720 kbit/s, received 232.5 kB"));
    assert_memory_equal(screen[3 + 7], "      7    64.00         ##   23.00         ##        6 ",
                        56);
}

static void what_is_unknown_is_no_number(void **state)
{
    (void)state;
    draw(1000);
    assert_non_null(strstr(screen[1], "goodput - bit/s, received -"));
    assert_memory_equal(screen[3], "      0        -                  -                   - wait",
                        60);
}

static void rows_are_sorted(void **state)
{
    (void)state;
    report_window(0);
    draw(1000);
    assert_int_equal(flow_at(0), 0);
    press(">>>"); /* from, to, goodput */
    draw(1001);
    assert_int_equal(view->sort, LIVE_BY_GOODPUT);
    assert_int_equal(flow_at(0), FLOWS - 1);
    press(">");
    draw(1002);
    assert_int_equal(flow_at(0), 0); /* the largest srtt */
    press(">");
    draw(1003);
    assert_int_equal(flow_at(0), 7);
    press("<<I");
    draw(1004);
    assert_int_equal(flow_at(0), 0); /* the smallest goodput */
}

/* New figures do not move rows more often than once a second. */
static void order_stays_for_a_second(void **state)
{
    (void)state;
    report_window(0);
    press(">>>");
    draw(1000);
    model->rows[3].goodput = 1e12;
    draw(1999);
    assert_int_equal(flow_at(0), FLOWS - 1);
    draw(2000);
    assert_int_equal(flow_at(0), 3);
}

static void filter_and_search(void **state)
{
    (void)state;
    draw(1000);
    live_view_key(view, '\\');
    press("ALPHq");
    assert_false(view->quit);
    live_view_key(view, LIVE_KEY_ERASE);
    live_view_key(view, LIVE_KEY_ENTER);
    draw(1001);
    assert_int_equal(view->count, 10);
    assert_non_null(strstr(screen[1], "10 shown"));
    live_view_key(view, '/');
    press("7");
    live_view_key(view, LIVE_KEY_ENTER);
    assert_int_equal(flow_at(view->cursor), 7);
    live_view_key(view, '\\');
    live_view_key(view, LIVE_KEY_ESCAPE);
    draw(1002);
    assert_int_equal(view->count, FLOWS);
}

static void grouped_by_host(void **state)
{
    (void)state;
    report_window(0);
    press("t");
    draw(1000);
    assert_int_equal(view->count, 2);
    assert_memory_equal(screen[3], "+    10    440.0          #", 27); /* 8 * 55 kbit/s */
    press("j ");
    draw(1001);
    assert_int_equal(view->count, 2 + 20);
    assert_int_equal(flow_at(2), 10);
    press("t");
    draw(1002);
    assert_int_equal(view->count, 1);
    assert_memory_equal(screen[3], "+    30 ", 8);
}

static void moving_stays_within(void **state)
{
    (void)state;
    draw(1000);
    assert_int_equal(view->page, 19);
    press("k");
    assert_int_equal(view->cursor, 0);
    press("f");
    assert_int_equal(view->cursor, 19);
    press("fffj");
    assert_int_equal(view->cursor, FLOWS - 1);
    draw(1001);
    assert_int_equal(view->top, FLOWS - 19);
    press("b");
    assert_int_equal(view->cursor, FLOWS - 1 - 19);
    press("g");
    assert_int_equal(view->cursor, 0);
}

/* put_text() checks that every text is within the screen. */
static void every_size_is_drawn(void **state)
{
    (void)state;
    report_window(0);
    for (canvas.width = 1; canvas.width <= WIDTH_MOST; canvas.width += 7) {
        for (canvas.height = 1; canvas.height <= HEIGHT_MOST; canvas.height += 3) {
            draw(1000);
            press("h");
            draw(1000);
            press("xtG");
        }
    }
}

static void help_is_not_cut(void **state)
{
    (void)state;
    press("h");
    longest = 0;
    draw(1000);
    assert_non_null(strstr(screen[2], "F3, /"));
    assert_in_range(longest, 1, 80);
    press("x");
    draw(1000);
    assert_non_null(strstr(screen[2], "goodput"));
}

/* What a host is called can't reach the terminal. */
static void names_are_made_printable(void **state)
{
    (void)state;
    assert_string_equal(model->hosts[1], "gamma?[2J");
}

static void sparklines_have_levels(void **state)
{
    struct live_history history;
    int levels[6];
    (void)state;
    live_history_clear(&history);
    history.value[1] = 0;
    history.value[2] = 7;
    history.value[3] = 3.5;
    live_levels(&history, 4, 6, levels);
    static const int expected[] = {0, 0, 0, 1, 8, 5};
    assert_memory_equal(levels, expected, sizeof levels);
    history.value[2] = history.value[3] = 0; /* nothing but zeros */
    live_levels(&history, 4, 3, levels);
    for (int i = 0; i < 3; i++)
        assert_int_equal(levels[i], 1);
}

static void quitting_takes_both_keys(void **state)
{
    (void)state;
    live_view_key(view, LIVE_KEY_F10);
    assert_true(view->quit);
    view->quit = false;
    press("hq");
    assert_true(view->quit);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(figures_are_those_of_the_rows),
        CASE(what_is_unknown_is_no_number),
        CASE(rows_are_sorted),
        CASE(order_stays_for_a_second),
        CASE(filter_and_search),
        CASE(grouped_by_host),
        CASE(moving_stays_within),
        CASE(every_size_is_drawn),
        CASE(names_are_made_printable),
        CASE(sparklines_have_levels),
        CASE(quitting_takes_both_keys),
        CASE(help_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
