/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/records.h"
#include "agent/schema.h"

#define ALICE                                                                                      \
    "{\"documents\":[{\"repository\":\"r/a\"},{\"repository\":\"r/b\"}],\"peer\":{\"uid\":1}}"
#define BOB                                                                                        \
    "{\"documents\":[{\"repository\":\"r/a\"},{\"repository\":\"r/a\"}],\"peer\":{\"uid\":2}}"
#define EVE  "{\"kind\":\"foreign-signature\",\"repository\":\"r/b\",\"uid\":3}"
#define NONE "{\"kind\":\"refusals\",\"uid\":null}"

/* The clock is set back once. */
static const struct {
    int64_t at_us;
    const char *body;
    uid_t uid;
    const char *repositories[2];
} records[] = {
    {100, ALICE, 1, {"r/a", "r/b"}},
    {200, BOB, 2, {"r/a", "r/a"}},
    {300, ALICE, 1, {"r/a", "r/b"}},
    {150, EVE, 3, {"r/b"}},
    {300, NONE, (uid_t)-1, {NULL}},
    {400, BOB, 2, {"r/a"}},
    {500, "[no JSON", (uid_t)-1, {NULL}},
};

struct fixture {
    char dir[64], path[80];
    struct ledger *ledger;
    char seen[64];
    int n_wanted;
};

static struct why why;

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/test_ledger_trail.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/ledger.db", f->dir);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    ledger_close(f->ledger);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    free(f);
    return system(command);
}

static void
put_all(struct fixture *f)
{
    assert_int_equal(ledger_open(&f->ledger, f->dir, &why), RC_OK);
    assert_int_equal(ledger_begin(f->ledger, &why), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(records); i++) {
        int64_t seq = 0, at_us = records[i].at_us;
        assert_int_equal(
            ledger_put_record(f->ledger, at_us, span_of(records[i].body), &seq, &why), RC_OK);
        if (records[i].uid != (uid_t)-1)
            assert_int_equal(ledger_put_trail_user(f->ledger, at_us, records[i].uid, &why), RC_OK);
        for (size_t k = 0; k < 2 && records[i].repositories[k]; k++)
            assert_int_equal(
                ledger_put_trail_repository(f->ledger, at_us, records[i].repositories[k], &why),
                RC_OK);
    }
    assert_int_equal(ledger_commit(f->ledger, &why), RC_OK);
}

/* The same by a version that knew no index. */
static void
put_all_before(struct fixture *f)
{
    struct database_form form = schema_form;
    closing(database_closep) struct database *database = NULL;
    closing(records_freep) struct records *old = NULL;

    form.version = 1;
    form.n_statements = STATEMENT_PUT_RECORD + 1;
    assert_int_equal(database_open(&database, f->path, &form, &why), RC_OK);
    assert_int_equal(records_new(&old, database, &why), RC_OK);
    assert_int_equal(database_begin(database, &why), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(records); i++)
        assert_int_equal(records_put(old, records[i].at_us, span_of(records[i].body), &why), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);
}

static bool
take(void *userdata, const struct record *record)
{
    struct fixture *f = userdata;

    assert_true(record->seq >= 1 && record->seq <= (int64_t)N_ELEMENTS(records));
    assert_int_equal(record->at_us, records[record->seq - 1].at_us);
    assert_true(span_is(record->body, records[record->seq - 1].body));
    size_t len = strlen(f->seen);
    snprintf(f->seen + len, sizeof f->seen - len, "%d ", (int)record->seq);
    return --f->n_wanted > 0;
}

/* Read all of it, n at a time; the sequences, in their order. */
static const char *
read_all(struct fixture *f, struct ledger_trail trail, int n)
{
    enum rc rc = RC_OK;

    f->seen[0] = 0;
    ledger_trail_begin(&trail);
    while (!rc) {
        f->n_wanted = n;
        rc = ledger_trail_read(&trail, f->ledger, take, f, &why);
    }
    assert_int_equal(rc, RC_NOT_FOUND);
    return f->seen;
}

static void
check_all(struct fixture *f)
{
    static const struct {
        const char *about;
        struct ledger_trail trail;
        const char *seqs;
    } cases[] = {
        {"all of them", {LEDGER_TRAIL_ALL}, "1 2 3 4 5 6 7 "},
        {"from one on", {LEDGER_TRAIL_ALL, .after = 4}, "5 6 7 "},
        {"behind the last", {LEDGER_TRAIL_ALL, .after = 7}, ""},
        {"by time", {LEDGER_TRAIL_TIME, false, INT64_MIN, INT64_MAX}, "1 4 2 3 5 6 7 "},
        {"by time, backwards", {LEDGER_TRAIL_TIME, true, INT64_MIN, INT64_MAX}, "7 6 5 3 2 4 1 "},
        {"of a time", {LEDGER_TRAIL_TIME, false, 150, 300}, "4 2 3 5 "},
        {"of a time, backwards", {LEDGER_TRAIL_TIME, true, 150, 300}, "5 3 2 4 "},
        {"of a moment", {LEDGER_TRAIL_TIME, false, 300, 300}, "3 5 "},
        {"of no time", {LEDGER_TRAIL_TIME, false, 301, 300}, ""},
        {"of a user", {LEDGER_TRAIL_USER, false, 0, INT64_MAX, .uid = 1}, "1 3 "},
        {"of a user, backwards", {LEDGER_TRAIL_USER, true, 0, INT64_MAX, .uid = 2}, "6 2 "},
        {"of a user and a time", {LEDGER_TRAIL_USER, false, 101, 399, .uid = 1}, "3 "},
        {"of nobody", {LEDGER_TRAIL_USER, false, 0, INT64_MAX, .uid = 9}, ""},
        {"of a repository", {LEDGER_TRAIL_REPOSITORY, false, 0, INT64_MAX, .repository = "r/b"},
            "1 4 3 "},
        {"of a repository, backwards", {LEDGER_TRAIL_REPOSITORY, true, 0, 399, .repository = "r/a"},
            "3 2 1 "},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        for (int n = 1; n <= 7; n += 3) {
            const char *seqs = read_all(f, cases[i].trail, n);
            if (strcmp(seqs, cases[i].seqs) != 0)
                fail_msg("%s, %d at a time: %s", cases[i].about, n, seqs);
        }
}

static void
test_finds_records_by_time_user_and_repository(void **state)
{
    struct fixture *f = *state;

    put_all(f);
    check_all(f);
}

static void
test_finds_records_of_versions_without_an_index(void **state)
{
    struct fixture *f = *state;

    put_all_before(f);
    assert_int_equal(ledger_open(&f->ledger, f->dir, &why), RC_OK);
    check_all(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_finds_records_by_time_user_and_repository, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_finds_records_of_versions_without_an_index, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
