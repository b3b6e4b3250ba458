/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include "tests/softkey.h"
#include "tests/talk.h"

static struct softhsm softhsm;

static void
log_in(struct talk *t)
{
    struct frame frame = talk_open(&softhsm);

    talk_start(t, &softhsm, getenv("COUNTERSIGN_TOKEN"));
    talk_say(t, &frame);
    talk_await(t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = t->frame.id};
    talk_say(t, &frame);
    talk_await_state(t, TOKEN_READY);
}

static const struct frame_made *
await_made(struct talk *t, uint32_t id)
{
    talk_await(t, FRAME_MADE);
    assert_int_equal(t->frame.id, id);
    if (t->frame.made.rc)
        print_message("    %.*s\n", (int)t->frame.made.detail.len, t->frame.made.detail.p);
    return &t->frame.made;
}

static const struct frame_made *
generate(struct talk *t, const char *label, const char *algorithm)
{
    struct frame frame = {.type = FRAME_GENERATE, .id = 7};

    frame.generate = (struct frame_generate){span_of(label), span_of(algorithm), SPAN("")};
    talk_say(t, &frame);
    return await_made(t, 7);
}

static void
put_part(struct bytes *b, struct span part)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes_putc(b, (uint8_t)(part.len >> shift));
    bytes_put(b, part);
}

/* As a client would: both parts, and then nothing; n: how much of it is sent before it hangs up. */
static const struct frame_made *
import_some(struct talk *t, const char *label, struct span file, struct span passphrase, size_t n)
{
    closing(bytes_done) struct bytes sent = BYTES_INIT(2 * 1024 * 1024);
    struct frame frame = {.type = FRAME_IMPORT, .id = 8, .import.label = span_of(label)};
    int fds[2], room = 4 * 1024 * 1024;

    put_part(&sent, file);
    put_part(&sent, passphrase);
    assert_int_equal(bytes_check(&sent, NULL), RC_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    n = n < sent.len ? n : sent.len;
    (void)!send(fds[0], sent.p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < sent.len)
        fd_close(&fds[0]);
    assert_int_equal(worker_send(t->worker, &frame, fds[1], 0, NULL), RC_OK);
    fd_close(&fds[1]);
    const struct frame_made *made = await_made(t, 8);
    fd_close(&fds[0]);
    return made;
}

static const struct frame_made *
import(struct talk *t, const char *label, struct span file, struct span passphrase)
{
    return import_some(t, label, file, passphrase, SIZE_MAX);
}

/* The key is there, under its label, and signs; *ret: its public key. */
static void
assert_signs(struct pubkey **ret, struct talk *t, const char *label, const char *algorithm)
{
    closing(bytes_done) struct bytes uri = BYTES_INIT(200);
    struct frame frame = {.type = FRAME_FIND, .id = 9};

    bytes_printf(&uri, "pkcs11:object=%s;type=private", label);
    frame.find = (struct frame_find){3, bytes_span(&uri), SPAN(""), true};
    talk_say(t, &frame);
    talk_await(t, FRAME_KEY);
    assert_int_equal(t->frame.key.n_matches, 1);
    assert_int_equal(t->frame.key.detail.len, 0);
    assert_int_equal(pubkey_from_spki(ret, t->frame.key.spki, NULL), RC_OK);
    assert_string_equal(pubkey_algorithm(*ret), algorithm);
    if (t->frame.key.with_message) /* which test_token.c hands over */
        return;

    frame = (struct frame){.type = FRAME_SIGN, .id = 10, .sign.n_jobs = 1};
    frame.sign.jobs[0] = (struct frame_job){3, verify_method_of(*ret), {{0}}};
    talk_say(t, &frame);
    talk_await(t, FRAME_SIGNED);
    assert_int_equal(t->frame.sigs.results[0].rc, RC_OK);
}

static void
test_makes_keys_of_every_algorithm(void **state)
{
    static const char *const algorithms[] = {
        "ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072", "ed25519"};
    struct talk t;

    (void)state;
    log_in(&t);
    for (size_t i = 0; i < N_ELEMENTS(algorithms); i++) {
        closing(pubkey_unrefp) struct pubkey *told = NULL;
        closing(pubkey_unrefp) struct pubkey *seen = NULL;

        print_message("%s\n", algorithms[i]);
        const struct frame_made *made = generate(&t, algorithms[i], algorithms[i]);
        assert_int_equal(made->rc, RC_OK);
        assert_int_equal(pubkey_from_spki(&told, made->spki, NULL), RC_OK);
        assert_signs(&seen, &t, algorithms[i], algorithms[i]);
        assert_true(keyid_eq(pubkey_id(told), pubkey_id(seen)));
    }
    talk_finish(&t);
}

static void
test_makes_keys_that_stay_in_the_token_and_only_sign(void **state)
{
    closing(freep) char *command = NULL;
    struct talk t;

    (void)state;
    log_in(&t);
    assert_int_equal(generate(&t, "strict", "ec-p256")->rc, RC_OK);
    talk_finish(&t);
    softhsm_tool(&softhsm, "--login --list-objects --type privkey --label strict");
    assert_true(asprintf(&command,
                    "grep -q 'Usage: *sign$' %s/log && "
                    "grep -q 'Access: *sensitive, always sensitive, never extractable, local$' "
                    "%s/log",
                    softhsm.dir, softhsm.dir) > 0);
    assert_int_equal(system(command), 0);
}

static void
test_refuses_a_label_that_is_taken_and_an_algorithm_that_is_none(void **state)
{
    struct talk t;

    (void)state;
    log_in(&t);
    assert_int_equal(generate(&t, "taken", "ec-p256")->rc, RC_OK);
    assert_int_equal(generate(&t, "taken", "ec-p384")->rc, RC_REFUSED);
    assert_int_equal(generate(&t, "other", "ec-p192")->rc, RC_REFUSED);
    assert_int_equal(generate(&t, "other", "")->rc, RC_REFUSED);
    talk_finish(&t);
}

static void
put_pem(struct bytes *ret, EVP_PKEY *evp, const EVP_CIPHER *cipher, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
                         bio, evp, cipher, passphrase, (int)strlen(passphrase), NULL, NULL),
        1);
    long len = BIO_get_mem_data(bio, &p);
    bytes_put(ret, (struct span){(uint8_t *)p, (size_t)len});
    BIO_free(bio);
}

static void
test_takes_keys_of_every_algorithm(void **state)
{
    static const struct {
        const char *kind, *algorithm;
    } cases[] = {
        {"P-256", "ec-p256"},
        {"P-384", "ec-p384"},
        {"P-521", "ec-p521"},
        {"RSA-2048", "rsa-2048"},
        {"RSA-2304", "rsa-2304"},
        {"ED25519", "ed25519"},
    };
    struct talk t;

    (void)state;
    log_in(&t);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(cases[i].kind);
        closing(pubkey_unrefp) struct pubkey *want = softkey_pubkey(evp);
        closing(pubkey_unrefp) struct pubkey *seen = NULL;
        closing(bytes_done) struct bytes text = BYTES_INIT(10000);

        print_message("%s\n", cases[i].kind);
        put_pem(&text, evp, i % 2 ? EVP_aes_128_cbc() : NULL, i % 2 ? "secret" : "");
        const struct frame_made *made =
            import(&t, cases[i].kind, bytes_span(&text), i % 2 ? SPAN("secret") : SPAN(""));
        assert_int_equal(made->rc, RC_OK);
        assert_true(span_eq(made->spki, pubkey_spki(want)));
        assert_signs(&seen, &t, cases[i].kind, cases[i].algorithm);
        assert_true(keyid_eq(pubkey_id(want), pubkey_id(seen)));
    }
    talk_finish(&t);
}

static void
test_refuses_what_is_no_key_and_goes_on(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(EVP_PKEY_freep) EVP_PKEY *small = softkey_new("P-224");
    closing(bytes_done) struct bytes good = BYTES_INIT(10000), secret = BYTES_INIT(10000),
                                     other = BYTES_INIT(10000), large = BYTES_INIT(2000000);
    struct talk t;

    (void)state;
    put_pem(&good, evp, NULL, "");
    put_pem(&secret, evp, EVP_aes_256_cbc(), "secret");
    put_pem(&other, small, NULL, "");
    while (large.len < 1024 * 1024)
        bytes_put(&large, bytes_span(&good));

    const struct {
        const char *says;
        struct span file, passphrase;
        size_t n;
    } cases[] = {
        {"nothing", SPAN(""), SPAN(""), SIZE_MAX},
        {"no key", SPAN("hello"), SPAN(""), SIZE_MAX},
        {"a wrong passphrase", bytes_span(&secret), SPAN("public"), SIZE_MAX},
        {"no passphrase", bytes_span(&secret), SPAN(""), SIZE_MAX},
        {"a curve that no token is asked for", bytes_span(&other), SPAN(""), SIZE_MAX},
        {"a MiB", bytes_span(&large), SPAN(""), SIZE_MAX},
        {"a long passphrase", bytes_span(&good), bytes_span(&large), SIZE_MAX},
        {"a client that says nothing", bytes_span(&good), SPAN(""), 0},
        {"half of a length", bytes_span(&good), SPAN(""), 2},
        {"half of a file", bytes_span(&good), SPAN(""), 100},
        {"a file alone", bytes_span(&good), SPAN(""), 4 + good.len},
    };

    log_in(&t);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        assert_int_equal(
            import_some(&t, "refused", cases[i].file, cases[i].passphrase, cases[i].n)->rc,
            RC_REFUSED);
    }
    assert_int_equal(import(&t, "refused", bytes_span(&good), SPAN(""))->rc, RC_OK);
    assert_int_equal(import(&t, "refused", bytes_span(&good), SPAN(""))->rc, RC_REFUSED);
    talk_finish(&t);
}

static int
make_token(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    return 0;
}

static int
remove_token(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_keys_of_every_algorithm),
        cmocka_unit_test(test_makes_keys_that_stay_in_the_token_and_only_sign),
        cmocka_unit_test(test_refuses_a_label_that_is_taken_and_an_algorithm_that_is_none),
        cmocka_unit_test(test_takes_keys_of_every_algorithm),
        cmocka_unit_test(test_refuses_what_is_no_key_and_goes_on),
    };

    return cmocka_run_group_tests(tests, make_token, remove_token);
}
