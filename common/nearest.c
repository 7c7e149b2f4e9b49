/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nearest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t nearest_distance(const char *one, const char *other)
{
    /* Row i of the table: what the first i letters of `one` are away from each beginning of
     * `other`; an exchange looks back two rows. */
    size_t rows[3][NEAREST_WORD_MAX + 1];
    size_t length = strlen(one), width = strlen(other);
    if (length > NEAREST_WORD_MAX || width > NEAREST_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = above[j - 1] + (one[i - 1] != other[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[length % 3][width];
}

struct nearest nearest_to(const char *word)
{
    return (struct nearest){.word = word, .distance = (strlen(word) + 2) / 3 + 1};
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t distance = nearest_distance(nearest->word, name);
    if (distance >= nearest->distance)
        return;
    nearest->name = name;
    nearest->distance = distance;
}
