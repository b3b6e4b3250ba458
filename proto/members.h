/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * members — strict reading of JSON objects that are not to be signed: frames, server answers,
 * files.
 *
 * A reader takes members one by one and then says that it has taken all; what is left is unknown
 * and an error. Errors name the place.
 *
 *     struct members m;
 *     members_open(&m, object, "documents[0]");
 *     members_text(&m, "format", &format);       required
 *     members_text_maybe(&m, "role", &role);     NULL where absent or null
 *     rc = members_close(&m, why);               first problem, or an unknown member
 */
#include <jansson.h>

#include "proto/bytes.h"

#define MEMBERS_MAX_NAMES 32 /* members that one reader can ask for */

struct members {
    const json_t *object;
    char place[96];
    const char *names[MEMBERS_MAX_NAMES]; /* asked for so far; the caller's, kept until close */
    size_t n_names;
    enum rc failed; /* the first problem, and its sentence */
    struct why why;
};

/* As jsontext_parse(), see jsontext.h. */
must_check enum rc members_parse(json_t **ret, struct span text, struct why *why);

/* place: where the object stands, for sentences; "" at the top. What is no object (NULL included)
 * is the first problem. */
void members_open(struct members *m, const json_t *object, const char *place);

/*
 * Borrowed results; untouched where the member is missing or wrong, which members_close() reports.
 * Those with _maybe take a member that is absent or null.
 */
void members_text(struct members *m, const char *name, const char **ret); /* no NUL inside */
void members_text_maybe(struct members *m, const char *name, const char **ret);
void members_int(struct members *m, const char *name, int64_t min, int64_t max, int64_t *ret);
void members_int_maybe(struct members *m, const char *name, int64_t min, int64_t max, int64_t *ret);
void members_bool_maybe(struct members *m, const char *name, bool *ret);
void members_array(struct members *m, const char *name, size_t max, const json_t **ret);
void members_array_maybe(struct members *m, const char *name, size_t max, const json_t **ret);
void members_object(struct members *m, const char *name, const json_t **ret);
void members_object_maybe(struct members *m, const char *name, const json_t **ret);

/* RC_MALFORMED: the first problem, or a member that nobody asked for. RC_TOO_LARGE: an array of
 * more than max elements. */
must_check enum rc members_close(struct members *m, struct why *why);
/* The same, but members that nobody asked for are ignored: answers of other people's servers. */
must_check enum rc members_close_tolerant(struct members *m, struct why *why);
