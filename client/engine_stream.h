/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * engine_stream — what the engine tells while it pushes: JSON objects, one after the other, in
 * pieces of any size. Most are progress; one tells the digest, as "TAG: digest: sha256:… size: N",
 * as an "aux" object, or both; one may be an error, and then it is the last.
 */
#include "client/engine.h"

struct engine_stream;

/* tag: whose digest is waited for; it and listener (NULL: nobody) are borrowed for life. */
must_check enum rc engine_stream_new(struct engine_stream **ret, const char *tag,
    const struct engine_listener *listener, struct why *why);
void engine_stream_free(struct engine_stream *stream);
DEFINE_CLEANUP(struct engine_stream, engine_stream_free);

/* RC_NETWORK: what the engine says went wrong; what is no such stream; a message of more than
 * ENGINE_MESSAGE_MAX_BYTES; two digests for one tag. RC_NO_MEMORY. */
must_check enum rc engine_stream_put(
    struct engine_stream *stream, struct span piece, struct why *why);
/* It is over. RC_NETWORK: no digest was told: the engine died, or does not know what it did. */
must_check enum rc engine_stream_end(
    struct digest *ret, const struct engine_stream *stream, struct why *why);
