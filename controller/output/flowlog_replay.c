/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/flowlog_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "number.h"
#include "printable.h"

#define MAGIC "# flowlog 1\n"

enum { KEYS = 4, WORDS_MAX = 512 };

struct reader {
    struct results *results;
    struct log_replay *replay;
    const char *run_id;
    const struct column *columns[WORDS_MAX]; /* NULL: not a counter's difference */
    size_t count;
    bool has_run;
};

static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *save = NULL;
    for (char *word = strtok_r(line, " \n", &save); word && count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &save))
        words[count++] = word;
    return count;
}

/* A number with `places` decimals, all of them written, in units of the last one. */
static bool read_fixed(const char *text, unsigned places, int64_t *value)
{
    char digits[32];
    size_t length = strlen(text), at = 0;
    const char *dot = strchr(text, '.');
    if (length >= sizeof digits || (dot ? (size_t)(text + length - dot - 1) : 0) != places)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text + i != dot)
            digits[at++] = text[i];
    digits[at] = '\0';
    return number_parse_int(digits, value, NULL);
}

/* Times are written in µs, and rounded. */
static bool read_time(const char *text, int64_t *ns)
{
    return read_fixed(text, 6, ns) && !__builtin_mul_overflow(*ns, NS_PER_US, ns);
}

static struct endpoint_result *find(const struct reader *reader, const char *end, const char *flow)
{
    int64_t number;
    if ((strcmp(end, "S") && strcmp(end, "D")) || !number_parse_int(flow, &number, NULL) ||
        number < 0 || number >= (int64_t)reader->results->count)
        return NULL;
    return &reader->results->flows[number].ends[*end == 'S' ? SOURCE : DESTINATION];
}

static bool bad_line(struct fail *fail)
{
    return fail_set(fail, 0, "the line does not fit the run");
}

static bool take_run(struct reader *reader, char **words, size_t count, struct fail *fail)
{
    reader->has_run = count > 2 && !strcmp(words[2], reader->run_id);
    return reader->has_run || fail_set(fail, 0, "it is the log of another run");
}

/* Only differences that were written exactly can be summed up. */
static void take_columns(struct reader *reader, char **words, size_t count)
{
    reader->count = count - 2;
    for (size_t i = 0; i < reader->count; i++) {
        const struct column *column = column_find(words[i + 2], strlen(words[i + 2]));
        bool exact = column && column->form == COLUMN_DELTA && column->places == column->power;
        reader->columns[i] = exact ? column : NULL;
    }
}

static bool take_row(struct reader *reader, char **words, size_t count, struct fail *fail)
{
    struct endpoint_result *result = count >= KEYS ? find(reader, words[0], words[1]) : NULL;
    int64_t end, value;
    if (!result || count != reader->count || !read_time(words[3], &end))
        return bad_line(fail);
    for (size_t i = KEYS; i < count; i++) {
        const struct column *column = reader->columns[i];
        if (!column || !read_fixed(words[i], column->places, &value))
            continue;
        int64_t *sum = &result->before[column->metric];
        if (__builtin_add_overflow(*sum, value, sum))
            return bad_line(fail);
    }
    result->intervals++;
    result->next_number++;
    result->logged_end = end + NS_PER_US; /* it may have been rounded down */
    reader->replay->rows++;
    return true;
}

bool flowlog_take_value(const char *word, struct report *report)
{
    size_t length = strcspn(word, "=");
    const char *text = word + length + (word[length] == '=');
    for (size_t i = 0; i < METRICS; i++) {
        if (strlen(metrics[i].field) != length || strncmp(metrics[i].field, word, length))
            continue;
        if (!strcmp(text, "inf"))
            report->value[i] = METRIC_INFINITE;
        else if (i == METRIC_status && strlen(text) == 3)
            report->value[i] = (unsigned char)text[0] << 8 | (unsigned char)text[2];
        else if (!number_parse_int(text, &report->value[i], NULL))
            report->value[i] = METRIC_ABSENT;
        return true;
    }
    return false;
}

/* "# begin" and "# final": metrics by name, then what is known of the connection. */
static bool take_event(struct reader *reader, bool final, char **words, size_t count,
                       struct fail *fail)
{
    struct endpoint_result *result = count >= 6 ? find(reader, words[2], words[3]) : NULL;
    struct buffer info = {0};
    struct report report;
    report_init(&report);
    if (!result || !read_time(words[4], &report.key[REPORT_BEGIN]) ||
        !read_time(words[5], &report.key[REPORT_END]))
        return bad_line(fail);
    for (size_t i = 6; i < count; i++)
        if (!flowlog_take_value(words[i], &report))
            buffer_printf(&info, "%s\n", words[i]);
    buffer_add(&info, "", 1);
    printable_lines(info.data);
    free(result->info);
    result->info = info.data;
    *(final ? &result->final : &result->start) = report;
    *(final ? &result->finished : &result->started) = true;
    if (!final)
        result->start_late = report.key[REPORT_BEGIN];
    result->next_number++;
    return true;
}

/* "# failed S 0 why" and "# stopped S 0 why" come after the final row. */
static bool take_reason(struct reader *reader, const char *line, struct fail *fail)
{
    char end[2], flow[24];
    int at = 0;
    if (sscanf(line, "# %*s %1s %23s %n", end, flow, &at) != 2 || !at)
        return bad_line(fail);
    struct endpoint_result *result = find(reader, end, flow);
    if (!result)
        return bad_line(fail);
    char *text = mem_printf("%.*s", (int)strcspn(line + at, "\n"), line + at);
    printable(text);
    if (line[2] == 'f')
        results_set_error(result, text);
    else
        results_set_stopped(result, text);
    free(text);
    return true;
}

/* "# hoststat 0 17 ...": row 17 about the host of daemon 0. */
static bool take_host(struct reader *reader, char **words, struct fail *fail)
{
    struct log_replay *replay = reader->replay;
    int64_t host, number;
    if (!number_parse_int(words[2], &host, NULL) || host < 0 || host >= PLAN_FLOWS_MAX ||
        !number_parse_int(words[3], &number, NULL) || number < 0 || number == INT64_MAX)
        return bad_line(fail);
    if (replay->host_count <= (size_t)host)
        replay->host_next =
            mem_grow(replay->host_next, (size_t)host + 1, sizeof *replay->host_next);
    while (replay->host_count <= (size_t)host)
        replay->host_next[replay->host_count++] = 0;
    replay->host_next[host] = number + 1;
    return true;
}

static bool take_line(struct reader *reader, char *line, struct fail *fail)
{
    char *words[WORDS_MAX];
    if (!strncmp(line, "# failed ", 9) || !strncmp(line, "# stopped ", 10))
        return take_reason(reader, line, fail);
    size_t count = split(line, words);
    if (!count)
        return true;
    if (*words[0] != '#')
        return reader->count ? take_row(reader, words, count, fail) : bad_line(fail);
    if (count > 1 && !strcmp(words[1], "run"))
        return take_run(reader, words, count, fail);
    if (count > 2 && !strcmp(words[1], "columns"))
        take_columns(reader, words, count);
    else if (count > 1 && !strcmp(words[1], "units"))
        reader->replay->has_head = reader->has_run && reader->count;
    else if (count > 3 && !strcmp(words[1], "hoststat"))
        return take_host(reader, words, fail);
    else if (count > 1 && (!strcmp(words[1], "begin") || !strcmp(words[1], "final")))
        return take_event(reader, words[1][0] == 'f', words, count, fail);
    return true;
}

/* What attaching does not make anew: the head, rows, and what begins and ends them. The summary,
 * and the lines before it, come after the last of these, and again at the end of the run. */
static bool is_kept(const struct reader *reader, const char *line)
{
    return !reader->replay->has_head || (*line != '#' && *line != '\n') ||
           !strncmp(line, "# begin ", 8) || !strncmp(line, "# final ", 8) ||
           !strncmp(line, "# failed ", 9) || !strncmp(line, "# stopped ", 10) ||
           !strncmp(line, "# hoststat ", 11);
}

static bool read_lines(struct reader *reader, FILE *file, const char *path, struct fail *fail)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    off_t at = 0;
    bool good = true;
    while (good && (length = getline(&line, &capacity, file)) > 0 && line[length - 1] == '\n') {
        bool kept = is_kept(reader, line);
        number++;
        at += length;
        if (!take_line(reader, line, fail))
            good = fail_prefix(fail, "%s, line %zu", path, number);
        if (good && kept)
            reader->replay->length = at;
    }
    if (good && ferror(file))
        good = fail_set(fail, 0, "%s can't be read: %s", path, fail_errno(errno));
    free(line);
    return good;
}

/* What begins otherwise is not ours to cut. A log may have been cut off within its first line. */
static bool check_begin(FILE *file, const char *path, struct fail *fail)
{
    char begin[sizeof MAGIC - 1];
    size_t length = fread(begin, 1, sizeof begin, file);
    rewind(file);
    return !memcmp(begin, MAGIC, length) || fail_set(fail, 0, "%s is not a flow log", path);
}

bool log_replay(const char *path, const char *run_id, struct results *results,
                struct log_replay *replay, struct fail *fail)
{
    struct reader reader = {.results = results, .replay = replay, .run_id = run_id};
    *replay = (struct log_replay){0};
    int fd = file_open(NULL, path, O_RDONLY, 0, fail);
    if (fd < 0)
        return errno == ENOENT;
    FILE *file = fdopen(fd, "r");
    bool good = check_begin(file, path, fail) && read_lines(&reader, file, path, fail);
    fclose(file);
    if (good && !replay->has_head)
        replay->length = 0;
    return good;
}
