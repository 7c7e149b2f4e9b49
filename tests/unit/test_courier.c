/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests controller/output/courier.c: order, retries, room, what is counted as lost, and an end in
 * time. */
#include "controller/output/courier.c"

#include <string.h>

#include "unit.h"

/* A server that answers by a script. */
struct played {
    const enum delivery *script; /* the last one for ever */
    size_t length;
    size_t calls;
    int64_t left; /* of the last call */
    int64_t refuses;
    struct buffer taken;
    bool finished;
};

static enum delivery play(void *context, struct courier *courier, struct parcel *parcel,
                          struct fail *why)
{
    struct played *played = context;
    size_t at = played->calls < played->length ? played->calls : played->length - 1;
    played->calls++;
    played->left = courier_time_left(courier, NS_PER_SEC);
    if (played->script[at] == DELIVERY_DONE)
        buffer_add(&played->taken, parcel->bytes.data, parcel->bytes.length);
    else
        fail_set(why, 0, "attempt %zu", played->calls);
    parcel->lost = played->refuses;
    return played->script[at];
}

static void finish(void *context)
{
    ((struct played *)context)->finished = true;
}

static struct courier *start(struct played *played, size_t room, int64_t patience)
{
    return courier_new(&(struct courier_config){"it", room, patience, played, play, finish});
}

static void send_text(struct courier *courier, const char *text)
{
    struct buffer bytes = {0};
    buffer_text(&bytes, text);
    courier_send(courier, 0, &bytes, (int64_t)strlen(text));
    assert_null(bytes.data);
}

static void expect_taken(struct played *played, const char *text)
{
    assert_int_equal(played->taken.length, strlen(text));
    if (*text)
        assert_memory_equal(played->taken.data, text, strlen(text));
    assert_true(played->finished);
    buffer_free(&played->taken);
}

static void delivers_in_order(void **state)
{
    static const enum delivery script[] = {DELIVERY_DONE};
    struct played played = {.script = script, .length = COUNT(script)};
    struct courier *courier = start(&played, 100, NS_PER_SEC * 60);
    (void)state;
    send_text(courier, "ab");
    send_text(courier, "c");
    assert_true(courier_close(courier));
    expect_taken(&played, "abc");
    assert_int_equal(played.calls, 2);
}

static void tries_again(void **state)
{
    static const enum delivery script[] = {DELIVERY_RETRY, DELIVERY_RETRY, DELIVERY_DONE};
    struct played played = {.script = script, .length = COUNT(script)};
    struct courier *courier = start(&played, 100, NS_PER_SEC * 60);
    (void)state;
    send_text(courier, "ab");
    send_text(courier, "c");
    assert_true(courier_close(courier));
    expect_taken(&played, "abc");
    assert_int_equal(played.calls, 4);
}

static void counts_what_is_refused(void **state)
{
    static const enum delivery script[] = {DELIVERY_REFUSED, DELIVERY_DONE};
    struct played played = {.script = script, .length = COUNT(script), .refuses = 1};
    struct courier *courier = start(&played, 100, NS_PER_SEC * 60);
    (void)state;
    send_text(courier, "ab");
    send_text(courier, "c");
    assert_false(courier_close(courier));
    expect_taken(&played, "c");
    assert_int_equal(played.calls, 2);
}

/* What does not fit while the server is away is lost; so is the rest when time is up. */
static void is_bounded(void **state)
{
    static const enum delivery script[] = {DELIVERY_RETRY};
    struct played played = {.script = script, .length = COUNT(script)};
    struct courier *courier = start(&played, 3, NS_PER_MS);
    (void)state;
    send_text(courier, "ab");
    send_text(courier, "cd");
    pthread_mutex_lock(&courier->lock);
    assert_int_equal(courier->lost, 2);
    pthread_mutex_unlock(&courier->lock);
    send_text(courier, "e");
    int64_t before = clock_now();
    assert_false(courier_close(courier));
    assert_true(clock_now() - before < 60 * NS_PER_SEC);
    expect_taken(&played, "");
    assert_true(played.left <= NS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_order),
        cmocka_unit_test(tries_again),
        cmocka_unit_test(counts_what_is_refused),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
