/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/hide.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "output/output_options.h"

/* A name and what stands for it; longer names come first, so that none hides a part of another. */
struct alias {
    char *name;
    size_t length, host;
};

enum { CONTROLLER = (size_t)-1 };

struct hide {
    struct alias *list;
    size_t count;
};

static void add(struct hide *hide, const char *name, size_t host)
{
    if (!*name)
        return;
    for (size_t i = 0; i < hide->count; i++)
        if (!strcmp(hide->list[i].name, name))
            return;
    hide->list = mem_grow(hide->list, hide->count + 1, sizeof *hide->list);
    hide->list[hide->count++] = (struct alias){mem_strdup(name), strlen(name), host};
}

static int by_length(const void *one, const void *other)
{
    const struct alias *a = one, *b = other;
    return a->length < b->length ? 1 : -(a->length > b->length);
}

struct hide *hide_new(const struct sink_run *run)
{
    const struct plan *plan = run->plan;
    if (!run->options->hide_addresses)
        return NULL;
    struct hide *hide = mem_new(1, sizeof *hide);
    for (size_t i = 0; i < plan->daemon_count; i++) {
        add(hide, plan->daemons[i].host, i);
        add(hide, run->daemons[i].host, i);
    }
    for (size_t i = 0; i < ENDPOINTS * plan->count; i++) {
        const struct plan_place *place = &plan->flows[i / ENDPOINTS].at[i % ENDPOINTS];
        add(hide, place->host, place->daemon);
    }
    add(hide, run->controller, CONTROLLER);
    qsort(hide->list, hide->count, sizeof *hide->list, by_length);
    return hide;
}

void hide_free(struct hide *hide)
{
    for (size_t i = 0; hide && i < hide->count; i++)
        free(hide->list[i].name);
    if (hide)
        free(hide->list);
    free(hide);
}

/* What may be a part of a name or an address. */
static bool is_inner(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static const struct alias *find_alias(const struct hide *hide, const char *text, const char *at)
{
    for (size_t i = 0; i < hide->count && (at == text || !is_inner(at[-1])); i++) {
        const struct alias *alias = &hide->list[i];
        if (!strncmp(at, alias->name, alias->length) && !is_inner(at[alias->length]))
            return alias;
    }
    return NULL;
}

char *hide_text(const struct hide *hide, const char *text)
{
    struct buffer out = {0};
    if (!hide)
        return mem_strdup(text);
    for (const char *at = text; *at;) {
        const struct alias *alias = find_alias(hide, text, at);
        if (alias && alias->host == CONTROLLER)
            buffer_text(&out, "controller");
        else if (alias)
            buffer_printf(&out, "host-%zu", alias->host);
        else
            buffer_add(&out, at, 1);
        at += alias ? alias->length : 1;
    }
    buffer_add(&out, "", 1);
    return out.data;
}

char *hide_title(const struct sink_run *run)
{
    if (!run->options->title)
        return NULL;
    struct hide *hide = hide_new(run);
    char *title = hide_text(hide, run->options->title);
    hide_free(hide);
    return title;
}
