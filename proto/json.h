/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * json — strict reading of JSON objects that are not to be signed: frames, server answers, files.
 *
 * A reader takes members one by one and then says that it has taken all; what is left is unknown
 * and an error. Errors name the place.
 *
 *     struct json j;
 *     rc = json_open(&j, object, "documents[0]", why);
 *     json_text(&j, "format", &format);       required
 *     json_text_maybe(&j, "role", &role);     NULL where absent or null
 *     rc = json_close(&j, why);               first problem, or an unknown member
 */
#include <jansson.h>

#include "proto/bytes.h"

struct json {
    const json_t *object;
    char place[96];
    size_t taken;   /* members asked for that are there */
    enum rc failed; /* the first problem, and its sentence */
    struct why why;
};

DEFINE_CLEANUP(json_t, json_decref);

/* Parse bytes: duplicates and anything after the text are errors. *ret: json_decref(). RC_MALFORMED
 */
must_check enum rc json_parse(json_t **ret, struct span text, struct why *why);

/* Text of a value, compact, in the order of insertion; free(). NULL: no memory. */
must_check char *json_text_of(const json_t *value);

void json_open(struct json *j, const json_t *object, const char *place);

/* Borrowed results; untouched where the member is missing or wrong, which json_close() reports. */
void json_text(struct json *j, const char *name, const char **ret); /* no NUL inside */
void json_text_maybe(struct json *j, const char *name, const char **ret);
void json_int(struct json *j, const char *name, int64_t min, int64_t max, int64_t *ret);
void json_int_maybe(struct json *j, const char *name, int64_t min, int64_t max, int64_t *ret);
void json_bool_maybe(struct json *j, const char *name, bool *ret);
void json_array(struct json *j, const char *name, size_t max, const json_t **ret);
void json_array_maybe(struct json *j, const char *name, size_t max, const json_t **ret);
void json_object_of(struct json *j, const char *name, const json_t **ret);
void json_object_maybe(struct json *j, const char *name, const json_t **ret);

/* RC_MALFORMED: the first problem, or a member that nobody asked for. */
must_check enum rc json_close(struct json *j, struct why *why);
/* The same, but members that nobody asked for are ignored: answers of other people's servers. */
must_check enum rc json_close_tolerant(struct json *j, struct why *why);
