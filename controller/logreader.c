/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "logreader.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "number.h"

#define MAGIC   "# flowlog "
#define COLUMNS "# columns "
#define UNITS   "# units "

enum { LOG_VERSION = 1, KEY_COLUMNS = 4, FLOWS_MAX = 1000000 };

void logreader_free(struct logreader *log)
{
    if (!log)
        return;
    for (size_t i = 0; i < log->column_count; i++) {
        free(log->columns[i]);
        if (log->units)
            free(log->units[i]);
    }
    for (size_t i = 0; i < log->row_count; i++)
        free(log->rows[i].values);
    free(log->columns);
    free(log->units);
    free(log->rows);
    free(log);
}

int logreader_column(const struct logreader *log, const char *name)
{
    for (size_t i = KEY_COLUMNS; i < log->column_count; i++)
        if (!strcmp(log->columns[i], name))
            return (int)i;
    return -1;
}

/* The words of a line, in new memory. */
static char **split(const char *line, size_t *count)
{
    char *copy = mem_strdup(line), *save = NULL, **words = NULL;
    *count = 0;
    for (char *word = strtok_r(copy, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        words = mem_grow(words, *count + 1, sizeof(char *));
        words[(*count)++] = mem_strdup(word);
    }
    free(copy);
    return words;
}

static bool take_head(struct logreader *log, const char *line, struct fail *fail)
{
    size_t count;
    if (!strncmp(line, COLUMNS, strlen(COLUMNS)) && !log->columns) {
        log->columns = split(line + strlen(COLUMNS), &log->column_count);
        if (log->column_count <= KEY_COLUMNS)
            return fail_set(fail, 0, "there are no columns");
    } else if (!strncmp(line, UNITS, strlen(UNITS)) && log->columns && !log->units) {
        log->units = split(line + strlen(UNITS), &count);
        if (count == log->column_count)
            return true;
        for (size_t i = 0; i < count; i++)
            free(log->units[i]);
        free(log->units);
        log->units = NULL;
        return fail_set(fail, 0, "%zu units do not fit %zu columns", count, log->column_count);
    }
    return true;
}

static bool take_values(const struct logreader *log, char *line, struct logreader_row *row,
                        struct fail *fail)
{
    char *save = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *end;
        if (count == log->column_count)
            return fail_set(fail, 0, "there are more values than columns");
        double value = strtod(word, &end);
        row->values[count] = *end || isinf(value) ? NAN : value;
        if (count == 1 && (!number_parse_int(word, &row->flow, fail) || row->flow < 0 ||
                           row->flow >= FLOWS_MAX))
            return fail_set(fail, 0, "'%s' is not the number of a flow", word);
        count++;
    }
    if (count < log->column_count)
        return fail_set(fail, 0, "%zu values do not fit %zu columns", count, log->column_count);
    return true;
}

static bool take_row(struct logreader *log, char *line, struct fail *fail)
{
    if ((line[0] != 'S' && line[0] != 'D') || line[1] != ' ')
        return fail_set(fail, 0, "a row begins with S or D");
    if (!log->columns)
        return fail_set(fail, 0, "a row comes before the line '# columns'");
    log->rows = mem_grow(log->rows, log->row_count + 1, sizeof *log->rows);
    struct logreader_row *row = &log->rows[log->row_count++];
    *row = (struct logreader_row){.endpoint = line[0] == 'S' ? SOURCE : DESTINATION};
    row->values = mem_new(log->column_count, sizeof(double));
    return take_values(log, line, row, fail);
}

static bool take_line(struct logreader *log, char *line, size_t number, struct fail *fail)
{
    if (number == 1) {
        int64_t version;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, MAGIC, strlen(MAGIC)) ||
            !number_parse_int(line + strlen(MAGIC), &version, NULL))
            return fail_set(fail, 0, "this is no flow log: it does not begin with '" MAGIC "'");
        if (version != LOG_VERSION)
            return fail_set(fail, 0,
                            "this is a flow log of version %" PRId64 ", but only version %d is "
                            "understood",
                            version, LOG_VERSION);
        return true;
    }
    if (line[0] == '#')
        return take_head(log, line, fail);
    return line[0] == '\n' || take_row(log, line, fail);
}

struct logreader *logreader_open(const char *path, struct fail *fail)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
        return NULL;
    }
    struct logreader *log = mem_new(1, sizeof *log);
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    bool good = true;
    while (good && (length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] != '\n' && number)
            break; /* cut off: the run was ended while it was written */
        if (!take_line(log, line, ++number, fail))
            good = fail_prefix(fail, "%s, line %zu", path, number);
    }
    if (good && ferror(file))
        good = fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
    if (good && !log->columns)
        good = fail_set(fail, 0, "%s: this is no flow log: it has no line '# columns'", path);
    free(line);
    fclose(file);
    if (good)
        return log;
    logreader_free(log);
    return NULL;
}
