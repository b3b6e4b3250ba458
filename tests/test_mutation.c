/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is one byte away from a sound document, or ends before its end, is refused or means
 * something else: jansson, another reader, writes what it reads there as the very bytes that were
 * taken.
 */
#include "agent/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "proto/members.h"
#include "tests/forge.h"

#define NOW     INT64_C(1800000000)
#define EXPIRES "2030-01-01T00:00:00Z"
#define HASH    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TARGETS                                                                                    \
    "{\"v\\\"1\":{\"custom\":{\"a\":[1,\"b\",null,true]},\"hashes\":{\"sha256\":\"" HASH           \
    "\"},\"length\":9007199254740991},\"\xc3\xa9\":{\"hashes\":{\"sha256\":\"" HASH                \
    "\"},\"length\":0}}"

enum { ROOT, TARGETS_OF_A_ROLE, SNAPSHOT, DOCUMENTS };

static const char *const roles_of_documents[DOCUMENTS] = {"root", "targets", "snapshot"};
static struct bytes documents[DOCUMENTS];
static struct forge_key key;

static int
make_documents(void **state)
{
    const struct forge_role delegation = {"targets/qa", {&key}, 1, "[\"\"]"};
    const struct forge_role roles[] = {{"root", {&key}, 1, NULL}, {"snapshot", {&key}, 1, NULL},
        {"targets", {&key}, 1, NULL}, {"timestamp", {&key}, 1, NULL}};
    const struct forge_listed listed[] = {{"root", SPAN("x")}, {"targets", SPAN("y")}};

    (void)state;
    forge_key_init(&key, "P-256");
    for (size_t i = 0; i < DOCUMENTS; i++)
        documents[i] = BYTES_INIT(DOCUMENT_MAX_BYTES);
    forge_root(&documents[ROOT], 2, EXPIRES, roles);
    forge_targets(&documents[TARGETS_OF_A_ROLE], 7, EXPIRES, &delegation, 1, TARGETS);
    forge_snapshot(&documents[SNAPSHOT], 7, EXPIRES, listed, N_ELEMENTS(listed));
    return 0;
}

static int
drop_documents(void **state)
{
    (void)state;
    forge_key_done(&key);
    for (size_t i = 0; i < DOCUMENTS; i++)
        bytes_done(&documents[i]);
    return 0;
}

/* Whether it is understood; what is wrong with what it says is a matter of its own. A document of
 * another type than its role's is refused for that, and not read any further. */
static bool
is_taken(size_t i, struct span message)
{
    closing(subject_freep) struct subject *subject = NULL;
    const struct message_document document = {.format = "notary",
        .repository = "registry.example.com/shop/web",
        .role = roles_of_documents[i],
        .message = {.p = (uint8_t *)message.p, .len = message.len, .max = DOCUMENT_MAX_BYTES}};
    struct why why = {""};

    enum rc rc = subject_new(&subject, &document, NOW, &why);
    assert_true(rc == RC_OK || rc == RC_MALFORMED);
    assert_true(rc == RC_OK || why.text[0]);
    return rc == RC_OK && subject->flaw != REASON_TYPE;
}

static void
assert_canonical(struct span message)
{
    json_error_t error;

    json_auto_t *read =
        json_loadb((const char *)message.p, message.len, JSON_REJECT_DUPLICATES, &error);
    if (!read)
        fail_msg("taken, but not by jansson (%s): %.*s", error.text, (int)message.len,
            (const char *)message.p);
    closing(freep) char *written = json_dumps(read, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(written);
    if (!span_is(message, written))
        fail_msg("taken as it stands: %.*s\nwritten: %s", (int)message.len, (const char *)message.p,
            written);
}

static void
test_takes_the_documents_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        assert_true(is_taken(i, bytes_span(&documents[i])));
        assert_canonical(bytes_span(&documents[i]));
    }
}

static void
test_refuses_what_ends_before_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENTS; i++)
        for (size_t len = 0; len < documents[i].len; len++)
            if (is_taken(i, (struct span){documents[i].p, len}))
                fail_msg("takes the first %zu bytes of %s", len, roles_of_documents[i]);
}

static void
test_refuses_what_has_a_byte_more_or_less(void **state)
{
    static const uint8_t more[] = {' ', '\n', 0, ',', '}', ']', '{', '"', '\\', '0', '-', 0xef};
    closing(bytes_done) struct bytes mutant = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < DOCUMENTS; i++)
        for (size_t at = 0; at <= documents[i].len; at++)
            for (size_t k = 0; k <= N_ELEMENTS(more); k++) {
                bool is_less = k == N_ELEMENTS(more);
                if (is_less && at == documents[i].len)
                    continue;

                bytes_clear(&mutant);
                bytes_put(&mutant, (struct span){documents[i].p, at});
                if (!is_less)
                    bytes_putc(&mutant, more[k]);
                bytes_put(&mutant,
                    (struct span){documents[i].p + at + is_less, documents[i].len - at - is_less});
                if (is_taken(i, bytes_span(&mutant)))
                    assert_canonical(bytes_span(&mutant));
            }
}

/* Each bit flipped, and what has a meaning in JSON or UTF-8. */
static void
test_refuses_another_byte_or_reads_something_else(void **state)
{
    static const uint8_t bytes[] = "\"\\{}[],: \n/-+.09eEuAaZ\x1f\x7f\x80\xc2\xed\xef\xf5\xff";
    size_t n_taken = 0;

    (void)state;
    for (size_t i = 0; i < DOCUMENTS; i++)
        for (size_t at = 0; at < documents[i].len; at++) {
            uint8_t was = documents[i].p[at];
            for (size_t k = 0; k < sizeof bytes + 8; k++) { /* its NUL as well */
                uint8_t byte =
                    (uint8_t)(k < sizeof bytes ? bytes[k] : was ^ (1 << (k - sizeof bytes)));
                documents[i].p[at] = byte;
                if (byte == was || !is_taken(i, bytes_span(&documents[i])))
                    continue;

                assert_canonical(bytes_span(&documents[i]));
                n_taken++;
            }
            documents[i].p[at] = was;
        }
    assert_true(n_taken > 0); /* another name of a target, say */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_documents_themselves),
        cmocka_unit_test(test_refuses_what_ends_before_its_end),
        cmocka_unit_test(test_refuses_what_has_a_byte_more_or_less),
        cmocka_unit_test(test_refuses_another_byte_or_reads_something_else),
    };

    return cmocka_run_group_tests(tests, make_documents, drop_documents);
}
