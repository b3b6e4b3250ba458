/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/errands.h"

#include "agent/token/keypair.h"

void
errands_done(struct errands *errands)
{
    bytes_done(&errands->made.spki);
    bytes_done(&errands->made.certificate);
    bytes_done(&errands->certificates);
}

static enum rc
make(struct frame_made *ret, struct errands *errands, struct token *token,
    const struct frame *asked, int client, struct why *why)
{
    const struct token_site site = token_site(token);
    struct newkey *made = &errands->made;
    CK_RV rv = CKR_OK;

    bytes_clear(&made->spki);
    bytes_clear(&made->certificate);
    errands->detail.text[0] = 0;
    enum rc rc =
        asked->type == FRAME_IMPORT
            ? newkey_import(made, &rv, &site, asked->import.label, client, &errands->detail)
            : newkey_generate(made, &rv, &site, &asked->generate, &errands->detail);
    if (rv != CKR_OK && !keypair_is_refusal(rv))
        return token_lost(token, rv, "making a key", why);

    *ret = (struct frame_made){rc, bytes_span(&made->spki), made->provenance,
        bytes_span(&made->certificate), span_of(errands->detail.text)};
    return RC_OK;
}

/* One certificate, if there is room for it. */
static CK_RV
put_certificate(struct frame_attested *ret, struct errands *errands, const struct token_site *site,
    const struct object *certificate)
{
    struct bytes *b = &errands->certificates;
    size_t before = b->len;

    if (ret->n_certificates == ATTEST_MAX)
        return CKR_OK;

    CK_RV rv = object_put_certificate(b, site->session, certificate);
    if (rv != CKR_OK || b->len == before || b->failed)
        return rv;

    ret->certificates[ret->n_certificates++] = (struct span){b->p + before, b->len - before};
    return CKR_OK;
}

static bool
has_id_of(const struct object *certificate, const struct object *key)
{
    return span_eq(
        (struct span){certificate->id, certificate->id_len}, (struct span){key->id, key->id_len});
}

/* All certificates of the token, those of the key first: which of them attest it, others judge. */
static enum rc
attest(struct frame_attested *ret, struct errands *errands, struct token *token, uint32_t place,
    struct why *why)
{
    const struct token_site site = token_site(token);
    const struct object *key = token_key(token, place);
    CK_RV rv = CKR_OK;

    /* At once, so that spans into it stay. */
    bytes_clear(&errands->certificates);
    if (!bytes_room(&errands->certificates, ATTEST_MAX_BYTES))
        return bytes_check(&errands->certificates, why);

    *ret = (struct frame_attested){.rc = RC_OK};
    for (int is_other = 0; key && is_other < 2; is_other++)
        for (size_t i = 0; i < site.certificates->n && rv == CKR_OK; i++)
            if (has_id_of(&site.certificates->objects[i], key) != is_other)
                rv = put_certificate(ret, errands, &site, &site.certificates->objects[i]);
    if (rv != CKR_OK)
        return token_lost(token, rv, "reading certificates", why);

    if (ret->n_certificates == 0) {
        ret->rc = fail(&errands->detail, RC_REFUSED,
            "the token shows no certificate, so it attests nothing of this key");
        ret->detail = span_of(errands->detail.text);
    }
    return RC_OK;
}

enum rc
errands_run(struct frame *ret, struct errands *errands, struct token *token,
    const struct frame *asked, int client, struct why *why)
{
    ret->type = asked->type == FRAME_ATTEST ? FRAME_ATTESTED : FRAME_MADE;
    return asked->type == FRAME_ATTEST
               ? attest(&ret->attested, errands, token, asked->attest.place, why)
               : make(&ret->made, errands, token, asked, client, why);
}
