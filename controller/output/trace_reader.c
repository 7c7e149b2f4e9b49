/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a trace is JSON that anybody may have written: each member is checked before it is
 * used, and nothing of an event is read outside of its bytes. */
#include "output/trace_reader.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"
#include "printable.h"

enum { HEADER_MAX = 64 * 1024, EVENT_MAX = 1024 };

struct trace_reader {
    FILE *file;
    char *path;
    size_t header_size, event_size;
    bool big; /* the byte order */
    struct trace_column columns[TRACE_FIELDS_MAX];
    size_t column_count;
    int kind; /* the column that says it */
    struct trace_names kinds, ca_states, tcp_states;
    int64_t start, lost;
    char title[TRACE_TEXT_MAX];
    uint8_t event[EVENT_MAX];
};

/* ---- the header ---- */

static int64_t integer(const json_t *object, const char *name, int64_t minimum, int64_t maximum,
                       int64_t otherwise)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member))
        return otherwise;
    int64_t number = json_integer_value(member);
    return number >= minimum && number <= maximum ? number : otherwise;
}

/* A text that may be shown. */
static bool text(const json_t *object, const char *name, char *to, size_t size)
{
    const char *value = json_string_value(json_object_get(object, name));
    if (!value || !mem_copy_text(to, size, value))
        return false;
    for (const char *at = to; *at; at++)
        if (*at < ' ' || *at > '~')
            return false;
    return true;
}

static bool read_type(const json_t *field, struct trace_column *column, size_t event_size)
{
    static const struct {
        const char *name;
        uint16_t width;
    } types[] = {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}};
    const char *type = json_string_value(json_object_get(field, "type"));
    int64_t at = integer(field, "at", 0, EVENT_MAX, -1);
    for (size_t i = 0; type && at >= 0 && i < COUNT(types); i++) {
        if (strcmp(type, types[i].name))
            continue;
        column->width = types[i].width;
        column->at = (uint16_t)at;
        return (size_t)at + column->width <= event_size;
    }
    return false;
}

static uint64_t read_kinds(const json_t *field)
{
    const json_t *list = json_object_get(field, "kinds");
    uint64_t kinds = 0;
    size_t i;
    json_t *item;
    if (!json_is_array(list))
        return UINT64_MAX;
    json_array_foreach(list, i, item) if (json_is_integer(item) && json_integer_value(item) >= 0 &&
                                          json_integer_value(item) < TRACE_NAMES_MAX) kinds |=
        UINT64_C(1) << json_integer_value(item);
    return kinds;
}

static bool read_column(const json_t *field, struct trace_column *column, size_t event_size)
{
    column->scale = 1;
    if (json_object_get(field, "scale"))
        column->scale = json_number_value(json_object_get(field, "scale"));
    column->none = integer(field, "none", 0, INT64_MAX, -1);
    column->kinds = read_kinds(field);
    return text(field, "name", column->name, sizeof column->name) && column->name[0] &&
           text(field, "unit", column->unit, sizeof column->unit) &&
           read_type(field, column, event_size) && isfinite(column->scale);
}

static bool read_columns(struct trace_reader *reader, const json_t *header)
{
    const json_t *list = json_object_get(header, "fields");
    size_t count = json_array_size(list);
    if (!count || count > TRACE_FIELDS_MAX)
        return false;
    for (; reader->column_count < count; reader->column_count++) {
        struct trace_column *column = &reader->columns[reader->column_count];
        if (!read_column(json_array_get(list, reader->column_count), column, reader->event_size) ||
            trace_reader_find(reader, column->name) >= 0)
            return false;
    }
    reader->kind = trace_reader_find(reader, "kind");
    return reader->kind >= 0 && trace_reader_find(reader, "time") >= 0;
}

static void read_names(const json_t *header, const char *which, struct trace_names *names)
{
    char key[16];
    const json_t *object = json_object_get(header, which);
    for (int i = 0; i < TRACE_NAMES_MAX; i++) {
        snprintf(key, sizeof key, "%d", i);
        if (!text(object, key, names->list[i], TRACE_NAME_MAX))
            names->list[i][0] = '\0';
    }
}

static void read_title(struct trace_reader *reader, const json_t *header)
{
    char endpoint[TRACE_NAME_MAX] = "", host[64] = "";
    text(header, "endpoint", endpoint, sizeof endpoint);
    text(header, "host", host, sizeof host);
    snprintf(reader->title, sizeof reader->title, "flow %lld %s%s%s",
             (long long)integer(header, "flow", 0, INT64_MAX, 0), endpoint, *host ? ", " : "",
             host);
}

static bool take_header(struct trace_reader *reader, const json_t *header, struct fail *fail)
{
    const char *order = json_string_value(json_object_get(header, "byte_order"));
    if (integer(header, "flowtrace", 1, 1, 0) != 1)
        return fail_set(fail, 0, "%s is not a trace (flowtrace(5)), or is one of a later version",
                        reader->path);
    reader->header_size = (size_t)integer(header, "header_size", 2, HEADER_MAX, 0);
    reader->event_size = (size_t)integer(header, "event_size", 1, EVENT_MAX, 0);
    reader->big = order && !strcmp(order, "big");
    reader->start = integer(header, "start", 0, INT64_MAX, -1);
    reader->lost = integer(header, "lost", 0, INT64_MAX, -1);
    read_names(header, "kinds", &reader->kinds);
    read_names(header, "ca_states", &reader->ca_states);
    read_names(header, "tcp_states", &reader->tcp_states);
    read_title(reader, header);
    if (!reader->header_size || !reader->event_size || !order ||
        (!reader->big && strcmp(order, "little") != 0) || !read_columns(reader, header))
        return fail_set(fail, 0, "%s: the header of the trace is damaged", reader->path);
    return true;
}

static bool read_header(struct trace_reader *reader, struct fail *fail)
{
    char *line = mem_new(HEADER_MAX + 1, 1);
    json_error_t error;
    json_t *header = NULL;
    if (fgets(line, HEADER_MAX, reader->file) && line[0] == '{')
        header = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    free(line);
    bool good = header ? take_header(reader, header, fail)
                       : fail_set(fail, 0, "%s is not a trace (flowtrace(5))", reader->path);
    json_decref(header);
    if (good && fseeko(reader->file, (off_t)reader->header_size, SEEK_SET))
        good = fail_set(fail, 0, "%s: %s", reader->path, fail_errno(errno));
    return good;
}

struct trace_reader *trace_reader_open(const char *path, struct fail *fail)
{
    int fd = file_open(NULL, path, O_RDONLY, 0, fail);
    if (fd < 0)
        return NULL;
    struct trace_reader *reader = mem_new(1, sizeof *reader);
    reader->path = mem_strdup(path);
    reader->file = fdopen(fd, "r");
    if (!reader->file) {
        fail_set(fail, 0, "%s: %s", path, fail_errno(errno));
        close(fd);
    } else if (read_header(reader, fail)) {
        return reader;
    }
    trace_reader_close(reader);
    return NULL;
}

void trace_reader_close(struct trace_reader *reader)
{
    if (!reader)
        return;
    if (reader->file)
        fclose(reader->file);
    free(reader->path);
    free(reader);
}

/* ---- what it says ---- */

const struct trace_column *trace_reader_columns(const struct trace_reader *reader, size_t *count)
{
    *count = reader->column_count;
    return reader->columns;
}

int trace_reader_find(const struct trace_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->column_count; i++)
        if (!strcmp(reader->columns[i].name, name))
            return (int)i;
    return -1;
}

int64_t trace_reader_start(const struct trace_reader *reader)
{
    return reader->start;
}

int64_t trace_reader_lost(const struct trace_reader *reader)
{
    return reader->lost;
}

void trace_reader_title(const struct trace_reader *reader, char title[TRACE_TEXT_MAX])
{
    memcpy(title, reader->title, TRACE_TEXT_MAX);
}

/* ---- events ---- */

int trace_reader_next(struct trace_reader *reader, struct fail *fail)
{
    size_t got = fread(reader->event, 1, reader->event_size, reader->file);
    if (got == reader->event_size)
        return 1;
    if (ferror(reader->file))
        fail_set(fail, 0, "%s: %s", reader->path, fail_errno(errno));
    else if (got)
        fail_set(fail, 0, "%s ends within an event", reader->path);
    else
        return 0;
    return -1;
}

uint64_t trace_reader_raw(const struct trace_reader *reader, int index)
{
    const struct trace_column *column = &reader->columns[index];
    const uint8_t *from = reader->event + column->at;
    uint64_t number = 0;
    for (uint16_t i = 0; i < column->width; i++)
        number = number << 8 | from[reader->big ? i : column->width - 1 - i];
    return number;
}

bool trace_reader_value(const struct trace_reader *reader, int index, double *value)
{
    const struct trace_column *column = &reader->columns[index];
    uint64_t raw = trace_reader_raw(reader, index), kind = trace_reader_raw(reader, reader->kind);
    if ((column->none >= 0 && raw == (uint64_t)column->none) || kind >= TRACE_NAMES_MAX ||
        !(column->kinds >> kind & 1))
        return false;
    *value = (double)raw * column->scale;
    return true;
}

const char *trace_reader_name(const struct trace_reader *reader, int index)
{
    const char *name = reader->columns[index].name;
    const struct trace_names *names = !strcmp(name, "kind")        ? &reader->kinds
                                      : !strcmp(name, "ca_state")  ? &reader->ca_states
                                      : !strcmp(name, "tcp_state") ? &reader->tcp_states
                                                                   : NULL;
    uint64_t raw = trace_reader_raw(reader, index);
    return names && raw < TRACE_NAMES_MAX && names->list[raw][0] ? names->list[raw] : NULL;
}
