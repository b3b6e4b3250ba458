/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bases.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/role.h"

/* "3.root" → 3. */
static bool
is_root(const char *role, int64_t *ret_version)
{
    const char *dot = strchr(role, '.');

    if (!dot || strcmp(dot, ".root") != 0)
        return false;

    struct span digits = {(const uint8_t *)role, (size_t)(dot - role)};
    return !integer_parse(ret_version, digits, 1, INTEGER_MAX, NULL);
}

enum bases_place
bases_place(const struct message_file *file)
{
    int64_t version;

    if (is_root(file->role, &version))
        return version == file->version ? BASES_ROOT : BASES_NONE;

    switch (role_rank(span_of(file->role))) {
    case RANK_TIMESTAMP:
        return BASES_TIMESTAMP;
    case RANK_SNAPSHOT:
        return BASES_SNAPSHOT;
    case RANK_TARGETS:
        return BASES_TARGETS;
    case RANK_DELEGATION:
        return BASES_DELEGATION;
    case RANK_ROOT:
    case RANK_MAX_:
        break;
    }

    return BASES_NONE;
}

static bool
follows(const struct message_file *file, const struct message_file *before)
{
    enum bases_place place = bases_place(file);

    if (place != bases_place(before))
        return place > bases_place(before);

    if (place == BASES_ROOT)
        return file->version == before->version + 1;

    /* A role's name is the beginning of those below it, so parents come first. */
    return place == BASES_DELEGATION && strcmp(file->role, before->role) > 0;
}

static bool
has_document(const struct message_sign *request, const char *repository)
{
    for (size_t i = 0; i < request->n_documents; i++)
        if (!strcmp(request->documents[i].repository, repository))
            return true;

    return false;
}

/* Whether a document of the repository is of the role or of one below it. */
static bool
is_wanted(const struct message_sign *request, const char *repository, const char *role)
{
    size_t len = strlen(role);

    for (size_t i = 0; i < request->n_documents; i++) {
        const struct message_document *document = &request->documents[i];
        if (!strcmp(document->repository, repository) && !strncmp(document->role, role, len) &&
            (document->role[len] == 0 || document->role[len] == '/'))
            return true;
    }

    return false;
}

static enum rc
check_file(const struct message_sign *request, const struct message_chain *chain, size_t i,
    struct why *why)
{
    const struct message_file *file = &chain->files[i];
    enum bases_place place = bases_place(file);
    struct digest digest;

    if (file->message.len > 0)
        digest_of(&digest, bytes_span(&file->message));
    if (file->message.len > 0 && !digest_eq(&digest, &file->digest))
        return fail(why, RC_MALFORMED, "'%s' is not the file of that digest", file->role);

    if (place == BASES_NONE)
        return fail(why, RC_MALFORMED, "'%s' of version %" PRId64 " is no file of a chain",
            file->role, file->version);

    if (i > 0 && !follows(file, &chain->files[i - 1]))
        return fail(
            why, RC_MALFORMED, "'%s' cannot follow '%s'", file->role, chain->files[i - 1].role);

    if (place == BASES_DELEGATION && !is_wanted(request, chain->repository, file->role))
        return fail(why, RC_MALFORMED, "'%s' concerns no document", file->role);

    return RC_OK;
}

static enum rc
check_chain(const struct message_sign *request, size_t i, struct why *why)
{
    const struct message_chain *chain = &request->bases[i];

    if (!has_document(request, chain->repository))
        return fail(why, RC_MALFORMED, "no document is for '%s'", chain->repository);

    for (size_t k = 0; k < i; k++)
        if (!strcmp(chain->repository, request->bases[k].repository))
            return fail(why, RC_MALFORMED, "'%s' is there twice", chain->repository);

    for (size_t k = 0; k < chain->n_files; k++) {
        enum rc rc = check_file(request, chain, k, why);
        if (rc)
            return within(why, rc, "files[%zu]", k);
    }

    return RC_OK;
}

enum rc
bases_check(const struct message_sign *request, struct why *why)
{
    for (size_t i = 0; i < request->n_bases; i++) {
        enum rc rc = check_chain(request, i, why);
        if (rc)
            return within(why, rc, "bases[%zu]", i);
    }

    return RC_OK;
}
