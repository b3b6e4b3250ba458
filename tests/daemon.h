/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * daemon — a whole agent in a test: all but its tokens (softkeyring.h) and its main. Callers come
 * over its socket as users of the test's choice, which needs root. Whatever fails, fails the test.
 *
 * Every answer is held against the types of the interface.
 */
#include "agent/agent.h"
#include "tests/softkeyring.h"

#define UID_ALICE    10001 /* signs targets/qa, with keys qa and rsa-qa */
#define UID_BOB      10002 /* signs targets, but may not delegate */
#define UID_ADMIN    10003 /* signs root and targets, delegates, and is admin */
#define UID_STRANGER 10004

#define DAEMON_REPOSITORY "registry.example.com/shop/web"

struct daemon {
    void *directory; /* see policy_fixture.h */
    struct agent agent;
};

/* Set-up and tear-down of a test, which is skipped without root. */
int daemon_open(void **state);
int daemon_close(void **state);

/* Without a test: an agent as its options say, from its ledger to its socket. */
void daemon_start(struct agent *agent);
void daemon_stop(struct agent *agent);

/* For a test that uses the agent before it calls it. */
void daemon_skip_without_root(void);

/* The text of policy.yaml as it is at first, and from now on. */
const char *daemon_policy(void);
void daemon_set_policy(struct daemon *daemon, const char *text);

/* Let the loop do all that there is to do now. */
void daemon_pump(struct daemon *daemon);

/* A connection as that user. */
int daemon_dial(struct daemon *daemon, uid_t uid);
/* Ask, and see later. method: without its interface if that is ours. parameters are consumed. */
void daemon_ask(struct daemon *daemon, int fd, const char *method, json_t *parameters);
/* The answer on fd, {"error":…,"parameters":…}, of which one is there; NULL: none yet. method: that
 * it answers. json_decref(). */
json_t *daemon_answer(struct daemon *daemon, int fd, const char *method);
/* Both at once, over a connection of its own; there must be an answer. */
json_t *daemon_call(struct daemon *daemon, uid_t uid, const char *method, json_t *parameters);

/* A Document of the interface; message is its text, keys are names of the policy, up to NULL. */
json_t *daemon_document(const char *role, const char *message, const char *const *keys);
/* A canonical document without content: of targets or below. days: from now, to its expiry. */
char *daemon_targets(int64_t version, int days);

/* Whether it is that error of ours, with such a text as that member of its parameters. */
void daemon_assert_error(
    const json_t *answer, const char *error, const char *member, const char *text);
/* The parameters of a success; borrowed. */
const json_t *daemon_assert_reply(const json_t *answer);
