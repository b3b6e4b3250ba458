/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pinning file and a repository: which IDs are pinned is what a reader finds that cuts the name
 * shorter and shorter.
 */
#include "client/pinning.h"

#include <stdio.h>

#include "tests/fuzz.h"

#define LIBRARY "docker.io/library/"

/* The list of the longest name; *ret_len: of what stands before its '*', or SIZE_MAX. */
static const json_t *
find(size_t *ret_len, const json_t *table, const char *repository)
{
    const json_t *ids = json_object_get(table, repository);
    char name[REPOSITORY_MAX_BYTES + 2];

    *ret_len = SIZE_MAX;
    for (size_t len = strlen(repository) + 1; !ids && len-- > 0;) {
        snprintf(name, sizeof name, "%.*s*", (int)len, repository);
        ids = json_object_get(table, name);
        *ret_len = len;
    }
    return ids;
}

static void
check_ids(const struct keyid *have, size_t n, const json_t *want)
{
    assert(n == json_array_size(want));
    for (size_t i = 0; i < n; i++)
        assert(!strcmp(have[i].hex, json_string_value(json_array_get(want, i))));
}

static void
check_root(const struct pinning *pinning, const json_t *trust, const char *repository)
{
    closing(root_pin_done) struct root_pin pin = {0};
    const json_t *pins = json_object_get(trust, "trust-pinning");
    bool wants_library = json_is_true(json_object_get(pins, "official-library-images"));
    size_t len = 0;

    enum rc rc = pinning_root(&pin, pinning, repository, NULL);
    const json_t *certificates = json_object_get(json_object_get(pins, "cert-ids"), repository);
    const json_t *keys = find(&len, json_object_get(pins, "root-keys"), repository);
    bool is_docker_s = wants_library && !strncmp(repository, LIBRARY, strlen(LIBRARY)) &&
                       !certificates && (!keys || len < strlen(LIBRARY));
    assert(rc == (is_docker_s ? RC_UNTRUSTED : RC_OK));
    if (rc)
        return;

    check_ids(pin.certificates, pin.n_certificates, certificates);
    check_ids(pin.roots, pin.n_roots, certificates ? NULL : keys);
    assert(root_pin_is_set(&pin) == (certificates || keys));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(pinning_freep) struct pinning *own = NULL;
    closing(pinning_freep) struct pinning *daemon = NULL;
    struct span rest = {data, len};
    struct span text = fuzz_part(&rest);
    closing(freep) char *repository = fuzz_text(fuzz_part(&rest));

    enum rc rc = pinning_parse(&own, text, PINNING_OWN, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    assert(!own == (rc != RC_OK));
    rc = pinning_parse(&daemon, text, PINNING_DAEMON, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    assert(!own || daemon);
    if (rc)
        return 0;

    json_auto_t *root = fuzz_json(text);
    const json_t *trust = json_object_get(root, "content-trust");
    assert(json_is_object(root) && (daemon ? json_is_object(trust) : !json_is_object(trust)));
    if (!daemon || strlen(repository) > REPOSITORY_MAX_BYTES)
        return 0;

    const char *mode = json_string_value(json_object_get(trust, "mode"));
    assert(!strcmp(pinning_mode_name(pinning_mode(daemon)), mode ? mode : "disabled"));
    assert(pinning_allows_expired_cache(daemon) ==
           json_is_true(json_object_get(trust, "allow-expired-cached-trust-data")));
    check_root(daemon, trust, repository);
    if (own)
        check_root(own, trust, repository);
    return 0;
}
