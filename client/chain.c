/* SPDX-License-Identifier: Apache-2.0 */
#include "client/chain.h"

#include <inttypes.h>

#include "client/exact.h"

#define FRAME_SLACK_BYTES 1024 /* around the parameters of a call */

struct chain {
    json_t *files;
    bool is_exact; /* all files so far are in the exact form */
};

static enum rc
add_file(struct chain *chain, const char *role, int64_t version, struct span raw, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(FRAME_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, why);
    chain->is_exact = chain->is_exact && !rc;
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

/* Those since the one that the agent pins; where it does not tell, all that there ever were.
 * Nothing lists former ones any more, so they may be brought in the form that the agent reads. */
static enum rc
add_roots(struct chain *chain, const struct trust *trust, struct why *why)
{
    const struct root_pin *pin = trust_pin(trust);
    int64_t newest = trust_root(trust)->version;

    for (int64_t version = pin ? pin->version : 1; version <= newest; version++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        char name[32];
        enum rc rc = RC_OK;

        snprintf(name, sizeof name, "%" PRId64 ".root", version);
        if (version == newest)
            bytes_put(&file, bytes_span(&trust_root_file(trust)->raw));
        else
            rc = repo_get(&file, trust_repo(trust), name, DOCUMENT_MAX_BYTES, why);
        if (!rc && version < newest)
            rc = exact_rewrite(&file, why);
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

/* What is published of a role, whether it verifies or not; empty: nothing that the agent reads. */
static struct span
file_of(const struct trust_role *role)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    struct span raw = bytes_span(&role->unverified);

    if (role->is_mislisted)
        return (struct span){0};

    if (role->file)
        return role->file->is_exact ? bytes_span(&role->file->raw) : (struct span){0};

    return raw.len > 0 && !tuf_file_parse(&file, raw, TUF_STRICT, NULL) ? raw : (struct span){0};
}

/* Whether the agent reads the files of all roles above this one. What is not shown is not known
 * there, and costs no more than that. */
static bool
is_reached(const struct trust *trust, struct span name)
{
    for (name = role_parent(name); name.len > 0; name = role_parent(name)) {
        closing(freep) char *text = span_dup(name);
        const struct trust_role *role = text ? trust_find(trust, text) : NULL;
        if (!role || !role->file || file_of(role).len == 0)
            return false;
    }

    return true;
}

static int
role_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Targets, and what is wanted of the delegations, by name. */
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
        if (is_wanted(role->name, roles, n_roles) && file_of(role).len > 0 &&
            is_reached(trust, span_of(role->name)))
            wanted[n++] = role;
    }
    qsort(wanted, n, sizeof *wanted, role_cmp);

    for (size_t i = 0; !rc && i < n; i++)
        rc = add_file(chain, wanted[i]->name, wanted[i]->version, file_of(wanted[i]), why);
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
    closing(chain_done) struct chain chain = {json_array(), true};
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

bool
chain_has(const json_t *bases, const char *role)
{
    const json_t *files = json_object_get(json_array_get(bases, 0), "files");

    for (size_t i = 0; i < json_array_size(files); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(files, i), "role")), role))
            return true;

    return false;
}

/* The same file by its digest alone, where it is large. */
static json_t *
brief_file(const json_t *file)
{
    json_t *copy = json_copy((json_t *)file);
    size_t len = json_string_length(json_object_get(file, "message"));

    if (copy && len > CHAIN_WHOLE_MAX_BYTES / 3 * 4 && json_object_del(copy, "message"))
        json_decref(steal(copy));
    return copy;
}

/* The same chain with large files by their digest alone. */
static json_t *
brief_chain(const json_t *chain)
{
    const json_t *files = json_object_get(chain, "files");
    json_t *brief = json_array();

    for (size_t i = 0; brief && i < json_array_size(files); i++)
        if (json_array_append_new(brief, brief_file(json_array_get(files, i))) < 0)
            json_decref(steal(brief));

    return json_pack(
        "{s:O,s:o}", "repository", json_object_get(chain, "repository"), "files", brief);
}

/* *ret: json_decref(). */
static enum rc
make_brief(json_t **ret, const json_t *bases, struct why *why)
{
    closing(json_decrefp) json_t *brief = json_array();

    for (size_t i = 0; i < json_array_size(bases); i++)
        if (json_array_append_new(brief, brief_chain(json_array_get(bases, i))) < 0)
            return fail_memory(why);

    *ret = steal(brief);
    return RC_OK;
}

/* Ask with these bases, if one frame holds them and the rest, with what stands around both. */
static enum rc
call_with(json_t **ret_parameters, struct agent_call *call, const char *method, json_t *parameters,
    const json_t *bases, struct why *why)
{
    size_t len = json_dumpb(parameters, NULL, 0, JSON_COMPACT) + FRAME_SLACK_BYTES;

    if (len + json_dumpb(bases, NULL, 0, JSON_COMPACT) <= FRAME_MAX_BYTES &&
        json_object_set(parameters, "bases", (json_t *)bases) < 0)
        return fail_memory(why);

    enum rc rc = agent_call(ret_parameters, call, method, parameters, why);
    json_object_del(parameters, "bases");
    return rc;
}

/* Whether the agent has not seen a file of which it got the digest, or is of a version that takes
 * no digests. */
static bool
is_about_file(enum rc rc, const json_t *answer)
{
    const char *kind = json_string_value(json_object_get(answer, "kind"));

    return rc == RC_UNSUPPORTED || (rc == RC_NOT_FOUND && kind && !strcmp(kind, "file"));
}

enum rc
chain_call(json_t **ret_parameters, struct agent_call *call, const char *method, json_t *parameters,
    const json_t *bases, struct why *why)
{
    closing(json_decrefp) json_t *brief = NULL;
    closing(json_decrefp) json_t *answer = NULL;

    if (!bases)
        return agent_call(ret_parameters, call, method, parameters, why);

    enum rc rc = make_brief(&brief, bases, why);
    if (!rc)
        rc = call_with(&answer, call, method, parameters, brief, why);
    if (is_about_file(rc, answer) && !json_equal(brief, bases))
        return call_with(ret_parameters, call, method, parameters, bases, why);

    if (answer)
        *ret_parameters = steal(answer);
    return rc;
}
