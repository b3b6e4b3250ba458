/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/next_root.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/base.h"
#include "proto/bounds.h"
#include "tests/repository.h"

#define OTHER_GUN "localhost:5000/shop/api"

static const char *const names[] = {"5.root", "timestamp", "snapshot", "targets"};

/* What is published, as a base; and a document that is to be signed on top of it. */
static enum rc
look(const struct repository *r, const struct message_document *document, struct why *why)
{
    closing(base_freep) struct base *base = NULL;
    struct message_file files[N_ELEMENTS(names)];
    struct span raw[N_ELEMENTS(names)];
    struct message_document documents[] = {{.repository = GUN, .role = "targets"}, *document};
    const struct message_chain chain = {GUN, files, N_ELEMENTS(names)};
    const struct message_sign sign = {.documents = documents, .n_documents = N_ELEMENTS(documents)};

    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        files[i] = (struct message_file){.role = (char *)names[i], .version = 5};
        raw[i] = bytes_span(&r->files[i]);
    }
    return base_new(&base,
        &(struct base_request){
            &sign, &chain, raw, .anchor = bytes_span(&r->files[ROOT]), .now = NOW},
        why);
}

static void
put_root(struct bytes *message, int64_t version, const char *expires)
{
    struct forge_role base[] = {
        {"root", {&repository_keys[ROOT]}, 1, NULL},
        {"snapshot", {&repository_keys[SNAPSHOT]}, 1, NULL},
        {"targets", {&repository_keys[TARGETS]}, 1, NULL},
        {"timestamp", {&repository_keys[TIMESTAMP]}, 1, NULL},
    };

    forge_root(message, version, expires, base);
}

static void
test_an_expired_root_counts_only_where_the_request_replaces_it(void **state)
{
    static const struct {
        const char *says, *repository, *role, *expires;
        int64_t version; /* 0: no root at all */
        enum rc want;
    } rows[] = {
        {"the next root", GUN, "root", FUTURE, 6, RC_OK},
        {"the next root, expired itself", GUN, "root", PAST, 6, RC_UNTRUSTED},
        {"the same version", GUN, "root", FUTURE, 5, RC_UNTRUSTED},
        {"two versions further", GUN, "root", FUTURE, 7, RC_UNTRUSTED},
        {"the first root", GUN, "root", FUTURE, 1, RC_UNTRUSTED},
        {"of another repository", OTHER_GUN, "root", FUTURE, 6, RC_UNTRUSTED},
        {"of another role", GUN, "targets/qa", FUTURE, 6, RC_UNTRUSTED},
        {"no root", GUN, "root", FUTURE, 0, RC_UNTRUSTED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(repository_done) struct repository r = {0};
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        struct message_document document = {.repository = rows[i].repository, .role = rows[i].role};
        struct why why = {0};

        if (rows[i].version > 0)
            put_root(&message, rows[i].version, rows[i].expires);
        else
            bytes_puts(&message, "{}");
        document.message = message;
        repository_make(&r, &(struct plan){ROOT, .expires = PAST});
        if (look(&r, &document, &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].says, why.text);
        if (rows[i].want) {
            assert_non_null(strstr(why.text, "root version 5: expired at"));
            assert_non_null(strstr(why.text, "countersign witness " GUN " root"));
        }
    }
}

/* All else is judged as ever. */
static void
test_a_root_that_is_replaced_excuses_nothing_else(void **state)
{
    static const struct {
        struct plan plan;
        const char *why;
    } rows[] = {
        {{TIMESTAMP, .expires = PAST}, "timestamp: expired"},
        {{SNAPSHOT, .expires = PAST}, "snapshot: expired"},
        {{SNAPSHOT, MISSIGNED}, "snapshot: signed by 0"},
        {{ROOT, MISLISTED}, "lists another root"},
        {{TARGETS, MISSIGNED}, "targets: signed by 0"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(repository_done) struct repository r = {0};
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        struct message_document document = {.repository = GUN, .role = "root"};
        struct why why = {0};

        put_root(&message, 6, FUTURE);
        document.message = message;
        repository_make(&r, &rows[i].plan);
        assert_int_equal(look(&r, &document, &why), RC_UNTRUSTED);
        if (!strstr(why.text, rows[i].why))
            fail_msg("row %zu: %s", i, why.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_expired_root_counts_only_where_the_request_replaces_it),
        cmocka_unit_test(test_a_root_that_is_replaced_excuses_nothing_else),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
