/* SPDX-License-Identifier: Apache-2.0 */
#include "client/auth.h"

#include <stdio.h>

#include "client/challenge.h"
#include "client/pause.h"
#include "client/realm.h"
#include "proto/bounds.h"

#define TOKENS_KEPT_MAX 65536 /* scopes of one run: some for each repository */

/* A token that was given for one scope. */
struct token {
    char *scope;
    struct realm_token realm;
};

struct auth {
    struct http *http;
    char *host;
    bool is_trust_server;
    struct challenge challenge; /* CHALLENGE_NONE until the first 401 */
    char *path;                 /* the repository that the credentials were looked up for */
    struct credentials credentials;
    struct token *tokens;
    size_t n_tokens;
};

enum rc
auth_new(
    struct auth **ret, struct http *http, const char *host, bool is_trust_server, struct why *why)
{
    closing(auth_freep) struct auth *auth = calloc(1, sizeof *auth);
    if (!auth)
        return fail_memory(why);

    auth->http = http;
    auth->is_trust_server = is_trust_server;
    auth->credentials = CREDENTIALS_INIT;
    auth->host = strdup(host);
    if (!auth->host)
        return fail_memory(why);

    *ret = steal(auth);
    return RC_OK;
}

void
auth_free(struct auth *auth)
{
    if (!auth)
        return;

    for (size_t i = 0; i < auth->n_tokens; i++) {
        free(auth->tokens[i].scope);
        realm_token_done(&auth->tokens[i].realm);
    }
    free(auth->tokens);
    credentials_done(&auth->credentials);
    challenge_done(&auth->challenge);
    free(auth->path);
    free(auth->host);
    free(auth);
}

/* The repository that a scope is about, the first of several; without the registry's host, which
 * Notary's have. */
static char *
path_of_scope(const struct auth *auth, const char *scope)
{
    closing(freep) char *first = strndup(scope, strcspn(scope, " "));
    if (!first)
        return NULL;

    char *start = strchrnul(first, ':');
    char *end = strrchr(first, ':');
    size_t len = strlen(auth->host);
    if (!*start || end == start)
        return strdup("");

    *end = 0;
    start++;
    if (!strncmp(start, auth->host, len) && start[len] == '/')
        start += len + 1;
    return strdup(start);
}

/* Look up the credentials for this scope, unless they are at hand. */
static enum rc
find_credentials(struct auth *auth, const char *scope, struct why *why)
{
    closing(credentials_done) struct credentials found = CREDENTIALS_INIT;

    closing(freep) char *path = path_of_scope(auth, scope);
    if (!path)
        return fail_memory(why);

    if (auth->path && !strcmp(auth->path, path))
        return RC_OK;

    enum rc rc = credentials_find(&found, auth->host, path, auth->is_trust_server, why);
    if (rc)
        return rc;

    struct credentials left = auth->credentials;
    auth->credentials = found;
    found = left;
    free(auth->path);
    auth->path = steal(path);
    return RC_OK;
}

/* "pull" in "pull,push". */
static bool
has_action(struct span actions, struct span action)
{
    for (;;) {
        const uint8_t *comma = memchr(actions.p, ',', actions.len);
        size_t len = comma ? (size_t)(comma - actions.p) : actions.len;

        if (span_eq((struct span){actions.p, len}, action))
            return true;
        if (!comma)
            return false;
        actions = (struct span){comma + 1, actions.len - len - 1};
    }
}

static struct span
actions_of(struct span one)
{
    const uint8_t *colon = memrchr(one.p, ':', one.len);
    size_t before = colon ? (size_t)(colon + 1 - one.p) : 0;

    return (struct span){one.p + before, one.len - before};
}

/* Whether scope, a single one, allows all that one does. */
static bool
is_wider(struct span scope, struct span one)
{
    struct span want = actions_of(one), have = actions_of(scope);
    struct span about = {one.p, one.len - want.len};

    if (!span_eq((struct span){scope.p, scope.len - have.len}, about))
        return false;

    while (want.len > 0) {
        const uint8_t *comma = memchr(want.p, ',', want.len);
        size_t len = comma ? (size_t)(comma - want.p) : want.len;

        if (!has_action(have, (struct span){want.p, len}))
            return false;
        want = comma ? (struct span){comma + 1, want.len - len - 1} : (struct span){want.p, 0};
    }

    return true;
}

/* Whether a token for scopes, several, does where one single scope is wanted. */
static bool
covers(const char *scopes, const char *one)
{
    const struct span want = span_of(one);

    while (*scopes) {
        size_t len = strcspn(scopes, " ");
        if (is_wider((struct span){(const uint8_t *)scopes, len}, want))
            return true;
        scopes += len;
        scopes += strspn(scopes, " ");
    }

    return false;
}

/* The token that was asked for with this scope, or else one that is at hand and does. */
static struct token *
find_token(struct auth *auth, const char *scope)
{
    int64_t now = pause_clock_ms() / 1000;
    struct token *found = NULL;

    for (size_t i = 0; i < auth->n_tokens; i++) {
        struct token *token = &auth->tokens[i];

        if (!strcmp(token->scope, scope))
            return token;
        if (!strchr(scope, ' ') && token->realm.expires_at > now && covers(token->scope, scope))
            found = token;
    }

    return found;
}

/* The place for the token of this scope. */
static enum rc
add_token(struct token **ret, struct auth *auth, const char *scope, struct why *why)
{
    closing(freep) char *copy = strdup(scope);
    struct token *token =
        copy ? mem_grow(&auth->tokens, auth->n_tokens, sizeof *token, TOKENS_KEPT_MAX) : NULL;
    if (!token)
        return fail_memory(why);

    token->scope = steal(copy);
    token->realm = REALM_TOKEN_INIT;
    auth->n_tokens++;
    *ret = token;
    return RC_OK;
}

/* Neither anonymous nor with a token. */
static bool
has_password(const struct auth *auth)
{
    const struct credentials *credentials = &auth->credentials;

    return credentials->user && !credentials->is_identity_token && !credentials->is_registry_token;
}

static enum rc
fetch_token(struct token *token, struct auth *auth, struct why *why)
{
    const struct realm realm = {auth->http, &auth->challenge, &auth->credentials, token->scope};
    struct why said = {0};

    enum rc rc = find_credentials(auth, token->scope, why);
    if (rc)
        return rc;

    if (auth->credentials.is_registry_token) {
        rc = realm_token_set(&token->realm, bytes_text(&auth->credentials.secret), INT64_MAX, why);
        return rc ? within(why, rc, "registrytoken of '%.60s'", auth->host) : RC_OK;
    }

    rc = realm_fetch(&token->realm, &realm, &said);
    if (rc == RC_DENIED)
        return auth_denied(auth, token->scope, said.text, why);

    return rc ? fail(why, rc, "%s", said.text) : RC_OK;
}

/* Append the value of Authorization, if anything is known. */
static enum rc
put_authorization(struct bytes *header, struct auth *auth, const char *scope, struct why *why)
{
    if (auth->challenge.kind == CHALLENGE_NONE)
        return RC_OK;

    if (auth->challenge.kind == CHALLENGE_BASIC) {
        enum rc rc = find_credentials(auth, scope, why);
        if (rc)
            return rc;

        return has_password(auth) ? realm_put_basic(header, &auth->credentials, why) : RC_OK;
    }

    struct token *token = find_token(auth, scope);
    enum rc rc = token ? RC_OK : add_token(&token, auth, scope, why);
    if (!rc && token->realm.expires_at <= pause_clock_ms() / 1000)
        rc = fetch_token(token, auth, why);
    if (rc)
        return rc;

    bytes_put(header, bytes_span(&token->realm.header));
    return bytes_check(header, why);
}

static enum rc
send_once(struct http_response *ret, struct auth *auth, const struct http_request *request,
    const char *scope, struct why *why)
{
    closing(bytes_wipe) struct bytes header = BYTES_INIT(2 * SECRET_MAX_BYTES);
    struct http_request authorized = *request;

    enum rc rc = put_authorization(&header, auth, scope, why);
    if (rc)
        return rc;

    authorized.authorization = header.len > 0 ? bytes_text(&header) : NULL;
    return http_send(ret, auth->http, &authorized, why);
}

/* Take in a 401. *ret: there is something to be tried that was not. */
static enum rc
learn(bool *ret, struct auth *auth, const struct http_response *response, const char *scope,
    struct why *why)
{
    closing(challenge_done) struct challenge challenge = {0};
    bool was_basic = auth->challenge.kind == CHALLENGE_BASIC;

    if (response->www_authenticate) {
        enum rc rc = challenge_parse(&challenge, response->www_authenticate, why);
        if (rc)
            return fail(why, RC_NETWORK,
                "%.120s: asks for credentials for '%.300s', but not as RFC 9110 has it: %s; "
                "whoever "
                "runs it must mend that",
                http_base(auth->http), scope, why ? why->text : "");
    }

    struct token *token = find_token(auth, scope);
    if (token)
        token->realm.expires_at = 0;

    *ret = challenge.kind == CHALLENGE_BEARER || (challenge.kind == CHALLENGE_BASIC && !was_basic);
    if (*ret) {
        struct challenge left = auth->challenge;
        auth->challenge = challenge;
        challenge = left;
    }
    return RC_OK;
}

enum rc
auth_prepare(struct auth *auth, const char *scope, struct why *why)
{
    closing(bytes_wipe) struct bytes header = BYTES_INIT(2 * SECRET_MAX_BYTES);

    return put_authorization(&header, auth, scope, why);
}

enum rc
auth_send(struct http_response *ret, struct auth *auth, const struct http_request *request,
    const char *scope, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    bool is_new = false;

    enum rc rc = send_once(&response, auth, request, scope, why);
    if (!rc && response.status == 401)
        rc = learn(&is_new, auth, &response, scope, why);
    if (rc)
        return rc;

    if (is_new) {
        http_again(request);
        return send_once(ret, auth, request, scope, why);
    }

    *ret = response;
    response = (struct http_response){0};
    return RC_OK;
}

enum rc
auth_denied(const struct auth *auth, const char *what, const char *problem, struct why *why)
{
    const char *base = http_base(auth->http);

    if (has_password(auth))
        return fail(why, RC_NETWORK,
            "%.120s: user '%.60s' is not allowed to do this with '%s': %s; check the user's "
            "rights, or log in anew: docker login %.60s",
            base, auth->credentials.user, what, problem, auth->host);

    if (auth->credentials.user)
        return fail(why, RC_NETWORK,
            "%.120s: the token is not accepted for '%s': %s; log in anew: docker login "
            "%.60s",
            base, what, problem, auth->host);

    return fail(why, RC_NETWORK,
        "%.120s: not without credentials for '%s': %s; log in: docker login %.60s%s", base, what,
        problem, auth->host, auth->is_trust_server ? ", or set NOTARY_AUTH" : "");
}
