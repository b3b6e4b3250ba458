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

bool
pubkey_arg_is_agents(const char *text)
{
    return !strncmp(text, prefix, strlen(prefix));
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

static enum rc
read_one(struct pubkey **ret, struct session *session, const char *text, struct why *why)
{
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (pubkey_arg_is_agents(text))
        return read_agent(ret, session, text + strlen(prefix), why);

    enum rc rc = file_load(&pem, text, why);
    if (rc)
        return rc;

    rc = pubkey_from_pem(ret, bytes_span(&pem), why);
    return rc ? within(why, rc, "%s", text) : RC_OK;
}

enum rc
pubkey_args_read(struct pubkey_args *ret, struct session *session, const char *const *texts,
    size_t n, struct why *why)
{
    if (n > OPTION_VALUES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", OPTION_VALUES_MAX);

    for (size_t i = 0; i < n; i++) {
        enum rc rc = read_one(&ret->keys[i], session, texts[i], why);
        if (rc)
            return rc;
        ret->n++;
    }

    return RC_OK;
}

void
pubkey_args_done(struct pubkey_args *args)
{
    for (size_t i = 0; i < args->n; i++)
        pubkey_unref(args->keys[i]);
    args->n = 0;
}
