/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of socket options, as -O takes them. */
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "settings.h"

static bool is_word(const char *word, const char *name, size_t length)
{
    return strlen(word) == length && !strncmp(word, name, length);
}

/* What IPv6 calls the same. */
static const char *const sockopt_aliases[][2] = {
    {"IPV6_MTU_DISCOVER", "IP_MTU_DISCOVER"},
    {"IPV6_TCLASS", "IP_TOS"},
    {"IPV6_UNICAST_HOPS", "IP_TTL"},
};

const struct setting *settings_find_sockopt(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT(sockopt_aliases); i++)
        if (is_word(sockopt_aliases[i][0], name, length))
            return settings_find_sockopt(sockopt_aliases[i][1], strlen(sockopt_aliases[i][1]));
    for (size_t i = 0; i < settings_count; i++)
        if (settings_list[i].form == SETTING_FORM_SOCKOPT &&
            is_word(settings_list[i].name, name, length))
            return &settings_list[i];
    return NULL;
}

const char *settings_refused_sockopt(const char *name, size_t length)
{
    static const char *const refused[][2] = {
        {"TCP_ELCN", "its number, 20, is now TCP_REPAIR_QUEUE in Linux"},
        {"TCP_LCD", "its number, 21, is now TCP_QUEUE_SEQ in Linux"},
        {"TCP_MTCP",
         "Linux gave its number, 15, to TCP_COOKIE_TRANSACTIONS and later dropped that; "
         "--mptcp selects Multipath TCP"},
    };
    for (size_t i = 0; i < COUNT(refused); i++)
        if (is_word(refused[i][0], name, length))
            return refused[i][1];
    return NULL;
}

void settings_sockopt_help(FILE *out)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_list[i];
        if (setting->form != SETTING_FORM_SOCKOPT)
            continue;
        fprintf(out, "  -O x=%s%s%s\n", setting->name, setting->argument ? "=" : "",
                setting->argument ? setting->argument : "");
        option_wrap(out, setting->help, 18, 0);
    }
}
