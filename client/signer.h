/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signer — the agent, as somebody who publishes sees it: which keys there are, and signatures for a
 * batch of documents, made into files that are fit to be published.
 *
 * What comes back is verified here, under the keys and the threshold of the role, before it leaves.
 */
#include "client/agent_call.h"
#include "proto/pubkey.h"

struct signer;

/* Asks for the keys at once. Borrows call. What agent_call() says; RC_MALFORMED: its answer. */
must_check enum rc signer_new(struct signer **ret, struct agent_call *call, struct why *why);
void signer_free(struct signer *signer);
DEFINE_CLEANUP(struct signer, signer_free);

/* A key as ListKeys tells it. */
struct signer_key {
    const char *name, *algorithm, *token;
    const char *state;                  /* "ready", or why not */
    struct keyid id;                    /* canonical */
    struct pubkey *plain;               /* NULL: its token was never there */
    struct pubkey *certificate;         /* x509 form under which it is delegated; NULL: none */
    bool is_usable;                     /* some grant gives it to the caller */
    const char **repositories, **roles; /* patterns of its scope; none where it is not usable */
    size_t n_repositories, n_roles;
    int64_t max_validity_s; /* 0: not told */
};

size_t signer_n_keys(const struct signer *signer);
const struct signer_key *signer_key_at(const struct signer *signer, size_t i);
/* Borrowed, or NULL. */
const struct signer_key *signer_find(const struct signer *signer, const char *name);
const struct signer_key *signer_find_id(
    const struct signer *signer, const struct keyid *canonical_id);

/* Whether the caller may use the key for a document of role, as far as ListKeys tells. */
bool signer_may(const struct signer_key *key, const char *repository, const char *role);
/* The form in which documents list it: certificate, else plain. NULL: never seen. */
struct pubkey *signer_public(const struct signer_key *key);
/* Any of the keys listed for role may be used. */
bool signer_can_sign(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed);
/*
 * The one key with which the caller may sign for role: "agent:NAME" of a command line, or NULL for
 * the only one there is. RC_NOT_FOUND, RC_DENIED: says which keys there are.
 */
must_check enum rc signer_choose(const struct signer_key **ret, const struct signer *signer,
    const char *name, const char *repository, const char *role, struct why *why);
/* The longest validity for a document of role that the keys in question may give, at most
 * default_s. */
int64_t signer_validity_s(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed, int64_t default_s);

/* The root certificate of repository for that key, as x509 key object (IssueRootCertificate). *ret:
 * pubkey_unref(). What agent_call() says; RC_MALFORMED. */
must_check enum rc signer_root_certificate(struct pubkey **ret, struct signer *signer,
    const char *repository, const struct signer_key *key, struct why *why);

/* One document of a batch, and what becomes of it. */
struct signer_document {
    const char *repository, *role;
    struct span message;          /* canonical */
    struct pubkey *const *listed; /* the keys that may sign it, as the role lists them */
    size_t n_listed;
    int64_t threshold;

    struct bytes file;      /* set by signer_sign(): the wire form with its signatures */
    struct bytes signed_by; /* names of the agent's keys, "qa, releases" */
    struct bytes left_out;  /* keys of the agent that did not sign and why; empty: none */
};
#define SIGNER_DOCUMENT_INIT                                                                       \
    ((struct signer_document){.file = BYTES_INIT(DOCUMENT_MAX_BYTES),                              \
        .signed_by = BYTES_INIT(FRAME_SMALL_MAX_BYTES),                                            \
        .left_out = BYTES_INIT(FRAME_SMALL_MAX_BYTES)})
void signer_document_done(struct signer_document *document);

/* What the agent has released already for one role. */
struct signer_mark {
    char *repository, *role;
    int64_t version;
    struct digest digest; /* of the message */
    struct bytes file;    /* roots only: the released document with its signatures; else empty */
};

struct signer_marks {
    struct signer_mark *marks;
    size_t n;
};
void signer_marks_done(struct signer_marks *marks);

enum signer_mode {
    SIGNER_ALL,     /* a key whose token is away fails the batch */
    SIGNER_PARTIAL, /* it is left out */
};

/*
 * Sign all or nothing, in one call. RC_ROLLBACK: *ret_marks says what was released instead;
 * signer_marks_done(). RC_DENIED: no key listed for a role may be used, or what the agent says.
 * RC_UNTRUSTED: what the agent gave does not reach the threshold, or is not what was asked for.
 */
must_check enum rc signer_sign(struct signer *signer, struct signer_document *documents,
    size_t n_documents, enum signer_mode mode, struct signer_marks *ret_marks, struct why *why);
