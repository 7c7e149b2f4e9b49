/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dscp.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "mem.h"
#include "number.h"

/* IANA's registry "Differentiated Services Field Codepoints"; of several names of one code point
 * the first is shown. */
static const struct {
    const char *name;
    int dscp;
} names[] = {
    /* RFC 2474; df and be are what most people call no marking at all. */
    {"df", 0},
    {"be", 0},
    {"cs0", 0},
    {"cs1", 8},
    {"cs2", 16},
    {"cs3", 24},
    {"cs4", 32},
    {"cs5", 40},
    {"cs6", 48},
    {"cs7", 56},
    /* RFC 2597 */
    {"af11", 10},
    {"af12", 12},
    {"af13", 14},
    {"af21", 18},
    {"af22", 20},
    {"af23", 22},
    {"af31", 26},
    {"af32", 28},
    {"af33", 30},
    {"af41", 34},
    {"af42", 36},
    {"af43", 38},
    {"ef", 46},          /* RFC 3246 */
    {"va", 44},          /* RFC 5865 */
    {"voice-admit", 44}, /* the same */
    {"le", 1},           /* RFC 8622 */
    {"nqb", 45},         /* non-queue-building, draft-ietf-tsvwg-nqb */
};

enum { NAMES = COUNT(names) };

bool dscp_parse(const char *text, int64_t *dscp, struct fail *fail)
{
    if (isdigit((unsigned char)*text))
        return number_parse_code(text, dscp, fail);
    for (int i = 0; i < NAMES; i++) {
        if (!strcasecmp(text, names[i].name)) {
            *dscp = names[i].dscp;
            return true;
        }
    }
    return fail_set(fail, 0,
                    "'%s' is not a DSCP: expected a number from 0 to 63, or one of df, be, cs0 to "
                    "cs7, af11 to af43, ef, va, le, nqb",
                    text);
}

void dscp_format(int64_t dscp, char *text, size_t size)
{
    for (int i = 0; i < NAMES; i++) {
        if (names[i].dscp == dscp) {
            snprintf(text, size, "%s", names[i].name);
            return;
        }
    }
    snprintf(text, size, "%" PRId64, dscp);
}
