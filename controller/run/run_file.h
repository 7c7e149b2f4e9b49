/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What it takes to go on with a run whose controller died: a file of lines "name value" under
 * XDG_STATE_HOME/flowrig (~/.local/state/flowrig), for its owner only, since sessions are
 * capabilities. Its controller holds a lock on it. */
#ifndef FLOWRIG_RUN_FILE_H
#define FLOWRIG_RUN_FILE_H

#include "fail.h"
#include "protocol.h"

/* A session of the run; they are in the order of the plan's daemons. */
struct run_file_session {
    char session[PROTOCOL_ID_MAX], boot_id[PROTOCOL_ID_MAX];
};

struct run_file {
    int fd;     /* locked; -1: there is no file */
    char *path; /* owned, as all that follows */
    char id[PROTOCOL_ID_MAX];
    char version[PROTOCOL_LABEL_MAX];
    char *log;       /* absolute; NULL: no log */
    char *directory; /* that names of files in argv are relative to */
    char *token;     /* the token file that was used, absolute; NULL: none was */
    char **argv;     /* as it was given, argv[0] included; ends with NULL */
    int argc;
    struct run_file_session *sessions;
    size_t session_count;
    int64_t wall_start; /* of the common instant, ns since 1970; 0: the run was not started */
    int64_t read_at;    /* when argv was read, likewise */
    int64_t seed;       /* of flows that draw and were given none */
    int64_t bound;      /* of the clocks at the start, ns; CLOCK_NEVER: not known */
    bool collected;     /* everything was fetched, shown and written */
};

enum { RUN_FILE_NO_PLACE = 1 }; /* fail.code: the user has no place for such files */

/* Writes the file, syncs it to the disk and locks it. Returns false and a sentence if it can't be.
 */
bool run_file_write(struct run_file *file, struct fail *fail);
/* Notes, after run_file_write(), that the flows are about to be started. Where it can't, the file
 * is removed, and a sentence says why. */
bool run_file_started(struct run_file *file, struct fail *fail);

/* Notes that nothing is left to be done but to close the sessions. */
void run_file_collected(struct run_file *file);

/* Finds the run whose number begins with `id`, reads and locks its file. Returns false and a
 * sentence if there is none, it is not the only one, or its controller lives. */
bool run_file_open(const char *id, struct run_file *file, struct fail *fail);
/* Calls `take` for each run; `busy`: its controller lives. Returns how many there are, those
 * included whose file is refused, which a warning tells. */
size_t run_file_each(void (*take)(void *context, const struct run_file *file, bool busy),
                     void *context);

/* The run is over and everything fetched: removes the file. */
void run_file_remove(struct run_file *file);
/* Frees what it holds, and unlocks the file. */
void run_file_close(struct run_file *file);

#endif
