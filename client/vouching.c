/* SPDX-License-Identifier: Apache-2.0 */
#include "client/vouching.h"

#include "proto/bounds.h"

/* Where there is no agent, or it does not know us, this machine has only itself; who signs hears of
 * that when it signs. */
static enum rc
ask_agent(struct session *session, struct repository *repository, struct why *why)
{
    closing(root_pin_done) struct root_pin pin = {0};
    struct agent_call *agent = NULL;
    struct why nobody;

    if (repository->is_pin_known)
        return RC_OK;

    enum rc rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    rc = agent_call_connect(agent, ROOT_PIN_TIMEOUT_S * INT64_C(1000), &nobody);
    if (rc == RC_TOKEN)
        return RC_OK;
    if (rc)
        return fail(why, rc, "%s", nobody.text);

    rc = root_pin_ask(&pin, agent, repository->name, why);
    repository->is_pin_known = !rc;
    if (rc || !root_pin_is_set(&pin))
        return rc;

    root_pin_done(&repository->pin);
    repository->pin = pin;
    pin = (struct root_pin){0};
    return RC_OK;
}

/* What the agent pins goes before what a file does. */
static enum rc
ask_file(struct session *session, struct repository *repository, struct why *why)
{
    const struct pinning *pinning = NULL;

    if (root_pin_is_set(&repository->pin))
        return RC_OK;

    enum rc rc = session_pinning(&pinning, session, why);
    return rc || !pinning ? rc : pinning_root(&repository->pin, pinning, repository->name, why);
}

static void
apply(struct repository *repository)
{
    if (root_pin_is_set(&repository->pin))
        trust_set_pin(repository->trust, &repository->pin);
}

enum rc
vouching_ask(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = ask_agent(session, repository, why);
    if (!rc)
        rc = ask_file(session, repository, why);

    apply(repository);
    return rc;
}

enum rc
vouching_ask_to_read(struct session *session, struct repository *repository, struct why *why)
{
    struct why cause;
    enum rc asked = ask_agent(session, repository, &cause);
    if (asked == RC_UNTRUSTED)
        return fail(why, asked, "%s", cause.text);

    enum rc rc = ask_file(session, repository, why);
    apply(repository);
    if (rc || !asked)
        return rc;

    if (!root_pin_is_set(&repository->pin) && !trust_is_cached(repository->trust))
        return fail(why, asked, "%s", cause.text);

    progress_note(
        session_progress(session), "not compared with what the agent pins: %s", cause.text);
    return RC_OK;
}
