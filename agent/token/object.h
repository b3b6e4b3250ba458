/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * object — the objects of a token, listed once: finding costs SoftHSM 14 us for each object on the
 * token, so it is not done for each key or signature.
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "agent/token/frame.h"
#include "agent/token/guard.h"
#include "proto/bytes.h"

#define OBJECT_NAME_MAX_BYTES 256 /* CKA_ID and CKA_LABEL; longer ones count as empty */

struct session {
    CK_FUNCTION_LIST *p11;
    CK_SESSION_HANDLE handle;
};

struct object {
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;         /* keys */
    bool wants_pin_each_time; /* private keys: CKA_ALWAYS_AUTHENTICATE */
    bool is_for_other_use;    /* likewise: CKA_SIGN is there, and false */
    uint8_t id[OBJECT_NAME_MAX_BYTES], label[OBJECT_NAME_MAX_BYTES];
    size_t id_len, label_len;
};

struct objects {
    struct object *objects;
    size_t n;
};

/* All objects of a class that the session shows; at most TOKEN_KEYS_MAX. *ret: objects_done().
 * CKR_HOST_MEMORY, CKR_DEVICE_MEMORY (more than the bound), or a code of the module. */
must_check CK_RV objects_list(
    struct objects *ret, const struct session *session, CK_OBJECT_CLASS class);
void objects_done(struct objects *objects);

bool object_matches(const struct object *object, P11KitUri *uri);

/* Clear the bits (mechanisms_in()) of mechanisms that the key does not allow, if it has a list. */
must_check CK_RV object_narrow_mechanisms(
    unsigned *mechanisms, const struct session *session, const struct object *key);

/* Append a certificate's DER; nothing where the token does not show it. */
must_check CK_RV object_put_certificate(
    struct bytes *b, const struct session *session, const struct object *certificate);

/* What the token says of a private key's past. */
must_check CK_RV object_get_provenance(
    struct key_provenance *ret, const struct session *session, const struct object *key);

/* Append the public key of a private key: out of the public key or the certificate with the same
 * CKA_ID, or of the private key itself. Nothing is appended where the token does not show it. A
 * code of the module that is about more than one attribute. */
must_check CK_RV object_put_spki(struct bytes *b, const struct session *session,
    const struct object *key, const struct objects *public_keys,
    const struct objects *certificates);
