/* SPDX-License-Identifier: Apache-2.0 */
#include "client/realm.h"

#include "client/http_error.h"
#include "client/pause.h"
#include "client/url.h"
#include "proto/bounds.h"
#include "proto/members.h"

#define TOKEN_LIFETIME_S 60 /* where the answer does not say, or says less: docker's rule */

void
realm_token_done(struct realm_token *token)
{
    bytes_wipe(&token->header);
    token->expires_at = 0;
}

enum rc
realm_put_basic(struct bytes *header, const struct credentials *credentials, struct why *why)
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

/* "scope=a&scope=b": docker's token specification wants them one by one. */
static void
put_scopes(struct bytes *b, const char *scope)
{
    while (*scope) {
        size_t len = strcspn(scope, " ");
        char *one = strndup(scope, len);

        if (one)
            put_parameter(b, "scope", one);
        else
            bytes_fail(b, RC_NO_MEMORY);
        free(one);
        scope += len;
        scope += strspn(scope, " ");
    }
}

/* GET realm?account=…&scope=…&service=…, with Basic where there are credentials. */
static enum rc
get(struct http_response *ret, const struct realm *realm, struct why *why)
{
    closing(bytes_done) struct bytes query = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(bytes_done) struct bytes url = BYTES_INIT(2 * HTTP_HEADERS_MAX_BYTES);
    closing(bytes_wipe) struct bytes basic = BYTES_INIT(2 * SECRET_MAX_BYTES);
    const char *user = realm->credentials->user, *place = realm->challenge->realm;

    if (user) {
        enum rc rc = realm_put_basic(&basic, realm->credentials, why);
        if (rc)
            return rc;
        put_parameter(&query, "account", user);
    }
    put_scopes(&query, realm->scope);
    if (realm->challenge->service)
        put_parameter(&query, "service", realm->challenge->service);

    bytes_printf(&url, "%s%c%s", place, strchr(place, '?') ? '&' : '?', bytes_text(&query));
    enum rc rc = bytes_check(&query, why);
    if (!rc)
        rc = bytes_check(&url, why);
    if (rc)
        return rc;

    return http_send(ret, realm->http,
        &(struct http_request){
            .method = "GET",
            .path = bytes_text(&url),
            .authorization = basic.len > 0 ? bytes_text(&basic) : NULL,
            .max_bytes = SECRET_MAX_BYTES,
        },
        why);
}

/* POST an identity token, as docker does after "docker login" with one. */
static enum rc
post(struct http_response *ret, const struct realm *realm, struct why *why)
{
    closing(bytes_wipe) struct bytes form = BYTES_INIT(4 * SECRET_MAX_BYTES);

    put_parameter(&form, "client_id", "docker"); /* for whom docker login had it made */
    put_parameter(&form, "grant_type", "refresh_token");
    put_parameter(&form, "refresh_token", bytes_text(&realm->credentials->secret));
    put_parameter(&form, "scope", realm->scope);
    if (realm->challenge->service)
        put_parameter(&form, "service", realm->challenge->service);
    enum rc rc = bytes_check(&form, why);
    if (rc)
        return rc;

    return http_send(ret, realm->http,
        &(struct http_request){
            .method = "POST",
            .path = realm->challenge->realm,
            .content_type = "application/x-www-form-urlencoded",
            .body = bytes_span(&form),
            .max_bytes = SECRET_MAX_BYTES,
            .is_repeatable = true,
        },
        why);
}

/* With an identity token, of which we know whose it is, there is a second way to ask. */
static enum rc
ask(struct http_response *ret, const struct realm *realm, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    if (!realm->credentials->is_identity_token)
        return get(ret, realm, why);

    enum rc rc = post(&response, realm, why);
    if (rc)
        return rc;

    if ((response.status == 404 || response.status == 405) && *realm->credentials->user)
        return get(ret, realm, why);

    *ret = response;
    response = (struct http_response){0};
    return RC_OK;
}

/* RFC 6750 §2.1; anything else could forge a header. */
static bool
is_bearer_token(const char *text)
{
    return *text && strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "-._~+/=") == strlen(text);
}

enum rc
realm_token_set(struct realm_token *ret, const char *text, int64_t expires_at, struct why *why)
{
    closing(realm_token_done) struct realm_token token = REALM_TOKEN_INIT;

    if (!is_bearer_token(text))
        return fail(why, RC_MALFORMED, "what should be a token is none");

    bytes_printf(&token.header, "Bearer %s", text);
    enum rc rc = bytes_check(&token.header, why);
    if (rc)
        return rc;

    realm_token_done(ret);
    token.expires_at = expires_at;
    *ret = token;
    token = REALM_TOKEN_INIT;
    return RC_OK;
}

/* asked_at: seconds; a token lives from when it was made, which was no earlier. */
static enum rc
read_token(struct realm_token *ret, struct span answer, int64_t asked_at, struct why *why)
{
    closing(json_decrefp) json_t *root = NULL;
    const char *text = NULL, *access = NULL;
    int64_t lifetime_s = TOKEN_LIFETIME_S;
    struct members m;

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
    if (!text || !*text)
        return fail(why, RC_MALFORMED, "no token in the answer");

    if (lifetime_s < TOKEN_LIFETIME_S)
        lifetime_s = TOKEN_LIFETIME_S;
    return realm_token_set(ret, text, asked_at + lifetime_s - lifetime_s / 6, why);
}

/* Where credentials may be sent: to a realm by https://; by http:// only for a server that is plain
 * itself. */
static enum rc
check(const struct realm *realm, struct why *why)
{
    closing(url_done) struct url there = {0}, base = {0};

    enum rc rc = url_parse(&there, realm->challenge->realm, why);
    if (!rc)
        rc = url_parse(&base, http_base(realm->http), why);
    if (rc)
        return within(why, RC_NETWORK, "realm");

    if (there.is_plain && !base.is_plain)
        return fail(why, RC_NETWORK,
            "%.160s: sends us to the realm '%.160s' for a token; want https://", base.text,
            there.text);

    return RC_OK;
}

enum rc
realm_fetch(struct realm_token *ret, const struct realm *realm, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    const char *place = realm->challenge->realm;
    int64_t asked_at = pause_clock_ms() / 1000;
    struct http_error error;

    enum rc rc = check(realm, why);
    if (rc)
        return rc;

    rc = ask(&response, realm, why);
    if (rc)
        return within(why, rc, "token");

    http_error_read(&error, &response);
    if (response.status == 401 || response.status == 403 || response.status == 400)
        return fail(why, RC_DENIED, "%s", error.text);
    if (response.status != 200)
        return fail(why, RC_NETWORK, "token from '%.160s': %s", place, error.text);

    rc = read_token(ret, bytes_span(&response.body), asked_at, why);
    return rc && rc != RC_NO_MEMORY
               ? within(why, RC_NETWORK, "token from '%.160s': see to the token server", place)
               : rc;
}
