/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/newkey.h"

#include <time.h>

#include "agent/token/delivery.h"
#include "agent/token/keypair.h"
#include "agent/token/signing_key.h"
#include "proto/certificate.h"

/* What a session sees of the token. */
struct sight {
    struct session session;
    struct objects private_keys, public_keys, certificates;
};

/* What the new key has to be, and to be given. */
struct wish {
    const struct pubkey *expected; /* NULL: any */
    struct span common_name;       /* of its certificate; empty: none is wanted */
};

/* The new key, as the token shows it. */
struct fresh {
    struct sight *sight;
    const struct token_site *site;
    const struct object *object;
    struct pubkey *pubkey;
};

static void
sight_done(struct sight *sight)
{
    objects_done(&sight->private_keys);
    objects_done(&sight->public_keys);
    objects_done(&sight->certificates);
    if (sight->session.p11)
        (void)GUARDED(sight->session.p11->C_CloseSession(sight->session.handle));
}

static CK_RV
look(struct sight *sight)
{
    objects_done(&sight->private_keys);
    objects_done(&sight->public_keys);
    objects_done(&sight->certificates);
    CK_RV rv = objects_list(&sight->private_keys, &sight->session, CKO_PRIVATE_KEY);
    if (rv == CKR_OK)
        rv = objects_list(&sight->public_keys, &sight->session, CKO_PUBLIC_KEY);
    if (rv == CKR_OK)
        rv = objects_list(&sight->certificates, &sight->session, CKO_CERTIFICATE);
    return rv;
}

static CK_RV
open_sight(struct sight *sight, const struct token_site *site)
{
    CK_SESSION_HANDLE handle;

    CK_RV rv = GUARDED(site->session->p11->C_OpenSession(
        site->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &handle));
    if (rv != CKR_OK)
        return rv;

    sight->session = (struct session){site->session->p11, handle};
    return look(sight);
}

static bool
has_label(const struct objects *objects, struct span label)
{
    for (size_t i = 0; i < objects->n; i++) {
        const struct object *object = &objects->objects[i];
        if (span_eq((struct span){object->label, object->label_len}, label))
            return true;
    }

    return false;
}

/* A session that may write, on a token where the label is free. */
static enum rc
begin(struct sight *sight, CK_RV *ret_rv, const struct token_site *site, struct span label,
    struct span algorithm, struct why *why)
{
    CK_RV rv = open_sight(sight, site);
    if (rv != CKR_OK) {
        *ret_rv = rv;
        return keypair_fail(rv, "C_OpenSession", algorithm, why);
    }

    if (has_label(&sight->private_keys, label) || has_label(&sight->public_keys, label))
        return fail(why, RC_REFUSED,
            "the token has a key '%.*s' already; choose another name, or name that key in the "
            "policy",
            (int)label.len, (const char *)label.p);

    return RC_OK;
}

static const struct object *
find_object(const struct objects *objects, CK_OBJECT_HANDLE handle)
{
    for (size_t i = 0; i < objects->n; i++)
        if (objects->objects[i].handle == handle)
            return &objects->objects[i];

    return NULL;
}

/* A signature of the new key, verified; it is in signature. */
static enum rc
sign(struct span *ret, uint8_t signature[SIGNATURE_MAX_BYTES], const struct fresh *fresh,
    enum verify_method method, struct span message, struct why *why)
{
    closing(signing_key_done) struct signing_key key = {
        fresh->object, pubkey_ref(fresh->pubkey), fresh->site->mechanisms};
    const struct session *session = &fresh->sight->session;
    const struct signing_site here = {session, NULL, signature};
    struct frame_job job = {.method = method};
    struct frame_result result;

    digest_of(&job.digest, message);
    CK_RV rv = object_narrow_mechanisms(&key.mechanisms, session, fresh->object);
    if (rv == CKR_OK)
        rv = signing_key_sign(&result, &key, &here, &job, message, why);
    if (rv != CKR_OK)
        return fail(why, RC_TOKEN, "the token does not sign with the new key: 0x%lx (%s)", rv,
            p11_kit_strerror(rv));

    if (result.rc)
        return within(why, result.rc, "the new key is of no use");

    *ret = result.signature;
    return RC_OK;
}

/* One signature, which nobody sees. */
static enum rc
probe(const struct fresh *fresh, struct why *why)
{
    uint8_t signature[SIGNATURE_MAX_BYTES];
    struct span made;

    if (fresh->object->wants_pin_each_time)
        return RC_OK;

    return sign(&made, signature, fresh, verify_method_of(fresh->pubkey),
        SPAN("countersign: a probe"), why);
}

/* The first thing that it signs: its own certificate, composed here. */
static enum rc
certify(struct bytes *ret, const struct fresh *fresh, struct span common_name, struct why *why)
{
    closing(certificate_freep) struct certificate *certificate = NULL;
    closing(freep) char *name = span_dup(common_name);
    uint8_t signature[SIGNATURE_MAX_BYTES];
    struct span made;

    if (!name)
        return fail_memory(why);

    enum rc rc =
        certificate_new(&certificate, fresh->pubkey, name, time(NULL), CERTIFICATE_DAYS, why);
    if (rc)
        return rc;

    enum verify_method method = verify_method_of(fresh->pubkey);
    rc = sign(&made, signature, fresh, method == VERIFY_RSAPSS ? VERIFY_RSAPKCS1V15 : method,
        certificate_message(certificate), why);
    return rc ? rc : certificate_finish(ret, certificate, made, why);
}

/* Read it back, and try it. */
static enum rc
examine(struct newkey *ret, struct sight *sight, const struct token_site *site,
    const struct keypair *pair, const struct wish *wish, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *pubkey = NULL;
    CK_RV rv = look(sight);
    const struct object *key = find_object(&sight->private_keys, pair->private_key);

    if (rv == CKR_OK && key)
        rv = object_put_spki(
            &ret->spki, &sight->session, key, &sight->public_keys, &sight->certificates);
    if (rv == CKR_OK && key)
        rv = object_get_provenance(&ret->provenance, &sight->session, key);
    if (rv != CKR_OK || !key)
        return fail(why, RC_TOKEN, "the token does not show the new key: 0x%lx (%s)", rv,
            p11_kit_strerror(rv));

    enum rc rc = bytes_check(&ret->spki, why);
    if (rc == RC_OK)
        rc = pubkey_from_spki(&pubkey, bytes_span(&ret->spki), why);
    if (rc)
        return within(why, rc, "the new key on the token");

    if (wish->expected && !span_eq(pubkey_spki(wish->expected), pubkey_spki(pubkey)))
        return fail(why, RC_TOKEN, "the token shows another public key than that of the file");

    const struct fresh fresh = {sight, site, key, pubkey};
    rc = probe(&fresh, why);
    return rc || wish->common_name.len == 0
               ? rc
               : certify(&ret->certificate, &fresh, wish->common_name, why);
}

/* In a session of its own: one in which signing failed may hold on to the key. */
static bool
take_off(struct sight *sight, const struct token_site *site, const struct keypair *pair)
{
    sight_done(sight);
    *sight = (struct sight){0};
    return open_sight(sight, site) == CKR_OK && keypair_destroy(pair, &sight->session);
}

static enum rc
finish(struct newkey *ret, struct sight *sight, const struct token_site *site,
    const struct keypair *pair, const struct wish *wish, struct why *why)
{
    struct why problem;

    enum rc rc = examine(ret, sight, site, pair, wish, &problem);
    if (!rc)
        return RC_OK;

    bytes_clear(&ret->spki);
    bytes_clear(&ret->certificate);
    return fail(why, rc == RC_NO_MEMORY ? rc : RC_REFUSED, "%s; choose another algorithm; %s",
        problem.text,
        take_off(sight, site, pair) ? "the key was taken off the token again"
                                    : "take that key off the token with its own tools");
}

enum rc
newkey_generate(struct newkey *ret, CK_RV *ret_rv, const struct token_site *site,
    const struct frame_generate *wanted, struct why *why)
{
    closing(sight_done) struct sight sight = {0};
    struct keypair pair;

    *ret_rv = CKR_OK;
    if (!keypair_is_algorithm(wanted->algorithm)) {
        closing(bytes_done) struct bytes names = BYTES_INIT(sizeof why->text);
        keypair_put_algorithms(&names);
        return fail(why, RC_REFUSED, "no keys are made of '%.*s', want one of %s",
            (int)wanted->algorithm.len, (const char *)wanted->algorithm.p, bytes_text(&names));
    }

    enum rc rc = begin(&sight, ret_rv, site, wanted->label, wanted->algorithm, why);
    if (rc)
        return rc;

    *ret_rv = keypair_generate(&pair, &sight.session, wanted->algorithm, wanted->label);
    if (*ret_rv != CKR_OK)
        return keypair_fail(*ret_rv, "C_GenerateKeyPair", wanted->algorithm, why);

    const struct wish wish = {.common_name = wanted->common_name};
    return finish(ret, &sight, site, &pair, &wish, why);
}

static enum rc
receive(struct privkey **ret, int client, struct why *why)
{
    closing(bytes_wipe) struct bytes text = BYTES_INIT(KEY_FILE_MAX_BYTES);
    closing(bytes_wipe) struct bytes passphrase = BYTES_INIT(PASSPHRASE_MAX_BYTES);
    struct delivery delivery = delivery_from(client, IMPORT_TIMEOUT_S * 1000);
    struct keyfile file;

    enum rc rc = delivery_next(&text, &delivery, why);
    if (rc == RC_OK)
        rc = delivery_next(&passphrase, &delivery, why);
    if (rc == RC_OK)
        rc = keyfile_parse(&file, bytes_span(&text), why);
    if (rc == RC_OK)
        rc = privkey_open(ret, &file, bytes_span(&passphrase), why);

    return rc ? within(why, rc == RC_NO_MEMORY ? rc : RC_REFUSED, "the key file") : RC_OK;
}

enum rc
newkey_import(struct newkey *ret, CK_RV *ret_rv, const struct token_site *site, struct span label,
    int client, struct why *why)
{
    closing(privkey_freep) struct privkey *key = NULL;
    closing(sight_done) struct sight sight = {0};
    struct keypair pair;

    *ret_rv = CKR_OK;
    enum rc rc = receive(&key, client, why);
    if (rc)
        return rc;

    struct span algorithm = span_of(pubkey_algorithm(privkey_pubkey(key)));
    rc = begin(&sight, ret_rv, site, label, algorithm, why);
    if (rc)
        return rc;

    *ret_rv = keypair_import(&pair, &sight.session, key, label);
    if (*ret_rv != CKR_OK)
        return keypair_fail(*ret_rv, "C_CreateObject", algorithm, why);

    const struct wish wish = {.expected = privkey_pubkey(key)};
    return finish(ret, &sight, site, &pair, &wish, why);
}
