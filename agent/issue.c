/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/issue.h"

#include "agent/answer.h"
#include "agent/ending.h"
#include "proto/bounds.h"
#include "proto/certificate.h"

struct issue {
    struct ending ending;
    char *repository;
    struct keyid key;
    int64_t days;
    bool is_new; /* the one that was issued before does not do */
    struct certificate *certificate;
    struct keyring_job *pending;
    struct bytes pem;
};

static void
issue_free(struct issue *issue)
{
    if (!issue)
        return;

    keyring_cancel(issue->pending);
    certificate_free(issue->certificate);
    ending_done(&issue->ending);
    bytes_done(&issue->pem);
    free(issue->repository);
    free(issue);
}

DEFINE_CLEANUP(struct issue, issue_free);

static void
on_free(void *request)
{
    issue_free(request);
}

static void
on_stop(void *request)
{
    struct issue *issue = request;

    keyring_cancel(steal(issue->pending));
}

/* The certificate that was issued before, if it is still good for this repository. */
static bool
has_issued(struct issue *issue)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (ledger_certificate(
            &pem, issue->ending.agent->ledger, issue->repository, &issue->key, NULL) ||
        pubkey_from_pem(&key, bytes_span(&pem), NULL) ||
        certificate_check_root(key, issue->repository, agent_now_us() / 1000000, NULL))
        return false;

    bytes_done(&issue->pem);
    issue->pem = pem;
    pem = BYTES_INIT(0);
    return true;
}

/* Of two who asked at once, the second is given what the first one was. */
static enum rc
on_write(void *request, struct ledger *ledger, struct why *why)
{
    struct issue *issue = request;

    if (!issue->is_new && has_issued(issue))
        return RC_OK;

    return ledger_put_certificate(
        ledger, issue->repository, &issue->key, bytes_span(&issue->pem), why);
}

static void
on_reply(void *request)
{
    struct issue *issue = request;

    conn_reply(issue->ending.conn, json_pack("{s:s}", "certificate", bytes_text(&issue->pem)));
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
        ending_fail(&issue->ending, rc, why);
    else
        ending_finish(&issue->ending, AUDIT_RELEASED);
}

/* Its turn may come after the grant went. */
static bool
may_go(void *userdata)
{
    struct issue *issue = userdata;
    bool is_new = false;

    if (!ending_still_holds(&issue->ending, &is_new))
        return false;

    ending_blame(&issue->ending, issue->ending.judgment->decision->verdicts[0].choices);
    return true;
}

static enum rc
begin(struct issue *issue, struct why *why)
{
    struct digest digest;
    const struct keyring_key *key = keyring_find(issue->ending.agent->keyring, &issue->key);
    if (!key)
        return fail(why, RC_TOKEN, "the key went away with its token");

    enum rc rc = certificate_new(&issue->certificate, key->pubkey, issue->repository,
        agent_now_us() / 1000000, issue->days, why);
    if (rc)
        return rc;

    certificate_digest(&digest, issue->certificate);
    enum verify_method method = verify_method_of(key->pubkey);
    struct keyring_order order = {key, method == VERIFY_RSAPSS ? VERIFY_RSAPKCS1V15 : method,
        certificate_message(issue->certificate), &digest, issue->ending.peer->lane, on_signed,
        issue, may_go};
    return keyring_sign(&issue->pending, &order, why);
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
    members_bool_maybe(&m, "renew", &issue->is_new);
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
        &issue->ending.judgment, issue->repository, &issue->key, expires_at, why);
}

void
issue_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(issue_freep) struct issue *issue = calloc(1, sizeof *issue);
    struct why why;

    enum rc rc = issue ? RC_OK : fail_memory(&why);
    if (!rc) {
        issue->ending = (struct ending){.agent = agent,
            .conn = conn,
            .peer = peer_ref(conn_peer(conn)),
            .method = "IssueRootCertificate",
            .request = issue,
            .stop = on_stop,
            .write = on_write,
            .reply = on_reply,
            .free = on_free};
        issue->pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        rc = parse(issue, parameters, &why);
    }
    if (!rc)
        rc = judgment_decide(issue->ending.judgment, agent, issue->ending.peer, &why);
    if (!rc)
        rc = ending_begin(&issue->ending, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    struct issue *running = steal(issue); /* from now on its ending owns it */
    if (running->ending.judgment->decision->rc) {
        ending_finish(&running->ending, AUDIT_REFUSED);
    } else if (!running->is_new && has_issued(running)) {
        ending_finish(&running->ending, AUDIT_RELEASED);
    } else {
        ending_blame(&running->ending, running->ending.judgment->decision->verdicts[0].choices);
        rc = begin(running, &why);
        if (rc)
            ending_fail(&running->ending, rc, &why);
    }
}
