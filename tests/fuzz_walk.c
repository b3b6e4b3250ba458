/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A published repository, file by file: each a line with its role and the numbers of the keys that
 * sign it, then its message, in which @3@ stands for hashes and length of the third file. Whatever
 * the walk takes must be signed, listed, in force and not older than was seen, by another reading.
 */
#include "proto/walk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/utc.h"
#include "tests/fuzz.h"
#include "tests/softkey.h"

#define GUN       "localhost:5000/shop/web"
#define NOW       INT64_C(1800000000)
#define FLOOR     5 /* of the timestamp */
#define FILES_MAX 10
#define N_KEYS    5

/* Key 0 is this certificate's; the others are Ed25519, with their number as each byte of the seed.
 */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmDCCAT6gAwIBAgIURovTX6TYYBbG1QjFyLIhu+Bqq7QwCgYIKoZIzj0EAwIw\n"
    "IjEgMB4GA1UEAwwXbG9jYWxob3N0OjUwMDAvc2hvcC93ZWIwIBcNMjYxMTI5MDg0\n"
    "ODUzWhgPMjA4MTA5MDEwODQ4NTNaMCIxIDAeBgNVBAMMF2xvY2FsaG9zdDo1MDAw\n"
    "L3Nob3Avd2ViMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0vySt+vM0u095QWU\n"
    "54kYEig5YmMxiwH9WImlwkZ0WSXEpR8MnMtPvdS3GeOGRBqmxJzfvFPMnioLzuPF\n"
    "TRuGuaNQME4wHQYDVR0OBBYEFBgq7+xBIPGuBWGPgDTMNoMU0Ks2MB8GA1UdIwQY\n"
    "MBaAFBgq7+xBIPGuBWGPgDTMNoMU0Ks2MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0E\n"
    "AwIDSAAwRQIhAJgjn3oKKSu3b/v/bZAHIIq1ZqMl0pJHCu1Kdav+kld5AiApD+Of\n"
    "vbaQQzL9mlt03Un+bI86n6erkhZroStLAMlFkw==\n"
    "-----END CERTIFICATE-----\n";
static const char private_key[] =
    "MHcCAQEEINDr8rrwdYb1k8vXMtI/OBYS6QmAbrDrmyJHbdVyHGftoAoGCCqGSM49AwEHoUQDQgAE0vySt+"
    "vM0u095QWU54kYEig5YmMxiwH9WImlwkZ0WSXEpR8MnMtPvdS3GeOGRBqmxJzfvFPMnioLzuPFTRuGuQ==";

struct file {
    char *role, *signers;
    struct span message;
    struct bytes raw;
    bool is_made;
};

struct world {
    struct file files[FILES_MAX];
    size_t n;
    json_t *trusted; /* role: document, of what was taken */
};

static EVP_PKEY *evps[N_KEYS];
static struct pubkey *keys[N_KEYS];

static void
make_keys(void)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(1024);

    if (keys[0])
        return;

    assert(!base64_parse(&der, span_of(private_key), NULL));
    const unsigned char *at = der.p;
    evps[0] = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    assert(evps[0] && !pubkey_from_pem(&keys[0], span_of(certificate), NULL));
    for (int i = 1; i < N_KEYS; i++) {
        uint8_t seed[32];

        memset(seed, i, sizeof seed);
        evps[i] = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
        keys[i] = softkey_pubkey(evps[i]);
    }
}

static void
read_files(struct world *w, struct span rest)
{
    while (rest.len > 0 && w->n < FILES_MAX) {
        struct span part = fuzz_part(&rest);
        const uint8_t *end = memchr(part.p, '\n', part.len);
        struct file *file = &w->files[w->n++];
        size_t head = end ? (size_t)(end - part.p) : part.len;

        file->role = fuzz_text((struct span){part.p, head});
        file->signers = file->role + strcspn(file->role, " ");
        if (*file->signers)
            *file->signers++ = 0;
        file->message = (struct span){part.p + head, part.len - head};
        if (file->message.len > 0)
            file->message = (struct span){file->message.p + 1, file->message.len - 1};
        file->raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    }
}

static bool
signs(const struct file *file, size_t key)
{
    return strchr(file->signers, '0' + (int)key) != NULL;
}

static void make_file(struct world *w, size_t i);

/* Replace what stands for files by what documents say of them. */
static void
put_message(struct bytes *b, struct world *w, struct span in)
{
    for (size_t at = 0; at < in.len; at++) {
        size_t n = at + 2 < in.len ? in.p[at + 1] - (size_t)'0' : FILES_MAX;

        if (in.p[at] != '@' || n >= w->n || in.p[at + 2] != '@') {
            bytes_putc(b, in.p[at]);
            continue;
        }

        struct tuf_hashes hashes;
        make_file(w, n);
        tuf_hashes_of(&hashes, bytes_span(&w->files[n].raw));
        bytes_puts(b, "\"hashes\":");
        tuf_hashes_format(b, &hashes);
        bytes_printf(b, ",\"length\":%zu", w->files[n].raw.len);
        at += 2;
    }
}

static void
make_file(struct world *w, size_t i)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct verify_signature signatures[N_KEYS];
    struct bytes raw[N_KEYS];
    struct file *file = &w->files[i];
    size_t n = 0;

    if (file->is_made)
        return;

    file->is_made = true;
    put_message(&message, w, file->message);
    for (size_t k = 0; k < N_KEYS; k++) {
        if (!signs(file, k))
            continue;
        raw[n] = BYTES_INIT(SIGNATURE_MAX_BYTES);
        enum verify_method method = verify_method_of(keys[k]);
        softkey_sign(&raw[n], evps[k], method, bytes_span(&message));
        signatures[n] = (struct verify_signature){*pubkey_id(keys[k]), method, bytes_span(&raw[n])};
        n++;
    }
    tuf_file_format(&file->raw, bytes_span(&message), signatures, n);
    while (n > 0)
        bytes_done(&raw[--n]);
}

/* At least the threshold of the keys that listing names, and signer has as they are, signed. */
static void
check_signed(const struct file *file, const json_t *listing, const json_t *listed)
{
    json_int_t threshold = json_integer_value(json_object_get(listing, "threshold"));
    const json_t *ids = json_object_get(listing, "keyids");
    json_int_t n = 0;

    for (size_t k = 0; k < N_KEYS; k++) {
        bool is_named = false;

        for (size_t i = 0; i < json_array_size(ids); i++)
            is_named = is_named ||
                       !strcmp(json_string_value(json_array_get(ids, i)), pubkey_id(keys[k])->hex);
        n += is_named && signs(file, k) && json_object_get(listed, pubkey_id(keys[k])->hex);
    }
    assert(threshold >= 1 && n >= threshold);
}

static const json_t *
document_of(const struct world *w, const char *role)
{
    return json_object_get(w->trusted, role);
}

static void
check_expiry(const json_t *document)
{
    int64_t expires_at = 0;

    assert(!utc_parse(
        &expires_at, span_of(json_string_value(json_object_get(document, "expires"))), NULL));
    assert(expires_at > NOW);
}

static int64_t
version_of(const json_t *document)
{
    return json_integer_value(json_object_get(document, "version"));
}

static void
check_listed(const struct world *w, const char *by, const char *role, const struct bytes *raw)
{
    const json_t *meta = json_object_get(document_of(w, by), "meta");
    const json_t *listed = json_object_get(meta, role);
    closing(bytes_done) struct bytes base64 = BYTES_INIT(64);
    struct digest digest;

    assert(listed);
    digest_of(&digest, bytes_span(raw));
    bytes_put_base64(&base64, digest_span(&digest));
    assert(!strcmp(bytes_text(&base64),
        json_string_value(json_object_get(json_object_get(listed, "hashes"), "sha256"))));
    assert(json_integer_value(json_object_get(listed, "length")) == (json_int_t)raw->len);
}

static const json_t *
root_role(const json_t *root, const char *role)
{
    return json_object_get(json_object_get(root, "roles"), role);
}

/* How the parent lists a delegation. */
static const json_t *
delegation(const json_t *parent, const char *role)
{
    const json_t *roles = json_object_get(json_object_get(parent, "delegations"), "roles");

    for (size_t i = 0; i < json_array_size(roles); i++) {
        const json_t *listed = json_array_get(roles, i);
        if (!strcmp(json_string_value(json_object_get(listed, "name")), role))
            return listed;
    }

    return NULL;
}

static void
forget_all_but(struct world *w, const char *const *kept)
{
    json_t *left = json_object();

    for (; *kept; kept++)
        if (document_of(w, *kept))
            json_object_set(left, *kept, json_object_get(w->trusted, *kept));
    json_decref(w->trusted);
    w->trusted = left;
}

static void
check_taken(struct world *w, const struct file *file, const json_t *document)
{
    const json_t *root = document_of(w, "root");
    const char *role = file->role;

    if (!strcmp(role, "anchor") || !strcmp(role, "root")) {
        const json_t *own = json_object_get(document, "keys");
        check_signed(file, root_role(document, "root"), own);
        if (*role == 'r') {
            check_signed(file, root_role(root, "root"), json_object_get(root, "keys"));
            assert(version_of(document) == version_of(root) + 1);
        }
        return;
    }

    const json_t *listing = root_role(root, role);
    const json_t *listed = json_object_get(root, "keys");
    if (!strcmp(role, "timestamp")) {
        check_expiry(root);
        assert(version_of(document) >= FLOOR);
    } else if (!strcmp(role, "snapshot")) {
        check_listed(w, "timestamp", role, &file->raw);
    } else {
        check_listed(w, "snapshot", role, &file->raw);
    }
    if (strchr(role, '/')) {
        closing(freep) char *parent = strndup(role, (size_t)(strrchr(role, '/') - role));
        listing = delegation(document_of(w, parent), role);
        listed = json_object_get(json_object_get(document_of(w, parent), "delegations"), "keys");
    }
    check_expiry(document);
    check_signed(file, listing, listed);
}

static enum rc
take(struct walk *w, const struct file *file)
{
    struct span raw = bytes_span(&file->raw);

    if (!strcmp(file->role, "anchor"))
        return walk_anchor(w, raw, NULL);
    if (!strcmp(file->role, "root"))
        return walk_root(w, raw, NULL);
    if (!strcmp(file->role, "timestamp"))
        return walk_timestamp(w, raw, NULL);
    if (!strcmp(file->role, "snapshot"))
        return walk_snapshot(w, raw, NULL);

    return walk_targets(w, span_of(file->role), raw, NULL);
}

static void
step(struct world *w, struct walk *walk, size_t i)
{
    static const char *const after_root[] = {NULL}, *const after_timestamp[] = {"root", NULL},
                             *const after_snapshot[] = {"root", "timestamp", NULL};
    struct file *file = &w->files[i];

    make_file(w, i);
    if (take(walk, file))
        return;

    json_auto_t *root = fuzz_json(bytes_span(&file->raw));
    json_t *document = json_object_get(root, "signed");
    bool is_root = !strcmp(file->role, "anchor") || !strcmp(file->role, "root");
    check_taken(w, file, document);
    if (is_root)
        forget_all_but(w, after_root);
    else if (!strcmp(file->role, "timestamp"))
        forget_all_but(w, after_timestamp);
    else if (!strcmp(file->role, "snapshot"))
        forget_all_but(w, after_snapshot);
    json_object_set(w->trusted, is_root ? "root" : file->role, document);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(walk_freep) struct walk *walk = NULL;
    struct world w = {.trusted = json_object()};

    make_keys();
    read_files(&w, (struct span){data, len});
    assert(!walk_new(&walk, GUN, TUF_TOLERANT, NOW, NULL));
    assert(!walk_floor(walk, SPAN("timestamp"), FLOOR, NULL));
    for (size_t i = 0; i < w.n; i++)
        step(&w, walk, i);

    for (size_t i = 0; i < w.n; i++) {
        free(w.files[i].role);
        bytes_done(&w.files[i].raw);
    }
    json_decref(w.trusted);
    return 0;
}
