/* SPDX-License-Identifier: Apache-2.0 */
#include "client/batch.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/tuf.h"
#include "tests/softagent.h"

#define GUN "localhost:5000/shop/web"

static struct forge_key qa, dev, stranger;

static int
make_keys(void **state)
{
    (void)state;
    forge_key_init(&qa, "P-256");
    forge_key_init(&dev, "RSA-2048");
    forge_key_init(&stranger, "P-256");
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    forge_key_done(&qa);
    forge_key_done(&dev);
    forge_key_done(&stranger);
    return 0;
}

static const struct softagent_key keys[] = {
    {"qa", "[\"targets/qa\",\"targets/releases\"]", &qa},
    {"dev", "[\"targets/dev\",\"targets/releases\"]", &dev},
};

/* An agent, what it is asked to sign, and what came of it. */
struct scene {
    struct agent_call agent;
    struct signer *signer;
    struct bytes message;
    struct batch_document document;
    const json_t *bases;
    bool is_gathering;
    struct batch_marks marks;
    struct why why;
};

static void
scene_init(struct scene *s, const char *role, struct pubkey *const *listed, size_t n_listed)
{
    *s = (struct scene){.message = BYTES_INIT(DOCUMENT_MAX_BYTES), .document = BATCH_DOCUMENT_INIT};
    softagent_init(&s->agent, keys, N_ELEMENTS(keys));
    assert_int_equal(signer_new(&s->signer, &s->agent, &s->why), RC_OK);
    forge_targets(&s->message, 1, "2030-01-01T00:00:00Z", NULL, 0, "{}");
    s->document.repository = GUN;
    s->document.role = role;
    s->document.message = bytes_span(&s->message);
    s->document.listed = listed;
    s->document.n_listed = n_listed;
    s->document.threshold = 1;
}

static void
scene_done(struct scene *s)
{
    signer_free(s->signer);
    softagent_done(&s->agent);
    batch_document_done(&s->document);
    batch_marks_done(&s->marks);
    bytes_done(&s->message);
}

static enum rc
sign(struct scene *s)
{
    struct batch_document *documents[] = {&s->document};
    const struct batch batch = {.documents = documents,
        .n_documents = 1,
        .bases = s->bases,
        .is_gathering = s->is_gathering};

    return batch_sign(s->signer, &batch, &s->marks, &s->why);
}

static size_t
n_asked(const struct scene *s)
{
    return json_array_size(
        json_object_get(json_array_get(json_object_get(s->agent.asked, "documents"), 0), "keys"));
}

static void
test_makes_a_file_that_everybody_verifies(void **state)
{
    struct pubkey *const listed[] = {qa.key, stranger.key, dev.key};
    closing(scene_done) struct scene s;
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    (void)state;
    scene_init(&s, "targets/releases", listed, N_ELEMENTS(listed));
    s.document.threshold = 2;
    if (sign(&s))
        fail_msg("%s", s.why.text);

    assert_int_equal(n_asked(&s), 2);
    assert_string_equal(bytes_text(&s.document.signed_by), "qa, dev");
    assert_int_equal(tuf_file_parse(&file, bytes_span(&s.document.file), TUF_STRICT, NULL), RC_OK);
    assert_int_equal(verify_threshold(listed, N_ELEMENTS(listed), 2, file->signatures,
                         file->n_signatures, s.document.message, NULL),
        RC_OK);
}

static void
test_puts_signatures_under_the_id_that_the_role_lists(void **state)
{
    struct forge_key certified = qa;
    closing(scene_done) struct scene s;
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    (void)state;
    EVP_PKEY_up_ref(certified.evp);
    certified.key = pubkey_ref(qa.key);
    forge_key_certify(&certified, "qa", 0, 4102444800);
    struct pubkey *const listed[] = {certified.key, qa.key}; /* one key in two forms */
    scene_init(&s, "targets/qa", listed, N_ELEMENTS(listed));
    assert_int_equal(sign(&s), RC_OK);
    assert_int_equal(n_asked(&s), 1);
    assert_int_equal(tuf_file_parse(&file, bytes_span(&s.document.file), TUF_STRICT, NULL), RC_OK);
    assert_int_equal(file->n_signatures, 1);
    assert_true(keyid_eq(&file->signatures[0].keyid, pubkey_id(certified.key)));
    forge_key_done(&certified);
}

/* A root, whose keys of before sign as well: one of them has a new certificate in it. */
static void
test_has_the_keys_of_the_root_before_sign_as_well(void **state)
{
    struct forge_key certified = qa;
    closing(scene_done) struct scene s;
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    (void)state;
    EVP_PKEY_up_ref(certified.evp);
    certified.key = pubkey_ref(qa.key);
    forge_key_certify(&certified, "qa", 0, 4102444800);
    struct pubkey *const listed[] = {certified.key};
    struct pubkey *const former[] = {qa.key, dev.key, stranger.key};
    scene_init(&s, "targets/releases", listed, N_ELEMENTS(listed));
    s.document.former = former;
    s.document.n_former = N_ELEMENTS(former);
    s.document.former_threshold = 3;
    assert_int_equal(sign(&s), RC_REFUSED); /* as it could never be enough */

    s.document.former_threshold = 2;
    if (sign(&s))
        fail_msg("%s", s.why.text);
    assert_int_equal(n_asked(&s), 2);
    assert_int_equal(tuf_file_parse(&file, bytes_span(&s.document.file), TUF_STRICT, NULL), RC_OK);
    assert_int_equal(file->n_signatures, 3);
    assert_int_equal(verify_threshold(listed, 1, 1, file->signatures, file->n_signatures,
                         s.document.message, NULL),
        RC_OK);
    assert_int_equal(verify_threshold(former, N_ELEMENTS(former), 2, file->signatures,
                         file->n_signatures, s.document.message, NULL),
        RC_OK);
    forge_key_done(&certified);
}

static void
other_digest(json_t *answer)
{
    json_object_set_new(json_array_get(json_object_get(answer, "documents"), 0), "digest",
        json_string("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
}

static json_t *
first_signature(json_t *answer)
{
    return json_array_get(
        json_object_get(json_array_get(json_object_get(answer, "documents"), 0), "signatures"), 0);
}

static void
other_signature(json_t *answer)
{
    json_object_set_new(first_signature(answer), "sig",
        json_string(
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            "AAAA=="));
}

static void
other_key(json_t *answer)
{
    json_object_set_new(
        first_signature(answer), "key", json_string(pubkey_canonical_id(stranger.key)->hex));
}

static void
no_signature(json_t *answer)
{
    json_array_clear(
        json_object_get(json_array_get(json_object_get(answer, "documents"), 0), "signatures"));
}

static void
no_document(json_t *answer)
{
    json_array_clear(json_object_get(answer, "documents"));
}

static void
test_believes_no_agent(void **state)
{
    static const struct {
        void (*spoil)(json_t *);
        enum rc want;
        const char *says;
    } rows[] = {
        {other_digest, RC_UNTRUSTED, "digest"},
        {other_signature, RC_UNTRUSTED, "signature by key"},
        {other_key, RC_UNTRUSTED, "nobody asked for"},
        {no_signature, RC_UNTRUSTED, "0 of 1"},
        {no_document, RC_MALFORMED, "0 documents"},
    };
    struct pubkey *const listed[] = {qa.key};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(scene_done) struct scene s;

        scene_init(&s, "targets/qa", listed, 1);
        s.agent.spoil = rows[i].spoil;
        if (sign(&s) != rows[i].want || !strstr(s.why.text, rows[i].says))
            fail_msg("%zu: %s", i, s.why.text);
    }
}

static void
test_does_not_publish_below_the_threshold(void **state)
{
    struct pubkey *const listed[] = {qa.key, stranger.key};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "targets/qa", listed, 2);
    s.document.threshold = 2;
    assert_int_equal(sign(&s), RC_REFUSED);
    assert_non_null(strstr(s.why.text, "2 of 2 keys"));
    assert_non_null(strstr(s.why.text, "--out FILE"));
}

/* What qa signed goes to the agent again, as another one that has dev alone. */
static void
test_gathers_signatures_up_to_the_threshold(void **state)
{
    struct pubkey *const listed[] = {qa.key, stranger.key}, *const all[] = {qa.key, dev.key};
    closing(scene_done) struct scene s;
    closing(scene_done) struct scene other;
    struct quorum quorum;

    (void)state;
    scene_init(&s, "targets/releases", listed, 2);
    s.document.threshold = 2;
    s.is_gathering = true;
    assert_int_equal(sign(&s), RC_OK);
    quorum = batch_document_quorum(&s.document);
    assert_int_equal(quorum.n_signatures, 1);
    assert_false(quorum_is_met(&quorum));

    scene_init(&other, "targets/releases", all, 2);
    other.document.threshold = 2;
    assert_int_equal(
        batch_document_give(&other.document, &s.document.signatures, &other.why), RC_OK);
    assert_true(batch_document_can_sign(&other.document, other.signer));
    other.is_gathering = true;
    assert_int_equal(sign(&other), RC_OK);
    assert_int_equal(n_asked(&other), 1);
    quorum = batch_document_quorum(&other.document);
    assert_true(quorum_is_met(&quorum));
    assert_int_equal(quorum_verify(&quorum, other.document.message, NULL), RC_OK);

    /* With those of others alone it is what it was. */
    assert_int_equal(batch_document_take_given(&other.document, NULL), RC_OK);
    assert_true(span_eq(bytes_span(&other.document.file), bytes_span(&s.document.file)));
}

static void
test_gives_no_signature_of_something_else(void **state)
{
    struct pubkey *const listed[] = {qa.key, dev.key}, *const others[] = {dev.key, stranger.key};
    closing(scene_done) struct scene s;
    closing(scene_done) struct scene other;

    (void)state;
    scene_init(&s, "targets/releases", listed, 2);
    assert_int_equal(sign(&s), RC_OK);
    scene_init(&other, "targets/releases", listed, 2);
    other.document.message = SPAN("{}");
    assert_int_equal(
        batch_document_give(&other.document, &s.document.signatures, &other.why), RC_UNTRUSTED);
    assert_int_equal(other.document.n_given, 0);
    other.document.message = s.document.message;
    other.document.listed = others;
    assert_int_equal(
        batch_document_give(&other.document, &s.document.signatures, &other.why), RC_UNTRUSTED);
}

static void
test_says_who_was_left_out(void **state)
{
    struct pubkey *const listed[] = {qa.key, dev.key};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "targets/releases", listed, 2);
    s.agent.n_keys = 1; /* dev has gone since */
    assert_int_equal(sign(&s), RC_OK);
    assert_string_equal(bytes_text(&s.document.signed_by), "qa");
    assert_string_equal(bytes_text(&s.document.left_out), "dev: no-such-key");
}

static void
test_asks_for_all_keys_where_the_caller_may_use_none(void **state)
{
    struct pubkey *const listed[] = {dev.key, stranger.key};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "targets/qa", listed, 2);
    s.agent.rc = RC_DENIED;
    assert_int_equal(sign(&s), RC_DENIED);
    assert_int_equal(n_asked(&s), 2);
    assert_string_equal(s.why.text, "said the agent");
}

/* Bases that make the call, which was made once without them, as large as a frame, with what
 * chain.c keeps for what is around them; and so many bytes more. */
static json_t *
large_bases(const struct scene *s, size_t more)
{
    size_t around = json_dumpb(s->agent.asked, NULL, 0, JSON_COMPACT) +
                    strlen("[{\"files\":[],\"repository\":\"\"}]") + 1024;
    size_t len = FRAME_MAX_BYTES - around + more;

    closing(freep) char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    return json_pack("[{s:[],s:s%}]", "files", "repository", text, len);
}

static void
test_shows_what_is_published_where_it_fits_into_the_call(void **state)
{
    struct pubkey *const listed[] = {qa.key};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "targets/qa", listed, 1);
    assert_int_equal(sign(&s), RC_OK);
    assert_null(json_object_get(s.agent.asked, "bases"));

    closing(json_decrefp) json_t *largest = large_bases(&s, 0);
    closing(json_decrefp) json_t *larger = large_bases(&s, 1);
    s.bases = largest;
    assert_int_equal(sign(&s), RC_OK);
    assert_true(json_equal(json_object_get(s.agent.asked, "bases"), largest));

    s.bases = larger;
    assert_int_equal(sign(&s), RC_OK);
    assert_null(json_object_get(s.agent.asked, "bases"));
}

#define MARK                                                                                       \
    "{\"marks\":[{\"repository\":\"" GUN "\",\"role\":\"targets/qa\",\"version\":7,\"digest\":"    \
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"signatures\":[]}]}"

static void
test_reads_the_marks_of_a_rollback(void **state)
{
    static const char *const broken[] = {
        "{}",
        "{\"marks\":[{}]}",
        "{\"marks\":[{\"repository\":\"x\",\"role\":\"y\",\"version\":0,\"digest\":\"00\"}]}",
    };
    struct pubkey *const listed[] = {qa.key};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "targets/qa", listed, 1);
    s.agent.rc = RC_ROLLBACK;
    s.agent.answer = MARK;
    assert_int_equal(sign(&s), RC_ROLLBACK);
    assert_int_equal(s.marks.n, 1);
    assert_int_equal(s.marks.marks[0].version, 7);
    assert_string_equal(s.marks.marks[0].role, "targets/qa");
    assert_int_equal(s.marks.marks[0].file.len, 0);
    batch_marks_done(&s.marks);

    for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
        s.agent.answer = broken[i];
        assert_int_equal(sign(&s), RC_MALFORMED);
        assert_int_equal(s.marks.n, 0);
    }
}

/* A mark of a root, with the message and the signatures of file. */
static char *
mark_of_root(const struct tuf_file *file, const struct forge_key *signer)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes sig = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);

    bytes_put_base64(&message, bytes_span(&file->message));
    bytes_put_base64(&sig, file->signatures[0].signature);
    closing(json_decrefp) json_t *marks =
        json_pack("{s:[{s:s,s:s,s:i,s:s,s:s,s:[{s:s,s:s,s:s,s:s}]}]}", "marks", "repository", GUN,
            "role", "root", "version", 1, "digest",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "document",
            bytes_text(&message), "signatures", "key", pubkey_canonical_id(signer->key)->hex,
            "name", "", "method", "ecdsa", "sig", bytes_text(&sig));
    return json_dumps(marks, 0);
}

static void
test_makes_the_released_root_again(void **state)
{
    struct forge_role roles[] = {{"root", {&qa}, 1, NULL}, {"snapshot", {&qa}, 1, NULL},
        {"targets", {&qa}, 1, NULL}, {"timestamp", {&qa}, 1, NULL}};
    struct pubkey *const listed[] = {qa.key};
    closing(scene_done) struct scene s;
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(freep) char *answer = NULL;

    (void)state;
    forge_root(&message, 1, "2030-01-01T00:00:00Z", roles);
    forge_file(&raw, bytes_span(&message), (const struct forge_key *[FORGE_KEYS_MAX]){&qa});
    assert_int_equal(tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, NULL), RC_OK);
    answer = mark_of_root(file, &qa);

    scene_init(&s, "targets/qa", listed, 1);
    s.agent.rc = RC_ROLLBACK;
    s.agent.answer = answer;
    assert_int_equal(sign(&s), RC_ROLLBACK);
    assert_true(span_eq(bytes_span(&s.marks.marks[0].file), bytes_span(&raw)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_a_file_that_everybody_verifies),
        cmocka_unit_test(test_shows_what_is_published_where_it_fits_into_the_call),
        cmocka_unit_test(test_puts_signatures_under_the_id_that_the_role_lists),
        cmocka_unit_test(test_has_the_keys_of_the_root_before_sign_as_well),
        cmocka_unit_test(test_believes_no_agent),
        cmocka_unit_test(test_does_not_publish_below_the_threshold),
        cmocka_unit_test(test_gathers_signatures_up_to_the_threshold),
        cmocka_unit_test(test_gives_no_signature_of_something_else),
        cmocka_unit_test(test_says_who_was_left_out),
        cmocka_unit_test(test_asks_for_all_keys_where_the_caller_may_use_none),
        cmocka_unit_test(test_reads_the_marks_of_a_rollback),
        cmocka_unit_test(test_makes_the_released_root_again),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
