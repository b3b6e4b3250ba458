/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

struct pair {
    struct outbox outbox;
    int ends[2];
};

static int
open_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);

    assert_non_null(pair);
    outbox_init(&pair->outbox);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->ends), 0);
    *state = pair;
    return 0;
}

static int
close_pair(void **state)
{
    struct pair *pair = *state;

    outbox_done(&pair->outbox);
    fd_close(&pair->ends[0]);
    fd_close(&pair->ends[1]);
    free(pair);
    return 0;
}

static json_t *
filler(size_t len)
{
    closing(freep) char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = 0;
    return json_pack("{s:s}", "x", text);
}

static void
test_sends_replies_and_errors_in_order(void **state)
{
    static const char want[] = "{\"parameters\":{\"x\":\"x\"}}\0"
                               "{\"error\":\"a.B\",\"parameters\":{\"x\":\"\"}}";
    struct pair *pair = *state;
    char have[200];

    assert_true(outbox_is_empty(&pair->outbox));
    assert_int_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_SENT);
    assert_true(outbox_put(&pair->outbox, "a", NULL, filler(1)));
    assert_true(outbox_put(&pair->outbox, "a", "B", filler(0)));
    assert_false(outbox_is_empty(&pair->outbox));
    assert_int_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_SENT);
    assert_true(outbox_is_empty(&pair->outbox));
    assert_int_equal(recv(pair->ends[1], have, sizeof have, 0), sizeof want);
    assert_memory_equal(have, want, sizeof want);
}

static void
test_keeps_what_the_socket_does_not_take(void **state)
{
    struct pair *pair = *state;
    char part[4096];

    assert_true(outbox_put(&pair->outbox, "a", NULL, filler(OUTPUT_MAX_BYTES - 100)));
    assert_int_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_LATER);
    assert_false(outbox_is_empty(&pair->outbox));
    while (recv(pair->ends[1], part, sizeof part, MSG_DONTWAIT) > 0)
        if (!outbox_is_empty(&pair->outbox))
            assert_int_not_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_BROKEN);
    assert_true(outbox_is_empty(&pair->outbox));
}

static void
test_holds_no_more_than_the_bound(void **state)
{
    struct pair *pair = *state;
    char have[200];

    assert_true(outbox_put(&pair->outbox, "a", NULL, filler(OUTPUT_MAX_BYTES / 2)));
    assert_false(outbox_put(&pair->outbox, "a", NULL, filler(OUTPUT_MAX_BYTES / 2)));
    assert_int_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_SENT);
    assert_int_not_equal(recv(pair->ends[1], have, sizeof have, 0), 0);
    assert_string_equal(have, "{\"error\":\"org.countersign.Agent.Internal\"}");
}

static void
test_sees_that_the_reader_is_gone(void **state)
{
    struct pair *pair = *state;

    fd_close(&pair->ends[1]);
    assert_true(outbox_put(&pair->outbox, "a", NULL, filler(1)));
    assert_int_equal(outbox_send(&pair->outbox, pair->ends[0]), OUTBOX_BROKEN);
}

int
main(void)
{
#define PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        PAIR(test_sends_replies_and_errors_in_order),
        PAIR(test_keeps_what_the_socket_does_not_take),
        PAIR(test_holds_no_more_than_the_bound),
        PAIR(test_sees_that_the_reader_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
