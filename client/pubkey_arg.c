/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pubkey_arg.h"

#include "client/file.h"
#include "proto/bounds.h"

static const char prefix[] = "agent:";

enum rc
pubkey_arg_agent_name(const char **ret, const char *text, struct why *why)
{
    if (!text) {
        *ret = NULL;
        return RC_OK;
    }

    if (strncmp(text, prefix, strlen(prefix)) != 0 || !text[strlen(prefix)])
        return fail(why, RC_MALFORMED, "'%s': want agent:NAME, a key of the agent's policy", text);

    *ret = text + strlen(prefix);
    return RC_OK;
}

static enum rc
read_agent(struct pubkey **ret, struct session *session, const char *name, struct why *why)
{
    struct signer *signer = NULL;

    enum rc rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    const struct signer_key *key = signer_find(signer, name);
    if (!key)
        return fail(
            why, RC_NOT_FOUND, "the agent has no key '%s'; see 'countersign key list'", name);

    struct pubkey *public_key = signer_public(key);
    if (!public_key)
        return fail(why, RC_TOKEN,
            "the token of key '%s' was never there, so its public part is "
            "unknown; see 'countersign status'",
            name);

    *ret = pubkey_ref(public_key);
    return RC_OK;
}

enum rc
pubkey_arg_read(struct pubkey **ret, struct session *session, const char *text, struct why *why)
{
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (!strncmp(text, prefix, strlen(prefix)))
        return read_agent(ret, session, text + strlen(prefix), why);

    enum rc rc = file_load(&pem, text, why);
    if (rc)
        return rc;

    rc = pubkey_from_pem(ret, bytes_span(&pem), why);
    return rc ? within(why, rc, "%s", text) : RC_OK;
}
