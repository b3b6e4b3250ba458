/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/signing_key.h"

#include "agent/token/ckr.h"

enum rc
signing_key_init(struct signing_key *ret, const struct object *object, struct span spki,
    unsigned mechanisms, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *pubkey = NULL;

    if (spki.len == 0)
        return fail(why, RC_UNSUPPORTED,
            "the token shows no public key for it; give it a 'certificate' in the policy");

    enum rc rc = pubkey_from_spki(&pubkey, spki, why);
    if (rc)
        return rc;

    *ret = (struct signing_key){object, steal(pubkey), mechanisms};
    return RC_OK;
}

/* How this key does the job. RC_TOKEN: not at all. RC_MALFORMED: without its message. */
static enum rc
plan(struct key_order *ret, const struct signing_key *key, const struct frame_job *job,
    struct span message, struct why *why)
{
    struct digest digest;

    if (!key->object)
        return fail(why, RC_TOKEN, "the key is not there any more");

    struct key_order order = {
        .mechanism = mechanism_find(key->mechanisms, key->object->type, job->method),
        .digest = &job->digest,
        .message = message,
        .modulus_bits = pubkey_bits(key->pubkey),
    };
    if (!order.mechanism)
        return fail(
            why, RC_TOKEN, "the key does not sign by '%s'", verify_method_name(job->method));

    digest_of(&digest, message);
    if (order.mechanism->input == MECHANISM_MESSAGE && !digest_eq(&digest, &job->digest))
        return fail(why, RC_MALFORMED, "the message is missing, or another one");

    *ret = order;
    return RC_OK;
}

static enum rc
verify(const struct signing_key *key, const struct frame_job *job, struct span message,
    struct span signature, struct why *why)
{
    if (job->method == VERIFY_EDDSA)
        return verify_message(key->pubkey, job->method, message, signature, why);

    return verify_digest(key->pubkey, job->method, &job->digest, signature, why);
}

CK_RV
signing_key_sign(struct frame_result *ret, const struct signing_key *key,
    const struct signing_site *site, const struct frame_job *job, struct span message,
    struct why *detail)
{
    uint8_t *signature = site->signature;
    struct key_order order;
    size_t len = 0;

    enum rc rc = plan(&order, key, job, message, detail);
    if (rc == RC_OK) {
        order.pin = site->pin;
        CK_RV rv = key_sign(signature, &len, site->session, key->object, &order);
        if (rv != CKR_OK && ckr_find(rv)->rung != RUNG_NONE)
            return rv;

        rc = rv == CKR_OK ? verify(key, job, message, (struct span){signature, len}, detail)
                          : ckr_fail(ckr_find(rv), rv, "the token does not sign", detail);
    }

    *ret = (struct frame_result){.rc = rc};
    if (rc)
        ret->detail = span_of(detail->text);
    else
        ret->signature = (struct span){signature, len};
    return CKR_OK;
}

void
signing_key_done(struct signing_key *key)
{
    pubkey_unref(key->pubkey);
    *key = (struct signing_key){0};
}
