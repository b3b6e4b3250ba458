/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/locking.h"

#include "agent/act.h"
#include "agent/answer.h"

/* The name of a token that there is. */
static enum rc
check_token(const struct agent *agent, const char *name, struct why *why)
{
    if (policy_find_token(agent->policy, name))
        return RC_OK;

    return fail(why, RC_NOT_FOUND, "token '%.64s'", name);
}

/* All of them, also after one that failed; name: NULL is all. */
static enum rc
lock(struct agent *agent, const char *name, struct why *why)
{
    enum rc ret = RC_OK;

    for (size_t i = 0; i < keyring_n_tokens(agent->keyring); i++) {
        const struct policy_token *token = keyring_token(agent->keyring, i)->policy;
        struct why problem;
        if (name && strcmp(name, token->name) != 0)
            continue;

        enum rc rc = keyring_lock(agent->keyring, i, &problem);
        if (rc && !ret)
            ret = fail(why, rc, "token '%s' is locked until the agent ends, and then no more: %s",
                token->name, problem.text);
    }

    return ret;
}

void
locking_lock(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct members m;
    const char *name = NULL;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text_maybe(&m, "token", &name);
    enum rc rc = members_close(&m, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    struct act *act = act_begin(agent, conn, "Lock", name ? name : "*");
    if (!act)
        return;

    rc = name ? check_token(agent, name, &why) : RC_OK;
    if (!rc)
        rc = lock(agent, name, &why);
    act_finish(act, rc, &why, NULL);
}

static void
on_unlocked(void *userdata, enum rc rc, const struct why *why)
{
    act_finish(userdata, rc, why, NULL);
}

static size_t
index_of(const struct agent *agent, const char *name)
{
    size_t i = 0;

    while (strcmp(keyring_token(agent->keyring, i)->policy->name, name) != 0)
        i++;
    return i;
}

/* What must be known before a PIN is asked for. */
static enum rc
check(enum keyring_need *ret, struct agent *agent, const struct keyring_unlock *order,
    bool wants_upgrade, struct why *why)
{
    enum rc rc = keyring_check_unlock(ret, agent->keyring, order, why);
    if (rc)
        return rc;

    if (*ret == KEYRING_NEEDS_PIN && !wants_upgrade)
        return fail(why, RC_MALFORMED,
            "the PIN of this token is sent behind the call, which has to have 'upgrade'");

    if (*ret != KEYRING_NEEDS_PIN && wants_upgrade)
        return fail(why, RC_MALFORMED,
            "no PIN is wanted: call without 'upgrade'; the policy says where it is");

    return RC_OK;
}

static void
unlock(struct agent *agent, struct conn *conn, struct act *act, struct keyring_unlock *order)
{
    enum keyring_need need = KEYRING_NEEDS_NOTHING;
    struct why why;

    enum rc rc = check(&need, agent, order, conn_wants(conn).upgrade, &why);
    if (rc || need == KEYRING_NEEDS_NOTHING) {
        act_finish(act, rc, &why, NULL);
        return;
    }

    if (need == KEYRING_NEEDS_PIN && !act_upgrade(act, &order->fd))
        return;

    rc = keyring_unlock(agent->keyring, order, &why);
    if (rc)
        act_finish(act, rc, &why, NULL);
}

void
locking_unlock(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct keyring_unlock order = {.fd = -1, .callback = on_unlocked};
    struct members m;
    const char *name = NULL;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "token", &name);
    members_bool_maybe(&m, "force", &order.force);
    enum rc rc = members_close(&m, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    struct act *act = act_begin(agent, conn, "Unlock", name);
    if (!act)
        return;

    rc = check_token(agent, name, &why);
    if (rc) {
        act_finish(act, rc, &why, NULL);
        return;
    }

    order.token = index_of(agent, name);
    order.userdata = act;
    unlock(agent, conn, act, &order);
}
