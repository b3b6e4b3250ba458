/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define MAX 12

struct waiting {
    struct queue_item item; /* first, so that an item is its waiting */
    char name;
};

static struct queue *
make(void)
{
    struct queue *queue = NULL;

    assert_int_equal(queue_new(&queue, MAX, NULL), RC_OK);
    return queue;
}

/* Put one item for each letter: upper case for uid 1, lower case for 2, digits for 3. */
static void
fill(struct queue *queue, struct waiting *w, const char *names)
{
    for (size_t i = 0; names[i]; i++) {
        uid_t uid = names[i] >= 'a' ? 2 : names[i] >= 'A' ? 1 : 3;
        w[i] = (struct waiting){.name = names[i]};
        assert_int_equal(queue_put(queue, &w[i].item, uid, NULL), RC_OK);
    }
}

static void
assert_takes(struct queue *queue, const char *names)
{
    for (size_t i = 0; names[i]; i++) {
        struct waiting *w = (struct waiting *)queue_take(queue);
        assert_non_null(w);
        assert_int_equal(w->name, names[i]);
        assert_false(queue_is_waiting(&w->item));
    }
    assert_null(queue_take(queue));
    assert_int_equal(queue_len(queue), 0);
}

static void
test_takes_turns_between_users(void **state)
{
    static const struct {
        const char *says, *put, *taken;
    } cases[] = {
        {"nothing", "", ""},
        {"one user, in order", "ABC", "ABC"},
        {"a late second user is second", "ABCDa", "AaBCD"},
        {"two lanes of one length", "AaBb", "AaBb"},
        {"three users", "ABCab1", "Aa1BbC"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(queue_freep) struct queue *queue = make();
        struct waiting w[MAX];
        print_message("%s\n", cases[i].says);
        fill(queue, w, cases[i].put);
        assert_takes(queue, cases[i].taken);
    }
}

static void
test_keeps_the_turn_of_a_user_who_comes_back(void **state)
{
    closing(queue_freep) struct queue *queue = make();
    struct waiting w[MAX], again;

    (void)state;
    fill(queue, w, "ABab");
    assert_ptr_equal(queue_take(queue), &w[0].item);
    fill(queue, &again, "C");
    assert_takes(queue, "aBbC");
}

static void
test_puts_back_to_the_front_of_the_lane(void **state)
{
    closing(queue_freep) struct queue *queue = make();
    struct waiting w[MAX];

    (void)state;
    fill(queue, w, "ABa");
    assert_ptr_equal(queue_take(queue), &w[0].item);
    assert_int_equal(queue_put_back(queue, &w[0].item, 1, NULL), RC_OK);
    assert_takes(queue, "aAB");
}

static void
test_forgets_what_is_removed(void **state)
{
    closing(queue_freep) struct queue *queue = make();
    struct waiting w[MAX];

    (void)state;
    fill(queue, w, "ABCa");
    queue_remove(queue, &w[1].item);
    queue_remove(queue, &w[3].item);
    queue_remove(queue, &w[3].item); /* it does not wait: nothing happens */
    assert_int_equal(queue_len(queue), 2);
    assert_takes(queue, "AC");
}

static void
test_leaves_room_for_others(void **state)
{
    closing(queue_freep) struct queue *queue = make();
    struct waiting w[MAX], more[MAX], late = {0};
    struct why why;

    (void)state;
    fill(queue, w, "ABCDEF"); /* half of MAX */
    assert_int_equal(queue_put(queue, &late.item, 1, &why), RC_BUSY);
    assert_false(queue_is_waiting(&late.item));
    fill(queue, more, "abc");
    assert_int_equal(queue_put(queue, &late.item, 2, &why), RC_BUSY);
    fill(queue, &more[3], "1");
    while (queue_take(queue))
        ;
}

static void
test_is_full_at_its_maximum(void **state)
{
    closing(queue_freep) struct queue *queue = make();
    struct waiting w[MAX + 1] = {0};

    (void)state;
    for (uid_t i = 0; i < MAX; i++)
        assert_int_equal(queue_put(queue, &w[i].item, i, NULL), RC_OK);
    assert_int_equal(queue_put(queue, &w[MAX].item, MAX, NULL), RC_BUSY);
    assert_int_equal(queue_put_back(queue, &w[MAX].item, MAX, NULL), RC_OK);
    assert_int_equal(queue_len(queue), MAX + 1);
    while (queue_take(queue))
        ;
}

/*
 * Of a token that makes one signature at a time: who comes waits for the one that is being made,
 * and for no more than one of each other lane, however much waits in these; and so does who comes
 * again.
 */
static void
test_a_flood_costs_nobody_more_than_a_turn(void **state)
{
    static struct queue_item flood[400], few[8][2];

    (void)state;
    for (size_t n_active = 1; n_active <= N_ELEMENTS(few); n_active++) {
        closing(queue_freep) struct queue *queue = NULL;
        struct queue_item late = {0};
        size_t n_taken = 0;

        memset(flood, 0, sizeof flood);
        memset(few, 0, sizeof few);
        assert_int_equal(queue_new(&queue, 1024, NULL), RC_OK);
        for (size_t i = 0; i < N_ELEMENTS(flood); i++)
            assert_int_equal(queue_put(queue, &flood[i], 1000, NULL), RC_OK);
        for (size_t i = 1; i < n_active; i++)
            for (size_t k = 0; k < 2; k++)
                assert_int_equal(queue_put(queue, &few[i][k], i, NULL), RC_OK);

        (void)queue_take(queue); /* this one is being made */
        assert_int_equal(queue_put(queue, &late, 2000, NULL), RC_OK);
        assert_true(queue_n_ahead(queue, &late) <= n_active);
        while (queue_is_waiting(&late)) {
            (void)queue_take(queue);
            n_taken++;
        }
        assert_true(n_taken <= n_active + 1); /* its own among them */

        assert_int_equal(queue_put(queue, &late, 2000, NULL), RC_OK);
        for (n_taken = 0; queue_is_waiting(&late); n_taken++)
            (void)queue_take(queue);
        assert_true(n_taken <= n_active + 1);
        while (queue_len(queue) > 0)
            (void)queue_take(queue);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_turns_between_users),
        cmocka_unit_test(test_keeps_the_turn_of_a_user_who_comes_back),
        cmocka_unit_test(test_puts_back_to_the_front_of_the_lane),
        cmocka_unit_test(test_forgets_what_is_removed),
        cmocka_unit_test(test_leaves_room_for_others),
        cmocka_unit_test(test_is_full_at_its_maximum),
        cmocka_unit_test(test_a_flood_costs_nobody_more_than_a_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
