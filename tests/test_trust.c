/* SPDX-License-Identifier: Apache-2.0 */
#include "client/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/canned.h"
#include "tests/repository.h"

#define ANSWERS_MAX 16
#define NOTHING     "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"not found\"}]}"

/* One machine with its cache, and what a server answers it. */
struct scene {
    char *dir;
    struct canned server;
    bool is_serving;
    struct bytes texts[ANSWERS_MAX];
    const char *answers[ANSWERS_MAX + 1];
    size_t n_answers;
    struct repo_server *repo_server;
    struct repo *repo;
    struct trust *trust;
};

static void
scene_init(struct scene *s)
{
    char template[] = "/tmp/countersign-trust-XXXXXX";

    *s = (struct scene){.dir = strdup(mkdtemp(template))};
    setenv("DOCKER_CONFIG", s->dir, 1); /* no credentials of whoever runs the test */
}

static void
answer(struct scene *s, const char *head, struct span body)
{
    assert_in_range(s->n_answers, 0, ANSWERS_MAX - 1);
    struct bytes *text = &s->texts[s->n_answers];

    *text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    bytes_printf(text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, body.len);
    bytes_put(text, body);
    s->answers[s->n_answers++] = bytes_text(text);
}

static void
answer_file(struct scene *s, const struct bytes *file)
{
    answer(s, "200 OK", bytes_span(file));
}

static void
answer_nothing(struct scene *s)
{
    answer(s, "404 Not Found", SPAN(NOTHING));
}

static void
leave(struct scene *s)
{
    trust_free(s->trust);
    s->trust = NULL;
    repo_free(s->repo);
    s->repo = NULL;
    repo_server_free(s->repo_server);
    s->repo_server = NULL;
    if (s->is_serving)
        canned_stop(&s->server);
    s->is_serving = false;
    for (size_t i = 0; i < s->n_answers; i++)
        bytes_done(&s->texts[i]);
    s->n_answers = 0;
}

static void
scene_done(struct scene *s)
{
    closing(freep) char *command = NULL;

    leave(s);
    assert_true(asprintf(&command, "rm -rf '%s'", s->dir) > 0);
    assert_int_equal(system(command), 0);
    free(s->dir);
}

/* A new process on this machine; the answers are those given so far. */
static void
enter_with(struct scene *s, struct trust_options options)
{
    struct why why = {0};

    s->answers[s->n_answers] = NULL;
    canned_listen(&s->server);
    canned_answer(&s->server, s->answers);
    s->is_serving = true;

    const struct repo_server_options server = {.url = s->server.url, .is_plain_allowed = true};
    options.dir = s->dir;
    options.now = NOW;
    if (repo_server_new(&s->repo_server, &server, "127.0.0.1", &why) ||
        repo_new(&s->repo, s->repo_server, GUN, &why) ||
        trust_new(&s->trust, s->repo, GUN, &options, &why))
        fail_msg("%s", why.text);
}

static void
enter(struct scene *s)
{
    enter_with(s, (struct trust_options){0});
}

static size_t
n_requests(const struct scene *s)
{
    size_t n = 0;

    for (const char *at = canned_requests(&s->server); (at = strstr(at, "GET ")); at++)
        n++;
    return n;
}

static void
update(struct scene *s)
{
    struct why why = {0};

    if (trust_update(s->trust, &why))
        fail_msg("%s", why.text);
    assert_int_equal(n_requests(s), s->n_answers);
}

static void
refuse(struct scene *s, enum rc want, const char *sentence)
{
    struct why why = {0};

    assert_int_equal(trust_update(s->trust, &why), want);
    if (!strstr(why.text, sentence))
        fail_msg("'%s', want '%s'", why.text, sentence);
    assert_int_equal(n_requests(s), s->n_answers);
}

/* See all of a repository for the first time. */
static void
see(struct scene *s, const struct repository *r)
{
    answer_file(s, &r->files[TIMESTAMP]);
    answer_file(s, &r->files[ROOT]);
    answer_file(s, &r->files[SNAPSHOT]);
    answer_file(s, &r->files[TARGETS]);
    answer_file(s, &r->files[QA]);
    enter(s);
    update(s);
    assert_true(trust_is_first_use(s->trust));
    leave(s);
}

static void
test_asks_for_all_once_and_then_for_the_timestamp_only(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){0});
    see(&s, &r);

    /* Another process, then the same one again. */
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[TIMESTAMP]);
    enter(&s);
    assert_true(trust_is_cached(s.trust));
    assert_int_equal(trust_n_roles(s.trust), 0);
    assert_int_equal(trust_update(s.trust, NULL), RC_OK);
    assert_false(trust_is_first_use(s.trust));
    update(&s);

    assert_int_equal(trust_n_roles(s.trust), 2);
    const struct trust_role *qa = trust_find(s.trust, "targets/qa");
    assert_non_null(qa);
    assert_ptr_equal(qa, trust_role_at(s.trust, 1));
    assert_int_equal(qa->version, 5);
    assert_int_equal(qa->problem, RC_OK);
    assert_non_null(tuf_targets_find(qa->document, SPAN("v1")));
    assert_true(trust_admits(s.trust, "targets/qa", SPAN("v1")));
    assert_false(trust_admits(s.trust, "targets/qa", SPAN("w1")));
    assert_true(trust_admits(s.trust, "targets", SPAN("w1")));

    closing(freep) struct pubkey **keys = NULL;
    size_t n_keys = 0;
    assert_int_equal(trust_keys(&keys, &n_keys, s.trust, "root", NULL), RC_OK);
    assert_int_equal(n_keys, 1);
    assert_string_equal(pubkey_id(keys[0])->hex, forge_key_id(&repository_keys[ROOT]));
    assert_null(trust_find(s.trust, "targets/none"));
}

static void
test_refuses_first_use_where_it_is_told_to(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){0});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    enter_with(&s, (struct trust_options){.is_first_use_refused = true});
    refuse(&s, RC_UNTRUSTED, "nothing on this machine vouches");
    assert_false(trust_is_cached(s.trust));
}

static void
test_tells_a_repository_that_never_was_from_one_that_vanished(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    answer_nothing(&s);
    answer_nothing(&s);
    enter(&s);
    refuse(&s, RC_NOT_FOUND, "no repository '" GUN "'");
    leave(&s);

    repository_make(&r, &(struct plan){0});
    see(&s, &r);
    answer_nothing(&s);
    enter(&s);
    refuse(&s, RC_UNTRUSTED, "vanished");
}

static void
test_never_falls_back_to_first_use(void **state)
{
    static const char *const damage[] = {"", "{}", "garbage"};
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};
    closing(freep) char *path = NULL;

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){0});
    see(&s, &r);
    assert_true(asprintf(&path, "%s/tuf/%s/metadata/root.json", s.dir, GUN) > 0);

    for (size_t i = 0; i < N_ELEMENTS(damage); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(damage[i], file);
        fclose(file);

        answer_file(&s, &r.files[TIMESTAMP]);
        enter(&s);
        refuse(&s, RC_UNTRUSTED, "only then remove");
        leave(&s);
    }
}

/* Sign message with the key of part, as the file of it. */
static void
sign(struct repository *r, enum part part, const struct bytes *message)
{
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[part]};

    forge_file(&r->files[part], bytes_span(message), signers);
}

/* List what r has, under the root of base, in a newer snapshot and timestamp. */
static void
relist(struct repository *r, const struct bytes *root, int64_t version)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_listed listed[] = {{"root", bytes_span(root)},
        {"targets", bytes_span(&r->files[TARGETS])}, {"targets/qa", bytes_span(&r->files[QA])}};

    forge_snapshot(&message, version, FUTURE, listed, N_ELEMENTS(listed));
    sign(r, SNAPSHOT, &message);
    forge_timestamp(&message, version, FUTURE, bytes_span(&r->files[SNAPSHOT]));
    sign(r, TIMESTAMP, &message);
}

static void
test_takes_no_head_below_one_that_it_has_seen(void **state)
{
    static const enum part parts[] = {TIMESTAMP, SNAPSHOT};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
        closing(scene_done) struct scene s;
        closing(repository_done) struct repository newer = {0}, older = {0};

        scene_init(&s);
        repository_make(&newer, &(struct plan){0});
        repository_make(&older, &(struct plan){parts[i], .version = 4});
        see(&s, &newer);

        /* It looks for a newer root, tries again, and then whether the root is another one. */
        for (int again = 0; again < 2; again++) {
            answer_file(&s, &older.files[TIMESTAMP]);
            if (parts[i] == SNAPSHOT)
                answer_file(&s, &older.files[SNAPSHOT]);
            if (!again)
                answer_nothing(&s);
        }
        answer_file(&s, &newer.files[ROOT]);
        enter(&s);
        refuse(&s, RC_UNTRUSTED, "5 was seen");
    }
}

static void
test_takes_no_targets_below_those_that_it_has_seen(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository newer = {0}, older = {0};

    (void)state;
    scene_init(&s);
    repository_make(&newer, &(struct plan){0});
    repository_make(&older, &(struct plan){TARGETS, .version = 4});
    relist(&older, &newer.files[ROOT], 6);
    see(&s, &newer);
    answer_file(&s, &older.files[TIMESTAMP]);
    answer_file(&s, &older.files[SNAPSHOT]);
    answer_file(&s, &older.files[TARGETS]);
    enter(&s);
    refuse(&s, RC_UNTRUSTED, "5 was seen");
    assert_int_equal(trust_n_roles(s.trust), 0);
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
        closing(scene_done) struct scene s;
        closing(repository_done) struct repository newer = {0}, older = {0};

        scene_init(&s);
        repository_make(&newer, &(struct plan){0});
        repository_make(&older, &rows[i].plan);
        relist(&older, &newer.files[ROOT], 6);
        see(&s, &newer);
        answer_file(&s, &older.files[TIMESTAMP]);
        answer_file(&s, &older.files[SNAPSHOT]);
        answer_file(&s, &older.files[TARGETS]);
        answer_file(&s, &older.files[QA]);
        enter(&s);
        update(&s);

        const struct trust_role *qa = trust_find(s.trust, "targets/qa");
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
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){QA, .expires = PAST});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    answer_file(&s, &r.files[SNAPSHOT]);
    answer_file(&s, &r.files[TARGETS]);
    answer_file(&s, &r.files[QA]);
    enter_with(&s, (struct trust_options){.is_expired_allowed = true});
    update(&s);
    assert_non_null(trust_find(s.trust, "targets/qa")->document);
}

static void
test_notes_a_delegation_whose_file_is_not_there(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){QA, MISLISTED});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    answer_file(&s, &r.files[SNAPSHOT]);
    answer_file(&s, &r.files[TARGETS]);
    answer_nothing(&s);
    enter(&s);
    update(&s);

    const struct trust_role *qa = trust_find(s.trust, "targets/qa");
    assert_int_equal(qa->problem, RC_UNTRUSTED);
    assert_int_equal(qa->version, 0);
    assert_non_null(strstr(qa->why.text, "has no such file"));
}

static void
test_does_not_mistake_a_failing_server_for_a_failing_delegation(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){0});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    answer_file(&s, &r.files[SNAPSHOT]);
    answer_file(&s, &r.files[TARGETS]);
    answer(&s, "503 Service Unavailable", SPAN("{}"));
    enter(&s);
    refuse(&s, RC_NETWORK, "targets/qa of '" GUN "'");
    assert_int_equal(trust_n_roles(s.trust), 0);
    assert_false(trust_is_cached(s.trust));
}

static void
test_follows_newer_roots(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository before = {0}, after = {0};

    (void)state;
    scene_init(&s);
    repository_make(&before, &(struct plan){0});
    repository_make(&after, &(struct plan){ROOT, .version = 6});
    see(&s, &before);

    answer_file(&s, &after.files[TIMESTAMP]);
    answer_file(&s, &after.files[SNAPSHOT]); /* lists a root that is not known */
    answer_file(&s, &after.files[ROOT]);     /* 6.root */
    answer_nothing(&s);                      /* 7.root */
    answer_file(&s, &after.files[TIMESTAMP]);
    answer_file(&s, &after.files[SNAPSHOT]);
    answer_file(&s, &after.files[TARGETS]);
    answer_file(&s, &after.files[QA]);
    enter(&s);
    update(&s);
    assert_int_equal(trust_root(s.trust)->version, 6);
    assert_false(trust_is_first_use(s.trust));
    assert_non_null(strstr(canned_requests(&s.server), "/6.root.json"));
    assert_non_null(strstr(canned_requests(&s.server), "/7.root.json"));
}

static void
test_says_that_a_repository_was_made_anew(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository before = {0}, after = {0};

    (void)state;
    scene_init(&s);
    repository_make(&before, &(struct plan){0});
    repository_make(&after, &(struct plan){0});
    see(&s, &before);

    answer_file(&s, &after.files[TIMESTAMP]);
    answer_file(&s, &after.files[SNAPSHOT]);
    answer_nothing(&s);
    answer_file(&s, &after.files[TIMESTAMP]);
    answer_file(&s, &after.files[SNAPSHOT]);
    answer_file(&s, &after.files[ROOT]);
    enter(&s);
    refuse(&s, RC_UNTRUSTED, "made anew");
}

static void
test_takes_offered_files_and_an_adopted_root(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){0});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[SNAPSHOT]);
    answer_file(&s, &r.files[QA]);
    enter_with(&s, (struct trust_options){.is_first_use_refused = true});
    assert_int_equal(trust_adopt(s.trust, bytes_span(&r.files[ROOT]), NULL), RC_OK);
    assert_int_equal(trust_offer(s.trust, bytes_span(&r.files[TARGETS]), NULL), RC_OK);
    update(&s);
    assert_false(trust_is_first_use(s.trust));
    assert_int_equal(trust_n_roles(s.trust), 2);
}

static void
test_shows_the_head_where_the_rest_cannot_be_read(void **state)
{
    closing(scene_done) struct scene s;
    closing(repository_done) struct repository r = {0};

    (void)state;
    scene_init(&s);
    repository_make(&r, &(struct plan){TARGETS, MISLISTED});
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    answer_file(&s, &r.files[SNAPSHOT]);
    answer_nothing(&s);
    answer_file(&s, &r.files[TIMESTAMP]);
    answer_file(&s, &r.files[ROOT]);
    answer_file(&s, &r.files[SNAPSHOT]);
    enter(&s);
    assert_int_equal(trust_update(s.trust, NULL), RC_UNTRUSTED);
    assert_null(trust_listed(s.trust, "targets"));
    assert_int_equal(trust_update_head(s.trust, NULL), RC_OK);
    assert_int_equal(trust_listed(s.trust, "targets")->length, 1);
    assert_int_equal(trust_n_roles(s.trust), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_all_once_and_then_for_the_timestamp_only),
        cmocka_unit_test(test_refuses_first_use_where_it_is_told_to),
        cmocka_unit_test(test_tells_a_repository_that_never_was_from_one_that_vanished),
        cmocka_unit_test(test_never_falls_back_to_first_use),
        cmocka_unit_test(test_takes_no_head_below_one_that_it_has_seen),
        cmocka_unit_test(test_takes_no_targets_below_those_that_it_has_seen),
        cmocka_unit_test(test_skips_a_delegation_that_does_not_verify),
        cmocka_unit_test(test_reads_expired_documents_for_those_who_renew_them),
        cmocka_unit_test(test_notes_a_delegation_whose_file_is_not_there),
        cmocka_unit_test(test_does_not_mistake_a_failing_server_for_a_failing_delegation),
        cmocka_unit_test(test_follows_newer_roots),
        cmocka_unit_test(test_says_that_a_repository_was_made_anew),
        cmocka_unit_test(test_takes_offered_files_and_an_adopted_root),
        cmocka_unit_test(test_shows_the_head_where_the_rest_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
