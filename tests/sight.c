/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/ledger_anchor.h"
#include "proto/bounds.h"

struct sight sight;

int
sight_setup(void **state)
{
    (void)state;
    sight = (struct sight){.dir = "/tmp/sight.XXXXXX"};
    sight.pinned = *pubkey_canonical_id(repository_keys[ROOT].key);
    sight.pin = (struct policy_pin_root){GUN, &sight.pinned, 1};
    sight_forget();
    return !mkdtemp(sight.dir) || ledger_open(&sight.ledger, sight.dir, NULL) ||
           seen_new(&sight.seen, NULL);
}

int
sight_teardown(void **state)
{
    char command[128];

    (void)state;
    sight_forget();
    seen_free(sight.seen);
    ledger_close(sight.ledger);
    snprintf(command, sizeof command, "rm -rf %s", sight.dir);
    return system(command);
}

void
sight_forget(void)
{
    known_free(steal(sight.known));
    subject_free(steal(sight.subject));
    for (size_t i = 0; i < sight.chain.n_files; i++)
        bytes_done(&sight.files[i].message);
    bytes_done(&sight.document.message);
    sight.chain = (struct message_chain){GUN, sight.files, 0};
}

void
sight_sign_root(int64_t version, const struct repository *r)
{
    struct span file = bytes_span(&r->files[ROOT]);

    assert_int_equal(ledger_begin(sight.ledger, NULL), RC_OK);
    assert_int_equal(ledger_anchor_sign(sight.ledger, GUN, version, file, NULL), RC_OK);
    assert_int_equal(ledger_put_root(sight.ledger, GUN, version, file, "signed", NULL), RC_OK);
    assert_int_equal(ledger_commit(sight.ledger, NULL), RC_OK);
}

static void
bring_file(const char *role, const struct bytes *raw)
{
    struct message_file *file = &sight.files[sight.chain.n_files++];
    const char *version = strstr(bytes_text(raw), "\"version\":");

    assert_non_null(version);
    *file = (struct message_file){role, strtol(version + strlen("\"version\":"), NULL, 10),
        .message = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    bytes_put(&file->message, bytes_span(raw));
    digest_of(&file->digest, bytes_span(raw));
}

void
sight_bring(const struct repository *r, enum part last)
{
    sight.sign.bases = &sight.chain;
    sight.sign.n_bases = r ? 1 : 0;
    for (enum part part = ROOT; r && part <= last; part++)
        bring_file(repository_roles[part], &r->files[part]);
    if (r)
        sight.files[0].role = sight.files[0].version == 6 ? "6.root" : "5.root";
}

static void
put_document(struct bytes *message, const char *role, int64_t version)
{
    const struct forge_key *key = &repository_keys[ROOT];
    const struct forge_role roles[] = {
        {"root", {key}, 1}, {"snapshot", {key}, 1}, {"targets", {key}, 1}, {"timestamp", {key}, 1}};

    if (!strcmp(role, "root"))
        forge_root(message, version, FUTURE, roles);
    else
        forge_targets(message, version, FUTURE, NULL, 0, "{}");
}

enum rc
sight_judge(const char *role, int64_t version, struct why *why)
{
    sight.document = (struct message_document){
        "notary", GUN, role, BYTES_INIT(DOCUMENT_MAX_BYTES), &sight.pinned, 1};
    put_document(&sight.document.message, role, version);
    sight.sign.documents = &sight.document;
    sight.sign.n_documents = 1;
    if (bases_check(&sight.sign, why) || subject_new(&sight.subject, &sight.document, NOW, why))
        fail_msg("%s", why->text);

    struct known_request request = {
        {&sight.sign, sight.ledger, &sight.policy, sight.seen, NOW}, &sight.subject, 1};
    return known_new(&sight.known, &request, why);
}

const struct decide_known *
sight_look(const char *role, int64_t version, const struct repository *r, enum part last)
{
    struct why why = {0};

    sight_forget();
    sight_bring(r, last);
    if (sight_judge(role, version, &why))
        fail_msg("%s", why.text);
    return &sight.known->facts[0];
}

void
sight_remember(void)
{
    const struct published *chain = &sight.known->chains[0];

    assert_true(published_is_sound(chain));
    assert_int_equal(ledger_begin(sight.ledger, NULL), RC_OK);
    assert_int_equal(published_put(chain, sight.ledger, NULL), RC_OK);
    assert_int_equal(ledger_commit(sight.ledger, NULL), RC_OK);
    published_hold(chain, &sight.chain, sight.seen);
}

void
sight_sign(struct bytes *file, const struct bytes *message, enum part part)
{
    const struct forge_key *signers[FORGE_KEYS_MAX] = {&repository_keys[part]};

    forge_file(file, bytes_span(message), signers);
}

void
sight_publish(struct repository *r, int64_t version, const char *expires, enum part without)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct forge_listed listed[3];
    size_t n = 0;

    for (enum part part = ROOT; part < PARTS; part++)
        if (part != TIMESTAMP && part != SNAPSHOT && part != without)
            listed[n++] =
                (struct forge_listed){repository_roles[part], bytes_span(&r->files[part])};
    forge_snapshot(&message, version, expires, listed, n);
    sight_sign(&r->files[SNAPSHOT], &message, SNAPSHOT);
    forge_timestamp(&message, version, expires, bytes_span(&r->files[SNAPSHOT]));
    sight_sign(&r->files[TIMESTAMP], &message, TIMESTAMP);
}
