/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret.h"
#include "file.h"
#include "mem.h"
#include "protocol.h"
#include "address.h"

enum { USERS_MAX = 1000, KEYS_MAX = 1000 };

#define TOKEN_USER      "flowrig" /* the name of the user in a new file */
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-"

/* ---- reading ---- */

char *token_read_private(const char *what, const char *path, struct fail *fail)
{
    char *name = mem_printf("%s %s", what, path), *text = NULL;
    int fd = file_open(name, path, O_RDONLY, FILE_PRIVATE, fail);
    if (fd >= 0) {
        text = file_read_text(name, fd, TOKEN_FILE_MAX, fail);
        close(fd);
    }
    free(name);
    return text;
}

static bool add_host(struct token_key *key, const char *host, struct fail *fail)
{
    char name[PROTOCOL_HOST_MAX];
    uint16_t port = 0;
    size_t length = strlen(key->hosts);
    if (!address_split_host_port(host, name, sizeof name, &port, fail))
        return false;
    if (length + strlen(host) + 2 > sizeof key->hosts)
        return fail_set(fail, 0, "too many hosts for one key");
    snprintf(key->hosts + length, sizeof key->hosts - length, "%s%s", length ? " " : "", host);
    return true;
}

static bool parse_key(char *line, struct token_file *file, struct fail *fail)
{
    char *save = NULL, *word = strtok_r(line, " \t", &save);
    if (file->key_count == KEYS_MAX)
        return fail_set(fail, 0, "more than %d keys", KEYS_MAX);
    if (!word || !fingerprint_valid(word))
        return fail_set(fail, 0, "'key' needs a fingerprint: sha256// and 44 characters");
    file->keys = mem_grow(file->keys, file->key_count + 1, sizeof *file->keys);
    struct token_key *key = &file->keys[file->key_count++];
    *key = (struct token_key){0};
    memcpy(key->fingerprint, word, FINGERPRINT_MAX);
    while ((word = strtok_r(NULL, " \t", &save)))
        if (!add_host(key, word, fail))
            return false;
    return true;
}

/* No sentence shows any part of a secret. */
static bool parse_user(const char *line, struct token_file *file, struct fail *fail)
{
    struct token_user user = {0};
    size_t length = strspn(line, NAME_CHARACTERS);
    if (!length || length >= sizeof user.name || line[length] != ':')
        return fail_set(fail, 0,
                        "is neither USER:SECRET nor a key; a user's name has letters, "
                        "digits and . _ @ -, up to 63 of them");
    memcpy(user.name, line, length);
    const char *secret = line + length + 1;
    size_t secret_length = strlen(secret);
    if (secret_length < TOKEN_SECRET_LEAST || secret_length >= sizeof user.secret)
        return fail_set(fail, 0,
                        "the secret of user '%s' has %zu characters; it must have %d to %d",
                        user.name, secret_length, TOKEN_SECRET_LEAST, TOKEN_SECRET_MAX - 1);
    for (const char *at = secret; *at; at++)
        if (*at <= ' ' || *at > '~')
            return fail_set(fail, 0,
                            "the secret of user '%s' has a space, or a character that is "
                            "not ASCII",
                            user.name);
    memcpy(user.secret, secret, secret_length);
    for (size_t i = 0; i < file->user_count; i++)
        if (!strcmp(file->users[i].name, user.name))
            return fail_set(fail, 0, "user '%s' is listed twice", user.name);
    if (file->user_count == USERS_MAX)
        return fail_set(fail, 0, "more than %d users", USERS_MAX);
    file->users = mem_grow(file->users, file->user_count + 1, sizeof *file->users);
    file->users[file->user_count++] = user;
    return true;
}

static bool parse_line(char *line, struct token_file *file, struct fail *fail)
{
    line += strspn(line, " \t");
    size_t length = strlen(line);
    while (length && strchr(" \t\r", line[length - 1]))
        line[--length] = '\0';
    if (!length || *line == '#')
        return true;
    if (!strncmp(line, "key", 3) && strchr(" \t", line[3]))
        return parse_key(line + 3, file, fail);
    return parse_user(line, file, fail);
}

bool token_file_parse(const char *text, struct token_file *file, struct fail *fail)
{
    char *copy = mem_strdup(text), *next = copy;
    bool good = true;
    *file = (struct token_file){0};
    for (int number = 1; good && next; number++) {
        char *line = strsep(&next, "\n");
        good = parse_line(line, file, fail) || fail_prefix(fail, "line %d", number);
    }
    if (good && !file->user_count)
        good = fail_set(fail, 0, "it contains no user; flowd --make-token creates a valid file");
    explicit_bzero(copy, strlen(text));
    free(copy);
    if (!good)
        token_file_free(file);
    return good;
}

bool token_file_read(const char *path, struct token_file *file, struct fail *fail)
{
    *file = (struct token_file){0};
    char *text = token_read_private("token file", path, fail);
    if (!text)
        return false;
    bool good = token_file_parse(text, file, fail) || fail_prefix(fail, "token file %s", path);
    explicit_bzero(text, strlen(text));
    free(text);
    return good;
}

void token_file_free(struct token_file *file)
{
    if (file->users)
        explicit_bzero(file->users, file->user_count * sizeof *file->users);
    free(file->users);
    free(file->keys);
    *file = (struct token_file){0};
}

bool token_name_valid(const char *name)
{
    size_t length = strlen(name);
    return length && length < TOKEN_NAME_MAX && strspn(name, NAME_CHARACTERS) == length;
}

/* ---- keys ---- */

static bool is_host(const char *listed, const char *host, uint16_t port)
{
    char name[PROTOCOL_HOST_MAX];
    uint16_t listed_port = PROTOCOL_PORT;
    return address_split_host_port(listed, name, sizeof name, &listed_port, NULL) &&
           listed_port == port && !strcasecmp(name, host);
}

const struct token_key *token_key_of(const struct token_file *file, const char *host, uint16_t port)
{
    for (size_t i = 0; i < file->key_count; i++) {
        char hosts[TOKEN_HOSTS_MAX], *save = NULL;
        memcpy(hosts, file->keys[i].hosts, sizeof hosts);
        for (char *one = strtok_r(hosts, " ", &save); one; one = strtok_r(NULL, " ", &save))
            if (is_host(one, host, port))
                return &file->keys[i];
    }
    return NULL;
}

bool token_has_key(const struct token_file *file, const char *fingerprint)
{
    for (size_t i = 0; i < file->key_count; i++)
        if (!strcmp(file->keys[i].fingerprint, fingerprint))
            return true;
    return false;
}

/* ---- making ---- */

void token_make_secret(char text[TOKEN_SECRET_MADE])
{
    uint8_t random[SECRET_SIZE];
    for (int half = 0; half < 2; half++) {
        secret_make(random);
        secret_format(random, text + (size_t)half * 2 * SECRET_SIZE);
    }
}

bool token_file_make(const char *path, const struct token_key *key, struct fail *fail)
{
    char secret[TOKEN_SECRET_MADE];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_set(fail, 0, "%s can't be created: %s", path, fail_errno(errno));
    token_make_secret(secret);
    char *text = mem_printf("# flowrig: anyone with this file can control the daemons started with "
                            "it.\nkey %s%s%s\n" TOKEN_USER ":%s\n",
                            key->fingerprint, *key->hosts ? " " : "", key->hosts, secret);
    size_t length = strlen(text);
    bool good = file_write(fd, text, length, NULL) && fchmod(fd, 0600) == 0 && fsync(fd) == 0;
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(text, length);
    free(text);
    int error = errno;
    if (close(fd) && good) {
        good = false;
        error = errno;
    }
    if (good)
        return true;
    unlink(path);
    return fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(error));
}
