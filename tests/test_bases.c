/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bases.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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
        if (bases_check(&q.sign, &why) != forms[i].want)
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
    assert_int_equal(bases_check(&q.sign, &why), RC_MALFORMED);
    assert_string_equal(why.text, "bases[1]: 'localhost:5000/shop/web' is there twice");

    q.chains[1].repository = "localhost:5000/shop/other";
    assert_int_equal(bases_check(&q.sign, &why), RC_OK);

    q.chains[1].repository = "localhost:5000/shop/third";
    assert_int_equal(bases_check(&q.sign, &why), RC_MALFORMED);
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
    assert_int_equal(bases_check(&q.sign, &why), RC_MALFORMED);
    assert_string_equal(why.text, "bases[0]: files[0]: 'targets/qa' concerns no document");
}

static void
test_takes_no_file_of_another_digest(void **state)
{
    closing(request_done) struct request q;
    struct why why;

    (void)state;
    request_init(&q, "targets", NULL);
    put_file(&q.chains[0], "timestamp", 1, SPAN("{}"));
    q.files[0][0].digest.b[0] ^= 1;
    assert_int_equal(bases_check(&q.sign, &why), RC_MALFORMED);

    bytes_clear(&q.files[0][0].message); /* somebody else may hold it */
    assert_int_equal(bases_check(&q.sign, &why), RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_chains_of_one_form_only),
        cmocka_unit_test(test_takes_one_chain_for_each_repository_of_a_document),
        cmocka_unit_test(test_takes_no_file_for_a_document_of_another_repository),
        cmocka_unit_test(test_takes_no_file_of_another_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
