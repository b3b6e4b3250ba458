/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reference.h"

#include "proto/bounds.h"

#define DEFAULT_HOST  "docker.io"
#define LEGACY_HOST   "index.docker.io"
#define OFFICIAL_PATH "library/"

/* docker's words for whatever does not match its grammar */
#define INVALID "invalid reference format"

/* What a reference is made of, before its parts are copied. */
struct parts {
    struct span host, path, tag, digest; /* p is NULL where it is not there */
    bool is_official;                    /* path stands for OFFICIAL_PATH path */
};

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool
is_alphanumeric(uint8_t c)
{
    return is_lower_or_digit(c) || is_upper(c);
}

/* All bytes before the first sep, which is consumed; all of *rest where there is none. */
static struct span
cut(struct span *rest, char sep)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->p, sep, rest->len) : NULL;
    struct span head = {rest->p, at ? (size_t)(at - rest->p) : rest->len};

    *rest = at ? (struct span){at + 1, rest->len - head.len - 1} : (struct span){0};
    return head;
}

static bool
has_only(struct span s, bool (*is_one)(uint8_t))
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_one(s.p[i]))
            return false;

    return s.len > 0;
}

static bool
has_upper(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_upper(s.p[i]))
            return true;

    return false;
}

/* One character, repeated: ".", "_", "__", or any number of '-'. */
static bool
is_separator(struct span s)
{
    return s.p[0] == '-' || span_is(s, ".") || span_is(s, "_") || span_is(s, "__");
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* */
static bool
is_path_component(struct span c)
{
    size_t at = 0;

    for (;;) {
        size_t start = at;
        while (at < c.len && is_lower_or_digit(c.p[at]))
            at++;
        if (at == start || at == c.len)
            return at > start;

        start = at;
        while (at < c.len && c.p[at] == c.p[start])
            at++;
        if (!is_separator((struct span){c.p + start, at - start}))
            return false;
    }
}

static bool
is_path(struct span path)
{
    do {
        if (!is_path_component(cut(&path, '/')))
            return false;
    } while (path.p);

    return true;
}

static bool
is_host_letter(uint8_t c)
{
    return is_alphanumeric(c) || c == '-';
}

static bool
is_address_letter(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

/* [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])? */
static bool
is_host_component(struct span c)
{
    return has_only(c, is_host_letter) && c.p[0] != '-' && c.p[c.len - 1] != '-';
}

/* Components joined by '.', or an IPv6 address in brackets; perhaps a port. */
static bool
is_host(struct span host)
{
    const uint8_t *colon = memrchr(host.p, ':', host.len);

    if (colon && host.p[host.len - 1] != ']') {
        struct span port = {colon + 1, (size_t)(host.p + host.len - colon - 1)};
        if (!has_only(port, is_digit))
            return false;
        host.len -= port.len + 1;
    }

    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
        return has_only((struct span){host.p + 1, host.len - 2}, is_address_letter);

    do {
        if (!is_host_component(cut(&host, '.')))
            return false;
    } while (host.p);

    return true;
}

/* What stands before the first '/' names a registry only if it looks like one. */
static bool
is_host_like(struct span first)
{
    return span_is(first, "localhost") || has_upper(first) ||
           (first.len > 0 && (memchr(first.p, '.', first.len) || memchr(first.p, ':', first.len)));
}

static struct parts
split(struct span text)
{
    struct span rest = text, first = cut(&rest, '/');
    struct parts parts = {.host = first};

    if (!rest.p || !is_host_like(first)) {
        parts.host = span_of(DEFAULT_HOST);
        rest = text;
    }

    if (span_is(parts.host, LEGACY_HOST))
        parts.host = span_of(DEFAULT_HOST);

    parts.tag = cut(&rest, '@');
    parts.digest = rest;
    parts.path = cut(&parts.tag, ':');
    parts.is_official = span_is(parts.host, DEFAULT_HOST) &&
                        (parts.path.len == 0 || !memchr(parts.path.p, '/', parts.path.len));
    return parts;
}

static bool
is_digest(struct span text)
{
    struct span prefix = SPAN("sha256:");
    uint8_t raw[DIGEST_HEX_LEN / 2];

    return span_starts(text, prefix) &&
           !hex_parse(
               raw, sizeof raw, (struct span){text.p + prefix.len, text.len - prefix.len}, NULL);
}

static enum rc
check_parts(const struct parts *parts, const char *text, struct why *why)
{
    const char *official = parts->is_official ? OFFICIAL_PATH : "";
    uint8_t identifier[DIGEST_HEX_LEN / 2];

    if (!hex_parse(identifier, sizeof identifier, span_of(text), NULL))
        return fail(why, RC_MALFORMED,
            "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);

    if (has_upper(parts->path))
        return fail(why, RC_MALFORMED, INVALID ": repository name (%s%.*s) must be lowercase",
            official, (int)parts->path.len, (const char *)parts->path.p);

    if (!is_host(parts->host) || !is_path(parts->path))
        return fail(why, RC_MALFORMED, INVALID ": '%s'", text);

    if (parts->host.len + 1 + strlen(official) + parts->path.len > REPOSITORY_MAX_BYTES)
        return fail(why, RC_MALFORMED, "repository name must not be more than %d characters",
            REPOSITORY_MAX_BYTES);

    if (parts->tag.p && !tag_is_valid(parts->tag))
        return fail(why, RC_MALFORMED, INVALID ": tag of '%s'", text);

    if (parts->digest.p && !is_digest(parts->digest))
        return fail(why, RC_MALFORMED,
            INVALID ": digest of '%s', want sha256: and 64 hexadecimal digits", text);

    return RC_OK;
}

enum rc
reference_parse(struct reference *ret, const char *text, struct why *why)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(REPOSITORY_MAX_BYTES);
    closing(bytes_done) struct bytes repository = BYTES_INIT(REPOSITORY_MAX_BYTES);
    closing(reference_done) struct reference ref = {0};
    struct parts parts = split(span_of(text));

    enum rc rc = check_parts(&parts, text, why);
    if (rc)
        return rc;

    bytes_puts(&path, parts.is_official ? OFFICIAL_PATH : "");
    bytes_put(&path, parts.path);
    rc = bytes_check(&path, why);
    if (rc)
        return rc;

    bytes_put(&repository, parts.host);
    bytes_putc(&repository, '/');
    bytes_put(&repository, bytes_span(&path));
    rc = bytes_check(&repository, why);
    if (rc)
        return rc;

    ref.repository = span_dup(bytes_span(&repository));
    ref.host = span_dup(parts.host);
    ref.path = span_dup(bytes_span(&path));
    ref.tag = parts.tag.p ? span_dup(parts.tag) : NULL;
    ref.digest = parts.digest.p ? span_dup(parts.digest) : NULL;
    bool has_all = ref.repository && ref.host && ref.path && (ref.tag || !parts.tag.p) &&
                   (ref.digest || !parts.digest.p);
    if (!has_all)
        return fail_memory(why);

    *ret = ref;
    ref = (struct reference){0};
    return RC_OK;
}

void
reference_done(struct reference *ref)
{
    free(ref->repository);
    free(ref->host);
    free(ref->path);
    free(ref->tag);
    free(ref->digest);
    *ref = (struct reference){0};
}

/* Servers answer other paths with a redirect to the clean one, which is another repository. */
static bool
is_clean_path(struct span name)
{
    do {
        struct span component = cut(&name, '/');
        if (component.len == 0 || span_is(component, ".") || span_is(component, ".."))
            return false;
    } while (name.p);

    return true;
}

enum rc
repository_normalise(char **ret, const char *text, struct why *why)
{
    closing(reference_done) struct reference ref = {0};
    struct span name = span_of(text);

    if (name.len == 0 || name.len > REPOSITORY_MAX_BYTES)
        return fail(why, RC_MALFORMED, "repository name of %zu bytes, want 1 to %d", name.len,
            REPOSITORY_MAX_BYTES);

    if (!span_is_text(name) || memchr(name.p, '*', name.len))
        return fail(why, RC_MALFORMED,
            "repository name '%s' has '*', a control character or invalid UTF-8", text);

    if (!is_clean_path(name))
        return fail(why, RC_MALFORMED, "repository name '%s' has an empty component or dots", text);

    enum rc rc = reference_parse(&ref, text, NULL);
    if (rc == RC_NO_MEMORY)
        return fail_memory(why);

    if (!rc && (ref.tag || ref.digest))
        return fail(why, RC_MALFORMED, "'%s' names one image, want the repository '%s'", text,
            ref.repository);

    char *normal = rc ? span_dup(name) : steal(ref.repository);
    if (!normal)
        return fail_memory(why);

    *ret = normal;
    return RC_OK;
}

bool
repository_is_normal(const char *repository)
{
    closing(freep) char *normal = NULL;

    return !repository_normalise(&normal, repository, NULL) && !strcmp(normal, repository);
}

bool
tag_is_valid(struct span tag)
{
    if (tag.len == 0 || tag.len > TAG_MAX_BYTES || tag.p[0] == '.' || tag.p[0] == '-')
        return false;

    for (size_t i = 0; i < tag.len; i++) {
        uint8_t c = tag.p[i];
        if (!is_alphanumeric(c) && c != '_' && c != '.' && c != '-')
            return false;
    }

    return true;
}
