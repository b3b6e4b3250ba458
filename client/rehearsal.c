/* SPDX-License-Identifier: Apache-2.0 */
#include "client/rehearsal.h"

#include "client/inquiry.h"
#include "client/pause.h"
#include "client/server_key.h"
#include "client/verdict.h"
#include "proto/bounds.h"
#include "proto/utc.h"

#define ROUNDS_MAX     4 /* where the agent knows newer versions, as others are publishing them */
#define BACKOFF_MAX_MS 1000 /* between two of them */

static bool
is_published(const struct publication *publication, struct span role)
{
    for (size_t i = 0; i < publication->n_roles; i++)
        if (span_is(role, publication->roles[i].role))
            return true;

    return false;
}

/* Readers who find a role above expired read nothing below it. */
static enum rc
check_role_above(
    const struct publication *publication, const struct trust_role *role, struct why *why)
{
    closing(bytes_done) struct bytes when = BYTES_INIT(64);

    if (!role->document || role->document->expires_at >= publication->now ||
        is_published(publication, span_of(role->name)))
        return RC_OK;

    utc_format(&when, role->document->expires_at);
    return fail(why, RC_UNTRUSTED,
        "%s of '%s' expired at %s, so nobody would read what is published below it; who may sign "
        "it renews it, with: countersign sign --renew --role %s %s:TAG",
        role->name, publication->repository, bytes_text(&when), role->name,
        publication->repository);
}

static bool
is_above(const struct trust_role *role, const char *below)
{
    struct span name = role_parent(span_of(below));

    while (name.len > 0 && !span_is(name, role->name))
        name = role_parent(name);

    return name.len > 0;
}

static enum rc
check_expiry(const struct publication *publication, struct why *why)
{
    const struct trust *trust = publication->trust;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < publication->n_roles; i++)
        for (size_t k = 0; !rc && k < trust_n_roles(trust); k++)
            if (is_above(trust_role_at(trust, k), publication->roles[i].role))
                rc = check_role_above(publication, trust_role_at(trust, k), why);

    return rc;
}

/* Whether enough keys are there without those that would be left out. */
static bool
is_enough_without(const struct step *step, const struct signer *signer)
{
    const struct batch_document *document = &step->signature;
    int64_t n = 0;

    for (size_t i = 0; i < document->n_listed; i++) {
        const struct signer_key *key =
            signer_find_id(signer, pubkey_canonical_id(document->listed[i]));
        n += key && signer_may(key, document->repository, document->role) &&
             !strcmp(key->state, "ready");
    }

    return n >= document->threshold;
}

static enum rc
judge(const struct step *step, const struct publication *publication, const json_t *answer,
    struct why *why)
{
    struct verdict verdict = {.grant = NULL};

    enum rc rc = verdict_read(&verdict, answer, why);
    if (rc)
        return rc;

    if (verdict_is_good(&verdict))
        return batch_document_check(&step->signature, publication->signer, why);

    if (publication->mode == BATCH_PARTIAL && verdict_is_because(&verdict, "token-unavailable") &&
        is_enough_without(step, publication->signer))
        return RC_OK;

    rc = verdict_fail(&verdict, why);
    return within(why, rc, "%s of '%s'", step->want->role, publication->repository);
}

/* The gravest first: what is refused is not done by others agreeing, nor by coming back. */
static int
gravity(enum rc rc)
{
    return rc == RC_OK ? 0 : rc == RC_STALE ? 1 : rc == RC_PENDING ? 2 : 3;
}

static enum rc
judge_all(const struct inquiry *inquiry, const json_t *answers, struct why *why)
{
    enum rc gravest = RC_OK;

    for (size_t i = 0; i < inquiry->n_asked; i++) {
        struct why one;
        enum rc rc =
            judge(inquiry->asked[i], inquiry->publication, json_array_get(answers, i), &one);
        if (gravity(rc) > gravity(gravest))
            gravest = fail(why, rc, "%s", one.text);
    }

    return gravest;
}

static enum rc
ask_once(const struct publication *publication, struct why *why)
{
    closing(inquiry_done) struct inquiry inquiry = {.n_steps = 0};
    closing(json_decrefp) json_t *answers = NULL;

    enum rc rc = inquiry_init(&inquiry, publication, why);
    if (!rc)
        rc = inquiry_draft(&inquiry, why);
    if (!rc)
        rc = inquiry_ask(&answers, &inquiry, NULL, why);
    return rc ? rc : judge_all(&inquiry, answers, why);
}

/* An agent that knows a newer version than the server shows has mostly seen it a moment ago. */
static enum rc
ask(const struct publication *publication, struct why *why)
{
    for (int n = 0;; n++) {
        enum rc rc = ask_once(publication, why);
        if (rc != RC_STALE || n + 1 == ROUNDS_MAX)
            return rc;

        pause_about(pause_backoff_ms(n, BACKOFF_MAX_MS));
        rc = trust_update(publication->trust, why);
        if (rc)
            return rc;
    }
}

/* What is quickest to send of what is published. */
static const struct trust_role *
find_smallest(const struct trust *trust)
{
    const struct trust_role *smallest = NULL;

    for (size_t i = 0; i < trust_n_roles(trust); i++) {
        const struct trust_role *role = trust_role_at(trust, i);
        if (role->file && (!smallest || role->file->raw.len < smallest->file->raw.len))
            smallest = role;
    }

    return smallest;
}

/*
 * Publish once more what is published: the server checks who asks, and whether it holds the
 * snapshot key, and then refuses the version, which is taken.
 */
static enum rc
try_server(const struct publication *publication, struct why *why)
{
    const struct trust_role *role = find_smallest(publication->trust);
    if (!role)
        return RC_OK;

    /* Unlike a publication it does nothing, so it may be done again. */
    const struct repo_upload upload = {role->name, bytes_span(&role->file->raw)};
    enum rc rc = repo_publish(publication->repo, &upload, 1, why);
    for (int n = 1; rc == RC_TIMEOUT && n < HTTP_ATTEMPTS_MAX; n++) {
        pause_about(2 * HTTP_RETRY_MS * n);
        rc = repo_publish(publication->repo, &upload, 1, why);
    }
    if (rc == RC_CONFLICT)
        return RC_OK;
    if (rc == RC_NETWORK)
        return server_key_explain(publication->trust, why);

    return rc == RC_TIMEOUT ? RC_NETWORK : rc;
}

enum rc
rehearse(const struct publication *publication, struct why *why)
{
    enum rc rc = check_expiry(publication, why);
    if (!rc)
        rc = ask(publication, why);
    if (rc && rc != RC_PENDING)
        return rc;

    struct why other;
    enum rc server = try_server(publication, &other);
    return server ? fail(why, server, "%s", other.text) : rc;
}
