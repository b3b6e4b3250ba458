/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * engine — the Docker Engine, by its API: tags an image, pushes it, takes the tag away. It pushes
 * tags only, and with its own connection to the registry.
 *
 * Which one: DOCKER_HOST, else the context of DOCKER_CONTEXT or of docker's config.json, else
 * unix:///var/run/docker.sock. unix:// and tcp://, the latter with the certificates of the context
 * or of DOCKER_CERT_PATH where DOCKER_TLS_VERIFY is set.
 */
#include "client/credentials.h"
#include "client/http.h"
#include "proto/reference.h"

struct engine;

/* Connects at the first call. RC_MALFORMED: an address or context that cannot be read, with its
 * origin. RC_UNSUPPORTED: ssh:// and npipe://: says what to do instead. RC_NOT_FOUND: no such
 * context. */
must_check enum rc engine_new(struct engine **ret, bool is_verbose, struct why *why);
void engine_free(struct engine *engine);
DEFINE_CLEANUP(struct engine, engine_free);
const char *engine_address(const struct engine *engine);
/* As http_disconnect(). */
must_check enum rc engine_disconnect(struct engine *engine, struct why *why);

/* platform: what is to be pushed of it, NULL: all. RC_NOT_FOUND: the engine has no such image.
 * RC_NETWORK: no engine, or no right to its socket, and what to do. RC_UNSUPPORTED: an engine that
 * is too old for platform. RC_MALFORMED: no platform. */
must_check enum rc engine_find_image(
    struct engine *engine, const char *name, const char *platform, struct why *why);
must_check enum rc engine_tag(struct engine *engine, const char *name, const char *repository,
    const char *tag, struct why *why);
must_check enum rc engine_untag(
    struct engine *engine, const char *repository, const char *tag, struct why *why);

/* What the engine tells while it pushes: one line of its stream. */
struct engine_progress {
    const char *layer;      /* "27884c31bb5b"; NULL: about the whole */
    const char *status;     /* "Pushing", "Layer already exists", … */
    int64_t current, total; /* bytes; 0: not told */
    bool is_note;           /* people should see it: not what they may have expected */
};
struct engine_listener {
    void (*on_progress)(void *data, const struct engine_progress *progress);
    void *data;
};

struct engine_push {
    const char *repository, *tag;
    const char *host;     /* of the repository, as credentials_find() has it */
    const char *platform; /* NULL: as the engine likes */
    const struct credentials *credentials;
    const struct engine_listener *listener;
};

/*
 * *ret: of the manifest or index, as the engine says: by its aux message or its last line. A hint,
 * to be confirmed with the registry. An engine that has but one platform of an index pushes that
 * one instead, with a note. RC_NETWORK: what the engine says, and what to do about it; a stream
 * that ends without a word. What engine_find_image() says of platforms, and refusal_find() of
 * registries.
 */
must_check enum rc engine_push(
    struct digest *ret, struct engine *engine, const struct engine_push *push, struct why *why);
