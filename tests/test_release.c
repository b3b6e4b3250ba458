/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/release.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/clock.h"
#include "tests/policy_fixture.h"

/* Requests that wait for a ledger, and what became of them in the order in which they were told. */
struct office {
    void *directory;
    sd_event *event;
    struct ledger *ledger;
    struct release *release;
    char told[16];
    int n_commits;
};

struct request {
    struct office *office;
    char name;
    enum { GOOD, REFUSED, BROKEN } kind; /* BROKEN takes the transaction with it */
    struct request *then;                /* added when this one is told */
    enum rc rc;
    int64_t record;
};

static void add(struct request *r);

/* Files can grow to that many bytes: what a full disk does to the commit. */
static void
limit_files(rlim_t bytes)
{
    struct rlimit files;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &files), 0);
    files.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &files), 0);
}

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct request *r = userdata;

    assert_int_equal(strlen(r->office->told), 0); /* nobody is told before it is durable */
    why->text[0] = 0;
    enum rc rc = ledger_put_record(ledger, 1, SPAN("{}"), &r->record, why);
    if (rc)
        return rc;

    if (r->kind == BROKEN)
        limit_files(0);
    return r->kind == REFUSED ? within(why, RC_ROLLBACK, "refused") : RC_OK;
}

static void
on_done(void *userdata, enum rc rc, const struct why *why)
{
    struct request *r = userdata;

    assert_true(rc == RC_OK || why->text[0]);
    r->rc = rc;
    r->office->told[strlen(r->office->told)] = r->name;
    if (r->then) {
        memset(r->office->told, 0, sizeof r->office->told);
        add(r->then);
    }
}

static void
on_commit(void *userdata)
{
    struct office *o = userdata;

    o->n_commits++;
}

static void
add(struct request *r)
{
    struct release_item item = {on_write, on_done, r};

    assert_int_equal(release_add(r->office->release, &item, NULL), RC_OK);
}

static int
set_up(void **state)
{
    struct office *o = calloc(1, sizeof *o);

    assert_non_null(o);
    assert_int_equal(fixture_open(&o->directory), 0);
    assert_true(sd_event_new(&o->event) >= 0);
    assert_int_equal(ledger_open(&o->ledger, fixture_path(o->directory, ""), NULL), RC_OK);
    assert_int_equal(release_new(&o->release, o->event, o->ledger, NULL), RC_OK);
    release_on_commit(o->release, on_commit, o);
    *state = o;
    return 0;
}

static int
tear_down(void **state)
{
    struct office *o = *state;

    release_free(o->release);
    ledger_close(o->ledger);
    sd_event_unref(o->event);
    fixture_close(&o->directory);
    free(o);
    return 0;
}

static void
pump(struct office *o)
{
    while (sd_event_run(o->event, 0) > 0)
        ;
}

static void
test_commits_what_waits_at_once_and_then_tells(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0}, b = a, c = a;

    b.name = 'b';
    c.name = 'c';
    add(&a);
    add(&b);
    add(&c);
    assert_string_equal(o->told, "");
    pump(o);
    assert_string_equal(o->told, "abc");
    assert_int_equal(o->n_commits, 1);
    assert_int_equal(a.rc + b.rc + c.rc, RC_OK);
    assert_int_equal(a.record, 1);
    assert_int_equal(c.record, 3);
}

static void
test_undoes_only_what_the_one_that_fails_has_written(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0}, b = {o, 'b', REFUSED, NULL, RC_MAX_, 0},
                   c = {o, 'c', GOOD, NULL, RC_MAX_, 0};

    add(&a);
    add(&b);
    add(&c);
    pump(o);
    assert_string_equal(o->told, "abc");
    assert_int_equal(a.rc, RC_OK);
    assert_int_equal(b.rc, RC_ROLLBACK);
    assert_int_equal(c.rc, RC_OK);
    assert_int_equal(c.record, 2); /* no gap is left */
    assert_int_equal(ledger_head_seq(o->ledger), 2);
}

static void
test_tells_everybody_where_the_transaction_is_lost(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0}, b = {o, 'b', BROKEN, NULL, RC_MAX_, 0},
                   c = {o, 'c', REFUSED, NULL, RC_MAX_, 0}, d = {o, 'd', GOOD, NULL, RC_MAX_, 0};

    add(&a);
    add(&b);
    add(&c);
    pump(o);
    limit_files(RLIM_INFINITY);
    assert_string_equal(o->told, "abc");
    assert_int_equal(o->n_commits, 0);
    assert_int_equal(a.rc, RC_STORAGE);
    assert_int_equal(b.rc, RC_STORAGE);
    assert_int_equal(c.rc, RC_ROLLBACK);
    assert_int_equal(ledger_head_seq(o->ledger), 0);

    memset(o->told, 0, sizeof o->told);
    add(&d);
    pump(o);
    assert_int_equal(d.rc, RC_OK);
    assert_int_equal(d.record, 1);
}

static void
test_takes_what_is_added_by_those_who_are_told(void **state)
{
    struct office *o = *state;
    struct request b = {o, 'b', GOOD, NULL, RC_MAX_, 0}, a = {o, 'a', REFUSED, &b, RC_MAX_, 0};

    add(&a);
    pump(o);
    assert_string_equal(o->told, "b");
    assert_int_equal(b.rc, RC_OK);
    assert_int_equal(b.record, 1);
}

static void
test_commits_what_waits_before_it_goes(void **state)
{
    struct office *o = *state;
    struct request b = {o, 'b', GOOD, NULL, RC_MAX_, 0}, a = {o, 'a', REFUSED, &b, RC_MAX_, 0};

    add(&a);
    release_free(o->release);
    o->release = NULL;
    assert_string_equal(o->told, "b");
    assert_int_equal(b.rc, RC_OK);
    assert_int_equal(ledger_head_seq(o->ledger), 1);
}

/* An agent that ends cancels what is in work when its loop runs no more. */
static void
test_commits_what_is_added_when_the_loop_is_over(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0};

    assert_true(sd_event_exit(o->event, 0) >= 0);
    assert_true(sd_event_loop(o->event) >= 0);
    add(&a);
    release_free(o->release);
    o->release = NULL;
    assert_string_equal(o->told, "a");
    assert_int_equal(ledger_head_seq(o->ledger), 1);
}

static int
on_busy(sd_event_source *source, void *userdata)
{
    (void)source;
    (void)userdata;
    return 0;
}

static void
test_does_not_wait_for_a_pause_for_ever(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0};
    sd_event_source *busy = NULL;

    assert_true(sd_event_add_defer(o->event, &busy, on_busy, NULL) >= 0);
    assert_true(sd_event_source_set_enabled(busy, SD_EVENT_ON) >= 0);
    for (int i = 0; i < 2; i++) { /* also the second time */
        memset(o->told, 0, sizeof o->told);
        add(&a);
        clock_advance_ms(5);
        for (int turn = 0; turn < 3; turn++)
            assert_true(sd_event_run(o->event, 0) > 0);
        assert_string_equal(o->told, "a");
    }
    assert_int_equal(o->n_commits, 2);
    sd_event_source_disable_unref(busy);
}

static void
test_waits_for_no_pause_where_nobody_is_at_work_who_could_share_it(void **state)
{
    struct office *o = *state;
    struct request a = {o, 'a', GOOD, NULL, RC_MAX_, 0};
    sd_event_source *busy = NULL;

    assert_true(sd_event_add_defer(o->event, &busy, on_busy, NULL) >= 0);
    assert_true(sd_event_source_set_enabled(busy, SD_EVENT_ON) >= 0);
    release_expect(o->release);
    release_expected(o->release);
    add(&a);
    assert_true(sd_event_run(o->event, 0) > 0); /* not the other one, which comes before a pause */
    assert_string_equal(o->told, "a");
    assert_int_equal(o->n_commits, 1);
    sd_event_source_disable_unref(busy);
}

int
main(void)
{
#define OFFICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    signal(SIGXFSZ, SIG_IGN);

    const struct CMUnitTest tests[] = {
        OFFICE(test_commits_what_waits_at_once_and_then_tells),
        OFFICE(test_undoes_only_what_the_one_that_fails_has_written),
        OFFICE(test_tells_everybody_where_the_transaction_is_lost),
        OFFICE(test_takes_what_is_added_by_those_who_are_told),
        OFFICE(test_commits_what_waits_before_it_goes),
        OFFICE(test_commits_what_is_added_when_the_loop_is_over),
        OFFICE(test_does_not_wait_for_a_pause_for_ever),
        OFFICE(test_waits_for_no_pause_where_nobody_is_at_work_who_could_share_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
