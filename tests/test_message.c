/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void
test_parses_a_call_with_its_defaults(void **state)
{
    struct message_call call;

    (void)state;
    assert_int_equal(
        message_call_parse(&call, SPAN("{\"method\":\"org.countersign.Agent.Status\"}"), NULL),
        RC_OK);
    assert_string_equal(call.method, "org.countersign.Agent.Status");
    assert_int_equal(json_object_size(call.parameters), 0);
    assert_false(call.more || call.oneway || call.upgrade);
    message_call_done(&call);
}

static void
test_refuses_what_is_no_call(void **state)
{
    static const char *const frames[] = {
        "",
        "[]",
        "{}",
        "{\"method\":1}",
        "{\"method\":\"a.B\",\"parameters\":[]}",
        "{\"method\":\"a.B\",\"more\":1}",
        "{\"method\":\"a.B\",\"unknown\":true}",
        "{\"method\":\"a.B\",\"method\":\"a.C\"}",
        "{\"method\":\"a.B\"} x",
        "{\"method\":\"a.B",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(frames); i++) {
        struct message_call call;
        struct why why;
        if (message_call_parse(&call, span_of(frames[i]), &why) != RC_MALFORMED)
            fail_msg("taken: %s", frames[i]);
    }
}

static void
test_writes_messages_that_it_reads_back(void **state)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1024);
    struct message_reply reply;
    struct message_call call;

    (void)state;
    message_put_call(&out, "org.countersign.Agent.ListKeys", NULL, true);
    assert_int_equal(out.p[out.len - 1], 0);
    assert_int_equal(message_call_parse(&call, (struct span){out.p, out.len - 1}, NULL), RC_OK);
    assert_true(call.more);
    message_call_done(&call);

    bytes_clear(&out);
    json_auto_t *parameters = json_pack("{s:s}", "bound", "CONN_MAX");
    message_put_error(&out, "org.countersign.Agent.Busy", parameters);
    assert_int_equal(message_reply_parse(&reply, (struct span){out.p, out.len - 1}, NULL), RC_OK);
    assert_string_equal(reply.error, "org.countersign.Agent.Busy");
    assert_string_equal(json_string_value(json_object_get(reply.parameters, "bound")), "CONN_MAX");
    message_reply_done(&reply);
}

static void
test_replies_always_have_parameters(void **state)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1024);
    static const char want[] = "{\"parameters\":{}}\0{\"parameters\":{},\"continues\":true}";

    (void)state;
    message_put_reply(&out, NULL, false);
    message_put_reply(&out, NULL, true);
    assert_true(span_eq(bytes_span(&out), (struct span){(const uint8_t *)want, sizeof want}));
}

static void
test_writes_nothing_where_a_part_of_the_message_is_missing(void **state)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1024);

    (void)state;
    message_put_error(&out, "\xff", NULL); /* jansson makes no string of it, as without memory */
    assert_int_equal(bytes_check(&out, NULL), RC_NO_MEMORY);
    assert_int_equal(out.len, 0);
}

static json_t *
parameters_of(const char *text)
{
    json_t *parameters = NULL;

    if (members_parse(&parameters, span_of(text), NULL))
        fail_msg("the test's own JSON: %s", text);
    return parameters;
}

#define DOCUMENT(keys)                                                                             \
    "{\"format\":\"notary\",\"repository\":\"r/x\",\"role\":\"targets\",\"message\":\"e30=\","     \
    "\"keys\":[" keys "]}"

static void
test_parses_the_documents_of_a_sign_request(void **state)
{
    json_t *parameters = parameters_of(
        "{\"documents\":[" DOCUMENT("\"" KEY_A "\",\"" KEY_B "\"") "],\"partial\":true}");
    struct message_sign sign;

    (void)state;
    assert_int_equal(message_sign_parse(&sign, parameters, false, NULL), RC_OK);
    json_decref(parameters); /* what was parsed holds its own reference */
    assert_int_equal(sign.n_documents, 1);
    assert_string_equal(sign.documents[0].repository, "r/x");
    assert_true(span_is(bytes_span(&sign.documents[0].message), "{}"));
    assert_int_equal(sign.documents[0].n_keys, 2);
    assert_true(sign.partial);
    assert_false(sign.dry_run);
    message_sign_done(&sign);
}

#define WITH_BASE(repository, role, version, digest)                                               \
    "{\"documents\":[" DOCUMENT("\"" KEY_A "\"") "],\"bases\":[{\"repository\":\"" repository      \
                                                 "\",\"files\":[{\"role\":\"" role                 \
                                                 "\",\"version\":" version ",\"digest\":\"" digest \
                                                 "\"}]}]}"

static void
test_parses_the_base_of_a_sign_request(void **state)
{
    json_auto_t *parameters = parameters_of(WITH_BASE("r/x", "1.root", "1", KEY_A));
    struct message_sign sign;

    (void)state;
    assert_int_equal(message_sign_parse(&sign, parameters, false, NULL), RC_OK);
    assert_int_equal(sign.n_bases, 1);
    assert_string_equal(sign.bases[0].repository, "r/x");
    assert_int_equal(sign.bases[0].n_files, 1);
    assert_string_equal(sign.bases[0].files[0].role, "1.root");
    assert_int_equal(sign.bases[0].files[0].version, 1);
    assert_int_equal(sign.bases[0].files[0].message.len, 0);
    message_sign_done(&sign);
}

static const struct {
    const char *says, *parameters;
    enum rc want;
} refused[] = {
    {"no documents", "{}", RC_MALFORMED},
    {"an empty list of documents", "{\"documents\":[]}", RC_MALFORMED},
    {"a document without keys", "{\"documents\":[" DOCUMENT("") "]}", RC_MALFORMED},
    {"a key twice", "{\"documents\":[" DOCUMENT("\"" KEY_A "\",\"" KEY_A "\"") "]}", RC_MALFORMED},
    {"a key that is none", "{\"documents\":[" DOCUMENT("\"AA\"") "]}", RC_MALFORMED},
    {"an unknown parameter", "{\"documents\":[" DOCUMENT("\"" KEY_A "\"") "],\"x\":1}",
        RC_MALFORMED},
    {"Explain's user", "{\"documents\":[" DOCUMENT("\"" KEY_A "\"") "],\"user\":\"a\"}",
        RC_MALFORMED},
    {"an unknown member of a document",
        "{\"documents\":[{\"format\":\"notary\",\"repository\":\"r\",\"role\":\"targets\","
        "\"message\":\"e30=\",\"keys\":[\"" KEY_A "\"],\"more\":1}]}",
        RC_MALFORMED},
    {"a message that is no base64",
        "{\"documents\":[{\"format\":\"notary\",\"repository\":\"r\",\"role\":\"targets\","
        "\"message\":\"e30\",\"keys\":[\"" KEY_A "\"]}]}",
        RC_MALFORMED},
    {"a repository with a control character",
        "{\"documents\":[{\"format\":\"notary\",\"repository\":\"r\\n\",\"role\":\"targets\","
        "\"message\":\"e30=\",\"keys\":[\"" KEY_A "\"]}]}",
        RC_MALFORMED},
    {"a base without a repository", WITH_BASE("", "targets", "3", KEY_A), RC_MALFORMED},
    {"a base of a repository with a control character", WITH_BASE("r\\n", "targets", "3", KEY_A),
        RC_MALFORMED},
    {"a base's file without a role", WITH_BASE("r", "", "3", KEY_A), RC_MALFORMED},
    {"a base's file of version 0", WITH_BASE("r", "targets", "0", KEY_A), RC_MALFORMED},
    {"a base's file of a version beyond 2^53", WITH_BASE("r", "targets", "9007199254740992", KEY_A),
        RC_MALFORMED},
    {"a base's file with half a digest", WITH_BASE("r", "targets", "3", "aa"), RC_MALFORMED},
    {"an empty role",
        "{\"documents\":[{\"format\":\"notary\",\"repository\":\"r\",\"role\":\"\","
        "\"message\":\"e30=\",\"keys\":[\"" KEY_A "\"]}]}",
        RC_MALFORMED},
};

static void
test_refuses_sign_requests_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        json_auto_t *parameters = parameters_of(refused[i].parameters);
        struct message_sign sign;
        struct why why;
        if (message_sign_parse(&sign, parameters, false, &why) != refused[i].want)
            fail_msg("taken: %s", refused[i].says);
    }
}

static json_t *
request_with(size_t n_documents, size_t repository_len)
{
    json_t *documents = json_array();
    char repository[REPOSITORY_MAX_BYTES + 2] = {0};

    memset(repository, 'r', repository_len);
    for (size_t i = 0; i < n_documents; i++)
        json_array_append_new(
            documents, json_pack("{s:s,s:s,s:s,s:s,s:[s]}", "format", "notary", "repository",
                           repository, "role", "targets", "message", "e30=", "keys", KEY_A));
    return json_pack("{s:o}", "documents", documents);
}

static void
test_takes_what_is_at_a_bound_and_refuses_what_is_over(void **state)
{
    static const struct {
        size_t n, len;
        enum rc want;
    } cases[] = {
        {DOCUMENTS_MAX, 1, RC_OK},
        {DOCUMENTS_MAX + 1, 1, RC_TOO_LARGE},
        {1, REPOSITORY_MAX_BYTES, RC_OK},
        {1, REPOSITORY_MAX_BYTES + 1, RC_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *parameters = request_with(cases[i].n, cases[i].len);
        struct message_sign sign = {0};
        struct why why;
        assert_int_equal(message_sign_parse(&sign, parameters, false, &why), cases[i].want);
        if (!cases[i].want)
            message_sign_done(&sign);
    }
}

/* Every error of the interface is a kind of ours, and every kind that crosses the socket is there.
 */
static void
test_interface_and_code_name_the_same_errors(void **state)
{
    size_t n_declared = 0, n_kinds = 0;
    const char *seen[RC_MAX_] = {0};

    (void)state;
    for (const char *at = strstr(message_interface_text, "\nerror "); at;
         at = strstr(at + 1, "\nerror ")) {
        char name[64] = {0};
        sscanf(at, "\nerror %63[A-Za-z]", name);
        n_declared++;
        if (rc_from_error_name(name) == RC_SYSTEM && strcmp(name, "Internal") != 0)
            fail_msg("the code does not know %s", name);
    }

    for (int rc = 0; rc < RC_MAX_; rc++) {
        const char *name = rc_error_name((enum rc)rc);
        bool is_new = name != NULL;
        for (size_t i = 0; name && i < n_kinds; i++)
            is_new = is_new && strcmp(seen[i], name) != 0;
        if (is_new)
            seen[n_kinds++] = name;
    }
    assert_int_equal(n_declared, n_kinds);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses_a_call_with_its_defaults),
        cmocka_unit_test(test_refuses_what_is_no_call),
        cmocka_unit_test(test_writes_messages_that_it_reads_back),
        cmocka_unit_test(test_replies_always_have_parameters),
        cmocka_unit_test(test_writes_nothing_where_a_part_of_the_message_is_missing),
        cmocka_unit_test(test_parses_the_documents_of_a_sign_request),
        cmocka_unit_test(test_parses_the_base_of_a_sign_request),
        cmocka_unit_test(test_refuses_sign_requests_with),
        cmocka_unit_test(test_takes_what_is_at_a_bound_and_refuses_what_is_over),
        cmocka_unit_test(test_interface_and_code_name_the_same_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
