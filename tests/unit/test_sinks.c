/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/sinks.c: who gets what, in which order, and what breaks for whom. */
#include "controller/output/sinks.c"

#include "output/histograms.h"
#include "unit.h"

/* A sink that writes down what it gets. */
struct recorder {
    struct sink sink;
    struct buffer text;
    uint64_t put, written;
    bool whole;
};

static struct buffer *text_of(struct sink *sink)
{
    return &((struct recorder *)sink)->text;
}

static void record_start(struct sink *sink, const struct sink_run *run)
{
    (void)run;
    buffer_text(text_of(sink), "start;");
}

static void record_interval(struct sink *sink, const struct report *report,
                            const int64_t delta[METRICS])
{
    (void)delta;
    buffer_printf(text_of(sink), "row %d;", (int)report->key[REPORT_FLOW]);
}

static void record_event(struct sink *sink, const struct report *report,
                         const struct endpoint_result *result)
{
    (void)report, (void)result;
    buffer_text(text_of(sink), "event;");
}

static void record_note(struct sink *sink, const struct note *note)
{
    buffer_printf(text_of(sink), "note %d %d %zu;", (int)note->kind, (int)note->series,
                  note->count);
}

static void record_histogram(struct sink *sink, const struct histogram_about *about,
                             const struct histogram *histogram)
{
    buffer_printf(text_of(sink), "%s %s %zu %d %d=%d;", about->first ? "first" : "then",
                  about->all ? "all" : "one", about->flow, (int)about->end, (int)about->series,
                  (int)histogram_count(histogram));
}

static void record_summary(struct sink *sink, const struct summary *summary)
{
    (void)summary;
    buffer_text(text_of(sink), "summary;");
}

static void record_flush(struct sink *sink)
{
    buffer_text(text_of(sink), "flush;");
}

static void record_progress(struct sink *sink, uint64_t *put, uint64_t *written)
{
    *put = ((struct recorder *)sink)->put;
    *written = ((struct recorder *)sink)->written;
}

static bool record_close(struct sink *sink, bool used)
{
    buffer_printf(text_of(sink), "close %d;", used);
    return ((struct recorder *)sink)->whole;
}

static const struct sink_ops lasting = {
    .name = "lasting",
    .start = record_start,
    .interval = record_interval,
    .event = record_event,
    .note = record_note,
    .histogram = record_histogram,
    .summary = record_summary,
    .flush = record_flush,
    .progress = record_progress,
    .close = record_close,
};
static const struct sink_ops passing = {
    .name = "passing",
    .start = record_start,
    .interval = record_interval,
    .event = record_event,
    .note = record_note,
    .histogram = record_histogram,
    .summary = record_summary,
    .flush = record_flush,
    .close = record_close,
};

static struct sinks two(struct recorder recorders[2])
{
    for (int i = 0; i < 2; i++)
        recorders[i] = (struct recorder){.sink.ops = i ? &passing : &lasting, .whole = true};
    return (struct sinks){.list = {&recorders[0].sink, &recorders[1].sink}, .count = 2};
}

static void check(struct recorder *recorder, const char *expected)
{
    buffer_add(&recorder->text, "", 1);
    assert_string_equal(recorder->text.data, expected);
    buffer_free(&recorder->text);
}

static void every_function_is_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        const struct sink_ops *ops = all[i];
        assert_non_null(ops->name);
        assert_true(ops->open && ops->start && ops->interval && ops->flush && ops->close);
        assert_true(ops->event && ops->note && ops->histogram && ops->summary);
    }
    for (size_t i = 0; i < output_formats_count; i++) {
        const struct sink_ops *ops = output_formats[i].ops;
        assert_string_equal(ops->name, output_formats[i].name);
        assert_true(ops->open && ops->start && ops->interval && ops->flush && ops->close);
        assert_non_null(output_formats[i].help);
    }
}

static void all_get_all_in_order(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    struct report report = {.key[REPORT_FLOW] = 3};
    (void)state;
    sinks_start(&sinks, NULL);
    sinks_interval(&sinks, &report, NULL);
    sinks_event(&sinks, &report, NULL);
    sinks_note(&sinks, &(struct note){.kind = NOTE_ERROR});
    sinks_flush(&sinks);
    sinks_summary(&sinks, NULL);
    assert_true(sinks_close(&sinks, true));
    for (int i = 0; i < 2; i++)
        check(&recorders[i], "start;row 3;event;note 1 0 0;flush;summary;close 1;");
}

static void a_broken_sink_gets_nothing_more_but_its_end(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    (void)state;
    recorders[0].sink.broken = true;
    recorders[0].whole = false;
    sinks_start(&sinks, NULL);
    sinks_flush(&sinks);
    assert_false(sinks_close(&sinks, true));
    assert_true(sinks.incomplete); /* it would have outlived the process */
    check(&recorders[0], "close 1;");
    check(&recorders[1], "start;flush;close 1;");
}

static void what_does_not_last_leaves_nothing_incomplete(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    (void)state;
    recorders[1].whole = false;
    assert_false(sinks_close(&sinks, false));
    assert_false(sinks.incomplete);
    check(&recorders[0], "close 0;");
    check(&recorders[1], "close 0;");
}

static void a_mark_is_reached_when_all_of_it_is_written(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    struct sinks_mark mark;
    (void)state;
    recorders[0].put = 100;
    recorders[0].written = 99;
    sinks_mark(&sinks, &mark);
    recorders[0].put = 200; /* what comes later does not count */
    assert_false(sinks_reached(&sinks, &mark));
    recorders[0].written = 100;
    assert_true(sinks_reached(&sinks, &mark));
}

static void deserted_means_all_broken_and_a_reader_gone(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    (void)state;
    recorders[0].sink.broken = recorders[0].sink.deserted = true;
    assert_false(sinks_deserted(&sinks));
    recorders[1].sink.broken = true;
    assert_true(sinks_deserted(&sinks));
    recorders[0].sink.deserted = false; /* a full disk is no reader that left */
    assert_false(sinks_deserted(&sinks));
}

static struct histogram *histogram_of(int values)
{
    struct histogram *histogram = histogram_new();
    while (values--)
        histogram_add(histogram, values);
    return histogram;
}

static void histograms_come_by_flow_then_merged(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    struct results *results = results_new(2);
    (void)state;
    results->flows[0].ends[SOURCE].histograms[SERIES_rtt] = histogram_of(3);
    results->flows[1].ends[DESTINATION].histograms[SERIES_iat] = histogram_of(4);
    results->flows[1].ends[SOURCE].histograms[SERIES_rtt] = histogram_of(5);
    /* One that had values and lost them: what the others had is not that of all. */
    struct endpoint_result *lost = &results->flows[0].ends[DESTINATION];
    lost->finished = true;
    lost->final.value[METRIC_iat_count] = 1;
    sinks_histograms(&sinks, results);
    char expected[256];
    snprintf(expected, sizeof expected,
             "first one 0 0 %d=3;flush;then one 1 0 %d=5;then one 1 1 %d=4;flush;"
             "then all 2 1 %d=8;note %d %d 1;",
             SERIES_rtt, SERIES_rtt, SERIES_iat, SERIES_rtt, NOTE_HISTOGRAM_LOST, SERIES_iat);
    check(&recorders[0], expected);
    buffer_free(&recorders[1].text);
    results_free(results);
}

static void no_histogram_is_said_once(void **state)
{
    struct recorder recorders[2];
    struct sinks sinks = two(recorders);
    struct results *results = results_new(1);
    (void)state;
    sinks_histograms(&sinks, results);
    check(&recorders[0], "flush;note 2 0 0;");
    buffer_free(&recorders[1].text);
    results_free(results);
}

static void keep(void *text, const char *line)
{
    buffer_printf(text, "%s\n", line);
}

static void notes_have_words(void **state)
{
    static const struct {
        struct note note;
        const char *text;
    } cases[] = {
        {{.kind = NOTE_FAILED, .flow = 3, .end = DESTINATION, .sentence = "why"},
         "failed D 3 why\n"},
        {{.kind = NOTE_ERROR, .sentence = "why"}, "error: why\n"},
        {{.kind = NOTE_NO_HISTOGRAMS},
         "\nhistogram: none, because blocks were not measured individually (this needs message "
         "mode, as with -A, -R "
         "or --framing=message)\n"},
        {{.kind = NOTE_HISTOGRAM_LOST, .series = SERIES_rtt, .count = 2},
         "histogram: rtt: those of 2 endpoints are lost (a flowctl that died had them, or they "
         "could not be read), and so is the combined one\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer text = {0};
        note_text(&cases[i].note, keep, &text);
        buffer_add(&text, "", 1);
        assert_string_equal(text.data, cases[i].text);
        buffer_free(&text);
    }
}

static void buckets_have_lines(void **state)
{
    struct histogram *histogram = histogram_of(2);
    struct histogram_about about = {.first = true, .flow = 7, .end = DESTINATION};
    struct buffer text = {0};
    (void)state;
    histogram_text(&about, histogram, keep, &text);
    about = (struct histogram_about){.all = true, .series = SERIES_iat};
    histogram_text(&about, histogram, keep, &text);
    buffer_add(&text, "", 1);
    assert_string_equal(text.data, "\nhistogram: S|D id series lower upper [ms] count share\n"
                                   "histogram D 7 rtt 0.000000 0.000001 1 0.500000\n"
                                   "histogram D 7 rtt 0.000001 0.000002 1 1.000000\n"
                                   "histogram - - iat 0.000000 0.000001 1 0.500000\n"
                                   "histogram - - iat 0.000001 0.000002 1 1.000000\n");
    buffer_free(&text);
    histogram_free(histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_set),
        cmocka_unit_test(all_get_all_in_order),
        cmocka_unit_test(a_broken_sink_gets_nothing_more_but_its_end),
        cmocka_unit_test(what_does_not_last_leaves_nothing_incomplete),
        cmocka_unit_test(a_mark_is_reached_when_all_of_it_is_written),
        cmocka_unit_test(deserted_means_all_broken_and_a_reader_gone),
        cmocka_unit_test(histograms_come_by_flow_then_merged),
        cmocka_unit_test(no_histogram_is_said_once),
        cmocka_unit_test(notes_have_words),
        cmocka_unit_test(buckets_have_lines),
    };
    return cmocka_run_group_tests_name("sinks", tests, NULL, NULL);
}
