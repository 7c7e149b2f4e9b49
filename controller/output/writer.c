/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "file.h"

struct writer {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buffer waiting;
    bool closing, joined;
    int error;
    uint64_t put, written; /* bytes */
};

/* How much of what was written ends with a line. */
static size_t whole_lines(const struct buffer *taken, size_t done)
{
    while (done && taken->data[done - 1] != '\n')
        done--;
    return done;
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct buffer taken = {0};
    pthread_mutex_lock(&writer->lock);
    while (!writer->error && (writer->waiting.length || !writer->closing)) {
        if (!writer->waiting.length) {
            pthread_cond_wait(&writer->changed, &writer->lock);
            continue;
        }
        struct buffer empty = taken;
        empty.length = 0;
        taken = writer->waiting;
        writer->waiting = empty;
        pthread_mutex_unlock(&writer->lock);
        size_t done;
        int error = file_write(writer->fd, taken.data, taken.length, &done) ? 0 : errno;
        pthread_mutex_lock(&writer->lock);
        writer->error = error;
        writer->written += error ? whole_lines(&taken, done) : done;
    }
    pthread_mutex_unlock(&writer->lock);
    buffer_free(&taken);
    return NULL;
}

struct writer *writer_new(int fd)
{
    struct writer *writer = mem_new(1, sizeof *writer);
    writer->fd = fd;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->changed, NULL);
    if (pthread_create(&writer->thread, NULL, writer_main, writer))
        abort();
    return writer;
}

bool writer_put(struct writer *writer, struct buffer *buffer)
{
    pthread_mutex_lock(&writer->lock);
    bool good = !writer->error;
    if (good && buffer->length) {
        writer->put += buffer->length;
        if (writer->waiting.length) {
            buffer_add(&writer->waiting, buffer->data, buffer->length);
        } else { /* the caller goes on with the memory of what was written */
            struct buffer empty = writer->waiting;
            writer->waiting = *buffer;
            *buffer = empty;
        }
        pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    buffer->length = 0;
    return good;
}

void writer_progress(struct writer *writer, uint64_t *put, uint64_t *written)
{
    pthread_mutex_lock(&writer->lock);
    *put = writer->put;
    *written = writer->written;
    pthread_mutex_unlock(&writer->lock);
}

int writer_error(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    int error = writer->error;
    pthread_mutex_unlock(&writer->lock);
    return error;
}

int writer_finish(struct writer *writer)
{
    if (writer->joined)
        return writer->error;
    pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->joined = true;
    return writer->error;
}

int writer_close(struct writer *writer)
{
    if (!writer)
        return 0;
    int error = writer_finish(writer);
    buffer_free(&writer->waiting);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
    return error;
}
