/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target without libFuzzer: first the seeds as they are, then what comes of them by
 * random changes. Speaks TAP.
 *
 *   FLOWRIG_FUZZ_SECONDS  how long (default: 3)
 *   FLOWRIG_FUZZ_RUNS     or: how many executions
 *   FLOWRIG_SEED          of the random numbers
 * Words on the command line are files to run as they are, instead. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef FLOWRIG_LIBFUZZER

enum { INPUT_MAX = 65536, SEEDS_MAX = 4096 };

struct input {
    size_t length;
    uint8_t *bytes;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;
static uint8_t current[INPUT_MAX];
static size_t current_length;
static uint64_t random_state;
static char name[64];

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(uint64_t limit)
{
    uint64_t bits = random_state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return (bits ^ bits >> 31) % limit;
}

/* ---- what is left of an execution that ended the process ---- */

static void save_input(void)
{
    char path[128];
    snprintf(path, sizeof path, "crash-%s", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0 && write(fd, current, current_length) >= 0)
        dprintf(STDOUT_FILENO, "not ok 1 - %s: its input is in %s\n", name, path);
    if (fd >= 0)
        close(fd);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void on_signal(int number)
{
    save_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_ends(void)
{
    static const int ends[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGPROF};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        signal(ends[i], on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_input);
}

/* ---- seeds ---- */

static void add_seed(const uint8_t *bytes, size_t length)
{
    if (seed_count == SEEDS_MAX)
        return;
    seeds[seed_count].bytes = malloc(length ? length : 1);
    memcpy(seeds[seed_count].bytes, bytes, length);
    seeds[seed_count++].length = length;
}

static int read_seed(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    add_seed(bytes, length);
    return 1;
}

static void read_seeds(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort); /* the same order each time */
    for (int i = 0; i < count; i++) {
        char *path;
        if (entries[i]->d_name[0] != '.' &&
            asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0) {
            read_seed(path);
            free(path);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* ---- changes ---- */

static void insert(size_t at, const uint8_t *bytes, size_t length)
{
    if (current_length + length > INPUT_MAX)
        return;
    memmove(current + at + length, current + at, current_length - at);
    memcpy(current + at, bytes, length);
    current_length += length;
}

static void cut(size_t at, size_t length)
{
    memmove(current + at, current + at + length, current_length - at - length);
    current_length -= length;
}

/* A part of another seed, or of this input. */
static void splice_seed(size_t at)
{
    const struct input *other = &seeds[draw(seed_count)];
    uint8_t part[256];
    if (!other->length)
        return;
    size_t from = draw(other->length), length = 1 + draw(sizeof part);
    length = length < other->length - from ? length : other->length - from;
    memcpy(part, other->bytes + from, length);
    insert(at, part, length);
}

static void repeat(size_t at)
{
    uint8_t part[64];
    size_t from = at / 2, length = (current_length - from) % sizeof part;
    memcpy(part, current + from, length);
    insert(at, part, length);
}

static void write_number(size_t at)
{
    static const int64_t numbers[] = {0,         1,         -1,        7,         8,
                                      39,        40,        127,       255,       4096,
                                      INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 30};
    int64_t number = numbers[draw(sizeof numbers / sizeof numbers[0])];
    size_t size = (size_t)1 << draw(4);
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[draw(2) ? i : size - 1 - i] = (uint8_t)((uint64_t)number >> 8 * i);
    if (at + size <= current_length)
        memcpy(current + at, bytes, size);
}

static void write_digits(size_t at)
{
    static const char *const texts[] = {"0",
                                        "-1",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "1e308",
                                        "nan",
                                        "18446744073709551616",
                                        "0.000000001",
                                        "\n",
                                        " ",
                                        "=",
                                        "%",
                                        "&amp;",
                                        "<",
                                        "]]>",
                                        "\xe2\x82\xac"};
    const char *text = texts[draw(sizeof texts / sizeof texts[0])];
    insert(at, (const uint8_t *)text, strlen(text));
}

static void change(void)
{
    size_t at = current_length ? draw(current_length) : 0;
    switch (draw(8)) {
    case 0:
        if (current_length)
            current[at] ^= (uint8_t)(1 << draw(8));
        break;
    case 1:
        if (current_length)
            current[at] = (uint8_t)draw(256);
        break;
    case 2:
        insert(at, (const uint8_t[]){(uint8_t)draw(256)}, 1);
        break;
    case 3:
        if (current_length)
            cut(at, 1 + draw(draw(2) ? 4 : current_length - at) % (current_length - at));
        break;
    case 4:
        splice_seed(at);
        break;
    case 5:
        write_number(at);
        break;
    case 6:
        write_digits(at);
        break;
    case 7: /* what is there once more */
        repeat(at);
        break;
    }
}

static void make_input(void)
{
    const struct input *seed = &seeds[draw(seed_count)];
    current_length = seed->length;
    memcpy(current, seed->bytes, seed->length);
    for (uint64_t left = 1 + draw(draw(4) ? 4 : 24); left; left--)
        change();
}

/* ---- the run ---- */

enum { LONGEST_S = 20 }; /* an input that takes so long is a finding */

/* By the time that the process runs: the machine may be busy, or the process be stopped. */
static void limit_time(int seconds)
{
    struct itimerval limit = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* In memory of just this size, so that a sanitizer sees what is read behind it. */
static void execute(void)
{
    uint8_t *exact = malloc(current_length ? current_length : 1);
    memcpy(exact, current, current_length);
    limit_time(LONGEST_S);
    LLVMFuzzerTestOneInput(exact, current_length);
    free(exact);
}

static void run_seed(const struct input *seed)
{
    current_length = seed->length;
    memcpy(current, seed->bytes, seed->length);
    execute();
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t number_of(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 0) : fallback;
}

int main(int argc, char **argv)
{
    char folder[4096];
    const char *slash = strrchr(argv[0], '/'), *source = getenv("FLOWRIG_SOURCE");
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : argv[0]);
    snprintf(folder, sizeof folder, "%s/tests/fuzz/seeds/%s", source ? source : "..", name);
    setvbuf(stdout, NULL, _IOLBF, 0);
    random_state = number_of("FLOWRIG_SEED", (uint64_t)time(NULL));
    uint64_t runs = number_of("FLOWRIG_FUZZ_RUNS", UINT64_MAX), count = 0;
    double end =
        now() + (double)number_of("FLOWRIG_FUZZ_SECONDS", runs == UINT64_MAX ? 3 : 1 << 30);
    printf("1..1\n# seed %" PRIu64 "\n", random_state);
    catch_ends();
    for (int i = 1; i < argc; i++)
        if (!read_seed(argv[i]))
            printf("# %s can't be read\n", argv[i]);
    if (argc == 1)
        read_seeds(folder);
    if (!seed_count) {
        printf("not ok 1 - there are no seeds in %s\n", folder);
        return 1;
    }
    for (size_t i = 0; i < seed_count; i++)
        run_seed(&seeds[i]);
    for (; argc == 1 && count < runs && (count % 64 || now() < end); count++) {
        make_input();
        execute();
    }
    limit_time(0);
    printf("ok 1 - %s: %zu seeds, %" PRIu64 " changed inputs\n", name, seed_count, count);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    return 0;
}

#endif
