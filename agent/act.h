/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * act — what an admin does, to a token or in the ledger: begun by a call, recorded with its outcome
 * when it is over, and answered then.
 *
 * Who hangs up does not undo what was begun: most acts go on, and the record says how they ended.
 */
#include "agent/agent.h"

struct act;

/* The connection's call is an act from now on. method is borrowed and must be a literal of the
 * method table; token: its name as the call has it. NULL: the call is answered already, as the
 * caller is no admin or there is no memory. act_finish() must follow. */
struct act *act_begin(
    struct agent *agent, struct conn *conn, const char *method, const char *token);

/* The same for what is no token: noun: what it is, a literal; name: as the call has it. */
struct act *act_begin_on(
    struct agent *agent, struct conn *conn, const char *method, const char *noun, const char *name);

/* What the act does in the ledger, if it succeeds, in the transaction of its record. */
struct act_deed {
    enum rc (*write)(void *userdata, struct ledger *ledger, struct why *why);
    /* Once, in the end, whatever became of it; the callee frees userdata. reply: where rc is RC_OK,
     * to be filled in; it has "record" already. */
    void (*done)(void *userdata, enum rc rc, json_t **reply);
    void *userdata;
    struct audit_document document; /* which it is about; borrowed by the act until done() */
};
/* Copied. Before act_finish(). */
void act_do(struct act *act, const struct act_deed *deed);

/* Reply to the call, and have a secret read from *ret_fd (borrowed) by somebody else; see
 * conn_upgrade(). False: the act is finished. */
must_check bool act_upgrade(struct act *act, int *ret_fd);

/* Called once if the caller hangs up before act_finish(), which it must call then. Without it the
 * act goes on. */
void act_on_hang_up(struct act *act, void (*callback)(void *userdata), void *userdata);

/* Whether the caller is still an admin: the policy may be another one than when it began. */
must_check bool act_is_allowed(const struct act *act);

/* What its record says besides the token; the first 400 bytes of all of it. */
like_printf(2, 3) void act_note(struct act *act, const char *fmt, ...);

/* Its end, where the agent ends first: neither recorded nor answered. */
void act_drop(struct act *act);

/* Its end: record, then answer. rc and why: what became of it; reply is consumed, NULL: without
 * parameters. The act is freed later. */
void act_finish(struct act *act, enum rc rc, const struct why *why, json_t *reply);
