/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question to a webhook: another reader finds the same images, and the answer changes these and
 * nothing else.
 */
#include "client/admission.h"

#include <stdlib.h>

#include "tests/fuzz.h"

#define REFERENCE "r.example.com/x@sha256:0"

static const json_t *
element(const json_t *value, const char *name)
{
    return json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
                                : json_object_get(value, name);
}

/* What a path of RFC 6901 leads to. */
static const json_t *
follow(const json_t *value, const char *path)
{
    closing(freep) char *copy = strdup(path);
    char *rest = copy;

    assert(copy && *copy == '/');
    for (const char *name; (name = strsep(&rest, "/"));)
        value = *name ? element(value, name) : value;
    return value;
}

static const json_t *
spec_of(const json_t *request)
{
    const json_t *object = json_object_get(request, "object");
    const char *kind = json_string_value(json_object_get(json_object_get(request, "kind"), "kind"));

    if (!strcmp(kind, "CronJob"))
        object = json_object_get(json_object_get(object, "spec"), "jobTemplate");
    if (strcmp(kind, "Pod") && strcmp(kind, "PodTemplate"))
        object = json_object_get(object, "spec");
    if (strcmp(kind, "Pod") != 0)
        object = json_object_get(object, "template");
    return json_object_get(object, "spec");
}

static size_t
count(const json_t *spec)
{
    const json_t *volumes = json_object_get(spec, "volumes");
    size_t n = json_array_size(json_object_get(spec, "containers")) +
               json_array_size(json_object_get(spec, "initContainers")) +
               json_array_size(json_object_get(spec, "ephemeralContainers"));

    for (size_t i = 0; i < json_array_size(volumes); i++)
        n += json_is_object(json_object_get(json_array_get(volumes, i), "image"));
    return n;
}

static void
check_patch(const struct admission *admission, const json_t *response)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * ADMISSION_MAX_BYTES);
    const char *encoded = json_string_value(json_object_get(response, "patch"));
    size_t n = 0;

    for (size_t i = 0; i < admission->n_images; i++)
        n += strcmp(admission->images[i].image, REFERENCE) != 0;
    assert(!encoded == (n == 0));
    if (!encoded)
        return;

    assert(!base64_parse(&text, span_of(encoded), NULL));
    json_auto_t *patch = fuzz_json(bytes_span(&text));
    assert(json_array_size(patch) == n);
    for (size_t i = 0; i < n; i++) {
        const json_t *change = json_array_get(patch, i);
        assert(!strcmp(json_string_value(json_object_get(change, "value")), REFERENCE));
    }
}

static void
check_answer(const struct admission *admission, const char *uid)
{
    closing(freep) const char **references = calloc(admission->n_images + 1, sizeof *references);
    closing(json_decrefp) json_t *yes = NULL, *no = NULL;

    assert(references);
    for (size_t i = 0; i < admission->n_images; i++)
        references[i] = REFERENCE;
    assert(!admission_answer(&yes, admission, references, NULL, NULL));
    assert(!admission_answer(&no, admission, NULL, "no", NULL));

    const json_t *response = json_object_get(yes, "response");
    assert(json_is_true(json_object_get(response, "allowed")));
    assert(!strcmp(json_string_value(json_object_get(response, "uid")), uid));
    check_patch(admission, response);
    response = json_object_get(no, "response");
    assert(json_is_false(json_object_get(response, "allowed")));
    assert(!json_object_get(response, "patch"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(admission_done) struct admission admission = {0};

    enum rc rc = admission_parse(&admission, (struct span){data, len}, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    if (rc)
        return 0;

    json_auto_t *review = fuzz_json((struct span){data, len});
    const json_t *request = json_object_get(review, "request");
    const char *uid = json_string_value(json_object_get(request, "uid"));
    const char *operation = json_string_value(json_object_get(request, "operation"));
    assert(uid && operation && !strcmp(admission.uid, uid));
    check_answer(&admission, uid);
    if (*admission.objection.text)
        return 0;

    if (!strcmp(operation, "DELETE")) {
        assert(admission.n_images == 0);
        return 0;
    }

    assert(admission.n_images == count(spec_of(request)));
    for (size_t i = 0; i < admission.n_images; i++) {
        const char *image =
            json_string_value(follow(json_object_get(request, "object"), admission.images[i].path));
        assert(image && *image && !strcmp(image, admission.images[i].image));
    }
    return 0;
}
