/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address, and behind it a Location that the server there sends: whatever is taken libcurl takes
 * apart the same way.
 */
#include "client/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include "tests/fuzz.h"

static void
check_part(CURLU *other, CURLUPart part, const char *want)
{
    char *have = NULL;

    CURLUcode code = curl_url_get(other, part, &have, CURLU_DEFAULT_PORT);
    assert(code == CURLUE_OK && !strcasecmp(have, want));
    curl_free(have);
}

/* libcurl writes addresses in their shortest form. */
static void
check_host(CURLU *other, const char *host)
{
    uint8_t ours[16], theirs[16];
    char *have = NULL;

    if (*host != '[') {
        check_part(other, CURLUPART_HOST, host);
        return;
    }

    assert(curl_url_get(other, CURLUPART_HOST, &have, 0) == CURLUE_OK);
    closing(freep) char *address = strndup(host + 1, strlen(host) - 2);
    have[strlen(have) - 1] = 0;
    assert(inet_pton(AF_INET6, address, ours) == 1);
    assert(inet_pton(AF_INET6, have + 1, theirs) == 1);
    assert(!memcmp(ours, theirs, sizeof ours));
    curl_free(have);
}

static void
check(const struct url *url)
{
    char port[16], *absent = NULL;

    CURLU *other = curl_url();
    assert(other && !curl_url_set(other, CURLUPART_URL, url->text, 0));
    snprintf(port, sizeof port, "%d", url->port);
    check_part(other, CURLUPART_PORT, port);
    check_part(other, CURLUPART_SCHEME, url->is_plain ? "http" : "https");
    check_host(other, url->host);
    assert(curl_url_get(other, CURLUPART_USER, &absent, 0) == CURLUE_NO_USER);
    assert(curl_url_get(other, CURLUPART_FRAGMENT, &absent, 0) == CURLUE_NO_FRAGMENT);
    curl_url_cleanup(other);

    /* What is taken for this machine must be nothing else. */
    if (url_is_loopback(url->authority))
        assert(!strcasecmp(url->host, "localhost") || !strncmp(url->host, "127.", 4) ||
               strstr(url->host, ":"));
}

static void
check_escaped(const char *text)
{
    closing(bytes_done) struct bytes escaped = BYTES_INIT(1024 * 1024);
    int len = 0;

    url_put_escaped(&escaped, text, "/");
    assert(strspn(bytes_text(&escaped), "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                        "UVWXYZ-._~%/") == escaped.len);
    char *back = curl_easy_unescape(NULL, bytes_text(&escaped), (int)escaped.len, &len);
    assert(back && !strcmp(back, text));
    curl_free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(url_done) struct url url = {0}, next = {0};
    struct span rest = {data, len};
    struct span first = fuzz_part(&rest);

    closing(freep) char *text = fuzz_text(first);
    closing(freep) char *location = fuzz_text(rest);
    check_escaped(text);
    if (url_parse(&url, text, NULL))
        return 0;

    check(&url);
    if (!url_resolve(&next, &url, location, NULL)) {
        check(&next);
        if (*location == '/' && location[1] != '/')
            assert(url_is_same_origin(&url, &next));
    }

    return 0;
}
