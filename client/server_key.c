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

enum rc
server_key_make(struct pubkey **ret, struct repo *repo, const char *role, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    enum rc rc = repo_new_key(&text, repo, role, why);
    if (rc)
        return rc;

    rc = server_key_read(ret, bytes_span(&text), why);
    return rc == RC_MALFORMED ? within(why, RC_NETWORK, "%s.key of the trust server", role) : rc;
}

enum rc
server_key_explain(const struct trust *trust, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *server_key = NULL;
    closing(freep) struct pubkey **listed = NULL;
    const char *repository = trust_repository(trust);
    size_t n = 0;

    if (trust_keys(&listed, &n, trust, "snapshot", NULL) ||
        server_key_get(&server_key, trust_repo(trust), "snapshot", NULL))
        return RC_NETWORK;

    for (size_t i = 0; i < n; i++)
        if (keyid_eq(pubkey_id(listed[i]), pubkey_id(server_key)))
            return RC_NETWORK;

    return fail(why, RC_UNSUPPORTED,
        "the trust server does not hold the snapshot key of '%s', so only its owner can publish; "
        "who has its root key gives it to the server with: countersign key rotate %s snapshot "
        "--server-managed",
        repository, repository);
}
