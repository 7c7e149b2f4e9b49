// SPDX-License-Identifier: GPL-3.0-or-later
/* linkopt.h - the words that describe a link: rate=10m delay=5ms loss=1% ... */
#ifndef LAB_LINKOPT_H
#define LAB_LINKOPT_H

struct err;
struct link_options;

/* Applies a list of NAME=VALUE words, separated by blanks; what is not named stays. The list is cut
 * up. On an unknown name, a malformed value or values that contradict each other, returns -1 with
 * one sentence that names the word, and changes nothing. */
int linkopt_apply(struct link_options *options, char *words, struct err *err);

#endif
