/* SPDX-License-Identifier: Apache-2.0 */
#include "client/relapse.h"

#include <inttypes.h>

/* Whether the server has the version of role that follows. */
static enum rc
has_next(bool *ret, const struct publication *publication, const char *role, int64_t version,
    struct why *why)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) char *name = NULL;

    if (asprintf(&name, "%" PRId64 ".%s", version + 1, role) < 0)
        return fail_memory(why);

    enum rc rc = repo_get(&file, publication->repo, name, DOCUMENT_MAX_BYTES, why);
    *ret = !rc;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool
is_role_or_above(struct span above, const char *role)
{
    return span_is(above, role) || (above.len < strlen(role) && !memcmp(above.p, role, above.len) &&
                                       role[above.len] == '/');
}

/* The server reads a role that it is sent, and those above it. */
static bool
is_read(const struct trust_role *role, const struct step *steps, size_t n_steps)
{
    for (size_t i = 0; i < n_steps; i++)
        if (is_role_or_above(span_of(role->name), steps[i].want->role))
            return true;

    return false;
}

enum rc
relapse_find(bool *ret, const struct publication *publication, const struct step *steps,
    size_t n_steps, struct why *why)
{
    const struct trust *trust = publication->trust;

    enum rc rc = has_next(ret, publication, "root", trust_root(trust)->version, why);
    for (size_t i = 0; !rc && !*ret && i < trust_n_roles(trust); i++) {
        const struct trust_role *role = trust_role_at(trust, i);

        if (role->version > 0 && is_read(role, steps, n_steps))
            rc = has_next(ret, publication, role->name, role->version, why);
    }

    return rc;
}

static bool
read_version(int64_t *ret, enum rank rank, struct span raw)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

    if (tuf_file_parse(&file, raw, TUF_TOLERANT, NULL))
        return false;

    struct span message = bytes_span(&file->message);
    enum rc rc = rank == RANK_ROOT ? tuf_root_parse(&root, message, NULL)
                                   : tuf_targets_parse(&targets, message, NULL);
    if (rc)
        return false;

    *ret = rank == RANK_ROOT ? root->version : targets->version;
    return true;
}

/* The server has the file of role that this machine has seen. */
static bool
has_seen(const struct trust *trust, enum rank rank, const char *role)
{
    closing(bytes_done) struct bytes seen = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes found = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) char *name = NULL;
    int64_t version = 0;

    return trust_load_seen(&seen, trust, role) && read_version(&version, rank, bytes_span(&seen)) &&
           asprintf(&name, "%" PRId64 ".%s", version, role) >= 0 &&
           !repo_get(&found, trust_repo(trust), name, DOCUMENT_MAX_BYTES, NULL) &&
           span_eq(bytes_span(&found), bytes_span(&seen));
}

bool
relapse_is_all(const struct trust *trust)
{
    return has_seen(trust, RANK_ROOT, "root") && has_seen(trust, RANK_TARGETS, "targets");
}

enum rc
relapse_mend(struct repo *repo, const struct progress *progress, struct why *why)
{
    progress_note(progress,
        "the server lists older files than it has, as somebody published at the same moment; "
        "publishing nothing once, which sets it right");
    enum rc rc = repo_publish(repo, NULL, 0, why);
    return rc == RC_CONFLICT ? RC_OK : rc == RC_TIMEOUT ? RC_NETWORK : rc;
}
