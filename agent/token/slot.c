/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/slot.h"

#define SLOTS_MAX 256 /* slots of one module */

/* A field of CK_TOKEN_INFO, which is padded with blanks and need not be text. */
static void
put_field(struct bytes *b, const CK_UTF8CHAR *field, size_t len)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == 0))
        len--;
    for (size_t i = 0; i < len; i++)
        bytes_putc(b, field[i] < 0x20 || field[i] > 0x7e ? '?' : field[i]);
}

CK_RV
slot_read(struct slot *ret, CK_FUNCTION_LIST *p11, CK_SLOT_ID id)
{
    closing(slot_done) struct slot slot = {
        .id = id, .serial = BYTES_INIT(64), .identity = BYTES_INIT(128)};

    CK_RV rv = GUARDED(p11->C_GetTokenInfo(id, &slot.info));
    if (rv != CKR_OK)
        return rv;

    put_field(&slot.serial, slot.info.serialNumber, sizeof slot.info.serialNumber);
    put_field(&slot.identity, slot.info.model, sizeof slot.info.model);
    bytes_putc(&slot.identity, ':');
    bytes_put(&slot.identity, bytes_span(&slot.serial));
    if (slot.serial.failed || slot.identity.failed)
        return CKR_HOST_MEMORY;

    slot_done(ret);
    *ret = slot;
    slot = (struct slot){0};
    return CKR_OK;
}

bool
slot_wants_touch(const struct slot *slot)
{
    /* How ykcs11 and the modules of others with a button name the maker. */
    static const char *const makers[] = {"Yubico", "Nitrokey"};
    const CK_UTF8CHAR *maker = slot->info.manufacturerID;

    for (size_t i = 0; i < N_ELEMENTS(makers); i++)
        if (memmem(maker, sizeof slot->info.manufacturerID, makers[i], strlen(makers[i])))
            return true;

    return false;
}

void
slot_done(struct slot *slot)
{
    bytes_done(&slot->serial);
    bytes_done(&slot->identity);
}

CK_RV
slot_is_present(CK_FUNCTION_LIST *p11, CK_SLOT_ID id)
{
    CK_SLOT_ID ids[SLOTS_MAX];
    CK_ULONG n_ids = N_ELEMENTS(ids);

    CK_RV rv = GUARDED(p11->C_GetSlotList(CK_TRUE, ids, &n_ids));
    if (rv != CKR_OK)
        return rv;

    for (CK_ULONG i = 0; i < n_ids && i < N_ELEMENTS(ids); i++)
        if (ids[i] == id)
            return CKR_OK;

    return CKR_TOKEN_NOT_PRESENT;
}

CK_RV
slot_find(struct slot *ret, size_t *ret_n, CK_FUNCTION_LIST *p11, P11KitUri *uri)
{
    CK_SLOT_ID ids[SLOTS_MAX];
    CK_ULONG n_ids = N_ELEMENTS(ids);
    CK_RV last = CKR_OK;
    size_t n = 0;

    CK_RV rv = GUARDED(p11->C_GetSlotList(CK_TRUE, ids, &n_ids));
    if (rv != CKR_OK)
        return rv;

    for (CK_ULONG i = 0; i < n_ids && i < N_ELEMENTS(ids); i++) {
        closing(slot_done) struct slot slot = {0};
        rv = slot_read(&slot, p11, ids[i]);
        if (rv != CKR_OK)
            last = rv;

        /* SoftHSM always shows one more slot, with a token that is not initialized. */
        if (rv == CKR_OK && (slot.info.flags & CKF_TOKEN_INITIALIZED) &&
            p11_kit_uri_match_token_info(uri, &slot.info)) {
            slot_done(ret);
            *ret = slot;
            slot = (struct slot){0};
            n++;
        }
    }

    if (n == 0 && last != CKR_OK)
        return last;

    *ret_n = n;
    return CKR_OK;
}

enum rc
slot_check_count(size_t n, struct why *why)
{
    if (n == 0)
        return fail(why, RC_TOKEN,
            "the module shows no such token; plug it in, start the daemon that it needs, or check "
            "its 'uri' in the policy");

    if (n > 1)
        return fail(
            why, RC_TOKEN, "%zu tokens fit the 'uri' of the token, want 1; let it say which", n);

    return RC_OK;
}

enum rc
slot_check(struct slot *slot, const char *serial, const char *identity, struct why *why)
{
    if (serial[0] && !span_is(bytes_span(&slot->serial), serial))
        return fail(why, RC_TOKEN,
            "another token is there: its serial is '%s', want '%s'; put that one back",
            bytes_text(&slot->serial), serial);

    if (identity[0] && !span_is(bytes_span(&slot->identity), identity))
        return fail(why, RC_TOKEN,
            "another token is there: it is '%s', want '%s' as first seen; put that one back",
            bytes_text(&slot->identity), identity);

    return RC_OK;
}
