/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/memfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk.h"

static struct softhsm softhsm;

static void
start(struct talk *t)
{
    talk_start(t, &softhsm, getenv("COUNTERSIGN_TOKEN"));
}

static void
log_in(struct talk *t)
{
    struct frame frame = talk_open(&softhsm);

    talk_say(t, &frame);
    talk_await(t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = t->frame.id};
    talk_say(t, &frame);
    talk_await_state(t, TOKEN_READY);
}

static const struct frame_key *
find(struct talk *t, uint32_t place, const char *uri, struct span spki)
{
    struct frame frame = {.type = FRAME_FIND, .id = 77};

    frame.find = (struct frame_find){place, span_of(uri), spki};
    talk_say(t, &frame);
    talk_await(t, FRAME_KEY);
    assert_int_equal(t->frame.id, 77);
    assert_int_equal(t->frame.key.place, place);
    return &t->frame.key;
}

/* message: empty: the digest is enough. */
static const struct frame_signed *
sign_with(struct talk *t, uint32_t place, enum verify_method method, const struct digest *digest,
    struct span message)
{
    struct frame frame = {.type = FRAME_SIGN, .id = 78};
    closing(fd_close) int passed = -1;

    if (message.len > 0)
        assert_int_equal(memfile_new(&passed, message, NULL), RC_OK);
    frame.sign.n_jobs = 1;
    frame.sign.jobs[0] = (struct frame_job){place, method, *digest};
    assert_int_equal(worker_send(t->worker, &frame, passed, 0, NULL), RC_OK);
    talk_await(t, FRAME_SIGNED);
    assert_int_equal(t->frame.id, 78);
    assert_int_equal(t->frame.sigs.n_results, 1);
    return &t->frame.sigs;
}

static const struct frame_signed *
sign(struct talk *t, uint32_t place, enum verify_method method, const struct digest *digest)
{
    return sign_with(t, place, method, digest, (struct span){0});
}

static void
test_signs_by_every_method(void **state)
{
    static const struct {
        const char *says, *uri;
        enum verify_method method;
    } cases[] = {
        {"P-256", "pkcs11:object=p256", VERIFY_ECDSA},
        {"P-384", "pkcs11:id=%02", VERIFY_ECDSA},
        {"P-521", "pkcs11:object=p521", VERIFY_ECDSA},
        {"RSA-PSS", "pkcs11:object=rsa;type=private", VERIFY_RSAPSS},
        {"RSA PKCS #1 1.5", "pkcs11:token=agent;object=rsa", VERIFY_RSAPKCS1V15},
    };
    struct digest digest;
    struct talk t;

    (void)state;
    digest_of(&digest, SPAN("message"));
    start(&t);
    log_in(&t);
    for (uint32_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(pubkey_unrefp) struct pubkey *pubkey = NULL;

        print_message("%s\n", cases[i].says);
        const struct frame_key *key = find(&t, i, cases[i].uri, SPAN(""));
        assert_int_equal(key->n_matches, 1);
        assert_true(key->methods & 1u << cases[i].method);
        assert_int_equal(key->detail.len, 0);
        assert_int_equal(pubkey_from_spki(&pubkey, key->spki, NULL), RC_OK);

        const struct frame_signed *sigs = sign(&t, i, cases[i].method, &digest);
        assert_int_equal(sigs->results[0].rc, RC_OK);
        assert_int_equal(
            verify_digest(pubkey, cases[i].method, &digest, sigs->results[0].signature, NULL),
            RC_OK);
    }
    talk_finish(&t);
}

static void
test_signs_a_message_with_ed25519(void **state)
{
    closing(pubkey_unrefp) struct pubkey *pubkey = NULL;
    struct digest digest;
    struct talk t;

    (void)state;
    digest_of(&digest, SPAN("message"));
    start(&t);
    log_in(&t);
    const struct frame_key *key = find(&t, 0, "pkcs11:object=ed", SPAN(""));
    assert_int_equal(key->methods, 1 << VERIFY_EDDSA);
    assert_int_equal(key->with_message, 1 << VERIFY_EDDSA);
    assert_int_equal(pubkey_from_spki(&pubkey, key->spki, NULL), RC_OK);

    const struct frame_signed *sigs = sign_with(&t, 0, VERIFY_EDDSA, &digest, SPAN("message"));
    assert_int_equal(sigs->results[0].rc, RC_OK);
    assert_int_equal(
        verify_message(pubkey, VERIFY_EDDSA, SPAN("message"), sigs->results[0].signature, NULL),
        RC_OK);

    sigs = sign_with(&t, 0, VERIFY_EDDSA, &digest, SPAN("massage"));
    assert_int_equal(sigs->results[0].rc, RC_MALFORMED);
    sigs = sign(&t, 0, VERIFY_EDDSA, &digest);
    assert_int_equal(sigs->results[0].rc, RC_MALFORMED);
    talk_finish(&t);
}

static void
test_counts_the_keys_that_a_uri_names(void **state)
{
    static const struct {
        const char *says, *uri;
        uint32_t n;
    } cases[] = {
        {"none", "pkcs11:object=nobody", 0},
        {"two with one label", "pkcs11:object=twin", 2},
        {"another token", "pkcs11:token=other;object=p256", 0},
        {"public keys do not count", "pkcs11:object=p256;type=public", 0},
        {"two characters are no byte", "pkcs11:id=01", 0},
        {"no URI", "object=p256", 0},
        {"an attribute that is not known", "pkcs11:object=p256;foo=bar", 0},
        {"a PIN in the URI", "pkcs11:object=p256?pin-value=1234", 0},
    };
    struct talk t;

    (void)state;
    start(&t);
    log_in(&t);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        const struct frame_key *key = find(&t, (uint32_t)i, cases[i].uri, SPAN(""));
        assert_int_equal(key->n_matches, cases[i].n);
        assert_int_equal(key->methods, 0);
    }
    talk_finish(&t);
}

static void
test_says_which_keys_are_of_no_use(void **state)
{
    static const struct {
        const char *says, *uri, *detail;
    } cases[] = {
        {"RSA that is too short", "pkcs11:object=short", "2048"},
    };
    struct digest digest = {{0}};
    struct talk t;

    (void)state;
    start(&t);
    log_in(&t);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(freep) char *detail = NULL;
        print_message("%s\n", cases[i].says);
        const struct frame_key *key = find(&t, 0, cases[i].uri, SPAN(""));
        assert_int_equal(key->n_matches, 1);
        assert_int_equal(key->methods, 0);
        detail = span_dup(key->detail);
        assert_non_null(strstr(detail, cases[i].detail));
        assert_int_equal(sign(&t, 0, VERIFY_ECDSA, &digest)->results[0].rc, RC_TOKEN);
    }
    talk_finish(&t);
}

static void
test_returns_no_signature_of_another_key_than_the_pinned_one(void **state)
{
    closing(bytes_done) struct bytes other = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct digest digest = {{1}};
    struct talk t;

    (void)state;
    start(&t);
    log_in(&t);
    bytes_put(&other, find(&t, 0, "pkcs11:id=%05", SPAN(""))->spki);

    const struct frame_key *key = find(&t, 1, "pkcs11:object=p256", bytes_span(&other));
    assert_int_equal(key->n_matches, 1);
    assert_false(span_eq(key->spki, bytes_span(&other)));
    assert_int_equal(sign(&t, 1, VERIFY_ECDSA, &digest)->results[0].rc, RC_UNTRUSTED);
    assert_int_equal(t.frame.sigs.results[0].signature.len, 0);
    talk_finish(&t);
}

static void
test_verifies_with_the_pinned_key_where_the_token_shows_none(void **state)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct digest digest = {{1}};
    struct talk t;

    (void)state;
    start(&t);
    log_in(&t);
    bytes_put(&spki, find(&t, 0, "pkcs11:object=lonely", SPAN(""))->spki);
    talk_finish(&t);
    softhsm_tool(&softhsm, "--delete-object --type pubkey --label lonely");

    start(&t);
    log_in(&t);
    const struct frame_key *key = find(&t, 0, "pkcs11:object=lonely", SPAN(""));
    assert_int_equal(key->n_matches, 1);
    assert_int_equal(key->spki.len, 0);
    assert_int_equal(sign(&t, 0, VERIFY_ECDSA, &digest)->results[0].rc, RC_TOKEN);

    key = find(&t, 0, "pkcs11:object=lonely", bytes_span(&spki));
    assert_int_equal(key->spki.len, 0);
    assert_int_equal(sign(&t, 0, VERIFY_ECDSA, &digest)->results[0].rc, RC_OK);
    talk_finish(&t);
}

static void
test_takes_the_public_key_of_a_certificate(void **state)
{
    struct digest digest = {{1}};
    struct talk t;

    (void)state;
    start(&t);
    log_in(&t);
    const struct frame_key *key = find(&t, 0, "pkcs11:object=certified", SPAN(""));
    assert_int_equal(key->n_matches, 1);
    assert_int_not_equal(key->spki.len, 0);
    assert_int_equal(sign(&t, 0, VERIFY_ECDSA, &digest)->results[0].rc, RC_OK);
    talk_finish(&t);
}

static void
test_logs_in_only_when_told_and_with_what_it_found(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    start(&t);
    talk_say(&t, &frame);
    talk_await(&t, FRAME_FOUND);
    assert_true(span_starts(t.frame.found.identity, SPAN("SoftHSM v2:")));
    assert_true(span_starts(t.frame.found.source, SPAN("file:/tmp/")));

    /* The PIN is changed before the answer comes: the answer is about another PIN. */
    uint32_t old = t.frame.id;
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    talk_await(&t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = old};
    talk_say(&t, &frame);
    frame.id = t.frame.id;
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_READY);
    talk_finish(&t);
}

static void
test_reports_a_refused_pin_and_waits_for_another(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    softhsm_write_pin(&softhsm, "9999\n");
    start(&t);
    talk_say(&t, &frame);
    talk_await(&t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = t.frame.id};
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_PIN_WRONG);
    assert_int_equal(t.frame.state.ckr, 0xa0);
    talk_await(&t, FRAME_FOUND); /* the same, and whether that is tried again others decide */

    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    talk_await(&t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = t.frame.id};
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_READY);
    talk_finish(&t);
}

static void
test_strips_one_end_of_line_from_the_pin(void **state)
{
    static const struct {
        const char *says, *text;
        enum token_state want;
    } cases[] = {
        {"none", SOFTHSM_PIN, TOKEN_READY},
        {"LF", SOFTHSM_PIN "\n", TOKEN_READY},
        {"CR LF", SOFTHSM_PIN "\r\n", TOKEN_READY},
        {"two", SOFTHSM_PIN "\n\n", TOKEN_PIN_WRONG},
        {"CR alone", SOFTHSM_PIN "\r", TOKEN_PIN_WRONG},
        {"nothing", "\n", TOKEN_LOCKED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct frame frame = talk_open(&softhsm);
        struct talk t;

        print_message("%s\n", cases[i].says);
        softhsm_write_pin(&softhsm, cases[i].text);
        start(&t);
        talk_say(&t, &frame);
        talk_await(&t, FRAME_FOUND);
        frame = (struct frame){.type = FRAME_LOGIN, .id = t.frame.id};
        talk_say(&t, &frame);
        talk_await_state(&t, cases[i].want);
        talk_finish(&t);
    }
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
}

static void
test_is_locked_while_there_is_no_pin_of_ours_alone(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    assert_int_equal(chmod(softhsm.pin, 0640), 0);
    start(&t);
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_LOCKED);
    assert_int_equal(unlink(softhsm.pin), 0);
    talk_await_state(&t, TOKEN_LOCKED);
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    talk_await(&t, FRAME_FOUND);
    talk_finish(&t);
}

static void
test_sees_a_token_that_comes_back(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    softhsm_unplug(&softhsm);
    start(&t);
    talk_say(&t, &frame);
    talk_await(&t, FRAME_STATE);
    assert_int_not_equal(t.frame.state.state, TOKEN_READY);
    softhsm_plug(&softhsm);
    talk_await(&t, FRAME_FOUND);
    talk_finish(&t);
}

static void
test_takes_another_token_for_none(void **state)
{
    static const struct {
        const char *says, *serial, *identity, *uri;
        enum token_state want;
    } cases[] = {
        {"another serial in the policy", "0", "", "pkcs11:token=agent", TOKEN_ABSENT},
        {"another one seen first", "", "SoftHSM v2:0", "pkcs11:token=agent", TOKEN_ABSENT},
        {"another model", "", "Other:0", "pkcs11:token=agent", TOKEN_ABSENT},
        {"another label", "", "", "pkcs11:token=other", TOKEN_ABSENT},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct frame frame = talk_open(&softhsm);
        struct talk t;

        print_message("%s\n", cases[i].says);
        frame.open.serial = span_of(cases[i].serial);
        frame.open.identity = span_of(cases[i].identity);
        frame.open.uri = span_of(cases[i].uri);
        start(&t);
        talk_say(&t, &frame);
        talk_await_state(&t, cases[i].want);
        talk_finish(&t);
    }
}

static void
test_ends_where_the_module_cannot_be_loaded(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    frame.open.module = SPAN("/nonexistent.so");
    start(&t);
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_FAILING);
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
}

static void
test_ends_when_spoken_to_out_of_turn(void **state)
{
    struct frame frame = {.type = FRAME_SIGN, .sign.n_jobs = 1};
    struct talk t;

    (void)state;
    start(&t);
    talk_say(&t, &frame);
    talk_await_state(&t, TOKEN_FAILING);
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
}

static int
make_keys(void **state)
{
    closing(freep) char *command = NULL;

    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    softhsm_make_key(&softhsm, "EC:secp384r1", "p384", "02");
    softhsm_make_key(&softhsm, "rsa:2048", "rsa", "03");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "04");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "05");
    softhsm_make_key(&softhsm, "EC:edwards25519", "ed", "06");
    softhsm_make_key(&softhsm, "rsa:1024", "short", "08");
    softhsm_make_key(&softhsm, "EC:secp256r1", "lonely", "09");
    softhsm_make_key(&softhsm, "EC:secp521r1", "p521", "11");

    assert_true(asprintf(&command,
                    "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                    "-keyout key.pem -subj /CN=certified -outform DER -out cert.der 2>log && "
                    "openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der",
                    softhsm.dir) > 0);
    assert_int_equal(system(command), 0);
    softhsm_tool(&softhsm,
        "--write-object %s/key.der --type privkey --label certified --id 10 --usage-sign",
        softhsm.dir);
    softhsm_tool(
        &softhsm, "--write-object %s/cert.der --type cert --label certified --id 10", softhsm.dir);
    return 0;
}

static int
remove_keys(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_by_every_method),
        cmocka_unit_test(test_signs_a_message_with_ed25519),
        cmocka_unit_test(test_counts_the_keys_that_a_uri_names),
        cmocka_unit_test(test_says_which_keys_are_of_no_use),
        cmocka_unit_test(test_returns_no_signature_of_another_key_than_the_pinned_one),
        cmocka_unit_test(test_verifies_with_the_pinned_key_where_the_token_shows_none),
        cmocka_unit_test(test_takes_the_public_key_of_a_certificate),
        cmocka_unit_test(test_logs_in_only_when_told_and_with_what_it_found),
        cmocka_unit_test(test_reports_a_refused_pin_and_waits_for_another),
        cmocka_unit_test(test_strips_one_end_of_line_from_the_pin),
        cmocka_unit_test(test_is_locked_while_there_is_no_pin_of_ours_alone),
        cmocka_unit_test(test_sees_a_token_that_comes_back),
        cmocka_unit_test(test_takes_another_token_for_none),
        cmocka_unit_test(test_ends_where_the_module_cannot_be_loaded),
        cmocka_unit_test(test_ends_when_spoken_to_out_of_turn),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
