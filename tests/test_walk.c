/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/walk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/repository.h"
#include "tests/vector.h"

static bool
is_there(const struct walk *w, enum part part)
{
    switch (part) {
    case ROOT:
        return walk_root_document(w) && walk_root_file(w);
    case TIMESTAMP:
        return walk_timestamp_document(w);
    case SNAPSHOT:
        return walk_snapshot_document(w);
    case TARGETS:
    case QA:
        return walk_targets_document(w, span_of(repository_roles[part])) &&
               walk_file(w, span_of(repository_roles[part]));
    case PARTS:
        break;
    }

    return false;
}

static struct walk *
make_walk(enum tuf_reading reading)
{
    struct walk *w = NULL;

    assert_int_equal(walk_new(&w, GUN, reading, NOW, NULL), RC_OK);
    return w;
}

static void
test_refuses_each_part_that_breaks_a_rule(void **state)
{
    const struct forge_key *root = &repository_keys[ROOT], *spare = &repository_keys[SPARE],
                           *qa = &repository_keys[QA];
    const struct {
        const char *says;
        struct plan plan;
        enum rc want;
        const char *why;
    } rows[] = {
        {"sound", {QA, SOUND}, RC_OK, NULL},
        {"unsigned root", {ROOT, UNSIGNED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"root signed by another key", {ROOT, MISSIGNED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"altered root", {ROOT, ALTERED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"root that is none", {ROOT, NO_DOCUMENT}, RC_UNTRUSTED, "_type"},
        {"root in another form", {ROOT, INEXACT}, RC_UNTRUSTED, "does not end"},
        {"root below its threshold", {ROOT, .listed = {root, spare}, .threshold = 2}, RC_UNTRUSTED,
            "signed by 1 of 2"},
        {"root within its threshold", {ROOT, .listed = {root, spare}}, RC_OK, NULL},
        {"root with a flaw", {ROOT, .threshold = 2}, RC_UNTRUSTED, "threshold 2"},
        {"root with a plain key", {ROOT, .listed = {root, qa}}, RC_UNTRUSTED, "root key"},
        {"root with an expired certificate", {ROOT, .listed = {root, &repository_keys[EXPIRED]}},
            RC_UNTRUSTED, "root key"},
        {"root of another repository", {ROOT, .listed = {root, &repository_keys[ELSEWHERE]}},
            RC_UNTRUSTED, "localhost:5000/shop/other"},
        {"root for any repository", {ROOT, .listed = {root, &repository_keys[WILDCARD]}},
            RC_UNTRUSTED, "localhost:5000/*"},

        {"expired timestamp", {TIMESTAMP, .expires = PAST}, RC_UNTRUSTED,
            "expired at 2026-11-22T13:44:54Z, the clock here says "},
        {"timestamp of the last second", {TIMESTAMP, .expires = "2027-01-15T08:00:00Z"}, RC_OK,
            NULL},
        {"timestamp a second too late", {TIMESTAMP, .expires = "2027-01-15T07:59:59Z"},
            RC_UNTRUSTED, "expired"},
        {"unsigned timestamp", {TIMESTAMP, UNSIGNED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"timestamp signed by another key", {TIMESTAMP, MISSIGNED}, RC_UNTRUSTED, "signed by"},
        {"altered timestamp", {TIMESTAMP, ALTERED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"timestamp that is none", {TIMESTAMP, NO_DOCUMENT}, RC_UNTRUSTED, "_type"},
        {"timestamp in another form", {TIMESTAMP, INEXACT}, RC_UNTRUSTED, "does not end"},
        {"timestamp below the floor", {TIMESTAMP, .version = 2}, RC_UNTRUSTED, "3 was seen"},
        {"timestamp on the floor", {TIMESTAMP, .version = 3}, RC_OK, NULL},

        {"expired snapshot", {SNAPSHOT, .expires = PAST}, RC_UNTRUSTED, "expired"},
        {"snapshot signed by another key", {SNAPSHOT, MISSIGNED}, RC_UNTRUSTED, "signed by"},
        {"altered snapshot", {SNAPSHOT, ALTERED}, RC_UNTRUSTED, "sha256"},
        {"another snapshot than listed", {SNAPSHOT, MISLISTED}, RC_UNTRUSTED, "listed are 1"},
        {"snapshot that is none", {SNAPSHOT, NO_DOCUMENT}, RC_UNTRUSTED, "_type"},
        {"snapshot in another form", {SNAPSHOT, INEXACT}, RC_UNTRUSTED, "does not end"},
        {"snapshot below the floor", {SNAPSHOT, .version = 2}, RC_UNTRUSTED, "3 was seen"},
        {"snapshot on the floor", {SNAPSHOT, .version = 3}, RC_OK, NULL},

        {"expired targets", {TARGETS, .expires = PAST}, RC_UNTRUSTED, "expired"},
        {"targets signed by another key", {TARGETS, MISSIGNED}, RC_UNTRUSTED, "signed by"},
        {"altered targets", {TARGETS, ALTERED}, RC_UNTRUSTED, "sha256"},
        {"other targets than listed", {TARGETS, MISLISTED}, RC_UNTRUSTED, "listed are 1"},
        {"unlisted targets", {TARGETS, UNLISTED}, RC_NOT_FOUND, "snapshot lists no"},
        {"targets that are none", {TARGETS, NO_DOCUMENT}, RC_UNTRUSTED, "_type"},
        {"targets in another form", {TARGETS, INEXACT}, RC_UNTRUSTED, "does not end"},
        {"targets below the floor", {TARGETS, .version = 2}, RC_UNTRUSTED, "3 was seen"},
        {"targets on the floor", {TARGETS, .version = 3}, RC_OK, NULL},

        {"expired delegation", {QA, .expires = PAST}, RC_UNTRUSTED, "expired"},
        {"unsigned delegation", {QA, UNSIGNED}, RC_UNTRUSTED, "signed by 0 of 1"},
        {"delegation signed by the key of its parent", {QA, MISSIGNED}, RC_UNTRUSTED, "signed by"},
        {"altered delegation", {QA, ALTERED}, RC_UNTRUSTED, "sha256"},
        {"another delegation than listed", {QA, MISLISTED}, RC_UNTRUSTED, "listed are 1"},
        {"delegation without a file", {QA, UNLISTED}, RC_NOT_FOUND, "snapshot lists no"},
        {"delegation that nobody lists", {QA, NOT_DELEGATED}, RC_NOT_FOUND, "delegates"},
        {"delegation that is none", {QA, NO_DOCUMENT}, RC_UNTRUSTED, "_type"},
        {"delegation in another form", {QA, INEXACT}, RC_UNTRUSTED, "does not end"},
        {"delegation below its threshold", {QA, .listed = {qa, spare}, .threshold = 2},
            RC_UNTRUSTED, "signed by 1 of 2"},
        {"delegation within its threshold", {QA, .listed = {spare, qa}}, RC_OK, NULL},
        {"delegation below the floor", {QA, .version = 2}, RC_UNTRUSTED, "3 was seen"},
        {"delegation on the floor", {QA, .version = 3}, RC_OK, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(repository_done) struct repository r = {0};
        closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);
        enum part fails = ROOT;
        struct why why = {0};

        repository_make(&r, &rows[i].plan);
        for (enum part part = TIMESTAMP; part < PARTS; part++)
            assert_int_equal(walk_floor(w, span_of(repository_roles[part]), 3, NULL), RC_OK);

        enum rc rc = RC_OK;
        while (fails < PARTS && !rc) {
            rc = repository_take(w, fails, &r, &why);
            if (rc)
                break;
            assert_true(is_there(w, fails));
            fails++;
        }

        if (rc != rows[i].want || (rc && !strstr(why.text, rows[i].why)))
            fail_msg("%s: %d, %s", rows[i].says, rc, why.text);
        if (rc) {
            assert_false(is_there(w, fails));
            assert_int_equal(fails, rows[i].plan.part);
            assert_int_equal(walk_cause(w), rows[i].plan.expires        ? WALK_CAUSE_EXPIRED
                                            : rows[i].plan.version == 2 ? WALK_CAUSE_ROLLBACK
                                                                        : WALK_CAUSE_OTHER);
        }
    }
}

static void
test_keeps_what_it_has_where_a_newer_file_is_refused(void **state)
{
    closing(repository_done) struct repository sound = {0};
    closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);

    (void)state;
    repository_make(&sound, &(struct plan){0});
    repository_take_to(w, &sound, QA);
    for (enum part part = ROOT; part < PARTS; part++) {
        closing(repository_done) struct repository r = {0};
        struct plan plan = {part, UNSIGNED, .version = 6};

        repository_make(&r, &plan);
        assert_int_equal(repository_take(w, part, &r, NULL), RC_UNTRUSTED);
        for (enum part i = ROOT; i < PARTS; i++)
            assert_true(is_there(w, i));
    }
    assert_int_equal(walk_targets_document(w, SPAN("targets/qa"))->version, 5);
}

static void
test_forgets_what_was_trusted_through_a_file_that_is_replaced(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);

    (void)state;
    repository_make(&r, &(struct plan){0});
    for (enum part part = ROOT; part < PARTS; part++) {
        repository_take_to(w, &r, QA);
        assert_int_equal(repository_take(w, part, &r, NULL), RC_OK);
        for (enum part i = ROOT; i < PARTS; i++)
            assert_int_equal(is_there(w, i), i <= part);
    }
}

static void
test_takes_nothing_out_of_order(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);
    const struct tuf_keys *listed_keys = NULL;

    (void)state;
    repository_make(&r, &(struct plan){0});
    assert_int_equal(walk_root(w, bytes_span(&r.files[ROOT]), NULL), RC_UNTRUSTED);
    assert_int_equal(walk_roots_done(w, NULL), RC_UNTRUSTED);
    assert_null(walk_role(w, SPAN("targets"), &listed_keys));
    assert_null(walk_listed(w, SPAN("snapshot")));
    assert_null(walk_listed(w, SPAN("targets")));
    assert_int_equal(repository_take(w, TIMESTAMP, &r, NULL), RC_UNTRUSTED);
    assert_int_equal(repository_take(w, SNAPSHOT, &r, NULL), RC_UNTRUSTED);
    assert_int_equal(repository_take(w, TARGETS, &r, NULL), RC_NOT_FOUND);
    repository_take_to(w, &r, TIMESTAMP);
    assert_int_equal(repository_take(w, TARGETS, &r, NULL), RC_NOT_FOUND);
    repository_take_to(w, &r, SNAPSHOT);
    assert_int_equal(repository_take(w, QA, &r, NULL), RC_NOT_FOUND);
    assert_int_equal(walk_targets(w, SPAN("snapshot"), SPAN("x"), NULL), RC_NOT_FOUND);
    assert_int_equal(walk_targets(w, SPAN("targets/"), SPAN("x"), NULL), RC_NOT_FOUND);
    repository_take_to(w, &r, QA);
}

static void
test_shows_how_roles_and_files_are_listed(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_take_to(w, &r, QA);
    for (enum part part = ROOT; part < PARTS; part++) {
        const struct tuf_keys *listed_keys = NULL;
        const struct tuf_role *role = walk_role(w, span_of(repository_roles[part]), &listed_keys);

        assert_non_null(role);
        assert_string_equal(role->keyids[0].hex, forge_key_id(&repository_keys[part]));
        assert_non_null(tuf_keys_find(listed_keys, &role->keyids[0]));

        const struct tuf_listed *listed = walk_listed(w, span_of(repository_roles[part]));
        if (part == TIMESTAMP)
            assert_null(listed);
        else
            assert_int_equal(listed->length, r.files[part].len);
    }
    assert_null(walk_listed(w, SPAN("targets/dev")));
}

static void
test_takes_expired_targets_where_it_is_told_to(void **state)
{
    static const enum part expired[] = {TARGETS, QA};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(expired); i++) {
        closing(repository_done) struct repository r = {0};
        closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);
        struct plan plan = {expired[i], .expires = PAST};

        repository_make(&r, &plan);
        repository_take_to(w, &r, expired[i] - 1);
        assert_int_equal(repository_take(w, expired[i], &r, NULL), RC_UNTRUSTED);
        walk_allow_expired(w);
        repository_take_to(w, &r, QA);
    }
}

static void
test_takes_what_the_snapshot_lists_otherwise_where_it_is_told_to(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes other = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(repository_done) struct repository r = {0};
    closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_take_to(w, &r, SNAPSHOT);
    forge_targets(&message, 5, FUTURE, NULL, 0, "{}");
    forge_file(&other, bytes_span(&message),
        (const struct forge_key *[FORGE_KEYS_MAX]){&repository_keys[QA]});
    assert_int_equal(
        walk_targets_mislisted(w, SPAN("targets"), bytes_span(&other), NULL), RC_UNTRUSTED);
    assert_int_equal(
        walk_targets_mislisted(w, SPAN("targets/x"), bytes_span(&other), NULL), RC_NOT_FOUND);

    forge_file(&other, bytes_span(&message),
        (const struct forge_key *[FORGE_KEYS_MAX]){&repository_keys[TARGETS]});
    assert_int_equal(walk_targets(w, SPAN("targets"), bytes_span(&other), NULL), RC_UNTRUSTED);
    assert_int_equal(walk_targets_mislisted(w, SPAN("targets"), bytes_span(&other), NULL), RC_OK);
    assert_int_equal(walk_targets_document(w, SPAN("targets"))->version, 5);
}

static void
test_ignores_all_expiry_only_where_it_is_told_to_and_nothing_else(void **state)
{
    const struct plan rows[] = {
        {ROOT, .expires = PAST},
        {TIMESTAMP, .expires = PAST},
        {SNAPSHOT, .expires = PAST},
        {TARGETS, .expires = PAST},
        {QA, .expires = PAST},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(repository_done) struct repository r = {0};
        closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);
        struct why why = {0};

        repository_make(&r, &rows[i]);
        walk_ignore_expiry(w);
        repository_take_to(w, &r, QA);
        assert_int_equal(walk_floor(w, SPAN("timestamp"), 6, NULL), RC_OK);
        assert_int_equal(repository_take(w, TIMESTAMP, &r, &why), RC_UNTRUSTED);
        assert_int_equal(walk_cause(w), WALK_CAUSE_ROLLBACK);
    }
}

static void
test_takes_other_forms_and_wildcards_only_tolerantly(void **state)
{
    const struct plan rows[] = {
        {ROOT, INEXACT},
        {ROOT, .listed = {&repository_keys[ROOT], &repository_keys[WILDCARD]}},
        {TIMESTAMP, INEXACT},
        {SNAPSHOT, INEXACT},
        {TARGETS, INEXACT},
        {QA, INEXACT},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(repository_done) struct repository r = {0};
        closing(walk_freep) struct walk *w = make_walk(TUF_TOLERANT);

        repository_make(&r, &rows[i]);
        repository_take_to(w, &r, QA);
        assert_int_equal(walk_file(w, SPAN("targets/qa"))->is_exact, rows[i].part != QA);
    }
}

/* targets/a and below it targets/a/b, with these paths. */
static void
take_tree(struct walk *w, const char *a_paths, const char *b_paths)
{
    closing(repository_done) struct repository r = {0};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes a = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[QA]};
    const struct forge_role a_role = {"targets/a", {&repository_keys[QA]}, 1, a_paths};
    const struct forge_role b_role = {"targets/a/b", {&repository_keys[QA]}, 1, b_paths};
    struct forge_listed listed[3] = {{.role = "root"}, {.role = "targets"}, {.role = "targets/a"}};

    repository_make(&r, &(struct plan){0});
    forge_targets(&message, 1, FUTURE, &b_role, 1, "{}");
    forge_file(&a, bytes_span(&message), signers);
    forge_targets(&message, 1, FUTURE, &a_role, 1, "{}");
    forge_file(&r.files[TARGETS], bytes_span(&message),
        (const struct forge_key *[FORGE_KEYS_MAX]){&repository_keys[TARGETS]});
    listed[0].file = bytes_span(&r.files[ROOT]);
    listed[1].file = bytes_span(&r.files[TARGETS]);
    listed[2].file = bytes_span(&a);
    forge_snapshot(&message, 1, FUTURE, listed, 3);
    forge_file(&r.files[SNAPSHOT], bytes_span(&message),
        (const struct forge_key *[FORGE_KEYS_MAX]){&repository_keys[SNAPSHOT]});
    forge_timestamp(&message, 1, FUTURE, bytes_span(&r.files[SNAPSHOT]));
    forge_file(&r.files[TIMESTAMP], bytes_span(&message),
        (const struct forge_key *[FORGE_KEYS_MAX]){&repository_keys[TIMESTAMP]});

    repository_take_to(w, &r, TARGETS);
    assert_int_equal(walk_targets(w, SPAN("targets/a"), bytes_span(&a), NULL), RC_OK);
}

static void
test_restricts_paths_from_the_top_down(void **state)
{
    static const struct {
        const char *a_paths, *b_paths, *name;
        bool a, b;
    } rows[] = {
        {"[\"\"]", "[\"\"]", "v1", true, true},
        {"[\"\"]", "[\"v\"]", "v1", true, true},
        {"[\"\"]", "[\"v\"]", "x1", true, false},
        {"[\"v\"]", "[\"v1\"]", "v1.2", true, true},
        {"[\"v\"]", "[\"v1\"]", "v2", true, false},
        {"[\"v\"]", "[\"v\"]", "v2", true, true},
        /* A path that no path above is a prefix of does not count at all. */
        {"[\"v\"]", "[\"\"]", "v1", true, false},
        {"[\"v1\"]", "[\"v\"]", "v1", true, false},
        {"[\"v1\"]", "[\"v\",\"v1.\"]", "v1.2", true, true},
        {"[\"v1.2\",\"v\"]", "[\"v1\"]", "v1.2", true, true},
        {"[\"v\"]", "[\"x\"]", "x1", false, false},
        {NULL, "[\"\"]", "v1", false, false},
        {"[\"\"]", NULL, "v1", true, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(walk_freep) struct walk *w = make_walk(TUF_STRICT);
        struct span name = span_of(rows[i].name);

        take_tree(w, rows[i].a_paths, rows[i].b_paths);
        assert_true(walk_admits(w, SPAN("targets"), name));
        if (walk_admits(w, SPAN("targets/a"), name) != rows[i].a ||
            walk_admits(w, SPAN("targets/a/b"), name) != rows[i].b)
            fail_msg("%s, %s and %s", rows[i].a_paths, rows[i].b_paths, rows[i].name);
        assert_false(walk_admits(w, SPAN("targets/a/b/c"), name));
        assert_false(walk_admits(w, SPAN("targets/x"), name));
        assert_false(walk_admits(w, SPAN("snapshot"), name));
        assert_false(walk_admits(w, SPAN(""), name));
    }
}

/* The vectors were made in November 2026, for this repository, and expire in 2029. */
#define VECTOR_NOW 1796000000

static void
load(struct bytes *ret, const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);

    bytes_printf(&path, "notary/alpha-ed25519-server/%s", name);
    bytes_clear(ret);
    vector_load(ret, bytes_text(&path));
}

static void
test_walks_a_repository_of_notary(void **state)
{
    static const char *const files[][2] = {{"targets", "targets.json"},
        {"targets/releases", "targets/releases.json"}, {"targets/qa", "targets/qa.json"}};
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(walk_freep) struct walk *w = NULL;
    struct why why = {0};

    (void)state;
    assert_int_equal(walk_new(&w, "localhost/acme/alpha", TUF_STRICT, VECTOR_NOW, NULL), RC_OK);
    load(&file, "1.root.json");
    if (walk_anchor(w, bytes_span(&file), &why))
        fail_msg("%s", why.text);
    load(&file, "2.root.json");
    if (walk_root(w, bytes_span(&file), &why))
        fail_msg("%s", why.text);
    load(&file, "timestamp.json");
    if (walk_timestamp(w, bytes_span(&file), &why))
        fail_msg("%s", why.text);
    load(&file, "snapshot.json");
    if (walk_snapshot(w, bytes_span(&file), &why))
        fail_msg("%s", why.text);
    for (size_t i = 0; i < N_ELEMENTS(files); i++) {
        load(&file, files[i][1]);
        if (walk_targets(w, span_of(files[i][0]), bytes_span(&file), &why))
            fail_msg("%s", why.text);
    }
    assert_true(walk_admits(w, SPAN("targets/releases"), SPAN("anything")));
    assert_false(walk_admits(w, SPAN("targets/qa"), SPAN("anything")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_each_part_that_breaks_a_rule),
        cmocka_unit_test(test_keeps_what_it_has_where_a_newer_file_is_refused),
        cmocka_unit_test(test_forgets_what_was_trusted_through_a_file_that_is_replaced),
        cmocka_unit_test(test_takes_nothing_out_of_order),
        cmocka_unit_test(test_shows_how_roles_and_files_are_listed),
        cmocka_unit_test(test_takes_expired_targets_where_it_is_told_to),
        cmocka_unit_test(test_takes_what_the_snapshot_lists_otherwise_where_it_is_told_to),
        cmocka_unit_test(test_ignores_all_expiry_only_where_it_is_told_to_and_nothing_else),
        cmocka_unit_test(test_takes_other_forms_and_wildcards_only_tolerantly),
        cmocka_unit_test(test_restricts_paths_from_the_top_down),
        cmocka_unit_test(test_walks_a_repository_of_notary),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
