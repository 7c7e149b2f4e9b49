/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "printable.h"

#define PREFIX "flowrig_"

/* Text of a HELP line: a line break would end it. */
static void put_help(struct buffer *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\\')
            buffer_text(out, "\\\\");
        else if (*help == '\n')
            buffer_text(out, "\\n");
        else
            buffer_add(out, help, 1);
    }
}

void exposition_family(struct exposition *page, enum exposition_type type, const char *name,
                       const char *unit, const char *help)
{
    static const char *const types[] = {"gauge", "counter"};
    struct buffer *out = page->out;
    bool open = page->form == EXPOSITION_OPENMETRICS;
    const char *suffix = type == EXPOSITION_COUNTER ? "_total" : "";
    /* OpenMetrics names the family without the suffix of its samples, the older form with it. */
    const char *shown = open ? "" : suffix;
    page->name_length =
        (size_t)snprintf(page->name, sizeof page->name, PREFIX "%s%s", name, suffix);
    buffer_printf(out, "# TYPE " PREFIX "%s%s %s\n", name, shown, types[type]);
    if (open && *unit)
        buffer_printf(out, "# UNIT " PREFIX "%s %s\n", name, unit);
    buffer_printf(out, "# HELP " PREFIX "%s%s ", name, shown);
    put_help(out, help);
    buffer_text(out, "\n");
}

static void put_name(struct exposition *page, const char *labels)
{
    buffer_add(page->out, page->name, page->name_length);
    buffer_text(page->out, labels);
    buffer_add(page->out, " ", 1);
}

void exposition_fixed(struct exposition *page, const char *labels, int64_t value, unsigned places)
{
    put_name(page, labels);
    char *text = buffer_reserve(page->out, NUMBER_TEXT_MAX + 1);
    size_t length = number_format_fixed(text, value, places);
    text[length] = '\n';
    page->out->length += length + 1;
}

void exposition_real(struct exposition *page, const char *labels, double value)
{
    if (!isfinite(value))
        return;
    put_name(page, labels);
    buffer_printf(page->out, "%.15g\n", value);
}

void exposition_end(struct exposition *page)
{
    if (page->form == EXPOSITION_OPENMETRICS)
        buffer_text(page->out, "# EOF\n");
}

/* Leaves the label open after its quote. */
static void begin_label(struct buffer *labels, const char *name)
{
    bool first = !labels->length;
    if (!first)
        labels->length--; /* the closing brace */
    buffer_text(labels, first ? "{" : ",");
    buffer_text(labels, name);
    buffer_text(labels, "=\"");
}

/* A zero follows that is not part of the text. */
static void end_label(struct buffer *labels)
{
    buffer_add(labels, "\"}", 3);
    labels->length--;
}

void exposition_label(struct buffer *labels, const char *name, const char *value)
{
    char *text = mem_strdup(value);
    printable(text);
    begin_label(labels, name);
    for (const char *at = text; *at; at++) {
        if (*at == '\\' || *at == '"')
            buffer_text(labels, "\\");
        buffer_add(labels, at, 1);
    }
    end_label(labels);
    free(text);
}

void exposition_label_number(struct buffer *labels, const char *name, int64_t value)
{
    begin_label(labels, name);
    buffer_printf(labels, "%" PRId64, value);
    end_label(labels);
}
