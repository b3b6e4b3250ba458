/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "agent/ledger_anchor.h"
#include "proto/bounds.h"

#define REPOSITORY "registry.example.com/shop/web"
#define OTHER      "registry.example.com/shop/api"

static char dir[64];
static struct ledger *ledger;
static struct why why;

static int
open_ledger(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", "/tmp/test_ledger_floor.XXXXXX");
    if (!mkdtemp(dir) || ledger_open(&ledger, dir, &why) || ledger_begin(ledger, &why))
        return -1;

    return 0;
}

static int
close_ledger(void **state)
{
    char command[128];

    (void)state;
    ledger_close(ledger);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void
raise_to(const char *repository, const char *role, int64_t version, uint8_t message, uint8_t file)
{
    struct ledger_floor floor = {(char *)role, version, {{message}}, {{file}}};

    assert_int_equal(ledger_floor_raise(ledger, repository, &floor, &why), RC_OK);
}

/* The floor of a role as text; empty: there is none. */
static void
assert_floor(const char *repository, const char *role, const char *want)
{
    struct ledger_floor *floors = NULL;
    char text[64] = "";
    size_t n = 0;

    assert_int_equal(ledger_floors(&floors, &n, ledger, repository, &why), RC_OK);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(floors[i].role, role))
            snprintf(text, sizeof text, "%d: %d %d", (int)floors[i].version, floors[i].message.b[0],
                floors[i].file.b[0]);
    assert_string_equal(text, want);
    ledger_floors_free(floors, n);
}

static void
test_goes_up_only(void **state)
{
    (void)state;
    raise_to(REPOSITORY, "targets", 5, 1, 1);
    raise_to(REPOSITORY, "targets", 4, 2, 2);
    assert_floor(REPOSITORY, "targets", "5: 1 1");
    raise_to(REPOSITORY, "targets", 7, 3, 3);
    assert_floor(REPOSITORY, "targets", "7: 3 3");
    raise_to(REPOSITORY, "targets", 7, 4, 4); /* a fork */
    assert_floor(REPOSITORY, "targets", "7: 3 3");
}

static void
test_is_of_one_role_of_one_repository(void **state)
{
    (void)state;
    raise_to(REPOSITORY, "targets", 5, 1, 1);
    raise_to(REPOSITORY, "timestamp", 9, 2, 2);
    raise_to(OTHER, "targets", 3, 3, 3);
    assert_floor(REPOSITORY, "targets", "5: 1 1");
    assert_floor(REPOSITORY, "timestamp", "9: 2 2");
    assert_floor(OTHER, "targets", "3: 3 3");
    assert_floor(OTHER, "timestamp", "");
}

static void
test_is_forgotten_with_what_is_below_it(void **state)
{
    static const char *const roles[] = {"targets", "targets/a", "targets/a/b", "targets/ab"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        raise_to(REPOSITORY, roles[i], 1, 1, 1);
        raise_to(OTHER, roles[i], 1, 1, 1);
    }
    assert_int_equal(ledger_floor_forget(ledger, REPOSITORY, "targets/a", &why), RC_OK);
    assert_floor(REPOSITORY, "targets", "1: 1 1");
    assert_floor(REPOSITORY, "targets/a", "");
    assert_floor(REPOSITORY, "targets/a/b", "");
    assert_floor(REPOSITORY, "targets/ab", "1: 1 1");
    assert_floor(OTHER, "targets/a", "1: 1 1");
}

/* The anchor as text; empty: there is none. */
static void
assert_anchor(const char *repository, const char *want)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct ledger_anchor anchor;
    char text[64] = "";

    if (!ledger_anchor(&anchor, &file, ledger, repository, &why))
        snprintf(text, sizeof text, "%d %s %s", (int)anchor.version,
            anchor.is_seen ? "seen" : "signed", bytes_text(&file));
    assert_string_equal(text, want);
}

static void
sign_root(int64_t version, const char *file)
{
    assert_int_equal(ledger_anchor_sign(ledger, REPOSITORY, version, span_of(file), &why), RC_OK);
}

static void
see_root(int64_t version, const char *file)
{
    assert_int_equal(ledger_anchor_see(ledger, REPOSITORY, version, span_of(file), &why), RC_OK);
}

static void
test_an_anchor_is_the_first_root_signed_and_then_the_newest_seen(void **state)
{
    (void)state;
    assert_anchor(REPOSITORY, "");
    assert_int_equal(ledger_anchor_any(ledger, &why), RC_NOT_FOUND);
    sign_root(1, "a");
    assert_anchor(REPOSITORY, "1 signed a");
    sign_root(2, "b"); /* and is not published */
    assert_anchor(REPOSITORY, "1 signed a");
    sign_root(1, "c"); /* another one instead */
    assert_anchor(REPOSITORY, "1 signed c");
    assert_int_equal(ledger_anchor_any(ledger, &why), RC_NOT_FOUND);

    see_root(1, "d");
    assert_anchor(REPOSITORY, "1 seen d");
    assert_int_equal(ledger_anchor_any(ledger, &why), RC_OK);
    sign_root(1, "e");
    see_root(1, "f");
    assert_anchor(REPOSITORY, "1 seen d");
    see_root(3, "g");
    see_root(2, "h");
    assert_anchor(REPOSITORY, "3 seen g");
    assert_anchor(OTHER, "");
}

static void
test_an_anchor_is_forgotten_with_the_floors(void **state)
{
    (void)state;
    see_root(3, "a");
    raise_to(REPOSITORY, "targets", 5, 1, 1);
    raise_to(OTHER, "targets", 3, 3, 3);
    assert_int_equal(ledger_anchor_forget(ledger, REPOSITORY, &why), RC_OK);
    assert_anchor(REPOSITORY, "");
    assert_floor(REPOSITORY, "targets", "");
    assert_floor(OTHER, "targets", "3: 3 3");
    sign_root(1, "b");
    assert_anchor(REPOSITORY, "1 signed b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_goes_up_only, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(
            test_is_of_one_role_of_one_repository, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(
            test_is_forgotten_with_what_is_below_it, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(
            test_an_anchor_is_the_first_root_signed_and_then_the_newest_seen, open_ledger,
            close_ledger),
        cmocka_unit_test_setup_teardown(
            test_an_anchor_is_forgotten_with_the_floors, open_ledger, close_ledger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
