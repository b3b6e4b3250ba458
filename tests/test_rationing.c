/* SPDX-License-Identifier: Apache-2.0 */
/* How a whole agent keeps the quota of a grant; the arithmetic is in test_quota.c. */
#include "agent/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/clock.h"
#include "tests/daemon.h"

#define WINDOW_MS INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

static const char *const qa[] = {"qa", NULL};

/* Alice's grant with a quota. */
static void
set_quota(struct daemon *d, const char *quota)
{
    static const char grant[] = "  qa-team: {users: [10001], keys: [qa, rsa-qa]";
    const char *text = daemon_policy(), *at = strstr(text, grant);
    closing(freep) char *changed = NULL;

    assert_non_null(at);
    at += strlen(grant);
    assert_true(asprintf(&changed, "%.*s, quota: %s%s", (int)(at - text), text, quota, at) > 0);
    daemon_set_policy(d, changed);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(answer);
}

/* The first version of the role in another repository for each number: no two wait for each other.
 */
static json_t *
order(int number)
{
    closing(freep) char *message = daemon_targets(1, 30), *repository = NULL;
    json_t *document = daemon_document("targets/qa", message, qa);

    assert_true(asprintf(&repository, "registry.example.com/shop/web-%d", number) > 0);
    assert_int_equal(json_object_set_new(document, "repository", json_string(repository)), 0);
    return json_pack("{s:[o]}", "documents", document);
}

static void
sign(struct daemon *d, int number)
{
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", order(number));

    daemon_assert_reply(answer);
}

static void
is_denied(struct daemon *d, int number)
{
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", order(number));

    daemon_assert_error(answer, "Denied", "reason", "quota");
}

static int64_t
used(struct daemon *d)
{
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Status", NULL);
    const json_t *quota = json_array_get(json_object_get(daemon_assert_reply(answer), "quotas"), 0);

    assert_string_equal(json_string_value(json_object_get(quota, "grant")), "qa-team");
    return json_integer_value(json_object_get(quota, "used"));
}

static void
test_denies_what_is_beyond_and_says_when_there_is_room(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "2/1h");
    sign(d, 1);
    sign(d, 2);
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", order(3));
    daemon_assert_error(answer, "Denied", "reason", "quota");
    const char *have =
        json_string_value(json_object_get(json_object_get(answer, "parameters"), "have"));
    assert_non_null(strstr(have, "2 already; there is room again at 20"));

    clock_advance_wall_ms(WINDOW_MS + MINUTE_MS);
    assert_int_equal(used(d), 0);
    sign(d, 3);
}

static void
test_a_batch_counts_each_of_its_documents(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "2/1h");
    json_t *three = order(1), *more[] = {order(2), order(3)};
    json_t *documents = json_object_get(three, "documents");
    for (size_t i = 0; i < N_ELEMENTS(more); i++) {
        json_array_extend(documents, json_object_get(more[i], "documents"));
        json_decref(more[i]);
    }
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", three);
    daemon_assert_error(answer, "Denied", "reason", "quota");
    assert_int_equal(used(d), 0);
}

static void
test_of_two_at_work_at_the_edge_one_is_denied(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "1/1h");
    softkeyring_hold(true);
    int first = daemon_dial(d, UID_ALICE);
    daemon_ask(d, first, "Sign", order(1));
    is_denied(d, 2);
    assert_int_equal(used(d), 1);

    softkeyring_finish(RC_OK);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, first, "Sign");
    daemon_assert_reply(answer);
    close(first);
    softkeyring_hold(false);
    is_denied(d, 2);
    assert_int_equal(used(d), 1);
}

static void
test_what_fails_is_given_back(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "1/1h");
    softkeyring_hold(true);
    int first = daemon_dial(d, UID_ALICE);
    daemon_ask(d, first, "Sign", order(1));
    softkeyring_finish(RC_TOKEN);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, first, "Sign");
    daemon_assert_error(answer, "TokenUnavailable", NULL, NULL);
    close(first);
    softkeyring_hold(false);

    assert_int_equal(used(d), 0);
    sign(d, 2);
}

static void
test_who_hangs_up_gives_back(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "1/1h");
    softkeyring_hold(true);
    int first = daemon_dial(d, UID_ALICE);
    daemon_ask(d, first, "Sign", order(1));
    assert_int_equal(used(d), 1);
    close(first);
    daemon_pump(d);
    softkeyring_hold(false);

    assert_int_equal(used(d), 0);
    sign(d, 2);
}

static void
test_asking_takes_nothing(void **state)
{
    struct daemon *d = *state;
    json_t *dry = order(1);

    set_quota(d, "1/1h");
    json_object_set_new(dry, "dry_run", json_true());
    json_auto_t *tried = daemon_call(d, UID_ALICE, "Sign", dry);
    daemon_assert_reply(tried);
    json_auto_t *explained = daemon_call(d, UID_ALICE, "Explain", order(1));
    daemon_assert_reply(explained);

    assert_int_equal(used(d), 0);
    sign(d, 1);
}

static void
test_a_reload_neither_gives_nor_takes(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "2/1h");
    sign(d, 1);
    sign(d, 2);
    set_quota(d, "3/1h");
    sign(d, 3);
    is_denied(d, 4);
    set_quota(d, "1/1h");
    is_denied(d, 4);
    assert_int_equal(used(d), 3);
}

static void
test_a_clock_that_is_set_back_gives_nothing(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "1/1h");
    sign(d, 1);
    clock_advance_wall_ms(-2 * WINDOW_MS);
    is_denied(d, 2);
    clock_advance_wall_ms(WINDOW_MS + MINUTE_MS);
    sign(d, 2);
    clock_advance_wall_ms(WINDOW_MS - MINUTE_MS);
}

static void
test_shows_admins_who_used_what(void **state)
{
    struct daemon *d = *state;

    set_quota(d, "1/1h");
    json_auto_t *before = daemon_call(d, UID_ADMIN, "Status", NULL);
    assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(before), "quotas")), 0);

    sign(d, 1);
    json_auto_t *after = daemon_call(d, UID_ADMIN, "Status", NULL);
    const json_t *quota = json_array_get(json_object_get(daemon_assert_reply(after), "quotas"), 0);
    assert_int_equal(json_integer_value(json_object_get(quota, "uid")), UID_ALICE);
    assert_int_equal(json_integer_value(json_object_get(quota, "used")), 1);
    assert_int_equal(json_integer_value(json_object_get(quota, "max")), 1);
    assert_int_equal(json_integer_value(json_object_get(quota, "window_s")), 3600);
    assert_non_null(json_object_get(quota, "free_at"));
    clock_advance_wall_ms(WINDOW_MS + MINUTE_MS);
    json_auto_t *later = daemon_call(d, UID_ADMIN, "Status", NULL);
    assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(later), "quotas")), 0);
    json_auto_t *of_bob = daemon_call(d, UID_BOB, "Status", NULL);
    assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(of_bob), "quotas")), 0);
}

int
main(void)
{
#define DAEMON(f) cmocka_unit_test_setup_teardown(f, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_denies_what_is_beyond_and_says_when_there_is_room),
        DAEMON(test_a_batch_counts_each_of_its_documents),
        DAEMON(test_of_two_at_work_at_the_edge_one_is_denied),
        DAEMON(test_what_fails_is_given_back),
        DAEMON(test_who_hangs_up_gives_back),
        DAEMON(test_asking_takes_nothing),
        DAEMON(test_a_reload_neither_gives_nor_takes),
        DAEMON(test_a_clock_that_is_set_back_gives_nothing),
        DAEMON(test_shows_admins_who_used_what),
    };
#undef DAEMON

    return cmocka_run_group_tests(tests, NULL, NULL);
}
