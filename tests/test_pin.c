/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/pin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

struct desk {
    char path[64]; /* of a PIN file */
    struct pin_source source;
    int ends[2]; /* who sends a PIN, and where it is read */
};

static struct why why;

static void
put(const struct desk *desk, const char *text)
{
    int fd = open(desk->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);

    assert_non_null(desk);
    snprintf(desk->path, sizeof desk->path, "/tmp/test_pin.XXXXXX");
    assert_int_equal(close(mkstemp(desk->path)), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, desk->ends), 0);
    *state = desk;
    return 0;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;

    pin_source_done(&desk->source);
    assert_int_equal(unlink(desk->path), 0);
    fd_close(&desk->ends[0]);
    fd_close(&desk->ends[1]);
    free(desk);
    return 0;
}

static void
init(struct desk *desk, enum token_pin kind)
{
    assert_int_equal(pin_source_init(&desk->source, kind, span_of(desk->path), &why), RC_OK);
}

static void
assert_pin(struct desk *desk, const char *text)
{
    struct pin pin;

    assert_int_equal(pin_read(&pin, &desk->source, &why), RC_OK);
    assert_true(span_is((struct span){pin.b, pin.len}, text));
    pin_done(&pin);
    assert_int_equal(pin.len, 0);
    assert_int_equal(pin.b[0], 0);
}

static void
assert_no_pin(struct desk *desk, const char *problem)
{
    struct pin pin;

    assert_int_equal(pin_read(&pin, &desk->source, &why), RC_LOCKED);
    assert_non_null(strstr(why.text, problem));
    pin_done(&pin);
}

static void
test_reads_a_file_without_the_end_of_its_line(void **state)
{
    static const struct {
        const char *text, *pin;
    } cases[] = {
        {"1234", "1234"}, {"1234\n", "1234"}, {"1234\r\n", "1234"}, {"1234\n\n", "1234\n"}};
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_FILE);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        put(desk, cases[i].text);
        assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
        assert_pin(desk, cases[i].pin);
    }
}

static void
test_refuses_files_that_hold_no_pin(void **state)
{
    struct desk *desk = *state;
    char longest[PIN_MAX_BYTES + 2];

    memset(longest, '1', sizeof longest);
    longest[PIN_MAX_BYTES + 1] = 0;
    init(desk, TOKEN_PIN_FILE);
    put(desk, "\n");
    assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
    assert_no_pin(desk, "empty");
    put(desk, longest);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
    assert_no_pin(desk, "longer");
    longest[PIN_MAX_BYTES] = 0;
    put(desk, longest);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
    assert_pin(desk, longest);
}

static void
test_wants_a_file_for_itself(void **state)
{
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_FILE);
    assert_int_equal(chmod(desk->path, 0440), 0);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_LOCKED);
    assert_non_null(strstr(why.text, "chmod"));
    assert_int_equal(unlink(desk->path), 0);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_LOCKED);
    put(desk, "1234");
}

static void
test_gives_the_pin_that_was_looked_at_and_no_other(void **state)
{
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_FILE);
    put(desk, "1234");
    assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
    closing(freep) char *before = span_dup(bytes_span(&desk->source.identity));
    put(desk, "12345");
    assert_no_pin(desk, "changed");
    assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
    assert_string_not_equal(bytes_text(&desk->source.identity), before);
    assert_pin(desk, "12345");
}

/* What a client would send: a length that is said, and bytes. */
static void
send_secret(const struct desk *desk, size_t len, struct span bytes)
{
    const uint8_t header[] = {
        (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    assert_int_equal(send(desk->ends[0], header, sizeof header, 0), sizeof header);
    if (bytes.len > 0)
        assert_int_equal(send(desk->ends[0], bytes.p, bytes.len, 0), bytes.len);
}

static enum rc
receive(struct desk *desk)
{
    return pin_receive(&desk->source, desk->ends[1], SPAN("prompt 1"), &why);
}

static void
test_receives_a_pin_and_keeps_it_until_it_is_told_to_forget(void **state)
{
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_PROMPT);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_NOT_FOUND);
    send_secret(desk, 6, SPAN("123456"));
    assert_int_equal(receive(desk), RC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pin_source_look(&desk->source, &why), RC_OK);
        assert_string_equal(bytes_text(&desk->source.identity), "prompt 1");
        assert_pin(desk, "123456");
    }
    pin_forget(&desk->source);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_NOT_FOUND);
}

static void
test_receives_no_pin_for_a_token_that_has_one(void **state)
{
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_FILE);
    send_secret(desk, 6, SPAN("123456"));
    assert_int_equal(receive(desk), RC_UNSUPPORTED);
}

static void
test_refuses_what_is_no_pin(void **state)
{
    static const char longest[PIN_MAX_BYTES + 1] = "";
    const struct {
        const char *says;
        size_t len;
        struct span bytes;
        enum rc rc;
    } cases[] = {
        {"an empty one", 0, {0}, RC_MALFORMED},
        {"a line with its end", 5, SPAN("1234\n"), RC_MALFORMED},
        {"a NUL", 5, SPAN("12\00034"), RC_MALFORMED},
        {"a rubout", 5, SPAN("1234\x7f"), RC_MALFORMED},
        {"more than was said", 4, SPAN("12345"), RC_MALFORMED},
        {"one byte too many", sizeof longest, {(const uint8_t *)longest, sizeof longest},
            RC_TOO_LARGE},
        {"a megabyte", 1 << 20, {0}, RC_TOO_LARGE},
        {"4 GiB", 0xffffffff, {0}, RC_TOO_LARGE},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct desk *desk = *state;

        print_message("%s\n", cases[i].says);
        init(desk, TOKEN_PIN_PROMPT);
        send_secret(desk, cases[i].len, cases[i].bytes);
        assert_int_equal(receive(desk), cases[i].rc);
        assert_int_equal(pin_source_look(&desk->source, &why), RC_NOT_FOUND);
        close_desk(state);
        open_desk(state);
    }
}

static void
test_refuses_a_pin_of_who_hangs_up(void **state)
{
    struct desk *desk = *state;

    init(desk, TOKEN_PIN_PROMPT);
    send_secret(desk, 6, SPAN("123"));
    fd_close(&desk->ends[0]);
    assert_int_equal(receive(desk), RC_MALFORMED);
    assert_int_equal(pin_source_look(&desk->source, &why), RC_NOT_FOUND);
}

static void
test_gives_its_pin_to_another_one(void **state)
{
    struct desk *desk = *state;
    struct pin_source giver = {0};

    init(desk, TOKEN_PIN_PROMPT);
    assert_int_equal(pin_source_init(&giver, TOKEN_PIN_PROMPT, SPAN(""), &why), RC_OK);
    send_secret(desk, 6, SPAN("123456"));
    assert_int_equal(pin_receive(&giver, desk->ends[1], SPAN("prompt 1"), &why), RC_OK);
    pin_give(&giver, desk->ends[0]);
    assert_int_equal(receive(desk), RC_OK);
    assert_pin(desk, "123456");
    pin_source_done(&giver);

    /* Nothing of what it never had, and no signal where nobody takes it. */
    pin_give(&giver, desk->ends[0]);
    fd_close(&desk->ends[1]);
    pin_give(&desk->source, desk->ends[0]);
}

int
main(void)
{
#define DESK(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)
    const struct CMUnitTest tests[] = {
        DESK(test_reads_a_file_without_the_end_of_its_line),
        DESK(test_refuses_files_that_hold_no_pin),
        DESK(test_wants_a_file_for_itself),
        DESK(test_gives_the_pin_that_was_looked_at_and_no_other),
        DESK(test_receives_a_pin_and_keeps_it_until_it_is_told_to_forget),
        DESK(test_receives_no_pin_for_a_token_that_has_one),
        DESK(test_refuses_what_is_no_pin),
        DESK(test_refuses_a_pin_of_who_hangs_up),
        DESK(test_gives_its_pin_to_another_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
