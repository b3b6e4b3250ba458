/* SPDX-License-Identifier: Apache-2.0 */
#include "client/credentials.h"

#include <stdio.h>

#include "client/file.h"
#include "client/helper.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/members.h"

/* The name under which docker keeps what is for its own registry. */
#define HUB_SERVER "https://index.docker.io/v1/"

/* For whom credentials are wanted. */
struct wanted {
    const char *host;   /* "localhost:5000", "docker.io" */
    const char *path;   /* "shop/web"; NULL: none */
    const char *server; /* the host as docker and its helpers name it */
};

#define BLANKS " \t\r\n"

/* base64 of "user:password"; the password may have colons. */
static enum rc
read_pair(struct credentials *ret, struct span base64, struct why *why)
{
    closing(bytes_wipe) struct bytes pair = BYTES_INIT(SECRET_MAX_BYTES);

    enum rc rc = base64_parse(&pair, base64, why);
    if (rc)
        return rc;

    const uint8_t *colon = memchr(bytes_text(&pair), ':', pair.len);
    if (!colon || colon == pair.p)
        return fail(why, RC_MALFORMED, "want base64 of USER:PASSWORD");

    size_t len = (size_t)(colon - pair.p);
    if (memchr(pair.p, 0, len))
        return fail(why, RC_MALFORMED, "a NUL in the name of the user");

    while (pair.p[pair.len - 1] == 0) /* as docker does: old versions padded with them */
        pair.len--;

    ret->user = span_dup((struct span){pair.p, len});
    if (!ret->user)
        return fail_memory(why);

    bytes_put(&ret->secret, (struct span){colon + 1, pair.len - len - 1});
    return bytes_check(&ret->secret, why);
}

/* Whether key, as docker login wrote it in any of its versions, means this host as a whole. */
static bool
is_key_of(const char *key, const struct wanted *wanted)
{
    static const char *const hub[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
    static const char *const rests[] = {"", "/", "/v1", "/v1/", "/v2", "/v2/"};

    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t len = strcspn(host, "/");
    bool is_host = len == strlen(wanted->host) && !memcmp(host, wanted->host, len);
    bool is_whole = scheme != NULL;

    for (size_t i = 0; i < N_ELEMENTS(hub) && !strcmp(wanted->host, hub[0]); i++)
        is_host = is_host || (len == strlen(hub[i]) && !memcmp(host, hub[i], len));
    for (size_t i = 0; i < N_ELEMENTS(rests); i++)
        is_whole = is_whole || !strcmp(host + len, rests[i]);

    return is_host && is_whole;
}

/* podman's "host/namespace": the longest that the repository lies in. */
static const json_t *
find_by_path(const json_t *object, const struct wanted *wanted)
{
    char place[2 * REPOSITORY_MAX_BYTES];
    const json_t *found = NULL;

    int len = snprintf(place, sizeof place, "%s/%s", wanted->host, wanted->path);
    if (len < 0 || (size_t)len >= sizeof place)
        return NULL;

    for (char *end = place + len; end && !found; end = strrchr(place, '/')) {
        *end = 0;
        found = json_object_get(object, place);
    }

    return found;
}

static const json_t *
find_entry(const json_t *object, const struct wanted *wanted)
{
    const char *key = NULL;
    json_t *value = NULL;

    const json_t *found = wanted->path ? find_by_path(object, wanted) : NULL;
    if (!found)
        found = json_object_get(object, wanted->server);
    if (found)
        return found;

    json_object_foreach((json_t *)object, key, value)
        if (is_key_of(key, wanted))
            return value;

    return NULL;
}

static enum rc
ask_helper(struct credentials *ret, const char *name, const struct wanted *wanted, struct why *why)
{
    enum rc rc = helper_get(&ret->user, &ret->secret, name, wanted->server, why);
    if (rc)
        return rc;

    ret->is_identity_token = !strcmp(ret->user, "<token>");
    if (ret->is_identity_token)
        *ret->user = 0;
    return RC_OK;
}

/* One entry of "auths". It may be empty: then the secret is in a helper, or nowhere. */
static enum rc
read_entry(struct credentials *ret, const json_t *entry, struct why *why)
{
    struct members m;
    const char *pair = NULL, *token = NULL, *bearer = NULL, *user = NULL, *password = NULL;

    members_open(&m, entry, "auths");
    members_text_maybe(&m, "auth", &pair);
    members_text_maybe(&m, "identitytoken", &token);
    members_text_maybe(&m, "registrytoken", &bearer);
    members_text_maybe(&m, "username", &user);
    members_text_maybe(&m, "password", &password);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    bool is_token = (token && *token) || (bearer && *bearer);
    if (pair && *pair) {
        rc = read_pair(ret, span_of(pair), why);
        if (rc && !is_token)
            return within(why, rc, "auths");
    }

    if (is_token) { /* a password beside it counts for nothing, and is mostly empty */
        ret->is_identity_token = token && *token;
        ret->is_registry_token = !ret->is_identity_token;
        if (!ret->user)
            ret->user = strdup(user ? user : "");
        bytes_wipe(&ret->secret);
        bytes_puts(&ret->secret, ret->is_identity_token ? token : bearer);
        return ret->user ? bytes_check(&ret->secret, why) : fail_memory(why);
    }
    if (ret->user)
        return RC_OK;

    if (!user || !*user || !password)
        return fail(why, RC_NOT_FOUND, "an empty entry");

    ret->user = strdup(user);
    bytes_puts(&ret->secret, password);
    return ret->user ? bytes_check(&ret->secret, why) : fail_memory(why);
}

/* RC_NOT_FOUND: nothing for this server. */
static enum rc
find_in_text(
    struct credentials *ret, struct span text, const struct wanted *wanted, struct why *why)
{
    closing(json_decrefp) json_t *root = NULL;

    enum rc rc = members_parse(&root, text, why);
    if (rc)
        return rc;

    const json_t *helpers = json_object_get(root, "credHelpers");
    const char *helper = json_string_value(find_entry(helpers, wanted));
    if (!helper)
        helper = json_string_value(json_object_get(root, "credsStore"));

    rc = helper && *helper ? ask_helper(ret, helper, wanted, why) : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND) {
        const json_t *entry = find_entry(json_object_get(root, "auths"), wanted);
        rc = entry ? read_entry(ret, entry, why) : RC_NOT_FOUND;
    }

    return rc;
}

static enum rc
find_in_file(
    struct credentials *ret, const char *path, const struct wanted *wanted, struct why *why)
{
    closing(bytes_wipe) struct bytes text = BYTES_INIT(CREDENTIALS_MAX_BYTES);

    enum rc rc = file_load(&text, path, why);
    if (rc)
        return rc;

    if (text.len == 0)
        return fail(why, RC_NOT_FOUND, "'%s' is empty", path);

    rc = find_in_text(ret, bytes_span(&text), wanted, why);
    return rc && rc != RC_NOT_FOUND ? within(why, rc, "'%s'", path) : rc;
}

static enum rc
find_in_user_files(struct credentials *ret, const struct wanted *wanted, struct why *why)
{
    static const struct {
        enum userdir dir;
        const char *name;
    } files[] = {
        {USERDIR_DOCKER, "config.json"},
        {USERDIR_RUNTIME, "containers/auth.json"},
        {USERDIR_CONFIG, "containers/auth.json"},
    };
    enum rc rc = RC_NOT_FOUND;

    for (size_t i = 0; i < N_ELEMENTS(files) && rc == RC_NOT_FOUND; i++) {
        closing(freep) char *path = NULL;

        rc = userdir_path(&path, files[i].dir, files[i].name, why);
        if (!rc)
            rc = find_in_file(ret, path, wanted, why);
    }

    return rc;
}

static void
trim(struct bytes *b)
{
    while (b->len > 0 && memchr(BLANKS, b->p[b->len - 1], sizeof BLANKS - 1))
        bytes_cut(b, b->len - 1);

    size_t n = 0;
    while (n < b->len && memchr(BLANKS, b->p[n], sizeof BLANKS - 1))
        n++;
    bytes_drop(b, n);
}

static enum rc
find_in_notary_auth(struct credentials *ret, struct why *why)
{
    const char *text = getenv("NOTARY_AUTH");
    if (!text || !*text)
        return fail(why, RC_NOT_FOUND, "NOTARY_AUTH is not set");

    closing(bytes_wipe) struct bytes base64 = BYTES_INIT(2 * SECRET_MAX_BYTES);
    for (; *text; text++) /* base64(1) ends its lines, and breaks long ones */
        if (!strchr(BLANKS, *text))
            bytes_put(&base64, (struct span){(const uint8_t *)text, 1});

    enum rc rc = bytes_check(&base64, why);
    if (!rc)
        rc = read_pair(ret, bytes_span(&base64), why);
    if (rc)
        return within(why, rc, "NOTARY_AUTH");

    trim(&ret->secret); /* as notary does: 'echo user:password | base64' ends a line, too */
    return RC_OK;
}

static enum rc
find_in_docker_auth_config(struct credentials *ret, const struct wanted *wanted, struct why *why)
{
    const char *text = getenv("DOCKER_AUTH_CONFIG");
    if (!text || !*text)
        return fail(why, RC_NOT_FOUND, "DOCKER_AUTH_CONFIG is not set");

    enum rc rc = find_in_text(ret, span_of(text), wanted, why);
    return rc && rc != RC_NOT_FOUND ? within(why, rc, "DOCKER_AUTH_CONFIG") : rc;
}

static enum rc
find_in_registry_auth_file(struct credentials *ret, const struct wanted *wanted, struct why *why)
{
    const char *path = getenv("REGISTRY_AUTH_FILE");
    if (!path || !*path)
        return fail(why, RC_NOT_FOUND, "REGISTRY_AUTH_FILE is not set");

    return find_in_file(ret, path, wanted, why);
}

enum rc
credentials_find(struct credentials *ret, const char *host, const char *path, bool is_trust_server,
    struct why *why)
{
    closing(credentials_done) struct credentials found = CREDENTIALS_INIT;
    const struct wanted wanted = {
        .host = host,
        .path = path,
        .server = !strcmp(host, "docker.io") ? HUB_SERVER : host,
    };

    enum rc rc = is_trust_server ? find_in_notary_auth(&found, why) : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        rc = find_in_docker_auth_config(&found, &wanted, why);
    if (rc == RC_NOT_FOUND)
        rc = find_in_registry_auth_file(&found, &wanted, why);
    if (rc == RC_NOT_FOUND)
        rc = find_in_user_files(&found, &wanted, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret = found;
    found = CREDENTIALS_INIT;
    return RC_OK;
}

void
credentials_done(struct credentials *c)
{
    free(c->user);
    bytes_wipe(&c->secret);
    *c = CREDENTIALS_INIT;
}
