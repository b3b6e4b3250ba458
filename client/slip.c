/* SPDX-License-Identifier: Apache-2.0 */
#include "client/slip.h"

#include <inttypes.h>

void
slip_done(struct slip *slip)
{
    difference_done(&slip->difference);
    tuf_targets_free(slip->document);
    tuf_targets_free(slip->base);
    tuf_file_free(slip->file);
    tuf_file_free(slip->base_file);
    *slip = (struct slip){0};
}

enum rc
slip_read(struct slip *ret, struct span base, struct span file, struct why *why)
{
    enum rc rc = tuf_file_parse(&ret->file, file, TUF_TOLERANT, why);
    if (!rc)
        rc = tuf_targets_parse(&ret->document, bytes_span(&ret->file->message), why);
    if (!rc && base.len > 0)
        rc = tuf_file_parse(&ret->base_file, base, TUF_TOLERANT, why);
    if (!rc && base.len > 0)
        rc = tuf_targets_parse(&ret->base, bytes_span(&ret->base_file->message), why);

    return rc ? rc : difference_of(&ret->difference, ret->base, ret->document, why);
}

/* The keys of now judge it: a key that was removed meanwhile slips nothing in any more. */
enum rc
slip_verify(const struct slip *slip, const struct trust *trust, const char *name, int64_t version,
    struct why *why)
{
    const struct trust_role *role = trust_find(trust, name);

    if (!role)
        return fail(why, RC_NOT_FOUND, "nobody delegates to it any more");

    if (slip->document->version != version)
        return fail(why, RC_UNTRUSTED, "its version is %" PRId64, slip->document->version);

    return tuf_role_verify(role->listed, role->listed_keys, slip->file, why);
}
