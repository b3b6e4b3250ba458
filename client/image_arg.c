/* SPDX-License-Identifier: Apache-2.0 */
#include "client/image_arg.h"

#include <stdio.h>

enum rc
image_arg_parse(struct image_arg *ret, struct session *session, const char *text, struct why *why)
{
    const struct reference *ref = &ret->reference;

    *ret = (struct image_arg){0};
    enum rc rc = reference_parse(&ret->reference, text, why);
    if (rc)
        return within(why, rc, "'%s'", text);

    if (!ref->tag)
        return fail(why, RC_MALFORMED, "'%s' has no tag: trust data is per tag", text);

    if (asprintf(&ret->name, "%s:%s", ref->repository, ref->tag) < 0) {
        ret->name = NULL;
        return fail_memory(why);
    }

    rc = session_repository(&ret->repository, session, ref->repository, why);
    if (!rc)
        rc = session_registry(&ret->registry, session, ref->host, why);
    return rc ? within(why, rc, "%s", ret->name) : RC_OK;
}

enum rc
image_arg_fetch(struct image_arg *image, struct why *why)
{
    const struct reference *ref = &image->reference;
    char hex[DIGEST_HEX_LEN + 1];

    enum rc rc = registry_manifest(&image->manifest, image->registry, ref->path, ref->tag, why);
    if (rc)
        return within(why, rc, "%s", image->name);

    digest_hex(hex, &image->manifest.digest);
    if (ref->digest && strcmp(ref->digest + strlen("sha256:"), hex) != 0)
        return fail(why, RC_UNTRUSTED,
            "%s has moved: it is sha256:%s now, not %s; nothing was signed", image->name, hex,
            ref->digest);

    return RC_OK;
}

enum rc
image_arg_read(struct image_arg *ret, struct session *session, const char *text, struct why *why)
{
    enum rc rc = image_arg_parse(ret, session, text, why);

    return rc ? rc : image_arg_fetch(ret, why);
}

void
image_arg_done(struct image_arg *image)
{
    reference_done(&image->reference);
    free(image->name);
    *image = (struct image_arg){0};
}

struct edit
image_arg_edit(const struct image_arg *image)
{
    return (struct edit){
        .kind = EDIT_SET_TARGET,
        .name = span_of(image->reference.tag),
        .hashes = {.sha256 = image->manifest.digest, .has_sha256 = true},
        .length = image->manifest.size,
    };
}
