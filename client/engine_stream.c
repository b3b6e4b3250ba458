/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_stream.h"

#include <stdio.h>

#include "proto/bounds.h"
#include "proto/members.h"

struct engine_stream {
    const char *tag;
    const struct engine_listener *listener;

    /* The message that is coming. */
    struct bytes message;
    size_t depth; /* of objects and arrays; 0: between messages */
    bool is_text, is_escaped;

    size_t n_messages;
    bool has_digest, is_incomplete;
    struct digest digest;
};

enum rc
engine_stream_new(struct engine_stream **ret, const char *tag,
    const struct engine_listener *listener, struct why *why)
{
    struct engine_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return fail_memory(why);

    stream->tag = tag;
    stream->listener = listener;
    stream->message = BYTES_INIT(ENGINE_MESSAGE_MAX_BYTES);
    *ret = stream;
    return RC_OK;
}

void
engine_stream_free(struct engine_stream *stream)
{
    if (!stream)
        return;

    bytes_done(&stream->message);
    free(stream);
}

static void
tell(const struct engine_stream *stream, const struct engine_progress *progress)
{
    if (stream->listener)
        stream->listener->on_progress(stream->listener->data, progress);
}

/* "sha256:" and 64 digits at the beginning. */
static enum rc
take_digest(struct engine_stream *stream, const char *text, struct why *why)
{
    struct digest digest;

    if (strncmp(text, "sha256:", 7) != 0 || strlen(text) < 7 + DIGEST_HEX_LEN ||
        hex_parse(digest.b, sizeof digest.b,
            (struct span){(const uint8_t *)text + 7, DIGEST_HEX_LEN}, NULL))
        return fail(why, RC_NETWORK, "says '%.80s', want a digest of sha256", text);

    if (stream->has_digest && !digest_eq(&digest, &stream->digest))
        return fail(why, RC_NETWORK, "tells two digests for '%s'", stream->tag);

    stream->digest = digest;
    stream->has_digest = true;
    return RC_OK;
}

/* "TAG: digest: sha256:… size: N" */
static enum rc
read_status(struct engine_stream *stream, const char *status, struct why *why)
{
    static const char middle[] = ": digest: ";
    size_t len = strlen(stream->tag);

    if (strncmp(status, stream->tag, len) != 0 || strncmp(status + len, middle, strlen(middle)))
        return RC_OK;

    return take_digest(stream, status + len + strlen(middle), why);
}

/* Engines with containerd's store push what they have of an index, if that is one platform only. */
static void
note_selection(const struct engine_stream *stream, const json_t *selected)
{
    closing(bytes_done) struct bytes note = BYTES_INIT(256);
    const json_t *platform = json_object_get(selected, "platform");
    const char *os = json_string_value(json_object_get(platform, "os"));
    const char *architecture = json_string_value(json_object_get(platform, "architecture"));

    bytes_puts(
        &note, "the engine does not have all platforms of the index, and pushes one of them");
    if (os && architecture)
        bytes_printf(&note, ": %.32s/%.32s", os, architecture);
    tell(stream, &(struct engine_progress){
                     .status = bytes_text(&note),
                     .is_note = true,
                 });
}

static enum rc
read_aux(struct engine_stream *stream, const json_t *aux, struct why *why)
{
    const char *tag = NULL, *digest = NULL;
    bool is_one_of_index = false;
    struct members m;

    members_open(&m, aux, "aux");
    members_text_maybe(&m, "Tag", &tag);
    members_text_maybe(&m, "Digest", &digest);
    members_bool_maybe(&m, "manifestPushedInsteadOfIndex", &is_one_of_index);
    members_bool_maybe(&m, "contentMissing", &stream->is_incomplete);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return fail(why, RC_NETWORK, "says what nobody understands: %s", m.why.text);

    if (is_one_of_index)
        note_selection(stream, json_object_get(aux, "selectedManifest"));

    return tag && digest && !strcmp(tag, stream->tag) ? take_digest(stream, digest, why) : RC_OK;
}

static int64_t
count_of(const json_t *detail, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(detail, name));

    return n > 0 ? n : 0;
}

static enum rc
read_error(
    const struct engine_stream *stream, const char *error, const json_t *detail, struct why *why)
{
    const char *message = json_string_value(json_object_get(detail, "message"));

    if (!message || !*message)
        message = error && *error ? error : "it failed, and does not say why";
    if (stream->is_incomplete)
        return fail(why, RC_NETWORK,
            "does not have all platforms of the index, and --platform names one that it has: "
            "%.400s",
            message);

    return fail(why, RC_NETWORK, "says: %.500s", message);
}

static enum rc
read_members(struct engine_stream *stream, const json_t *object, struct why *why)
{
    const char *status = NULL, *id = NULL, *error = NULL;
    const json_t *progress = NULL, *detail = NULL, *aux = NULL;
    struct members m;

    members_open(&m, object, "");
    members_text_maybe(&m, "status", &status);
    members_text_maybe(&m, "id", &id);
    members_text_maybe(&m, "error", &error);
    members_object_maybe(&m, "errorDetail", &detail);
    members_object_maybe(&m, "progressDetail", &progress);
    members_object_maybe(&m, "aux", &aux);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return fail(why, RC_NETWORK, "says what nobody understands: %s", m.why.text);

    if (error || detail)
        return read_error(stream, error, detail, why);

    if (status)
        tell(stream, &(struct engine_progress){
                         .layer = id && *id ? id : NULL,
                         .status = status,
                         .current = count_of(progress, "current"),
                         .total = count_of(progress, "total"),
                     });
    if (status && (!id || !*id))
        rc = read_status(stream, status, why);
    if (!rc && aux)
        rc = read_aux(stream, aux, why);
    return rc;
}

static enum rc
read_message(struct engine_stream *stream, struct why *why)
{
    json_auto_t *object = NULL;

    enum rc rc = members_parse(&object, bytes_span(&stream->message), why);
    bytes_clear(&stream->message);
    stream->n_messages++;
    if (rc == RC_MALFORMED)
        return within(why, RC_NETWORK, "says what is no JSON: message %zu", stream->n_messages);

    return rc ? rc : read_members(stream, object, why);
}

/* How the byte changes where we are. False: it belongs to no message. */
static bool
step(struct engine_stream *stream, uint8_t c)
{
    if (stream->depth == 0 && c != '{')
        return false;

    if (stream->is_text) {
        stream->is_text = stream->is_escaped || c != '"';
        stream->is_escaped = !stream->is_escaped && c == '\\';
    } else if (c == '"') {
        stream->is_text = true;
    } else if (c == '{' || c == '[') {
        stream->depth++;
    } else if (c == '}' || c == ']') {
        stream->depth--;
    }

    return true;
}

enum rc
engine_stream_put(struct engine_stream *stream, struct span piece, struct why *why)
{
    for (size_t i = 0; i < piece.len; i++) {
        uint8_t c = piece.p[i];

        if (!step(stream, c) && c != '\n' && c != '\r' && c != ' ' && c != '\t')
            return fail(why, RC_NETWORK, "says what is no JSON: byte 0x%02x after message %zu", c,
                stream->n_messages);
        if (stream->depth == 0 && c != '}' && c != ']')
            continue;

        bytes_putc(&stream->message, c);
        if (stream->message.failed == RC_TOO_LARGE)
            return fail(
                why, RC_NETWORK, "says a message of more than %d bytes", ENGINE_MESSAGE_MAX_BYTES);

        enum rc rc = bytes_check(&stream->message, why);
        if (!rc && stream->depth == 0)
            rc = read_message(stream, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
engine_stream_end(struct digest *ret, const struct engine_stream *stream, struct why *why)
{
    if (stream->depth > 0 || !stream->has_digest)
        return fail(why, RC_NETWORK,
            "ended without a word on the digest, after %zu messages: it may have stopped; see its "
            "log, and try again",
            stream->n_messages);

    *ret = stream->digest;
    return RC_OK;
}
