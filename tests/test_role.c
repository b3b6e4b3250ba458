/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

static const struct {
    const char *name;
    enum rank rank;
} ranks[] = {
    {"root", RANK_ROOT},
    {"targets", RANK_TARGETS},
    {"snapshot", RANK_SNAPSHOT},
    {"timestamp", RANK_TIMESTAMP},
    {"targets/releases", RANK_DELEGATION},
    {"targets/a/b_c-9/0", RANK_DELEGATION},
    {"", RANK_MAX_},
    {"Root", RANK_MAX_},
    {"root ", RANK_MAX_},
    {"roo", RANK_MAX_},
    {"root/a", RANK_MAX_},
    {"targets/", RANK_MAX_},
    {"targets//a", RANK_MAX_},
    {"targets/a/", RANK_MAX_},
    {"targets/a//b", RANK_MAX_},
    {"targets/A", RANK_MAX_},
    {"targets/a.b", RANK_MAX_},
    {"targets/..", RANK_MAX_},
    {"targets/a b", RANK_MAX_},
    {"targets/a\n", RANK_MAX_},
    {"targets/\xc3\xa9", RANK_MAX_},
    {"targetsx/a", RANK_MAX_},
};

static void
test_ranks_names_as_notary_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(ranks); i++)
        assert_int_equal(role_rank(span_of(ranks[i].name)), ranks[i].rank);

    assert_int_equal(role_rank(SPAN("root\0")), RANK_MAX_);
    assert_int_equal(role_rank(SPAN("targets/a\0b")), RANK_MAX_);
    assert_int_equal(role_rank((struct span){0}), RANK_MAX_);
}

static void
test_bounds_the_length_of_a_name(void **state)
{
    char name[ROLE_MAX_BYTES + 2] = "targets/";

    (void)state;
    memset(name + strlen(name), 'a', ROLE_MAX_BYTES + 1 - strlen(name));
    assert_int_equal(role_rank((struct span){(uint8_t *)name, ROLE_MAX_BYTES}), RANK_DELEGATION);
    assert_int_equal(role_rank((struct span){(uint8_t *)name, ROLE_MAX_BYTES + 1}), RANK_MAX_);
}

static const struct {
    const char *child, *parent;
    bool is_child;
} families[] = {
    {"targets/a", "targets", true},
    {"targets/a/b", "targets/a", true},
    {"targets/a/b", "targets", false},
    {"targets/a", "targets/a", false},
    {"targets/ab", "targets/a", false},
    {"targets/a/", "targets/a", false},
    {"targets", "targets", false},
    {"targets", "root", false},
    {"targets", "", false},
    {"root/a", "root", false},
};

static void
test_knows_children(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(families); i++)
        assert_int_equal(role_is_child(span_of(families[i].child), span_of(families[i].parent)),
            families[i].is_child);
}

static void
test_names_the_parent(void **state)
{
    (void)state;
    assert_true(span_is(role_parent(SPAN("targets/a")), "targets"));
    assert_true(span_is(role_parent(SPAN("targets/a/b")), "targets/a"));
    assert_int_equal(role_parent(SPAN("targets")).len, 0);
    assert_int_equal(role_parent(SPAN("root")).len, 0);
    assert_int_equal(role_parent(SPAN("targets//a")).len, 0);
    assert_int_equal(role_parent(SPAN("")).len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_names_as_notary_does),
        cmocka_unit_test(test_bounds_the_length_of_a_name),
        cmocka_unit_test(test_knows_children),
        cmocka_unit_test(test_names_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
