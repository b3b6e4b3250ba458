/* SPDX-License-Identifier: Apache-2.0 */
#include "client/trust.h"

#include "client/pause.h"
#include "client/view.h"

#define UPDATES_MAX      8   /* where other processes are faster each time */
#define ROLLBACK_WAIT_MS 250 /* between two looks at most */

struct trust {
    struct repo *repo;
    char *repository;
    struct cache *cache;
    struct trust_options options;
    const struct root_pin *pin; /* NULL: none */
    bool allows_expired, allows_unreadable_root, allows_mislisted;
    enum trust_cause cause;
    struct bytes adopted;
    struct bytes *offers;
    size_t n_offers;
    struct view *view; /* NULL: none yet */
    struct view *head; /* newer than view, but not read further; else NULL */
};

enum rc
trust_new(struct trust **ret, struct repo *repo, const char *repository,
    const struct trust_options *options, struct why *why)
{
    closing(trust_freep) struct trust *trust = calloc(1, sizeof *trust);
    if (!trust)
        return fail_memory(why);

    trust->repo = repo;
    trust->options = *options;
    trust->adopted = BYTES_INIT(DOCUMENT_MAX_BYTES);
    trust->repository = strdup(repository);
    if (!trust->repository)
        return fail_memory(why);

    enum rc rc = cache_new(&trust->cache, options->dir, repository, why);
    if (rc)
        return rc;

    *ret = steal(trust);
    return RC_OK;
}

static void
forget_offers(struct trust *trust)
{
    for (size_t i = 0; i < trust->n_offers; i++)
        bytes_done(&trust->offers[i]);
    free(trust->offers);
    trust->offers = NULL;
    trust->n_offers = 0;
}

void
trust_free(struct trust *trust)
{
    if (!trust)
        return;

    forget_offers(trust);
    view_free(trust->head);
    view_free(trust->view);
    bytes_done(&trust->adopted);
    cache_free(trust->cache);
    free(trust->repository);
    free(trust);
}

enum rc
trust_adopt(struct trust *trust, struct span root_file, struct why *why)
{
    bytes_clear(&trust->adopted);
    bytes_put(&trust->adopted, root_file);
    return bytes_check(&trust->adopted, why);
}

void
trust_set_pin(struct trust *trust, const struct root_pin *pin)
{
    trust->pin = pin;
}

const struct root_pin *
trust_pin(const struct trust *trust)
{
    return trust->pin && !trust->pin->file ? trust->pin : NULL;
}

void
trust_allow_expired(struct trust *trust)
{
    trust->allows_expired = true;
}

void
trust_allow_unreadable_root(struct trust *trust)
{
    trust->allows_unreadable_root = true;
}

void
trust_allow_mislisted(struct trust *trust)
{
    trust->allows_mislisted = true;
}

const char *
trust_repository(const struct trust *trust)
{
    return trust->repository;
}

struct repo *
trust_repo(const struct trust *trust)
{
    return trust->repo;
}

bool
trust_is_cached(const struct trust *trust)
{
    closing(bytes_done) struct bytes root = BYTES_INIT(DOCUMENT_MAX_BYTES);

    return cache_load(&root, trust->cache, "root", NULL) != RC_NOT_FOUND;
}

enum rc
trust_forget(size_t *ret_n, struct trust *trust, struct why *why)
{
    closing(fd_close) int lock = -1;

    enum rc rc = cache_lock(&lock, trust->cache, why);
    return rc ? rc : cache_remove(ret_n, trust->cache, why);
}

const char *
trust_dir(const struct trust *trust)
{
    return cache_dir(trust->cache);
}

bool
trust_load_seen(struct bytes *ret, const struct trust *trust, const char *role)
{
    return !cache_load(ret, trust->cache, role, NULL);
}

static struct view_sources
sources_of(struct trust *trust)
{
    return (struct view_sources){
        .repo = trust->repo,
        .cache = trust->cache,
        .repository = trust->repository,
        .options = &trust->options,
        .pin = trust->pin,
        .allows_expired = trust->allows_expired,
        .allows_unreadable_root = trust->allows_unreadable_root,
        .allows_mislisted = trust->allows_mislisted,
        .before = trust->view,
        .adopted = bytes_span(&trust->adopted),
        .offers = trust->offers,
        .n_offers = trust->n_offers,
        .cause = &trust->cause,
    };
}

static void
replace_view(struct view **place, struct view **view)
{
    view_free(*place);
    *place = steal(*view);
}

static enum rc
update_once(struct trust *trust, struct why *why)
{
    closing(view_freep) struct view *view = NULL;
    struct view_sources from = sources_of(trust);

    enum rc rc = view_new(&view, &from, why);
    if (rc || !view)
        return rc;

    rc = view_complete(view, &from, why);
    if (!rc)
        rc = view_store(view, &from, why);
    if (rc)
        return rc;

    replace_view(&trust->view, &view);
    view_free(steal(trust->head));
    forget_offers(trust);
    return RC_OK;
}

/* Append the timestamp of the cache, which is stored last; nothing where there is none. */
static void
load_cached_timestamp(struct bytes *ret, const struct trust *trust)
{
    if (cache_load(ret, trust->cache, "timestamp", NULL))
        bytes_clear(ret);
}

/* Whether another process of this user has stored what is neither before nor ours, or is about to.
 */
static bool
is_outrun(const struct trust *trust, struct span before)
{
    closing(bytes_done) struct bytes now = BYTES_INIT(HTTP_TIMESTAMP_MAX_BYTES);
    closing(fd_close) int lock = -1;

    if (cache_lock(&lock, trust->cache, NULL))
        return false;

    load_cached_timestamp(&now, trust);
    bool is_ours = trust->view && span_eq(bytes_span(&now), bytes_span(&trust->view->timestamp));
    return !is_ours && !span_eq(bytes_span(&now), before);
}

static bool
has_problem(const struct trust *trust)
{
    for (size_t i = 0; i < trust_n_roles(trust); i++)
        if (trust->view->roles[i].problem)
            return true;

    return false;
}

/*
 * Where two publish at the same moment, notary-server may list an old file again, until the one who
 * is to blame sees it (relapse.h). Somebody who puts back old files on purpose does so for longer.
 */
static enum rc
update_patiently(struct trust *trust, struct why *why)
{
    for (int n = 1;; n++) {
        enum rc rc = update_once(trust, why);
        if (rc != RC_UNTRUSTED || trust->cause != TRUST_CAUSE_ROLLBACK || n == TRUST_LOOKS)
            return rc;

        pause_about(pause_backoff_ms(n - 1, ROLLBACK_WAIT_MS));
    }
}

enum rc
trust_update(struct trust *trust, struct why *why)
{
    for (int n = 1;; n++) {
        closing(bytes_done) struct bytes cached = BYTES_INIT(HTTP_TIMESTAMP_MAX_BYTES);

        /* What the server had when it was asked may be older than what another process has got and
         * stored since then. That is no fault of the server's. */
        load_cached_timestamp(&cached, trust);
        enum rc rc = update_patiently(trust, why);
        bool is_suspect = rc == RC_UNTRUSTED || (!rc && has_problem(trust));
        if (!is_suspect || n == UPDATES_MAX || !is_outrun(trust, bytes_span(&cached)))
            return rc;
    }
}

enum trust_cause
trust_cause(const struct trust *trust)
{
    return trust->cause;
}

enum rc
trust_update_offline(struct trust *trust, struct why *why)
{
    closing(view_freep) struct view *view = NULL;
    struct view_sources from = sources_of(trust);

    from.is_offline = true;
    from.before = NULL;
    enum rc rc = view_new(&view, &from, why);
    if (!rc)
        rc = view_complete(view, &from, why);
    if (rc)
        return rc;

    replace_view(&trust->view, &view);
    return RC_OK;
}

int64_t
trust_stored_at(const struct trust *trust)
{
    return cache_stored_at(trust->cache, "timestamp");
}

enum rc
trust_update_head(struct trust *trust, struct why *why)
{
    closing(view_freep) struct view *view = NULL;
    struct view_sources from = sources_of(trust);

    enum rc rc = view_new(&view, &from, why);
    if (!rc && view)
        replace_view(&trust->head, &view);

    return rc;
}

enum rc
trust_offer(struct trust *trust, struct span file, struct why *why)
{
    struct bytes *offer =
        mem_grow(&trust->offers, trust->n_offers, sizeof *offer, SNAPSHOT_FILES_MAX);
    if (!offer)
        return fail_memory(why);

    *offer = BYTES_INIT(DOCUMENT_MAX_BYTES);
    trust->n_offers++;
    bytes_put(offer, file);
    return bytes_check(offer, why);
}

bool
trust_is_first_use(const struct trust *trust)
{
    return trust->view && trust->view->is_first_use;
}

const struct tuf_root *
trust_root(const struct trust *trust)
{
    return trust->view ? walk_root_document(trust->view->walk) : NULL;
}

const struct tuf_file *
trust_root_file(const struct trust *trust)
{
    return trust->view ? walk_root_file(trust->view->walk) : NULL;
}

struct span
trust_head(const struct trust *trust, const char *role, int64_t *ret_version)
{
    const struct view *view = trust->view;
    bool is_timestamp = !strcmp(role, "timestamp");

    if (!view)
        return (struct span){0};

    *ret_version = is_timestamp ? walk_timestamp_document(view->walk)->version
                                : walk_snapshot_document(view->walk)->version;
    return bytes_span(is_timestamp ? &view->timestamp : &view->snapshot);
}

int64_t
trust_expires_at(const struct trust *trust, const char *role)
{
    const struct walk *walk = trust->view ? trust->view->walk : NULL;
    const struct tuf_targets *targets = walk ? walk_targets_document(walk, span_of(role)) : NULL;

    if (!walk)
        return 0;

    return !strcmp(role, "root")        ? walk_root_document(walk)->expires_at
           : !strcmp(role, "timestamp") ? walk_timestamp_document(walk)->expires_at
           : !strcmp(role, "snapshot")  ? walk_snapshot_document(walk)->expires_at
           : targets                    ? targets->expires_at
                                        : 0;
}

const struct tuf_listed *
trust_listed(const struct trust *trust, const char *role)
{
    const struct view *newest = trust->head ? trust->head : trust->view;

    return newest ? walk_listed(newest->walk, span_of(role)) : NULL;
}

size_t
trust_n_roles(const struct trust *trust)
{
    return trust->view ? trust->view->n_roles : 0;
}

const struct trust_role *
trust_role_at(const struct trust *trust, size_t i)
{
    return &trust->view->roles[i];
}

const struct trust_role *
trust_find(const struct trust *trust, const char *role)
{
    for (size_t i = 0; i < trust_n_roles(trust); i++)
        if (!strcmp(trust->view->roles[i].name, role))
            return &trust->view->roles[i];

    return NULL;
}

bool
trust_admits(const struct trust *trust, const char *role, struct span name)
{
    return trust->view && walk_admits(trust->view->walk, span_of(role), name);
}

enum rc
trust_keys(struct pubkey ***ret, size_t *ret_n, const struct trust *trust, const char *role,
    struct why *why)
{
    const struct tuf_keys *keys = NULL;
    const struct tuf_role *listed =
        trust->view ? walk_role(trust->view->walk, span_of(role), &keys) : NULL;

    if (!listed)
        return fail(why, RC_NOT_FOUND, "nobody delegates to '%s'", role);

    return tuf_role_keys(ret, ret_n, listed, keys, why);
}
