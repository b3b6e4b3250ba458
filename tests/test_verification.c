/* SPDX-License-Identifier: Apache-2.0 */
#include "client/verification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#define N_RECORDS 5
#define N_HEADS   6
#define LEDGER    "0123456789abcdef0123456789abcdef"

static struct why why;
static struct record records[N_RECORDS]; /* as they should be */

/* In place of the real one: its heads, up to one with a negative sequence. */
struct journal {
    struct journal_head heads[N_HEADS];
    size_t at;
};

enum rc
journal_seek(struct journal *journal, const char *ledger, int64_t before_us, struct why *why_)
{
    (void)why_;
    assert_string_equal(ledger, LEDGER);
    assert_int_equal(before_us, 99);
    journal->at = 0;
    return RC_OK;
}

enum rc
journal_next(struct journal_head *ret, struct journal *journal, struct why *why_)
{
    (void)why_;
    if (journal->at == N_HEADS || journal->heads[journal->at].head.seq < 0)
        return RC_NOT_FOUND;

    *ret = journal->heads[journal->at++];
    return RC_OK;
}

static int
make_records(void **state)
{
    struct record_head head = {0};

    (void)state;
    for (int i = 0; i < N_RECORDS; i++) {
        records[i] = (struct record){.seq = i + 1, .at_us = i, .body = SPAN("{}")};
        assert_int_equal(record_hash(&records[i].hash, &head, i, records[i].body, &why), RC_OK);
        head = (struct record_head){i + 1, records[i].hash};
    }
    return 0;
}

/* A head of the record with that number; 0: of none. */
static struct journal_head
head_of(int64_t seq)
{
    struct journal_head head = {.head.seq = seq, .at_us = 1, .uid = 7, .counts = true};

    if (seq >= 1 && seq <= N_RECORDS)
        head.head.hash = records[seq - 1].hash;
    return head;
}

/* The first n records, with the journal and a head that is given, if any. */
static enum rc
verify(struct verification *v, int n, struct journal *journal, const struct record_head *given,
    bool is_whole)
{
    struct record_head head = {0};

    why.text[0] = 0;
    verification_init(v, given);
    enum rc rc = journal ? verification_compare(v, journal, LEDGER, 99, &why) : RC_OK;
    for (int i = 0; !rc && i < n; i++) {
        head = (struct record_head){records[i].seq, records[i].hash};
        rc = verification_take(v, &records[i], &why);
    }
    return rc ? rc : verification_end(v, &head, is_whole, &why);
}

static void
test_passes_a_ledger_that_was_not_changed(void **state)
{
    struct journal journal = {{head_of(0), head_of(2), head_of(2), head_of(5), {{.seq = -1}}}, 0};
    struct record_head given = {3, records[2].hash};
    struct verification v;

    (void)state;
    assert_int_equal(verify(&v, 5, NULL, NULL, true), RC_OK);
    assert_int_equal(v.n_agree, 0);
    assert_int_equal(verify(&v, 0, NULL, NULL, true), RC_OK);
    assert_int_equal(verify(&v, 5, &journal, &given, true), RC_OK);
    assert_int_equal(v.n_agree, 4);
    assert_int_equal(v.newest.head.seq, 5);
    assert_int_equal(v.n_ignored + v.n_newer, 0);
}

static void
assert_finds(enum rc rc, const char *text)
{
    if (rc != RC_UNTRUSTED || !strstr(why.text, text))
        fail_msg("want '%s', have %d '%s'", text, rc, why.text);
}

static void
test_names_what_the_journal_knows_better(void **state)
{
    struct journal cut = {{head_of(2), head_of(5), {{.seq = -1}}}, 0};
    struct journal changed = {{head_of(2), head_of(3), {{.seq = -1}}}, 0};
    struct journal back = {{head_of(4), head_of(2), head_of(5), {{.seq = -1}}}, 0};
    struct journal back_at_the_end = {{head_of(9), head_of(8), {{.seq = -1}}}, 0};
    struct verification v;

    (void)state;
    assert_finds(verify(&v, 4, &cut, NULL, true),
        "for record 5, but the ledger ends with record 4: it was cut off, or replaced");
    assert_int_equal(v.n_agree, 1);

    changed.heads[1].head.hash.b[0] ^= 1;
    assert_finds(verify(&v, 5, &changed, NULL, true),
        "uid 7 wrote into the journal, at 1970-01-01T00:00:00Z, the head for record 3 with another "
        "hash");
    assert_finds(verify(&v, 5, &back, NULL, true),
        "for record 2 after that for record 4: the ledger was set back");
    assert_finds(verify(&v, 5, &back_at_the_end, NULL, false), "for record 8 after that");
}

static void
test_does_not_ask_an_export_for_newer_records(void **state)
{
    struct journal journal = {{head_of(2), head_of(5), {{.seq = -1}}}, 0};
    struct verification v;

    (void)state;
    assert_int_equal(verify(&v, 4, &journal, NULL, false), RC_OK);
    assert_int_equal(v.n_newer, 1);
}

static void
test_leaves_out_heads_of_other_users(void **state)
{
    struct journal journal = {{head_of(2), head_of(1), head_of(3), head_of(9), {{.seq = -1}}}, 0};
    struct verification v;

    (void)state;
    journal.heads[1].counts = journal.heads[2].counts = journal.heads[3].counts = false;
    journal.heads[2].head.hash.b[0] ^= 1;
    assert_int_equal(verify(&v, 5, &journal, NULL, true), RC_OK);
    assert_int_equal(v.n_agree, 1);
    assert_int_equal(v.n_ignored, 3);
}

static void
test_compares_with_a_head_that_is_given(void **state)
{
    struct record_head other = {3, records[3].hash}, later = {6, records[4].hash};
    struct verification v;

    (void)state;
    assert_finds(
        verify(&v, 5, NULL, &other, true), "record 3 has another hash than that of --head");
    assert_finds(
        verify(&v, 5, NULL, &later, true), "record 6 is missing: the ledger ends before it");
}

static void
test_compares_with_the_head_of_the_ledger(void **state)
{
    struct record_head head = {2, records[1].hash}, other = {1, records[1].hash};
    struct verification v;

    (void)state;
    verification_init(&v, NULL);
    assert_int_equal(verification_take(&v, &records[0], &why), RC_OK);
    assert_finds(verification_end(&v, &head, true, &why),
        "its head is record 2, and its last record 1 has another number");
    assert_finds(verification_end(&v, &other, true, &why), "its last record 1 has another hash");
    assert_finds(verification_take(&v, &records[2], &why), "after record 1 comes 3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_a_ledger_that_was_not_changed),
        cmocka_unit_test(test_names_what_the_journal_knows_better),
        cmocka_unit_test(test_does_not_ask_an_export_for_newer_records),
        cmocka_unit_test(test_leaves_out_heads_of_other_users),
        cmocka_unit_test(test_compares_with_a_head_that_is_given),
        cmocka_unit_test(test_compares_with_the_head_of_the_ledger),
    };

    return cmocka_run_group_tests(tests, make_records, NULL);
}
