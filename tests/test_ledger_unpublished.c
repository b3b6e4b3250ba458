/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_unpublished.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define REPOSITORY "registry.example.com/shop/web"
#define ROLE       "targets/nightly"

static char dir[64];
static struct ledger *ledger;
static struct why why;

static int
set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_unpublished.XXXXXX");
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

/* A version that changes one tag; before it, known was the highest version, and base published. */
static void
release(int64_t version, int64_t base, int64_t known, const char *tag)
{
    const struct ledger_change change = {REPOSITORY, ROLE, version, base, known, &tag, 1};

    assert_int_equal(ledger_put_unpublished(ledger, &change, &why), RC_OK);
}

/* want: names in any order, each followed by a blank; NULL: it is not known. */
static void
assert_unpublished(int64_t version, const char *want)
{
    json_t *tags = NULL;
    const char *tag;
    json_t *value;
    size_t len = 0;

    enum rc rc = ledger_unpublished(&tags, ledger, REPOSITORY, ROLE, version, &why);
    assert_int_equal(rc, want ? RC_OK : RC_NOT_FOUND);
    if (!want)
        return;

    json_object_foreach(tags, tag, value) {
        char name[64];
        snprintf(name, sizeof name, "%s ", tag);
        assert_non_null(strstr(want, name));
        len += strlen(name);
    }
    assert_int_equal(len, strlen(want));
    json_decref(tags);
}

static void
test_knows_nothing_at_first(void **state)
{
    (void)state;
    assert_unpublished(0, NULL);
    assert_unpublished(1, NULL);
}

static void
test_tells_what_a_version_changes_that_is_not_published(void **state)
{
    (void)state;
    release(5, 4, 4, "nightly-1");
    assert_unpublished(5, "nightly-1 ");
}

static void
test_adds_up_versions_of_which_none_is_published(void **state)
{
    (void)state;
    release(5, 4, 4, "nightly-1");
    release(6, 4, 5, "latest");
    release(6, 4, 6, "latest"); /* the same bytes again */
    release(7, 4, 6, "nightly-1");
    assert_unpublished(7, "nightly-1 latest ");
    assert_unpublished(6, NULL);
}

static void
test_forgets_what_is_published(void **state)
{
    (void)state;
    release(5, 4, 4, "nightly-1");
    release(6, 5, 5, "nightly-2");
    assert_unpublished(6, "nightly-2 ");
}

static void
test_does_not_guess_what_was_released_unseen(void **state)
{
    (void)state;
    release(6, 4, 5, "nightly-2"); /* of version 5 nothing is known */
    assert_unpublished(6, NULL);
    release(7, 4, 6, "nightly-3"); /* and it may still be published */
    assert_unpublished(7, NULL);
    release(8, 7, 7, "nightly-4");
    assert_unpublished(8, "nightly-4 ");
}

static void
test_knows_no_more_than_its_bound(void **state)
{
    static char names[UNPUBLISHED_TAGS_MAX + 1][16];
    const char *tags[UNPUBLISHED_TAGS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(tags); i++) {
        snprintf(names[i], sizeof names[i], "tag-%zu", i);
        tags[i] = names[i];
    }

    struct ledger_change change = {REPOSITORY, ROLE, 5, 4, 4, tags, UNPUBLISHED_TAGS_MAX};
    assert_int_equal(ledger_put_unpublished(ledger, &change, &why), RC_OK);
    json_t *all = NULL;
    assert_int_equal(ledger_unpublished(&all, ledger, REPOSITORY, ROLE, 5, &why), RC_OK);
    assert_int_equal(json_object_size(all), UNPUBLISHED_TAGS_MAX);
    json_decref(all);

    change.n_tags++;
    assert_int_equal(ledger_put_unpublished(ledger, &change, &why), RC_OK);
    assert_unpublished(5, NULL);
    release(6, 4, 5, "nightly-1");
    assert_unpublished(6, NULL);
}

static void
test_keeps_roles_apart(void **state)
{
    json_t *tags = NULL;

    (void)state;
    release(5, 4, 4, "nightly-1");
    assert_int_equal(
        ledger_unpublished(&tags, ledger, REPOSITORY, "targets/qa", 5, &why), RC_NOT_FOUND);
    assert_int_equal(
        ledger_unpublished(&tags, ledger, REPOSITORY "2", ROLE, 5, &why), RC_NOT_FOUND);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_knows_nothing_at_first),
        TEST(test_tells_what_a_version_changes_that_is_not_published),
        TEST(test_adds_up_versions_of_which_none_is_published),
        TEST(test_forgets_what_is_published),
        TEST(test_does_not_guess_what_was_released_unseen),
        TEST(test_knows_no_more_than_its_bound),
        TEST(test_keeps_roles_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
