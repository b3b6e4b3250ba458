/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "client/admission.h"
#include "client/clearance.h"
#include "client/command.h"
#include "client/file.h"
#include "client/table.h"
#include "proto/bounds.h"

#define DENIALS_MAX 8 /* reasons in one answer */

/* "a,b": one of them. */
static enum rc
add_any(struct requirement *requirement, const char *list, struct why *why)
{
    enum rc rc = requirement_begin_any(requirement, why);

    while (!rc && list) {
        size_t len = strcspn(list, ",");
        closing(freep) char *role = strndup(list, len);
        if (!role)
            return fail_memory(why);

        rc = requirement_add_any(requirement, role, why);
        list = list[len] ? list + len + 1 : NULL;
    }
    return rc;
}

static enum rc
read_options(struct requirement *ret, const struct options *options, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < options->n_required; i++)
        rc = requirement_add_role(ret, options->required[i], why);
    for (size_t i = 0; !rc && i < options->n_required_any; i++)
        rc = add_any(ret, options->required_any[i], why);
    for (size_t i = 0; !rc && i < options->n_required_certs; i++)
        rc = requirement_add_file(ret, options->required_certs[i], why);
    return rc;
}

static enum rc
print(const struct clearance *clearance, bool is_json, struct why *why)
{
    closing(json_decrefp) json_t *answer = NULL;

    if (!is_json) {
        if (clearance->reference)
            puts(clearance->reference);
        return RC_OK;
    }

    enum rc rc = clearance_format(&answer, clearance, why);
    return rc ? rc : table_print_json(answer, why);
}

/* What is asked of a webhook, image by image. */
struct review {
    struct admission admission;
    char **references;   /* by image; NULL: not to be run */
    struct bytes denial; /* empty: all are */
    size_t n_denials;
    enum rc rc; /* of the first one that is not */
};

static void
review_done(struct review *review)
{
    for (size_t i = 0; review->references && i < review->admission.n_images; i++)
        free(review->references[i]);
    free(review->references);
    admission_done(&review->admission);
    bytes_done(&review->denial);
}

static enum rc
deny(struct review *review, enum rc rc, const char *text, struct why *why)
{
    if (review->n_denials == 0)
        review->rc = fail(why, rc, "%s", text);
    if (review->n_denials < DENIALS_MAX)
        bytes_printf(&review->denial, "%s%s", review->n_denials > 0 ? "; " : "", text);
    review->n_denials++;
    return bytes_check(&review->denial, why);
}

/* An image that is there twice is asked about once. */
static enum rc
judge_image(struct review *review, size_t i, struct session *session,
    const struct requirement *requirement, struct why *why)
{
    closing(clearance_done) struct clearance clearance = {0};
    const struct admission_image *images = review->admission.images;
    struct why doubt;

    for (size_t k = 0; k < i; k++)
        if (!strcmp(images[k].image, images[i].image)) {
            review->references[i] = review->references[k] ? strdup(review->references[k]) : NULL;
            return review->references[k] && !review->references[i] ? fail_memory(why) : RC_OK;
        }

    enum rc rc = clearance_ask(&clearance, session, images[i].image, requirement, &doubt);
    if (!rc)
        rc = clearance_check(&clearance, &doubt);
    if (rc == RC_NO_MEMORY)
        return fail_memory(why);
    if (rc)
        return deny(review, rc, doubt.text, why);

    review->references[i] = steal(clearance.reference);
    return RC_OK;
}

static enum rc
read_review(struct review *ret, const char *path, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(ADMISSION_MAX_BYTES);

    enum rc rc = strcmp(path, "-") ? file_load(&text, path, why)
                                   : file_read(&text, STDIN_FILENO, "standard input", why);
    if (!rc)
        rc = admission_parse(&ret->admission, bytes_span(&text), why);
    if (rc)
        return rc;

    ret->references = calloc(ret->admission.n_images + 1, sizeof *ret->references);
    if (!ret->references)
        return fail_memory(why);

    return *ret->admission.objection.text
               ? deny(ret, RC_UNTRUSTED, ret->admission.objection.text, why)
               : RC_OK;
}

/* Whatever is found, there is an answer, unless there was no question. Whoever may make pods names
 * the registry, and with it the trust server: no root of its choice is trusted. */
static enum rc
answer_review(struct session *session, const char *path, const struct requirement *requirement,
    struct why *why)
{
    closing(review_done) struct review review = {.denial = BYTES_INIT(DENIALS_MAX * sizeof *why)};
    closing(json_decrefp) json_t *answer = NULL;

    session_refuse_first_use(session);
    enum rc rc = read_review(&review, path, why);
    const char *objection = review.admission.objection.text;
    for (size_t i = 0; !rc && !*objection && i < review.admission.n_images; i++)
        rc = judge_image(&review, i, session, requirement, why);
    if (!rc)
        rc = admission_answer(&answer, &review.admission, (const char *const *)review.references,
            review.n_denials > 0 ? bytes_text(&review.denial) : NULL, why);
    if (!rc)
        rc = table_print_json(answer, why);
    return rc ? rc : review.rc;
}

/* Whoever asks by this verb wants it verified, whatever the mode of the pinning file. */
COMMAND(cmd_verify)
{
    closing(requirement_done) struct requirement requirement = {0};
    closing(clearance_done) struct clearance clearance = {0};
    const struct options *options = session_options(session);
    const char *output = options->values[OPTION_OUTPUT];

    (void)n;
    if (output && (strcmp(output, "admission-patch") != 0 || options_has(options, OPTION_JSON)))
        return fail(why, RC_MALFORMED, "--output takes 'admission-patch', and no --json with it");

    enum rc rc = read_options(&requirement, options, why);
    if (!rc && output)
        return answer_review(session, arguments[0], &requirement, why);
    if (!rc)
        rc = clearance_ask(&clearance, session, arguments[0], &requirement, why);
    if (!rc)
        rc = print(&clearance, options_has(options, OPTION_JSON), why);
    return rc ? rc : clearance_check(&clearance, why);
}
