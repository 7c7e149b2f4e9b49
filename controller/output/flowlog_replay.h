/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow log says of a run whose controller died, so that another one can go on with it:
 * counters as they were at the last row, start and final rows, and where the last of them ends.
 */
#ifndef FLOWRIG_LOG_REPLAY_H
#define FLOWRIG_LOG_REPLAY_H

#include <sys/types.h>

#include "results/results.h"

struct log_replay {
    off_t length;       /* up to the end of the last row; what comes after it is made anew */
    bool has_head;      /* the columns are there */
    int64_t rows;       /* of intervals */
    int64_t *host_next; /* for each daemon, the number of the next row about its host; free it in
                           any case */
    size_t host_count;
};

/* Reads the log of run `run_id` into `results`, which have no row yet. A file that is not there, or
 * was cut off within its head, is an empty log. Returns false and a sentence for a file that can't
 * be read, is no such log, or that of another run. */
bool log_replay(const char *path, const char *run_id, struct results *results,
                struct log_replay *replay, struct fail *fail);

/* Takes the word "metric=value" of a start or final row; false where it is something else. */
bool flowlog_take_value(const char *word, struct report *report);

#endif
