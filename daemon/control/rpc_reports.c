/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/rpc_reports.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "report.h"
#include "wire.h"

/* What a column of a row takes while a table is made, in bytes: xmlrpc-c has an object for each,
 * and its XML comes after it. Measured: about 250 times what the packed row has. */
enum { TABLE_COLUMN_BYTES = 400 };

/* An answer with packed rows: these, their object, and their base64 in the XML. */
enum { PACKED_COPIES = 4 };

static xmlrpc_value *encode_section(xmlrpc_env *env, const struct report_section *section)
{
    if (section->type >= REPORT_SECTION_HISTOGRAM)
        return xmlrpc_base64_new(env, section->length, section->data);
    char *text = mem_printf("%.*s", (int)section->length, (const char *)section->data);
    xmlrpc_value *value = wire_text(env, text);
    free(text);
    return value;
}

static xmlrpc_value *encode_sections(xmlrpc_env *env, const struct report_row *row)
{
    xmlrpc_value *sections = xmlrpc_struct_new(env);
    for (size_t i = 0; sections && i < row->section_count; i++) {
        char name[REPORT_SECTION_NAME_MAX];
        report_section_name(row->sections[i].type, name);
        xmlrpc_value *value = encode_section(env, &row->sections[i]);
        if (value && !env->fault_occurred)
            xmlrpc_struct_set_value(env, sections, name, value);
        if (value)
            xmlrpc_DECREF(value);
    }
    return sections;
}

/* What could not be made for want of memory is NULL. */
static void append(xmlrpc_env *env, xmlrpc_value *array, xmlrpc_value *item)
{
    if (array && item && !env->fault_occurred)
        xmlrpc_array_append_item(env, array, item);
    if (item)
        xmlrpc_DECREF(item);
}

static xmlrpc_value *encode_row(xmlrpc_env *env, const struct report_row *row)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    for (size_t i = 0; i < REPORT_KEYS; i++)
        append(env, array, wire_int(env, row->report.key[i]));
    for (size_t i = 0; i < METRICS; i++) {
        int64_t value = row->report.value[i];
        bool none = value == METRIC_ABSENT || value == METRIC_INFINITE;
        append(env, array, none ? xmlrpc_nil_new(env) : wire_int(env, value));
    }
    append(env, array, encode_sections(env, row));
    return array;
}

static xmlrpc_value *make_table(xmlrpc_env *env, const struct schema_bytes *rows)
{
    struct report_layout layout;
    struct report_row row;
    size_t at = 0, used;
    report_layout_own(&layout);
    xmlrpc_value *table = xmlrpc_array_new(env);
    while (!env->fault_occurred && at < rows->length &&
           report_unpack((char *)rows->data + at, rows->length - at, &layout, &row, &used, NULL)) {
        append(env, table, encode_row(env, &row));
        at += used;
    }
    return table;
}

static bool to_table(struct reports_reply *reply, struct fail *fail)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *table = make_table(&env, &reply->rows);
    bool good = table && !env.fault_occurred;
    if (!good && table)
        xmlrpc_DECREF(table);
    reply->table = good ? table : NULL;
    free(reply->rows.data);
    reply->rows = (struct schema_bytes){0};
    xmlrpc_env_clean(&env);
    return good || fail_set(fail, FAULT_NO_MEMORY, "not enough memory for a table");
}

int64_t rpc_reports_most_bytes(const struct reports_call *call)
{
    bool less = call->encoding == ENCODING_TABLE && call->max_bytes > PROTOCOL_TABLE_MAX;
    return less ? PROTOCOL_TABLE_MAX : call->max_bytes;
}

int64_t rpc_reports_memory(const struct reports_call *call, const struct reports_reply *reply)
{
    return call->encoding == ENCODING_TABLE ? reply->count * REPORT_COLUMNS * TABLE_COLUMN_BYTES
                                            : (int64_t)reply->rows.length * PACKED_COPIES;
}

bool rpc_reports_encode(const struct reports_call *call, struct reports_reply *reply,
                        struct fail *fail)
{
    return call->encoding != ENCODING_TABLE || to_table(reply, fail);
}

static void describe_sections(char *text, size_t size)
{
    int length = snprintf(
        text, size,
        "%d info: lines name=value about the connection; %d error: why the flow failed; %d "
        "stopped: who or what stopped it early; %d host: lines about the host, see flowd(8); "
        "histograms, see flowd(8):",
        REPORT_SECTION_INFO, REPORT_SECTION_ERROR, REPORT_SECTION_STOPPED, REPORT_SECTION_HOST);
    for (int i = 0; i < SERIES; i++) {
        char name[REPORT_SECTION_NAME_MAX];
        report_section_name((uint32_t)(REPORT_SECTION_HISTOGRAM + i), name);
        length += snprintf(text + length, size - (size_t)length, "%s %d %s", i ? "," : "",
                           REPORT_SECTION_HISTOGRAM + i, name);
    }
}

void rpc_reports_describe(const struct schema_call *call, struct schema_reply *reply)
{
    struct schema_column *list = mem_new(REPORT_COLUMNS, sizeof *list);
    for (size_t i = 0; i < REPORT_COLUMNS; i++) {
        snprintf(list[i].name, sizeof list[i].name, "%s", report_column_name(i));
        if (call->names_only)
            continue;
        snprintf(list[i].unit, sizeof list[i].unit, "%s", report_column_unit(i));
        snprintf(list[i].kind, sizeof list[i].kind, "%s", report_column_kind(i));
        snprintf(list[i].help, sizeof list[i].help, "%s", report_column_help(i));
    }
    reply->columns = (struct schema_list){list, REPORT_COLUMNS};
    snprintf(
        reply->packed, sizeof reply->packed,
        "little-endian: length of the row in bytes (32 bits), number of sections (32 bits), a bit "
        "for each column: whether it is present, the columns present (7 bits in each byte, the "
        "lowest first, the eighth set in all but the last; the value is n/2 if n is even, else -(n "
        "+ 1)/2; 2**63-1 is infinite), padding to a multiple of 8, the sections: type and length "
        "(32 bits each), bytes, padding to a multiple of 8");
    describe_sections(reply->sections, sizeof reply->sections);
}
