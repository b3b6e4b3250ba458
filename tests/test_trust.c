/* SPDX-License-Identifier: Apache-2.0 */
#include "client/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cache.h"
#include "tests/machine.h"

static void
test_asks_for_all_once_and_then_for_the_timestamp_only(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_see(&m, &r);

    /* Another process, then the same one again. */
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_enter(&m);
    assert_true(trust_is_cached(m.trust));
    assert_int_equal(trust_n_roles(m.trust), 0);
    assert_int_equal(trust_update(m.trust, NULL), RC_OK);
    assert_false(trust_is_first_use(m.trust));
    machine_update(&m);

    assert_int_equal(trust_n_roles(m.trust), 2);
    const struct trust_role *qa = trust_find(m.trust, "targets/qa");
    assert_non_null(qa);
    assert_ptr_equal(qa, trust_role_at(m.trust, 1));
    assert_int_equal(qa->version, 5);
    assert_int_equal(qa->problem, RC_OK);
    assert_non_null(tuf_targets_find(qa->document, SPAN("v1")));
    assert_true(trust_admits(m.trust, "targets/qa", SPAN("v1")));
    assert_false(trust_admits(m.trust, "targets/qa", SPAN("w1")));
    assert_true(trust_admits(m.trust, "targets", SPAN("w1")));

    closing(freep) struct pubkey **keys = NULL;
    size_t n_keys = 0;
    assert_int_equal(trust_keys(&keys, &n_keys, m.trust, "root", NULL), RC_OK);
    assert_int_equal(n_keys, 1);
    assert_string_equal(pubkey_id(keys[0])->hex, forge_key_id(&repository_keys[ROOT]));
    assert_null(trust_find(m.trust, "targets/none"));
}

static void
test_refuses_first_use_where_it_is_told_to(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_enter_with(&m, (struct trust_options){.is_first_use_refused = true});
    machine_refuse(&m, RC_UNTRUSTED, "nothing on this machine vouches");
    assert_false(trust_is_cached(m.trust));
}

static void
test_tells_a_repository_that_never_was_from_one_that_vanished(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    machine_answer_nothing(&m);
    machine_answer_nothing(&m);
    machine_enter(&m);
    machine_refuse(&m, RC_NOT_FOUND, "no repository '" GUN "'");
    machine_leave(&m);

    repository_make(&r, &(struct plan){0});
    machine_see(&m, &r);
    for (int look = 0; look < TRUST_LOOKS; look++)
        machine_answer_nothing(&m);
    machine_enter(&m);
    machine_refuse(&m, RC_UNTRUSTED, "vanished");
}

static void
test_never_falls_back_to_first_use(void **state)
{
    static const char *const damage[] = {"", "{}", "garbage"};
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    closing(freep) char *path = NULL;

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_see(&m, &r);
    assert_true(asprintf(&path, "%s/tuf/%s/metadata/root.json", m.dir, GUN) > 0);

    for (size_t i = 0; i < N_ELEMENTS(damage); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(damage[i], file);
        fclose(file);

        machine_answer_file(&m, &r.files[TIMESTAMP]);
        machine_enter(&m);
        machine_refuse(&m, RC_UNTRUSTED, "only then remove");
        machine_leave(&m);
    }
}

static void
test_skips_a_delegation_that_does_not_verify(void **state)
{
    static const struct {
        struct plan plan;
        int64_t version;
        const char *sentence;
    } rows[] = {
        {{QA, .version = 4}, 4, "5 was seen"},
        {{QA, MISSIGNED}, 5, "signed by 0 of 1"},
        {{QA, NO_DOCUMENT}, 0, "_type"},
        {{QA, .expires = PAST}, 5, "expired"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(machine_done) struct machine m;
        closing(repository_done) struct repository newer = {0}, older = {0};

        machine_init(&m);
        repository_make(&newer, &(struct plan){0});
        repository_make(&older, &rows[i].plan);
        repository_relist(&older, &newer.files[ROOT], 6);
        machine_see(&m, &newer);
        machine_answer_file(&m, &older.files[TIMESTAMP]);
        machine_answer_file(&m, &older.files[SNAPSHOT]);
        machine_answer_file(&m, &older.files[TARGETS]);
        machine_answer_file(&m, &older.files[QA]);
        machine_enter(&m);
        machine_update(&m);

        const struct trust_role *qa = trust_find(m.trust, "targets/qa");
        assert_int_equal(qa->problem, RC_UNTRUSTED);
        assert_int_equal(qa->version, rows[i].version);
        assert_null(qa->document);
        if (!strstr(qa->why.text, rows[i].sentence))
            fail_msg("'%s', want '%s'", qa->why.text, rows[i].sentence);
    }
}

static void
test_reads_expired_documents_for_those_who_renew_them(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){QA, .expires = PAST});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_answer_file(&m, &r.files[TARGETS]);
    machine_answer_file(&m, &r.files[QA]);
    machine_enter(&m);
    trust_allow_expired(m.trust);
    machine_update(&m);
    assert_non_null(trust_find(m.trust, "targets/qa")->document);
}

static void
test_reads_what_it_has_seen_where_nobody_can_be_asked(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    struct why why = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_enter(&m);
    assert_int_equal(trust_update_offline(m.trust, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "was never seen by this machine"));
    assert_int_equal(trust_stored_at(m.trust), 0);
    machine_leave(&m);
    machine_see(&m, &r);

    /* No request is answered from here on. */
    machine_enter(&m);
    for (int n = 1; n <= 2; n++) {
        assert_int_equal(trust_update_offline(m.trust, &why), RC_OK);
        assert_non_null(trust_find(m.trust, "targets/qa")->document);
        assert_false(trust_is_first_use(m.trust));
    }
    assert_true(trust_stored_at(m.trust) > 0);
    assert_true(trust_expires_at(m.trust, "timestamp") > NOW);
    assert_int_equal(trust_expires_at(m.trust, "targets/other"), 0);
}

static void
test_notes_a_delegation_whose_file_is_not_there(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){QA, MISLISTED});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_answer_file(&m, &r.files[TARGETS]);
    machine_answer_nothing(&m);
    machine_enter(&m);
    machine_update(&m);

    const struct trust_role *qa = trust_find(m.trust, "targets/qa");
    assert_int_equal(qa->problem, RC_UNTRUSTED);
    assert_int_equal(qa->version, 0);
    assert_non_null(strstr(qa->why.text, "has no such file"));
}

static void
test_does_not_mistake_a_failing_server_for_a_failing_delegation(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_answer_file(&m, &r.files[TARGETS]);
    machine_answer(&m, "500 Internal Server Error", SPAN("{}"));
    machine_enter(&m);
    machine_refuse(&m, RC_NETWORK, "targets/qa of '" GUN "'");
    assert_int_equal(trust_n_roles(m.trust), 0);
    assert_false(trust_is_cached(m.trust));
}

static void
test_follows_newer_roots(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository before = {0}, after = {0};

    (void)state;
    machine_init(&m);
    repository_make(&before, &(struct plan){0});
    repository_make(&after, &(struct plan){ROOT, .version = 6});
    machine_see(&m, &before);

    machine_answer_file(&m, &after.files[TIMESTAMP]);
    machine_answer_file(&m, &after.files[SNAPSHOT]); /* lists a root that is not known */
    machine_answer_file(&m, &after.files[ROOT]);     /* 6.root */
    machine_answer_nothing(&m);                      /* 7.root */
    machine_answer_file(&m, &after.files[TIMESTAMP]);
    machine_answer_file(&m, &after.files[SNAPSHOT]);
    machine_answer_file(&m, &after.files[TARGETS]);
    machine_answer_file(&m, &after.files[QA]);
    machine_enter(&m);
    machine_update(&m);
    assert_int_equal(trust_root(m.trust)->version, 6);
    assert_false(trust_is_first_use(m.trust));
    assert_non_null(strstr(canned_requests(&m.server), "/6.root.json"));
    assert_non_null(strstr(canned_requests(&m.server), "/7.root.json"));
}

static void
test_says_that_a_repository_was_made_anew(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository before = {0}, after = {0};

    (void)state;
    machine_init(&m);
    repository_make(&before, &(struct plan){0});
    repository_make(&after, &(struct plan){0});
    machine_see(&m, &before);

    machine_answer_file(&m, &after.files[TIMESTAMP]);
    machine_answer_file(&m, &after.files[SNAPSHOT]);
    machine_answer_nothing(&m);
    machine_answer_file(&m, &after.files[TIMESTAMP]);
    machine_answer_file(&m, &after.files[SNAPSHOT]);
    machine_answer_nothing(&m);
    machine_answer_file(&m, &after.files[ROOT]);
    machine_enter(&m);
    machine_refuse(&m, RC_UNTRUSTED, "made anew");
}

static void
test_takes_offered_files_and_an_adopted_root(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_answer_file(&m, &r.files[QA]);
    machine_enter_with(&m, (struct trust_options){.is_first_use_refused = true});
    assert_int_equal(trust_adopt(m.trust, bytes_span(&r.files[ROOT]), NULL), RC_OK);
    assert_int_equal(trust_offer(m.trust, bytes_span(&r.files[TARGETS]), NULL), RC_OK);
    machine_update(&m);
    assert_false(trust_is_first_use(m.trust));
    assert_int_equal(trust_n_roles(m.trust), 2);
}

static void
test_shows_the_head_where_the_rest_cannot_be_read(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){TARGETS, MISLISTED});
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_answer_nothing(&m);
    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &r.files[ROOT]);
    machine_answer_file(&m, &r.files[SNAPSHOT]);
    machine_enter(&m);
    assert_int_equal(trust_update(m.trust, NULL), RC_UNTRUSTED);
    assert_null(trust_listed(m.trust, "targets"));
    assert_int_equal(trust_update_head(m.trust, NULL), RC_OK);
    assert_int_equal(trust_listed(m.trust, "targets")->length, 1);
    assert_int_equal(trust_n_roles(m.trust), 0);
}

static void
test_does_not_put_older_files_over_newer_ones(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0}, again = {0}, newer = {0};
    closing(cache_freep) struct cache *cache = NULL;
    closing(bytes_done) struct bytes kept = BYTES_INIT(DOCUMENT_MAX_BYTES);
    int lock = -1;

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    repository_make(&again, &(struct plan){0});
    repository_make(&newer, &(struct plan){0});
    repository_relist(&again, &r.files[ROOT], 5);
    repository_relist(&newer, &r.files[ROOT], 6);
    machine_see(&m, &r);

    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_answer_file(&m, &again.files[TIMESTAMP]);
    machine_answer_file(&m, &again.files[SNAPSHOT]);
    machine_answer_file(&m, &again.files[TARGETS]);
    machine_answer_file(&m, &again.files[QA]);
    machine_enter(&m);
    assert_int_equal(trust_update(m.trust, NULL), RC_OK);

    /* Another process sees the newer one meanwhile. */
    assert_int_equal(cache_new(&cache, m.dir, GUN, NULL), RC_OK);
    assert_int_equal(cache_lock(&lock, cache, NULL), RC_OK);
    assert_int_equal(
        cache_store(cache, "timestamp", bytes_span(&newer.files[TIMESTAMP]), NULL), RC_OK);
    fd_close(&lock);

    machine_update(&m);
    assert_int_equal(cache_load(&kept, cache, "timestamp", NULL), RC_OK);
    assert_true(span_eq(bytes_span(&kept), bytes_span(&newer.files[TIMESTAMP])));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_all_once_and_then_for_the_timestamp_only),
        cmocka_unit_test(test_refuses_first_use_where_it_is_told_to),
        cmocka_unit_test(test_tells_a_repository_that_never_was_from_one_that_vanished),
        cmocka_unit_test(test_never_falls_back_to_first_use),
        cmocka_unit_test(test_skips_a_delegation_that_does_not_verify),
        cmocka_unit_test(test_reads_expired_documents_for_those_who_renew_them),
        cmocka_unit_test(test_reads_what_it_has_seen_where_nobody_can_be_asked),
        cmocka_unit_test(test_notes_a_delegation_whose_file_is_not_there),
        cmocka_unit_test(test_does_not_mistake_a_failing_server_for_a_failing_delegation),
        cmocka_unit_test(test_follows_newer_roots),
        cmocka_unit_test(test_says_that_a_repository_was_made_anew),
        cmocka_unit_test(test_takes_offered_files_and_an_adopted_root),
        cmocka_unit_test(test_shows_the_head_where_the_rest_cannot_be_read),
        cmocka_unit_test(test_does_not_put_older_files_over_newer_ones),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
