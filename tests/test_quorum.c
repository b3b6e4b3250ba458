/* SPDX-License-Identifier: Apache-2.0 */
#include "client/quorum.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/forge.h"
#include "tests/softkey.h"

#define MESSAGE SPAN("{\"a\":1}")

/* certified is the key of a under a certificate. */
static struct forge_key a, b, c, certified;

static int
make_keys(void **state)
{
    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "P-256");
    forge_key_init(&c, "P-256");
    certified = a;
    EVP_PKEY_up_ref(certified.evp);
    certified.key = pubkey_ref(a.key);
    forge_key_certify(&certified, "a", 0, 4102444800);
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    forge_key_done(&a);
    forge_key_done(&b);
    forge_key_done(&c);
    forge_key_done(&certified);
    return 0;
}

/* Signatures by some keys. */
struct scene {
    struct bytes bytes[4];
    struct verify_signature signatures[4];
    size_t n;
};

static void
sign(struct scene *s, const struct forge_key *key)
{
    struct bytes *place = &s->bytes[s->n];

    *place = BYTES_INIT(SIGNATURE_MAX_BYTES);
    softkey_sign(place, key->evp, VERIFY_ECDSA, MESSAGE);
    s->signatures[s->n++] =
        (struct verify_signature){*pubkey_id(key->key), VERIFY_ECDSA, bytes_span(place)};
}

static void
scene_done(struct scene *s)
{
    for (size_t i = 0; i < s->n; i++)
        bytes_done(&s->bytes[i]);
}

static const char *
missing(const struct quorum *quorum)
{
    static struct bytes text = {.max = FRAME_SMALL_MAX_BYTES};

    bytes_clear(&text);
    quorum_put_missing(&text, quorum, NULL);
    return bytes_text(&text);
}

static void
test_counts_keys_up_to_the_threshold(void **state)
{
    closing(scene_done) struct scene s = {.n = 0};
    struct pubkey *const keys[] = {a.key, b.key, c.key};
    char want[256];

    (void)state;
    sign(&s, &a);
    struct quorum quorum = {keys, 3, 2, NULL, 0, 0, s.signatures, 1};
    assert_int_equal(quorum_verify(&quorum, MESSAGE, NULL), RC_OK);
    assert_false(quorum_is_met(&quorum));
    snprintf(want, sizeof want, "1 more by %s, %s", pubkey_canonical_id(b.key)->hex,
        pubkey_canonical_id(c.key)->hex);
    assert_string_equal(missing(&quorum), want);

    sign(&s, &c);
    quorum.n_signatures = 2;
    assert_true(quorum_is_met(&quorum));
    assert_string_equal(missing(&quorum), "");
    assert_true(quorum_has(&quorum, c.key));
    assert_false(quorum_has(&quorum, b.key));
}

static void
test_counts_a_key_under_two_ids_once(void **state)
{
    closing(scene_done) struct scene s = {.n = 0};
    struct pubkey *const keys[] = {a.key, certified.key, b.key};

    (void)state;
    sign(&s, &a);
    sign(&s, &certified);
    const struct quorum quorum = {keys, 3, 2, NULL, 0, 0, s.signatures, s.n};
    assert_int_equal(quorum_verify(&quorum, MESSAGE, NULL), RC_OK);
    assert_false(quorum_is_met(&quorum));
}

static void
test_wants_the_keys_of_the_root_before_as_well(void **state)
{
    closing(scene_done) struct scene s = {.n = 0};
    struct pubkey *const keys[] = {certified.key, b.key}, *const former[] = {a.key, c.key};
    struct quorum quorum = {keys, 2, 1, former, 2, 1, s.signatures, 0};

    (void)state;
    assert_non_null(strstr(missing(&quorum), "1 more by "));
    assert_non_null(strstr(missing(&quorum), "; of the keys of the root before: 1 more by "));

    /* It is the same key, but readers of the root before know it by another ID. */
    sign(&s, &certified);
    quorum.n_signatures = s.n;
    assert_false(quorum_is_met(&quorum));
    assert_false(quorum_has_known(&quorum));
    assert_false(quorum_has(&quorum, a.key));
    assert_ptr_equal(
        strstr(missing(&quorum), "of the keys of the root before: 1"), missing(&quorum));

    sign(&s, &a);
    quorum.n_signatures = s.n;
    assert_true(quorum_is_met(&quorum));
    assert_true(quorum_has_known(&quorum));
    assert_true(quorum_has(&quorum, a.key));
}

static void
test_believes_no_signature(void **state)
{
    closing(scene_done) struct scene s = {.n = 0};
    struct pubkey *const keys[] = {a.key, b.key};
    struct why why = {""};

    (void)state;
    sign(&s, &a);
    sign(&s, &c);
    struct quorum quorum = {keys, 2, 1, NULL, 0, 0, s.signatures, 2};
    assert_int_equal(quorum_verify(&quorum, MESSAGE, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "may not sign it"));

    quorum.n_signatures = 1;
    assert_int_equal(quorum_verify(&quorum, MESSAGE, NULL), RC_OK);
    assert_int_equal(quorum_verify(&quorum, SPAN("{\"a\":2}"), &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, pubkey_id(a.key)->hex));

    s.signatures[0].keyid = *pubkey_id(b.key);
    assert_int_equal(quorum_verify(&quorum, MESSAGE, NULL), RC_UNTRUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_keys_up_to_the_threshold),
        cmocka_unit_test(test_counts_a_key_under_two_ids_once),
        cmocka_unit_test(test_wants_the_keys_of_the_root_before_as_well),
        cmocka_unit_test(test_believes_no_signature),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
