/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login.h"

struct login {
    struct ledger *ledger;
    char *token;    /* its name in the policy */
    bool is_pinned; /* by the policy's serial, which the worker compares */
    char *identity; /* as pinned at first sight; NULL: not yet, or is_pinned */
    bool is_prompt; /* its PIN comes from people */
    bool is_under_way;
    char *trying;   /* what was found, with which it is */
    char *accepted; /* what the token accepted last */
    char *refused;  /* the one that was refused last, should the ledger fail */
    bool is_locked;
    bool may_try_refused, may_spend_last; /* the next login */
};

/* Under which the ledger has the lock of a token, among the PINs that were refused: what a token is
 * identified by has a colon. */
#define LOCK "lock"

enum rc
login_new(
    struct login **ret, struct ledger *ledger, const struct policy_token *token, struct why *why)
{
    closing(login_freep) struct login *login = calloc(1, sizeof *login);
    if (!login)
        return fail_memory(why);

    login->ledger = ledger;
    login->is_pinned = token->serial;
    login->is_prompt = token->pin == POLICY_PIN_PROMPT;
    login->token = strdup(token->name);
    if (!login->token)
        return fail_memory(why);

    if (!login->is_pinned) {
        enum rc rc = ledger_pinned_serial(&login->identity, ledger, token->name, why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;
    }

    enum rc rc = ledger_refused_pin(ledger, LOCK, token->name, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    login->is_locked = rc == RC_OK;
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
    free(login->trying);
    free(login->accepted);
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

/* One statement in a transaction of its own. */
static enum rc
write(struct login *login,
    enum rc (*statement)(struct ledger *, const char *, const char *, struct why *),
    const char *serial, const char *source, struct why *why)
{
    enum rc rc = ledger_begin(login->ledger, why);
    if (rc)
        return rc;

    rc = statement(login->ledger, serial, source, why);
    if (rc) {
        ledger_rollback(login->ledger);
        return rc;
    }

    return ledger_commit(login->ledger, why);
}

static enum rc
put_try(struct login *login, const char *pin, bool is_accepted, struct why *why)
{
    enum rc rc = ledger_begin(login->ledger, why);
    if (rc)
        return rc;

    rc = pin ? ledger_put_pin_try(login->ledger, login->token, pin, is_accepted, why)
             : ledger_forget_pin_try(login->ledger, login->token, why);
    if (rc) {
        ledger_rollback(login->ledger);
        return rc;
    }

    return ledger_commit(login->ledger, why);
}

static enum rc
fail_refused(const struct login *login, const char *source, struct why *why)
{
    if (login->is_prompt)
        return fail(why, RC_LOCKED, "the token refused the PIN: 'countersign unlock %s' asks again",
            login->token);

    return fail(why, RC_LOCKED,
        "the token refused the PIN in '%.*s'; put the right one there: it is tried as soon as that "
        "changes, or with 'countersign unlock %s'",
        (int)place_len(source), source, login->token);
}

static enum rc
check_refused(struct login *login, const char *identity, const char *source, struct why *why)
{
    bool is_last = login->refused && !strcmp(login->refused, source);

    /* What people said is in workers of this agent only. */
    enum rc rc = is_last            ? RC_OK
                 : login->is_prompt ? RC_NOT_FOUND
                                    : ledger_refused_pin(login->ledger, identity, source, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;

    if (rc)
        return rc;

    if (!login->may_try_refused)
        return fail_refused(login, source, why);

    /* Should it be refused again, that is recorded anew. */
    free(steal(login->refused));
    return write(login, ledger_forget_refused_pin, identity, source, why);
}

static bool
is_accepted(const struct login *login, const char *pin)
{
    return login->accepted && !strcmp(login->accepted, pin);
}

/* The ledger knows of a try before it begins. *ret_pin: free(), also on failure. */
static enum rc
note_try(
    char **ret_pin, struct login *login, const char *identity, const char *source, struct why *why)
{
    closing(freep) char *last = NULL;
    bool was_accepted = false;
    char *pin = NULL;

    if (asprintf(&pin, "%s %s", identity, source) < 0)
        return fail_memory(why);

    *ret_pin = pin;
    if (is_accepted(login, pin))
        return RC_OK;

    enum rc rc = ledger_pin_try(&last, &was_accepted, login->ledger, login->token, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    bool is_last = rc == RC_OK && !strcmp(last, pin);
    if (is_last && was_accepted) {
        free(login->accepted);
        login->accepted = steal(last);
        return RC_OK;
    }

    if (is_last && !login->may_try_refused)
        return fail(why, RC_LOCKED,
            "a process ended while it tried the PIN in '%.*s', so the token may have refused it; "
            "'countersign unlock %s' tries it again",
            (int)place_len(source), source, login->token);

    return put_try(login, pin, false, why);
}

static enum rc
check_locks(struct login *login, bool is_last_try, struct why *why)
{
    if (login->is_locked)
        return fail(
            why, RC_LOCKED, "an admin locked it; 'countersign unlock %s' lifts that", login->token);

    if (is_last_try && !login->may_spend_last)
        return fail(why, RC_LOCKED,
            "one more wrong PIN locks the token for good, so none is tried; 'countersign unlock "
            "--force %s' does, or log in once with its own tools",
            login->token);

    return RC_OK;
}

enum rc
login_begin(bool *ret_force, struct login *login, const struct frame_found *found, struct why *why)
{
    closing(freep) char *identity = span_dup(found->identity);
    closing(freep) char *source = span_dup(found->source);
    closing(freep) char *pin = NULL;
    if (!identity || !source)
        return fail_memory(why);

    if (login->is_under_way)
        return fail(why, RC_BUSY, "another worker logs in");

    enum rc rc = check_identity(login, identity, why);
    if (!rc)
        rc = check_locks(login, found->is_last_try, why);
    if (!rc && found->source.len > 0)
        rc = check_refused(login, identity, source, why);
    if (!rc && found->source.len > 0 && !login->is_prompt)
        rc = note_try(&pin, login, identity, source, why);
    if (rc)
        return rc;

    free(login->trying);
    login->trying = steal(pin);
    *ret_force = login->may_spend_last;
    login_forbid(login);
    login->is_under_way = true;
    return RC_OK;
}

void
login_end(struct login *login, enum login_outcome outcome)
{
    closing(freep) char *pin = steal(login->trying);
    struct why why;

    login->is_under_way = false;
    if (!pin || is_accepted(login, pin) || outcome == LOGIN_UNKNOWN || outcome == LOGIN_REFUSED)
        return;

    if (outcome == LOGIN_NOT_TRIED) {
        (void)put_try(login, NULL, false, &why);
        return;
    }

    (void)put_try(login, pin, true, &why);
    free(login->accepted);
    login->accepted = steal(pin);
}

enum rc
login_refused(struct login *login, struct span identity, struct span source, struct why *why)
{
    closing(freep) char *identity_text = span_dup(identity);

    free(login->refused);
    login->refused = span_dup(source);
    if (!identity_text || !login->refused)
        return fail_memory(why);

    enum rc rc = login->is_prompt
                     ? RC_OK
                     : write(login, ledger_put_refused_pin, identity_text, login->refused, why);
    if (rc)
        return within(why, rc, "a refused PIN cannot be recorded");

    return fail_refused(login, login->refused, why);
}

bool
login_is_refused(const struct login *login, struct span source)
{
    return login->refused && span_is(source, login->refused);
}

enum rc
login_lock(struct login *login, struct why *why)
{
    login->is_locked = true;
    login_forbid(login);
    return write(login, ledger_put_refused_pin, LOCK, login->token, why);
}

bool
login_is_locked(const struct login *login)
{
    return login->is_locked;
}

enum rc
login_unlock(struct login *login, bool force, struct why *why)
{
    enum rc rc =
        login->is_locked ? write(login, ledger_forget_refused_pin, LOCK, login->token, why) : RC_OK;
    if (rc)
        return rc;

    login->is_locked = false;
    login->may_try_refused = true;
    login->may_spend_last = force;
    return RC_OK;
}

void
login_forbid(struct login *login)
{
    login->may_try_refused = false;
    login->may_spend_last = false;
}
