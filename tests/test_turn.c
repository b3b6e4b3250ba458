/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"

#define VISITORS 8

/* A connection: it writes its name down when it has its turn, and takes its time. */
struct visitor {
    struct turn turn;
    struct room *room;
    char name;
    int64_t takes_us;
    bool is_gone;
};

struct room {
    sd_event *event;
    struct turns *turns;
    struct visitor visitors[VISITORS];
    size_t n_visitors, n_told;
    char told[64];
};

static void
on_take(void *userdata)
{
    struct visitor *v = userdata;

    v->room->told[v->room->n_told++] = v->name;
    clock_spend_us(v->takes_us);
}

static bool
on_drop(void *userdata)
{
    const struct visitor *v = userdata;

    return v->is_gone;
}

static int
set_up(void **state)
{
    struct room *room = calloc(1, sizeof *room);

    assert_non_null(room);
    assert_true(sd_event_new(&room->event) >= 0);
    assert_int_equal(turns_new(&room->turns, room->event, NULL), RC_OK);
    clock_advance_ms(3600000); /* nobody of another test had a turn lately */
    *state = room;
    return 0;
}

static int
tear_down(void **state)
{
    struct room *room = *state;

    for (size_t i = 0; i < room->n_visitors; i++)
        turns_leave(room->turns, &room->visitors[i].turn);
    turns_free(room->turns);
    sd_event_unref(room->event);
    free(room);
    return 0;
}

static struct visitor *
come(struct room *room, uint64_t lane, char name, int64_t takes_us)
{
    struct visitor *v = &room->visitors[room->n_visitors++];

    *v = (struct visitor){{lane, on_take, on_drop, v}, room, name, takes_us, false};
    assert_int_equal(turns_wait(room->turns, &v->turn, NULL), RC_OK);
    return v;
}

static void
come_again(struct visitor *v)
{
    assert_int_equal(turns_wait(v->room->turns, &v->turn, NULL), RC_OK);
}

/* Whose turns these are now, one letter each; the names are forgotten. */
static void
assert_turns(struct room *room, const char *want)
{
    int n = 1;

    while (n > 0)
        n = sd_event_run(room->event, 0);
    assert_string_equal(room->told, want);
    memset(room->told, 0, sizeof room->told);
    room->n_told = 0;
}

static void
test_uids_have_turns_however_many_connections_they_have(void **state)
{
    struct room *room = *state;

    come(room, 1, 'a', 0);
    come(room, 1, 'b', 0);
    come(room, 1, 'c', 0);
    come(room, 2, 'x', 0);
    come(room, 3, 'y', 0);
    assert_turns(room, "axybc");
}

static void
test_who_is_alone_pays_for_nothing(void **state)
{
    struct room *room = *state;
    struct visitor *a = come(room, 1, 'a', 900000);

    assert_turns(room, "a");
    come_again(a);
    assert_turns(room, "a");
}

static void
test_a_long_turn_is_paid_for_by_the_square_of_its_length(void **state)
{
    static const struct {
        int64_t takes_us, pause_ms; /* 0: none */
    } cases[] = {{TURN_SHORT_US, 0}, {500, 5}, {1000, 20}, {3000, 180}, {10000, TURN_PAUSE_MAX_MS},
        {60000000, TURN_PAUSE_MAX_MS}};
    struct room *room = *state;
    struct visitor *a = come(room, 1, 'a', 0), *x = come(room, 2, 'x', 0);

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_turns(room, "ax");
        a->takes_us = cases[i].takes_us;
        come_again(a);
        assert_turns(room, "a");
        come_again(a);
        come_again(x);
        if (cases[i].pause_ms > 0) {
            assert_turns(room, "x");
            clock_advance_ms(cases[i].pause_ms - 2);
            assert_turns(room, "");
            clock_advance_ms(3);
            assert_turns(room, "a");
        } else {
            assert_turns(room, "ax");
        }
        clock_advance_ms(TURN_PAUSE_MAX_MS);
        a->takes_us = 0;
        come_again(a);
        come_again(x);
    }
}

static void
test_all_connections_of_who_pays_wait(void **state)
{
    struct room *room = *state;

    come(room, 2, 'x', 0);
    come(room, 1, 'a', 1000);
    come(room, 1, 'b', 0);
    come(room, 1, 'c', 0);
    assert_turns(room, "xa");
    come(room, 1, 'd', 0);
    assert_turns(room, "");
    clock_advance_ms(21);
    assert_turns(room, "bcd");
}

static void
test_each_uid_pays_for_itself(void **state)
{
    struct room *room = *state;
    struct visitor *a = come(room, 1, 'a', 3000), *b = come(room, 2, 'b', 1000);

    assert_turns(room, "ab"); /* a was alone yet */
    come_again(a);
    assert_turns(room, "a");
    come_again(a);
    come_again(b);
    come(room, 3, 'x', 0);
    assert_turns(room, "x");
    clock_advance_ms(21);
    assert_turns(room, "b");
    clock_advance_ms(160);
    assert_turns(room, "a");
}

static void
test_others_count_only_if_they_came_lately(void **state)
{
    struct room *room = *state;
    struct visitor *a = NULL;

    come(room, 2, 'x', 0);
    assert_turns(room, "x");
    clock_advance_ms(1100);
    a = come(room, 1, 'a', 1000);
    assert_turns(room, "a");
    come_again(a);
    assert_turns(room, "a");
}

static void
test_strangers_pay_and_are_paid_nothing(void **state)
{
    struct room *room = *state;
    struct visitor *a = NULL, *s = come(room, TURN_STRANGERS, 's', 1000);

    assert_turns(room, "s");
    a = come(room, 1, 'a', 1000);
    assert_turns(room, "a");
    come_again(a);
    assert_turns(room, "a");
    come_again(s);
    assert_turns(room, "s");
    come_again(s);
    come_again(a);
    assert_turns(room, "a");
}

static void
test_who_went_away_does_not_keep_its_place_until_it_has_paid(void **state)
{
    struct room *room = *state;

    come(room, 2, 'x', 0);
    come(room, 1, 'a', 1000);
    come(room, 1, 'b', 0)->is_gone = true;
    come(room, 1, 'c', 0);
    assert_turns(room, "xa");
    clock_advance_ms(21);
    assert_turns(room, "c");
}

static void
test_who_leaves_has_no_turn(void **state)
{
    struct room *room = *state;
    struct visitor *b = NULL;

    come(room, 2, 'x', 0);
    turns_leave(room->turns, &come(room, 2, 'y', 0)->turn);
    come(room, 1, 'a', 1000);
    b = come(room, 1, 'b', 0);
    assert_turns(room, "xa");
    turns_leave(room->turns, &b->turn);
    clock_advance_ms(21);
    assert_turns(room, "");
}

int
main(void)
{
#define ROOM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROOM(test_uids_have_turns_however_many_connections_they_have),
        ROOM(test_who_is_alone_pays_for_nothing),
        ROOM(test_a_long_turn_is_paid_for_by_the_square_of_its_length),
        ROOM(test_all_connections_of_who_pays_wait),
        ROOM(test_each_uid_pays_for_itself),
        ROOM(test_others_count_only_if_they_came_lately),
        ROOM(test_strangers_pay_and_are_paid_nothing),
        ROOM(test_who_went_away_does_not_keep_its_place_until_it_has_paid),
        ROOM(test_who_leaves_has_no_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
