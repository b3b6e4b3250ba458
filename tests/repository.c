/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/repository.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SOUND_TARGETS                                                                              \
    "{\"v1\":{\"hashes\":{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"},"           \
    "\"length\":0}}"

const char *const repository_roles[PARTS] = {
    [ROOT] = "root",
    [TIMESTAMP] = "timestamp",
    [SNAPSHOT] = "snapshot",
    [TARGETS] = "targets",
    [QA] = "targets/qa",
};

struct forge_key repository_keys[KEYS];

int
repository_make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        forge_key_init(&repository_keys[i], i == TIMESTAMP ? "ED25519" : "P-256");
    forge_key_certify(&repository_keys[ROOT], GUN, NOW - 86400, NOW + 86400);
    forge_key_certify(&repository_keys[SPARE], GUN, NOW - 86400, NOW + 86400);
    forge_key_certify(&repository_keys[WILDCARD], "localhost:5000/*", NOW - 86400, NOW + 86400);
    forge_key_certify(&repository_keys[EXPIRED], GUN, NOW - 86400, NOW - 1);
    forge_key_certify(
        &repository_keys[ELSEWHERE], "localhost:5000/shop/other", NOW - 86400, NOW + 86400);
    return 0;
}

int
repository_drop_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        forge_key_done(&repository_keys[i]);
    return 0;
}

void
repository_done(struct repository *r)
{
    for (size_t i = 0; i < PARTS; i++)
        bytes_done(&r->files[i]);
}

/* How a role is listed. */
static struct forge_role
listing(const struct plan *plan, enum part part, const char *paths)
{
    struct forge_role role = {repository_roles[part], {&repository_keys[part]}, 1, paths};

    if (plan->part != part)
        return role;

    if (plan->threshold)
        role.threshold = plan->threshold;
    if (plan->listed[0])
        memcpy(role.keys, plan->listed, sizeof role.keys);
    return role;
}

static void
put_message(
    struct bytes *message, const struct repository *r, const struct plan *plan, enum part part)
{
    int64_t version = plan->part == part && plan->version ? plan->version : 5;
    const char *expires = plan->part == part && plan->expires ? plan->expires : FUTURE;
    size_t n_roles = plan->damage == NOT_DELEGATED ? 0 : 1;
    struct forge_role base[] = {listing(plan, ROOT, NULL), listing(plan, SNAPSHOT, NULL),
        listing(plan, TARGETS, NULL), listing(plan, TIMESTAMP, NULL)};
    struct forge_role qa = listing(plan, QA, "[\"v\"]");
    struct forge_listed listed[3];
    size_t n_listed = 0;

    switch (part) {
    case ROOT:
        forge_root(message, version, expires, base);
        break;
    case TIMESTAMP:
        forge_timestamp(message, version, expires,
            plan->part == SNAPSHOT && plan->damage == MISLISTED ? SPAN("x")
                                                                : bytes_span(&r->files[SNAPSHOT]));
        break;
    case SNAPSHOT:
        for (enum part i = ROOT; i < PARTS; i++) {
            bool is_planned = plan->part == i;
            if (i == TIMESTAMP || i == SNAPSHOT || (is_planned && plan->damage == UNLISTED))
                continue;
            listed[n_listed++] = (struct forge_listed){repository_roles[i],
                is_planned && plan->damage == MISLISTED ? SPAN("x") : bytes_span(&r->files[i])};
        }
        forge_snapshot(message, version, expires, listed, n_listed);
        break;
    case TARGETS:
        forge_targets(message, version, expires, &qa, n_roles, SOUND_TARGETS);
        break;
    case QA:
        forge_targets(message, version, expires, NULL, 0, SOUND_TARGETS);
        break;
    case PARTS:
        fail();
    }
}

static void
put_file(struct repository *r, const struct plan *plan, enum part part)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_key *signers[FORGE_KEYS_MAX] = {&repository_keys[part]};
    enum damage damage = plan->part == part ? plan->damage : SOUND;

    r->files[part] = BYTES_INIT(DOCUMENT_MAX_BYTES);
    put_message(&message, r, plan, part);
    if (damage == NO_DOCUMENT) {
        bytes_clear(&message);
        bytes_puts(&message, "{}");
    }
    if (damage == UNSIGNED)
        signers[0] = NULL;
    if (damage == MISSIGNED)
        signers[0] = &repository_keys[part == QA ? TARGETS : QA];

    forge_file(&r->files[part], bytes_span(&message), signers);
    if (damage == INEXACT)
        bytes_putc(&r->files[part], '\n');
}

/* What others list is made before what lists it. */
void
repository_make(struct repository *r, const struct plan *plan)
{
    static const enum part order[] = {ROOT, QA, TARGETS, SNAPSHOT, TIMESTAMP};

    for (size_t i = 0; i < PARTS; i++)
        put_file(r, plan, order[i]);
    if (plan->damage == ALTERED) {
        struct bytes *file = &r->files[plan->part];
        uint8_t *version = file->p + (strstr(bytes_text(file), "\"version\":5") - bytes_text(file));
        version[strlen("\"version\":")] = '6';
    }
}

enum rc
repository_take(struct walk *w, enum part part, const struct repository *r, struct why *why)
{
    struct span file = bytes_span(&r->files[part]);

    switch (part) {
    case ROOT:
        return walk_anchor(w, file, why);
    case TIMESTAMP:
        return walk_timestamp(w, file, why);
    case SNAPSHOT:
        return walk_snapshot(w, file, why);
    case TARGETS:
    case QA:
        return walk_targets(w, span_of(repository_roles[part]), file, why);
    case PARTS:
        break;
    }

    return RC_SYSTEM;
}

void
repository_take_to(struct walk *w, const struct repository *r, enum part last)
{
    struct why why = {0};

    for (enum part i = ROOT; i <= last; i++)
        if (repository_take(w, i, r, &why))
            fail_msg("%s", why.text);
}

/* Sign message with the key of part, as the file of it. */
static void
sign_part(struct repository *r, enum part part, const struct bytes *message)
{
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[part]};

    forge_file(&r->files[part], bytes_span(message), signers);
}

void
repository_relist(struct repository *r, const struct bytes *root, int64_t version)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_listed listed[] = {{"root", bytes_span(root)},
        {"targets", bytes_span(&r->files[TARGETS])}, {"targets/qa", bytes_span(&r->files[QA])}};

    forge_snapshot(&message, version, FUTURE, listed, N_ELEMENTS(listed));
    sign_part(r, SNAPSHOT, &message);
    forge_timestamp(&message, version, FUTURE, bytes_span(&r->files[SNAPSHOT]));
    sign_part(r, TIMESTAMP, &message);
}
