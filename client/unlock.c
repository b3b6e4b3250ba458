/* SPDX-License-Identifier: Apache-2.0 */
#include "client/unlock.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/pause.h"
#include "client/secret.h"
#include "proto/bounds.h"

/* A token as the agent describes it; borrows from the reply. */
struct entry {
    const char *name, *state, *pin;
};

static enum rc
read_entry(struct entry *ret, const json_t *object, struct why *why)
{
    struct members m;

    members_open(&m, object, "token");
    members_text(&m, "name", &ret->name);
    members_text(&m, "state", &ret->state);
    members_text(&m, "pin", &ret->pin);
    return members_close_tolerant(&m, why);
}

/* *ret_tokens is borrowed from *ret_reply: json_decref(). */
static enum rc
ask_tokens(json_t **ret_reply, const json_t **ret_tokens, struct agent_call *agent, struct why *why)
{
    struct members m;

    enum rc rc = agent_call(ret_reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    members_open(&m, *ret_reply, "status");
    members_array(&m, "tokens", SIZE_MAX, ret_tokens);
    return members_close_tolerant(&m, why);
}

/* What a process that knows a PIN should be like. */
static enum rc
harden(struct why *why)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0) < 0)
        return fail(why, RC_SYSTEM, "cannot forbid core files");

    return RC_OK;
}

static enum rc
read_pin(struct bytes *ret, const struct session *session, const char *name, struct why *why)
{
    const char *path = session_options(session)->values[OPTION_PIN_FILE];
    closing(freep) char *prompt = NULL;

    if (asprintf(&prompt, "PIN of token '%s'", name) < 0)
        return fail_memory(why);

    const struct secret_question question = {
        .source = path && !strcmp(path, "-") ? "/dev/stdin" : path,
        .prompt = prompt,
        .option = options_name(OPTION_PIN_FILE),
        .takes_path = true,
    };
    enum rc rc = harden(why);
    /* Where memory cannot be locked the PIN is still asked for: it lives for a moment. */
    if (!rc && bytes_room(ret, ret->max))
        (void)mlock(ret->p, ret->max);
    return rc ? rc : secret_read(ret, &question, why);
}

/* Call Unlock, again as long as the agent looks for the token. pin: NULL: the policy's. */
static enum rc
call_unlock(struct agent_call *agent, const char *name, bool force, const struct bytes *pin,
    struct why *why)
{
    closing(json_decrefp) json_t *parameters =
        json_pack("{s:s,s:b}", "token", name, "force", force);
    int64_t deadline_ms = pause_clock_ms() + BUSY_WAIT_S * INT64_C(1000);
    enum rc rc = RC_BUSY;

    if (!parameters)
        return fail_memory(why);

    while (rc == RC_BUSY) {
        closing(json_decrefp) json_t *reply = NULL;
        struct span secret = pin ? bytes_span(pin) : SPAN("");

        rc = pin ? agent_call_with_secrets(&reply, agent, "Unlock", parameters, &secret, 1, why)
                 : agent_call(&reply, agent, "Unlock", parameters, why);
        if (rc != RC_BUSY || pause_clock_ms() > deadline_ms)
            break;

        pause_about(1000);
    }
    return rc;
}

static enum rc
unlock_entry(bool *ret_was_locked, struct session *session, const struct entry *entry, bool force,
    struct why *why)
{
    bool is_prompt = !strcmp(entry->pin, "prompt");
    closing(bytes_wipe) struct bytes pin = BYTES_INIT(PIN_MAX_BYTES + 2);
    struct agent_call *agent = NULL;

    if (!is_prompt && options_has(session_options(session), OPTION_PIN_FILE))
        return fail(why, RC_REFUSED,
            "the policy says where the PIN of '%s' is: unlock it without --pin-file", entry->name);

    *ret_was_locked = strcmp(entry->state, "ready") != 0;
    if (!*ret_was_locked)
        return RC_OK;

    if (!strcmp(entry->state, "absent") && is_prompt)
        return fail(why, RC_TOKEN, "token '%s' is absent: plug it in; see 'countersign status'",
            entry->name);

    enum rc rc = session_agent(&agent, session, why);
    if (!rc && is_prompt)
        rc = read_pin(&pin, session, entry->name, why);
    return rc ? rc : call_unlock(agent, entry->name, force, is_prompt ? &pin : NULL, why);
}

enum rc
unlock_token(
    bool *ret_was_locked, struct session *session, const char *name, bool force, struct why *why)
{
    closing(json_decrefp) json_t *reply = NULL;
    const json_t *tokens = NULL;
    struct agent_call *agent = NULL;
    size_t i;
    json_t *token;

    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = ask_tokens(&reply, &tokens, agent, why);
    if (rc)
        return rc;

    json_array_foreach((json_t *)tokens, i, token) {
        struct entry entry = {0};
        rc = read_entry(&entry, token, why);
        if (rc)
            return rc;

        if (!strcmp(entry.name, name))
            return unlock_entry(ret_was_locked, session, &entry, force, why);
    }

    return fail(why, RC_NOT_FOUND, "the agent has no token '%s'; see 'countersign status'", name);
}

bool
unlock_offer(struct session *session)
{
    closing(json_decrefp) json_t *reply = NULL;
    const json_t *tokens = NULL;
    struct agent_call *agent = NULL;
    bool has_unlocked = false;
    struct why why;
    size_t i;
    json_t *token;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || session_agent(&agent, session, &why) ||
        ask_tokens(&reply, &tokens, agent, &why))
        return false;

    json_array_foreach((json_t *)tokens, i, token) {
        struct entry entry = {0};
        bool was_locked = false;

        if (read_entry(&entry, token, &why) || strcmp(entry.state, "locked") != 0 ||
            strcmp(entry.pin, "prompt") != 0)
            continue;

        fprintf(stderr, "countersign: token '%s' is locked\n", entry.name);
        if (unlock_entry(&was_locked, session, &entry, false, &why))
            fprintf(stderr, "countersign: %s\n", why.text);
        else
            has_unlocked = true;
    }

    return has_unlocked;
}
