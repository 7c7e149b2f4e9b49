/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests memory: allocations, budgets with parents and threads, growing buffers, bounded copies. */
#include "mem.c"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "unit.h"

enum { ROUNDS = 50000, THREADS = 4, CHARGES = 1000000 };

static void new_memory_is_zero(void **state)
{
    static const char zeros[4096];
    (void)state;
    for (size_t size = 1; size <= sizeof zeros; size *= 2) {
        char *memory = mem_new(sizeof zeros / size, size);
        assert_memory_equal(memory, zeros, sizeof zeros);
        /* So that the next one may come dirty; volatile, or it would be optimized away. */
        for (volatile char *at = memory; at < memory + sizeof zeros; at++)
            *at = 'x';
        free(memory);
    }
}

static void nothing_is_a_pointer_too(void **state)
{
    static const size_t cases[][2] = {{0, 0}, {0, 8}, {8, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        void *memory = mem_new(cases[i][0], cases[i][1]);
        assert_non_null(memory);
        free(memory);
    }
}

static void grown_memory_keeps_its_content(void **state)
{
    int *numbers = NULL;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        numbers = mem_grow(numbers, (size_t)i + 1, sizeof *numbers);
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    free(numbers);
}

/* Sizes that the compiler does not know, and that no machine has. */
static volatile size_t too_many = SIZE_MAX / 4;

static void take_too_much(void)
{
    free(mem_new(too_many, 16));
}

static void grow_too_much(void)
{
    free(mem_grow(NULL, too_many, 16));
}

/* Runs it in a child and returns how that ended, with what it wrote to standard error. */
static int run_apart(void (*function)(void), char *said, size_t size)
{
    int ends[2], status = 0;
    size_t length = 0;
    ssize_t got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        function();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + length, size - 1 - length)) > 0)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void too_much_aborts_with_a_message(void **state)
{
    static void (*const cases[])(void) = {take_too_much, grow_too_much};
    char said[1024], expected[128];
    (void)state;
    snprintf(expected, sizeof expected, "out of memory: %zu times 16 bytes\n", too_many);
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_apart(cases[i], said, sizeof said);
        assert_int_not_equal(status, 0);
        if (strstr(said, "Sanitizer: ")) /* it ends the program before we can */
            continue;
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        assert_string_equal(said, expected);
    }
}

static void texts_in_new_memory(void **state)
{
    char *copy = mem_strdup("flow"), *empty = mem_strdup("");
    char *made = mem_printf("%s %d%c", copy, -3, '!'), *none = mem_printf("%s", "");
    (void)state;
    assert_string_equal(copy, "flow");
    assert_string_equal(empty, "");
    assert_string_equal(made, "flow -3!");
    assert_string_equal(none, "");
    free(copy);
    free(empty);
    free(made);
    free(none);
}

static void a_long_text_is_printed_whole(void **state)
{
    char *text = mem_printf("%5000d", 7);
    (void)state;
    assert_int_equal(strlen(text), 5000);
    assert_int_equal(text[4999], '7');
    free(text);
}

static void a_copy_fits_with_its_nul_or_is_not_made(void **state)
{
    char to[8] = "before";
    (void)state;
    assert_true(mem_copy_text(to, sizeof to, "1234567"));
    assert_string_equal(to, "1234567");
    assert_false(mem_copy_text(to, sizeof to, "12345678"));
    assert_string_equal(to, "1234567");
    assert_false(mem_copy_text(to, 0, ""));
    assert_false(mem_copy_text(to, 1, "x"));
    assert_string_equal(to, "1234567");
    assert_true(mem_copy_text(to, 1, ""));
    assert_string_equal(to, "");
    assert_int_equal(to[1], '2'); /* nothing behind the NUL is touched */
}

static void a_budget_has_its_limit(void **state)
{
    struct budget budget = {.limit = 100};
    (void)state;
    assert_true(budget_take(&budget, 60));
    assert_false(budget_take(&budget, 41));
    assert_int_equal(budget.used, 60);
    assert_true(budget_take(&budget, 40));
    assert_int_equal(budget.used, 100);
    assert_false(budget_take(&budget, 1));
    assert_true(budget_take(&budget, 0));
    budget_give(&budget, 100);
    assert_int_equal(budget.used, 0);
    assert_false(budget_take(&budget, 101));
    assert_false(budget_take(&budget, INT64_MAX));
    assert_int_equal(budget.used, 0);
}

static void a_huge_budget_does_not_wrap(void **state)
{
    struct budget budget = {.limit = INT64_MAX};
    (void)state;
    assert_true(budget_take(&budget, INT64_MAX - 1));
    assert_false(budget_take(&budget, 2));
    assert_false(budget_take(&budget, INT64_MAX));
    assert_true(budget_take(&budget, 1));
    assert_int_equal(budget.used, INT64_MAX);
}

static void without_a_budget_all_is_allowed(void **state)
{
    (void)state;
    assert_true(budget_take(NULL, INT64_MAX));
    budget_give(NULL, INT64_MAX);
}

static void a_parent_is_charged_as_well(void **state)
{
    struct budget daemon = {.limit = 100}, session = {.limit = 80, .parent = &daemon};
    struct budget other = {.limit = 80, .parent = &daemon};
    (void)state;
    assert_true(budget_take(&session, 70));
    assert_int_equal(daemon.used, 70);
    assert_false(budget_take(&other, 31)); /* within its own limit, but not the daemon's */
    assert_int_equal(other.used, 0);
    assert_int_equal(daemon.used, 70);
    assert_false(budget_take(&session, 11)); /* within the daemon's limit, but not its own */
    assert_int_equal(daemon.used, 70);
    assert_true(budget_take(&other, 30));
    budget_give(&session, 70);
    assert_int_equal(session.used, 0);
    assert_int_equal(other.used, 30);
    assert_int_equal(daemon.used, 30);
}

static void a_refusal_of_a_grandparent_undoes_all(void **state)
{
    struct budget top = {.limit = 10}, middle = {.limit = 100, .parent = &top};
    struct budget bottom = {.limit = 100, .parent = &middle};
    (void)state;
    assert_false(budget_take(&bottom, 11));
    assert_int_equal(bottom.used, 0);
    assert_int_equal(middle.used, 0);
    assert_int_equal(top.used, 0);
    assert_true(budget_take(&bottom, 10));
    assert_int_equal(top.used, 10);
}

/* What one thread does to a budget that others use too. */
struct spender {
    struct budget own;
    uint64_t random;
    bool exceeded;
    pthread_barrier_t *start;
};

static void *spend(void *context)
{
    struct spender *spender = context;
    struct budget *shared = spender->own.parent;
    pthread_barrier_wait(spender->start);
    for (int i = 0; i < CHARGES; i++) {
        spender->random = spender->random * UINT64_C(6364136223846793005) + 1;
        int64_t bytes = 33 + (int64_t)(spender->random >> 59); /* two of them are too much */
        if (!budget_take(&spender->own, bytes))
            continue;
        if (shared->used > shared->limit || shared->used < bytes)
            spender->exceeded = true;
        budget_give(&spender->own, bytes);
    }
    return NULL;
}

static void threads_share_a_budget(void **state)
{
    struct budget shared = {.limit = 64};
    struct spender spenders[THREADS] = {0};
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    (void)state;
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        spenders[i] = (struct spender){
            .own = {.limit = 64, .parent = &shared}, .random = random_bits(), .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &spenders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_false(spenders[i].exceeded);
        assert_int_equal(spenders[i].own.used, 0);
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(shared.used, 0);
}

static void a_buffer_grows(void **state)
{
    struct buffer buffer = {0};
    (void)state;
    buffer_text(&buffer, "one ");
    buffer_add(&buffer, "two\0three", 9);
    buffer_printf(&buffer, " %d%s", 4, "!");
    assert_int_equal(buffer.length, 16);
    assert_memory_equal(buffer.data, "one two\0three 4!", 16);
    buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, 0);
    buffer_free(&buffer);
}

static void nothing_added_changes_nothing(void **state)
{
    struct buffer buffer = {0};
    (void)state;
    buffer_text(&buffer, "");
    buffer_add(&buffer, NULL, 0);
    buffer_printf(&buffer, "%s", "");
    assert_int_equal(buffer.length, 0);
    buffer_text(&buffer, "x");
    buffer_text(&buffer, "");
    buffer_add(&buffer, NULL, 0);
    assert_int_equal(buffer.length, 1);
    assert_int_equal(buffer.data[0], 'x');
    buffer_free(&buffer);
}

static void reserved_room_is_not_content(void **state)
{
    struct buffer buffer = {0};
    (void)state;
    buffer_text(&buffer, "ab");
    char *room = buffer_reserve(&buffer, 100000);
    assert_ptr_equal(room, buffer.data + 2);
    assert_int_equal(buffer.length, 2);
    assert_true(buffer.capacity >= 100002);
    memset(room, 'c', 100000);
    char *data = buffer.data;
    buffer.length += 100000;
    buffer_reserve(&buffer, buffer.capacity - buffer.length); /* exactly what is left */
    assert_ptr_equal(buffer.data, data);
    assert_memory_equal(buffer.data, "abcc", 4);
    buffer_free(&buffer);
}

/* Adds `length` bytes in one of the three ways, and to the plain copy. */
static void add_at_random(struct buffer *buffer, char *model, size_t *used)
{
    char piece[600];
    size_t length = random_below(random_below(8) ? 20 : sizeof piece);
    memset(piece, 'a' + (int)random_below(26), sizeof piece);
    piece[length] = '\0';
    memcpy(model + *used, piece, length);
    *used += length;
    switch (random_below(4)) {
    case 0:
        buffer_printf(buffer, "%s", piece);
        break;
    case 1:
        if (length)
            buffer_text(buffer, piece);
        break;
    case 2:
        memcpy(buffer_reserve(buffer, length + 1), piece, length + 1);
        buffer->length += length;
        break;
    default:
        if (length)
            buffer_add(buffer, piece, length);
    }
}

static void random_pieces_make_the_whole(void **state)
{
    enum { PIECES = 50 };
    static char model[PIECES * 600];
    (void)state;
    for (int i = 0; i < ROUNDS; i += PIECES) {
        struct buffer buffer = {0};
        size_t used = 0;
        for (int j = 0; j < PIECES; j++) {
            add_at_random(&buffer, model, &used);
            assert_int_equal(buffer.length, used);
            assert_true(buffer.capacity >= buffer.length);
        }
        assert_memory_equal(buffer.data, model, used);
        buffer_free(&buffer);
    }
}

/* As much as is left: half for one alone, a third each for two. */
static void who_shares_leaves_room_for_one_more(void **state)
{
    struct budget all = {.limit = 1200}, one = {.limit = INT64_MAX, .parent = &all, .shares = true},
                  two = one, three = one;
    (void)state;
    assert_true(budget_take(&one, 600));
    assert_false(budget_take(&one, 1));
    assert_ptr_equal(budget_short(&one, 1), &one);
    assert_true(budget_take(&two, 300));
    assert_false(budget_take(&two, 1));
    assert_true(budget_take(&three, 150));
    budget_give(&one, 600);
    assert_true(budget_take(&two, 200));
    assert_false(budget_take(&one, 300));
    assert_true(budget_take(&one, 275));
    assert_int_equal(all.used, 500 + 150 + 275);
}

static void an_account_knows_what_it_took(void **state)
{
    struct budget budget = {.limit = 100};
    struct account account = {.budget = &budget}, free_one = {0};
    (void)state;
    assert_true(account_take(NULL, INT64_MAX));
    assert_true(account_take(&free_one, INT64_MAX));
    assert_true(account_take(&account, 60));
    assert_true(account_take(&account, 0));
    assert_false(account.refused);
    assert_false(account_take(&account, 41));
    assert_true(account.refused);
    assert_true(account_take(&account, 40));
    assert_int_equal(budget.used, 100);
    account_close(&account);
    assert_int_equal(budget.used, 0);
    account_close(&account);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(nothing_is_a_pointer_too),
        cmocka_unit_test(grown_memory_keeps_its_content),
        cmocka_unit_test(too_much_aborts_with_a_message),
        cmocka_unit_test(texts_in_new_memory),
        cmocka_unit_test(a_long_text_is_printed_whole),
        cmocka_unit_test(a_copy_fits_with_its_nul_or_is_not_made),
        cmocka_unit_test(a_budget_has_its_limit),
        cmocka_unit_test(a_huge_budget_does_not_wrap),
        cmocka_unit_test(without_a_budget_all_is_allowed),
        cmocka_unit_test(a_parent_is_charged_as_well),
        cmocka_unit_test(a_refusal_of_a_grandparent_undoes_all),
        cmocka_unit_test(threads_share_a_budget),
        cmocka_unit_test(who_shares_leaves_room_for_one_more),
        cmocka_unit_test(an_account_knows_what_it_took),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(nothing_added_changes_nothing),
        cmocka_unit_test(reserved_room_is_not_content),
        cmocka_unit_test(random_pieces_make_the_whole),
    };
    seed_random();
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
