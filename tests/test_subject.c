/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/subject_notary.h"
#include "proto/bounds.h"
#include "proto/tuf_root.h"
#include "tests/forge.h"
#include "tests/softkey.h"

#define NOW        INT64_C(1800000000)
#define DAY        INT64_C(86400)
#define EXPIRES    "2030-01-01T00:00:00Z"
#define EXPIRES_AT INT64_C(1893456000)
#define REPOSITORY "registry.example.com/shop/web"
#define A_HASH     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define A_TARGET   "{\"1.0\":{\"hashes\":{\"sha256\":\"" A_HASH "\"},\"length\":1}}"

static struct forge_key one, two, plain, foreign, expired;
static struct keyid one_plain; /* the canonical ID of one */

static int
make_keys(void **state)
{
    (void)state;
    forge_key_init(&plain, "P-256");
    forge_key_init(&one, "P-256");
    one_plain = *pubkey_id(one.key);
    forge_key_certify(&one, REPOSITORY, NOW - DAY, NOW + DAY);
    forge_key_init(&two, "RSA-2048");
    forge_key_certify(&two, REPOSITORY, NOW - DAY, NOW + DAY);
    forge_key_init(&foreign, "P-256");
    forge_key_certify(&foreign, "registry.example.com/shop/other", NOW - DAY, NOW + DAY);
    forge_key_init(&expired, "P-256");
    forge_key_certify(&expired, REPOSITORY, NOW - 2 * DAY, NOW - DAY);
    return 0;
}

static int
forget_keys(void **state)
{
    (void)state;
    forge_key_done(&plain);
    forge_key_done(&one);
    forge_key_done(&two);
    forge_key_done(&foreign);
    forge_key_done(&expired);
    return 0;
}

/* A request for one document; the strings are the caller's. */
static enum rc
scan(struct subject **ret, struct message_document *document, const char *role,
    const struct bytes *message, struct why *why)
{
    *document = (struct message_document){.format = "notary",
        .repository = REPOSITORY,
        .role = role,
        .message = *message,
        .keys = &one_plain,
        .n_keys = 1};
    return subject_new(ret, document, NOW, why);
}

static void
assert_flaw(const char *says, const char *role, const struct bytes *message, enum reason want)
{
    closing(subject_freep) struct subject *subject = NULL;
    struct message_document document;
    struct why why = {""};

    if (scan(&subject, &document, role, message, &why))
        fail_msg("%s: %s", says, why.text);
    if (subject->flaw != want)
        fail_msg("%s: want '%s', have '%s' (%s)", says, reason_id(want), reason_id(subject->flaw),
            subject->flaw_why.text);
    assert_true(want == REASON_NONE || subject->flaw_why.text[0]);
}

/* The first from becomes to. */
static void
swap(struct bytes *message, const char *from, const char *to)
{
    closing(freep) char *text = span_dup(bytes_span(message));
    char *at = strstr(text, from);

    if (!at)
        fail_msg("no %s in %s", from, text);
    bytes_clear(message);
    bytes_put(message, (struct span){(uint8_t *)text, (size_t)(at - text)});
    bytes_puts(message, to);
    bytes_puts(message, at + strlen(from));
}

static void
make_targets(struct bytes *message, const char *targets)
{
    const struct forge_role roles[] = {
        {"targets/qa", {&plain}, 1, "[\"\"]"}, {"targets/releases", {&plain}, 1, "[\"\"]"}};

    forge_targets(message, 3, EXPIRES, roles, N_ELEMENTS(roles), targets);
}

static void
make_root(struct bytes *message, const struct forge_key *a, const struct forge_key *b)
{
    const struct forge_role roles[] = {{"root", {a, b}, 1, NULL}, {"snapshot", {&plain}, 1, NULL},
        {"targets", {&plain}, 1, NULL}, {"timestamp", {&plain}, 1, NULL}};

    forge_root(message, 2, EXPIRES, roles);
}

static void
test_finds_the_facts_of_targets(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(subject_freep) struct subject *subject = NULL;
    struct message_document document;
    struct digest digest;

    (void)state;
    make_targets(&message, A_TARGET);
    assert_int_equal(scan(&subject, &document, "targets", &message, NULL), RC_OK);
    digest_of(&digest, bytes_span(&message));
    assert_true(digest_eq(&subject->digest, &digest));
    assert_int_equal(subject->rank, RANK_TARGETS);
    assert_int_equal(subject->version, 3);
    assert_int_equal(subject->expires_at, EXPIRES_AT);
    assert_int_equal(subject->flaw, REASON_NONE);
    assert_int_equal(subject->n_listings, 2);
    assert_true(span_is(subject->listings[0].role, "targets/qa"));
    assert_true(keyid_eq(&subject->listings[1].key, pubkey_id(plain.key)));
    assert_ptr_equal(subject->keys, &one_plain);
}

static void
test_tells_delegations_apart_and_nothing_from_none(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct digest zeros = {0};
    struct digest seen[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        closing(subject_freep) struct subject *subject = NULL;
        struct message_document document;

        if (i < 2)
            make_targets(&message, i == 0 ? "{}" : A_TARGET);
        else
            forge_targets(&message, 1, EXPIRES, NULL, 0, "{}");
        assert_int_equal(scan(&subject, &document, "targets", &message, NULL), RC_OK);
        seen[i] = subject->delegations;
    }
    assert_true(digest_eq(&seen[0], &seen[1]));
    assert_false(digest_eq(&seen[0], &zeros));
    assert_true(digest_eq(&seen[2], &zeros));
}

static void
test_notes_what_targets_break(void **state)
{
    closing(freep) char *id = NULL, *quoted = NULL, *twice = NULL;
    static const char none[] =
        "\"0000000000000000000000000000000000000000000000000000000000000000\"";
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    assert_true(asprintf(&id, "%s", forge_key_id(&plain)) > 0);
    assert_true(asprintf(&quoted, "\"keyids\":[\"%s\"]", id) > 0);
    assert_true(asprintf(&twice, "\"keyids\":[\"%s\",\"%s\"]", id, id) > 0);
    char missing[128];
    snprintf(missing, sizeof missing, "\"keyids\":[%s]", none);
    const struct {
        const char *says, *from, *to;
        enum reason want;
    } cases[] = {
        {"nothing", "", "", REASON_NONE},
        {"a threshold of 0", "\"threshold\":1", "\"threshold\":0", REASON_THRESHOLD},
        {"a threshold above the keys", "\"threshold\":1", "\"threshold\":2", REASON_THRESHOLD},
        {"a key twice", quoted, twice, REASON_DUPLICATE_KEY},
        {"a key ID without a key", quoted, missing, REASON_KEY_ID},
        {"a role of somebody else", "\"targets/qa\"", "\"targets/x/qa\"", REASON_ROLE_NAME},
        {"a name that is none", "\"targets/qa\"", "\"targets/QA!\"", REASON_ROLE_NAME},
        {"a role twice", "\"targets/releases\"", "\"targets/qa\"", REASON_ROLE_NAME},
        {"no sha256", "sha256\":\"" A_HASH, "sha512\":\"" A_HASH, REASON_HASHES},
        {"another hash", "\"sha256\":\"" A_HASH "\"",
            "\"md5\":\"" A_HASH "\",\"sha256\":\"" A_HASH "\"", REASON_HASHES},
        {"custom that Go breaks on", "{\"hashes\"", "{\"custom\":{\"a\":\"<\"},\"hashes\"",
            REASON_CUSTOM},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        make_targets(&message, A_TARGET);
        swap(&message, cases[i].from, cases[i].to);
        assert_flaw(cases[i].says, "targets", &message, cases[i].want);
    }
}

static void
test_notes_keys_under_ids_that_are_not_theirs_or_in_no_role(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct forge_role role = {"targets/qa", {&plain}, 1, "[\"\"]"};
    char digit[2];

    (void)state;
    forge_targets(&message, 1, EXPIRES, &role, 1, "{}");
    /* Both where the key is listed and where the role names it. */
    closing(freep) char *id = strdup(forge_key_id(&plain)), *wrong = strdup(forge_key_id(&plain));
    digit[0] = wrong[63] == '0' ? '1' : '0';
    wrong[63] = digit[0];
    swap(&message, id, wrong);
    swap(&message, id, wrong);
    assert_flaw("another ID", "targets", &message, REASON_KEY_ID);

    forge_targets(&message, 1, EXPIRES, &role, 1, "{}");
    closing(freep) char *roles = NULL;
    assert_true(asprintf(&roles, "[\"%s\"]", id) > 0);
    swap(&message, roles, "[]");
    assert_flaw("a key that its role has no longer", "targets", &message, REASON_KEY_ID);
}

static void
test_notes_keys_of_no_form_that_we_read(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(pubkey_unrefp) struct pubkey *strange = NULL;
    struct forge_key key = {0};

    (void)state;
    assert_int_equal(pubkey_new(&strange, SPAN("ecdsa"), SPAN("no key"), NULL), RC_OK);
    key.key = strange;
    const struct forge_role role = {"targets/qa", {&key}, 1, "[\"\"]"};
    forge_targets(&message, 1, EXPIRES, &role, 1, "{}");
    assert_flaw("bytes that are no key", "targets", &message, REASON_KEY_ID);
}

static void
test_notes_what_contradicts_the_role(void **state)
{
    closing(bytes_done) struct bytes targets = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                     root = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                     snapshot = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                     timestamp = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct {
        const char *role;
        const struct bytes *message;
        enum reason want;
    } cases[] = {
        {"targets", &targets, REASON_NONE},
        {"targets/a", &targets, REASON_NONE},
        {"targets/a/b", &targets, REASON_NONE},
        {"snapshot", &snapshot, REASON_NONE},
        {"root", &root, REASON_NONE},
        {"root", &targets, REASON_TYPE},
        {"root", &snapshot, REASON_TYPE},
        {"root", &timestamp, REASON_TYPE},
        {"targets", &snapshot, REASON_TYPE},
        {"targets/a", &snapshot, REASON_TYPE},
        {"targets/a", &timestamp, REASON_TYPE},
        {"snapshot", &root, REASON_TYPE},
        {"snapshot", &timestamp, REASON_TYPE},
        {"timestamp", &root, REASON_NEVER_SIGNED},
        {"timestamp", &snapshot, REASON_NEVER_SIGNED},
        {"targets", &root, REASON_TYPE},
        {"targets/a", &root, REASON_TYPE},
        {"snapshot", &targets, REASON_TYPE},
        {"targets", &timestamp, REASON_TYPE},
        {"timestamp", &timestamp, REASON_NEVER_SIGNED},
        {"timestamp", &targets, REASON_NEVER_SIGNED},
        {"Targets", &targets, REASON_ROLE_NAME},
        {"targets/", &targets, REASON_ROLE_NAME},
        {"targets/A", &targets, REASON_ROLE_NAME},
        {"targets//a", &targets, REASON_ROLE_NAME},
        {"root/a", &root, REASON_ROLE_NAME},
    };

    (void)state;
    forge_targets(&targets, 1, EXPIRES, NULL, 0, "{}");
    make_root(&root, &one, NULL);
    forge_snapshot(&snapshot, 1, EXPIRES, &(struct forge_listed){"root", SPAN("x")}, 1);
    forge_timestamp(&timestamp, 1, EXPIRES, SPAN("x"));
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        assert_flaw(cases[i].role, cases[i].role, cases[i].message, cases[i].want);
}

static void
test_refuses_what_it_cannot_scan(void **state)
{
    static const struct {
        const char *says, *from, *to;
    } cases[] = {
        {"a space", "\"version\":", "\"version\": "},
        {"something left over", "\"version\":3}", "\"version\":3}\n"},
        {"an unknown member", "\"version\":3}", "\"version\":3,\"x\":1}"},
        {"members that are not sorted", "\"_type\":\"Targets\",\"delegations\"", "\"delegations\""},
        {"version 0", "\"version\":3", "\"version\":0"},
        {"a version below", "\"version\":3", "\"version\":-1"},
        {"a version beyond 2^53-1", "\"version\":3", "\"version\":9007199254740992"},
        {"an expiry that is none", EXPIRES, "2030-02-30T00:00:00Z"},
        {"an unknown type", "\"Targets\"", "\"Mirrors\""},
        {"no object", "{\"_type\"", "[\"_type\""},
    };
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct subject *subject = NULL;
        struct message_document document;
        struct why why = {""};

        make_targets(&message, A_TARGET);
        swap(&message, cases[i].from, cases[i].to);
        enum rc rc = scan(&subject, &document, "targets", &message, &why);
        if (!rc && subject->flaw == REASON_TYPE) { /* understood, and of no role */
            subject_free(subject);
            continue;
        }
        if (rc != RC_MALFORMED || !why.text[0])
            fail_msg("%s: have %d '%s'", cases[i].says, rc, why.text);
        assert_null(subject);
    }
}

static void
test_refuses_formats_that_it_does_not_know(void **state)
{
    struct subject *subject = NULL;
    struct message_document document = {.format = "notary2", .role = "targets"};

    (void)state;
    assert_int_equal(subject_new(&subject, &document, NOW, NULL), RC_UNSUPPORTED);
    assert_null(subject);
}

static void
test_lists_the_keys_of_a_root_by_their_canonical_ids(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(subject_freep) struct subject *subject = NULL;
    struct message_document document;

    (void)state;
    make_root(&message, &one, NULL);
    assert_int_equal(scan(&subject, &document, "root", &message, NULL), RC_OK);
    assert_int_equal(subject->version, 2);
    assert_int_equal(subject->n_listings, 4);
    assert_true(span_is(subject->listings[0].role, "root"));
    assert_true(keyid_eq(&subject->listings[0].key, &one_plain));
    assert_string_not_equal(one_plain.hex, forge_key_id(&one));
    assert_true(span_is(subject->listings[3].role, "timestamp"));
}

static void
test_a_root_is_bound_to_its_repository_by_every_certificate(void **state)
{
    static const struct {
        const char *says;
        const struct forge_key *a, *b;
        enum reason want;
    } cases[] = {
        {"one certificate", &one, NULL, REASON_NONE},
        {"two certificates", &one, &two, REASON_NONE},
        {"a key without certificate", &plain, NULL, REASON_ROOT_CERTIFICATE},
        {"one with, one without", &one, &plain, REASON_ROOT_CERTIFICATE},
        {"another repository's", &foreign, NULL, REASON_ROOT_CERTIFICATE},
        {"one of another repository", &one, &foreign, REASON_ROOT_CERTIFICATE},
        {"one that has expired", &expired, NULL, REASON_ROOT_CERTIFICATE},
    };
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        make_root(&message, cases[i].a, cases[i].b);
        assert_flaw(cases[i].says, "root", &message, cases[i].want);
    }
}

static void
test_publishes_a_root_with_signatures_under_the_ids_that_it_lists(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                     file = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                     by_one = BYTES_INIT(SIGNATURE_MAX_BYTES),
                                     by_former = BYTES_INIT(SIGNATURE_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *parsed = NULL;

    (void)state;
    make_root(&message, &one, NULL);
    softkey_sign(&by_one, one.evp, VERIFY_ECDSA, bytes_span(&message));
    softkey_sign(&by_former, foreign.evp, VERIFY_ECDSA, bytes_span(&message));
    const struct subject_signature signatures[] = {{&one_plain, bytes_span(&by_one)},
        {pubkey_canonical_id(foreign.key), bytes_span(&by_former)}};
    assert_int_equal(subject_notary_publish_root(
                         &file, bytes_span(&message), signatures, N_ELEMENTS(signatures), NULL),
        RC_OK);

    assert_int_equal(tuf_file_parse(&parsed, bytes_span(&file), TUF_STRICT, NULL), RC_OK);
    assert_true(span_eq(bytes_span(&parsed->message), bytes_span(&message)));
    assert_int_equal(parsed->n_signatures, 2);
    assert_string_equal(parsed->signatures[0].keyid.hex, forge_key_id(&one));
    assert_string_equal(parsed->signatures[1].keyid.hex, pubkey_canonical_id(foreign.key)->hex);
}

static void
test_a_certificate_to_be_issued_is_a_subject_without_a_version(void **state)
{
    closing(subject_freep) struct subject *subject = NULL;

    (void)state;
    assert_int_equal(
        subject_new_certificate(&subject, REPOSITORY, &one_plain, EXPIRES_AT, NULL), RC_OK);
    assert_string_equal(subject->role, "root");
    assert_int_equal(subject->rank, RANK_ROOT);
    assert_int_equal(subject->version, 0);
    assert_int_equal(subject->expires_at, EXPIRES_AT);
    assert_int_equal(subject->n_keys, 1);
    assert_int_equal(subject->flaw, REASON_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_facts_of_targets),
        cmocka_unit_test(test_tells_delegations_apart_and_nothing_from_none),
        cmocka_unit_test(test_notes_what_targets_break),
        cmocka_unit_test(test_notes_keys_under_ids_that_are_not_theirs_or_in_no_role),
        cmocka_unit_test(test_notes_keys_of_no_form_that_we_read),
        cmocka_unit_test(test_notes_what_contradicts_the_role),
        cmocka_unit_test(test_refuses_what_it_cannot_scan),
        cmocka_unit_test(test_refuses_formats_that_it_does_not_know),
        cmocka_unit_test(test_lists_the_keys_of_a_root_by_their_canonical_ids),
        cmocka_unit_test(test_a_root_is_bound_to_its_repository_by_every_certificate),
        cmocka_unit_test(test_publishes_a_root_with_signatures_under_the_ids_that_it_lists),
        cmocka_unit_test(test_a_certificate_to_be_issued_is_a_subject_without_a_version),
    };

    return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
