/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "client/http_date.h"

#define MONTH_S (31 * 86400)

static void
take(struct http_response *response, const char *head)
{
    for (const char *line = head; *line;) {
        size_t len = strcspn(line, "\n") + 1;
        assert_int_equal(
            http_response_take(response, (struct span){(const uint8_t *)line, len}), RC_OK);
        line += len;
    }
}

static void
test_keeps_what_registries_and_engines_say(void **state)
{
    closing(http_response_done) struct http_response response = {0};

    (void)state;
    take(&response, "HTTP/1.1 202 Accepted\r\nRange: 0-99\r\nOCI-Subject: sha256:00\r\n"
                    "ETag: \"e\"\r\nLink: </x>; rel=\"next\"\r\nLink: </y>\r\n"
                    "Api-Version: 1.41\r\nContent-Length: 12\r\n"
                    "OCI-Chunk-Min-Length: 5242880\r\n\r\n");
    assert_string_equal(response.range, "0-99");
    assert_string_equal(response.oci_subject, "sha256:00");
    assert_string_equal(response.etag, "\"e\"");
    assert_string_equal(response.link, "</x>; rel=\"next\"");
    assert_string_equal(response.api_version, "1.41");
    assert_int_equal(response.content_length, 12);
    assert_int_equal(response.chunk_min, 5242880);

    take(&response, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\nOCI-Chunk-Min-Length: 5k\r\n\r\n");
    assert_null(response.range);
    assert_null(response.link);
    assert_int_equal(response.content_length, -1);
    assert_int_equal(response.chunk_min, 0);
}

static void
test_reads_how_long_to_wait(void **state)
{
    static const struct {
        const char *says, *head;
        long want;
    } cases[] = {
        {"nothing", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 0},
        {"seconds", "Retry-After: 7\r\n", 7},
        {"more than anybody waits", "Retry-After: 9007199254740991\r\n", MONTH_S},
        {"a date, by the clock of the server",
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n",
            30},
        {"the other way round",
            "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            30},
        {"one in the past",
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
            0},
        {"far away", "Retry-After: Thu, 31 Dec 2499 23:59:59 GMT\r\n", MONTH_S},
        {"no number", "Retry-After: -7\r\n", 0},
        {"no date", "Retry-After: tomorrow\r\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(http_response_done) struct http_response response = {0};

        print_message("%s\n", cases[i].says);
        take(&response, "HTTP/1.1 503 X\r\n");
        take(&response, cases[i].head);
        assert_int_equal(response.retry_after_s, cases[i].want);
    }
}

static void
test_reads_dates_of_one_form_only(void **state)
{
    static const struct {
        const char *text;
        int64_t want; /* -1: none */
    } cases[] = {
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Mon, 06 Nov 1994 08:49:37 GMT", -1},
        {"Wed, 29 Feb 2023 00:00:00 GMT", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
        {"Sun,  06 Nov 1994 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-94 08:49:37 GMT", -1},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        int64_t at = -1;

        print_message("%s\n", cases[i].text);
        enum rc want = cases[i].want < 0 ? RC_MALFORMED : RC_OK;
        assert_int_equal(http_date_parse(&at, cases[i].text, NULL), want);
        assert_int_equal(at, cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_what_registries_and_engines_say),
        cmocka_unit_test(test_reads_how_long_to_wait),
        cmocka_unit_test(test_reads_dates_of_one_form_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
