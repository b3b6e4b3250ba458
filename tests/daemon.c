/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/daemon.h"

#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/method.h"
#include "agent/quota.h"
#include "agent/trail.h"
#include "proto/bounds.h"
#include "proto/utc.h"
#include "tests/idl.h"
#include "tests/policy_fixture.h"

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    method_call(userdata, conn, call);
}

static void
on_garbled(void *userdata, struct conn *conn)
{
    (void)userdata;
    (void)conn;
}

static bool
knows(void *userdata, const struct peer *peer)
{
    return agent_knows(userdata, peer);
}

const char *
daemon_policy(void)
{
    return "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"
           "keys:\n"
           "  root: {token: hsm, uri: \"pkcs11:id=%01\", scope: [{repositories: "
           "[\"registry.example.com/**\"], roles: [root]}]}\n"
           "  rsa-root: {token: hsm, uri: \"pkcs11:id=%05\", scope: [{repositories: "
           "[\"registry.example.com/**\"], roles: [root]}]}\n"
           "  targets: {token: hsm, uri: \"pkcs11:id=%02\", scope: [{repositories: "
           "[\"registry.example.com/**\"], roles: [targets]}]}\n"
           "  qa: {token: hsm, uri: \"pkcs11:id=%03\", scope: [{repositories: "
           "[\"registry.example.com/shop/**\"], roles: [targets/qa]}]}\n"
           "  rsa-qa: {token: hsm, uri: \"pkcs11:id=%04\", scope: [{repositories: "
           "[\"registry.example.com/shop/**\"], roles: [targets/qa]}]}\n"
           "grants:\n"
           "  qa-team: {users: [10001], keys: [qa, rsa-qa]}\n"
           "  taggers: {users: [10002], keys: [targets]}\n"
           "  repo-admin: {users: [10003], keys: [targets], delegate: true}\n"
           "  ceremony: {users: [10003], keys: [root, rsa-root]}\n"
           "admins: {users: [10003]}\n";
}

void
daemon_set_policy(struct daemon *d, const char *text)
{
    fixture_write(d->directory, "policy.yaml", text);
}

void
daemon_start(struct agent *a)
{
    struct listener_owner owner = {a, on_called, on_garbled, knows};
    struct why why;

    assert_true(sd_event_new(&a->event) >= 0);
    if (ledger_open(&a->ledger, a->options.state_dir, &why) ||
        audit_new(&a->audit, a->ledger, &why) || quota_new(&a->quota, a->ledger, &why) ||
        seen_new(&a->seen, &why) || trails_new(&a->trails, &why) ||
        release_new(&a->release, a->event, a->ledger, &why) ||
        reservations_new(&a->reservations, a->event, &why) ||
        vigils_new(&a->vigils, a->event, a->ledger, &why) ||
        policy_load(&a->policy, a->options.policy_path, &why) ||
        keyring_new(&a->keyring, a->event, a->ledger, a->policy, &(struct worker_form){""}, &why) ||
        listener_new(&a->listener, a->event, a->options.socket_path, &owner, &why) ||
        listener_start(a->listener, &why))
        fail_msg("%s", why.text);
}

/* In the order in which the agent ends. */
void
daemon_stop(struct agent *a)
{
    listener_free(a->listener);
    release_free(a->release);
    keyring_free(a->keyring);
    reservations_free(a->reservations);
    seen_free(a->seen);
    quota_free(a->quota);
    trails_free(a->trails);
    vigils_free(a->vigils);
    audit_free(a->audit);
    policy_unref(a->policy);
    metrics_done(&a->metrics);
    ledger_close(a->ledger);
    sd_event_unref(a->event);
    softkeyring_reset();
}

int
daemon_open(void **state)
{
    struct daemon *d = calloc(1, sizeof *d);

    assert_non_null(d);
    *state = d;
    if (geteuid() != 0)
        return 0; /* the test skips itself */

    assert_int_equal(fixture_open(&d->directory), 0);
    const struct policy_fixture *directory = d->directory;
    assert_int_equal(chmod(directory->path, 0755), 0);
    assert_int_equal(mkdir(fixture_path(directory, "state"), 0700), 0);
    d->agent.options = (struct agent_options){
        .policy_path = strdup(fixture_path(directory, "policy.yaml")),
        .socket_path = strdup(fixture_path(directory, "agent.sock")),
        .state_dir = strdup(fixture_path(directory, "state")),
    };
    daemon_set_policy(d, daemon_policy());
    daemon_start(&d->agent);
    return 0;
}

int
daemon_close(void **state)
{
    struct daemon *d = *state;
    struct agent *a = &d->agent;

    daemon_stop(a);
    free((char *)a->options.policy_path);
    free((char *)a->options.socket_path);
    free((char *)a->options.state_dir);
    if (d->directory)
        fixture_close(&d->directory);
    free(d);
    return 0;
}

void
daemon_pump(struct daemon *d)
{
    int n = 1;

    while (n > 0)
        n = sd_event_run(d->agent.event, 0);
    assert_int_equal(n, 0);
}

void
daemon_skip_without_root(void)
{
    if (geteuid() != 0)
        skip(); /* needs root, to become other users */
}

int
daemon_dial(struct daemon *d, uid_t uid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    daemon_skip_without_root();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", d->agent.options.socket_path);
    assert_int_equal(setegid(uid), 0);
    assert_int_equal(seteuid(uid), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
    daemon_pump(d);
    return fd;
}

void
daemon_ask(struct daemon *d, int fd, const char *method, json_t *parameters)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    closing(freep) char *name = NULL;
    bool is_full = strchr(method, '.');

    assert_true(asprintf(&name, "%s%s", is_full ? "" : MESSAGE_INTERFACE ".", method) > 0);
    message_put_call(&frame, name, parameters, false);
    json_decref(parameters);
    assert_int_equal(bytes_check(&frame, NULL), RC_OK);

    for (size_t sent = 0; sent < frame.len;) {
        ssize_t n = send(fd, frame.p + sent, frame.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        daemon_pump(d);
    }
}

static void
check(const char *method, const struct message_reply *reply)
{
    size_t len = strlen(MESSAGE_INTERFACE ".");

    if (reply->error && !strncmp(reply->error, MESSAGE_INTERFACE ".", len))
        idl_check_error(reply->error + len, reply->parameters);
    else if (!reply->error && !strchr(method, '.'))
        idl_check_reply(method, reply->parameters);
    assert_int_equal(reply->continues, json_object_get(reply->parameters, "progress") ||
                                           (json_object_get(reply->parameters, "records") &&
                                               !json_object_get(reply->parameters, "head")));
}

json_t *
daemon_answer(struct daemon *d, int fd, const char *method)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * OUTPUT_MAX_BYTES);
    struct message_reply reply;
    uint8_t c = 1;

    daemon_pump(d);
    for (;;) {
        ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && text.len == 0)
            return NULL;
        if (n == 1 && c == 0)
            break;
        if (n == 1)
            bytes_putc(&text, c);
        else
            daemon_pump(d);
        assert_int_not_equal(n, 0);
    }

    assert_int_equal(message_reply_parse(&reply, bytes_span(&text), NULL), RC_OK);
    check(method, &reply);
    return reply.root;
}

json_t *
daemon_call(struct daemon *d, uid_t uid, const char *method, json_t *parameters)
{
    closing(fd_close) int fd = daemon_dial(d, uid);

    daemon_ask(d, fd, method, parameters);
    json_t *answer = daemon_answer(d, fd, method);
    assert_non_null(answer);
    return answer;
}

void
daemon_assert_error(const json_t *answer, const char *error, const char *member, const char *text)
{
    const char *name = json_string_value(json_object_get(answer, "error"));
    const char *have =
        json_string_value(json_object_get(json_object_get(answer, "parameters"), member));
    closing(freep) char *all = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);

    if (!name || !strrchr(name, '.') || strcmp(strrchr(name, '.') + 1, error) != 0 ||
        (member && (!have || strcmp(have, text) != 0)))
        fail_msg("want %s with %s '%s', have %.400s", error, member, text, all);
}

const json_t *
daemon_assert_reply(const json_t *answer)
{
    closing(freep) char *all = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);

    if (json_object_get(answer, "error"))
        fail_msg("want a reply, have %.400s", all);
    return json_object_get(answer, "parameters");
}

json_t *
daemon_document(const char *role, const char *message, const char *const *keys)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);
    json_t *ids = json_array();

    for (; *keys; keys++)
        json_array_append_new(ids, json_string(softkeyring_id(*keys)));
    bytes_put_base64(&text, span_of(message));
    return json_pack("{s:s,s:s,s:s,s:s,s:o}", "format", "notary", "repository", DAEMON_REPOSITORY,
        "role", role, "message", bytes_text(&text), "keys", ids);
}

char *
daemon_targets(int64_t version, int days)
{
    static int64_t today; /* the same bytes for the same arguments, however long a test takes */
    closing(bytes_done) struct bytes expires = BYTES_INIT(64), message = BYTES_INIT(4096);

    if (today == 0)
        today = agent_now_us() / 1000000;
    utc_format(&expires, today + days * INT64_C(86400));
    forge_targets(&message, version, bytes_text(&expires), NULL, 0, "{}");
    return span_dup(bytes_span(&message));
}
