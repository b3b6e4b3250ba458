/* SPDX-License-Identifier: Apache-2.0 */
#include "client/auth.h"

#include <stdio.h>

#include "client/challenge.h"
#include "client/http_error.h"
#include "client/pause.h"
#include "client/url.h"
#include "proto/bounds.h"
#include "proto/members.h"

#define TOKENS_KEPT_MAX  4096 /* scopes of one run: two for each repository */
#define TOKEN_LIFETIME_S 60   /* where the answer does not say, or says less: docker's rule */

/* A token that was given for one scope. */
struct token {
    char *scope;
    struct bytes header; /* "Bearer …" */
    int64_t expires_at;  /* seconds of the monotonic clock */
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
        bytes_wipe(&auth->tokens[i].header);
    }
    free(auth->tokens);
    credentials_done(&auth->credentials);
    challenge_done(&auth->challenge);
    free(auth->path);
    free(auth->host);
    free(auth);
}

/* The repository that a scope is about, without the registry's host, which Notary's have. */
static char *
path_of_scope(const struct auth *auth, const char *scope)
{
    const char *start = strchrnul(scope, ':');
    const char *end = strrchr(scope, ':');
    size_t len = strlen(auth->host);

    if (!*start || end == start)
        return strdup("");

    start++;
    if (!strncmp(start, auth->host, len) && start[len] == '/')
        start += len + 1;
    return strndup(start, (size_t)(end - start));
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

/* Append "Basic …". */
static enum rc
put_basic(struct bytes *header, const struct credentials *credentials, struct why *why)
{
    closing(bytes_wipe) struct bytes pair = BYTES_INIT(SECRET_MAX_BYTES);

    if (strchr(credentials->user, ':'))
        return fail(why, RC_NETWORK,
            "user '%s': Basic authentication has no way to say ':' in a name", credentials->user);

    bytes_puts(&pair, credentials->user);
    bytes_putc(&pair, ':');
    bytes_put(&pair, bytes_span(&credentials->secret));
    enum rc rc = bytes_check(&pair, why);
    if (rc)
        return rc;

    bytes_puts(header, "Basic ");
    bytes_put_base64(header, bytes_span(&pair));
    return bytes_check(header, why);
}

static void
put_parameter(struct bytes *b, const char *name, const char *value)
{
    if (b->len > 0)
        bytes_putc(b, '&');
    bytes_puts(b, name);
    bytes_putc(b, '=');
    url_put_escaped(b, value, "");
}

/* GET realm?account=…&scope=…&service=…, with Basic where there are credentials. */
static enum rc
ask_realm(struct http_response *ret, struct auth *auth, const char *scope, struct why *why)
{
    closing(bytes_done) struct bytes query = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(bytes_done) struct bytes url = BYTES_INIT(2 * HTTP_HEADERS_MAX_BYTES);
    closing(bytes_wipe) struct bytes basic = BYTES_INIT(2 * SECRET_MAX_BYTES);
    const char *realm = auth->challenge.realm;

    if (auth->credentials.user) {
        enum rc rc = put_basic(&basic, &auth->credentials, why);
        if (rc)
            return rc;
        put_parameter(&query, "account", auth->credentials.user);
    }
    put_parameter(&query, "scope", scope);
    if (auth->challenge.service)
        put_parameter(&query, "service", auth->challenge.service);

    bytes_printf(&url, "%s%c%s", realm, strchr(realm, '?') ? '&' : '?', bytes_text(&query));
    enum rc rc = bytes_check(&query, why);
    if (!rc)
        rc = bytes_check(&url, why);
    if (rc)
        return rc;

    return http_send(ret, auth->http,
        &(struct http_request){
            .method = "GET",
            .path = bytes_text(&url),
            .authorization = basic.len > 0 ? bytes_text(&basic) : NULL,
            .max_bytes = SECRET_MAX_BYTES,
        },
        why);
}

/* POST an identity token to the realm, as docker does after "docker login" with one. */
static enum rc
ask_realm_with_identity(
    struct http_response *ret, struct auth *auth, const char *scope, struct why *why)
{
    closing(bytes_wipe) struct bytes form = BYTES_INIT(4 * SECRET_MAX_BYTES);

    put_parameter(&form, "client_id", "docker"); /* for whom docker login had it made */
    put_parameter(&form, "grant_type", "refresh_token");
    put_parameter(&form, "refresh_token", bytes_text(&auth->credentials.secret));
    put_parameter(&form, "scope", scope);
    if (auth->challenge.service)
        put_parameter(&form, "service", auth->challenge.service);
    enum rc rc = bytes_check(&form, why);
    if (rc)
        return rc;

    return http_send(ret, auth->http,
        &(struct http_request){
            .method = "POST",
            .path = auth->challenge.realm,
            .content_type = "application/x-www-form-urlencoded",
            .body = bytes_span(&form),
            .max_bytes = SECRET_MAX_BYTES,
        },
        why);
}

/* RFC 6750 §2.1; anything else could forge a header. */
static bool
is_bearer_token(const char *text)
{
    return *text && strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "-._~+/=") == strlen(text);
}

static enum rc
read_token(struct token *token, struct span answer, struct why *why)
{
    closing(json_decrefp) json_t *root = NULL;
    struct members m;
    const char *text = NULL, *access = NULL;
    int64_t lifetime_s = TOKEN_LIFETIME_S;

    enum rc rc = members_parse(&root, answer, why);
    if (rc)
        return rc;

    members_open(&m, root, "answer");
    members_text_maybe(&m, "token", &text);
    members_text_maybe(&m, "access_token", &access);
    members_int_maybe(&m, "expires_in", 0, INTEGER_MAX, &lifetime_s);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    if (!text)
        text = access;
    if (!text || !is_bearer_token(text))
        return fail(why, RC_MALFORMED, "no token in the answer");

    if (lifetime_s < TOKEN_LIFETIME_S)
        lifetime_s = TOKEN_LIFETIME_S;
    token->expires_at = pause_clock_ms() / 1000 + lifetime_s - lifetime_s / 6;

    bytes_clear(&token->header);
    bytes_printf(&token->header, "Bearer %s", text);
    return bytes_check(&token->header, why);
}

/* Where credentials may be sent: see auth.h. */
static enum rc
check_realm(const struct auth *auth, struct why *why)
{
    closing(url_done) struct url realm = {0}, base = {0};

    enum rc rc = url_parse(&realm, auth->challenge.realm, why);
    if (!rc)
        rc = url_parse(&base, http_base(auth->http), why);
    if (rc)
        return within(why, RC_NETWORK, "realm");

    if (realm.is_plain && !base.is_plain)
        return fail(why, RC_NETWORK,
            "%.160s: sends us to the realm '%.160s' for a token; want https://", base.text,
            realm.text);

    return RC_OK;
}

static enum rc
fetch_token(struct token *token, struct auth *auth, const char *scope, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    struct http_error error;

    enum rc rc = check_realm(auth, why);
    if (!rc)
        rc = find_credentials(auth, scope, why);
    if (rc)
        return rc;

    rc = auth->credentials.is_identity_token ? ask_realm_with_identity(&response, auth, scope, why)
                                             : ask_realm(&response, auth, scope, why);
    if (rc)
        return within(why, rc, "token");

    if (response.status == 401 || response.status == 403 || response.status == 400) {
        http_error_read(&error, &response);
        return auth_denied(auth, scope, error.text, why);
    }

    if (response.status != 200) {
        http_error_read(&error, &response);
        return fail(why, RC_NETWORK, "token from '%.160s': %s", auth->challenge.realm, error.text);
    }

    rc = read_token(token, bytes_span(&response.body), why);
    if (rc == RC_NO_MEMORY)
        return rc;

    if (rc)
        rc = within(
            why, RC_NETWORK, "token from '%.160s': see to the token server", auth->challenge.realm);
    return rc;
}

static struct token *
find_token(struct auth *auth, const char *scope)
{
    for (size_t i = 0; i < auth->n_tokens; i++)
        if (!strcmp(auth->tokens[i].scope, scope))
            return &auth->tokens[i];

    return NULL;
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
    token->header = BYTES_INIT(2 * SECRET_MAX_BYTES);
    auth->n_tokens++;
    *ret = token;
    return RC_OK;
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

        bool is_usable = auth->credentials.user && !auth->credentials.is_identity_token;
        return is_usable ? put_basic(header, &auth->credentials, why) : RC_OK;
    }

    struct token *token = find_token(auth, scope);
    enum rc rc = token ? RC_OK : add_token(&token, auth, scope, why);
    if (!rc && token->expires_at <= pause_clock_ms() / 1000)
        rc = fetch_token(token, auth, scope, why);
    if (rc)
        return rc;

    bytes_put(header, bytes_span(&token->header));
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
        token->expires_at = 0;

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

    if (is_new)
        return send_once(ret, auth, request, scope, why);

    *ret = response;
    response = (struct http_response){0};
    return RC_OK;
}

enum rc
auth_denied(const struct auth *auth, const char *what, const char *problem, struct why *why)
{
    const char *base = http_base(auth->http);

    if (auth->credentials.user && *auth->credentials.user)
        return fail(why, RC_NETWORK,
            "%.120s: user '%.60s' is not allowed to do this with '%s': %s; check the user's "
            "rights, or log in anew: docker login %.60s",
            base, auth->credentials.user, what, problem, auth->host);

    if (auth->credentials.user)
        return fail(why, RC_NETWORK,
            "%.120s: the identity token is not accepted for '%s': %s; log in anew: docker login "
            "%.60s",
            base, what, problem, auth->host);

    return fail(why, RC_NETWORK,
        "%.120s: not without credentials for '%s': %s; log in: docker login %.60s%s", base, what,
        problem, auth->host, auth->is_trust_server ? ", or set NOTARY_AUTH" : "");
}
