/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * worker — one countersign-token process, as the agent sees it: brought about (birth.h), spoken
 * with, ended.
 *
 * The end of a process of ours is seen by a pidfd, not by SIGCHLD, so it does not matter which
 * signals are blocked. That of a unit is seen by the end of the connection to it, and to kill it is
 * to close that.
 */
#include <systemd/sd-event.h>

#include "agent/seclusion.h"
#include "agent/token/channel.h"

struct worker;

enum worker_end {
    WORKER_EXITED,  /* it said what is wrong before, or was told to end */
    WORKER_HUNG,    /* by its own alarm, or by the deadline of worker_ask() */
    WORKER_CRASHED, /* by a signal, or for breaking the protocol */
};

/* Called from the event loop, never from within a function of this page. on_message must not free
 * the worker; on_end comes once, last, and may. */
struct worker_calls {
    void (*on_message)(void *userdata, const struct frame *frame);
    void (*on_end)(void *userdata, enum worker_end end, const char *detail);
};

/* How workers that are children of the agent come to be: the program, with an absolute path, and
 * what they are kept from; NULL: nothing, in tests. All is borrowed. */
struct worker_form {
    const char *program;
    const struct seclusion *seclusion;
};

/* What OPEN says to a worker of that token of the policy. identity: what the ledger pins; "": none.
 * All is borrowed. */
struct frame_open worker_open(const struct worker_form *form, const struct policy *policy,
    const struct policy_token *token, const char *identity);

/* path: absolute, of the program, for a token whose policy has no unit. event, calls and userdata
 * are borrowed. RC_SYSTEM. */
must_check enum rc worker_new(struct worker **ret, sd_event *event, const char *path,
    const struct policy_token *token, const struct worker_calls *calls, void *userdata,
    struct why *why);
/* Waits up to two seconds for it to end its module, then kills it. */
void worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker, worker_free);

/* passed: a descriptor for it, which stays the caller's; -1: none. timeout_ms: it is killed if no
 * message came from it by then; 0: never. RC_TOO_LARGE; RC_SYSTEM: it does not read, and will be
 * ended. */
must_check enum rc worker_send(struct worker *worker, const struct frame *frame, int passed,
    uint64_t timeout_ms, struct why *why);

/* Ask for nothing more and wait for the state that it tells next, up to two seconds, outside of the
 * event loop. TOKEN_STATE_MAX_: it tells none. worker_free() is to follow. */
enum token_state worker_last_state(struct worker *worker);

void worker_hang_up(struct worker *worker); /* it ends by itself; on_end comes */
void worker_kill(struct worker *worker);    /* at once; on_end comes */
