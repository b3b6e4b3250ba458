/* SPDX-License-Identifier: Apache-2.0 */
#include "client/admission.h"

#include <stdio.h>

#include "proto/bounds.h"
#include "proto/jsontext.h"

#define API_VERSION "admission.k8s.io/v1"
#define REVIEW      "AdmissionReview"

/* Where the specification of pods stands in objects that have one. */
static const struct {
    const char *group, *kind, *path;
} kinds[] = {
    {"", "Pod", "/spec"},
    {"", "PodTemplate", "/template/spec"},
    {"", "ReplicationController", "/spec/template/spec"},
    {"apps", "DaemonSet", "/spec/template/spec"},
    {"apps", "Deployment", "/spec/template/spec"},
    {"apps", "ReplicaSet", "/spec/template/spec"},
    {"apps", "StatefulSet", "/spec/template/spec"},
    {"batch", "CronJob", "/spec/jobTemplate/spec/template/spec"},
    {"batch", "Job", "/spec/template/spec"},
};

static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};

void
admission_done(struct admission *admission)
{
    for (size_t i = 0; i < admission->n_images; i++)
        free(admission->images[i].path);
    free(admission->images);
    json_decref(admission->review);
    *admission = (struct admission){0};
}

/* The value at a path of names that need no escapes; NULL: there is none. */
static const json_t *
find(const json_t *value, const char *path)
{
    while (value && *path) {
        size_t len = strcspn(++path, "/");
        value = json_object_getn(value, path, len);
        path += len;
    }
    return value;
}

/* The sentence that is there becomes a matter of the answer. */
static enum rc
object(struct admission *admission, enum rc rc, const struct why *why)
{
    if (rc != RC_MALFORMED && rc != RC_TOO_LARGE && rc != RC_UNSUPPORTED)
        return rc;

    admission->objection = *why;
    return RC_OK;
}

/* name: where the image stands below one element of a list. */
static enum rc
add_image(struct admission *admission, const char *list, size_t i, const char *name,
    const json_t *image, struct why *why)
{
    closing(freep) char *path = NULL;

    if (asprintf(&path, "%s/%zu/%s", list, i, name) < 0) {
        path = NULL;
        return fail_memory(why);
    }
    if (!json_string_length(image) || strlen(json_string_value(image)) != json_string_length(image))
        return fail(why, RC_MALFORMED, "%s: want the name of an image", path);

    struct admission_image *entry =
        mem_grow(&admission->images, admission->n_images, sizeof *entry, ADMISSION_IMAGES_MAX);
    if (!entry)
        return admission->n_images == ADMISSION_IMAGES_MAX
                   ? fail(why, RC_TOO_LARGE, "%s: more than %d images", path, ADMISSION_IMAGES_MAX)
                   : fail_memory(why);

    *entry = (struct admission_image){steal(path), json_string_value(image)};
    admission->n_images++;
    return RC_OK;
}

static enum rc
check_array(const json_t *value, const char *place, struct why *why)
{
    return value && !json_is_null(value) && !json_is_array(value)
               ? fail(why, RC_MALFORMED, "%s: want an array", place)
               : RC_OK;
}

static enum rc
add_containers(struct admission *admission, const json_t *spec, const char *path, const char *list,
    struct why *why)
{
    const json_t *containers = json_object_get(spec, list);
    char place[96];

    snprintf(place, sizeof place, "%s/%s", path, list);
    enum rc rc = check_array(containers, place, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < json_array_size(containers); i++) {
        const json_t *image = json_object_get(json_array_get(containers, i), "image");
        rc = add_image(admission, place, i, "image", image, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* Those that are images, too; others are no business of ours. */
static enum rc
add_volumes(struct admission *admission, const json_t *spec, const char *path, struct why *why)
{
    const json_t *volumes = json_object_get(spec, "volumes");
    char place[96];

    snprintf(place, sizeof place, "%s/volumes", path);
    enum rc rc = check_array(volumes, place, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < json_array_size(volumes); i++) {
        const json_t *image = json_object_get(json_array_get(volumes, i), "image");
        if (!image || json_is_null(image))
            continue;

        rc = add_image(
            admission, place, i, "image/reference", json_object_get(image, "reference"), why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
read_object(struct admission *admission, const json_t *object, const char *group, const char *kind,
    struct why *why)
{
    const char *path = NULL;

    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (!strcmp(kinds[i].group, group) && !strcmp(kinds[i].kind, kind))
            path = kinds[i].path;
    if (!path)
        return fail(why, RC_UNSUPPORTED, "kind '%s' of group '%s': no place of images is known",
            kind, group);

    const json_t *spec = find(object, path);
    if (!json_is_object(spec))
        return fail(why, RC_MALFORMED, "%s: want an object", path);

    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < N_ELEMENTS(lists); i++)
        rc = add_containers(admission, spec, path, lists[i], why);
    return rc ? rc : add_volumes(admission, spec, path, why);
}

static enum rc
read_request(struct admission *admission, const json_t *request, struct why *why)
{
    const json_t *kind = NULL, *new_object = NULL;
    const char *operation = NULL, *group = NULL, *name = NULL;
    struct members m;

    members_open(&m, request, "request");
    members_text(&m, "uid", &admission->uid);
    members_text(&m, "operation", &operation);
    members_object(&m, "kind", &kind);
    members_object_maybe(&m, "object", &new_object);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    members_open(&m, kind, "request.kind");
    members_text(&m, "group", &group);
    members_text(&m, "kind", &name);
    rc = members_close_tolerant(&m, why);
    if (rc || !strcmp(operation, "DELETE"))
        return rc;

    rc = read_object(admission, new_object, group, name, why);
    return object(admission, rc, why);
}

enum rc
admission_parse(struct admission *ret, struct span text, struct why *why)
{
    closing(admission_done) struct admission admission = {0};
    const char *version = NULL, *kind = NULL;
    const json_t *request = NULL;
    struct members m;
    struct why unheard;

    why = why ? why : &unheard;
    if (text.len > ADMISSION_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "more than %d bytes", ADMISSION_MAX_BYTES);

    enum rc rc = members_parse(&admission.review, text, why);
    if (rc)
        return rc;

    members_open(&m, admission.review, "");
    members_text(&m, "apiVersion", &version);
    members_text(&m, "kind", &kind);
    members_object(&m, "request", &request);
    rc = members_close_tolerant(&m, why);
    if (!rc && (strcmp(version, API_VERSION) || strcmp(kind, REVIEW)))
        rc =
            fail(why, RC_MALFORMED, "'%s' of '%s': want " REVIEW " of " API_VERSION, kind, version);
    if (!rc)
        rc = read_request(&admission, request, why);
    if (rc)
        return rc;

    *ret = admission;
    admission = (struct admission){0};
    return RC_OK;
}

/* RFC 6902, only where something is to change; NULL: no memory. */
static json_t *
format_patch(const struct admission *admission, const char *const *references)
{
    closing(json_decrefp) json_t *patch = json_array();

    for (size_t i = 0; i < admission->n_images; i++)
        if (strcmp(admission->images[i].image, references[i]) != 0 &&
            json_array_append_new(patch, json_pack("{s:s,s:s,s:s}", "op", "replace", "path",
                                             admission->images[i].path, "value", references[i])) <
                0)
            return NULL;

    return steal(patch);
}

static enum rc
add_patch(json_t *response, const struct admission *admission, const char *const *references,
    struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(ADMISSION_MAX_BYTES);
    closing(bytes_done) struct bytes encoded = BYTES_INIT(2 * ADMISSION_MAX_BYTES);
    closing(json_decrefp) json_t *patch = format_patch(admission, references);

    if (!patch)
        return fail_memory(why);
    if (json_array_size(patch) == 0)
        return RC_OK;

    jsontext_put(&text, patch);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    bytes_put_base64(&encoded, bytes_span(&text));
    rc = bytes_check(&encoded, why);
    if (rc)
        return rc;

    return json_object_set_new(response, "patchType", json_string("JSONPatch")) < 0 ||
                   json_object_set_new(response, "patch", json_string(bytes_text(&encoded))) < 0
               ? fail_memory(why)
               : RC_OK;
}

enum rc
admission_answer(json_t **ret, const struct admission *admission, const char *const *references,
    const char *denial, struct why *why)
{
    closing(json_decrefp) json_t *response =
        json_pack("{s:s,s:b}", "uid", admission->uid, "allowed", !denial);

    if (!response)
        return fail_memory(why);

    if (!denial) {
        enum rc rc = add_patch(response, admission, references, why);
        if (rc)
            return rc;
    } else if (json_object_set_new(response, "status",
                   json_pack("{s:i,s:s}", "code", 403, "message", denial)) < 0) {
        return fail_memory(why);
    }

    json_t *answer =
        json_pack("{s:s,s:s,s:O}", "apiVersion", API_VERSION, "kind", REVIEW, "response", response);
    if (!answer)
        return fail_memory(why);

    *ret = answer;
    return RC_OK;
}
