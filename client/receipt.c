/* SPDX-License-Identifier: Apache-2.0 */
#include "client/receipt.h"

#include <inttypes.h>

#include "client/relapse.h"

#define RELAPSES_MAX 3 /* that are mended after one publication */

static enum rc
offer_all(struct trust *trust, const struct step *steps, size_t n_steps, struct why *why)
{
    for (size_t i = 0; i < n_steps; i++) {
        if (steps[i].version == 0)
            continue;

        enum rc rc = trust_offer(trust, bytes_span(&steps[i].signature.file), why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
get(struct bytes *ret, const struct publication *publication, const char *role, const char *suffix,
    struct why *why)
{
    closing(freep) char *name = NULL;

    if (asprintf(&name, "%s%s", role, suffix) < 0)
        return fail_memory(why);

    return repo_get(ret, publication->repo, name, DOCUMENT_MAX_BYTES, why);
}

/*
 * The server has our file, but lists hashes that no file of it has: it hashes its own serialisation
 * of what it was sent.
 */
static bool
is_broken(const struct step *step, const struct publication *publication)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    char suffix[DIGEST_HEX_LEN + 2] = ".";

    const struct tuf_listed *listed = trust_listed(publication->trust, step->want->role);
    if (!listed || !tuf_listed_check(listed, bytes_span(&step->signature.file), NULL))
        return false;

    digest_hex(suffix + 1, &listed->hashes.sha256);
    if (get(&file, publication, step->want->role, suffix, NULL) != RC_NOT_FOUND)
        return false;

    bytes_clear(&file);
    return !get(&file, publication, step->want->role, "", NULL) &&
           span_eq(bytes_span(&file), bytes_span(&step->signature.file));
}

static enum rc
break_broken(size_t *ret_n, const struct publication *publication, struct step *steps,
    size_t n_steps, struct why *why)
{
    *ret_n = 0;
    for (size_t i = 0; i < n_steps; i++) {
        if (steps[i].version == 0 || !is_broken(&steps[i], publication))
            continue;

        progress_note(publication->progress,
            "%s: the server lists other bytes than it was sent; publishing once more",
            steps[i].want->role);
        enum rc rc = step_break(&steps[i], why);
        if (rc)
            return rc;
        ++*ret_n;
    }

    return RC_OK;
}

/*
 * Versions between base and draft that were missing when we drafted. What is missing now can never
 * appear any more, since the server takes higher versions only.
 */
static enum rc
find_slips(struct step *step, const struct publication *publication, struct why *why)
{
    for (int64_t version = step->base_version + 1; version < step->version; version++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(freep) char *name = NULL;

        if (asprintf(&name, "%" PRId64 ".%s", version, step->want->role) < 0)
            return fail_memory(why);

        enum rc rc = repo_get(&file, publication->repo, name, DOCUMENT_MAX_BYTES, why);
        if (rc == RC_NOT_FOUND)
            continue;
        if (!rc)
            rc = step_slip(step, publication, version, bytes_span(&file), why);
        if (rc == RC_UNTRUSTED || rc == RC_MALFORMED)
            progress_note(publication->progress, "ignored: %s", why->text);
        else if (rc)
            return rc;
        else
            progress_note(publication->progress,
                "%s: version %" PRId64 " was published meanwhile; merging it", step->want->role,
                version);
    }

    return RC_OK;
}

static enum rc
check_step(
    enum receipt *ret, struct step *step, const struct publication *publication, struct why *why)
{
    enum rc rc = find_slips(step, publication, why);
    if (rc)
        return rc;

    if (step->n_slips == 0 && step_is_settled(step, publication))
        return RC_OK;

    const struct trust_role *role = trust_find(publication->trust, step->want->role);
    if (step->n_slips == 0 && (!role || role->version < step->version))
        *ret = RECEIPT_MISSING;
    else if (*ret == RECEIPT_GOOD)
        *ret = RECEIPT_AGAIN;
    return RC_OK;
}

/* The newest view, once the server lists all that it has. */
static enum rc
look(const struct publication *publication, const struct step *steps, size_t n_steps,
    struct why *why)
{
    for (int n = 0;; n++) {
        bool has_relapsed = false;

        enum rc rc = trust_update(publication->trust, why);
        if (rc == RC_UNTRUSTED)
            has_relapsed = trust_cause(publication->trust) == TRUST_CAUSE_ROLLBACK;
        else if (!rc)
            rc = relapse_find(&has_relapsed, publication, steps, n_steps, why);
        if (!has_relapsed || n == RELAPSES_MAX)
            return rc;

        /* What was published after we had looked has not relapsed. */
        rc = n == 0 ? RC_OK : relapse_mend(publication->repo, publication->progress, why);
        if (rc)
            return rc;
    }
}

enum rc
receipt_check(enum receipt *ret, const struct publication *publication, struct step *steps,
    size_t n_steps, struct why *why)
{
    enum receipt receipt = RECEIPT_GOOD;
    size_t n_broken = 0;
    struct why note;

    enum rc rc = offer_all(publication->trust, steps, n_steps, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < n_steps; i++)
        if (steps[i].version > 0)
            step_posted(&steps[i]);

    rc = look(publication, steps, n_steps, why);
    if (rc && rc != RC_UNTRUSTED)
        return within(why, rc, "the server has taken it, but that cannot be checked");
    if (rc && trust_update_head(publication->trust, &note))
        return rc;

    enum rc breaking = break_broken(&n_broken, publication, steps, n_steps, &note);
    if (breaking)
        return fail(why, breaking, "%s", note.text);
    if (n_broken > 0) {
        *ret = RECEIPT_BROKEN;
        return RC_OK;
    }

    for (size_t i = 0; !rc && i < n_steps; i++) {
        if (steps[i].version > 0)
            rc = check_step(&receipt, &steps[i], publication, why);
        else if (receipt == RECEIPT_GOOD && !step_is_settled(&steps[i], publication))
            receipt = RECEIPT_AGAIN; /* it was so already, and is no more */
    }

    *ret = receipt;
    return rc;
}
