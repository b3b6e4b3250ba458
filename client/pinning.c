/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pinning.h"

#include "client/file.h"
#include "client/pinning_inside.h"
#include "proto/bounds.h"

/* Official images, for which the engine has Docker's root key built in. */
#define LIBRARY "docker.io/library/"

static const char *const modes[PINNING_MODE_MAX_] = {
    [PINNING_DISABLED] = "disabled",
    [PINNING_PERMISSIVE] = "permissive",
    [PINNING_ENFORCED] = "enforced",
};

const char *
pinning_mode_name(enum pinning_mode mode)
{
    return modes[mode];
}

static void
listed_free(struct listed_ids *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].ids);
    free(list);
}

void
pinning_free(struct pinning *pinning)
{
    if (!pinning)
        return;

    listed_free(pinning->keys, pinning->n_keys);
    listed_free(pinning->certificates, pinning->n_certificates);
    free(pinning->demands);
    free(pinning->path);
    json_decref(pinning->root);
    free(pinning);
}

/* is_default: nobody named the file, so it counts for all, and must be the machine's own. Of a
 * daemon.json without content trust that is the engine's business. */
static enum rc
load(struct pinning **ret, const char *path, bool is_default, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PINNING_MAX_BYTES);
    closing(pinning_freep) struct pinning *pinning = NULL;
    closing(fd_close) int fd = -1;
    const char *slash = strrchr(path, '/');
    enum pinning_form form =
        strcmp(slash ? slash + 1 : path, "daemon.json") ? PINNING_OWN : PINNING_DAEMON;

    enum rc rc = file_open(&fd, path, why);
    if (!rc)
        rc = file_read(&text, fd, path, why);
    if (rc)
        return rc;

    rc = pinning_parse(&pinning, bytes_span(&text), form, why);
    if (rc)
        return within(why, rc, "'%s'", path);

    if (pinning && is_default)
        rc = file_check_writers(fd, path, why);
    if (rc)
        return rc;

    if (pinning) {
        pinning->path = strdup(path);
        if (!pinning->path)
            return fail_memory(why);
    }

    *ret = steal(pinning);
    return RC_OK;
}

enum rc
pinning_find(struct pinning **ret, const char *path, struct why *why)
{
    const char *named = path ? path : getenv("COUNTERSIGN_PINNING");

    /* A variable that is not set, in a script: it would be first use. */
    if (path && !*path)
        return fail(why, RC_MALFORMED, "--pinning '': want a file");

    if (named && *named) {
        enum rc rc = load(ret, named, false, why);
        return rc == RC_NOT_FOUND ? fail(why, RC_SYSTEM, "'%s': no such file", named) : rc;
    }

    enum rc rc = load(ret, PINNING_OWN_FILE, true, why);
    if (rc == RC_NOT_FOUND)
        rc = load(ret, PINNING_DAEMON_FILE, true, why);
    if (rc != RC_NOT_FOUND)
        return rc;

    *ret = NULL;
    return RC_OK;
}

const char *
pinning_path(const struct pinning *pinning)
{
    return pinning->path ? pinning->path : "";
}

enum pinning_mode
pinning_mode(const struct pinning *pinning)
{
    return pinning->mode;
}

bool
pinning_allows_expired_cache(const struct pinning *pinning)
{
    return pinning->allows_expired_cache;
}

struct pinning_verifier
pinning_verifier(const struct pinning *pinning)
{
    return pinning->verifier;
}

/* How well a name matches; 0: not at all. A whole name goes before any that ends with '*'. */
static size_t
rank_of(const struct pattern *pattern, const char *repository)
{
    if (!pattern->is_prefix)
        return strcmp(pattern->text, repository) ? 0 : SIZE_MAX;

    return strncmp(pattern->text, repository, pattern->len) ? 0 : pattern->len + 1;
}

static const struct listed_ids *
find_listed(size_t *ret_rank, const struct listed_ids *list, size_t n, const char *repository)
{
    const struct listed_ids *found = NULL;

    *ret_rank = 0;
    for (size_t i = 0; i < n; i++) {
        size_t rank = rank_of(&list[i].pattern, repository);
        if (rank > *ret_rank) {
            *ret_rank = rank;
            found = &list[i];
        }
    }

    return found;
}

enum rc
pinning_root(
    struct root_pin *ret, const struct pinning *pinning, const char *repository, struct why *why)
{
    size_t rank = 0;
    bool by_certificate = true;

    const struct listed_ids *found =
        find_listed(&rank, pinning->certificates, pinning->n_certificates, repository);
    if (!found) {
        by_certificate = false;
        found = find_listed(&rank, pinning->keys, pinning->n_keys, repository);
    }

    if (pinning->wants_library && rank <= strlen(LIBRARY) &&
        !strncmp(repository, LIBRARY, strlen(LIBRARY)))
        return fail(why, RC_UNTRUSTED,
            "'%s': '%s' trusts official images by Docker's own root key, which countersign does "
            "not have: put its ID under 'root-keys' as '" LIBRARY "*'",
            repository, pinning_path(pinning));

    *ret = (struct root_pin){0};
    if (!found)
        return RC_OK;

    struct keyid *ids = calloc(found->n_ids, sizeof *ids);
    if (!ids)
        return fail_memory(why);

    memcpy(ids, found->ids, found->n_ids * sizeof *ids);
    *ret = (struct root_pin){
        .roots = by_certificate ? NULL : ids,
        .n_roots = by_certificate ? 0 : found->n_ids,
        .certificates = by_certificate ? ids : NULL,
        .n_certificates = by_certificate ? found->n_ids : 0,
        .version = 1,
        .threshold = 1,
        .file = pinning_path(pinning),
    };
    return RC_OK;
}

struct pinning_demand
pinning_demand(const struct pinning *pinning, const char *repository)
{
    struct pinning_demand found = {0};
    size_t best = 0;

    for (size_t i = 0; i < pinning->n_demands; i++) {
        size_t rank = rank_of(&pinning->demands[i].pattern, repository);
        if (rank > best) {
            best = rank;
            found = pinning->demands[i].demand;
        }
    }

    return found;
}
