/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void
format(struct bytes *b, const struct frame *frame)
{
    struct why why;

    assert_int_equal(frame_format(b, frame, &why), RC_OK);
}

static enum frame_side
side_of(enum frame_type type)
{
    return type < FRAME_STATE || type == FRAME_GENERATE || type == FRAME_IMPORT ||
                   type == FRAME_ATTEST
               ? FRAME_FROM_AGENT
               : FRAME_FROM_WORKER;
}

/* One frame of each type, with something in each member. */
static struct frame
sample(enum frame_type type)
{
    struct frame f = {.type = type, .id = 0xfedcba98};

    switch (type) {
    case FRAME_OPEN:
        f.open = (struct frame_open){TOKEN_PIN_FILE, SPAN("/lib/m.so"), SPAN("pkcs11:token=t"),
            SPAN("/etc/pin"), TOKEN_TIMEOUT_MAX_S, SPAN("1234"), SPAN("model:1234"), true,
            {{SPAN("/state"), false}, {SPAN("/policy"), true}}, 2};
        break;
    case FRAME_FIND:
        f.find =
            (struct frame_find){TOKEN_KEYS_MAX - 1, SPAN("pkcs11:object=k"), SPAN("\0\1\2"), true};
        break;
    case FRAME_SIGN:
        f.sign.n_jobs = WORKER_BATCH_MAX;
        for (size_t i = 0; i < f.sign.n_jobs; i++)
            f.sign.jobs[i] = (struct frame_job){(uint32_t)i, VERIFY_RSAPKCS1V15, {{(uint8_t)i}}};
        break;
    case FRAME_STATE:
        f.state = (struct frame_state){TOKEN_FAILING, 0x8000000000000005, SPAN("it fails")};
        break;
    case FRAME_FOUND:
        f.found =
            (struct frame_found){SPAN("model:1234"), SPAN("file:/etc/pin 8:1 7 1.0"), false, true};
        break;
    case FRAME_KEY:
        f.key = (struct frame_key){7, 1, 1 << VERIFY_ECDSA | 1 << VERIFY_EDDSA, 1 << VERIFY_EDDSA,
            {KEY_ORIGIN_IMPORTED, true, false}, SPAN("\x30\0"), SPAN("")};
        break;
    case FRAME_SIGNED:
        f.sigs.n_results = 2;
        f.sigs.results[0] = (struct frame_result){RC_OK, SPAN("sig\0"), SPAN("")};
        f.sigs.results[1] = (struct frame_result){RC_TOKEN, SPAN(""), SPAN("no")};
        break;
    case FRAME_ENDED:
        f.ended = (struct frame_ended){true, true, 11};
        break;
    case FRAME_GENERATE:
        f.generate = (struct frame_generate){SPAN("release"), SPAN("ec-p256"), SPAN("Team")};
        break;
    case FRAME_IMPORT:
        f.import = (struct frame_import){SPAN("release")};
        break;
    case FRAME_ATTEST:
        f.attest.place = TOKEN_KEYS_MAX - 1;
        break;
    case FRAME_ATTESTED:
        f.attested = (struct frame_attested){RC_OK, {SPAN("\x30\0"), SPAN("\x30\1")}, 2, SPAN("")};
        break;
    case FRAME_MADE:
        f.made = (struct frame_made){
            RC_OK, SPAN("\x30\0"), {KEY_ORIGIN_GENERATED, true, true}, SPAN("-----"), SPAN("")};
        break;
    case FRAME_LOGIN:
        f.login.force = true;
        break;
    case FRAME_UNLOCK:
        f.unlock.source = SPAN("prompt 17");
        break;
    case FRAME_UNLOCKED:
        f.unlocked = (struct frame_unlocked){RC_TIMEOUT, SPAN("nothing came")};
        break;
    case FRAME_GIVE:
    case FRAME_TYPE_MAX_:
        break;
    }
    return f;
}

static void
test_reads_what_it_writes(void **state)
{
    (void)state;
    for (int type = 0; type < FRAME_TYPE_MAX_; type++) {
        closing(bytes_done) struct bytes first = BYTES_INIT(WORKER_MESSAGE_BYTES);
        closing(bytes_done) struct bytes second = BYTES_INIT(WORKER_MESSAGE_BYTES);
        struct frame f = sample((enum frame_type)type), got;

        format(&first, &f);
        assert_int_equal(frame_parse(&got, bytes_span(&first), side_of(f.type), NULL), RC_OK);
        assert_int_equal(got.type, type);
        assert_int_equal(got.id, 0xfedcba98);
        format(&second, &got);
        assert_true(span_eq(bytes_span(&first), bytes_span(&second)));
    }
}

static void
test_keeps_every_member(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(WORKER_MESSAGE_BYTES);
    struct frame f = sample(FRAME_STATE), got;

    (void)state;
    format(&b, &f);
    assert_int_equal(frame_parse(&got, bytes_span(&b), FRAME_FROM_WORKER, NULL), RC_OK);
    assert_int_equal(got.state.state, TOKEN_FAILING);
    assert_true(got.state.ckr == 0x8000000000000005);
    assert_true(span_is(got.state.detail, "it fails"));
}

/* Whatever is cut off or appended, the rest is refused. */
static void
test_refuses_other_lengths(void **state)
{
    (void)state;
    for (int type = 0; type < FRAME_TYPE_MAX_; type++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(WORKER_MESSAGE_BYTES);
        struct frame f = sample((enum frame_type)type), got;

        format(&b, &f);
        for (size_t len = 0; len < b.len; len++) {
            closing(freep) uint8_t *copy = malloc(len + 1); /* exact, for the sanitizer */
            assert_non_null(copy);
            memcpy(copy, b.p, len);
            assert_int_equal(
                frame_parse(&got, (struct span){copy, len}, side_of(f.type), NULL), RC_MALFORMED);

            /* The same with a header that admits it. */
            if (len >= 12 && f.type != FRAME_GIVE) {
                copy[10] = (uint8_t)((len - 12) >> 8);
                copy[11] = (uint8_t)(len - 12);
                assert_int_equal(frame_parse(&got, (struct span){copy, len}, side_of(f.type), NULL),
                    RC_MALFORMED);
            }
        }
        bytes_putc(&b, 0);
        assert_int_equal(frame_parse(&got, bytes_span(&b), side_of(f.type), NULL), RC_MALFORMED);
        b.p[10] = (uint8_t)((b.len - 12) >> 8);
        b.p[11] = (uint8_t)(b.len - 12);
        assert_int_equal(frame_parse(&got, bytes_span(&b), side_of(f.type), NULL), RC_MALFORMED);
    }
}

static void
test_refuses_the_other_sides_messages(void **state)
{
    (void)state;
    for (int type = 0; type < FRAME_TYPE_MAX_; type++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(WORKER_MESSAGE_BYTES);
        struct frame f = sample((enum frame_type)type), got;
        enum frame_side other =
            side_of(f.type) == FRAME_FROM_AGENT ? FRAME_FROM_WORKER : FRAME_FROM_AGENT;

        format(&b, &f);
        assert_int_equal(frame_parse(&got, bytes_span(&b), other, NULL), RC_MALFORMED);
    }
}

static void
test_refuses_what_is_out_of_range(void **state)
{
    static const struct {
        const char *says;
        enum frame_type type;
        size_t at; /* of the byte that is changed */
        uint8_t to;
    } cases[] = {
        {"an unknown type", FRAME_OPEN, 3, FRAME_TYPE_MAX_},
        {"a type beyond a byte", FRAME_OPEN, 2, 1},
        {"an unknown kind of PIN", FRAME_OPEN, 12, TOKEN_PIN_MAX_},
        {"a network that is neither allowed nor not", FRAME_OPEN, 78, 2},
        {"control characters in a path", FRAME_OPEN, 17, '\n'},
        {"a NUL in a path", FRAME_OPEN, 17, 0},
        {"a string longer than the message", FRAME_OPEN, 13, 0xff},
        {"a place over the bound", FRAME_FIND, 14, 0x10},
        {"no job", FRAME_SIGN, 12, 0},
        {"more jobs than a batch", FRAME_SIGN, 12, WORKER_BATCH_MAX + 1},
        {"a method that nobody knows", FRAME_SIGN, 17, VERIFY_METHOD_MAX_},
        {"an unknown state", FRAME_STATE, 12, TOKEN_STATE_MAX_},
        {"a method that there is not", FRAME_KEY, 20, 1 << VERIFY_METHOD_MAX_},
        {"a message for a method that there is not", FRAME_KEY, 21, 1 << VERIFY_RSAPSS},
        {"more keys than the bound", FRAME_KEY, 18, 0x11},
        {"a force that is neither yes nor no", FRAME_LOGIN, 12, 2},
        {"a control character in the name of a PIN", FRAME_UNLOCK, 16, '\n'},
        {"a try that is neither the last nor not", FRAME_FOUND, 54, 2},
        {"an unknown result", FRAME_SIGNED, 13, RC_MAX_},
        {"an unknown result of reading a PIN", FRAME_UNLOCKED, 12, RC_MAX_},
        {"a failure with a signature", FRAME_SIGNED, 13, RC_TOKEN},
        {"a control character in a label", FRAME_GENERATE, 16, '\n'},
        {"the same of what is imported", FRAME_IMPORT, 16, '\n'},
        {"a failure with a key", FRAME_MADE, 12, RC_TOKEN},
        {"an unknown failure", FRAME_MADE, 12, RC_MAX_},
        {"a place over the bound that is attested", FRAME_ATTEST, 14, 0x10},
        {"more certificates than the bound", FRAME_ATTESTED, 13, ATTEST_MAX + 1},
        {"a failure with certificates", FRAME_ATTESTED, 12, RC_TOKEN},
        {"an unknown origin", FRAME_MADE, 23, KEY_ORIGIN_MAX_},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(WORKER_MESSAGE_BYTES);
        struct frame f = sample(cases[i].type), got;

        print_message("%s\n", cases[i].says);
        format(&b, &f);
        b.p[cases[i].at] = cases[i].to;
        assert_int_equal(frame_parse(&got, bytes_span(&b), side_of(f.type), NULL), RC_MALFORMED);
    }
}

static void
test_takes_a_message_of_the_largest_size_only(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(2 * WORKER_MESSAGE_BYTES);
    closing(freep) uint8_t *key = calloc(1, WORKER_MESSAGE_BYTES);
    struct frame f = {.type = FRAME_FIND, .find.uri = SPAN("u")}, got;

    (void)state;
    f.find.spki = (struct span){key, WORKER_MESSAGE_BYTES - 12 - 4 - 5 - 4 - 1};
    format(&b, &f);
    assert_int_equal(b.len, WORKER_MESSAGE_BYTES);
    assert_int_equal(frame_parse(&got, bytes_span(&b), FRAME_FROM_AGENT, NULL), RC_OK);

    f.find.spki.len++;
    bytes_clear(&b);
    assert_int_equal(frame_format(&b, &f, NULL), RC_TOO_LARGE);
    assert_int_equal(b.len, 0);
}

static void
test_takes_signatures_up_to_their_bound(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(WORKER_MESSAGE_BYTES);
    uint8_t signature[SIGNATURE_MAX_BYTES + 1] = {0};
    struct frame f = {.type = FRAME_SIGNED, .sigs.n_results = WORKER_BATCH_MAX}, got;

    (void)state;
    for (size_t i = 0; i < WORKER_BATCH_MAX; i++)
        f.sigs.results[i].signature = (struct span){signature, SIGNATURE_MAX_BYTES};
    format(&b, &f);
    assert_int_equal(frame_parse(&got, bytes_span(&b), FRAME_FROM_WORKER, NULL), RC_OK);

    f.sigs.results[0].signature.len++;
    bytes_clear(&b);
    format(&b, &f);
    assert_int_equal(frame_parse(&got, bytes_span(&b), FRAME_FROM_WORKER, NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_it_writes),
        cmocka_unit_test(test_keeps_every_member),
        cmocka_unit_test(test_refuses_other_lengths),
        cmocka_unit_test(test_refuses_the_other_sides_messages),
        cmocka_unit_test(test_refuses_what_is_out_of_range),
        cmocka_unit_test(test_takes_a_message_of_the_largest_size_only),
        cmocka_unit_test(test_takes_signatures_up_to_their_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
