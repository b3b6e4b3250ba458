/* SPDX-License-Identifier: Apache-2.0 */
#include "client/insecure.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

#include "client/file.h"
#include "client/url.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/members.h"

#define LISTED_MAX 4096 /* entries of one file */

/* An address of either family; IPv4 ends at four bytes. */
struct address {
    uint8_t b[16];
    size_t len; /* 4, 16; 0: none */
};

static bool
parse_address(struct address *ret, const char *text)
{
    struct address address = {0};

    if (inet_pton(AF_INET, text, address.b) == 1)
        address.len = sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, text, address.b) == 1)
        address.len = sizeof(struct in6_addr);
    *ret = address;
    return address.len > 0;
}

/* "10.0.0.0/8": its address, and the bits of it that count. False: it is no network. */
static bool
parse_network(struct address *ret, int64_t *ret_bits, const char *text)
{
    const char *slash = strchr(text, '/');

    closing(freep) char *address = slash ? strndup(text, (size_t)(slash - text)) : NULL;
    return address && parse_address(ret, address) &&
           !integer_parse(ret_bits, span_of(slash + 1), 0, 8 * (int64_t)ret->len, NULL);
}

static bool
is_within(const struct address *address, const struct address *network, int64_t bits)
{
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)(bits % 8);

    if (address->len != network->len || memcmp(address->b, network->b, whole) != 0)
        return false;

    return rest == 0 || (address->b[whole] ^ network->b[whole]) >> (8 - rest) == 0;
}

/* The address of one answer to a question for a name; none of what is neither IPv4 nor IPv6. */
static struct address
address_of(const struct addrinfo *info)
{
    struct address address = {0};
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (info->ai_family == AF_INET && info->ai_addrlen == sizeof in) {
        memcpy(&in, info->ai_addr, sizeof in);
        address.len = sizeof in.sin_addr;
        memcpy(address.b, &in.sin_addr, sizeof in.sin_addr);
    }
    if (info->ai_family == AF_INET6 && info->ai_addrlen == sizeof in6) {
        memcpy(&in6, info->ai_addr, sizeof in6);
        address.len = sizeof in6.sin6_addr;
        memcpy(address.b, &in6.sin6_addr, sizeof in6.sin6_addr);
    }

    return address;
}

/* Whether one address of the host is in the network. */
static bool
is_host_within(const struct url *url, const struct address *network, int64_t bits)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool is_inside = false;

    size_t len = strlen(url->host);
    bool is_bracketed = url->host[0] == '[';
    closing(freep) char *name = is_bracketed ? strndup(url->host + 1, len - 2) : strdup(url->host);
    if (!name || getaddrinfo(name, NULL, &hints, &found))
        return false; /* who has no address will be told so when it is connected to */

    for (const struct addrinfo *info = found; info && !is_inside; info = info->ai_next) {
        const struct address address = address_of(info);
        is_inside = address.len > 0 && is_within(&address, network, bits);
    }
    freeaddrinfo(found);
    return is_inside;
}

static bool
is_meant(const char *entry, const char *host, const struct url *url)
{
    struct address network = {0};
    const char *scheme = strstr(entry, "://"); /* docker takes it with a warning */
    int64_t bits = 0;

    if (parse_network(&network, &bits, entry))
        return is_host_within(url, &network, bits);

    return !strcasecmp(scheme ? scheme + 3 : entry, host);
}

enum rc
insecure_find_in(bool *ret, struct span text, const char *host, struct why *why)
{
    closing(json_decrefp) json_t *root = NULL;
    closing(url_done) struct url url = {0};
    closing(freep) char *address = NULL;
    const json_t *entries = NULL;
    struct members m;

    *ret = false;
    if (asprintf(&address, "https://%s", host) < 0)
        return fail_memory(why);

    enum rc rc = url_parse(&url, address, why);
    if (!rc)
        rc = members_parse(&root, text, why);
    if (rc)
        return rc;

    members_open(&m, root, "");
    members_array_maybe(&m, "insecure-registries", LISTED_MAX, &entries);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < json_array_size(entries) && !*ret; i++) {
        const char *entry = json_string_value(json_array_get(entries, i));
        if (!entry)
            return fail(why, RC_MALFORMED, "insecure-registries[%zu]: want a string", i);

        *ret = is_meant(entry, host, &url);
    }

    return RC_OK;
}

static enum rc
find_in_file(bool *ret, const char *path, const char *host, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(CREDENTIALS_MAX_BYTES);

    enum rc rc = file_load(&text, path, why);
    if (rc == RC_NOT_FOUND || rc == RC_SYSTEM)
        return RC_OK;
    if (rc)
        return rc;

    rc = insecure_find_in(ret, bytes_span(&text), host, why);
    return rc ? within(why, rc, "'%s'", path) : RC_OK;
}

enum rc
insecure_find(bool *ret, const char *host, struct why *why)
{
    closing(freep) char *own = NULL;
    bool is_found = url_is_loopback(host);

    /* docker's own registry is never one. */
    enum rc rc = RC_OK;
    if (!is_found && strcmp(host, "docker.io") != 0) {
        rc = find_in_file(&is_found, "/etc/docker/daemon.json", host, why);
        if (!rc && !is_found)
            rc = userdir_path(&own, USERDIR_CONFIG, "docker/daemon.json", why);
        if (own)
            rc = find_in_file(&is_found, own, host, why);
    }
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret = is_found;
    return RC_OK;
}
