/* SPDX-License-Identifier: Apache-2.0 */
#include "client/server_key.h"

#include "proto/bounds.h"
#include "proto/members.h"

static enum rc
server_key_read(struct pubkey **ret, struct span text, struct why *why)
{
    closing(bytes_done) struct bytes public = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(json_decrefp) json_t *object = NULL;
    const char *keytype = "", *encoded = "";
    const json_t *keyval = NULL;
    struct members m;

    enum rc rc = members_parse(&object, text, why);
    if (rc)
        return rc;

    members_open(&m, object, "key");
    members_text(&m, "keytype", &keytype);
    members_object(&m, "keyval", &keyval);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    members_open(&m, keyval, "keyval");
    members_text(&m, "public", &encoded);
    rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = base64_parse(&public, span_of(encoded), why);

    return rc ? rc : pubkey_new(ret, span_of(keytype), bytes_span(&public), why);
}

enum rc
server_key_get(struct pubkey **ret, struct repo *repo, const char *role, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    enum rc rc = repo_get_key(&text, repo, role, why);
    if (rc)
        return rc;

    rc = server_key_read(ret, bytes_span(&text), why);
    return rc == RC_MALFORMED ? within(why, RC_NETWORK, "%s.key of the trust server", role) : rc;
}
