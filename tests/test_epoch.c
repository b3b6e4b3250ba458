/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/epoch.h"
#include "agent/judgment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* A request for one document in one repository, which brought the chain of another. */
struct scene {
    struct epoch epoch;
    struct peer peer, other;
    struct subject subject, *subjects[1];
    struct message_chain chain;
    struct policy_grant grant;
    struct decide_choice choice;
    struct decide_verdict verdict;
    struct decision decision;
    struct judgment judgment;
};

static void
open_scene(struct scene *s, int64_t quota)
{
    *s = (struct scene){.peer = {.uid = 1000}, .other = {.uid = 1001}};
    s->subject.repository = "registry.example.com/shop/web";
    s->subjects[0] = &s->subject;
    s->chain.repository = "registry.example.com/shop/base";
    s->grant.quota.n = quota;
    s->choice.grant = &s->grant;
    s->verdict = (struct decide_verdict){.choices = &s->choice, .n_choices = 1};
    s->decision = (struct decision){.verdicts = &s->verdict, .n_verdicts = 1};
    s->judgment =
        (struct judgment){.subjects = s->subjects, .n_subjects = 1, .decision = &s->decision};
    s->judgment.request.bases = &s->chain;
    s->judgment.request.n_bases = 1;
}

static bool
has_changed(struct scene *s, uint64_t *epoch)
{
    uint64_t was = *epoch;

    *epoch = epoch_of(&s->epoch, &s->judgment, &s->peer);
    return *epoch != was;
}

static void
test_changes_with_what_a_decision_stands_on(void **state)
{
    struct scene s, other;
    uint64_t epoch = 0;

    (void)state;
    open_scene(&s, 0);
    (void)has_changed(&s, &epoch);
    assert_false(has_changed(&s, &epoch));
    epoch_change(&s.epoch);
    assert_true(has_changed(&s, &epoch));
    epoch_change_repository(&s.epoch, "registry.example.com/shop/web");
    assert_true(has_changed(&s, &epoch));
    epoch_change_repository(&s.epoch, "registry.example.com/shop/base");
    assert_true(has_changed(&s, &epoch));
    epoch_change_repository(&s.epoch, "registry.example.com/other");
    assert_false(has_changed(&s, &epoch));

    open_scene(&other, 0);
    epoch_change_by(&s.epoch, &other.judgment, &other.other);
    assert_true(has_changed(&s, &epoch));
}

static void
test_minds_what_its_uid_does_only_where_that_is_counted(void **state)
{
    (void)state;
    for (int64_t quota = 0; quota < 2; quota++) {
        struct scene s, other;
        uint64_t epoch = 0;

        open_scene(&s, quota);
        open_scene(&other, 0);
        other.subject.repository = other.chain.repository = "registry.example.com/other";
        (void)has_changed(&s, &epoch);
        epoch_change_by(&s.epoch, &other.judgment, &other.other);
        assert_false(has_changed(&s, &epoch));
        epoch_change_by(&s.epoch, &other.judgment, &other.peer);
        assert_int_equal(has_changed(&s, &epoch), quota > 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_with_what_a_decision_stands_on),
        cmocka_unit_test(test_minds_what_its_uid_does_only_where_that_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
