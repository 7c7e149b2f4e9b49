/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Token files: who may command a daemon, and which keys the daemons have. A text file with one
 * thing in each line:
 *
 *   # a comment
 *   key sha256//BASE64= HOST...     the key of a daemon, and the hosts that must have it
 *   USER:SECRET                     a user that a daemon lets in
 */
#ifndef FLOWRIG_TOKEN_H
#define FLOWRIG_TOKEN_H

#include <stdint.h>

#include "fingerprint.h"

enum {
    TOKEN_NAME_MAX = 64,
    TOKEN_SECRET_MAX = 128,
    TOKEN_SECRET_LEAST = 16, /* characters: what is shorter could be guessed */
    TOKEN_SECRET_MADE = 65,  /* 256 bits in hexadecimal, and the NUL */
    TOKEN_HOSTS_MAX = 512,
    TOKEN_FILE_MAX = 1 << 20, /* bytes */
};

/* What follows the text's end is zero, so that two can be compared whole. */
struct token_user {
    char name[TOKEN_NAME_MAX], secret[TOKEN_SECRET_MAX];
};

struct token_key {
    char fingerprint[FINGERPRINT_MAX];
    char hosts[TOKEN_HOSTS_MAX]; /* with single spaces between, "" for none; HOST or HOST:PORT */
};

struct token_file {
    struct token_user *users;
    size_t user_count;
    struct token_key *keys;
    size_t key_count;
};

/* Reads a file, which has to belong to the user that runs the program and to be closed to all
 * others. Returns false and a sentence where it can't be read, is open to others, or has a line
 * that is not as it should be; there is nothing to free then. */
bool token_file_read(const char *path, struct token_file *file, struct fail *fail);
/* Reads the text of one. */
bool token_file_parse(const char *text, struct token_file *file, struct fail *fail);
void token_file_free(struct token_file *file);

/* A random secret. */
void token_make_secret(char text[TOKEN_SECRET_MADE]);

/* Writes a new file, closed to others, with a user that has a random secret of 256 bits, and the
 * key of a daemon with the hosts that have it. A file that is there is left alone and refused. */
bool token_file_make(const char *path, const struct token_key *key, struct fail *fail);

/* Whether a user may have the name. */
bool token_name_valid(const char *name);

/* The key that the file names for a host and port, NULL where it names none. */
const struct token_key *token_key_of(const struct token_file *file, const char *host,
                                     uint16_t port);
/* Whether the file has the key, whoever it belongs to. */
bool token_has_key(const struct token_file *file, const char *fingerprint);

/* Reads a whole file that shall be closed to others: `what` names it in sentences. The text, which
 * ends with a NUL, belongs to the caller. NULL and a sentence on failure. */
char *token_read_private(const char *what, const char *path, struct fail *fail);

#endif
