/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * url — an address of a server, taken apart strictly, so that nobody else can read it differently.
 *
 * "https://" or "http://", a host, perhaps a port, perhaps a path with a query. No user, no
 * fragment, no white space; a host of letters, digits, '.', '-' and '_', which is an IPv4
 * address in full if it ends in a number, or an IPv6 address in brackets.
 */
#include "proto/bytes.h"

struct url {
    char *text;      /* all of it */
    char *authority; /* "localhost:5000", as it was written */
    char *host;      /* "localhost", "[::1]" */
    int port;        /* 443 or 80 where none was written */
    bool is_plain;   /* http:// */
};

/* RC_MALFORMED */
must_check enum rc url_parse(struct url *ret, const char *text, struct why *why);
/* What a Location header means: a whole URL, or a path on the same server. RC_MALFORMED. */
must_check enum rc url_resolve(
    struct url *ret, const struct url *from, const char *location, struct why *why);
void url_done(struct url *url);

/* Same scheme, host and port. */
bool url_is_same_origin(const struct url *a, const struct url *b);
/* "localhost", 127.0.0.0/8 or [::1], with or without a port. Names are not looked up. */
bool url_is_loopback(const char *authority);
/* Append text, percent-encoding all but the unreserved characters and those of keep. */
void url_put_escaped(struct bytes *b, const char *text, const char *keep);
