/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/certlist.h"

#include "proto/pem.h"

DEFINE_CLEANUP(X509, X509_free);

X509 *
certlist_read_one(struct span der)
{
    const uint8_t *at = der.p;

    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    if (certificate && at == der.p + der.len)
        return certificate;

    X509_free(certificate);
    return NULL;
}

/* Append the certificate of one block. */
static bool
add(STACK_OF(X509) * *list, struct span der)
{
    closing(X509_freep) X509 *certificate = certlist_read_one(der);

    if (!*list)
        *list = sk_X509_new_null();

    if (!certificate || !*list || !sk_X509_push(*list, certificate))
        return false;

    certificate = NULL; /* it is the list's now */
    return true;
}

enum rc
certlist_read(STACK_OF(X509) * *ret, struct span text)
{
    STACK_OF(X509) *list = NULL;
    struct span rest = text;
    closing(bytes_done) struct bytes der = BYTES_INIT(text.len);
    closing(bytes_done) struct bytes again = BYTES_INIT(text.len);
    struct pem_block block;
    enum rc rc = RC_OK;
    bool is_sound = true;

    while (is_sound && !pem_next(&block, &rest, NULL)) {
        bytes_clear(&der);
        rc = pem_decode(&der, &block, NULL);
        is_sound = !rc && add(&list, bytes_span(&der));
        pem_format(&again, SPAN("CERTIFICATE"), bytes_span(&der));
    }

    if (!is_sound || !span_eq(bytes_span(&again), text)) {
        sk_X509_pop_free(list, X509_free);
        list = NULL;
    }
    *ret = list;

    bool has_run_out = rc == RC_NO_MEMORY || bytes_check(&again, NULL) == RC_NO_MEMORY;
    return has_run_out ? RC_NO_MEMORY : RC_OK;
}
