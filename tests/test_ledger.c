/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define REPOSITORY "registry.example.com/shop/web"

static char dir[64]; /* a fresh directory for each test */
static struct why why;

static int
make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", "/tmp/test_ledger.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct ledger *
open_ledger(void)
{
    struct ledger *ledger = NULL;

    assert_int_equal(ledger_open(&ledger, dir, &why), RC_OK);
    return ledger;
}

/* One record in the open transaction. */
static int64_t
put_record(struct ledger *ledger, const char *body)
{
    int64_t seq = 0;

    assert_int_equal(ledger_put_record(ledger, 1700000000000000, span_of(body), &seq, &why), RC_OK);
    return seq;
}

static void
put_records(struct ledger *ledger, int n)
{
    char body[64];

    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    for (int i = 1; i <= n; i++) {
        snprintf(body, sizeof body, "{\"note\":\"needle-%d\"}", i);
        assert_int_equal(put_record(ledger, body), i);
    }
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
}

static struct ledger_mark
mark_of(int64_t version, const char *message)
{
    struct ledger_mark mark = {.version = version};

    digest_of(&mark.digest, span_of(message));
    mark.delegations.b[0] = (uint8_t)version;
    return mark;
}

static enum rc
put_mark(struct ledger *ledger, int64_t version, const char *message)
{
    struct ledger_mark mark = mark_of(version, message);

    return ledger_put_mark(ledger, REPOSITORY, "targets", &mark, &why);
}

/* Change one byte of the closed ledger where the needle begins. */
static void
flip(const char *needle)
{
    char path[128];

    snprintf(path, sizeof path, "%s/ledger.db", dir);
    closing(fd_close) int fd = open(path, O_RDWR);
    assert_true(fd >= 0);

    static uint8_t file[1024 * 1024];
    ssize_t len = read(fd, file, sizeof file);
    assert_true(len > 0);
    uint8_t *at = memmem(file, (size_t)len, needle, strlen(needle));
    assert_non_null(at);
    *at ^= 1;
    assert_int_equal(pwrite(fd, at, 1, at - file), 1);
}

static void
test_has_an_id_for_life(void **state)
{
    char id[33];

    (void)state;
    struct ledger *ledger = open_ledger();
    snprintf(id, sizeof id, "%s", ledger_id(ledger));
    assert_int_equal(strlen(ledger_id(ledger)), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    ledger_close(ledger);

    ledger = open_ledger();
    assert_string_equal(ledger_id(ledger), id);
    ledger_close(ledger);

    assert_int_equal(remove_dir(NULL), 0);
    assert_int_equal(make_dir(NULL), 0);
    ledger = open_ledger();
    assert_string_not_equal(ledger_id(ledger), id);
    ledger_close(ledger);
}

static void
test_is_held_by_one_agent_at_a_time(void **state)
{
    struct ledger *second = NULL;

    (void)state;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_open(&second, dir, &why), RC_BUSY);
    assert_null(second);
    ledger_close(steal(ledger));
    assert_int_equal(ledger_open(&ledger, dir, &why), RC_OK);
}

static void
test_chains_records_over_restarts(void **state)
{
    struct digest head, want;
    int64_t n = 0;

    (void)state;
    struct ledger *ledger = open_ledger();
    ledger_head_hash(&head, ledger);
    assert_int_equal(ledger_head_seq(ledger), 0);
    assert_memory_equal(head.b, (uint8_t[32]){0}, 32);
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
    assert_int_equal(n, 0);

    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{}"), 1);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);

    /* 32 zero bytes, sequence 1, 1700000000000000 us, the body */
    static const uint8_t text[] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                  "\0\0\0\0\0\0\0\1"
                                  "\x00\x06\x0a\x24\x18\x1e\x40\x00"
                                  "{}";
    digest_of(&want, (struct span){text, sizeof text - 1});
    ledger_head_hash(&head, ledger);
    assert_memory_equal(head.b, want.b, sizeof want.b);
    ledger_close(ledger);

    ledger = open_ledger();
    assert_int_equal(ledger_head_seq(ledger), 1);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{\"a\":1}"), 2);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
    assert_int_equal(n, 2);
    ledger_close(ledger);
}

static void
test_takes_a_record_at_its_bound_and_none_above(void **state)
{
    size_t len = RECORD_MAX_BYTES;
    int64_t seq = 0, n = 0;

    (void)state;
    closing(freep) uint8_t *body = malloc(len + 1);
    assert_non_null(body);
    memset(body, 'x', len + 1);

    struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(
        ledger_put_record(ledger, 1, (struct span){body, len + 1}, &seq, &why), RC_TOO_LARGE);
    assert_int_equal(seq, 0);
    assert_int_equal(ledger_put_record(ledger, 1, (struct span){body, len}, &seq, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
    ledger_close(ledger);
    ledger_close(open_ledger());
}

static void
test_finds_a_changed_record(void **state)
{
    int64_t n = 0;

    (void)state;
    struct ledger *ledger = open_ledger();
    put_records(ledger, 5);
    ledger_close(ledger);

    flip("needle-2");
    ledger = open_ledger(); /* looks at the newest only */
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_STORAGE);
    assert_string_equal(why.text, "the ledger was changed: record 2 does not match its hash");
    assert_int_equal(n, 0);
    ledger_close(ledger);
}

static void
test_does_not_open_with_a_changed_newest_record(void **state)
{
    struct ledger *ledger = open_ledger();

    (void)state;
    put_records(ledger, 3);
    ledger_close(steal(ledger));

    flip("needle-3");
    assert_int_equal(ledger_open(&ledger, dir, &why), RC_STORAGE);
    assert_string_equal(why.text, "the ledger was changed: record 3 does not match its hash");
    assert_null(ledger);
}

static void
test_shows_nothing_that_was_not_committed_before_a_crash(void **state)
{
    int status = -1;

    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ledger *ledger = open_ledger();
        put_records(ledger, 2);
        if (ledger_begin(ledger, &why) || put_mark(ledger, 7, "seven") ||
            put_record(ledger, "{\"lost\":true}") != 3)
            _exit(1);
        _exit(0); /* in the middle of the transaction, as by a signal */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    struct ledger_mark mark;
    int64_t n = 0;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_head_seq(ledger), 2);
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ledger_mark(&mark, ledger, REPOSITORY, "targets", &why), RC_NOT_FOUND);
}

static void
test_undoes_one_request_of_several(void **state)
{
    struct ledger_mark mark;
    struct digest before, after;
    int64_t n = 0;

    (void)state;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_savepoint(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{\"request\":1}"), 1);
    assert_int_equal(ledger_release(ledger, &why), RC_OK);
    ledger_head_hash(&before, ledger);

    assert_int_equal(ledger_savepoint(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{\"request\":2}"), 2);
    assert_int_equal(put_mark(ledger, 4, "four"), RC_OK);
    assert_int_equal(ledger_mark(&mark, ledger, REPOSITORY, "targets", &why), RC_OK);
    ledger_back_to_savepoint(ledger);
    ledger_head_hash(&after, ledger);
    assert_true(digest_eq(&before, &after));

    assert_int_equal(ledger_savepoint(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{\"request\":3}"), 2);
    assert_int_equal(ledger_release(ledger, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);

    assert_int_equal(ledger_mark(&mark, ledger, REPOSITORY, "targets", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
    assert_int_equal(n, 2);
}

static void
test_rolls_back(void **state)
{
    int64_t n = 0;

    (void)state;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    put_records(ledger, 1);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(put_record(ledger, "{}"), 2);
    ledger_rollback(ledger);
    assert_int_equal(ledger_head_seq(ledger), 1);
    ledger_rollback(ledger); /* nothing is open */
    assert_int_equal(ledger_verify(ledger, &n, &why), RC_OK);
}

static void
test_never_lowers_a_mark_nor_changes_its_bytes(void **state)
{
    static const struct {
        const char *says;
        int64_t version;
        const char *message;
        enum rc want;
    } cases[] = {
        {"a first version", 7, "seven", RC_OK},
        {"the same bytes again", 7, "seven", RC_OK},
        {"other bytes under that version", 7, "forged", RC_ROLLBACK},
        {"a lower version", 6, "six", RC_ROLLBACK},
        {"the next version", 8, "eight", RC_OK},
        {"the version before, though its bytes were released", 7, "seven", RC_ROLLBACK},
    };
    struct ledger_mark mark, want = mark_of(8, "eight");

    (void)state;
    struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        assert_int_equal(put_mark(ledger, cases[i].version, cases[i].message), cases[i].want);
    }
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    ledger_close(ledger);

    ledger = open_ledger();
    assert_int_equal(ledger_mark(&mark, ledger, REPOSITORY, "targets", &why), RC_OK);
    assert_int_equal(mark.version, want.version);
    assert_true(digest_eq(&mark.digest, &want.digest));
    assert_true(digest_eq(&mark.delegations, &want.delegations));
    assert_int_equal(ledger_mark(&mark, ledger, REPOSITORY, "targets/qa", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_mark(&mark, ledger, "other", "targets", &why), RC_NOT_FOUND);
    ledger_close(ledger);
}

static void
test_remembers_the_newest_root_and_certificates(void **state)
{
    static const struct keyid key = {"00"}, other = {"01"};
    closing(bytes_done) struct bytes file = BYTES_INIT(100);
    closing(bytes_done) struct bytes tight = BYTES_INIT(2);
    int64_t version = 0;

    (void)state;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_root(&file, &version, ledger, REPOSITORY, &why), RC_NOT_FOUND);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(
        ledger_put_root(ledger, REPOSITORY, 1, SPAN("first"), "repo-admin", &why), RC_OK);
    assert_int_equal(
        ledger_put_root(ledger, REPOSITORY, 2, SPAN("sec\0nd"), "repo-admin", &why), RC_OK);
    assert_int_equal(ledger_put_root(ledger, REPOSITORY, 1, SPAN("late"), "base", &why), RC_OK);
    assert_int_equal(
        ledger_put_certificate(ledger, REPOSITORY, &key, SPAN("-----BEGIN"), &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);

    assert_int_equal(ledger_root(&file, &version, ledger, REPOSITORY, &why), RC_OK);
    assert_int_equal(version, 2);
    assert_true(span_eq(bytes_span(&file), SPAN("sec\0nd")));
    version = 0;
    assert_int_equal(ledger_root(&tight, &version, ledger, REPOSITORY, &why), RC_TOO_LARGE);
    assert_int_equal(version, 0);

    bytes_clear(&file);
    assert_int_equal(ledger_certificate(&file, ledger, REPOSITORY, &key, &why), RC_OK);
    assert_true(span_is(bytes_span(&file), "-----BEGIN"));
    assert_int_equal(ledger_certificate(&file, ledger, REPOSITORY, &other, &why), RC_NOT_FOUND);
    assert_int_equal(ledger_certificate(&file, ledger, "other", &key, &why), RC_NOT_FOUND);
}

static void
test_pins_a_key_and_a_serial_once(void **state)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(100);
    closing(freep) char *serial = NULL;

    (void)state;
    closing(ledger_closep) struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_pinned_key(&spki, ledger, "qa", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_pinned_serial(&serial, ledger, "hsm", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_pin_key(ledger, "qa", SPAN("der"), "a1b2", &why), RC_OK);
    assert_int_equal(ledger_pin_key(ledger, "qa", SPAN("other"), "a1b2", &why), RC_DENIED);
    assert_int_equal(ledger_pin_serial(ledger, "hsm", "a1b2", &why), RC_OK);
    assert_int_equal(ledger_pin_serial(ledger, "hsm", "c3d4", &why), RC_DENIED);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    assert_int_equal(ledger_pinned_key(&spki, ledger, "qa", &why), RC_OK);
    assert_true(span_is(bytes_span(&spki), "der"));
    assert_int_equal(ledger_pinned_serial(&serial, ledger, "hsm", &why), RC_OK);
    assert_string_equal(serial, "a1b2");
}

static void
test_remembers_a_refused_pin(void **state)
{
    struct ledger *ledger = open_ledger();

    (void)state;
    assert_int_equal(ledger_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_put_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_OK);
    assert_int_equal(ledger_put_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    ledger_close(ledger);

    ledger = open_ledger();
    assert_int_equal(ledger_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_OK);
    assert_int_equal(ledger_refused_pin(ledger, "a1b2", "file 1:2 4", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_refused_pin(ledger, "c3d4", "file 1:2 3", &why), RC_NOT_FOUND);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_forget_refused_pin(ledger, "a1b2", "file 1:2 4", &why), RC_OK);
    assert_int_equal(ledger_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_OK);
    assert_int_equal(ledger_forget_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    assert_int_equal(ledger_refused_pin(ledger, "a1b2", "file 1:2 3", &why), RC_NOT_FOUND);
    ledger_close(ledger);
}

static void
test_remembers_when_a_key_was_used_to_the_minute(void **state)
{
    static const struct {
        const char *says;
        int64_t at_us, told_us;
    } cases[] = {
        {"at first", 1000000000, 1000000000},
        {"within the minute", 1060000000, 1000000000},
        {"after it", 1060000001, 1060000001},
        {"where the clock was set back", 900000000, 900000000},
    };
    struct ledger *ledger = open_ledger();
    int64_t at_us = 0;

    (void)state;
    assert_int_equal(ledger_key_use(&at_us, ledger, "k", &why), RC_NOT_FOUND);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        assert_int_equal(ledger_begin(ledger, &why), RC_OK);
        assert_int_equal(ledger_put_key_use(ledger, "k", cases[i].at_us, &why), RC_OK);
        assert_int_equal(ledger_commit(ledger, &why), RC_OK);
        assert_int_equal(ledger_key_use(&at_us, ledger, "k", &why), RC_OK);
        assert_int_equal(at_us, cases[i].told_us);
    }
    ledger_close(ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_has_an_id_for_life),
        TEST(test_is_held_by_one_agent_at_a_time),
        TEST(test_chains_records_over_restarts),
        TEST(test_takes_a_record_at_its_bound_and_none_above),
        TEST(test_finds_a_changed_record),
        TEST(test_does_not_open_with_a_changed_newest_record),
        TEST(test_shows_nothing_that_was_not_committed_before_a_crash),
        TEST(test_undoes_one_request_of_several),
        TEST(test_rolls_back),
        TEST(test_never_lowers_a_mark_nor_changes_its_bytes),
        TEST(test_remembers_the_newest_root_and_certificates),
        TEST(test_pins_a_key_and_a_serial_once),
        TEST(test_remembers_a_refused_pin),
        TEST(test_remembers_when_a_key_was_used_to_the_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
