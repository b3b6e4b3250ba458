/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pinning_inside.h"

#include <stdio.h>

#include "proto/bounds.h"
#include "proto/members.h"
#include "proto/reference.h"

#define REST "x/x" /* whatever a '*' stands for: of no host, and of no official image */

/* A name that the pattern matches; NULL: no memory. */
static char *
example_of(const struct pattern *pattern)
{
    char *name = NULL;

    return asprintf(&name, "%.*s%s", (int)pattern->len, pattern->text,
               pattern->is_prefix ? REST : "") < 0
               ? NULL
               : name;
}

/* Short of a host nobody can tell. */
static bool
has_host(const struct pattern *pattern)
{
    return memchr(pattern->text, '/', pattern->len);
}

/* Of what begins with "team/" docker calls all "docker.io/team/…". */
static enum rc
check_prefix(const struct pattern *pattern, const char *place, struct why *why)
{
    closing(freep) char *name = example_of(pattern);
    closing(freep) char *normal = NULL;
    struct why problem;

    if (!name)
        return fail_memory(why);
    if (!has_host(pattern))
        return RC_OK;
    if (repository_normalise(&normal, name, &problem))
        return fail(
            why, RC_MALFORMED, "%s: '%s' matches nothing: %s", place, pattern->text, problem.text);

    return strcmp(normal, name)
               ? fail(why, RC_MALFORMED, "%s: '%s' matches nothing; want '%.*s*'", place,
                     pattern->text, (int)(strlen(normal) - strlen(REST)), normal)
               : RC_OK;
}

/* Gates are asked about images only, and would want nothing of one that is written otherwise. */
static enum rc
check_image(const struct pattern *pattern, const char *place, struct why *why)
{
    closing(reference_done) struct reference ref = {0};
    closing(freep) char *name = example_of(pattern);
    struct why problem;

    if (!name)
        return fail_memory(why);
    if (!has_host(pattern) || !reference_parse(&ref, name, &problem))
        return RC_OK;

    return fail(
        why, RC_MALFORMED, "%s: '%s' matches no image: %s", place, pattern->text, problem.text);
}

/* A name that can match no repository is a slip of the pen, and would leave one without a pin, or
 * without what is required of it. */
static enum rc
read_pattern(
    struct pattern *ret, const char *text, bool takes_prefix, const char *place, struct why *why)
{
    size_t len = strlen(text);
    const char *star = strchr(text, '*');

    *ret = (struct pattern){text, star ? len - 1 : len, star != NULL};
    if (star && !takes_prefix)
        return fail(why, RC_MALFORMED,
            "%s: '%s': only whole names are taken here; '*' is for 'root-keys'", place, text);
    if (star && star + 1 != text + len)
        return fail(why, RC_MALFORMED, "%s: '%s': a '*' can only stand at the end", place, text);

    if (star)
        return check_prefix(ret, place, why);

    closing(freep) char *normal = NULL;
    if (repository_is_normal(text))
        return RC_OK;

    return repository_normalise(&normal, text, NULL)
               ? fail(why, RC_MALFORMED, "%s: '%s' is no name of a repository", place, text)
               : fail(
                     why, RC_MALFORMED, "%s: '%s' matches nothing; want '%s'", place, text, normal);
}

static enum rc
read_ids(struct listed_ids *entry, const json_t *ids, const char *place, struct why *why)
{
    const char *name = entry->pattern.text;

    if (!json_is_array(ids) || json_array_size(ids) == 0)
        return fail(why, RC_MALFORMED, "%s: '%s': want a list of one ID or more", place, name);
    if (json_array_size(ids) > KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "%s: '%s': more than %d IDs", place, name, KEYS_MAX);

    entry->ids = calloc(json_array_size(ids), sizeof *entry->ids);
    if (!entry->ids)
        return fail_memory(why);

    for (; entry->n_ids < json_array_size(ids); entry->n_ids++) {
        const char *id = json_string_value(json_array_get(ids, entry->n_ids));
        if (!id || keyid_parse(&entry->ids[entry->n_ids], span_of(id), NULL))
            return fail(why, RC_MALFORMED,
                "%s: '%s': ID %zu: want 64 lower-case hexadecimal digits, as 'countersign root-id' "
                "prints them",
                place, name, entry->n_ids + 1);
    }

    return RC_OK;
}

/* "root-keys" and "cert-ids". */
static enum rc
read_table(struct listed_ids **list, size_t *n, const json_t *table, bool takes_prefix,
    const char *place, struct why *why)
{
    const char *name;
    json_t *ids;

    json_object_foreach((json_t *)table, name, ids) {
        struct listed_ids *entry = mem_grow(list, *n, sizeof *entry, PINNING_NAMES_MAX);
        if (!entry)
            return *n == PINNING_NAMES_MAX
                       ? fail(why, RC_TOO_LARGE, "%s: more than %d names", place, PINNING_NAMES_MAX)
                       : fail_memory(why);

        ++*n;
        enum rc rc = read_pattern(&entry->pattern, name, takes_prefix, place, why);
        if (!rc)
            rc = read_ids(entry, ids, place, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
read_mode(struct pinning *pinning, const char *mode, enum pinning_form form, struct why *why)
{
    if (!mode)
        return form == PINNING_DAEMON
                   ? RC_OK
                   : fail(why, RC_MALFORMED,
                         "content-trust.mode: want 'disabled', 'permissive' or 'enforced'");

    for (int i = 0; i < PINNING_MODE_MAX_; i++)
        if (!strcmp(mode, pinning_mode_name((enum pinning_mode)i))) {
            pinning->mode = (enum pinning_mode)i;
            return RC_OK;
        }

    return fail(why, RC_MALFORMED,
        "content-trust.mode: '%s': want 'disabled', 'permissive' or 'enforced'", mode);
}

#define PLACE "content-trust.trust-pinning"

static enum rc
read_pins(struct pinning *pinning, const json_t *pins, struct why *why)
{
    const json_t *keys = NULL, *certificates = NULL;
    struct members m;

    members_open(&m, pins, PLACE);
    members_bool_maybe(&m, "official-library-images", &pinning->wants_library);
    members_object_maybe(&m, "root-keys", &keys);
    members_object_maybe(&m, "cert-ids", &certificates);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = read_table(&pinning->keys, &pinning->n_keys, keys, true, PLACE ".root-keys", why);
    if (!rc)
        rc = read_table(&pinning->certificates, &pinning->n_certificates, certificates, false,
            PLACE ".cert-ids", why);
    return rc;
}

static enum rc
read_content_trust(
    struct pinning *pinning, const json_t *trust, enum pinning_form form, struct why *why)
{
    const json_t *pins = NULL;
    const char *mode = NULL;
    struct members m;

    members_open(&m, trust, "content-trust");
    members_text_maybe(&m, "mode", &mode);
    members_object_maybe(&m, "trust-pinning", &pins);
    members_bool_maybe(&m, "allow-expired-cached-trust-data", &pinning->allows_expired_cache);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = read_mode(pinning, mode, form, why);
    if (!rc && pins)
        rc = read_pins(pinning, pins, why);
    if (rc)
        return rc;

    bool is_empty = !pinning->wants_library && pinning->n_keys == 0 && pinning->n_certificates == 0;
    if (is_empty && (pins || pinning->mode != PINNING_DISABLED))
        return fail(why, RC_MALFORMED,
            PLACE ": trust pinning cannot be empty: want 'root-keys', 'cert-ids' or "
                  "'official-library-images'");

    return RC_OK;
}

static enum rc
check_texts(const json_t *texts, const char *name, const char *says, struct why *why)
{
    if (texts && json_array_size(texts) == 0)
        return fail(why, RC_MALFORMED, "require: '%s': %s: want one or more", name, says);

    for (size_t i = 0; i < json_array_size(texts); i++)
        if (!json_string_length(json_array_get(texts, i)))
            return fail(why, RC_MALFORMED, "require: '%s': %s[%zu]: want text", name, says, i);

    return RC_OK;
}

static enum rc
read_demand(struct demanded *entry, const json_t *value, struct why *why)
{
    const char *name = entry->pattern.text;
    struct pinning_demand *demand = &entry->demand;
    struct members m;

    members_open(&m, value, "require");
    members_array_maybe(&m, "require", PINNING_ROLES_MAX, &demand->roles);
    members_array_maybe(&m, "require-any", PINNING_ROLES_MAX, &demand->any);
    members_array_maybe(&m, "require-cert", PINNING_ROLES_MAX, &demand->certificates);
    enum rc rc = members_close(&m, why);
    if (rc)
        return within(why, rc, "'%s'", name);

    rc = check_texts(demand->roles, name, "require", why);
    if (!rc)
        rc = check_texts(demand->certificates, name, "require-cert", why);
    if (!rc && demand->any && json_array_size(demand->any) == 0)
        rc = fail(why, RC_MALFORMED, "require: '%s': require-any: want one list or more", name);
    for (size_t i = 0; !rc && i < json_array_size(demand->any); i++) {
        const json_t *roles = json_array_get(demand->any, i);
        if (!json_is_array(roles) || json_array_size(roles) > PINNING_ROLES_MAX)
            return fail(why, RC_MALFORMED,
                "require: '%s': require-any[%zu]: want a list of up to %d roles", name, i,
                PINNING_ROLES_MAX);
        rc = check_texts(roles, name, "a list of require-any", why);
    }
    return rc;
}

static enum rc
read_demands(struct pinning *pinning, const json_t *table, struct why *why)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)table, name, value) {
        struct demanded *entry =
            mem_grow(&pinning->demands, pinning->n_demands, sizeof *entry, PINNING_NAMES_MAX);
        if (!entry)
            return pinning->n_demands == PINNING_NAMES_MAX
                       ? fail(why, RC_TOO_LARGE, "require: more than %d names", PINNING_NAMES_MAX)
                       : fail_memory(why);

        pinning->n_demands++;
        enum rc rc = read_pattern(&entry->pattern, name, true, "require", why);
        if (!rc)
            rc = check_image(&entry->pattern, "require", why);
        if (!rc)
            rc = read_demand(entry, value, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
read_verifier(struct pinning_verifier *ret, const json_t *verifier, struct why *why)
{
    struct members m;

    members_open(&m, verifier, "verifier");
    members_text_maybe(&m, "trust-dir", &ret->trust_dir);
    members_text_maybe(&m, "server", &ret->server);
    members_text_maybe(&m, "tlscacert", &ret->ca_file);
    members_int_maybe(&m, "timeout-s", 1, PINNING_TIMEOUT_MAX_S, &ret->timeout_s);
    return members_close(&m, why);
}

enum rc
pinning_parse(struct pinning **ret, struct span text, enum pinning_form form, struct why *why)
{
    closing(pinning_freep) struct pinning *pinning = calloc(1, sizeof *pinning);
    const json_t *trust = NULL, *demands = NULL, *verifier = NULL;
    struct members m;

    if (!pinning)
        return fail_memory(why);
    if (text.len > PINNING_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "more than %d bytes", PINNING_MAX_BYTES);

    enum rc rc = members_parse(&pinning->root, text, why);
    if (rc)
        return rc;

    members_open(&m, pinning->root, "");
    members_object_maybe(&m, "content-trust", &trust);
    if (form == PINNING_OWN) {
        members_object_maybe(&m, "require", &demands);
        members_object_maybe(&m, "verifier", &verifier);
        rc = members_close(&m, why);
    } else {
        rc = members_close_tolerant(&m, why);
    }
    if (!rc && !trust && form == PINNING_OWN)
        rc = fail(why, RC_MALFORMED, "content-trust: want an object, have nothing");
    if (!rc && trust)
        rc = read_content_trust(pinning, trust, form, why);
    if (!rc && demands)
        rc = read_demands(pinning, demands, why);
    if (!rc && verifier)
        rc = read_verifier(&pinning->verifier, verifier, why);
    if (rc)
        return rc;

    *ret = trust ? steal(pinning) : NULL;
    return RC_OK;
}
