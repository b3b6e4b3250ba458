/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signer.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/softagent.h"

#define GUN "localhost:5000/shop/web"

static struct forge_key root, qa, dev, other, certified;
static char *pem;

static int
make_keys(void **state)
{
    (void)state;
    forge_key_init(&root, "P-256");
    forge_key_init(&qa, "P-256");
    forge_key_init(&dev, "P-256");
    forge_key_init(&other, "P-256");
    forge_key_init(&certified, "P-256");
    struct forge_key copy = certified; /* certified keeps its plain form */
    EVP_PKEY_up_ref(copy.evp);
    copy.key = pubkey_ref(copy.key);
    forge_key_certify(&copy, "dev", 0, 4102444800);
    pem = span_dup(pubkey_public(copy.key));
    forge_key_done(&copy);
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    forge_key_done(&root);
    forge_key_done(&qa);
    forge_key_done(&dev);
    forge_key_done(&other);
    forge_key_done(&certified);
    free(pem);
    return 0;
}

static const struct softagent_key keys[] = {
    {"root", "[\"root\"]", &root, .max_validity_s = 1000},
    {"qa", "[\"targets/qa\",\"targets/releases\"]", &qa, .max_validity_s = 100},
    {"dev", "[\"targets/dev\",\"targets/releases\"]", &dev, .max_validity_s = 50},
    {"other", "[]", &other, .is_refused = true},
    {"away", "[\"targets/away\"]", NULL},
};

static void
open_signer(struct signer **ret, struct agent_call *agent)
{
    struct why why = {0};

    softagent_init(agent, keys, N_ELEMENTS(keys));
    if (signer_new(ret, agent, &why))
        fail_msg("%s", why.text);
}

static void
test_knows_the_keys_and_what_they_are_for(void **state)
{
    closing(softagent_done) struct agent_call agent;
    closing(signer_freep) struct signer *signer = NULL;

    (void)state;
    open_signer(&signer, &agent);
    assert_int_equal(signer_n_keys(signer), N_ELEMENTS(keys));
    assert_null(signer_find(signer, "none"));
    assert_ptr_equal(signer_find(signer, "qa"), signer_key_at(signer, 1));
    assert_ptr_equal(signer_find_id(signer, pubkey_canonical_id(qa.key)), signer_key_at(signer, 1));

    static const struct {
        const char *key, *repository, *role;
        bool may;
    } rows[] = {
        {"qa", GUN, "targets/qa", true},
        {"qa", GUN, "targets/dev", false},
        {"qa", "elsewhere/x", "targets/qa", false},
        {"dev", GUN, "targets/releases", true},
        {"other", GUN, "targets/qa", false},
        {"root", GUN, "root", true},
    };
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_int_equal(
            signer_may(signer_find(signer, rows[i].key), rows[i].repository, rows[i].role),
            rows[i].may);
}

static void
test_lists_a_key_under_its_certificate(void **state)
{
    const struct softagent_key listed[] = {
        {"plain", "[]", &qa}, {"certified", "[]", &certified, .certificate = pem}};
    closing(softagent_done) struct agent_call agent;
    closing(signer_freep) struct signer *signer = NULL;

    (void)state;
    softagent_init(&agent, listed, N_ELEMENTS(listed));
    assert_int_equal(signer_new(&signer, &agent, NULL), RC_OK);
    assert_false(pubkey_is_x509(signer_public(signer_find(signer, "plain"))));
    assert_true(pubkey_is_x509(signer_public(signer_find(signer, "certified"))));
    assert_true(keyid_eq(pubkey_canonical_id(signer_public(signer_find(signer, "certified"))),
        pubkey_canonical_id(certified.key)));
}

static void
test_chooses_the_one_key_or_asks_which(void **state)
{
    static const struct {
        const char *name, *role;
        enum rc want;
        const char *is; /* the key, or part of the sentence */
    } rows[] = {
        {NULL, "targets/qa", RC_OK, "qa"},
        {NULL, "root", RC_OK, "root"},
        {NULL, "targets/releases", RC_NOT_FOUND, "say which"},
        {NULL, "snapshot", RC_DENIED, "no key"},
        {NULL, "targets/away", RC_TOKEN, "'absent'"},
        {"agent:dev", "targets/releases", RC_OK, "dev"},
        {"agent:qa", "targets/dev", RC_DENIED, "not yours"},
        {"agent:none", "targets/qa", RC_NOT_FOUND, "key list"},
        {"agent:away", "targets/away", RC_TOKEN, "'absent'"},
        {"qa.pem", "targets/qa", RC_NOT_FOUND, "agent:NAME"},
    };
    closing(softagent_done) struct agent_call agent;
    closing(signer_freep) struct signer *signer = NULL;

    (void)state;
    open_signer(&signer, &agent);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        const struct signer_key *key = NULL;
        struct why why = {0};

        enum rc rc = signer_choose(&key, signer, rows[i].name, GUN, rows[i].role, &why);
        if (rc != rows[i].want ||
            (rc ? !strstr(why.text, rows[i].is) : strcmp(key->name, rows[i].is)))
            fail_msg("%s for %s: %d, %s", rows[i].name ? rows[i].name : "any", rows[i].role, rc,
                why.text);
    }
}

static void
test_bounds_validity_by_every_key_that_signs(void **state)
{
    closing(softagent_done) struct agent_call agent;
    closing(signer_freep) struct signer *signer = NULL;
    struct pubkey *const listed[] = {qa.key, dev.key, other.key};

    (void)state;
    open_signer(&signer, &agent);
    assert_int_equal(signer_validity_s(signer, GUN, "targets/releases", listed, 3, 1000), 50);
    assert_int_equal(signer_validity_s(signer, GUN, "targets/releases", listed, 1, 1000), 100);
    assert_int_equal(signer_validity_s(signer, GUN, "targets/qa", listed, 3, 1000), 100);
    assert_int_equal(signer_validity_s(signer, GUN, "targets/qa", listed, 3, 10), 10);
    assert_true(signer_can_sign(signer, GUN, "targets/qa", listed, 3));
    assert_false(signer_can_sign(signer, GUN, "targets/qa", listed + 1, 2));
}

static void
forge_id(json_t *answer)
{
    json_t *key = json_array_get(json_object_get(answer, "keys"), 0);

    json_object_set_new(key, "key", json_string(pubkey_canonical_id(qa.key)->hex));
}

static void
drop_roles(json_t *answer)
{
    json_object_del(json_array_get(json_object_get(answer, "keys"), 0), "roles");
}

static void
test_refuses_an_answer_that_cannot_be(void **state)
{
    static const struct {
        void (*spoil)(json_t *);
        const char *says;
    } rows[] = {{forge_id, "is not that of its public key"}, {drop_roles, "roles"}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(softagent_done) struct agent_call agent;
        struct signer *signer = NULL;
        struct why why = {0};

        softagent_init(&agent, keys, N_ELEMENTS(keys));
        agent.spoil = rows[i].spoil;
        assert_int_equal(signer_new(&signer, &agent, &why), RC_MALFORMED);
        assert_null(signer);
        if (!strstr(why.text, rows[i].says))
            fail_msg("%s", why.text);
    }
}

static void
test_reads_the_root_certificate(void **state)
{
    closing(softagent_done) struct agent_call agent;
    closing(signer_freep) struct signer *signer = NULL;
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    closing(freep) char *text = NULL;

    (void)state;
    open_signer(&signer, &agent);
    reply = json_pack("{s:s}", "certificate", pem);
    text = json_dumps(reply, 0);
    agent.answer = text;
    assert_int_equal(
        signer_root_certificate(&key, signer, GUN, signer_find(signer, "root"), false, NULL),
        RC_OK);
    assert_true(pubkey_is_x509(key));
    assert_string_equal(
        json_string_value(json_object_get(agent.asked, "key")), pubkey_canonical_id(root.key)->hex);
    assert_string_equal(json_string_value(json_object_get(agent.asked, "repository")), GUN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_keys_and_what_they_are_for),
        cmocka_unit_test(test_lists_a_key_under_its_certificate),
        cmocka_unit_test(test_chooses_the_one_key_or_asks_which),
        cmocka_unit_test(test_bounds_validity_by_every_key_that_signs),
        cmocka_unit_test(test_refuses_an_answer_that_cannot_be),
        cmocka_unit_test(test_reads_the_root_certificate),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
