/* SPDX-License-Identifier: Apache-2.0 */
#include "client/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#define NAME_BYTES 254 /* RFC 1035 §2.3.4, with a NUL */

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Whether a host that ends in a number is an address for everybody: curl takes "127.1" and "0x7f.1"
 * for 127.0.0.1, and others for a name. */
static bool
is_address_or_name(const char *host, size_t len)
{
    char name[NAME_BYTES];
    struct in_addr address;

    if (len >= sizeof name)
        return false;

    snprintf(name, sizeof name, "%.*s", (int)len, host);
    bool is_rooted = len > 0 && name[len - 1] == '.';
    if (is_rooted)
        name[len - 1] = 0;

    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    bool is_hex =
        !strncasecmp(last, "0x", 2) && strspn(last + 2, DIGITS "abcdefABCDEF") == strlen(last + 2);
    bool is_number = is_hex || strspn(last, DIGITS) == strlen(last);

    return !is_number || (!is_rooted && inet_pton(AF_INET, name, &address) == 1);
}

/* Length of the host at the start of authority; 0 where there is none. */
static size_t
host_length(const char *authority)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t parsed[16];
    size_t len = strspn(authority, LETTERS DIGITS ".-_");

    if (authority[0] != '[')
        return is_address_or_name(authority, len) ? len : 0;

    len = strspn(authority + 1, DIGITS "abcdefABCDEF:.");
    if (authority[1 + len] != ']' || len >= sizeof address)
        return 0;

    snprintf(address, sizeof address, "%.*s", (int)len, authority + 1);
    return inet_pton(AF_INET6, address, parsed) == 1 ? len + 2 : 0;
}

static enum rc
parse_authority(struct url *url, struct why *why)
{
    int64_t port = url->is_plain ? 80 : 443;

    size_t len = host_length(url->authority);
    const char *rest = url->authority + len;
    if (len == 0 || (*rest && *rest != ':'))
        return fail(why, RC_MALFORMED, "'%.200s': '%.100s' is no host", url->text, url->authority);

    if (*rest && integer_parse(&port, span_of(rest + 1), 1, 65535, why))
        return within(why, RC_MALFORMED, "'%.200s': port", url->text);

    url->port = (int)port;
    url->host = strndup(url->authority, len);
    return url->host ? RC_OK : fail_memory(why);
}

enum rc
url_parse(struct url *ret, const char *text, struct why *why)
{
    closing(url_done) struct url url = {0};

    url.is_plain = !strncasecmp(text, "http://", 7);
    if (!url.is_plain && strncasecmp(text, "https://", 8) != 0)
        return fail(why, RC_MALFORMED, "'%.200s': want https://", text);

    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("\\#\"<>", *c))
            return fail(
                why, RC_MALFORMED, "'%.200s': a character that no URL has or may have here", text);

    const char *authority = text + (url.is_plain ? 7 : 8);
    url.text = strdup(text);
    url.authority = strndup(authority, strcspn(authority, "/?"));
    if (!url.text || !url.authority)
        return fail_memory(why);

    enum rc rc = parse_authority(&url, why);
    if (rc)
        return rc;

    *ret = url;
    url = (struct url){0};
    return RC_OK;
}

enum rc
url_resolve(struct url *ret, const struct url *from, const char *location, struct why *why)
{
    closing(freep) char *text = NULL;

    if (location[0] != '/' || location[1] == '/')
        return url_parse(ret, location, why);

    if (asprintf(&text, "%s://%s%s", from->is_plain ? "http" : "https", from->authority, location) <
        0)
        return fail_memory(why);

    return url_parse(ret, text, why);
}

void
url_done(struct url *url)
{
    free(url->text);
    free(url->authority);
    free(url->host);
    *url = (struct url){0};
}

bool
url_is_same_origin(const struct url *a, const struct url *b)
{
    return a->is_plain == b->is_plain && a->port == b->port && !strcasecmp(a->host, b->host);
}

bool
url_is_loopback(const char *authority)
{
    uint8_t address[16];
    char name[64];

    size_t len = host_length(authority);
    if (len == 0 || len >= sizeof name || (authority[len] && authority[len] != ':'))
        return false;

    if (authority[0] != '[') {
        snprintf(name, sizeof name, "%.*s", (int)len, authority);
        return !strcasecmp(name, "localhost") ||
               (inet_pton(AF_INET, name, address) == 1 && address[0] == 127);
    }

    snprintf(name, sizeof name, "%.*s", (int)len - 2, authority + 1);
    return inet_pton(AF_INET6, name, address) == 1 &&
           !memcmp(address, &in6addr_loopback, sizeof address);
}

void
url_put_escaped(struct bytes *b, const char *text, const char *keep)
{
    for (const char *c = text; *c; c++) {
        if (strchr(LETTERS DIGITS "-._~", *c) || strchr(keep, *c))
            bytes_putc(b, (uint8_t)*c);
        else
            bytes_printf(b, "%%%02X", (unsigned)(uint8_t)*c);
    }
}
