/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/approvals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

#include "proto/bounds.h"

/* Who may approve, and of how many one is wanted: 'approvals' of Alice's grant. */
void
approvals_set(struct daemon *d, const char *approvals)
{
    closing(bytes_done) struct bytes policy = BYTES_INIT(64 * 1024);
    closing(json_decrefp) json_t *changes = NULL;
    static const char grant[] = "  qa-team: {users: [10001, 10003], keys: [qa, rsa-qa]";
    const char *was = "  qa-team: {users: [10001], keys: [qa, rsa-qa]", *text = daemon_policy();
    const char *at = strstr(text, was);

    assert_non_null(at);
    bytes_put(&policy, (struct span){(const uint8_t *)text, (size_t)(at - text)});
    bytes_puts(&policy, grant);
    bytes_puts(&policy, approvals);
    bytes_puts(&policy, at + strlen(was));
    daemon_set_policy(d, bytes_text(&policy));
    assert_int_equal(agent_reload(&d->agent, &changes, NULL), RC_OK);
    daemon_pump(d);
}

int
approvals_open(void **state)
{
    if (daemon_open(state))
        return -1;

    approvals_set(*state, ", approvals: {count: 1, users: [10002, 10005, 10001]}");
    return 0;
}

json_t *
approvals_order_of(const char *role, int64_t version, const char *const *keys)
{
    static char *messages[8]; /* made once, as their expiry goes with the clock; never freed */

    if (!messages[version])
        messages[version] = daemon_targets(version, 30);
    return json_pack("{s:[o]}", "documents", daemon_document(role, messages[version], keys));
}

json_t *
approvals_order(int64_t version)
{
    static const char *const keys[] = {"qa", NULL};

    return approvals_order_of("targets/qa", version, keys);
}

/* Ask for a version that has to wait; its id and digest. */
void
approvals_park(
    struct daemon *d, uid_t uid, int64_t version, char id[PARKED_ID_LEN + 1], char digits[9])
{
    json_auto_t *answer = daemon_call(d, uid, "Sign", approvals_order(version));
    const json_t *parameters = json_object_get(answer, "parameters");

    daemon_assert_error(answer, "NeedsApproval", NULL, NULL);
    snprintf(id, PARKED_ID_LEN + 1, "%s", json_string_value(json_object_get(parameters, "id")));
    snprintf(digits, 9, "%s", json_string_value(json_object_get(parameters, "digest")));
    assert_int_equal(strlen(id), PARKED_ID_LEN);
}

json_t *
approvals_vote(struct daemon *d, uid_t uid, const char *id, const char *digits)
{
    return daemon_call(d, uid, "Approve", json_pack("{s:s,s:s}", "id", id, "digest8", digits));
}

void
approvals_vote_well(struct daemon *d, uid_t uid, const char *id, const char *digits)
{
    json_auto_t *answer = approvals_vote(d, uid, id, digits);

    daemon_assert_reply(answer);
}

json_t *
approvals_deny(struct daemon *d, uid_t uid, const char *id, const char *reason)
{
    return daemon_call(d, uid, "Deny", json_pack("{s:s,s:s*}", "id", id, "reason", reason));
}

void
approvals_sign_well(struct daemon *d, int64_t version)
{
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", approvals_order(version));
    const json_t *document =
        json_array_get(json_object_get(daemon_assert_reply(answer), "documents"), 0);

    assert_int_equal(json_array_size(json_object_get(document, "signatures")), 1);
}

size_t
approvals_count(struct daemon *d, uid_t uid)
{
    json_auto_t *answer = daemon_call(d, uid, "Pending", NULL);

    return json_array_size(json_object_get(daemon_assert_reply(answer), "requests"));
}

/* Ask as a client that waits. */
void
approvals_ask_more(struct daemon *d, int fd, json_t *parameters, bool waits)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);

    json_object_set_new(parameters, "wait", json_boolean(waits));
    message_put_call(&frame, MESSAGE_INTERFACE ".Sign", parameters, true);
    json_decref(parameters);
    assert_int_equal(write(fd, frame.p, frame.len), frame.len);
    daemon_pump(d);
}
