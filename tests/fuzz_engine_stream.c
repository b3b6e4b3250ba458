/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine tells while it pushes, whole and byte by byte. The digest that comes out of it is
 * in a message on the tag, as another reader has it.
 */
#include "client/engine_stream.h"

#include <stdio.h>

#include "tests/fuzz.h"

#define TAG "t1"

struct outcome {
    enum rc rc;
    struct digest digest;
    struct why why;
    size_t n_told, told_len;
};

static void
on_progress(void *data, const struct engine_progress *progress)
{
    struct outcome *outcome = data;

    assert(progress->status && progress->current >= 0 && progress->total >= 0);
    outcome->n_told++;
    outcome->told_len += strlen(progress->status);
    if (progress->layer)
        outcome->told_len += strlen(progress->layer);
}

static void
read_in_pieces(struct outcome *ret, struct span text, size_t len)
{
    closing(engine_stream_freep) struct engine_stream *stream = NULL;
    const struct engine_listener listener = {on_progress, ret};

    *ret = (struct outcome){.rc = RC_OK};
    ret->rc = engine_stream_new(&stream, TAG, &listener, &ret->why);
    for (size_t i = 0; i < text.len && !ret->rc; i += len)
        ret->rc = engine_stream_put(
            stream, (struct span){text.p + i, text.len - i < len ? text.len - i : len}, &ret->why);
    if (!ret->rc)
        ret->rc = engine_stream_end(&ret->digest, stream, &ret->why);
}

/* Whether this message names it. */
static bool
names(const json_t *message, const char *digest)
{
    const json_t *aux = json_object_get(message, "aux");
    const char *status = json_string_value(json_object_get(message, "status"));
    const char *tag = json_string_value(json_object_get(aux, "Tag"));
    const char *said = json_string_value(json_object_get(aux, "Digest"));
    char line[128];

    snprintf(line, sizeof line, TAG ": digest: sha256:%s", digest);
    return (status && !strncmp(status, line, strlen(line))) ||
           (tag && said && !strcmp(tag, TAG) && !strncmp(said, "sha256:", 7) &&
               !strncmp(said + 7, digest, strlen(digest)));
}

static void
check(struct span text, const struct digest *digest)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK;
    char hex[DIGEST_HEX_LEN + 1];
    bool is_named = false;

    digest_hex(hex, digest);
    while (text.len > 0 && strchr(" \t\r\n", text.p[text.len - 1]))
        text.len--;
    while (text.len > 0) {
        json_error_t error;
        json_auto_t *message = json_loadb((const char *)text.p, text.len, flags, &error);

        assert(json_is_object(message));
        assert(!json_is_string(json_object_get(message, "error")));
        is_named = is_named || names(message, hex);
        text.p += error.position;
        text.len -= (size_t)error.position;
    }
    assert(is_named);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = {data, len};
    struct outcome whole, bytewise;

    read_in_pieces(&whole, text, len ? len : 1);
    read_in_pieces(&bytewise, text, 1);
    assert(whole.rc == RC_OK || whole.rc == RC_NETWORK);
    assert(whole.rc == bytewise.rc && !strcmp(whole.why.text, bytewise.why.text));
    assert(whole.n_told == bytewise.n_told && whole.told_len == bytewise.told_len);
    if (whole.rc)
        return 0;

    assert(digest_eq(&whole.digest, &bytewise.digest));
    check(text, &whole.digest);
    return 0;
}
