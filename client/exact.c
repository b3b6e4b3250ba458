/* SPDX-License-Identifier: Apache-2.0 */
#include "client/exact.h"

#include "proto/bounds.h"
#include "proto/tuf_snapshot.h"

enum rc
exact_rewrite(struct bytes *file, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *parsed = NULL;

    enum rc rc = tuf_file_parse(&parsed, bytes_span(file), TUF_TOLERANT, why);
    if (rc)
        return rc == RC_NO_MEMORY ? rc : RC_OK;

    bytes_clear(file);
    tuf_file_format(file, bytes_span(&parsed->message), parsed->signatures, parsed->n_signatures);
    return bytes_check(file, why);
}

bool
exact_is_listed(struct span root, struct span snapshot)
{
    closing(bytes_done) struct bytes exact = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_snapshot_freep) struct tuf_snapshot *document = NULL;

    bytes_put(&exact, root);
    if (bytes_check(&exact, NULL) || exact_rewrite(&exact, NULL) ||
        span_eq(bytes_span(&exact), root) || tuf_file_parse(&file, snapshot, TUF_TOLERANT, NULL) ||
        tuf_snapshot_parse(&document, bytes_span(&file->message), NULL))
        return false;

    const struct tuf_listed *listed = tuf_snapshot_find(document, SPAN("root"));
    return listed && !tuf_listed_check(listed, bytes_span(&exact), NULL);
}
