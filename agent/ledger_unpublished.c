/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_unpublished.h"

#include "agent/schema.h"
#include "proto/bounds.h"

/* The row of a role, which is good for one version only. *ret: NULL: too many names to be known.
 * RC_NOT_FOUND: there is none, or of another version. */
static enum rc
read_row(json_t **ret, struct ledger *ledger, const char *repository, const char *role,
    int64_t version, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_UNPUBLISHED);
    json_error_t error;

    query_text(&q, repository);
    query_text(&q, role);
    query_int(&q, version);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    struct span text = query_span_at(&q, 0);
    json_t *tags = json_loadb((const char *)text.p, text.len, JSON_DECODE_ANY, &error);
    *ret = json_is_object(tags) ? tags : NULL;
    if (*ret || json_is_null(tags))
        return RC_OK;

    json_decref(tags);
    return json_error_code(&error) == json_error_out_of_memory
               ? fail_memory(why)
               : fail(why, RC_STORAGE, "the tags of '%s' in the ledger are damaged", role);
}

enum rc
ledger_unpublished(json_t **ret, struct ledger *ledger, const char *repository, const char *role,
    int64_t version, struct why *why)
{
    json_t *tags = NULL;

    enum rc rc = read_row(&tags, ledger, repository, role, version, why);
    if (rc)
        return rc;

    if (!tags)
        return fail(why, RC_NOT_FOUND, "too many tags of '%s' changed", role);

    *ret = tags;
    return RC_OK;
}

/* What is not published before the change is. *ret: NULL: that is not known. */
static enum rc
read_before(
    json_t **ret, struct ledger *ledger, const struct ledger_change *change, struct why *why)
{
    if (change->known_version <= change->base_version) {
        *ret = json_object();
        return *ret ? RC_OK : fail_memory(why);
    }

    enum rc rc =
        read_row(ret, ledger, change->repository, change->role, change->known_version, why);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
add_tags(json_t *tags, const struct ledger_change *change, struct why *why)
{
    for (size_t i = 0; i < change->n_tags; i++)
        if (json_object_set_new(tags, change->tags[i], json_true()))
            return fail_memory(why);

    return RC_OK;
}

static enum rc
write_row(
    struct ledger *ledger, const struct ledger_change *change, const json_t *tags, struct why *why)
{
    bool is_known = tags && json_object_size(tags) <= UNPUBLISHED_TAGS_MAX;
    closing(freep) char *text = is_known ? json_dumps(tags, JSON_COMPACT) : strdup("null");
    if (!text)
        return fail_memory(why);

    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_PUT_UNPUBLISHED);
    query_text(&q, change->repository);
    query_text(&q, change->role);
    query_int(&q, change->version);
    query_text(&q, text);
    return query_write(&q, NULL, why);
}

enum rc
ledger_put_unpublished(struct ledger *ledger, const struct ledger_change *change, struct why *why)
{
    json_t *tags = NULL;

    enum rc rc = read_before(&tags, ledger, change, why);
    if (!rc && tags)
        rc = add_tags(tags, change, why);
    if (!rc)
        rc = write_row(ledger, change, tags, why);

    json_decref(tags);
    return rc;
}
