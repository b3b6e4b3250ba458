/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base_state.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/subject_notary.h"
#include "proto/bounds.h"
#include "tests/repository.h"

/* A request for documents of some roles, and the chain that comes with it. */
struct request {
    struct message_sign sign;
    struct message_document documents[2];
    struct message_chain chains[2];
    struct message_file files[2][8];
};

static void
request_init(struct request *q, const char *role, const char *other_role)
{
    *q = (struct request){
        .documents = {{.repository = GUN, .role = role}, {.repository = GUN, .role = other_role}}};
    q->sign = (struct message_sign){.documents = q->documents,
        .n_documents = other_role ? 2 : 1,
        .bases = q->chains,
        .n_bases = 1};
    for (size_t i = 0; i < N_ELEMENTS(q->chains); i++)
        q->chains[i] = (struct message_chain){GUN, q->files[i], 0};
}

static void
request_done(struct request *q)
{
    for (size_t i = 0; i < N_ELEMENTS(q->chains); i++)
        for (size_t k = 0; k < q->chains[i].n_files; k++)
            bytes_done(&q->files[i][k].message);
}

static void
put_file(struct message_chain *chain, const char *role, int64_t version, struct span raw)
{
    struct message_file *file = &chain->files[chain->n_files++];

    *file = (struct message_file){role, version, .message = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    bytes_put(&file->message, raw);
    digest_of(&file->digest, raw);
}

/* All that a repository has from timestamp to last; the versions that a plan makes. */
static void
put_chain(struct request *q, const struct repository *r, const struct plan *plan, enum part last)
{
    for (enum part part = TIMESTAMP; part <= last; part++) {
        int64_t version = plan->part == part && plan->version ? plan->version : 5;
        put_file(&q->chains[0], repository_roles[part], version, bytes_span(&r->files[part]));
    }
}

static enum rc
verify(struct base **ret, const struct request *q, const struct bytes *root, struct why *why)
{
    struct span files[8];
    struct base_request request = {
        &q->sign, &q->chains[0], files, .anchor = bytes_span(root), .now = NOW};

    if (bases_check(&q->sign, why))
        fail_msg("%s", why->text);

    for (size_t i = 0; i < q->chains[0].n_files; i++)
        files[i] = bytes_span(&q->files[0][i].message);
    return base_new(ret, &request, why);
}

static void
test_shows_what_is_published(void **state)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    struct digest digest, delegations;
    struct why why = {0};

    (void)state;
    request_init(&q, "targets/qa", NULL);
    repository_make(&r, &(struct plan){TARGETS, .version = 7});
    put_chain(&q, &r, &(struct plan){TARGETS, .version = 7}, QA);
    if (verify(&base, &q, &r.files[ROOT], &why))
        fail_msg("%s", why.text);

    assert_int_equal(tuf_file_parse(&file, bytes_span(&r.files[TARGETS]), TUF_STRICT, NULL), RC_OK);
    assert_int_equal(tuf_targets_parse(&targets, bytes_span(&file->message), NULL), RC_OK);
    digest_of(&digest, bytes_span(&file->message));
    digest_of(&delegations, targets->delegations);

    assert_int_equal(base->n_roles, 5);
    assert_int_equal(base_find(base, "timestamp")->version, 5);
    assert_int_equal(base_find(base, "snapshot")->version, 5);
    assert_int_equal(base_find(base, "root")->version, 5);
    assert_int_equal(base_find(base, "targets")->version, 7);
    assert_true(digest_eq(&base_find(base, "targets")->message, &digest));
    assert_true(digest_eq(&base_find(base, "targets")->delegations, &delegations));
    assert_int_equal(base_find(base, "targets/qa")->version, 5);
    assert_true(digest_eq(&base_find(base, "targets/qa")->delegations, &(struct digest){0}));
    assert_null(base_find(base, "targets/dev"));
    assert_true(span_eq(bytes_span(&base->root_file), bytes_span(&r.files[ROOT])));
}

static void
test_shows_who_signed(void **state)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    static const char *const roles[] = {"root", "targets", "targets/qa"};
    struct why why = {0};

    (void)state;
    request_init(&q, "targets/qa", NULL);
    repository_make(&r, &(struct plan){0});
    put_chain(&q, &r, &(struct plan){0}, QA);
    assert_int_equal(verify(&base, &q, &r.files[ROOT], &why), RC_OK);

    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        const struct base_role *role = base_find(base, roles[i]);
        assert_int_equal(role->n_signers, 1);
        for (size_t k = 0; k < i; k++)
            assert_false(keyid_eq(&role->signers[0], &base_find(base, roles[k])->signers[0]));
    }
}

/* Of two keys of which one is enough, the one that did. */
static void
test_shows_who_signed_of_several(void **state)
{
    const struct plan plan = {
        TARGETS, .listed = {&repository_keys[SPARE], &repository_keys[TARGETS]}};
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct why why = {0};

    (void)state;
    request_init(&q, "targets/qa", NULL);
    repository_make(&r, &plan);
    put_chain(&q, &r, &plan, QA);
    if (verify(&base, &q, &r.files[ROOT], &why))
        fail_msg("%s", why.text);

    assert_int_equal(base_find(base, "targets")->n_signers, 1);
    assert_true(keyid_eq(&base_find(base, "targets")->signers[0],
        pubkey_canonical_id(repository_keys[TARGETS].key)));
}

static void
test_shows_nothing_of_roles_that_were_not_brought(void **state)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct why why = {0};

    (void)state;
    request_init(&q, "targets/qa", NULL);
    repository_make(&r, &(struct plan){0});
    put_chain(&q, &r, &(struct plan){0}, TARGETS);
    if (verify(&base, &q, &r.files[ROOT], &why))
        fail_msg("%s", why.text);

    assert_null(base_find(base, "targets/qa"));
    assert_non_null(base_find(base, "targets"));
}

#define NONE       DECIDE_BASE_NONE
#define EMPTY      DECIDE_BASE_EMPTY
#define FILE_THERE DECIDE_BASE_FILE
#define UNREADABLE DECIDE_BASE_UNREADABLE

static void
test_says_of_each_file_what_it_shows_or_refuses_all(void **state)
{
    static const struct {
        struct plan plan;
        enum part last;
        const char *why;              /* NULL: it verifies */
        enum decide_base targets, qa; /* what is known then */
    } rows[] = {
        {{QA, SOUND}, QA, NULL, FILE_THERE, FILE_THERE},
        {{TIMESTAMP, .expires = PAST}, QA, "timestamp: expired", NONE, NONE},
        {{TIMESTAMP, MISSIGNED}, QA, "timestamp: signed by 0", NONE, NONE},
        {{TIMESTAMP, INEXACT}, QA, "timestamp", NONE, NONE},
        {{SNAPSHOT, .expires = PAST}, QA, "snapshot: expired", NONE, NONE},
        {{SNAPSHOT, MISSIGNED}, QA, "snapshot: signed by 0", NONE, NONE},
        {{SNAPSHOT, MISLISTED}, QA, "snapshot", NONE, NONE},
        {{QA, SOUND}, TIMESTAMP, "ends before the snapshot", NONE, NONE},
        /* what is expired is still what is published */
        {{TARGETS, .expires = PAST}, QA, NULL, FILE_THERE, FILE_THERE},
        {{QA, .expires = PAST}, QA, NULL, FILE_THERE, FILE_THERE},
        /* other files than those that are listed */
        {{TARGETS, ALTERED}, QA, "targets", NONE, NONE},
        {{TARGETS, MISLISTED}, QA, "targets", NONE, NONE},
        {{TARGETS, UNLISTED}, TARGETS, "the snapshot lists no such file", NONE, NONE},
        {{QA, MISLISTED}, QA, "targets/qa", NONE, NONE},
        {{QA, UNLISTED}, QA, "the snapshot lists no such file", NONE, NONE},
        /* files of those who may not sign any more */
        {{TARGETS, MISSIGNED}, QA, "targets: signed by 0", NONE, NONE},
        {{QA, MISSIGNED}, QA, NULL, FILE_THERE, EMPTY},
        {{QA, NOT_DELEGATED}, QA, NULL, FILE_THERE, EMPTY},
        {{QA, NOT_DELEGATED}, TARGETS, NULL, FILE_THERE, EMPTY},
        /* files that cannot be read */
        {{TARGETS, INEXACT}, QA, "targets", NONE, NONE},
        {{TARGETS, NO_DOCUMENT}, QA, "targets", NONE, NONE},
        {{QA, INEXACT}, QA, "targets/qa", NONE, NONE},
        {{QA, NO_DOCUMENT}, QA, "targets/qa", NONE, NONE},
        /* files that were not brought */
        {{QA, SOUND}, SNAPSHOT, NULL, UNREADABLE, UNREADABLE},
        {{QA, SOUND}, TARGETS, NULL, FILE_THERE, UNREADABLE},
        {{TARGETS, UNLISTED}, SNAPSHOT, NULL, EMPTY, EMPTY},
        {{QA, UNLISTED}, TARGETS, NULL, FILE_THERE, EMPTY},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(request_done) struct request q;
        closing(repository_done) struct repository r = {0};
        closing(base_freep) struct base *base = NULL;
        struct why why = {0};

        request_init(&q, "targets/qa", NULL);
        repository_make(&r, &rows[i].plan);
        put_chain(&q, &r, &rows[i].plan, rows[i].last);
        enum rc rc = verify(&base, &q, &r.files[ROOT], &why);
        if (rc != (rows[i].why ? RC_UNTRUSTED : RC_OK) ||
            (rows[i].why && !strstr(why.text, rows[i].why)))
            fail_msg("row %zu: rc %d, '%s'", i, (int)rc, why.text);
        if (!rc && (base_state(base, "targets") != rows[i].targets ||
                       base_state(base, "targets/qa") != rows[i].qa))
            fail_msg("row %zu: %d, %d", i, (int)base_state(base, "targets"),
                (int)base_state(base, "targets/qa"));
        assert_true(rc || base_state(base, "root") == FILE_THERE);
    }
}

/* Roles whose floors end, or whose files went away. */
static void
test_tells_who_is_delegated_to_no_more_and_whose_file_is_gone(void **state)
{
    static const struct {
        struct plan plan;
        enum part last;
        bool is_orphan, is_missing;
    } rows[] = {
        {{QA, SOUND}, QA, false, false},
        {{QA, SOUND}, SNAPSHOT, false, false},
        {{QA, NOT_DELEGATED}, TARGETS, true, false},
        {{QA, UNLISTED}, TARGETS, false, true},
        {{TARGETS, UNLISTED}, SNAPSHOT, false, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(request_done) struct request q;
        closing(repository_done) struct repository r = {0};
        closing(base_freep) struct base *base = NULL;
        struct why why = {0};

        request_init(&q, "targets/qa", NULL);
        repository_make(&r, &rows[i].plan);
        put_chain(&q, &r, &rows[i].plan, rows[i].last);
        assert_int_equal(verify(&base, &q, &r.files[ROOT], &why), RC_OK);
        assert_int_equal(base_is_orphan(base, SPAN("targets/qa")), rows[i].is_orphan);
        assert_int_equal(base_is_missing(base, SPAN("targets/qa")), rows[i].is_missing);
        assert_int_equal(base_is_missing(base, SPAN("targets")), rows[i].plan.part == TARGETS);
        assert_false(base_is_orphan(base, SPAN("targets")));
        assert_false(base_is_missing(base, SPAN("snapshot")));
    }
}

static void
test_refuses_a_file_of_another_version_than_it_says(void **state)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct why why;

    (void)state;
    request_init(&q, "targets", NULL);
    repository_make(&r, &(struct plan){0});
    put_chain(&q, &r, &(struct plan){TARGETS, .version = 6}, TARGETS);
    assert_int_equal(verify(&base, &q, &r.files[ROOT], &why), RC_UNTRUSTED);
    assert_string_equal(why.text, "targets: version is 5, want 6");
}

/* A chain from the root of one plan to the files of another. */
static enum rc
verify_from(struct base **ret, const struct plan *own, const struct plan *published,
    const int64_t roots[3], struct why *why)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository ours = {0};
    closing(repository_done) struct repository theirs = {0};
    static const char *const names[] = {"4.root", "5.root", "6.root", "7.root"};

    request_init(&q, "targets", NULL);
    repository_make(&ours, own);
    repository_make(&theirs, published);
    for (size_t i = 0; roots[i]; i++) {
        closing(repository_done) struct repository other = {0};
        repository_make(&other, &(struct plan){ROOT, .version = roots[i]});
        bool is_theirs = roots[i] == (published->version ? published->version : 5);
        put_file(&q.chains[0], names[roots[i] - 4], roots[i],
            bytes_span(is_theirs ? &theirs.files[ROOT] : &other.files[ROOT]));
    }
    put_chain(&q, &theirs, published, TARGETS);
    return verify(ret, &q, &ours.files[ROOT], why);
}

static void
test_goes_from_our_root_to_the_newest(void **state)
{
    const struct forge_key *root = &repository_keys[ROOT], *spare = &repository_keys[SPARE];
    const struct {
        const char *says;
        struct plan own, published;
        int64_t roots[3];
        enum rc want;
        const char *why;
    } rows[] = {
        {"our own root, signed again", {ROOT}, {ROOT}, {5}, RC_OK, NULL},
        {"our own root with other signatures, not brought", {ROOT}, {ROOT}, {0}, RC_UNTRUSTED,
            "another root"},
        {"an older one before it", {ROOT}, {ROOT}, {4, 5}, RC_OK, NULL},
        {"the next one", {ROOT}, {ROOT, .version = 6}, {6}, RC_OK, NULL},
        {"ours and the next one", {ROOT}, {ROOT, .version = 6}, {5, 6}, RC_OK, NULL},
        {"two more", {ROOT}, {ROOT, .version = 7}, {6, 7}, RC_OK, NULL},
        {"a gap", {ROOT}, {ROOT, .version = 7}, {7}, RC_UNTRUSTED, "version is 7, want 6"},
        {"an older one than ours", {ROOT, .version = 6}, {ROOT}, {5}, RC_STALE, "older"},
        {"another document of our version", {ROOT}, {ROOT, .listed = {root, spare}}, {5},
            RC_UNTRUSTED, "another than the one known here"},
        {"a newer one that is not signed by the keys of ours", {ROOT},
            {ROOT, MISSIGNED, .version = 6}, {6}, RC_UNTRUSTED, "next root"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(base_freep) struct base *base = NULL;
        struct why why = {0};

        enum rc rc = verify_from(&base, &rows[i].own, &rows[i].published, rows[i].roots, &why);
        if (rc != rows[i].want || (rows[i].why && !strstr(why.text, rows[i].why)))
            fail_msg("%s: rc %d, '%s'", rows[i].says, (int)rc, why.text);
        if (rc)
            continue;

        int64_t version = rows[i].published.version ? rows[i].published.version : 5;
        assert_int_equal(base_find(base, "root")->version, version);
        assert_true(base->root_file.len > 0);
        /* Keys whose roots could come back, of the roots that are new. */
        assert_int_equal(base->root_keys.n, version > 5);
        assert_true(
            version == 5 || keyid_eq(&base->root_keys.ids[0], pubkey_canonical_id(root->key)));
    }
}

static void
test_says_when_our_own_root_is_none(void **state)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct why why;

    (void)state;
    request_init(&q, "targets", NULL);
    repository_make(&r, &(struct plan){0});
    put_chain(&q, &r, &(struct plan){0}, TARGETS);
    r.files[ROOT].len = 2;
    assert_int_equal(verify(&base, &q, &r.files[ROOT], &why), RC_STORAGE);
}

/* The canonical ID of a key of the repository. */
static struct keyid
id_of(int key)
{
    return *pubkey_canonical_id(repository_keys[key].key);
}

static enum rc
verify_pinned(const struct keyid *pin, const struct plan *published, struct why *why)
{
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct span files[8];
    struct base_request request = {
        &q.sign, &q.chains[0], files, .pins = pin, .n_pins = 1, .now = NOW};

    request_init(&q, "targets", NULL);
    repository_make(&r, published);
    for (int64_t version = 4; version <= 5; version++) {
        closing(repository_done) struct repository before = {0};
        repository_make(&before, &(struct plan){ROOT, .version = version});
        put_file(&q.chains[0], version == 4 ? "4.root" : "5.root", version,
            bytes_span(version == 5 ? &r.files[ROOT] : &before.files[ROOT]));
    }
    put_chain(&q, &r, published, TARGETS);
    assert_int_equal(bases_check(&q.sign, why), RC_OK);
    for (size_t i = 0; i < q.chains[0].n_files; i++)
        files[i] = bytes_span(&q.files[0][i].message);
    enum rc rc = base_new(&base, &request, why);
    assert_true(rc || base->root_keys.n == 1);
    return rc;
}

static void
test_starts_from_a_root_that_a_pinned_key_signed(void **state)
{
    const struct keyid root = id_of(ROOT), spare = id_of(SPARE), targets = id_of(TARGETS);
    struct why why = {0};

    (void)state;
    assert_int_equal(verify_pinned(&root, &(struct plan){0}, &why), RC_OK);
    assert_int_equal(verify_pinned(&spare, &(struct plan){0}, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "no root of the chain"));
    /* A key of another role is none of the root. */
    assert_int_equal(verify_pinned(&targets, &(struct plan){0}, &why), RC_UNTRUSTED);
    assert_int_equal(verify_pinned(&root, &(struct plan){ROOT, MISSIGNED}, &why), RC_UNTRUSTED);
}

/* Listed, and not signed by: whoever has the public key can list it. */
static void
test_takes_no_root_for_pinned_because_it_lists_a_key(void **state)
{
    const struct keyid spare = id_of(SPARE);
    const struct plan listed = {ROOT, .listed = {&repository_keys[ROOT], &repository_keys[SPARE]}};
    struct why why = {0};

    (void)state;
    assert_int_equal(verify_pinned(&spare, &listed, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "no root of the chain"));
}

static void
test_lists_where_the_chain_has_a_key_that_is_wanted(void **state)
{
    struct keyid wanted[] = {id_of(QA), id_of(SPARE)};
    closing(request_done) struct request q;
    closing(repository_done) struct repository r = {0};
    closing(base_freep) struct base *base = NULL;
    struct why why = {0};

    (void)state;
    request_init(&q, "targets/qa", NULL);
    q.documents[0].keys = wanted;
    q.documents[0].n_keys = N_ELEMENTS(wanted);
    repository_make(&r, &(struct plan){TIMESTAMP,
                            .listed = {&repository_keys[TIMESTAMP], &repository_keys[SPARE]}});
    put_chain(&q, &r, &(struct plan){0}, QA);
    if (verify(&base, &q, &r.files[ROOT], &why))
        fail_msg("%s", why.text);

    assert_int_equal(base->n_listings, 2);
    assert_true(span_is(base->listings[0].role, "timestamp"));
    assert_true(keyid_eq(&base->listings[0].key, &wanted[1]));
    assert_true(span_is(base->listings[1].role, "targets/qa"));
    assert_true(keyid_eq(&base->listings[1].key, &wanted[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_what_is_published),
        cmocka_unit_test(test_shows_who_signed),
        cmocka_unit_test(test_shows_who_signed_of_several),
        cmocka_unit_test(test_shows_nothing_of_roles_that_were_not_brought),
        cmocka_unit_test(test_says_of_each_file_what_it_shows_or_refuses_all),
        cmocka_unit_test(test_tells_who_is_delegated_to_no_more_and_whose_file_is_gone),
        cmocka_unit_test(test_refuses_a_file_of_another_version_than_it_says),
        cmocka_unit_test(test_goes_from_our_root_to_the_newest),
        cmocka_unit_test(test_says_when_our_own_root_is_none),
        cmocka_unit_test(test_starts_from_a_root_that_a_pinned_key_signed),
        cmocka_unit_test(test_takes_no_root_for_pinned_because_it_lists_a_key),
        cmocka_unit_test(test_lists_where_the_chain_has_a_key_that_is_wanted),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
