/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent without memory: of each call every allocation fails once. Whatever the caller is told,
 * nothing is lost, nothing is released that is not recorded, and the next call is answered.
 */
#include "tests/daemon.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/fault.h"

static const char *const both[] = {"qa", "rsa-qa", NULL};

static json_t *
sign(size_t n)
{
    closing(freep) char *message = daemon_targets((int64_t)n, 30);

    return json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, both));
}

static json_t *
issue(size_t n)
{
    char repository[64];

    snprintf(repository, sizeof repository, "registry.example.com/shop/web%zu", n);
    return json_pack("{s:s,s:s}", "repository", repository, "key", softkeyring_id("root"));
}

static json_t *
nothing(size_t n)
{
    (void)n;
    return NULL;
}

static const struct {
    const char *method;
    uid_t uid;
    json_t *(*parameters)(size_t n); /* of the nth call */
} calls[] = {
    {"Sign", UID_ALICE, sign},
    {"Sign", UID_BOB, sign}, /* who is refused */
    {"Explain", UID_ALICE, sign},
    {"IssueRootCertificate", UID_ADMIN, issue},
    {"ListKeys", UID_ADMIN, nothing},
    {"Status", UID_ALICE, nothing},
    {"Status", UID_STRANGER, nothing},
    {"Reload", UID_ADMIN, nothing},
    {"org.varlink.service.GetInfo", UID_ALICE, nothing},
};

static int64_t
mark_of(struct daemon *d)
{
    struct ledger_mark mark = {0};

    enum rc rc = ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", NULL);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return mark.version;
}

/* The connection with its call, and whatever is answered before it ends. */
static void
call_without(struct daemon *d, const struct bytes *frame, uid_t uid, size_t n)
{
    closing(fd_close) int fd = daemon_dial(d, uid);
    char answer[4096];
    int64_t records = ledger_head_seq(d->agent.ledger), mark = mark_of(d);

    assert_int_equal(send(fd, frame->p, frame->len, MSG_NOSIGNAL), frame->len);
    fault_arm(n);
    daemon_pump(d);
    fault_suspend();

    ssize_t len = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    if (len < 0 && errno == EAGAIN)
        fail_msg("allocation %zu: the caller waits for ever", n);
    if (len > 0 && mark_of(d) > mark)
        assert_true(ledger_head_seq(d->agent.ledger) > records);
    if (len > 0 && len < (ssize_t)sizeof answer && strstr(answer, "\"signatures\":[{"))
        assert_true(mark_of(d) > mark);
    fault_resume();
}

static void
test_answers_or_hangs_up_whatever_allocation_fails(void **state)
{
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        bool has_struck = true;

        for (size_t n = 1; has_struck; n++) {
            closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
            bool is_ours = !strchr(calls[i].method, '.');
            char method[64];

            fault_arm(0);
            json_auto_t *parameters = calls[i].parameters(n);
            snprintf(method, sizeof method, "%s%s", is_ours ? MESSAGE_INTERFACE "." : "",
                calls[i].method);
            message_put_call(&frame, method, parameters, false);
            call_without(d, &frame, calls[i].uid, n);
            has_struck = fault_has_struck();

            fault_arm(0);
            json_auto_t *next = daemon_call(d, UID_ALICE, "ListKeys", NULL);
            daemon_assert_reply(next);
        }
    }
}

static void
test_signs_the_same_again_after_it_failed(void **state)
{
    struct daemon *d = *state;
    bool has_struck = true;

    for (size_t n = 1; has_struck; n++) {
        closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
        json_auto_t *parameters = sign(n);

        message_put_call(&frame, MESSAGE_INTERFACE ".Sign", parameters, false);
        call_without(d, &frame, UID_ALICE, n);
        has_struck = fault_has_struck();
        fault_arm(0);
        json_auto_t *again = daemon_call(d, UID_ALICE, "Sign", json_incref(parameters));
        daemon_assert_reply(again);
        assert_int_equal(mark_of(d), n);
    }
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_answers_or_hangs_up_whatever_allocation_fails),
        DAEMON(test_signs_the_same_again_after_it_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
