/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "capture/trace_file.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

/* A JSON string. What is not ASCII, or a control character, is not told: names of hosts and runs
 * are printable. */
static void put_text(struct buffer *line, const char *name, const char *text)
{
    buffer_printf(line, ",\"%s\":\"", name);
    for (; *text; text++) {
        bool plain = *text >= ' ' && *text <= '~';
        if (*text == '"' || *text == '\\')
            buffer_add(line, "\\", 1);
        buffer_add(line, plain ? text : "?", 1);
    }
    buffer_add(line, "\"", 1);
}

static void put_names(struct buffer *line, const char *name, const char *const *list, size_t count,
                      uint32_t which)
{
    const char *comma = "";
    buffer_printf(line, ",\"%s\":{", name);
    for (size_t i = 0; i < count; i++) {
        if (!list[i] || !(which >> i & 1))
            continue;
        buffer_printf(line, "%s\"%zu\":\"%s\"", comma, i, list[i]);
        comma = ",";
    }
    buffer_add(line, "}", 1);
}

static void put_field(struct buffer *line, const struct trace_field *field, uint32_t kinds)
{
    buffer_printf(line, "{\"name\":\"%s\",\"type\":\"u%d\",\"at\":%d,\"unit\":\"%s\",\"scale\":%g",
                  field->name, 8 * field->width, field->at, field->unit, field->scale);
    if (field->none >= 0)
        buffer_printf(line, ",\"none\":%" PRId64, field->none);
    if (~field->kinds) {
        const char *comma = "";
        buffer_printf(line, ",\"kinds\":[");
        for (int kind = 0; kind < TRACE_KINDS; kind++) {
            if (!(field->kinds & kinds & 1U << kind))
                continue;
            buffer_printf(line, "%s%d", comma, kind);
            comma = ",";
        }
        buffer_add(line, "]", 1);
    }
    buffer_add(line, "}", 1);
}

/* How Python's struct module names the layout: bytes between two fields are its x. */
static void put_format(struct buffer *line)
{
    size_t at = 0;
    buffer_printf(line, ",\"format\":\"%c", BYTE_ORDER == LITTLE_ENDIAN ? '<' : '>');
    for (size_t i = 0; i < trace_fields_count; i++) {
        for (; at < trace_fields[i].at; at++)
            buffer_add(line, "x", 1);
        buffer_add(line, &"?BH?I???Q"[trace_fields[i].width], 1);
        at += trace_fields[i].width;
    }
    for (; at < sizeof(struct trace_event); at++)
        buffer_add(line, "x", 1);
    buffer_add(line, "\"", 1);
}

static void put_about(struct buffer *line, const struct trace_about *about)
{
    put_text(line, "run", about->run);
    buffer_printf(line, ",\"flow\":%" PRId64, about->flow);
    put_text(line, "endpoint", about->endpoint == 's' ? "source" : "destination");
    put_text(line, "host", about->host);
    put_text(line, "filter", about->filter);
    put_names(line, "kinds", trace_kind_names, TRACE_KINDS, about->kinds);
    put_names(line, "ca_states", trace_ca_state_names, TRACE_CA_STATES, ~0U);
    put_names(line, "tcp_states", trace_tcp_state_names, TRACE_TCP_STATES, ~0U);
    put_format(line);
    buffer_printf(line, ",\"fields\":[");
    for (size_t i = 0; i < trace_fields_count; i++) {
        buffer_add(line, ",", i != 0);
        put_field(line, &trace_fields[i], about->kinds);
    }
    buffer_add(line, "]", 1);
}

/* The whole header: of TRACE_HEADER_SIZE bytes. `end` is what is known at the end. */
static void make_header(const struct trace_file *trace, const char *end, struct buffer *line)
{
    buffer_printf(line,
                  "{\"flowtrace\":%d,\"header_size\":%d,\"event_size\":%zu,\"byte_order\":\"%s\"",
                  TRACE_VERSION, TRACE_HEADER_SIZE, sizeof(struct trace_event),
                  BYTE_ORDER == LITTLE_ENDIAN ? "little" : "big");
    buffer_add(line, trace->about.data, trace->about.length);
    buffer_printf(line, "%s}", end);
    while (line->length < TRACE_HEADER_SIZE - 1)
        buffer_add(line, " ", 1);
    buffer_add(line, "\n", 1);
}

bool trace_file_create(struct trace_file *trace, struct dump_dir *dir, const char *name,
                       const struct trace_about *about, struct fail *fail)
{
    struct buffer header = {0};
    *trace = (struct trace_file){.kinds = about->kinds};
    put_about(&trace->about, about);
    make_header(trace, "", &header);
    bool good = header.length == TRACE_HEADER_SIZE
                    ? dump_file_begin(&trace->file, dir, name, header.data, header.length, fail)
                    : fail_set(fail, FAULT_BAD_CALL, "the names of run and host are too long");
    buffer_free(&header);
    if (!good)
        buffer_free(&trace->about);
    trace->file.keeps = good;
    return good;
}

void trace_file_add(struct trace_file *trace, const struct trace_event *event)
{
    dump_file_append(&trace->file, event, sizeof *event, NULL, 0);
}

void trace_file_close(struct trace_file *trace, int64_t lost)
{
    struct buffer end = {0}, header = {0};
    if (trace->file.fd < 0)
        return;
    dump_file_flush(&trace->file);
    if (trace->start)
        buffer_printf(&end, ",\"start\":%" PRId64, trace->start);
    buffer_printf(&end, ",\"events\":%" PRId64 ",\"lost\":%" PRId64, trace->file.packets, lost);
    if (trace->file.note[0])
        put_text(&end, "note", trace->file.note);
    buffer_add(&end, "", 1);
    make_header(trace, end.data, &header);
    if (header.length == TRACE_HEADER_SIZE)
        dump_file_rewrite(&trace->file, header.data, header.length);
    dump_file_close(&trace->file);
    buffer_free(&end);
    buffer_free(&header);
    buffer_free(&trace->about);
}

void trace_file_discard(struct trace_file *trace)
{
    dump_file_discard(&trace->file);
    buffer_free(&trace->about);
}
