/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "printable.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/* Decodes the character at `text` and returns its length in bytes; 0 if the bytes are not valid
 * UTF-8: a wrong or missing continuation, an overlong form, a surrogate, or beyond U+10FFFF. The
 * terminating NUL is not a continuation, so nothing after it is read. */
static size_t decode(const unsigned char *text, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    size_t length = first < 0x80             ? 1
                    : (first & 0xe0) == 0xc0 ? 2
                    : (first & 0xf0) == 0xe0 ? 3
                    : (first & 0xf8) == 0xf0 ? 4
                                             : 0;
    *character = length == 1 ? first : length ? first & (0x7fU >> length) : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (text[i] & 0x3fU);
    }
    if (!length || *character < smallest[length] || *character > 0x10ffff ||
        (*character >= 0xd800 && *character <= 0xdfff))
        return 0;
    return length;
}

static bool is_unprintable(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},
        {0x61c, 0x61c},   {0x200e, 0x200f}, /* left-to-right and right-to-left marks */
        {0x2028, 0x202e},                   /* separators, embeddings and overrides */
        {0x2066, 0x2069},                   /* isolates */
    };
    for (size_t i = 0; i < COUNT(ranges); i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

static void replace(char *text, bool keep_lines)
{
    const unsigned char *from = (const unsigned char *)text;
    while (*from) {
        uint32_t character;
        size_t length = decode(from, &character);
        bool kept = length && (!is_unprintable(character) || (keep_lines && character == '\n'));
        if (!kept)
            *text++ = '?';
        for (size_t i = 0; kept && i < length; i++)
            *text++ = (char)from[i];
        from += length ? length : 1;
    }
    *text = '\0';
}

void printable(char *text)
{
    replace(text, false);
}

void printable_lines(char *text)
{
    replace(text, true);
}
