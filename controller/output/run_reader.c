/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/run_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

#define DATABASE "SQLite format 3"

bool run_reader_columns(const struct run_visitor *visitor, struct fail *fail)
{
    static const char *const keys[][2] = {{"S|D", "-"}, {"id", "-"}, {"begin", "s"}, {"end", "s"}};
    size_t count = FLOWLOG_KEYS + columns_count;
    char **names = mem_new(count, sizeof *names), **units = mem_new(count, sizeof *units);
    for (size_t i = 0; i < count; i++) {
        bool key = i < FLOWLOG_KEYS;
        names[i] = (char *)(key ? keys[i][0] : columns[i - FLOWLOG_KEYS].name);
        units[i] = (char *)(key ? keys[i][1] : columns[i - FLOWLOG_KEYS].unit);
    }
    bool good = visitor->log.columns(visitor->log.context, names, units, count, fail);
    free(names);
    free(units);
    return good;
}

/* The first bytes of a file; "" where it can't be read, of which the reader speaks. */
static void read_begin(const char *path, char *begin, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(begin, 1, size - 1, file) : 0;
    begin[length] = '\0';
    if (file)
        fclose(file);
}

static bool is_database(const char *path)
{
    char begin[sizeof DATABASE];
    read_begin(path, begin, sizeof begin);
    return !strcmp(begin, DATABASE);
}

/* "FILE:RUN", where there is no file of that whole name. */
static bool read_run_of(const char *path, const struct run_visitor *visitor, bool *is_one,
                        struct fail *fail)
{
    const char *colon = strrchr(path, ':');
    bool good = false;
    if (!colon || !access(path, F_OK))
        return false;
    char *file = mem_printf("%.*s", (int)(colon - path), path);
    *is_one = is_database(file);
    if (*is_one)
        good = database_read(file, colon + 1, visitor, fail);
    free(file);
    return good;
}

bool run_read(const char *path, const struct run_visitor *visitor, struct fail *fail)
{
    char begin[2];
    bool is_one = false;
    bool good = read_run_of(path, visitor, &is_one, fail);
    if (is_one)
        return good;
    if (is_database(path))
        return database_read(path, NULL, visitor, fail);
    read_begin(path, begin, sizeof begin);
    return *begin == '{' ? records_read(path, visitor, fail)
                         : flowlog_read(path, &visitor->log, fail);
}
