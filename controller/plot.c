/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "metrics.h"

enum { PANEL_WIDTH = 1000, PANEL_HEIGHT = 320, KEYS_MAX = 24, BEGIN_COLUMN = 2, END_COLUMN = 3 };

/* One line in a panel. */
struct series {
    int64_t flow;
    enum endpoint endpoint;
};

static bool is_wanted(const struct plot_request *request, int64_t flow)
{
    if (!request->flows)
        return true;
    return flow < (int64_t)request->flow_count && request->flows[flow];
}

static bool is_of(const struct logreader_row *row, const struct series *series)
{
    return row->flow == series->flow && row->endpoint == series->endpoint;
}

/* Whether the endpoint ever had something other than 0 in the column. */
static bool has_any(const struct logreader *log, const struct series *series, int column)
{
    for (size_t i = 0; column >= 0 && i < log->row_count; i++) {
        double value = log->rows[i].values[column];
        if (is_of(&log->rows[i], series) && !isnan(value) && value != 0)
            return true;
    }
    return false;
}

/* What a receiver counts is drawn for receivers, all else for senders. */
static bool is_drawn(const struct logreader *log, const struct series *series, int column)
{
    const char *name = log->columns[column];
    bool of_receiver = !strncmp(name, "rx_", 3) || strstr(name, "IAT") || strstr(name, "DLY") ||
                       !strncmp(name, "rcv_", 4) || strstr(name, "received");
    int activity = logreader_column(log, of_receiver ? "rx_bytes" : "tx_bytes");
    return has_any(log, series, column) && (activity < 0 || has_any(log, series, activity));
}

/* The endpoints that the log has rows of, in the order of flows. */
static struct series *list_series(const struct logreader *log, const struct plot_request *request,
                                  size_t *count)
{
    struct series *list = NULL;
    int64_t last = -1;
    *count = 0;
    for (size_t i = 0; i < log->row_count; i++)
        last = log->rows[i].flow > last ? log->rows[i].flow : last;
    bool *seen = mem_new(2 * (size_t)(last + 1), sizeof *seen);
    for (size_t i = 0; i < log->row_count; i++)
        seen[2 * log->rows[i].flow + log->rows[i].endpoint] = true;
    for (int64_t k = 0; k < 2 * (last + 1); k++) {
        if (!seen[k] || !is_wanted(request, k / 2))
            continue;
        list = mem_grow(list, *count + 1, sizeof *list);
        list[(*count)++] = (struct series){k / 2, (enum endpoint)(k % 2)};
    }
    free(seen);
    return list;
}

/* What is counted over an interval stands at its middle; what was read at its end stands there. */
static double place_in_time(const struct logreader *log, const struct logreader_row *row,
                            int column)
{
    double begin = row->values[BEGIN_COLUMN], end = row->values[END_COLUMN];
    const struct column *known = column_find(log->columns[column], strlen(log->columns[column]));
    bool at_end = known && (known->form == COLUMN_VALUE || known->form == COLUMN_BITS);
    return at_end ? end : (begin + end) / 2;
}

/* A series as a block of data; gaps stay gaps. */
static void put_data(struct buffer *script, const struct logreader *log,
                     const struct series *series, int column, size_t name)
{
    buffer_printf(script, "$d%zu << END\n", name);
    for (size_t i = 0; i < log->row_count; i++) {
        const struct logreader_row *row = &log->rows[i];
        if (!is_of(row, series))
            continue;
        double time = place_in_time(log, row, column);
        if (isnan(row->values[column]))
            buffer_printf(script, "%.6f NaN\n", time);
        else
            buffer_printf(script, "%.6f %.9g\n", time, row->values[column]);
    }
    buffer_text(script, "END\n");
}

static void put_label(struct buffer *script, const char *text)
{
    buffer_text(script, "\"");
    for (; *text; text++)
        if ((unsigned char)*text >= ' ' && *text != '"' && *text != '\\' && *text != '`')
            buffer_add(script, text, 1);
    buffer_text(script, "\"");
}

/* The panel of one metric; gives whether it has any series. */
static bool put_panel(struct buffer *script, const struct logreader *log,
                      const struct series *series, size_t count, int column, size_t *names)
{
    struct buffer lines = {0};
    size_t drawn = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        total += is_drawn(log, &series[i], column);
    for (size_t i = 0; i < count; i++) {
        if (!is_drawn(log, &series[i], column))
            continue;
        put_data(script, log, &series[i], column, *names);
        buffer_printf(&lines, "%s $d%zu using 1:2 with lines lw 1.5 ", drawn++ ? "," : "plot",
                      (*names)++);
        if (total > KEYS_MAX)
            buffer_text(&lines, "notitle");
        else
            buffer_printf(&lines, "title \"flow %" PRId64 " %c\"", series[i].flow,
                          series[i].endpoint == SOURCE ? 'S' : 'D');
    }
    const char *unit = log->units ? log->units[column] : "";
    char *label = mem_printf("%s [%s]", log->columns[column], strcmp(unit, "1") ? unit : "#");
    buffer_text(script, "set ylabel ");
    put_label(script, label);
    buffer_text(script, " noenhanced\n");
    if (drawn)
        buffer_add(script, lines.data, lines.length);
    else
        buffer_text(script, "plot [0:1] [0:1] NaN title \"no values\"");
    buffer_text(script, "\n");
    buffer_free(&lines);
    free(label);
    return drawn > 0;
}

static bool build_script(struct buffer *script, const struct logreader *log,
                         const struct plot_request *request, struct fail *fail)
{
    size_t count, names = 0;
    bool any = false;
    struct series *series = list_series(log, request, &count);
    buffer_printf(script,
                  "set terminal svg size %d,%zu dynamic background rgb 'white' font 'sans,12'\n"
                  "set encoding utf8\nset grid\nset key outside right top\n"
                  "set yrange [0:*]\nset lmargin 11\nset rmargin 20\nset xlabel 'time [s]'\nset "
                  "multiplot layout %zu,1 title ",
                  PANEL_WIDTH, PANEL_HEIGHT * request->metric_count, request->metric_count);
    put_label(script, request->title);
    buffer_text(script, " noenhanced\n");
    for (size_t i = 0; i < request->metric_count; i++)
        any |= put_panel(script, log, series, count, request->metrics[i], &names);
    buffer_text(script, "unset multiplot\n");
    free(series);
    return any || fail_set(fail, 0,
                           "there is nothing to draw: the log has no values of these "
                           "metrics for these flows");
}

/* In the child: gnuplot reads the script and writes the picture. */
static void become_gnuplot(int script_fd, int picture_fd)
{
    dup2(script_fd, STDIN_FILENO);
    dup2(picture_fd, STDOUT_FILENO);
    execlp("gnuplot", "gnuplot", "-", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool feed(int fd, const struct buffer *script)
{
    const char *at = script->data;
    size_t left = script->length;
    while (left) {
        ssize_t written = write(fd, at, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        at += written;
        left -= (size_t)written;
    }
    return true;
}

static bool run_gnuplot(const struct buffer *script, int picture_fd, struct fail *fail)
{
    int pipe_fds[2], status = 0;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return fail_set(fail, 0, "gnuplot can't be started: %s", fail_errno(errno));
    signal(SIGPIPE, SIG_IGN);
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(pipe_fds[0], picture_fd);
    close(pipe_fds[0]);
    bool fed = child > 0 && feed(pipe_fds[1], script);
    close(pipe_fds[1]);
    if (child < 0)
        return fail_set(fail, 0, "gnuplot can't be started: %s", fail_errno(errno));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return fail_set(fail, 0, "gnuplot is not installed here (Debian: gnuplot-nox)");
    if (WIFSIGNALED(status))
        return fail_set(fail, 0, "gnuplot was ended by signal %d", WTERMSIG(status));
    return (fed && WIFEXITED(status) && !WEXITSTATUS(status)) ||
           fail_set(fail, 0, "gnuplot failed (status %d)", WEXITSTATUS(status));
}

/* What is no file of its own, like /dev/stdout, is written to directly. */
static bool is_special(const char *path)
{
    struct stat status;
    return !stat(path, &status) && !S_ISREG(status.st_mode);
}

static int open_picture(const char *path, char *temporary)
{
    if (is_special(path))
        return open(path, O_WRONLY | O_CLOEXEC);
    int fd = mkostemp(temporary, O_CLOEXEC);
    mode_t mask = umask(0);
    umask(mask);
    if (fd >= 0)
        fchmod(fd, 0666 & ~mask);
    return fd;
}

/* The picture takes the place of an earlier one only once it is whole. */
static bool write_picture(const struct buffer *script, const char *path, struct fail *fail)
{
    char *temporary = mem_printf("%s.XXXXXX", path);
    bool special = is_special(path), good = false;
    int fd = open_picture(path, temporary);
    if (fd < 0)
        fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    else
        good = run_gnuplot(script, fd, fail);
    if (good && !special && rename(temporary, path))
        good = fail_set(fail, 0, "%s can't be written: %s", path, fail_errno(errno));
    if (fd >= 0 && !special && !good)
        unlink(temporary);
    if (fd >= 0)
        close(fd);
    free(temporary);
    return good;
}

bool plot_draw(const struct logreader *log, const struct plot_request *request, const char *path,
               struct fail *fail)
{
    struct buffer script = {0};
    bool good = build_script(&script, log, request, fail) && write_picture(&script, path, fail);
    buffer_free(&script);
    return good;
}
