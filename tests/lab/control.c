// SPDX-License-Identifier: GPL-3.0-or-later
/* control.c - the control socket. Nothing here may wait: the frames would. */
#define _GNU_SOURCE 1
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core.h"
#include "err.h"
#include "labconf.h"
#include "watch.h"

#define MAX_LINE       4096
#define ANSWER_SECONDS 5

struct control {
    struct watch watch;
    struct core *core;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* One client, from its connection to our answer. */
struct client {
    struct watch watch;
    struct core *core;
};

/* Returns a connected or bound socket, or -1 with errno. */
static int open_socket(const char *path, int type_flags,
                       int (*attach)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
    if (fd >= 0 && attach(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static void write_answer(struct core *core, char *line, FILE *out)
{
    struct err err;

    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "stats") == 0)
        core_print_stats(core, out);
    else if (labconf_line(core, line, &err) < 0)
        fprintf(out, "error: %s\n", err.text);
    else
        fputs("ok\n", out);
}

/* The kernel takes the whole answer, however slowly the client reads it. Only root may go beyond
 * the system's limit for a socket buffer, but only root can run this. */
static void send_answer(int fd, const char *answer, size_t length)
{
    int room = (int)length * 2 + 65536;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (send(fd, answer, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length)
        fputs("labwire: a control client did not get its whole answer\n", stderr);
}

static void client_readable(struct watch *watch)
{
    struct client *client = container_of(watch, struct client, watch);
    char line[MAX_LINE + 1];
    ssize_t length = recv(watch->fd, line, MAX_LINE, 0);
    char *answer = NULL;
    size_t size = 0;
    FILE *out;

    if (length > 0 && (out = open_memstream(&answer, &size))) {
        line[length] = '\0';
        write_answer(client->core, line, out);
        fclose(out);
        send_answer(watch->fd, answer, size);
        free(answer);
    }
    close(watch->fd);
    free(client);
}

static void control_readable(struct watch *watch)
{
    struct control *control = container_of(watch, struct control, watch);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client = fd < 0 ? NULL : malloc(sizeof *client);

    if (client) {
        client->watch = (struct watch){.fd = fd, .readable = client_readable};
        client->core = control->core;
        if (watch_add(control->core->epoll_fd, &client->watch) == 0)
            return;
    }
    free(client);
    if (fd >= 0)
        close(fd);
}

/* A socket that still answers stays, and bind() will then say that the address is in use. */
static void remove_stale(const char *path)
{
    struct stat status;
    int fd;

    if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return;
    fd = open_socket(path, 0, connect);
    if (fd < 0)
        unlink(path);
    else
        close(fd);
}

struct control *control_open(struct core *core, const char *path, struct err *err)
{
    struct control *control = calloc(1, sizeof *control);
    int fd;

    remove_stale(path);
    fd = control ? open_socket(path, SOCK_NONBLOCK, bind) : -1;
    if (fd < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        free(control);
        return NULL;
    }
    control->watch = (struct watch){.fd = fd, .readable = control_readable};
    control->core = core;
    snprintf(control->path, sizeof control->path, "%s", path);
    if (listen(fd, 16) < 0 || watch_add(core->epoll_fd, &control->watch) < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        control_close(control);
        return NULL;
    }
    return control;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    close(control->watch.fd);
    unlink(control->path);
    free(control);
}

/* Returns its length with the newline, or 0 if the words are too many. */
static size_t join(char *line, char **words, int count)
{
    size_t length = 0;

    for (int i = 0; i < count; i++) {
        size_t added = strlen(words[i]);

        if (length + added + 1 > MAX_LINE)
            return 0;
        memcpy(line + length, words[i], added);
        length += added;
        line[length++] = i + 1 < count ? ' ' : '\n';
    }
    return length;
}

/* Returns an exit code. */
static int print_answer(int fd, const char *path)
{
    static const char failure[] = "error:";
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    char part[MAX_LINE];
    size_t matched = 0, total = 0;
    ssize_t length;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((length = recv(fd, part, sizeof part, 0)) > 0) {
        for (ssize_t i = 0; i < length && total < sizeof failure - 1; i++, total++)
            matched += part[i] == failure[total];
        fwrite(part, 1, (size_t)length, stdout);
    }
    if (length == 0 && total > 0)
        return matched == sizeof failure - 1;
    fprintf(stderr, "labwire: no answer from %s\n", path);
    return 1;
}

int control_ask(const char *path, char **words, int count)
{
    char line[MAX_LINE];
    size_t length = join(line, words, count);
    int fd, status = 1;

    if (length == 0) {
        fputs("labwire: the words for the control socket are too long\n", stderr);
        return 2;
    }
    fd = open_socket(path, 0, connect);
    if (fd < 0) {
        fprintf(stderr, "labwire: cannot reach %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (send(fd, line, length, MSG_NOSIGNAL) == (ssize_t)length)
        status = print_answer(fd, path);
    else
        fprintf(stderr, "labwire: %s: %s\n", path, strerror(errno));
    close(fd);
    return status;
}
