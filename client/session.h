/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * session — what one run of the program works with: its options, the agent, and the repositories
 * that it opened. Connections are made when they are first wanted, and kept.
 */
#include <stdio.h>

#include "client/options.h"
#include "client/pinning.h"
#include "client/publish.h"
#include "client/registry.h"

struct session;

/* A repository on its trust server. */
struct repository {
    char *name; /* the GUN */
    char *host; /* of the registry */
    struct repo *repo;
    struct trust *trust;
    struct root_pin pin; /* what the agent pins, once it was asked, else a file; see vouching.h */
    bool is_pin_known;   /* the agent was asked */
};

must_check enum rc session_new(
    struct session **ret, const struct options *options, struct why *why);
void session_free(struct session *session);
DEFINE_CLEANUP(struct session, session_free);

const struct options *session_options(const struct session *session);
int64_t session_now(const struct session *session); /* seconds UTC, fixed for the run */
/* Whether somebody is there to wait until others have agreed: at a terminal, and told so. */
bool session_waits_for_votes(const struct session *session);
/* Where it is told what was done: standard output; or standard error, for docker trust, whose own
 * words go to standard output. */
FILE *session_results(const struct session *session);
void session_set_results_aside(struct session *session);
/* As with --no-tofu, for repositories that are opened from now on. */
void session_refuse_first_use(struct session *session);
/* Where notes go: standard error, or nowhere with --quiet. */
const struct progress *session_progress(const struct session *session);

/* From now on notes name the repository, unless they do so by themselves: for processes that work
 * on one of many at the same time. */
void session_tell_of(struct session *session, const struct repository *repository);

/* The agent; *ret is borrowed. What agent_call_new() and signer_new() say. */
must_check enum rc session_agent(struct agent_call **ret, struct session *session, struct why *why);
must_check enum rc session_signer(struct signer **ret, struct session *session, struct why *why);

/* The pinning file, NULL: none; *ret is borrowed. What pinning_find() says. */
must_check enum rc session_pinning(
    const struct pinning **ret, struct session *session, struct why *why);

/* A repository by its name as people write it; nothing is fetched yet. *ret is borrowed. */
must_check enum rc session_repository(
    struct repository **ret, struct session *session, const char *name, struct why *why);
/* Fetch and verify it, under what is pinned, for who may renew what is expired; a root that is
 * trusted on first use is announced. What trust_update() says. */
must_check enum rc session_update(
    struct session *session, struct repository *repository, struct why *why);
/* The same for who changes it: where there is none, it says what makes one; a root that expires
 * soon is noted. */
must_check enum rc session_update_existing(
    struct session *session, struct repository *repository, struct why *why);
/* The same for who looks at what is there, expired or not: an agent that cannot say what it pins
 * keeps nobody from what this machine has seen before. */
must_check enum rc session_look(
    struct session *session, struct repository *repository, struct why *why);
/* The same for who relies on it: what is expired is not read, and problems are noted.
 * RC_UNTRUSTED: also where the server has no such repository: it is not signed. */
must_check enum rc session_read(
    struct session *session, struct repository *repository, struct why *why);
/* The registry of a host; *ret is borrowed. */
must_check enum rc session_registry(
    struct registry **ret, struct session *session, const char *host, struct why *why);

/* Close all connections, to the agent as well; they are made again when they are wanted. For before
 * a fork: two processes that share a connection break it. */
must_check enum rc session_disconnect(struct session *session, struct why *why);

/* What publish() takes, with the session's options. roles are borrowed. What session_signer() says.
 */
must_check enum rc session_publication(struct publication *ret, struct session *session,
    struct repository *repository, const struct publish_role *roles, size_t n_roles,
    struct why *why);
/* One file takes what is signed of one repository. RC_REFUSED: --out with n of them. */
must_check enum rc session_check_out(const struct session *session, size_t n, struct why *why);
/* publish(), or what --out says. Appends to ret what became of each role, a line for each, for
 * people and scripts; there is room for it within PUBLISH_LINES_MAX_BYTES. */
must_check enum rc session_run_publication(struct bytes *ret, struct session *session,
    const struct publication *publication, struct why *why);
/* Likewise of a publication that gathers signatures: path is where those go that are not published
 * yet. What cosignature_file_store() says, too. */
must_check enum rc session_run_gathering(struct bytes *ret, struct session *session,
    const struct publication *publication, const char *path, struct why *why);
/* Publish edits. Appends to ret the same lines. */
must_check enum rc session_publish_lines(struct bytes *ret, struct session *session,
    struct repository *repository, const struct publish_role *roles, size_t n_roles,
    struct why *why);
/* The same, with the lines on standard output. */
must_check enum rc session_publish(struct session *session, struct repository *repository,
    const struct publish_role *roles, size_t n_roles, struct why *why);
