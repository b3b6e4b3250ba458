/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cosignature.h"

#include <inttypes.h>

#include "proto/jsontext.h"
#include "proto/reference.h"
#include "proto/role.h"

#define FORM_VERSION 1

static void
document_done(struct cosignature_document *document)
{
    free(document->role);
    tuf_targets_free(document->targets);
    tuf_root_free(document->root);
    bytes_done(&document->message);
    collected_done(&document->signatures);
}

void
cosignature_free(struct cosignature *cosignature)
{
    if (!cosignature)
        return;

    for (size_t i = 0; i < cosignature->n; i++)
        document_done(&cosignature->documents[i]);
    free(cosignature->documents);
    free(cosignature->repository);
    free(cosignature);
}

enum rc
cosignature_new(struct cosignature **ret, const char *repository, struct why *why)
{
    closing(cosignature_freep) struct cosignature *cosignature = calloc(1, sizeof *cosignature);
    if (!cosignature)
        return fail_memory(why);

    cosignature->repository = strdup(repository);
    if (!cosignature->repository)
        return fail_memory(why);

    *ret = steal(cosignature);
    return RC_OK;
}

const struct cosignature_document *
cosignature_find(const struct cosignature *cosignature, const char *role)
{
    for (size_t i = 0; i < cosignature->n; i++)
        if (!strcmp(cosignature->documents[i].role, role))
            return &cosignature->documents[i];

    return NULL;
}

int64_t
cosignature_version(const struct cosignature_document *document)
{
    return document->root ? document->root->version : document->targets->version;
}

/* What nobody could verify, or would be read in two ways, is signed by nobody. */
static enum rc
read_message(struct cosignature_document *document, struct why *why)
{
    struct span message = bytes_span(&document->message);
    enum rank rank = role_rank(span_of(document->role));
    enum rc rc = RC_OK;

    switch (rank) {
    case RANK_ROOT:
        rc = tuf_root_parse(&document->root, message, why);
        if (!rc && tuf_root_check(document->root, why))
            rc = RC_MALFORMED;
        return rc;
    case RANK_TARGETS:
    case RANK_DELEGATION:
        rc = tuf_targets_parse(&document->targets, message, why);
        if (!rc && tuf_targets_check(document->targets, span_of(document->role), why))
            rc = RC_MALFORMED;
        return rc;
    case RANK_SNAPSHOT:
    case RANK_TIMESTAMP:
    case RANK_MAX_:
        break;
    }

    return fail(why, RC_MALFORMED, "'%s' is no role that is signed like that", document->role);
}

static bool
comes_before(const char *a, const char *b)
{
    bool is_root_a = !strcmp(a, "root"), is_root_b = !strcmp(b, "root");

    return is_root_a != is_root_b ? is_root_a : strcmp(a, b) < 0;
}

/* Takes document, which is empty then. */
static enum rc
insert_take(struct cosignature_document **ret, struct cosignature *cosignature,
    struct cosignature_document *document, struct why *why)
{
    size_t at = cosignature->n;

    if (cosignature_find(cosignature, document->role))
        return fail(why, RC_MALFORMED, "a second document of %s", document->role);

    if (!mem_grow(&cosignature->documents, cosignature->n, sizeof *document, DOCUMENTS_MAX))
        return cosignature->n == DOCUMENTS_MAX
                   ? fail(why, RC_TOO_LARGE, "more than %d documents", DOCUMENTS_MAX)
                   : fail_memory(why);

    while (at > 0 && comes_before(document->role, cosignature->documents[at - 1].role)) {
        cosignature->documents[at] = cosignature->documents[at - 1];
        at--;
    }
    cosignature->documents[at] = *document;
    cosignature->n++;
    *document = (struct cosignature_document){0};
    *ret = &cosignature->documents[at];
    return RC_OK;
}

static void
document_init(struct cosignature_document *ret)
{
    *ret = (struct cosignature_document){
        .message = BYTES_INIT(DOCUMENT_MAX_BYTES), .signatures = COLLECTED_INIT};
}

enum rc
cosignature_add(struct cosignature_document **ret, struct cosignature *cosignature,
    const char *role, struct span message, struct span base, int64_t base_version, struct why *why)
{
    closing(document_done) struct cosignature_document document;

    document_init(&document);
    document.role = strdup(role);
    if (!document.role)
        return fail_memory(why);

    if (base.len > 0) {
        document.base_version = base_version;
        digest_of(&document.base, base);
    }
    bytes_put(&document.message, message);
    enum rc rc = bytes_check(&document.message, why);
    if (!rc)
        rc = read_message(&document, why);
    return rc ? within(why, rc, "%s", role) : insert_take(ret, cosignature, &document, why);
}

static enum rc
read_base(struct cosignature_document *document, const json_t *object, struct why *why)
{
    const char *digest = "";
    struct members m;

    if (!object)
        return RC_OK;

    members_open(&m, object, "base");
    members_int(&m, "version", 1, INTEGER_MAX, &document->base_version);
    members_text(&m, "sha256", &digest);
    enum rc rc = members_close(&m, why);
    return rc ? rc : hex_parse(document->base.b, sizeof document->base.b, span_of(digest), why);
}

static enum rc
read_signature(struct cosignature_document *document, const json_t *object, struct why *why)
{
    closing(bytes_done) struct bytes bytes = BYTES_INIT(SIGNATURE_MAX_BYTES);
    const char *keyid = "", *method = "", *sig = "";
    struct verify_signature signature = {.method = VERIFY_METHOD_MAX_};
    size_t n = document->signatures.n;
    struct members m;

    members_open(&m, object, "signature");
    members_text(&m, "keyid", &keyid);
    members_text(&m, "method", &method);
    members_text(&m, "sig", &sig);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = keyid_parse(&signature.keyid, span_of(keyid), why);
    if (!rc)
        rc = base64_parse(&bytes, span_of(sig), why);
    if (rc)
        return rc;

    signature.method = verify_method_find(span_of(method));
    if (signature.method == VERIFY_METHOD_MAX_)
        return fail(why, RC_MALFORMED, "method '%s' is not known", method);

    signature.signature = bytes_span(&bytes);
    rc = collected_add(&document->signatures, &signature, why);
    return !rc && document->signatures.n == n
               ? fail(why, RC_MALFORMED, "a second signature by key %s", keyid)
               : rc;
}

static enum rc
read_members(struct cosignature_document *document, const json_t *object, struct why *why)
{
    const json_t *base = NULL, *signatures = NULL;
    const char *role = "", *message = "";
    struct members m;

    members_open(&m, object, "");
    members_text(&m, "role", &role);
    members_object_maybe(&m, "base", &base);
    members_text(&m, "message", &message);
    members_array(&m, "signatures", SIGNATURES_MAX, &signatures);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = base64_parse(&document->message, span_of(message), why);
    if (!rc)
        rc = read_base(document, base, why);
    if (rc)
        return rc;

    document->role = strdup(role);
    if (!document->role)
        return fail_memory(why);

    rc = read_message(document, why);
    for (size_t i = 0; !rc && i < json_array_size(signatures); i++) {
        rc = read_signature(document, json_array_get(signatures, i), why);
        if (rc)
            return within(why, rc, "signatures[%zu]", i);
    }
    return rc;
}

static enum rc
read_document(struct cosignature *cosignature, const json_t *object, size_t i, struct why *why)
{
    closing(document_done) struct cosignature_document document;
    struct cosignature_document *place = NULL;

    document_init(&document);
    enum rc rc = read_members(&document, object, why);
    if (!rc)
        rc = insert_take(&place, cosignature, &document, why);
    return rc ? within(why, rc, "documents[%zu]", i) : RC_OK;
}

enum rc
cosignature_parse(struct cosignature **ret, struct span text, struct why *why)
{
    closing(cosignature_freep) struct cosignature *cosignature = NULL;
    closing(json_decrefp) json_t *object = NULL;
    const json_t *documents = NULL;
    const char *repository = "";
    int64_t version = 0;
    struct members m;

    enum rc rc = members_parse(&object, text, why);
    if (rc)
        return rc;

    members_open(&m, object, "");
    members_int(&m, "cosignature", 1, INTEGER_MAX, &version);
    members_text(&m, "repository", &repository);
    members_array(&m, "documents", DOCUMENTS_MAX, &documents);
    rc = members_close(&m, why);
    if (version > FORM_VERSION)
        return fail(why, RC_UNSUPPORTED,
            "of form %" PRId64 ", this program knows %d: a newer one made it", version,
            FORM_VERSION);
    if (!rc && json_array_size(documents) == 0)
        rc = fail(why, RC_MALFORMED, "no document is in it");
    if (!rc && !repository_is_normal(repository))
        rc = fail(why, RC_MALFORMED, "'%s' is no repository in its full form", repository);
    if (!rc)
        rc = cosignature_new(&cosignature, repository, why);
    for (size_t i = 0; !rc && i < json_array_size(documents); i++)
        rc = read_document(cosignature, json_array_get(documents, i), i, why);
    if (rc)
        return rc;

    *ret = steal(cosignature);
    return RC_OK;
}

/* Readers follow roots one by one, and publish() looks at every version that was left out. */
static enum rc
check_version(const struct cosignature_document *document, int64_t published, struct why *why)
{
    int64_t version = cosignature_version(document);
    int64_t max = published + (document->root ? 1 : VERSION_STEP_MAX);

    if (version <= published)
        return fail(why, RC_CONFLICT,
            "its version is %" PRId64 ", and %" PRId64 " is published: make it again", version,
            published);

    return version > max ? fail(why, RC_MALFORMED,
                               "its version is %" PRId64 ", want one up to %" PRId64 ", as %" PRId64
                               " is published: make it again",
                               version, max, published)
                         : RC_OK;
}

enum rc
cosignature_check_base(const struct cosignature_document *document, struct span published,
    int64_t version, struct why *why)
{
    struct digest digest = {{0}};

    if (published.len > 0)
        digest_of(&digest, published);
    if (!digest_eq(&digest, &document->base) || (document->base_version > 0) != (published.len > 0))
        return fail(why, RC_CONFLICT,
            "it is to replace version %" PRId64 ", and %s %" PRId64
            " is published (0: nothing), so others were faster: make it again",
            document->base_version,
            document->base_version == version ? "another version" : "version", version);

    return check_version(document, version, why);
}

/* Names and key IDs have nothing to be escaped. */
static void
put_document(struct bytes *b, const struct cosignature_document *document)
{
    bytes_printf(b, "{\"role\":\"%s\",\"base\":", document->role);
    if (document->base_version > 0) {
        bytes_printf(b, "{\"version\":%" PRId64 ",\"sha256\":\"", document->base_version);
        bytes_put_hex(b, digest_span(&document->base));
        bytes_puts(b, "\"}");
    } else {
        bytes_puts(b, "null");
    }
    bytes_puts(b, ",\n\"message\":\"");
    bytes_put_base64(b, bytes_span(&document->message));
    bytes_puts(b, "\",\n\"signatures\":[");
    for (size_t i = 0; i < document->signatures.n; i++) {
        const struct verify_signature *signature = &document->signatures.signatures[i];
        bytes_printf(b, "%s{\"keyid\":\"%s\",\"method\":\"%s\",\"sig\":\"", i > 0 ? ",\n" : "",
            signature->keyid.hex, verify_method_name(signature->method));
        bytes_put_base64(b, signature->signature);
        bytes_puts(b, "\"}");
    }
    bytes_puts(b, "]}");
}

void
cosignature_format(struct bytes *b, const struct cosignature *cosignature)
{
    closing(json_decrefp) json_t *name = json_string(cosignature->repository);

    if (!name) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    bytes_printf(b, "{\"cosignature\":%d,\"repository\":", FORM_VERSION);
    jsontext_put(b, name);
    bytes_puts(b, ",\"documents\":[\n");
    for (size_t i = 0; i < cosignature->n; i++) {
        bytes_puts(b, i > 0 ? ",\n" : "");
        put_document(b, &cosignature->documents[i]);
    }
    bytes_puts(b, "\n]}\n");
}
