/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base.h"

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
    if (base_check(&q->sign, why))
        fail_msg("%s", why->text);

    return base_new(ret, &q->chains[0], bytes_span(root), NOW, why);
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

    assert_int_equal(base->n_roles, 3);
    assert_int_equal(base_find(base, "root")->version, 5);
    assert_int_equal(base_find(base, "targets")->version, 7);
    assert_true(digest_eq(&base_find(base, "targets")->digest, &digest));
    assert_true(digest_eq(&base_find(base, "targets")->delegations, &delegations));
    assert_int_equal(base_find(base, "targets/qa")->version, 5);
    assert_true(digest_eq(&base_find(base, "targets/qa")->delegations, &(struct digest){0}));
    assert_null(base_find(base, "targets/dev"));
    assert_int_equal(base->root_file.len, 0);
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

static void
test_refuses_each_file_that_breaks_a_rule(void **state)
{
    static const struct {
        struct plan plan;
        enum part last;
        enum rc want;
        const char *why;
    } rows[] = {
        {{QA, SOUND}, QA, RC_OK, NULL},
        {{TIMESTAMP, .expires = PAST}, QA, RC_UNTRUSTED, "timestamp: expired"},
        {{TIMESTAMP, MISSIGNED}, QA, RC_UNTRUSTED, "timestamp: signed by 0"},
        {{TIMESTAMP, INEXACT}, QA, RC_UNTRUSTED, "timestamp"},
        {{SNAPSHOT, .expires = PAST}, QA, RC_UNTRUSTED, "snapshot: expired"},
        {{SNAPSHOT, MISSIGNED}, QA, RC_UNTRUSTED, "snapshot: signed by 0"},
        {{SNAPSHOT, MISLISTED}, QA, RC_UNTRUSTED, "snapshot"},
        {{TARGETS, .expires = PAST}, QA, RC_OK, NULL},
        {{TARGETS, MISSIGNED}, QA, RC_UNTRUSTED, "targets: signed by 0"},
        {{TARGETS, ALTERED}, QA, RC_UNTRUSTED, "targets"},
        {{TARGETS, MISLISTED}, QA, RC_UNTRUSTED, "targets"},
        {{TARGETS, INEXACT}, QA, RC_UNTRUSTED, "targets"},
        {{TARGETS, UNLISTED}, TARGETS, RC_UNTRUSTED, "the snapshot lists no such file"},
        {{QA, .expires = PAST}, QA, RC_OK, NULL},
        {{QA, MISSIGNED}, QA, RC_UNTRUSTED, "targets/qa: signed by 0"},
        {{QA, MISLISTED}, QA, RC_UNTRUSTED, "targets/qa"},
        {{QA, UNLISTED}, QA, RC_UNTRUSTED, "the snapshot lists no such file"},
        {{QA, NOT_DELEGATED}, QA, RC_UNTRUSTED, "no trusted document delegates to it"},
        {{QA, SOUND}, TIMESTAMP, RC_UNTRUSTED, "ends before the snapshot"},
        {{QA, SOUND}, SNAPSHOT, RC_UNTRUSTED, "lacks targets"},
        {{TARGETS, UNLISTED}, SNAPSHOT, RC_OK, NULL},
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
        if (rc != rows[i].want || (rows[i].why && !strstr(why.text, rows[i].why)))
            fail_msg("row %zu: rc %d, '%s'", i, (int)rc, why.text);
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
        {"an older one than ours", {ROOT, .version = 6}, {ROOT}, {5}, RC_UNTRUSTED, "another root"},
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
        assert_int_equal(base->root_file.len > 0, version > 5);
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
    assert_int_equal(base_new(&base, &q.chains[0], SPAN("{}"), NOW, &why), RC_STORAGE);
}

/* Files by name and version; what is in them does not matter for their form. */
static const struct {
    const char *says;
    const char *role;
    struct {
        const char *role;
        int64_t version;
    } files[5];
    enum rc want;
} forms[] = {
    {"a whole chain", "targets/a/b",
        {{"3.root", 3}, {"timestamp", 9}, {"snapshot", 8}, {"targets", 7}, {"targets/a", 6}},
        RC_OK},
    {"no file", "targets", {{0}}, RC_OK},
    {"roots one by one", "targets", {{"9.root", 9}, {"10.root", 10}}, RC_OK},
    {"parents first", "targets/a/b", {{"targets/a", 1}, {"targets/a/b", 1}}, RC_OK},
    {"targets, whatever is signed", "root", {{"targets", 1}}, RC_OK},
    {"a root without a version", "targets", {{"root", 1}}, RC_MALFORMED},
    {"a root of another version", "targets", {{"3.root", 4}}, RC_MALFORMED},
    {"a root of version 0", "targets", {{"0.root", 1}}, RC_MALFORMED},
    {"a root with a zero in front", "targets", {{"03.root", 3}}, RC_MALFORMED},
    {"no version of a root", "targets", {{".root", 1}}, RC_MALFORMED},
    {"more than a root", "targets", {{"3.root.root", 3}}, RC_MALFORMED},
    {"no role name", "targets", {{"targets/", 1}}, RC_MALFORMED},
    {"a file twice", "targets", {{"targets", 1}, {"targets", 1}}, RC_MALFORMED},
    {"a root twice", "targets", {{"1.root", 1}, {"1.root", 1}}, RC_MALFORMED},
    {"a gap between roots", "targets", {{"1.root", 1}, {"3.root", 3}}, RC_MALFORMED},
    {"roots backwards", "targets", {{"2.root", 2}, {"1.root", 1}}, RC_MALFORMED},
    {"a root later", "targets", {{"timestamp", 1}, {"1.root", 1}}, RC_MALFORMED},
    {"snapshot before timestamp", "targets", {{"snapshot", 1}, {"timestamp", 1}}, RC_MALFORMED},
    {"a child before its parent", "targets/a/b", {{"targets/a/b", 1}, {"targets/a", 1}},
        RC_MALFORMED},
    {"a delegation twice", "targets/a", {{"targets/a", 1}, {"targets/a", 1}}, RC_MALFORMED},
    {"a delegation beside that of the document", "targets/a", {{"targets/b", 1}}, RC_MALFORMED},
    {"a delegation below that of the document", "targets/a", {{"targets/a/b", 1}}, RC_MALFORMED},
    {"a delegation whose name begins like another", "targets/ab", {{"targets/a", 1}}, RC_MALFORMED},
};

static void
test_takes_chains_of_one_form_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
        closing(request_done) struct request q;
        struct why why = {0};

        request_init(&q, forms[i].role, NULL);
        for (size_t k = 0; k < N_ELEMENTS(forms[i].files) && forms[i].files[k].role; k++)
            put_file(&q.chains[0], forms[i].files[k].role, forms[i].files[k].version, SPAN("{}"));
        if (base_check(&q.sign, &why) != forms[i].want)
            fail_msg("%s: '%s'", forms[i].says, why.text);
    }
}

static void
test_takes_one_chain_for_each_repository_of_a_document(void **state)
{
    closing(request_done) struct request q;
    struct why why;

    (void)state;
    request_init(&q, "targets", "targets/qa");
    q.documents[1].repository = "localhost:5000/shop/other";
    q.sign.n_bases = 2;
    assert_int_equal(base_check(&q.sign, &why), RC_MALFORMED);
    assert_string_equal(why.text, "bases[1]: 'localhost:5000/shop/web' is there twice");

    q.chains[1].repository = "localhost:5000/shop/other";
    assert_int_equal(base_check(&q.sign, &why), RC_OK);

    q.chains[1].repository = "localhost:5000/shop/third";
    assert_int_equal(base_check(&q.sign, &why), RC_MALFORMED);
    assert_string_equal(why.text, "bases[1]: no document is for 'localhost:5000/shop/third'");
}

/* A role counts in its own repository only. */
static void
test_takes_no_file_for_a_document_of_another_repository(void **state)
{
    closing(request_done) struct request q;
    struct why why;

    (void)state;
    request_init(&q, "targets", "targets/qa");
    q.documents[1].repository = "localhost:5000/shop/other";
    put_file(&q.chains[0], "targets/qa", 1, SPAN("{}"));
    assert_int_equal(base_check(&q.sign, &why), RC_MALFORMED);
    assert_string_equal(why.text, "bases[0]: files[0]: 'targets/qa' concerns no document");
}

static void
test_takes_no_file_without_its_message_or_of_another_digest(void **state)
{
    closing(request_done) struct request q;
    struct why why;

    (void)state;
    request_init(&q, "targets", NULL);
    put_file(&q.chains[0], "timestamp", 1, SPAN("{}"));
    q.files[0][0].digest.b[0] ^= 1;
    assert_int_equal(base_check(&q.sign, &why), RC_MALFORMED);

    bytes_clear(&q.files[0][0].message);
    assert_int_equal(base_check(&q.sign, &why), RC_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_what_is_published),
        cmocka_unit_test(test_shows_who_signed),
        cmocka_unit_test(test_shows_nothing_of_roles_that_were_not_brought),
        cmocka_unit_test(test_refuses_each_file_that_breaks_a_rule),
        cmocka_unit_test(test_refuses_a_file_of_another_version_than_it_says),
        cmocka_unit_test(test_goes_from_our_root_to_the_newest),
        cmocka_unit_test(test_says_when_our_own_root_is_none),
        cmocka_unit_test(test_takes_chains_of_one_form_only),
        cmocka_unit_test(test_takes_one_chain_for_each_repository_of_a_document),
        cmocka_unit_test(test_takes_no_file_for_a_document_of_another_repository),
        cmocka_unit_test(test_takes_no_file_without_its_message_or_of_another_digest),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
