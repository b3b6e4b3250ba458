/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/certify.h"

#include "agent/act.h"
#include "agent/answer.h"
#include "agent/keylist.h"
#include "proto/bounds.h"
#include "proto/certificate.h"
#include "proto/certrequest.h"

struct certify {
    struct act *act;
    struct certificate *certificate; /* one of these two */
    struct certrequest *request;
    struct keyring_job *pending;
};

/* What the caller wants. Borrows from the parameters. */
struct wish {
    const char *key, *common_name;
    int64_t days;
    bool is_request;
};

static void
certify_free(struct certify *certify)
{
    if (!certify)
        return;

    certificate_free(certify->certificate);
    certrequest_free(certify->request);
    free(certify);
}

DEFINE_CLEANUP(struct certify, certify_free);

static void
on_hang_up(void *userdata)
{
    closing(certify_freep) struct certify *certify = userdata;
    struct why why;

    keyring_cancel(steal(certify->pending));
    enum rc rc = fail(&why, RC_REFUSED, "the caller hung up");
    act_finish(certify->act, rc, &why, NULL);
}

/* Its turn may come after the policy was read again. */
static bool
may_go(void *userdata)
{
    struct certify *certify = userdata;
    struct why why;

    if (act_is_allowed(certify->act))
        return true;

    keyring_cancel(steal(certify->pending));
    enum rc rc = fail(&why, RC_REFUSED, "the caller is no admin any more");
    act_finish(certify->act, rc, &why, NULL);
    certify_free(certify);
    return false;
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *why)
{
    closing(certify_freep) struct certify *certify = userdata;
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct why problem;

    if (!rc) {
        rc = certify->certificate
                 ? certificate_finish(&pem, certify->certificate, signature, &problem)
                 : certrequest_finish(&pem, certify->request, signature, &problem);
        why = &problem;
    }
    if (rc)
        act_finish(certify->act, rc, why, NULL);
    else
        act_finish(certify->act, RC_OK, NULL, json_pack("{s:s}", "certificate", bytes_text(&pem)));
}

static enum rc
begin(struct certify *certify, const struct keyring_key *key, const struct wish *wish,
    uint64_t lane, struct why *why)
{
    struct digest digest;

    if (!key->pubkey)
        return fail(why, RC_TOKEN, "key '%s': %s", key->policy->name, key->detail);

    enum rc rc = wish->is_request
                     ? certrequest_new(&certify->request, key->pubkey, wish->common_name, why)
                     : certificate_new(&certify->certificate, key->pubkey, wish->common_name,
                           agent_now_us() / 1000000, wish->days, why);
    if (rc)
        return rc;

    struct span message = wish->is_request ? certrequest_message(certify->request)
                                           : certificate_message(certify->certificate);
    enum verify_method method = verify_method_of(key->pubkey);
    digest_of(&digest, message);
    struct keyring_order order = {key, method == VERIFY_RSAPSS ? VERIFY_RSAPKCS1V15 : method,
        message, &digest, lane, on_signed, certify, may_go};
    return keyring_sign(&certify->pending, &order, why);
}

static enum rc
check(const struct keyring_key *key, const struct wish *wish, struct why *why)
{
    if (!key)
        return fail(why, RC_NOT_FOUND, "key '%s'", wish->key);

    if (key->policy->rank == RANK_ROOT)
        return fail(why, RC_REFUSED,
            "key '%s' is for role root, whose certificates the agent makes for a repository when "
            "that is made",
            wish->key);

    return RC_OK;
}

static void
run(struct agent *agent, struct conn *conn, const struct wish *wish)
{
    const struct keyring_key *key = keylist_find(agent->keyring, wish->key);
    closing(certify_freep) struct certify *certify = NULL;
    uint64_t lane = conn_peer(conn)->lane;
    struct why why;

    struct act *act =
        act_begin(agent, conn, "IssueCertificate", key && key->token ? key->token->name : "");
    if (!act)
        return;

    act_note(act, "key '%s', %s for '%s'", wish->key, wish->is_request ? "request" : "certificate",
        wish->common_name);
    enum rc rc = check(key, wish, &why);
    if (!rc) {
        certify = calloc(1, sizeof *certify);
        rc = certify ? RC_OK : fail_memory(&why);
    }
    if (!rc) {
        certify->act = act;
        rc = begin(certify, key, wish, lane, &why);
    }
    if (rc)
        act_finish(act, rc, &why, NULL);
    else
        act_on_hang_up(act, on_hang_up, steal(certify)); /* from now on its job owns it */
}

void
certify_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct wish wish = {.days = CERTIFICATE_DAYS};
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "key", &wish.key);
    members_text(&m, "common_name", &wish.common_name);
    members_int_maybe(&m, "days", 1, CERTIFICATE_DAYS_MAX, &wish.days);
    members_bool_maybe(&m, "request", &wish.is_request);
    enum rc rc = members_close(&m, &why);
    if (rc)
        answer_error(conn, rc, &why);
    else
        run(agent, conn, &wish);
}
