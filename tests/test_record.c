/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

static struct why why;

/* Computed with Python's hashlib. */
static void
test_hashes_what_was_before_and_numbers_and_body(void **state)
{
    struct record_head head = {0};
    struct digest hash;
    char hex[DIGEST_HEX_LEN + 1];

    (void)state;
    assert_int_equal(record_hash(&hash, &head, 1700000000000000, SPAN("{}"), &why), RC_OK);
    digest_hex(hex, &hash);
    assert_string_equal(hex, "1cee1764e3f3a0c6c3b93f1571a34e7835be7ba29c229a3e197567ebb558fd80");

    head = (struct record_head){1, hash};
    assert_int_equal(record_hash(&hash, &head, -1, SPAN("{\"a\":1}"), &why), RC_OK);
    digest_hex(hex, &hash);
    assert_string_equal(hex, "fae57b4c0da513747d8be944bad3603a34b942aa1b9bed72e572da395b0a3bc3");
}

static void
test_refuses_a_record_over_its_bound(void **state)
{
    static uint8_t body[RECORD_MAX_BYTES + 1];
    struct record_head head = {0};
    struct digest hash;

    (void)state;
    assert_int_equal(
        record_hash(&hash, &head, 1, (struct span){body, RECORD_MAX_BYTES}, &why), RC_OK);
    assert_int_equal(
        record_hash(&hash, &head, 1, (struct span){body, sizeof body}, &why), RC_TOO_LARGE);
}

/* Three records as they should be. */
static void
make(struct record *records)
{
    struct record_head head = {0};

    for (int i = 0; i < 3; i++) {
        records[i] = (struct record){.seq = i + 1, .at_us = 1000 - i, .body = SPAN("{}")};
        assert_int_equal(
            record_hash(&records[i].hash, &head, records[i].at_us, records[i].body, &why), RC_OK);
        head = (struct record_head){i + 1, records[i].hash};
    }
}

/* Follow n of them; the sentence about the first that does not, or "". */
static const char *
follow(const struct record *records, size_t n)
{
    struct record_head head = {0};

    for (size_t i = 0; i < n; i++) {
        enum rc rc = record_follow(&head, &records[i], &why);
        if (rc) {
            assert_int_equal(rc, RC_UNTRUSTED);
            assert_int_equal(head.seq, i); /* as it was */
            return why.text;
        }
    }
    assert_int_equal(head.seq, n);
    return "";
}

static void
test_names_the_first_record_that_does_not_follow(void **state)
{
    struct record r[3], changed[3];

    (void)state;
    make(r);
    assert_string_equal(follow(r, 3), "");

    memcpy(changed, r, sizeof r);
    changed[1].at_us++;
    assert_string_equal(
        follow(changed, 3), "the ledger was changed: record 2 does not match its hash");
    memcpy(changed, r, sizeof r);
    changed[2].body = SPAN("{} ");
    assert_string_equal(
        follow(changed, 3), "the ledger was changed: record 3 does not match its hash");
    memcpy(changed, r, sizeof r);
    changed[0].hash.b[31] ^= 1;
    assert_string_equal(
        follow(changed, 3), "the ledger was changed: record 1 does not match its hash");

    memcpy(changed, r, sizeof r);
    changed[1] = r[2];
    assert_string_equal(follow(changed, 2), "the ledger was changed: after record 1 comes 3");
    changed[1].seq = 2;
    assert_string_equal(
        follow(changed, 2), "the ledger was changed: record 2 does not match its hash");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_what_was_before_and_numbers_and_body),
        cmocka_unit_test(test_refuses_a_record_over_its_bound),
        cmocka_unit_test(test_names_the_first_record_that_does_not_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
