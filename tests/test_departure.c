/* SPDX-License-Identifier: Apache-2.0 */
#include "client/departure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/forge.h"

#define EXPIRES "2030-01-01T00:00:00Z"
#define ONE                                                                                        \
    "{\"hashes\":{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},\"length\":1}"
#define OTHER                                                                                      \
    "{\"hashes\":{\"sha256\":\"CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},\"length\":1}"
#define PATHS "[\"\"]"

static struct forge_key alice, bob;

static int
set_up(void **state)
{
    (void)state;
    forge_key_init(&alice, "P-256");
    forge_key_init(&bob, "P-256");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    forge_key_done(&alice);
    forge_key_done(&bob);
    return 0;
}

/* targets, targets/alice, targets/releases and targets/bob, as trust.h shows them. */
#define N_ROLES 4

struct shop {
    struct trust_role roles[N_ROLES];
    struct tuf_file *files[N_ROLES];
    struct tuf_targets *documents[N_ROLES];
};

/* What the four hold, and who has signed targets/releases. NULL: nothing is published. */
struct stock {
    const char *targets[N_ROLES];
    const struct forge_key *signers[FORGE_KEYS_MAX];
    const struct forge_role *roles; /* those of targets, in the order above */
};

static void
publish(struct shop *shop, size_t i, const struct stock *stock)
{
    static const struct forge_key *const nobody[FORGE_KEYS_MAX] = {&alice};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct trust_role *role = &shop->roles[i];

    if (!stock->targets[i])
        return;

    forge_targets(&message, 1, EXPIRES, i == 0 ? stock->roles : NULL, i == 0 ? N_ROLES - 1 : 0,
        stock->targets[i]);
    forge_file(&file, bytes_span(&message), i == 2 ? stock->signers : nobody);
    assert_int_equal(tuf_file_parse(&shop->files[i], bytes_span(&file), TUF_STRICT, NULL), RC_OK);
    assert_int_equal(
        tuf_targets_parse(&shop->documents[i], bytes_span(&shop->files[i]->message), NULL), RC_OK);
    role->file = shop->files[i];
    role->document = shop->documents[i];
}

static void
shop_init(struct shop *shop, const struct stock *stock)
{
    static const char *const names[N_ROLES] = {
        "targets", "targets/alice", "targets/releases", "targets/bob"};

    *shop = (struct shop){0};
    for (size_t i = 0; i < N_ROLES; i++) {
        struct trust_role *role = &shop->roles[i];
        role->name = strdup(names[i]);
        publish(shop, i, stock);
        if (i > 0) {
            role->listed = &shop->documents[0]->roles[i - 1];
            role->listed_keys = &shop->documents[0]->keys;
        }
    }
}

static void
shop_done(struct shop *shop)
{
    for (size_t i = 0; i < N_ROLES; i++) {
        free(shop->roles[i].name);
        tuf_targets_free(shop->documents[i]);
        tuf_file_free(shop->files[i]);
    }
}

/* The tags for which nobody but bob vouches, "v1 v2 "; "!" before them: he is the last. */
static void
check(const struct stock *stock, const char *want, size_t n_ids)
{
    closing(shop_done) struct shop shop;
    closing(departure_done) struct departure d = {0};
    closing(bytes_done) struct bytes have = BYTES_INIT(1024);

    shop_init(&shop, stock);
    assert_int_equal(departure_find(&d, shop.roles, N_ROLES, "targets/bob", NULL), RC_OK);
    bytes_puts(&have, d.is_last ? "!" : "");
    for (size_t i = 0; i < d.n_orphans; i++) {
        bytes_put(&have, d.orphans[i]->name);
        bytes_putc(&have, ' ');
    }
    assert_string_equal(bytes_text(&have), want);
    assert_int_equal(d.n_ids, n_ids);
}

static void
test_finds_what_nobody_else_vouches_for(void **state)
{
    const struct forge_role roles[] = {{"targets/alice", {&alice}, 1, PATHS},
        {"targets/releases", {&alice, &bob}, 1, PATHS}, {"targets/bob", {&bob}, 1, PATHS}};
    struct stock stock = {
        .targets = {"{\"admins\":" ONE "}", "{\"both\":" ONE ",\"moved\":" OTHER "}",
            "{\"admins\":" ONE ",\"both\":" ONE ",\"mine\":" ONE ",\"moved\":" ONE
            ",\"nobodys\":" ONE "}",
            "{\"both\":" ONE ",\"mine\":" ONE ",\"moved\":" ONE ",\"unreleased\":" ONE "}"},
        .signers = {&bob},
        .roles = roles,
    };

    (void)state;
    check(&stock, "mine moved nobodys ", 1);
    stock.signers[0] = &alice; /* who has signed what no role holds, too */
    check(&stock, "mine moved ", 1);
    stock.signers[1] = &bob;
    check(&stock, "mine moved ", 1);
    stock.targets[2] = NULL; /* nothing is published, or it does not verify */
    check(&stock, "", 1);
}

static void
test_a_last_signer_takes_all_but_what_targets_holds(void **state)
{
    const struct forge_role roles[] = {{"targets/alice", {&alice}, 1, PATHS},
        {"targets/releases", {&bob}, 1, PATHS}, {"targets/bob", {&bob}, 1, PATHS}};
    const struct stock stock = {
        .targets = {"{\"admins\":" ONE "}", "{\"both\":" ONE "}",
            "{\"admins\":" ONE ",\"both\":" ONE "}", "{}"},
        .signers = {&bob},
        .roles = roles,
    };

    (void)state;
    check(&stock, "!both ", 1);
}

static void
test_a_key_that_another_signer_has_stays(void **state)
{
    const struct forge_role roles[] = {{"targets/alice", {&alice, &bob}, 1, PATHS},
        {"targets/releases", {&bob}, 1, PATHS}, {"targets/bob", {&bob}, 1, PATHS}};
    const struct stock stock = {
        .targets = {"{}", "{}", "{\"v\":" ONE "}", "{}"}, .signers = {&bob}, .roles = roles};
    closing(departure_done) struct departure d = {0};
    closing(shop_done) struct shop shop;

    (void)state;
    check(&stock, "", 0);
    shop_init(&shop, &stock);
    assert_int_equal(departure_find(&d, shop.roles, N_ROLES, "targets/carol", NULL), RC_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_nobody_else_vouches_for),
        cmocka_unit_test(test_a_last_signer_takes_all_but_what_targets_holds),
        cmocka_unit_test(test_a_key_that_another_signer_has_stays),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
