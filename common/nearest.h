/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "Did you mean": of many names, the one that was probably meant by a word that is not one of them.
 */
#ifndef FLOWRIG_NEAREST_H
#define FLOWRIG_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word; /* what was typed */
    const char *name; /* the nearest so far; NULL while none is near */
    size_t distance;  /* between the two */
};

/* For a word; names that are further away than a third of its letters are not near. */
struct nearest nearest_to(const char *word);
/* One more name; of two that are as near the first one stays. The text must outlive `nearest`. */
void nearest_try(struct nearest *nearest, const char *name);

/* The number of letters to insert, remove, replace, or exchange with the next one, that turn one
 * word into the other (optimal string alignment, that is Damerau-Levenshtein without a second
 * change of what was exchanged). For words of at most NEAREST_WORD_MAX letters, else SIZE_MAX. */
enum { NEAREST_WORD_MAX = 63 };
size_t nearest_distance(const char *one, const char *other);

#endif
