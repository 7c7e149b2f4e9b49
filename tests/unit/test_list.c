/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests lists whose links lie inside the items. */
#include "list.h"

#include <stdint.h>
#include <string.h>

#include "unit.h"

enum { ROUNDS = 50000, ITEMS = 12, HEADS = 3 };

struct item {
    int before;
    struct list link;
    int number;
};

/* Compares a list, forwards and backwards, with numbers that end with a 0. */
static void assert_list(const struct list *head, const int *numbers)
{
    const struct list *link = head->next;
    for (; *numbers; numbers++, link = link->next) {
        assert_ptr_not_equal(link, head);
        assert_int_equal(list_item(link, struct item, link)->number, *numbers);
        assert_ptr_equal(link->prev->next, link);
        assert_ptr_equal(link->next->prev, link);
    }
    assert_ptr_equal(link, head);
    assert_ptr_equal(head->prev->next, head);
}

static void fill(struct list *head, struct item *items, int first, int count)
{
    list_init(head);
    for (int i = 0; i < count; i++) {
        items[i] = (struct item){.number = first + i};
        list_append(head, &items[i].link);
    }
}

static void a_new_list_is_empty(void **state)
{
    struct list head;
    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_list(&head, (int[]){0});
    list_for_each (link, &head)
        fail_msg("an empty list has an item");
    list_for_each_safe (link, &head)
        fail_msg("an empty list has an item");
}

static void items_stay_in_order(void **state)
{
    struct list head;
    struct item items[3];
    (void)state;
    fill(&head, items, 1, 3);
    assert_false(list_empty(&head));
    assert_list(&head, (int[]){1, 2, 3, 0});
}

static void an_item_is_found_from_its_link(void **state)
{
    struct item item = {.before = 1, .number = 2};
    struct list *link = &item.link;
    (void)state;
    assert_ptr_equal(list_item(link, struct item, link), &item);
}

static void items_leave_from_everywhere(void **state)
{
    struct list head;
    struct item items[4];
    (void)state;
    fill(&head, items, 1, 4);
    list_remove(&items[1].link);
    assert_list(&head, (int[]){1, 3, 4, 0});
    list_remove(&items[3].link);
    assert_list(&head, (int[]){1, 3, 0});
    list_remove(&items[0].link);
    assert_list(&head, (int[]){3, 0});
    list_remove(&items[2].link);
    assert_true(list_empty(&head));
}

static void an_item_leaves_twice_without_harm(void **state)
{
    struct list head;
    struct item items[3];
    (void)state;
    fill(&head, items, 1, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_true(list_empty(&items[1].link));
    assert_list(&head, (int[]){1, 3, 0});
    list_append(&head, &items[1].link);
    assert_list(&head, (int[]){1, 3, 2, 0});
}

static void items_leave_while_the_list_is_walked(void **state)
{
    struct list head;
    struct item items[6];
    int seen = 0;
    (void)state;
    fill(&head, items, 1, 6);
    list_for_each_safe (link, &head) {
        struct item *item = list_item(link, struct item, link);
        assert_int_equal(item->number, ++seen);
        if (item->number % 2)
            list_remove(link);
        memset(item->number % 2 ? link : &(struct list){0}, 0xee, sizeof *link);
    }
    assert_int_equal(seen, 6);
    assert_list(&head, (int[]){2, 4, 6, 0});
}

static void all_items_move_to_the_end_of_another(void **state)
{
    struct list to, from;
    struct item first[2], second[3];
    (void)state;
    fill(&to, first, 1, 2);
    fill(&from, second, 3, 3);
    list_splice(&to, &from);
    assert_list(&to, (int[]){1, 2, 3, 4, 5, 0});
    assert_true(list_empty(&from));
    list_splice(&to, &from); /* nothing more */
    assert_list(&to, (int[]){1, 2, 3, 4, 5, 0});
    list_splice(&from, &to); /* into an empty one */
    assert_list(&from, (int[]){1, 2, 3, 4, 5, 0});
    assert_true(list_empty(&to));
}

/* The same lists as plain arrays of numbers that end with a 0. */
struct model {
    int numbers[HEADS][ITEMS + 1];
};

static void model_append(int *numbers, int number)
{
    while (*numbers)
        numbers++;
    numbers[0] = number;
    numbers[1] = 0;
}

static void model_remove(struct model *model, int number)
{
    for (int i = 0; i < HEADS; i++)
        for (int *at = model->numbers[i]; *at; at++)
            while (*at == number)
                memmove(at, at + 1, (size_t)(model->numbers[i] + ITEMS - at) * sizeof *at);
}

static void model_splice(int *to, int *from)
{
    for (int *at = from; *at; at++)
        model_append(to, *at);
    from[0] = 0;
}

static void random_changes_agree_with_arrays(void **state)
{
    struct list heads[HEADS];
    struct item items[ITEMS];
    struct model model = {0};
    (void)state;
    for (int i = 0; i < HEADS; i++)
        list_init(&heads[i]);
    for (int i = 0; i < ITEMS; i++) {
        items[i] = (struct item){.number = i + 1};
        list_init(&items[i].link);
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct item *item = &items[random_below(ITEMS)];
        size_t to = random_below(HEADS), from = (to + 1 + random_below(HEADS - 1)) % HEADS;
        if (random_below(8)) {
            list_remove(&item->link);
            model_remove(&model, item->number);
        }
        if (random_below(4) && list_empty(&item->link)) {
            list_append(&heads[to], &item->link);
            model_append(model.numbers[to], item->number);
        } else if (random_below(4) == 0) {
            list_splice(&heads[to], &heads[from]);
            model_splice(model.numbers[to], model.numbers[from]);
        }
        for (int j = 0; j < HEADS; j++)
            assert_list(&heads[j], model.numbers[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_list_is_empty),
        cmocka_unit_test(items_stay_in_order),
        cmocka_unit_test(an_item_is_found_from_its_link),
        cmocka_unit_test(items_leave_from_everywhere),
        cmocka_unit_test(an_item_leaves_twice_without_harm),
        cmocka_unit_test(items_leave_while_the_list_is_walked),
        cmocka_unit_test(all_items_move_to_the_end_of_another),
        cmocka_unit_test(random_changes_agree_with_arrays),
    };
    seed_random();
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
