/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon.json: whether it lists a registry is what a reader sees that looks at digits.
 */
#include "client/insecure.h"

#include "tests/fuzz.h"

#define HOST "192.0.2.7:5000"

/* "192.0.2.0/24", if it is one and has our host. */
static bool
is_network_of_host(const char *text)
{
    const uint32_t host = 192U << 24 | 2U << 8 | 7;
    unsigned a = 0, b = 0, c = 0, d = 0, bits = 0;
    char again[40];

    if (sscanf(text, "%3u.%3u.%3u.%3u/%2u", &a, &b, &c, &d, &bits) != 5)
        return false;

    snprintf(again, sizeof again, "%u.%u.%u.%u/%u", a, b, c, d, bits);
    if (strcmp(again, text) != 0 || a > 255 || b > 255 || c > 255 || d > 255 || bits > 32)
        return false;

    uint64_t all = (uint64_t)1 << 32, part = all >> bits, base = a << 24 | b << 16 | c << 8 | d;
    return base / part == host / part;
}

static bool
is_listed(const json_t *entry)
{
    const char *text = json_string_value(entry);
    const char *scheme = strstr(text, "://");

    return is_network_of_host(text) || !strcasecmp(scheme ? scheme + 3 : text, HOST);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bool is_found = false, is_other = false;

    enum rc rc = insecure_find_in(&is_found, (struct span){data, len}, HOST, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    if (rc) {
        assert(!is_found);
        return 0;
    }

    json_auto_t *root = fuzz_json((struct span){data, len});
    const json_t *entries = json_object_get(root, "insecure-registries");
    assert(json_is_object(root) && (!entries || json_is_null(entries) || json_is_array(entries)));
    for (size_t i = 0; i < json_array_size(entries) && !is_other; i++)
        is_other = is_listed(json_array_get(entries, i));
    assert(is_found == is_other);

    rc = insecure_find_in(&is_found, (struct span){data, len}, "[2001:db8::7]:5000", NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED);
    return 0;
}
