/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an answer, an empty line, and its body: headers are kept as they came, the challenge
 * is one that the header has, and whatever the body says is a sentence.
 */
#include "client/challenge.h"
#include "client/http_error.h"
#include "tests/fuzz.h"

/* Kept values are somewhere in the head, without line ends. */
static void
check_kept(struct span head, const char *value)
{
    if (!value)
        return;

    assert(!strpbrk(value, "\r\n"));
    assert(!*value || memmem(head.p, head.len, value, strlen(value)));
}

static void
check_challenge(const char *header)
{
    closing(challenge_done) struct challenge challenge = {0};

    enum rc rc = challenge_parse(&challenge, header, NULL);
    if (rc) {
        assert(rc == RC_MALFORMED);
        return;
    }

    assert(challenge.kind == CHALLENGE_NONE || strcasestr(header, "Basic") ||
           strcasestr(header, "Bearer"));
    assert((challenge.kind == CHALLENGE_BEARER) <= (challenge.realm != NULL));
    if (challenge.kind == CHALLENGE_BEARER)
        assert(strcasestr(header, "Bearer") && strcasestr(header, "realm"));
    if (challenge.realm)
        assert(strlen(challenge.realm) <= strlen(header));
}

static void
check_error(const struct http_response *response)
{
    struct http_error error;

    http_error_read(&error, response);
    assert(*error.text && strlen(error.text) < sizeof error.text);
    assert(strlen(error.code) < sizeof error.code);
    json_auto_t *body = fuzz_json(bytes_span(&response->body));
    const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
    const char *code = json_string_value(json_object_get(first, "code"));
    assert(*error.code ? code && !strcmp(code, error.code)
                       : !code || !*code || strlen(code) >= sizeof error.code);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(http_response_done) struct http_response response = {
        .body = BYTES_INIT(HTTP_ERROR_MAX_BYTES)};
    const uint8_t *empty = memmem(data, len, "\n\n", 2);
    struct span head = {data, empty ? (size_t)(empty - data) + 1 : len}, rest = head;

    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.p, '\n', rest.len);
        size_t line = end ? (size_t)(end - rest.p) + 1 : rest.len;

        assert(!http_response_take(&response, (struct span){rest.p, line}));
        rest = (struct span){rest.p + line, rest.len - line};
    }
    if (empty)
        bytes_put(&response.body, (struct span){empty + 2, len - head.len - 1});

    check_kept(head, response.content_type);
    check_kept(head, response.location);
    check_kept(head, response.docker_digest);
    check_kept(head, response.range);
    check_kept(head, response.oci_subject);
    check_kept(head, response.etag);
    check_kept(head, response.link);
    check_kept(head, response.api_version);
    assert(response.retry_after_s >= 0 && response.retry_after_s <= 31 * 86400);
    assert(response.content_length >= -1 && response.chunk_min >= 0);
    if (response.www_authenticate)
        check_challenge(response.www_authenticate);
    check_error(&response);
    return 0;
}
