/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests daemon/capture/dump_file.c and dump_dir.c: what is written can be read back, limits end a
 * dump with whole packets, and nothing outside the directory is touched. */
#include "daemon/capture/dump_file.c"

#include <sys/stat.h>

#include "unit.h"

static char directory[] = "/tmp/flowrig-dump-XXXXXX";

static struct dump_dir open_dir(int64_t total, int64_t one)
{
    struct dump_dir dir;
    assert_true(dump_dir_open(&dir, directory, &(struct dump_limits){total, one, 100}, NULL));
    return dir;
}

static int64_t size_of(const char *name)
{
    struct stat status;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &status) ? -1 : (int64_t)status.st_size;
}

static void add(struct dump_file *file, int64_t time, uint32_t stored, uint8_t byte)
{
    uint8_t data[2000];
    memset(data, byte, sizeof data);
    struct captured captured = {time, 5000, stored, data};
    dump_file_add(file, &captured);
}

static void discard(struct dump_dir *dir, struct dump_file *file)
{
    dump_file_discard(file);
    assert_int_equal(dir->space.used, 0);
    dump_dir_close(dir);
}

static void check_format(bool microseconds)
{
    struct dump_dir dir = open_dir(1 << 20, 1 << 20);
    struct dump_file file;
    struct file_header header;
    struct record_header record;
    uint8_t bytes[200];
    assert_true(dump_file_create(&file, &dir, "a.pcap",
                                 &(struct dump_format){PACKET_LINK_RAW, 96, microseconds}, NULL));
    add(&file, INT64_C(1700000000123456789), 60, 0xab);
    dump_file_close(&file);
    assert_int_equal(file.packets, 1);
    assert_int_equal(size_of("a.pcap"), 24 + 16 + 60);
    assert_int_equal(dir.space.used, 24 + 16 + 60);
    int fd = openat(dir.fd, "a.pcap", O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof bytes), 100);
    close(fd);
    memcpy(&header, bytes, sizeof header);
    memcpy(&record, bytes + 24, sizeof record);
    assert_int_equal(header.magic, microseconds ? 0xa1b2c3d4 : 0xa1b23c4d);
    assert_int_equal(header.major, 2);
    assert_int_equal(header.minor, 4);
    assert_int_equal(header.snaplen, 96);
    assert_int_equal(header.link, 101);
    assert_int_equal(record.seconds, 1700000000);
    assert_int_equal(record.fraction, microseconds ? 123456 : 123456789);
    assert_int_equal(record.stored, 60);
    assert_int_equal(record.length, 5000);
    assert_int_equal(bytes[40], 0xab);
    assert_int_equal(bytes[99], 0xab);
    discard(&dir, &file);
    assert_int_equal(size_of("a.pcap"), -1);
}

static void as_pcap_wants_it(void **state)
{
    (void)state;
    check_format(false);
    check_format(true);
}

/* Whichever limit is reached, the file holds whole packets and says how many it lacks. */
static void limits(void **state)
{
    (void)state;
    for (int total = 0; total < 2; total++) {
        struct dump_dir dir = open_dir(total ? 100000 : 1 << 20, total ? 1 << 20 : 100000);
        struct dump_file file;
        assert_true(
            dump_file_create(&file, &dir, "l.pcap", &(struct dump_format){1, 2000, false}, NULL));
        for (int i = 0; i < 200; i++)
            add(&file, i, 984, 1);
        assert_int_equal(file.packets, (100000 - 24) / 1000);
        assert_int_equal(file.missed, 200 - file.packets);
        assert_int_equal(size_of("l.pcap"), 24 + 1000 * file.packets);
        assert_non_null(strstr(file.note, total ? "--dump-space" : "--dump-file-size"));
        discard(&dir, &file);
    }
}

/* /dev/full stands for a full disk: the packets that were counted are given back. */
static void full_disk(void **state)
{
    struct dump_dir dir = open_dir(1 << 20, 1 << 20);
    struct dump_file file;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)state;
    assert_true(
        dump_file_create(&file, &dir, "f.pcap", &(struct dump_format){1, 2000, false}, NULL));
    assert_int_equal(dup2(full, file.fd), file.fd);
    for (int i = 0; i < 100; i++)
        add(&file, i, 984, 1);
    dump_file_close(&file);
    assert_int_equal(file.packets, 0);
    assert_int_equal(file.missed, 100);
    assert_non_null(strstr(file.note, "No space left"));
    assert_int_equal(file.size, 24);
    close(full);
    discard(&dir, &file);
}

static void never_elsewhere(void **state)
{
    static const char *const bad[] = {"../x.pcap", "/tmp/x.pcap", ".x.pcap", "x", "a/b.pcap", ""};
    struct dump_dir dir = open_dir(1 << 20, 1 << 20);
    struct dump_file file;
    struct fail fail;
    char victim[256];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dumps_read_call call = {.max_bytes = 1};
        struct dumps_read_reply reply = {0};
        snprintf(call.name, sizeof call.name, "%s", bad[i]);
        assert_false(
            dump_file_create(&file, &dir, bad[i], &(struct dump_format){1, 96, false}, &fail));
        assert_false(dump_dir_read(&dir, &call, "", &reply, &fail));
        assert_int_equal(fail.code, FAULT_BAD_CALL);
    }
    snprintf(victim, sizeof victim, "%s/victim", directory);
    assert_int_equal(symlinkat(victim, dir.fd, "link.pcap"), 0);
    assert_false(
        dump_file_create(&file, &dir, "link.pcap", &(struct dump_format){1, 96, false}, &fail));
    assert_int_equal(size_of("victim"), -1);
    /* Reading does not follow it either. */
    close(open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    struct dumps_read_call call = {.name = "link.pcap", .max_bytes = 1};
    struct dumps_read_reply reply = {0};
    assert_false(dump_dir_read(&dir, &call, "", &reply, &fail));
    struct dumps_list_call all = {0};
    struct dumps_list_reply found = {0};
    assert_true(dump_dir_list(&dir, &all, "", &found, &fail));
    assert_int_equal(found.dumps.count, 0);
    free(found.dumps.items);
    unlinkat(dir.fd, "link.pcap", 0);
    unlink(victim);
    assert_true(
        dump_file_create(&file, &dir, "there.pcap", &(struct dump_format){1, 96, false}, NULL));
    struct dump_file second;
    assert_false(
        dump_file_create(&second, &dir, "there.pcap", &(struct dump_format){1, 96, false}, &fail));
    assert_non_null(strstr(fail.text, "already exists"));
    discard(&dir, &file);
}

/* The names of the user's dumps after one, each with a comma. */
static void check_list(struct dump_dir *dir, const char *user, const char *after,
                       const char *expected)
{
    struct dumps_list_call call = {0};
    struct dumps_list_reply reply = {0};
    struct buffer names = {0};
    snprintf(call.after, sizeof call.after, "%s", after);
    assert_true(dump_dir_list(dir, &call, user, &reply, NULL));
    const struct dump_entry *list = reply.dumps.items;
    for (size_t i = 0; i < reply.dumps.count; i++)
        buffer_printf(&names, "%s,", list[i].name);
    buffer_add(&names, "", 1);
    assert_string_equal(names.data, expected);
    buffer_free(&names);
    free(reply.dumps.items);
}

static bool may_read(struct dump_dir *dir, const char *user, const char *name)
{
    struct dumps_read_call call = {.max_bytes = 100};
    struct dumps_read_reply reply = {0};
    struct fail fail = {0};
    snprintf(call.name, sizeof call.name, "%s", name);
    bool good = dump_dir_read(dir, &call, user, &reply, &fail);
    assert_true(good || fail.code == FAULT_GONE);
    free(reply.data.data);
    return good;
}

static void put(const struct dump_dir *dir, const char *name)
{
    close(openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

/* Nobody knows whose a file is that was there before. */
static void users_find_their_own_dumps(void **state)
{
    struct dump_dir dir = open_dir(1 << 20, 1 << 20);
    static const char *const made[] = {"c.pcap", "a.pcap", "d.pcap", "b.pcap"};
    (void)state;
    put(&dir, "earlier.pcap");
    for (size_t i = 0; i < 4; i++) {
        struct dump_file file;
        const char *user = i < 2 ? "alice" : "bob";
        assert_true(
            dump_file_create(&file, &dir, made[i], &(struct dump_format){1, 96, false}, NULL));
        assert_false(may_read(&dir, user, made[i]));
        dump_dir_add(&dir, made[i], user);
        dump_file_close(&file);
    }
    check_list(&dir, "alice", "", "a.pcap,c.pcap,");
    check_list(&dir, "bob", "", "b.pcap,d.pcap,");
    check_list(&dir, "bob", "b.pcap", "d.pcap,");
    check_list(&dir, "bob", "c", "d.pcap,");
    check_list(&dir, "", "", "");
    assert_true(may_read(&dir, "alice", "a.pcap"));
    assert_false(may_read(&dir, "bob", "a.pcap"));
    assert_false(may_read(&dir, "", "a.pcap"));
    assert_false(may_read(&dir, "alice", "earlier.pcap"));
    assert_false(may_read(&dir, "", "earlier.pcap"));
    assert_false(may_read(&dir, "alice", "never.pcap"));
    /* A name that came free belongs to who has it now. */
    struct dump_file file;
    unlinkat(dir.fd, "a.pcap", 0);
    check_list(&dir, "alice", "", "c.pcap,");
    assert_true(dump_file_create(&file, &dir, "a.pcap", &(struct dump_format){1, 96, false}, NULL));
    assert_false(may_read(&dir, "alice", "a.pcap"));
    dump_dir_add(&dir, "a.pcap", "bob");
    check_list(&dir, "bob", "", "a.pcap,b.pcap,d.pcap,");
    assert_false(may_read(&dir, "alice", "a.pcap"));
    dump_file_discard(&file);
    check_list(&dir, "bob", "", "b.pcap,d.pcap,");
    put(&dir, "a.pcap");
    assert_false(may_read(&dir, "bob", "a.pcap"));
    /* Nor does anybody own what an earlier process made. */
    dump_dir_close(&dir);
    dir = open_dir(1 << 20, 1 << 20);
    check_list(&dir, "alice", "", "");
    assert_false(may_read(&dir, "alice", "c.pcap"));
    for (size_t i = 0; i < 4; i++)
        unlinkat(dir.fd, made[i], 0);
    unlinkat(dir.fd, "earlier.pcap", 0);
    dump_dir_close(&dir);
}

static void files_are_counted(void **state)
{
    enum { FILES = 5 };
    struct dump_dir dir;
    struct dump_file files[FILES];
    struct fail fail = {0};
    char name[32];
    (void)state;
    struct dump_limits limits = {1 << 20, 1 << 20, FILES};
    assert_true(dump_dir_open(&dir, directory, &limits, NULL));
    put(&dir, "x0.pcap");
    dump_dir_close(&dir);
    assert_true(dump_dir_open(&dir, directory, &limits, NULL));
    for (int i = 1; i <= FILES; i++) {
        snprintf(name, sizeof name, "x%d.pcap", i);
        bool good =
            dump_file_create(&files[i - 1], &dir, name, &(struct dump_format){1, 96, false}, &fail);
        assert_int_equal(good, i < FILES); /* with the one that was there */
    }
    assert_int_equal(fail.code, FAULT_TOO_MANY);
    assert_non_null(strstr(fail.text, "there are 5 packet dumps"));
    assert_int_equal(size_of("x5.pcap"), -1);
    /* One that is discarded makes room at once, one that was removed after a second. */
    dump_file_discard(&files[0]);
    assert_true(
        dump_file_create(&files[0], &dir, "x1.pcap", &(struct dump_format){1, 96, false}, &fail));
    unlinkat(dir.fd, "x0.pcap", 0);
    dir.counted_at = clock_now() - NS_PER_SEC;
    assert_true(dump_file_create(&files[FILES - 1], &dir, "x5.pcap",
                                 &(struct dump_format){1, 96, false}, &fail));
    for (int i = 0; i < FILES; i++)
        dump_file_discard(&files[i]);
    assert_int_equal(dir.files.used, 0);
    dump_dir_close(&dir);
}

static void directories_without_files(void **state)
{
    struct dump_dir dir;
    struct fail fail = {0};
    (void)state;
    /* access(2) says yes to root. */
    assert_false(dump_dir_open(&dir, "/proc", &(struct dump_limits){1, 1, 1}, &fail));
    assert_non_null(strstr(fail.text, "option -w: can't create a file in /proc: "));
    dump_dir_close(&dir);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
}

static int make_dir(void **state)
{
    (void)state;
    return !mkdtemp(directory);
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pcap_wants_it),
        cmocka_unit_test(limits),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(never_elsewhere),
        cmocka_unit_test(users_find_their_own_dumps),
        cmocka_unit_test(files_are_counted),
        cmocka_unit_test(directories_without_files),
    };
    return cmocka_run_group_tests_name("dump_file", tests, make_dir, remove_dir);
}
