/* SPDX-License-Identifier: Apache-2.0 */
#include "client/seen.h"
#include "client/view.h"

/* Unless it is there already. */
static enum rc
store_file(const struct cache *cache, const char *role, struct span file, struct why *why)
{
    closing(bytes_done) struct bytes old = BYTES_INIT(DOCUMENT_MAX_BYTES);

    if (!cache_load(&old, cache, role, NULL) && span_eq(bytes_span(&old), file))
        return RC_OK;

    return cache_store(cache, role, file, why);
}

enum rc
view_store(const struct view *view, const struct view_sources *from, struct why *why)
{
    const struct tuf_root *root = walk_root_document(view->walk);
    closing(fd_close) int lock = -1;

    enum rc rc = cache_lock(&lock, from->cache, why);
    if (rc)
        return rc;

    /* Another process may have seen more meanwhile: floors never sink. */
    if (seen_version(from->cache, "timestamp", bytes_span(&view->timestamp),
            &root->roles[RANK_TIMESTAMP],
            &root->keys) > walk_timestamp_document(view->walk)->version)
        return RC_OK;

    rc = store_file(from->cache, "root", bytes_span(&walk_root_file(view->walk)->raw), why);
    for (size_t i = 0; !rc && i < view->n_roles; i++)
        if (view->roles[i].file && !view->roles[i].is_mislisted)
            rc = store_file(
                from->cache, view->roles[i].name, bytes_span(&view->roles[i].file->raw), why);
    if (!rc)
        rc = store_file(from->cache, "snapshot", bytes_span(&view->snapshot), why);
    if (!rc)
        rc = store_file(from->cache, "timestamp", bytes_span(&view->timestamp), why);

    return rc;
}
