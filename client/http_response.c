/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_response.h"

#include <stdio.h>
#include <time.h>

#include "client/http_date.h"
#include "proto/bounds.h"

#define RETRY_AFTER_MAX_S (31 * 86400) /* what is longer is told as a month */

static void
clear_headers(struct http_response *response)
{
    char **const kept[] = {&response->content_type, &response->www_authenticate,
        &response->location, &response->docker_digest, &response->range, &response->oci_subject,
        &response->etag, &response->link, &response->api_version};

    for (size_t i = 0; i < N_ELEMENTS(kept); i++) {
        free(*kept[i]);
        *kept[i] = NULL;
    }
    response->content_length = -1;
    response->chunk_min = response->date = response->retry_at = 0;
    response->retry_after_s = 0;
}

static enum rc
keep_challenge(char **challenges, const char *value)
{
    char *joined = NULL;

    if (asprintf(
            &joined, "%s%s%s", *challenges ? *challenges : "", *challenges ? "\n" : "", value) < 0)
        return RC_NO_MEMORY;

    free(*challenges);
    *challenges = joined;
    return RC_OK;
}

/* Retry-After is a number of seconds, or a date, which is to be seen by the server's clock. */
static void
keep_time(struct http_response *response, const char *name, const char *value)
{
    bool is_date = !strcasecmp(name, "date");
    int64_t seconds = 0;

    if (is_date || integer_parse(&seconds, span_of(value), 0, INTEGER_MAX, NULL)) {
        int64_t *place = is_date ? &response->date : &response->retry_at;
        if (http_date_parse(place, value, NULL))
            return;

        seconds = response->retry_at - (response->date ? response->date : time(NULL));
        if (response->retry_at == 0)
            return;
    }

    if (seconds > RETRY_AFTER_MAX_S)
        seconds = RETRY_AFTER_MAX_S;
    response->retry_after_s = seconds > 0 ? (long)seconds : 0;
}

static void
keep_number(int64_t *place, int64_t max, const char *value)
{
    int64_t number = 0;

    if (!integer_parse(&number, span_of(value), 0, max, NULL))
        *place = number;
}

static enum rc
keep_header(struct http_response *response, const char *name, const char *value)
{
    const struct {
        const char *name;
        char **place;
    } kept[] = {
        {"content-type", &response->content_type},
        {"docker-content-digest", &response->docker_digest},
        {"location", &response->location},
        {"range", &response->range},
        {"oci-subject", &response->oci_subject},
        {"etag", &response->etag},
        {"link", &response->link},
        {"api-version", &response->api_version},
    };

    if (!strcasecmp(name, "www-authenticate"))
        return keep_challenge(&response->www_authenticate, value);
    if (!strcasecmp(name, "retry-after") || !strcasecmp(name, "date"))
        keep_time(response, name, value);
    if (!strcasecmp(name, "content-length"))
        keep_number(&response->content_length, INTEGER_MAX, value);
    if (!strcasecmp(name, "oci-chunk-min-length"))
        keep_number(&response->chunk_min, INTEGER_MAX, value);

    for (size_t i = 0; i < N_ELEMENTS(kept); i++)
        if (!strcasecmp(name, kept[i].name) && !*kept[i].place) {
            *kept[i].place = strdup(value);
            return *kept[i].place ? RC_OK : RC_NO_MEMORY;
        }

    return RC_OK;
}

enum rc
http_response_take(struct http_response *response, struct span line)
{
    if (span_starts(line, SPAN("HTTP/"))) /* also after "100 Continue": a new answer begins */
        clear_headers(response);

    closing(freep) char *name = strndup((const char *)line.p, line.len);
    if (!name)
        return RC_NO_MEMORY;

    char *value = strchr(name, ':');
    if (!value)
        return RC_OK;

    *value++ = 0;
    value += strspn(value, " \t");
    value[strcspn(value, "\r\n")] = 0;
    return keep_header(response, name, value);
}

void
http_response_done(struct http_response *response)
{
    clear_headers(response);
    bytes_wipe(&response->body);
}

bool
http_response_is(const struct http_response *response, const char *media_type)
{
    if (!response->content_type)
        return false;

    size_t len = strcspn(response->content_type, "; ");
    return len == strlen(media_type) && !strncasecmp(response->content_type, media_type, len);
}
