/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/issue.h"

#include "agent/answer.h"
#include "agent/judgment.h"
#include "proto/bounds.h"
#include "proto/certificate.h"

struct issue {
    struct agent *agent;
    struct conn *conn; /* NULL: it hung up */
    struct peer *peer;
    char *repository;
    struct keyid key;
    int64_t days;
    struct judgment *judgment;
    struct certificate *certificate;
    struct keyring_job *pending;
    struct bytes pem;
    bool is_finishing; /* outcome is set, and its record under way */
    enum audit_outcome outcome;
    enum rc failed;
    struct why failed_why;
    int64_t record;
};

static void
issue_free(struct issue *issue)
{
    if (!issue)
        return;

    keyring_cancel(issue->pending);
    certificate_free(issue->certificate);
    judgment_free(issue->judgment);
    bytes_done(&issue->pem);
    peer_unref(issue->peer);
    free(issue->repository);
    free(issue);
}

DEFINE_CLEANUP(struct issue, issue_free);

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct issue *issue = userdata;

    struct judgment_end end = {issue->agent, issue->peer, "IssueRootCertificate", issue->outcome,
        issue->outcome == AUDIT_FAILED ? issue->failed_why.text : NULL};
    enum rc rc = judgment_record(&issue->record, issue->judgment, &end, why);
    if (rc || issue->outcome != AUDIT_RELEASED)
        return rc;

    return ledger_put_certificate(
        ledger, issue->repository, &issue->key, bytes_span(&issue->pem), why);
}

static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    closing(issue_freep) struct issue *issue = userdata;

    if (!issue->conn)
        return;

    conn_set_work(issue->conn, NULL, NULL);
    if (issue->outcome == AUDIT_REFUSED)
        answer_decision(issue->conn, issue->agent, issue->judgment);
    else if (issue->outcome == AUDIT_FAILED)
        answer_error(issue->conn, issue->failed, &issue->failed_why);
    else if (rc)
        answer_error(issue->conn, rc, why);
    else
        conn_reply(issue->conn, json_pack("{s:s}", "certificate", bytes_text(&issue->pem)));
}

static void
finish(struct issue *issue, enum audit_outcome outcome)
{
    struct release_item item = {on_write, on_recorded, issue};
    struct why why;

    issue->is_finishing = true;
    issue->outcome = outcome;
    keyring_cancel(steal(issue->pending));
    enum rc rc = release_add(issue->agent->release, &item, &why);
    if (rc)
        on_recorded(issue, rc, &why);
}

static void
fail_request(struct issue *issue, enum rc rc, const struct why *why)
{
    issue->failed = rc;
    issue->failed_why = *why;
    finish(issue, AUDIT_FAILED);
}

static void
on_cancel(void *work)
{
    struct issue *issue = work;

    issue->conn = NULL;
    if (!issue->is_finishing)
        finish(issue, AUDIT_CANCELLED);
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *why)
{
    struct issue *issue = userdata;
    struct why built;

    issue->pending = NULL;
    if (!rc) {
        rc = certificate_finish(&issue->pem, issue->certificate, signature, &built);
        why = rc ? &built : why;
    }

    if (rc)
        fail_request(issue, rc, why);
    else
        finish(issue, AUDIT_RELEASED);
}

/* The certificate that was issued before, if it is still good for this repository. */
static bool
has_issued(struct issue *issue)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;

    bytes_clear(&issue->pem);
    return !ledger_certificate(
               &issue->pem, issue->agent->ledger, issue->repository, &issue->key, NULL) &&
           !pubkey_from_pem(&key, bytes_span(&issue->pem), NULL) &&
           !certificate_check_root(key, issue->repository, agent_now_us() / 1000000, NULL);
}

static enum rc
begin(struct issue *issue, struct why *why)
{
    struct digest digest;
    const struct keyring_key *key = keyring_find(issue->agent->keyring, &issue->key);
    if (!key)
        return fail(why, RC_TOKEN, "the key went away with its token");

    bytes_clear(&issue->pem);
    enum rc rc = certificate_new(&issue->certificate, key->pubkey, issue->repository,
        agent_now_us() / 1000000, issue->days, why);
    if (rc)
        return rc;

    certificate_digest(&digest, issue->certificate);
    enum verify_method method = verify_method_of(key->pubkey);
    return keyring_sign(&issue->pending, issue->agent->keyring, key,
        method == VERIFY_RSAPSS ? VERIFY_RSAPKCS1V15 : method, &digest, issue->peer->uid, on_signed,
        issue, why);
}

static enum rc
parse(struct issue *issue, const json_t *parameters, struct why *why)
{
    struct members m;
    const char *repository = NULL, *key = NULL;

    issue->days = ROOT_CERTIFICATE_DAYS;
    members_open(&m, parameters, "parameters");
    members_text(&m, "repository", &repository);
    members_text(&m, "key", &key);
    members_int_maybe(&m, "days", 1, ROOT_CERTIFICATE_DAYS, &issue->days);
    enum rc rc = members_close(&m, why);
    if (rc)
        return rc;

    if (strlen(repository) > REPOSITORY_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "REPOSITORY_MAX_BYTES");

    rc = keyid_parse(&issue->key, span_of(key), why);
    if (rc)
        return rc;

    issue->repository = strdup(repository);
    if (!issue->repository)
        return fail_memory(why);

    int64_t expires_at = agent_now_us() / 1000000 + issue->days * 86400;
    return judgment_new_certificate(
        &issue->judgment, issue->repository, &issue->key, expires_at, why);
}

void
issue_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(issue_freep) struct issue *issue = calloc(1, sizeof *issue);
    struct why why;

    enum rc rc = issue ? RC_OK : fail_memory(&why);
    if (!rc) {
        issue->agent = agent;
        issue->conn = conn;
        issue->peer = peer_ref(conn_peer(conn));
        issue->pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        rc = parse(issue, parameters, &why);
    }
    if (!rc)
        rc = judgment_decide(issue->judgment, agent, issue->peer, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    struct issue *running = steal(issue); /* from now on its events own it */
    conn_set_work(conn, running, on_cancel);
    if (running->judgment->decision->rc) {
        finish(running, AUDIT_REFUSED);
    } else if (has_issued(running)) {
        finish(running, AUDIT_RELEASED);
    } else {
        rc = begin(running, &why);
        if (rc)
            fail_request(running, rc, &why);
    }
}
