/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reservation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define REQUESTS_MAX 8

/* Requests by letter. Each letter of what one wants stands for a role of one repository. */
struct desk {
    sd_event *event;
    struct reservations *all;
    struct reservation *requests[REQUESTS_MAX];
    char granted[16]; /* in their order */
};

struct applicant {
    struct desk *desk;
    char name;
};
static struct applicant applicants[REQUESTS_MAX];

static void
on_granted(void *userdata)
{
    const struct applicant *a = userdata;

    a->desk->granted[strlen(a->desk->granted)] = a->name;
}

static int
set_up(void **state)
{
    struct desk *d = calloc(1, sizeof *d);

    assert_non_null(d);
    assert_true(sd_event_new(&d->event) >= 0);
    assert_int_equal(reservations_new(&d->all, d->event, NULL), RC_OK);
    for (int i = 0; i < REQUESTS_MAX; i++)
        applicants[i] = (struct applicant){d, (char)('a' + i)};
    *state = d;
    return 0;
}

static int
tear_down(void **state)
{
    struct desk *d = *state;

    for (int i = 0; i < REQUESTS_MAX; i++)
        reservation_free(d->requests[i]);
    reservations_free(d->all);
    sd_event_unref(d->event);
    free(d);
    return 0;
}

static void
request(struct desk *d, char name, const struct reservation_name *names, size_t n_names)
{
    struct reservation **ret = &d->requests[name - 'a'];
    struct reservation_request request = {names, n_names, on_granted, &applicants[name - 'a']};

    assert_int_equal(reservation_new(ret, d->all, &request, NULL), RC_OK);
    if (reservation_is_granted(*ret))
        on_granted(&applicants[name - 'a']);
}

static void
want(struct desk *d, char name, const char *roles)
{
    static char texts[26][2];
    struct reservation_name names[26];

    for (size_t i = 0; roles[i]; i++) {
        texts[roles[i] - 'A'][0] = roles[i];
        names[i] = (struct reservation_name){"repository", texts[roles[i] - 'A']};
    }
    request(d, name, names, strlen(roles));
}

static void
give_back(struct desk *d, char name)
{
    reservation_free(steal(d->requests[name - 'a']));
}

static void
assert_granted(struct desk *d, const char *names)
{
    while (sd_event_run(d->event, 0) > 0)
        ;
    assert_string_equal(d->granted, names);
}

static void
test_grants_at_once_what_nobody_holds_or_wants(void **state)
{
    struct desk *d = *state;

    want(d, 'a', "A");
    want(d, 'b', "BC");
    assert_string_equal(d->granted, "ab");
    want(d, 'c', "CD");
    want(d, 'd', "D");
    assert_granted(d, "ab"); /* and tells nobody again */
}

static void
test_grants_a_role_to_one_at_a_time_in_their_order(void **state)
{
    struct desk *d = *state;

    want(d, 'a', "A");
    want(d, 'b', "A");
    want(d, 'c', "A");
    assert_granted(d, "a");
    give_back(d, 'a');
    assert_granted(d, "ab");
    give_back(d, 'b');
    assert_granted(d, "abc");
}

static void
test_grants_all_roles_of_a_request_or_none(void **state)
{
    struct desk *d = *state;

    want(d, 'a', "A");
    want(d, 'b', "B");
    want(d, 'c', "AB");
    assert_granted(d, "ab");
    give_back(d, 'b');
    assert_granted(d, "ab");
    give_back(d, 'a');
    assert_granted(d, "abc");
}

static void
test_a_batch_is_not_passed_by(void **state)
{
    struct desk *d = *state;

    want(d, 'a', "A");
    want(d, 'b', "AB");
    want(d, 'c', "B"); /* is free, but promised */
    want(d, 'd', "C");
    assert_granted(d, "ad");
    give_back(d, 'a');
    assert_granted(d, "adb");
    give_back(d, 'b');
    assert_granted(d, "adbc");
}

static void
test_who_stops_waiting_is_in_nobodys_way(void **state)
{
    struct desk *d = *state;

    want(d, 'a', "A");
    want(d, 'b', "AB");
    want(d, 'c', "B");
    assert_granted(d, "a");
    give_back(d, 'b');
    assert_granted(d, "ac");
    give_back(d, 'a');
    give_back(d, 'c');
    want(d, 'd', "AB");
    assert_granted(d, "acd");
}

static void
test_tells_repositories_and_roles_apart(void **state)
{
    struct desk *d = *state;
    const struct reservation_name names[] = {{"a", "bc"}, {"ab", "c"}, {"bc", "a"}};

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        request(d, (char)('a' + i), &names[i], 1);
    assert_granted(d, "abc");
}

static void
test_refuses_names_beyond_the_bounds_and_keeps_nothing(void **state)
{
    static char repository[REPOSITORY_MAX_BYTES + 1], role[ROLE_MAX_BYTES + 2];
    struct desk *d = *state;
    struct reservation_name names[] = {{"repository", "A"}, {repository, role}};
    struct reservation_request both = {names, 2, on_granted, &applicants[0]};

    memset(repository, 'x', REPOSITORY_MAX_BYTES);
    memset(role, 'x', ROLE_MAX_BYTES + 1);
    assert_int_equal(reservation_new(&d->requests[0], d->all, &both, NULL), RC_TOO_LARGE);
    assert_null(d->requests[0]);
    want(d, 'b', "A");
    assert_granted(d, "b");

    role[ROLE_MAX_BYTES] = 0;
    names[0].role = "B";
    assert_int_equal(reservation_new(&d->requests[0], d->all, &both, NULL), RC_OK);
    assert_true(reservation_is_granted(d->requests[0]));
}

int
main(void)
{
#define DESK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        DESK(test_grants_at_once_what_nobody_holds_or_wants),
        DESK(test_grants_a_role_to_one_at_a_time_in_their_order),
        DESK(test_grants_all_roles_of_a_request_or_none),
        DESK(test_a_batch_is_not_passed_by),
        DESK(test_who_stops_waiting_is_in_nobodys_way),
        DESK(test_tells_repositories_and_roles_apart),
        DESK(test_refuses_names_beyond_the_bounds_and_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
