/* SPDX-License-Identifier: Apache-2.0 */
#include "client/chain.h"

#include <inttypes.h>

struct chain {
    json_t *files;
    size_t n_bytes;
    bool is_exact; /* all files so far are in the exact form, and few enough for a frame */
};

static enum rc
add_file(struct chain *chain, const char *role, int64_t version, struct span raw, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(FRAME_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, why);
    chain->n_bytes += raw.len;
    chain->is_exact = chain->is_exact && !rc && chain->n_bytes <= FRAME_MAX_BYTES;
    if (!chain->is_exact)
        return rc == RC_MALFORMED ? RC_OK : rc;

    digest_of(&digest, raw);
    digest_hex(hex, &digest);
    bytes_put_base64(&message, raw);
    rc = bytes_check(&message, why);
    if (rc)
        return rc;

    return json_array_append_new(chain->files,
               json_pack("{s:s,s:I,s:s,s:s}", "role", role, "version", (json_int_t)version,
                   "digest", hex, "message", bytes_text(&message))) < 0
               ? fail_memory(why)
               : RC_OK;
}

/* All roots there ever were: nobody tells which of them the agent knows already. */
static enum rc
add_roots(struct chain *chain, const struct trust *trust, struct why *why)
{
    int64_t newest = trust_root(trust)->version;

    for (int64_t version = 1; version <= newest; version++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        char name[32];
        enum rc rc = RC_OK;

        snprintf(name, sizeof name, "%" PRId64 ".root", version);
        if (version == newest)
            bytes_put(&file, bytes_span(&trust_root_file(trust)->raw));
        else
            rc = repo_get(&file, trust_repo(trust), name, DOCUMENT_MAX_BYTES, why);
        if (!rc)
            rc = bytes_check(&file, why);
        if (!rc)
            rc = add_file(chain, name, version, bytes_span(&file), why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* Whether role is one of the roles, or above one. */
static bool
is_wanted(const char *role, const char *const *roles, size_t n_roles)
{
    size_t len = strlen(role);

    for (size_t i = 0; i < n_roles; i++)
        if (!strncmp(roles[i], role, len) && (roles[i][len] == 0 || roles[i][len] == '/'))
            return true;

    return false;
}

/* Whether the agent reads the files of a delegation and of all above it. What is not shown is not
 * known there, and costs no more than that. */
static bool
is_exact(const struct trust *trust, struct span name)
{
    while (role_rank(name) == RANK_DELEGATION) {
        closing(freep) char *text = span_dup(name);
        const struct trust_role *role = text ? trust_find(trust, text) : NULL;
        if (!role || !role->file || !role->file->is_exact)
            return false;

        name = role_parent(name);
    }

    return true;
}

static int
role_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Targets in any case, and what is wanted of the delegations, by name. */
static enum rc
add_targets(struct chain *chain, const struct trust *trust, const char *const *roles,
    size_t n_roles, struct why *why)
{
    closing(freep) const struct trust_role **wanted =
        calloc(trust_n_roles(trust) + 1, sizeof *wanted);
    enum rc rc = RC_OK;
    size_t n = 0;

    if (!wanted)
        return fail_memory(why);

    for (size_t i = 0; i < trust_n_roles(trust); i++) {
        const struct trust_role *role = trust_role_at(trust, i);
        bool is_needed = i == 0 || is_wanted(role->name, roles, n_roles);
        if (role->file && is_needed && is_exact(trust, span_of(role->name)))
            wanted[n++] = role;
    }
    qsort(wanted, n, sizeof *wanted, role_cmp);

    for (size_t i = 0; !rc && i < n; i++)
        rc = add_file(
            chain, wanted[i]->name, wanted[i]->version, bytes_span(&wanted[i]->file->raw), why);
    return rc;
}

static void
chain_done(struct chain *chain)
{
    json_decref(chain->files);
}

enum rc
chain_format(json_t **ret, const struct trust *trust, const char *const *roles, size_t n_roles,
    struct why *why)
{
    closing(chain_done) struct chain chain = {json_array(), 0, true};
    int64_t version = 0;

    if (!chain.files)
        return fail_memory(why);

    enum rc rc = add_roots(&chain, trust, why);
    if (!rc) {
        struct span raw = trust_head(trust, "timestamp", &version);
        rc = add_file(&chain, "timestamp", version, raw, why);
    }
    if (!rc) {
        struct span raw = trust_head(trust, "snapshot", &version);
        rc = add_file(&chain, "snapshot", version, raw, why);
    }
    if (!rc)
        rc = add_targets(&chain, trust, roles, n_roles, why);
    if (rc == RC_NOT_FOUND) /* the server has lost a root */
        chain.is_exact = false;
    else if (rc)
        return within(why, rc, "what is published in '%s'", trust_repository(trust));

    *ret = NULL;
    if (!chain.is_exact)
        return RC_OK;

    *ret = json_pack("[{s:s,s:O}]", "repository", trust_repository(trust), "files", chain.files);
    return *ret ? RC_OK : fail_memory(why);
}
