/* SPDX-License-Identifier: Apache-2.0 */
#include "client/challenge.h"

#include <stdio.h>

#include "proto/bounds.h"

#define TOKEN_CHARACTERS                                                                           \
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* One parameter, or a scheme where it has no value. */
struct piece {
    struct span name;
    bool has_value;
    struct bytes value; /* without quotes and escapes */
};

static void
piece_done(struct piece *piece)
{
    bytes_done(&piece->value);
}

static enum rc
read_quoted(struct bytes *ret, const char **at, struct why *why)
{
    const char *c = *at + 1;

    for (; *c && *c != '"'; c++) {
        if (*c == '\\' && c[1])
            c++;
        bytes_putc(ret, (uint8_t)*c);
    }
    if (*c != '"')
        return fail(why, RC_MALFORMED, "a quoted string without an end");

    *at = c + 1;
    return bytes_check(ret, why);
}

/* *at is at a token. "realm=", "Basic" or, after a scheme, base64 that means nothing to us. */
static enum rc
read_piece(struct piece *ret, const char **at, struct why *why)
{
    const char *c = *at;

    size_t len = strspn(c, TOKEN_CHARACTERS "/");
    if (len == 0)
        return fail(why, RC_MALFORMED, "'%.40s' where a scheme or a parameter should be", c);

    ret->name = (struct span){(const uint8_t *)c, len};
    c += len;
    const char *equals = c + strspn(c, " \t");
    ret->has_value = *equals == '=';
    if (!ret->has_value) {
        *at = c;
        return RC_OK;
    }

    c = equals + 1 + strspn(equals + 1, " \t=");
    if (*c == '"') {
        *at = c;
        return read_quoted(&ret->value, at, why);
    }

    len = strspn(c, TOKEN_CHARACTERS "/:");
    bytes_put(&ret->value, (struct span){(const uint8_t *)c, len});
    *at = c + len;
    return bytes_check(&ret->value, why);
}

static bool
is_named(const struct piece *piece, const char *name)
{
    return piece->name.len == strlen(name) &&
           !strncasecmp((const char *)piece->name.p, name, piece->name.len);
}

static enum rc
keep(struct challenge *challenge, const struct piece *piece, struct why *why)
{
    const struct {
        const char *name;
        char **place;
    } kept[] = {
        {"realm", &challenge->realm},
        {"service", &challenge->service},
        {"error", &challenge->error},
    };

    for (size_t i = 0; i < N_ELEMENTS(kept); i++)
        if (is_named(piece, kept[i].name) && !*kept[i].place) {
            *kept[i].place = span_dup(bytes_span(&piece->value));
            return *kept[i].place ? RC_OK : fail_memory(why);
        }

    return RC_OK;
}

static enum challenge_kind
kind_of(const struct piece *scheme)
{
    return is_named(scheme, "Bearer")  ? CHALLENGE_BEARER
           : is_named(scheme, "Basic") ? CHALLENGE_BASIC
                                       : CHALLENGE_NONE;
}

/* Read one challenge after the other; *best is the one to answer. */
static enum rc
read_all(struct challenge *best, const char *header, struct why *why)
{
    bool is_best = false; /* the challenge that we are in */

    for (const char *at = header;;) {
        closing(piece_done) struct piece piece = {.value = BYTES_INIT(HTTP_HEADERS_MAX_BYTES)};

        at += strspn(at, " \t,\n");
        if (!*at)
            return RC_OK;

        enum rc rc = read_piece(&piece, &at, why);
        if (!rc && piece.has_value && is_best)
            rc = keep(best, &piece, why);
        if (rc)
            return rc;

        if (!piece.has_value) {
            is_best = kind_of(&piece) > best->kind;
            if (is_best) {
                challenge_done(best);
                best->kind = kind_of(&piece);
            }
        }
    }
}

enum rc
challenge_parse(struct challenge *ret, const char *header, struct why *why)
{
    closing(challenge_done) struct challenge best = {0};

    enum rc rc = read_all(&best, header, why);
    if (rc)
        return within(why, rc, "WWW-Authenticate");

    if (best.kind == CHALLENGE_BEARER && !best.realm)
        return fail(why, RC_MALFORMED, "WWW-Authenticate: Bearer without a realm");

    *ret = best;
    best = (struct challenge){0};
    return RC_OK;
}

void
challenge_done(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->error);
    *challenge = (struct challenge){0};
}
