/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/plot.c: what is drawn, where in time, and the script that gnuplot gets. */
#include "controller/plot.c"

#include <sys/stat.h>

#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char dir[] = "/tmp/flowrig-plot-XXXXXX";

/* A log read from this text, behind its first line. */
static struct logreader *log_of(const char *text)
{
    char *path = mem_printf("%s/a.log", dir);
    struct fail fail;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "# flowlog 1\n%s", text);
    fclose(file);
    struct logreader *log = logreader_open(path, &fail);
    if (!log)
        fail_msg("%s", fail.text);
    unlink(path);
    free(path);
    return log;
}

/* Two flows of two intervals; flow 1 sends nothing. */
static struct logreader *small_log(void)
{
    return log_of("# columns S|D id begin end through cwnd rx_through tx_bytes rx_bytes avgIAT\n"
                  "# units - - s s Mbit/s 1 Mbit/s B B ms\n"
                  "S 0 0 1 8 10 0 1000000 0 inf\n"
                  "D 0 0 1 0 10 7 0 875000 1.5\n"
                  "S 1 0 1 0 10 0 0 0 inf\n"
                  "S 0 1 2 nan 12 0 0 0 inf\n"
                  "D 0 1 2.5 0 10 9 0 1125000 2.5\n"
                  "D 1 0 2 0 10 0 0 0 inf\n");
}

static struct plot_request request_of(const struct logreader *log, const char *const *names,
                                      size_t count)
{
    struct plot_request request = {.title = "a.log", .metric_count = count};
    for (size_t i = 0; i < count; i++) {
        request.metrics[i] = logreader_column(log, names[i]);
        assert_true(request.metrics[i] >= 0);
    }
    return request;
}

/* The script for these metrics, with a NUL; NULL and a sentence where there is none. */
static char *script_of(const struct logreader *log, const struct plot_request *request,
                       struct fail *fail)
{
    struct buffer script = {0};
    *fail = (struct fail){0};
    if (!build_script(&script, log, request, fail)) {
        buffer_free(&script);
        return NULL;
    }
    buffer_add(&script, "", 1);
    return script.data;
}

static void check_script(const struct logreader *log, const char *metric, const char *expected)
{
    struct fail fail;
    struct plot_request request = request_of(log, &metric, 1);
    char *script = script_of(log, &request, &fail);
    if (!script)
        fail_msg("%s: %s", metric, fail.text);
    const char *panel = strstr(script, "noenhanced\n");
    assert_non_null(panel);
    assert_string_equal(panel + strlen("noenhanced\n"), expected);
    free(script);
}

/* ---- what is drawn */

static void sent_things_are_drawn_for_senders(void **state)
{
    (void)state;
    struct logreader *log = small_log();
    /* Over the interval: at its middle. A gap stays a gap. Flow 1 sends nothing. */
    check_script(log, "through",
                 "$d0 << END\n0.500000 8\n1.500000 NaN\nEND\n"
                 "set ylabel \"through [Mbit/s]\" noenhanced\n"
                 "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 S\"\n"
                 "unset multiplot\n");
    /* As it was at the interval's end. */
    check_script(log, "cwnd",
                 "$d0 << END\n1.000000 10\n2.000000 12\nEND\n"
                 "set ylabel \"cwnd [#]\" noenhanced\n"
                 "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 S\"\n"
                 "unset multiplot\n");
    logreader_free(log);
}

static void received_things_are_drawn_for_receivers(void **state)
{
    (void)state;
    struct logreader *log = small_log();
    check_script(log, "rx_through",
                 "$d0 << END\n0.500000 7\n1.750000 9\nEND\n"
                 "set ylabel \"rx_through [Mbit/s]\" noenhanced\n"
                 "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 D\"\n"
                 "unset multiplot\n");
    check_script(log, "avgIAT",
                 "$d0 << END\n0.500000 1.5\n1.750000 2.5\nEND\n"
                 "set ylabel \"avgIAT [ms]\" noenhanced\n"
                 "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 D\"\n"
                 "unset multiplot\n");
    logreader_free(log);
}

/* Which side a column belongs to, by its name. */
static void columns_belong_to_a_side(void **state)
{
    static const struct {
        const char *name;
        bool of_receiver;
    } cases[] = {
        {"through", false},   {"transac", false},       {"rtt", false},
        {"minRTT", false},    {"bytes_sent", false},    {"delivered_ce", false},
        {"rx_through", true}, {"maxIAT", true},         {"avgDLY", true},
        {"rcv_wnd", true},    {"bytes_received", true}, {"received_ce", true},
        {"snd_wnd", false},   {"rwnd_limited", false},  {"app_limited", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "# columns S|D id begin end %s tx_bytes rx_bytes\nS 0 0 1 5 100 0\nD 0 0 1 5 0 "
                 "100\n",
                 cases[i].name);
        struct logreader *log = log_of(text);
        if (is_drawn(log, &(struct series){0, SOURCE}, 4) == cases[i].of_receiver ||
            is_drawn(log, &(struct series){0, DESTINATION}, 4) != cases[i].of_receiver)
            fail_msg("%s", cases[i].name);
        logreader_free(log);
    }
}

static void without_byte_counts_all_are_drawn(void **state)
{
    (void)state;
    struct logreader *log = log_of("# columns S|D id begin end rtt\nS 0 0 1 5\nD 0 0 1 6\n"
                                   "D 1 0 1 0\nS 1 0 1 nan\n");
    check_script(log, "rtt",
                 "$d0 << END\n1.000000 5\nEND\n$d1 << END\n1.000000 6\nEND\n"
                 "set ylabel \"rtt []\" noenhanced\n"
                 "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 S\", $d1 using 1:2 with "
                 "lines lw 1.5 title \"flow 0 D\"\n"
                 "unset multiplot\n");
    logreader_free(log);
}

static void flows_are_in_order_and_as_wanted(void **state)
{
    (void)state;
    struct logreader *log = log_of("# columns S|D id begin end x\nS 7 0 1 5\nD 2 0 1 6\nS 2 0 1 1\n"
                                   "D 0 0 1 0\nS 7 0 1 1\n");
    static const struct series all[] = {
        {0, DESTINATION}, {2, SOURCE}, {2, DESTINATION}, {7, SOURCE}};
    bool flows[3] = {true, false, true};
    struct plot_request request = {0};
    size_t count;
    struct series *list = list_series(log, &request, &count);
    assert_int_equal(count, COUNT(all));
    for (size_t i = 0; i < count; i++)
        assert_true(list[i].flow == all[i].flow && list[i].endpoint == all[i].endpoint);
    free(list);
    request.flows = flows;
    request.flow_count = 3; /* 7 is not among them */
    list = list_series(log, &request, &count);
    assert_int_equal(count, 3);
    assert_true(list[0].flow == 0 && list[1].flow == 2 && list[2].flow == 2);
    free(list);
    request.flow_count = 0;
    list = list_series(log, &request, &count);
    assert_int_equal(count, 0);
    free(list);
    logreader_free(log);
}

static void every_form_has_its_place_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < columns_count; i++) {
        char *text = mem_printf("# columns S|D id begin end %s\nS 0 4 6 1\n", columns[i].name);
        struct logreader *log = log_of(text);
        bool at_end = columns[i].form == COLUMN_VALUE || columns[i].form == COLUMN_BITS;
        assert_true(place_in_time(log, &log->rows[0], 4) == (at_end ? 6 : 5));
        logreader_free(log);
        free(text);
    }
    struct logreader *log = log_of("# columns S|D id begin end stranger\nS 0 4 6 1\n");
    assert_true(place_in_time(log, &log->rows[0], 4) == 5);
    logreader_free(log);
}

/* ---- the script */

static void scripts_have_a_panel_for_each_metric(void **state)
{
    static const char *const names[] = {"through", "transac", "rtt"};
    (void)state;
    struct fail fail;
    struct logreader *log = log_of("# columns S|D id begin end through transac rtt\n"
                                   "# units - - s s Mbit/s 1/s ms\n"
                                   "S 0 0 1 0.123456789123 0 1e9\n");
    struct plot_request request = request_of(log, names, 3);
    char *script = script_of(log, &request, &fail);
    assert_non_null(script);
    assert_string_equal(script,
                        "set terminal svg size 1000,960 dynamic background rgb 'white' font "
                        "'sans,12'\n"
                        "set encoding utf8\nset grid\nset key outside right top\n"
                        "set yrange [0:*]\nset lmargin 11\nset rmargin 20\n"
                        "set xlabel 'time [s]'\n"
                        "set multiplot layout 3,1 title \"a.log\" noenhanced\n"
                        "$d0 << END\n0.500000 0.123456789\nEND\n"
                        "set ylabel \"through [Mbit/s]\" noenhanced\n"
                        "plot $d0 using 1:2 with lines lw 1.5 title \"flow 0 S\"\n"
                        "set ylabel \"transac [1/s]\" noenhanced\n"
                        "plot [0:1] [0:1] NaN title \"no values\"\n"
                        "$d1 << END\n1.000000 1e+09\nEND\n"
                        "set ylabel \"rtt [ms]\" noenhanced\n"
                        "plot $d1 using 1:2 with lines lw 1.5 title \"flow 0 S\"\n"
                        "unset multiplot\n");
    free(script);
    logreader_free(log);
}

/* What a file is called can't become a command of gnuplot. */
static void labels_hold_no_commands(void **state)
{
    static const struct {
        const char *text, *label;
    } cases[] = {
        {"run.log", "\"run.log\""},           {"", "\"\""},
        {"a\"b\\c`id`\nd\te", "\"abcidde\""}, {"it's $x @y {z}", "\"it's $x @y {z}\""},
        {"\xc3\xa4.log", "\"\xc3\xa4.log\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer script = {0};
        put_label(&script, cases[i].text);
        buffer_add(&script, "", 1);
        assert_string_equal(script.data, cases[i].label);
        buffer_free(&script);
    }
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

/* A key is of use up to 24 lines. */
static void keys_end_where_they_are_too_many(void **state)
{
    (void)state;
    for (int flows = 23; flows <= 25; flows++) {
        static const char *const name = "rtt";
        struct fail fail;
        struct buffer text = {0};
        buffer_text(&text, "# columns S|D id begin end rtt\n");
        for (int i = 0; i < flows; i++)
            buffer_printf(&text, "S %d 0 1 5\n", i);
        buffer_add(&text, "", 1);
        struct logreader *log = log_of(text.data);
        struct plot_request request = request_of(log, &name, 1);
        char *script = script_of(log, &request, &fail);
        assert_int_equal(count_of(script, " notitle"), flows > 24 ? flows : 0);
        assert_int_equal(count_of(script, "title \"flow "), flows > 24 ? 0 : flows);
        assert_int_equal(count_of(script, "with lines"), flows);
        free(script);
        logreader_free(log);
        buffer_free(&text);
    }
}

static void of_nothing_there_is_no_picture(void **state)
{
    static const char *const name = "rtt";
    static const char sentence[] = "there is nothing to draw: the log has no values of these "
                                   "metrics for these flows";
    (void)state;
    struct fail fail;
    bool others[] = {false, true};
    struct logreader *log = log_of("# columns S|D id begin end rtt\n");
    struct plot_request request = request_of(log, &name, 1);
    assert_null(script_of(log, &request, &fail));
    assert_string_equal(fail.text, sentence);
    logreader_free(log);
    log = log_of("# columns S|D id begin end rtt\nS 0 0 1 nan\nD 0 0 1 0\n");
    assert_null(script_of(log, &request, &fail));
    assert_string_equal(fail.text, sentence);
    logreader_free(log);
    log = log_of("# columns S|D id begin end rtt\nS 0 0 1 5\n");
    request.flows = others;
    request.flow_count = COUNT(others);
    assert_null(script_of(log, &request, &fail));
    assert_string_equal(fail.text, sentence);
    logreader_free(log);
}

/* ---- gnuplot: one that we write ourselves, found by PATH */

static void set_gnuplot(const char *script)
{
    char *path = mem_printf("%s/gnuplot", dir);
    unlink(path);
    if (script) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\nPATH=/usr/bin:/bin\n%s", script);
        fclose(file);
        chmod(path, 0755);
    }
    setenv("PATH", dir, 1);
    free(path);
}

static void check_draw(const char *gnuplot, const char *sentence, const char *picture)
{
    static const char *const name = "through";
    struct fail fail = {0};
    char *path = mem_printf("%s/out.svg", dir), text[64] = "";
    struct logreader *log = small_log();
    struct plot_request request = request_of(log, &name, 1);
    set_gnuplot(gnuplot);
    bool drawn = plot_draw(log, &request, path, &fail);
    if (drawn != !sentence || strcmp(fail.text, sentence ? sentence : ""))
        fail_msg("%s: '%s'", gnuplot ? gnuplot : "no gnuplot", fail.text);
    FILE *file = fopen(path, "r");
    assert_true(!file == !picture); /* none is left behind after a failure */
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(text, picture);
    }
    unlink(path);
    logreader_free(log);
    free(path);
}

static void gnuplot_gets_the_script_and_writes_the_picture(void **state)
{
    (void)state;
    check_draw("[ \"$*\" = - ] || exit 9\nread word rest\ncat >/dev/null\necho \"$word ok\"\n",
               NULL, "set ok\n");
}

static void gnuplot_may_fail(void **state)
{
    (void)state;
    check_draw("exec <&-\nexit 1\n", "gnuplot failed (status 1)", NULL);
    check_draw("cat >/dev/null\nexit 1\n", "gnuplot failed (status 1)", NULL);
    check_draw("cat >/dev/null\necho half; exit 3\n", "gnuplot failed (status 3)", NULL);
    check_draw(NULL, "gnuplot is not installed here (Debian: gnuplot-nox)", NULL);
}

/* The picture takes the place of an earlier one only once it is whole, and nothing else is left. */
static void an_old_picture_stays_until_there_is_a_new_one(void **state)
{
    static const char *const name = "through";
    static const struct {
        const char *gnuplot;
        bool drawn;
        const char *picture;
    } cases[] = {
        {"cat >/dev/null\necho half; exit 3\n", false, "old and long\n"},
        {NULL, false, "old and long\n"},
        {"cat >/dev/null\necho new\n", true, "new\n"},
    };
    (void)state;
    struct logreader *log = small_log();
    struct plot_request request = request_of(log, &name, 1);
    char *path = mem_printf("%s/out.svg", dir);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fail fail;
        struct stat status;
        char text[64];
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "old and long\n");
        fclose(file);
        set_gnuplot(cases[i].gnuplot);
        mode_t mask = umask(027);
        assert_int_equal(plot_draw(log, &request, path, &fail), cases[i].drawn);
        assert_int_equal(umask(mask), 027); /* it is looked at, not changed */
        file = fopen(path, "r");
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(text, cases[i].picture);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, cases[i].drawn ? 0640 : status.st_mode & 0777);
        unlink(path);
        set_gnuplot(NULL);
        assert_int_equal(rmdir(dir), 0); /* empty */
        assert_int_equal(mkdir(dir, 0700), 0);
    }
    free(path);
    logreader_free(log);
}

static void pictures_that_cannot_be_written(void **state)
{
    static const char *const name = "through";
    (void)state;
    struct fail fail = {0};
    struct logreader *log = small_log();
    struct plot_request request = request_of(log, &name, 1);
    assert_false(plot_draw(log, &request, "/nonexistent/a.svg", &fail));
    assert_string_equal(fail.text,
                        "/nonexistent/a.svg can't be written: No such file or directory");
    /* What there is nothing of, takes no old picture away. */
    char *path = mem_printf("%s/old.svg", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    bool none = false;
    request.flows = &none;
    request.flow_count = 1;
    assert_false(plot_draw(log, &request, path, &fail));
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    free(path);
    logreader_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_things_are_drawn_for_senders),
        cmocka_unit_test(received_things_are_drawn_for_receivers),
        cmocka_unit_test(columns_belong_to_a_side),
        cmocka_unit_test(without_byte_counts_all_are_drawn),
        cmocka_unit_test(flows_are_in_order_and_as_wanted),
        cmocka_unit_test(every_form_has_its_place_in_time),
        cmocka_unit_test(scripts_have_a_panel_for_each_metric),
        cmocka_unit_test(labels_hold_no_commands),
        cmocka_unit_test(keys_end_where_they_are_too_many),
        cmocka_unit_test(of_nothing_there_is_no_picture),
        cmocka_unit_test(gnuplot_gets_the_script_and_writes_the_picture),
        cmocka_unit_test(gnuplot_may_fail),
        cmocka_unit_test(an_old_picture_stays_until_there_is_a_new_one),
        cmocka_unit_test(pictures_that_cannot_be_written),
    };
    if (!mkdtemp(dir))
        return 1;
    int failed = cmocka_run_group_tests_name("plot", tests, NULL, NULL);
    char *gnuplot = mem_printf("%s/gnuplot", dir);
    unlink(gnuplot);
    free(gnuplot);
    rmdir(dir);
    return failed;
}
