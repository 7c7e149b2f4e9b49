/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/flowlog_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

#define MAGIC   "# flowlog "
#define COLUMNS "# columns "
#define UNITS   "# units "

enum { LOG_VERSION = 1 };

/* What is known while a log is read. */
struct reading {
    const struct flowlog_visitor *visitor;
    char *columns_line, *units_line;
    char **columns, **units, **words;
    size_t column_count;
    bool announced; /* the visitor knows the columns */
    bool refused;   /* and can't use them: what is wrong is not the line */
};

static void reading_free(struct reading *reading)
{
    free(reading->columns_line);
    free(reading->units_line);
    free(reading->columns);
    free(reading->units);
    free(reading->words);
}

/* Splits a line in place. At most `room` words are kept; returns how many there are. */
static size_t split(char *line, char **words, size_t room)
{
    size_t count = 0;
    char *save = NULL;
    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (count < room)
            words[count] = word;
        count++;
    }
    return count;
}

/* A copy of the line, and its words. */
static char **split_copy(const char *line, char **copy, size_t *count)
{
    size_t room = strlen(line) / 2 + 1;
    *copy = mem_strdup(line);
    char **words = mem_new(room, sizeof *words);
    *count = split(*copy, words, room);
    return words;
}

static bool read_columns(struct reading *reading, const char *line, struct fail *fail)
{
    if (reading->columns)
        return fail_set(fail, 0, "duplicate line '# columns'");
    reading->columns = split_copy(line, &reading->columns_line, &reading->column_count);
    if (reading->column_count <= FLOWLOG_KEYS)
        return fail_set(fail, 0, "the log has no columns of figures");
    reading->words = mem_new(reading->column_count, sizeof *reading->words);
    return true;
}

static bool read_units(struct reading *reading, const char *line, struct fail *fail)
{
    size_t count;
    if (reading->units || !reading->columns)
        return fail_set(fail, 0, "expected the units once, after the columns");
    reading->units = split_copy(line, &reading->units_line, &count);
    return count == reading->column_count ||
           fail_set(fail, 0, "there are %zu units for %zu columns", count, reading->column_count);
}

/* Tells the visitor of the columns when all is known of them: at the first row, or at the end. */
static bool announce(struct reading *reading, struct fail *fail)
{
    if (reading->announced)
        return true;
    reading->announced = true;
    reading->refused = !reading->visitor->columns(reading->visitor->context, reading->columns,
                                                  reading->units, reading->column_count, fail);
    return !reading->refused;
}

static bool read_row(struct reading *reading, char *line, struct fail *fail)
{
    int64_t flow;
    if ((line[0] != 'S' && line[0] != 'D') || line[1] != ' ')
        return fail_set(fail, 0, "a row must begin with S or D");
    if (!reading->columns)
        return fail_set(fail, 0, "a row comes before the line '# columns'");
    size_t count = split(line, reading->words, reading->column_count);
    if (count != reading->column_count)
        return fail_set(fail, 0, "the row has %zu values, the log %zu columns", count,
                        reading->column_count);
    const char *number = reading->words[FLOWLOG_FLOW];
    if (!number_parse_int(number, &flow, NULL) || flow < 0 || flow >= FLOWLOG_FLOWS_MAX)
        return fail_set(fail, 0, "'%s' is not the number of a flow", number);
    if (!announce(reading, fail))
        return false;
    reading->visitor->row(reading->visitor->context, flow, line[0] == 'S' ? SOURCE : DESTINATION,
                          reading->words);
    return true;
}

static bool read_first(const char *line, struct fail *fail)
{
    int64_t version;
    if (strncmp(line, MAGIC, strlen(MAGIC)) ||
        !number_parse_int(line + strlen(MAGIC), &version, NULL))
        return fail_set(fail, 0, "not a flow log: it does not begin with '" MAGIC "'");
    return version == LOG_VERSION ||
           fail_set(fail, 0, "flow log of version %" PRId64 "; this flowctl reads version %d",
                    version, LOG_VERSION);
}

static bool read_line(struct reading *reading, char *line, size_t number, struct fail *fail)
{
    if (number == 1)
        return read_first(line, fail);
    if (!strncmp(line, COLUMNS, strlen(COLUMNS)))
        return read_columns(reading, line + strlen(COLUMNS), fail);
    if (!strncmp(line, UNITS, strlen(UNITS)))
        return read_units(reading, line + strlen(UNITS), fail);
    if (line[0] != '#')
        return !line[0] || read_row(reading, line, fail);
    reading->visitor->comment(reading->visitor->context, line);
    return true;
}

static bool read_lines(struct reading *reading, FILE *file, const char *path, struct fail *fail)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    bool good = true;
    while (good && (length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        else if (number)
            break; /* incomplete: flowctl was killed while it wrote the line */
        if (!read_line(reading, line, ++number, fail))
            good = !reading->refused && fail_prefix(fail, "%s, line %zu", path, number);
    }
    free(line);
    if (good && ferror(file))
        return fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
    if (good && !number)
        return fail_set(fail, 0, "%s: not a flow log: the file is empty", path);
    if (good && !reading->columns)
        return fail_set(fail, 0, "%s: not a complete flow log: the line '# columns' is missing",
                        path);
    return good && announce(reading, fail);
}

bool flowlog_read(const char *path, const struct flowlog_visitor *visitor, struct fail *fail)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
    struct reading reading = {.visitor = visitor};
    bool good = read_lines(&reading, file, path, fail);
    reading_free(&reading);
    fclose(file);
    return good;
}
