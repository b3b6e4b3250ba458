/* SPDX-License-Identifier: Apache-2.0 */
/* A server that shows something older than was seen before. */
#include "client/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/machine.h"

static void
test_takes_no_head_below_one_that_it_has_seen(void **state)
{
    static const enum part parts[] = {TIMESTAMP, SNAPSHOT};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
        closing(machine_done) struct machine m;
        closing(repository_done) struct repository newer = {0}, older = {0};

        machine_init(&m);
        repository_make(&newer, &(struct plan){0});
        repository_make(&older, &(struct plan){parts[i], .version = 4});
        machine_see(&m, &newer);

        /* It looks for a newer root, tries again, looks whether one has come meanwhile, and then
         * whether the root is another one. */
        for (int look = 0; look < TRUST_LOOKS; look++) {
            for (int again = 0; again < 2; again++) {
                machine_answer_file(&m, &older.files[TIMESTAMP]);
                if (parts[i] == SNAPSHOT)
                    machine_answer_file(&m, &older.files[SNAPSHOT]);
                machine_answer_nothing(&m);
            }
            machine_answer_file(&m, &newer.files[ROOT]);
        }
        machine_enter(&m);
        machine_refuse(&m, RC_UNTRUSTED, "5 was seen");
    }
}

static void
test_takes_no_targets_below_those_that_it_has_seen(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository newer = {0}, older = {0};

    (void)state;
    machine_init(&m);
    repository_make(&newer, &(struct plan){0});
    repository_make(&older, &(struct plan){TARGETS, .version = 4});
    repository_relist(&older, &newer.files[ROOT], 6);
    machine_see(&m, &newer);
    for (int look = 0; look < TRUST_LOOKS; look++) {
        machine_answer_file(&m, &older.files[TIMESTAMP]);
        machine_answer_file(&m, &older.files[SNAPSHOT]);
        machine_answer_file(&m, &older.files[TARGETS]);
    }
    machine_enter(&m);
    machine_refuse(&m, RC_UNTRUSTED, "5 was seen");
    assert_int_equal(trust_n_roles(m.trust), 0);
}

static void
test_waits_a_moment_for_a_server_that_lists_old_files_by_mistake(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository newer = {0}, older = {0};

    (void)state;
    machine_init(&m);
    repository_make(&newer, &(struct plan){0});
    repository_make(&older, &(struct plan){TARGETS, .version = 4});
    repository_relist(&older, &newer.files[ROOT], 6);
    machine_see(&m, &newer);
    repository_relist(&newer, &newer.files[ROOT], 7);
    machine_answer_file(&m, &older.files[TIMESTAMP]);
    machine_answer_file(&m, &older.files[SNAPSHOT]);
    machine_answer_file(&m, &older.files[TARGETS]);
    machine_answer_file(&m, &newer.files[TIMESTAMP]);
    machine_answer_file(&m, &newer.files[SNAPSHOT]);
    machine_enter(&m);
    machine_update(&m);
    assert_int_equal(trust_find(m.trust, "targets")->version, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_no_head_below_one_that_it_has_seen),
        cmocka_unit_test(test_takes_no_targets_below_those_that_it_has_seen),
        cmocka_unit_test(test_waits_a_moment_for_a_server_that_lists_old_files_by_mistake),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
