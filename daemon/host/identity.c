/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secret.h"
#include "file.h"
#include "mem.h"

enum { TEXT_MAX = 256 };

void identity_make(char id[PROTOCOL_ID_MAX])
{
    uint8_t random[SECRET_SIZE];
    secret_make(random);
    secret_format(random, id);
}

/* What the file holds; "" where there is none, or an empty one. */
static bool read_id(const char *path, char id[PROTOCOL_ID_MAX], struct fail *fail)
{
    uint8_t unused[SECRET_SIZE];
    id[0] = '\0';
    int fd = file_open(NULL, path, O_RDONLY, FILE_NO_LINK, fail);
    if (fd < 0)
        return errno == ENOENT;
    char *text = file_read_text(path, fd, TEXT_MAX, NULL);
    close(fd);
    if (text)
        text[strcspn(text, "\n")] = '\0';
    bool empty = text && !*text;
    bool good =
        empty || (text && mem_copy_text(id, PROTOCOL_ID_MAX, text) && secret_parse(id, unused));
    free(text);
    return good ||
           fail_set(fail, 0, "%s does not contain an identity; remove it to get a new one", path);
}

/* Another daemon may have made one in the meantime: then that is the one. */
static bool make_id(const char *path, char id[PROTOCOL_ID_MAX], struct fail *fail)
{
    char line[PROTOCOL_ID_MAX + 1];
    bool there = access(path, F_OK) == 0;
    identity_make(id);
    memcpy(line, id, PROTOCOL_ID_MAX - 1);
    line[PROTOCOL_ID_MAX - 1] = '\n';
    return file_put(path, 0644, line, PROTOCOL_ID_MAX, !there, fail) && read_id(path, id, fail);
}

bool identity_read(const char *state_dir, char id[PROTOCOL_ID_MAX], struct fail *fail)
{
    char *path = mem_printf("%s/daemon-id", state_dir);
    bool good = read_id(path, id, fail) && (*id || make_id(path, id, fail));
    free(path);
    return good;
}
