/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/act.h"

#include <stdarg.h>

#include "agent/answer.h"
#include "agent/refusal.h"
#include "proto/bounds.h"

struct act {
    struct agent *agent;
    struct conn *conn; /* NULL: it hung up */
    struct peer *peer;
    const char *method;
    const char *noun;     /* "token" */
    char *name;           /* of the token, or of what else it is about */
    struct act_deed deed; /* write is NULL where there is none */
    int64_t record;
    char note[400];
    enum rc rc;
    struct why why;
    json_t *reply;
    void (*hung_up)(void *userdata); /* NULL: it goes on */
    void *userdata;
};

static void
act_free(struct act *act)
{
    if (!act)
        return;

    peer_unref(act->peer);
    json_decref(act->reply);
    free(act->name);
    free(act);
}
DEFINE_CLEANUP(struct act, act_free);

static void
on_cancel(void *work)
{
    struct act *act = work;
    void (*hung_up)(void *userdata) = act->hung_up;

    act->conn = NULL;
    act->hung_up = NULL;
    if (hung_up)
        hung_up(act->userdata);
}

struct act *
act_begin(struct agent *agent, struct conn *conn, const char *method, const char *token)
{
    return act_begin_on(agent, conn, method, "token", token);
}

struct act *
act_begin_on(
    struct agent *agent, struct conn *conn, const char *method, const char *noun, const char *name)
{
    struct why why;

    if (!policy_is_admin(agent->policy, conn_peer(conn))) {
        refusal_start(agent, conn, method, REASON_NOT_ADMIN);
        return NULL;
    }

    closing(act_freep) struct act *act = calloc(1, sizeof *act);
    if (act) {
        *act = (struct act){.agent = agent,
            .conn = conn,
            .peer = peer_ref(conn_peer(conn)),
            .method = method,
            .noun = noun,
            .name = strdup(name)};
    }
    if (!act || !act->name) {
        answer_error(conn, fail_memory(&why), &why);
        return NULL;
    }

    conn_set_work(conn, act, on_cancel);
    return steal(act);
}

void
act_on_hang_up(struct act *act, void (*callback)(void *userdata), void *userdata)
{
    act->hung_up = callback;
    act->userdata = userdata;
}

bool
act_is_allowed(const struct act *act)
{
    return act->agent->policy && policy_is_admin(act->agent->policy, act->peer);
}

void
act_do(struct act *act, const struct act_deed *deed)
{
    act->deed = *deed;
}

void
act_note(struct act *act, const char *fmt, ...)
{
    size_t len = strlen(act->note);
    va_list ap;

    snprintf(act->note + len, sizeof act->note - len, ", ");
    len = strlen(act->note);
    va_start(ap, fmt);
    vsnprintf(act->note + len, sizeof act->note - len, fmt, ap);
    va_end(ap);
}

void
act_drop(struct act *act)
{
    if (act->conn)
        conn_set_work(act->conn, NULL, NULL);
    act_free(act);
}

bool
act_upgrade(struct act *act, int *ret_fd)
{
    struct why why;

    conn_set_work(act->conn, NULL, NULL);
    if (conn_upgrade(act->conn, json_object(), ret_fd)) {
        conn_set_work(act->conn, act, on_cancel);
        return true;
    }

    act->conn = NULL;
    enum rc rc = fail(&why, RC_MALFORMED, "the caller did not wait for the reply");
    act_finish(act, rc, &why, NULL);
    return false;
}

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct act *act = userdata;
    closing(bytes_done) struct bytes detail = BYTES_INIT(RECORD_MAX_BYTES);

    bytes_printf(&detail, "%s '%s'%s%s%s", act->noun, act->name, act->note, act->rc ? ": " : "",
        act->rc ? act->why.text : "");
    enum rc rc = bytes_check(&detail, why);
    if (!rc && !act->rc && act->deed.write)
        rc = act->deed.write(act->deed.userdata, ledger, why);
    if (rc)
        return rc;

    struct audit_request request = {
        .at_us = agent_now_us(),
        .method = act->method,
        .policy = act->agent->policy ? &act->agent->policy->digest : NULL,
        .peer = act->peer,
        .detail = bytes_text(&detail),
        .outcome = act->rc ? AUDIT_FAILED : AUDIT_DONE,
        .documents = &act->deed.document,
        .n_documents = act->deed.write ? 1 : 0,
    };
    return audit_put(act->agent->audit, &request, &act->record, why);
}

static void
answer(struct act *act, enum rc rc, const struct why *why)
{
    if (rc == RC_OK)
        conn_reply(act->conn, steal(act->reply));
    else if (rc == RC_TOKEN || rc == RC_LOCKED || rc == RC_TIMEOUT)
        answer_token(act->conn, rc, act->name, why->text);
    else
        answer_error(act->conn, rc, why);
}

/* What was done and cannot be recorded is answered as what it is: not recorded. */
static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    closing(act_freep) struct act *act = userdata;
    const char *reason = act->rc ? rc_error_name(act->rc) : NULL;

    if (act->deed.write) {
        enum rc how = rc ? rc : act->rc;
        if (!how)
            answer_set(&act->reply, "record", json_integer(act->record));
        act->deed.done(act->deed.userdata, how, &act->reply);
    }
    metrics_count(&act->agent->metrics, act->method, act->rc ? AUDIT_FAILED : AUDIT_DONE,
        reason ? reason : "");
    if (!act->conn)
        return;

    conn_set_work(act->conn, NULL, NULL);
    if (rc)
        answer(act, rc, why);
    else
        answer(act, act->rc, &act->why);
}

void
act_finish(struct act *act, enum rc rc, const struct why *why, json_t *reply)
{
    struct release_item item = {on_write, on_recorded, act};
    struct why problem;

    act->hung_up = NULL;
    act->rc = rc;
    if (rc)
        act->why = *why;
    act->reply = reply ? reply : json_object();
    rc = release_add(act->agent->release, &item, &problem);
    if (rc)
        on_recorded(act, rc, &problem);
}
