/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define AT   INT64_C(1700000000000000) /* 2023-11-14T22:13:20Z */
#define HEAD "9 2023-11-14T22:13:20Z "
#define PEER                                                                                       \
    "\"peer\":{\"door\":\"agent\",\"gid\":5,\"groups\":[5,6],\"groups_more\":{\"count\":3,"        \
    "\"sha256\":\"\"},\"label\":null,\"pid\":7,\"uid\":4000000001,\"unit\":\"ci.service\"}"

static struct why why;

static const char *
text_of(const char *body, bool is_verbose)
{
    static char text[8192];
    closing(bytes_done) struct bytes b = BYTES_INIT(sizeof text - 1);
    const struct record record = {.seq = 9, .at_us = AT, .body = span_of(body)};

    if (record_text_put(&b, &record, is_verbose, &why))
        fail_msg("%s: %s", body, why.text);
    snprintf(text, sizeof text, "%s", bytes_text(&b));
    return text;
}

static void
test_writes_a_line_for_each_kind(void **state)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {"{\"documents\":[{\"repository\":\"r/a\",\"role\":\"targets\",\"version\":3},"
         "{\"repository\":\"r/b\",\"role\":\"targets/qa\",\"version\":4}],\"kind\":\"request\","
         "\"method\":\"Sign\",\"outcome\":\"released\",\"peer\":{\"uid\":0},\"reason\":null}",
            "root Sign released r/a targets 3, r/b targets/qa 4\n"},
        {"{\"detail\":\"want a; have b\",\"documents\":[{\"repository\":\"r\",\"role\":\"x\","
         "\"version\":1}],\"kind\":\"request\",\"method\":\"Sign\",\"outcome\":\"refused\"," PEER
         ",\"reason\":\"key-outside-scope\"}",
            "4000000001 Sign refused key-outside-scope r x 1\n"},
        {"{\"detail\":\"token 'hsm'\",\"documents\":[],\"kind\":\"request\",\"method\":\"Lock\","
         "\"outcome\":\"done\",\"peer\":{\"uid\":0},\"reason\":null}",
            "root Lock done token 'hsm'\n"},
        {"{\"kind\":\"refusals\",\"refused\":12,\"since_us\":1,\"uid\":0,\"unreadable\":3}",
            "root refusals 12 refused, 3 unreadable\n"},
        {"{\"kind\":\"refusals\",\"refused\":12,\"since_us\":1,\"uid\":null,\"unreadable\":0}",
            "- refusals 12 refused, 0 unreadable\n"},
        {"{\"kind\":\"foreign-signature\",\"repository\":\"r\",\"role\":\"targets\",\"uid\":0,"
         "\"version\":8}",
            "root foreign-signature r targets 8\n"},
        {"{\"kind\":\"of a later version\"}", "- of a later version\n"},
        {"{\"documents\":7,\"kind\":\"request\",\"method\":[],\"peer\":7}", "- -\n"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const char *text = text_of(cases[i].body, false);
        assert_memory_equal(text, HEAD, strlen(HEAD));
        assert_string_equal(text + strlen(HEAD), cases[i].text);
    }
}

static void
test_writes_all_of_a_record_below_it(void **state)
{
    (void)state;
    assert_string_equal(
        text_of("{\"detail\":\"d\",\"documents\":[{\"difference\":[{\"is\":\"b\",\"kind\":\"tag\","
                "\"name\":\"v1\",\"was\":null}],\"difference_more\":{\"count\":2,\"sha256\":\"\"},"
                "\"digest\":\"ab\",\"repository\":\"r\",\"role\":\"targets\",\"version\":3}],"
                "\"grants\":[\"qa\"],\"keys\":[\"k1\",\"k2\"],\"kind\":\"request\",\"method\":"
                "\"Sign\",\"outcome\":\"failed\"," PEER
                ",\"policy\":\"cd\",\"reason\":\"token-unavailable\"}",
            true),
        HEAD "4000000001 Sign failed token-unavailable r targets 3\n"
             "    detail: d\n"
             "    document: r targets 3 ab\n"
             "        tag v1: - to b\n"
             "        and 2 more\n"
             "    grants: qa\n"
             "    keys: k1 k2\n"
             "    uid: 4000000001\n"
             "    gid: 5\n"
             "    groups: 5 6 and 3 more\n"
             "    pid: 7\n"
             "    unit: ci.service\n"
             "    door: agent\n"
             "    policy: cd\n"
             "    hash: 0000000000000000000000000000000000000000000000000000000000000000\n");
}

static void
test_refuses_what_no_agent_wrote(void **state)
{
    static const char *const bodies[] = {"", "[]", "{}", "{\"kind\":1}", "{\"kind\":\"request\""};
    closing(bytes_done) struct bytes b = BYTES_INIT(RECORD_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
        const struct record record = {.seq = 9, .at_us = AT, .body = span_of(bodies[i])};
        assert_int_equal(record_text_put(&b, &record, true, &why), RC_MALFORMED);
        assert_memory_equal(why.text, "record 9", strlen("record 9"));
    }
}

static void
test_lets_nobody_steer_a_terminal(void **state)
{
    (void)state;
    assert_string_equal(
        text_of("{\"kind\":\"a\\n\\u001b[2J\\u009bb\"}", false), HEAD "- a??[2J?b\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_a_line_for_each_kind),
        cmocka_unit_test(test_writes_all_of_a_record_below_it),
        cmocka_unit_test(test_refuses_what_no_agent_wrote),
        cmocka_unit_test(test_lets_nobody_steer_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
