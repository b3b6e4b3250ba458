/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define HERE  "registry.example.com/shop/web"
#define THERE "registry.example.com/shop/api"

static char dir[64];
static struct ledger *ledger;
static struct why why;

static int
set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_ledger_past.XXXXXX");
    return mkdtemp(dir) && !ledger_open(&ledger, dir, &why) && !ledger_begin(ledger, &why) ? 0 : -1;
}

static int
tear_down(void **state)
{
    char command[96];

    (void)state;
    ledger_close(steal(ledger));
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct keyid
key_of(char digit)
{
    struct keyid ret;

    memset(ret.hex, digit, sizeof ret.hex - 1);
    ret.hex[sizeof ret.hex - 1] = 0;
    return ret;
}

static struct ledger_mark
mark_of(int64_t version, const char *message)
{
    struct ledger_mark mark = {.version = version};

    digest_of(&mark.digest, span_of(message));
    return mark;
}

/* As a release does it. */
static enum rc
release_root(const char *repository, int64_t version, const char *message)
{
    struct ledger_mark mark = mark_of(version, message);

    enum rc rc = ledger_use_supersession(ledger, repository, version, &mark.digest, &why);
    if (!rc)
        rc = ledger_put_mark(ledger, repository, "root", &mark, &why);
    if (!rc)
        rc = ledger_put_root(ledger, repository, version, span_of(message), "signed", &why);
    return rc;
}

static void
put_key(const char *repository, char digit)
{
    struct keyid key = key_of(digit);

    assert_int_equal(ledger_put_root_key(ledger, repository, &key, &why), RC_OK);
}

static enum rc
is_retired(const char *repository, char digit)
{
    struct keyid key = key_of(digit);

    return ledger_retired(ledger, repository, &key, &why);
}

static void
assert_root(int64_t version, const char *message)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(1024);
    int64_t is = 0;

    assert_int_equal(ledger_root(&file, &is, ledger, HERE, &why), RC_OK);
    assert_int_equal(is, version);
    assert_string_equal(bytes_text(&file), message);
}

static void
test_a_retired_repository_begins_with_version_1(void **state)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(1024);
    struct ledger_mark mark = mark_of(9, "targets"), found;
    int64_t version;

    (void)state;
    assert_int_equal(ledger_put_mark(ledger, HERE, "targets", &mark, &why), RC_OK);
    assert_int_equal(release_root(HERE, 1, "one"), RC_OK);
    assert_int_equal(release_root(HERE, 2, "two"), RC_OK);
    assert_int_equal(release_root(THERE, 2, "theirs"), RC_OK);
    assert_int_equal(release_root(HERE, 1, "anew"), RC_ROLLBACK);

    assert_int_equal(ledger_retire(ledger, HERE, false, &why), RC_OK);
    assert_int_equal(ledger_root(&file, &version, ledger, HERE, &why), RC_NOT_FOUND);
    assert_int_equal(release_root(HERE, 1, "anew"), RC_OK);
    assert_root(1, "anew");

    assert_int_equal(ledger_mark(&found, ledger, HERE, "targets", &why), RC_OK);
    assert_int_equal(found.version, 9);
    assert_int_equal(ledger_mark(&found, ledger, THERE, "root", &why), RC_OK);
}

static void
test_root_keys_with_a_past_are_retired_with_it(void **state)
{
    struct keyid key = {""};

    (void)state;
    assert_int_equal(release_root(HERE, 2, "two"), RC_OK);
    put_key(HERE, 'b');
    put_key(HERE, 'a');
    put_key(HERE, 'a');
    put_key(THERE, 'c');
    assert_int_equal(is_retired(HERE, 'a'), RC_NOT_FOUND);

    assert_int_equal(ledger_retire(ledger, HERE, false, &why), RC_OK);
    assert_int_equal(is_retired(HERE, 'a'), RC_OK);
    assert_int_equal(is_retired(HERE, 'c'), RC_NOT_FOUND);
    assert_int_equal(is_retired(THERE, 'c'), RC_NOT_FOUND);
    assert_int_equal(is_retired(THERE, 'a'), RC_NOT_FOUND);

    assert_int_equal(ledger_next_retired(&key, ledger, HERE, &why), RC_OK);
    assert_int_equal(key.hex[0], 'a');
    assert_int_equal(ledger_next_retired(&key, ledger, HERE, &why), RC_OK);
    assert_int_equal(key.hex[0], 'b');
    assert_int_equal(ledger_next_retired(&key, ledger, HERE, &why), RC_NOT_FOUND);
}

static void
test_a_replay_is_accepted_until_the_next_time(void **state)
{
    (void)state;
    assert_int_equal(release_root(HERE, 2, "two"), RC_OK);
    put_key(HERE, 'a');
    assert_int_equal(ledger_retire(ledger, HERE, true, &why), RC_OK);
    assert_int_equal(is_retired(HERE, 'a'), RC_NOT_FOUND);

    assert_int_equal(release_root(HERE, 1, "anew"), RC_OK);
    assert_int_equal(ledger_retire(ledger, HERE, false, &why), RC_OK);
    assert_int_equal(is_retired(HERE, 'a'), RC_OK);
}

static void
test_what_is_not_known_is_not_retired(void **state)
{
    (void)state;
    assert_int_equal(ledger_retire(ledger, HERE, false, &why), RC_NOT_FOUND);
}

static void
test_a_root_is_superseded_once(void **state)
{
    struct ledger_mark lost = mark_of(2, "lost"), better = mark_of(2, "better");

    (void)state;
    assert_int_equal(release_root(HERE, 1, "one"), RC_OK);
    assert_int_equal(release_root(HERE, 2, "lost"), RC_OK);
    assert_int_equal(release_root(HERE, 2, "better"), RC_ROLLBACK);

    assert_int_equal(ledger_supersede(ledger, HERE, 2, &why), RC_OK);
    assert_int_equal(ledger_superseded(ledger, HERE, &lost, &why), RC_OK);
    assert_int_equal(ledger_superseded(ledger, HERE, &better, &why), RC_NOT_FOUND);
    assert_int_equal(release_root(HERE, 2, "better"), RC_OK);
    assert_root(2, "better");
    assert_int_equal(ledger_superseded(ledger, HERE, &better, &why), RC_NOT_FOUND);
    assert_int_equal(release_root(HERE, 2, "lost"), RC_ROLLBACK);
    assert_int_equal(release_root(HERE, 2, "best"), RC_ROLLBACK);
}

static void
test_the_superseded_root_itself_may_still_be_released(void **state)
{
    (void)state;
    assert_int_equal(release_root(HERE, 1, "first"), RC_OK);
    assert_int_equal(ledger_supersede(ledger, HERE, 1, &why), RC_OK);
    assert_int_equal(release_root(HERE, 1, "first"), RC_OK);
    assert_int_equal(release_root(HERE, 1, "better"), RC_OK);
    assert_root(1, "better");
}

static void
test_only_the_newest_root_is_superseded(void **state)
{
    (void)state;
    assert_int_equal(release_root(HERE, 1, "one"), RC_OK);
    assert_int_equal(release_root(HERE, 2, "two"), RC_OK);
    assert_int_equal(ledger_supersede(ledger, HERE, 1, &why), RC_NOT_FOUND);
    assert_int_equal(ledger_supersede(ledger, HERE, 3, &why), RC_NOT_FOUND);
    assert_int_equal(ledger_supersede(ledger, THERE, 1, &why), RC_NOT_FOUND);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_retired_repository_begins_with_version_1),
        TEST(test_root_keys_with_a_past_are_retired_with_it),
        TEST(test_a_replay_is_accepted_until_the_next_time),
        TEST(test_what_is_not_known_is_not_retired),
        TEST(test_a_root_is_superseded_once),
        TEST(test_the_superseded_root_itself_may_still_be_released),
        TEST(test_only_the_newest_root_is_superseded),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
