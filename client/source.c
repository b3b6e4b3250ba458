/* SPDX-License-Identifier: Apache-2.0 */
#include "client/source.h"

#include "client/platform.h"
#include "client/source_form.h"
#include "proto/bounds.h"

static const struct source_form *const forms[] = {
    &source_layout,
    &source_oci_archive,
    &source_docker_archive,
    &source_registry,
};

struct source {
    const struct source_form *form;
    void *data;
    char *text; /* as it was given */
};

enum rc
source_new(struct source **ret, const char *text, struct session *session, struct why *why)
{
    size_t len = strcspn(text, ":");

    closing(source_freep) struct source *source = calloc(1, sizeof *source);
    if (!source)
        return fail_memory(why);

    for (size_t i = 0; i < N_ELEMENTS(forms) && text[len]; i++)
        if (strlen(forms[i]->name) == len && !strncmp(forms[i]->name, text, len))
            source->form = forms[i];
    if (!source->form || !text[len + 1])
        return fail(why, RC_MALFORMED,
            "source '%s': want daemon, oci:DIR[:TAG], oci-archive:FILE[:TAG], "
            "docker-archive:FILE[:REFERENCE] or registry:REFERENCE",
            text);

    source->text = strdup(text);
    if (!source->text)
        return fail_memory(why);

    enum rc rc = source->form->open(&source->data, text + len + 1, session, why);
    if (rc)
        return within(why, rc, "%s", text);

    *ret = steal(source);
    return RC_OK;
}

void
source_free(struct source *source)
{
    if (!source)
        return;

    if (source->form)
        source->form->free(source->data);
    free(source->text);
    free(source);
}

/* What refers to the image and to those below it, and what refers to that. */
static enum rc
add_referrers(struct image *image, struct source *source, struct why *why)
{
    const struct image_reader reader = {source->form->read, source->data};

    for (size_t i = 0; i < image->n_manifests; i++) {
        closing(referrers_done) struct referrers referrers = {0};

        enum rc rc =
            source->form->referrers(&referrers, source->data, &image->manifests[i].digest, why);
        for (size_t k = 0; k < referrers.n && !rc; k++)
            rc = image_add_referrer(image, &reader, &referrers.list[k], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* What is in no index says in its config what it is for. */
static enum rc
check_platform(
    const struct image *image, struct source *source, const char *platform, struct why *why)
{
    closing(bytes_done) struct bytes config = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(content_done) struct content content = CONTENT_NONE;
    const struct manifest *manifest = image->manifests[image->top].parsed;

    enum rc rc = source->form->open_blob(&content, source->data, &manifest->descriptors[0], why);
    if (!rc)
        rc = content_read_all(&config, &content, why);
    return rc ? within(why, rc, "its config") : platform_check(bytes_span(&config), platform, why);
}

enum rc
source_image(
    struct image *ret, struct source *source, const struct source_choice *choice, struct why *why)
{
    closing(descriptor_done) struct descriptor top = {0};
    closing(image_done) struct image image = IMAGE_INIT;
    const struct image_reader reader = {source->form->read, source->data};

    enum rc rc = source->form->find(&top, source->data, choice, why);
    if (!rc)
        rc = image_read(&image, &reader, &top, choice->platform, why);
    if (!rc && choice->platform && digest_eq(&image.manifests[image.top].digest, &top.digest))
        rc = check_platform(&image, source, choice->platform, why);
    if (!rc && choice->has_referrers)
        rc = add_referrers(&image, source, why);
    if (rc)
        return within(why, rc, "%s", source->text);

    *ret = image;
    image = IMAGE_INIT;
    return RC_OK;
}

enum rc
source_open_blob(
    struct content *ret, struct source *source, const struct descriptor *blob, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];

    enum rc rc = source->form->open_blob(ret, source->data, blob, why);
    if (!rc)
        return RC_OK;

    digest_hex(hex, &blob->digest);
    return within(why, rc, "%s: layer sha256:%s", source->text, hex);
}

const char *
source_path_on(const struct source *source, const char *host)
{
    return source->form->path_on ? source->form->path_on(source->data, host) : NULL;
}
