/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_response.h"

#include <stdio.h>

#include "proto/bounds.h"

static void
clear_headers(struct http_response *response)
{
    free(response->content_type);
    free(response->www_authenticate);
    free(response->location);
    free(response->docker_digest);
    response->content_type = response->www_authenticate = NULL;
    response->location = response->docker_digest = NULL;
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
    };

    if (!strcasecmp(name, "www-authenticate"))
        return keep_challenge(&response->www_authenticate, value);

    if (!strcasecmp(name, "retry-after")) {
        int64_t seconds = 0;
        if (!integer_parse(&seconds, span_of(value), 1, HTTP_TIMEOUT_S, NULL))
            response->retry_after_s = (long)seconds;
        return RC_OK; /* it may also be a date, which nobody sends */
    }

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
