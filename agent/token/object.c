/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/object.h"

#include "agent/token/mechanism.h"
#include "agent/token/spki.h"

#define ALLOWED_MAX     64   /* mechanisms that a key allows */
#define FIND_BATCH      64   /* handles asked for at once */
#define VALUE_MAX_BYTES 8192 /* a piece of a public key, a certificate */

/* Read attributes that may be missing; those have length 0 then. */
static CK_RV
get_attributes(
    const struct session *s, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *attributes, CK_ULONG n)
{
    CK_ULONG room[8];

    for (CK_ULONG i = 0; i < n; i++)
        room[i] = attributes[i].ulValueLen;

    CK_RV rv = GUARDED(s->p11->C_GetAttributeValue(s->handle, handle, attributes, n));
    if (rv != CKR_OK && rv != CKR_ATTRIBUTE_SENSITIVE && rv != CKR_ATTRIBUTE_TYPE_INVALID &&
        rv != CKR_BUFFER_TOO_SMALL)
        return rv;

    for (CK_ULONG i = 0; i < n; i++)
        if (attributes[i].ulValueLen > room[i]) /* CK_UNAVAILABLE_INFORMATION included */
            attributes[i].ulValueLen = 0;

    return CKR_OK;
}

static CK_RV
read_object(struct object *ret, const struct session *s)
{
    CK_BBOOL always = CK_FALSE, sign = CK_TRUE;
    CK_ATTRIBUTE attributes[] = {
        {CKA_ID, ret->id, sizeof ret->id},
        {CKA_LABEL, ret->label, sizeof ret->label},
        {CKA_KEY_TYPE, &ret->type, sizeof ret->type},
        {CKA_ALWAYS_AUTHENTICATE, &always, sizeof always},
        {CKA_SIGN, &sign, sizeof sign},
    };
    CK_ULONG n = ret->class == CKO_PRIVATE_KEY ? 5 : ret->class == CKO_PUBLIC_KEY ? 3 : 2;

    CK_RV rv = get_attributes(s, ret->handle, attributes, n);
    if (rv != CKR_OK)
        return rv;

    ret->id_len = attributes[0].ulValueLen;
    ret->label_len = attributes[1].ulValueLen;
    ret->wants_pin_each_time = always != CK_FALSE;
    ret->is_for_other_use = sign == CK_FALSE;
    return CKR_OK;
}

/* Add what the running search finds, and read it afterwards: some modules allow no other call while
 * a search runs. */
static CK_RV
collect(struct objects *ret, const struct session *s, CK_OBJECT_CLASS class)
{
    CK_OBJECT_HANDLE handles[FIND_BATCH];
    CK_ULONG n = 0;

    do {
        CK_RV rv = GUARDED(s->p11->C_FindObjects(s->handle, handles, FIND_BATCH, &n));
        if (rv != CKR_OK)
            return rv;

        for (CK_ULONG i = 0; i < n && i < FIND_BATCH; i++) {
            struct object *object = mem_grow(&ret->objects, ret->n, sizeof *object, TOKEN_KEYS_MAX);
            if (!object)
                return ret->n == TOKEN_KEYS_MAX ? CKR_DEVICE_MEMORY : CKR_HOST_MEMORY;

            object->handle = handles[i];
            object->class = class;
            ret->n++;
        }
    } while (n > 0);

    return CKR_OK;
}

CK_RV
objects_list(struct objects *ret, const struct session *s, CK_OBJECT_CLASS class)
{
    closing(objects_done) struct objects objects = {0};
    CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};

    CK_RV rv = GUARDED(s->p11->C_FindObjectsInit(s->handle, &wanted, 1));
    if (rv != CKR_OK)
        return rv;

    rv = collect(&objects, s, class);
    CK_RV final = GUARDED(s->p11->C_FindObjectsFinal(s->handle));
    if (rv == CKR_OK)
        rv = final;

    for (size_t i = 0; rv == CKR_OK && i < objects.n; i++)
        rv = read_object(&objects.objects[i], s);
    if (rv != CKR_OK)
        return rv;

    *ret = objects;
    objects = (struct objects){0};
    return CKR_OK;
}

void
objects_done(struct objects *objects)
{
    free(objects->objects);
    *objects = (struct objects){0};
}

bool
object_matches(const struct object *object, P11KitUri *uri)
{
    CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, (void *)&object->class, sizeof object->class},
        {CKA_ID, (void *)object->id, object->id_len},
        {CKA_LABEL, (void *)object->label, object->label_len},
    };

    return p11_kit_uri_match_attributes(uri, attributes, N_ELEMENTS(attributes)) == 1;
}

CK_RV
object_narrow_mechanisms(unsigned *mechanisms, const struct session *s, const struct object *key)
{
    CK_MECHANISM_TYPE allowed[ALLOWED_MAX];
    CK_ATTRIBUTE a = {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed};

    CK_RV rv = get_attributes(s, key->handle, &a, 1);
    if (rv == CKR_OK && a.ulValueLen > 0)
        *mechanisms &= mechanisms_in(allowed, a.ulValueLen / sizeof allowed[0]);
    return rv;
}

/* PKCS#11 2.20 §10.9: a key that was generated in the token has CKA_LOCAL, and one that was always
 * in it CKA_NEVER_EXTRACTABLE too; one that was brought has neither. */
static enum key_origin
origin_of(CK_BBOOL is_local, CK_BBOOL is_never_extractable)
{
    if (!is_local != !is_never_extractable)
        return KEY_ORIGIN_UNKNOWN;

    return is_local ? KEY_ORIGIN_GENERATED : KEY_ORIGIN_IMPORTED;
}

CK_RV
object_get_provenance(struct key_provenance *ret, const struct session *s, const struct object *key)
{
    CK_BBOOL local = CK_FALSE, never = CK_FALSE, extractable = CK_FALSE;
    CK_ATTRIBUTE a[] = {
        {CKA_LOCAL, &local, sizeof local},
        {CKA_NEVER_EXTRACTABLE, &never, sizeof never},
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
    };

    CK_RV rv = get_attributes(s, key->handle, a, N_ELEMENTS(a));
    if (rv != CKR_OK)
        return rv;

    *ret = (struct key_provenance){
        .origin = a[0].ulValueLen > 0 && a[1].ulValueLen > 0 ? origin_of(local, never)
                                                             : KEY_ORIGIN_UNKNOWN,
        .is_extractable_known = a[2].ulValueLen > 0,
        .is_extractable = a[2].ulValueLen > 0 && extractable,
    };
    return CKR_OK;
}

/* The object with the same CKA_ID and, of keys, the same type. */
static const struct object *
find_companion(const struct objects *objects, const struct object *key)
{
    for (size_t i = 0; i < objects->n; i++) {
        const struct object *object = &objects->objects[i];
        if (span_eq(
                (struct span){object->id, object->id_len}, (struct span){key->id, key->id_len}) &&
            (object->class == CKO_CERTIFICATE || object->type == key->type))
            return object;
    }

    return NULL;
}

/* Two attributes make a public key, whichever object they are read from. */
static CK_RV
put_key(struct bytes *b, const struct session *s, const struct object *object, CK_KEY_TYPE type)
{
    uint8_t first[VALUE_MAX_BYTES], second[VALUE_MAX_BYTES];
    CK_ATTRIBUTE a[] = {
        {type == CKK_RSA ? CKA_MODULUS : CKA_EC_PARAMS, first, sizeof first},
        {type == CKK_RSA ? CKA_PUBLIC_EXPONENT : CKA_EC_POINT, second, sizeof second},
    };

    CK_RV rv = get_attributes(s, object->handle, a, N_ELEMENTS(a));
    if (rv != CKR_OK || a[0].ulValueLen == 0 || a[1].ulValueLen == 0)
        return rv;

    struct span head = {first, a[0].ulValueLen};
    struct span tail = {second, a[1].ulValueLen};
    if (type == CKK_RSA)
        spki_put_rsa(b, head, tail);
    else if (type == CKK_EC_EDWARDS)
        spki_put_ed25519(b, head, tail);
    else
        spki_put_ec(b, head, tail);

    return CKR_OK;
}

CK_RV
object_put_certificate(struct bytes *b, const struct session *s, const struct object *certificate)
{
    uint8_t der[VALUE_MAX_BYTES];
    CK_ATTRIBUTE a = {CKA_VALUE, der, sizeof der};

    CK_RV rv = get_attributes(s, certificate->handle, &a, 1);
    if (rv == CKR_OK)
        bytes_put(b, (struct span){der, a.ulValueLen});
    return rv;
}

static CK_RV
put_certified(struct bytes *b, const struct session *s, const struct object *certificate)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(VALUE_MAX_BYTES);

    CK_RV rv = object_put_certificate(&der, s, certificate);
    if (rv != CKR_OK)
        return rv;

    /* One that cannot be read shows no public key, which is no failure of the token. */
    enum rc rc = spki_put_certificate(b, bytes_span(&der), NULL);
    return rc == RC_NO_MEMORY ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV
object_put_spki(struct bytes *b, const struct session *s, const struct object *key,
    const struct objects *public_keys, const struct objects *certificates)
{
    const struct object *public_key = key->id_len > 0 ? find_companion(public_keys, key) : NULL;
    const struct object *certificate = key->id_len > 0 ? find_companion(certificates, key) : NULL;
    CK_RV rv = CKR_OK;

    if (public_key)
        rv = put_key(b, s, public_key, key->type);
    if (rv == CKR_OK && b->len == 0 && certificate)
        rv = put_certified(b, s, certificate);
    if (rv == CKR_OK && b->len == 0)
        rv = put_key(b, s, key, key->type);

    return rv;
}
