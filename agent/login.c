/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login.h"

struct login {
    struct ledger *ledger;
    char *token;    /* its name in the policy */
    bool is_pinned; /* by the policy's serial, which the worker compares */
    char *identity; /* as pinned at first sight; NULL: not yet, or is_pinned */
    bool is_under_way;
    char *refused; /* the one that was refused last, should the ledger fail */
};

enum rc
login_new(
    struct login **ret, struct ledger *ledger, const struct policy_token *token, struct why *why)
{
    closing(login_freep) struct login *login = calloc(1, sizeof *login);
    if (!login)
        return fail_memory(why);

    login->ledger = ledger;
    login->is_pinned = token->serial;
    login->token = strdup(token->name);
    if (!login->token)
        return fail_memory(why);

    if (!login->is_pinned) {
        enum rc rc = ledger_pinned_serial(&login->identity, ledger, token->name, why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;
    }

    *ret = steal(login);
    return RC_OK;
}

void
login_free(struct login *login)
{
    if (!login)
        return;

    free(login->token);
    free(login->identity);
    free(login->refused);
    free(login);
}

const char *
login_identity(const struct login *login)
{
    return login->identity ? login->identity : "";
}

static enum rc
pin_identity(struct login *login, const char *identity, struct why *why)
{
    closing(freep) char *copy = strdup(identity);
    if (!copy)
        return fail_memory(why);

    enum rc rc = ledger_begin(login->ledger, why);
    if (rc)
        return rc;

    rc = ledger_pin_serial(login->ledger, login->token, identity, why);
    if (rc) {
        ledger_rollback(login->ledger);
        return rc;
    }

    rc = ledger_commit(login->ledger, why);
    if (rc)
        return rc;

    login->identity = steal(copy);
    return RC_OK;
}

static enum rc
check_identity(struct login *login, const char *identity, struct why *why)
{
    if (login->is_pinned)
        return RC_OK;

    if (!login->identity)
        return pin_identity(login, identity, why);

    if (strcmp(login->identity, identity) != 0)
        return fail(why, RC_TOKEN,
            "another token is there: it is '%s', want '%s' as first seen; put that one back",
            identity, login->identity);

    return RC_OK;
}

/* "file:/etc/pin 254:0 1096 179.88" names the place, and behind it the version of what is there. */
static size_t
place_len(const char *source)
{
    size_t len = strlen(source);

    for (int n = 0; n < 3; n++)
        while (len > 0 && source[--len] != ' ')
            ;
    return len > 0 ? len : strlen(source);
}

static enum rc
check_refused(struct login *login, const char *identity, const char *source, struct why *why)
{
    if (!login->refused || strcmp(login->refused, source) != 0) {
        enum rc rc = ledger_refused_pin(login->ledger, identity, source, why);
        if (rc == RC_NOT_FOUND)
            return RC_OK;

        if (rc)
            return rc;
    }

    return fail(why, RC_LOCKED,
        "the token refused the PIN in '%.*s'; put the right one there: it is tried as soon as that "
        "changes",
        (int)place_len(source), source);
}

enum rc
login_begin(struct login *login, struct span identity, struct span source, struct why *why)
{
    closing(freep) char *identity_text = span_dup(identity);
    closing(freep) char *source_text = span_dup(source);
    if (!identity_text || !source_text)
        return fail_memory(why);

    if (login->is_under_way)
        return fail(why, RC_BUSY, "another worker logs in");

    enum rc rc = check_identity(login, identity_text, why);
    if (rc)
        return rc;

    if (source.len > 0)
        rc = check_refused(login, identity_text, source_text, why);
    if (rc)
        return rc;

    login->is_under_way = true;
    return RC_OK;
}

void
login_end(struct login *login)
{
    login->is_under_way = false;
}

enum rc
login_refused(struct login *login, struct span identity, struct span source, struct why *why)
{
    closing(freep) char *identity_text = span_dup(identity);

    free(login->refused);
    login->refused = span_dup(source);
    if (!identity_text || !login->refused)
        return fail_memory(why);

    enum rc rc = ledger_begin(login->ledger, why);
    if (rc)
        return rc;

    rc = ledger_put_refused_pin(login->ledger, identity_text, login->refused, why);
    if (rc) {
        ledger_rollback(login->ledger);
        return rc;
    }

    return ledger_commit(login->ledger, why);
}
