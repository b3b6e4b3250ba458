/* SPDX-License-Identifier: Apache-2.0 */
#include "client/batch_mark.h"

#include <inttypes.h>

#include "client/agent_error.h"
#include "client/collected.h"
#include "client/pause.h"
#include "proto/tuf_root.h"

#define WAIT_MS     3000 /* for a version that was released to somebody to be published */
#define POLL_MAX_MS 250  /* between two looks whether it is */

void
batch_marks_done(struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        free(marks->marks[i].repository);
        free(marks->marks[i].role);
        bytes_done(&marks->marks[i].file);
    }
    free(marks->marks);
    *marks = (struct batch_marks){0};
}

/* The released root with its signatures, as the file that it was meant to be. Certificates of
 * former root keys, which sign as well, are among those that it lists. */
static enum rc
read_released(
    struct batch_mark *mark, const char *document, const json_t *signatures, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(collected_done) struct collected collected = COLLECTED_INIT;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(freep) struct pubkey **keys = NULL;
    size_t n_keys = 0;

    enum rc rc = base64_parse(&message, span_of(document), why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&message), why);
    if (!rc)
        rc = tuf_role_keys(&keys, &n_keys, &root->roles[RANK_ROOT], &root->keys, why);
    if (!rc)
        rc = collected_read(&collected, signatures,
            &(struct collected_keys){keys, n_keys, root->keys.keys, root->keys.n}, why);
    return rc ? rc : collected_make_file(&mark->file, bytes_span(&message), &collected, why);
}

static enum rc
read_mark(struct batch_mark *mark, const json_t *object, struct why *why)
{
    const char *repository = "", *role = "", *digest = "", *document = NULL;
    const json_t *signatures = NULL;
    struct members m;

    members_open(&m, object, "mark");
    members_text(&m, "repository", &repository);
    members_text(&m, "role", &role);
    members_int(&m, "version", 1, INTEGER_MAX, &mark->version);
    members_text(&m, "digest", &digest);
    members_text_maybe(&m, "document", &document);
    members_array_maybe(&m, "signatures", SIGNATURES_MAX, &signatures);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = hex_parse(mark->digest.b, sizeof mark->digest.b, span_of(digest), why);
    if (rc)
        return rc;

    mark->file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    mark->repository = strdup(repository);
    mark->role = strdup(role);
    if (!mark->repository || !mark->role)
        return fail_memory(why);

    return document ? read_released(mark, document, signatures, why) : RC_OK;
}

enum rc
batch_marks_read_rollback(struct batch_marks *ret, const json_t *parameters, struct why *why)
{
    closing(batch_marks_done) struct batch_marks marks = {0};
    const json_t *array = NULL;
    struct members m;
    struct why problem;

    members_open(&m, parameters, "Rollback");
    members_array(&m, "marks", DOCUMENTS_MAX, &array);
    enum rc rc = members_close_tolerant(&m, &problem);
    for (size_t i = 0; !rc && i < json_array_size(array); i++) {
        struct batch_mark *mark = mem_grow(&marks.marks, marks.n, sizeof *mark, DOCUMENTS_MAX);
        if (!mark)
            return fail_memory(why);

        marks.n++;
        rc = read_mark(mark, json_array_get(array, i), &problem);
    }
    if (rc)
        return fail(why, agent_error_of_reply(rc, &problem), "%s", problem.text);

    *ret = marks;
    marks = (struct batch_marks){0};
    return RC_ROLLBACK;
}

enum rc
batch_marks_read_stale(struct batch_marks *ret, const json_t *parameters, struct why *why)
{
    const char *repository = "", *role = "", *file = NULL;
    struct batch_mark seen = {.file = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    struct members m;
    struct why problem;

    members_open(&m, parameters, "Stale");
    members_text(&m, "repository", &repository);
    members_text(&m, "role", &role);
    members_int(&m, "version", 1, INTEGER_MAX, &seen.version);
    members_text_maybe(&m, "file", &file);
    enum rc rc = members_close_tolerant(&m, &problem);
    if (rc)
        return fail(why, agent_error_of_reply(rc, &problem), "%s", problem.text);

    if (file && base64_parse(&seen.file, span_of(file), NULL))
        bytes_clear(&seen.file); /* of no use, and no harm */
    seen.repository = strdup(repository);
    seen.role = strdup(role);
    struct batch_mark *mark = mem_grow(&ret->marks, ret->n, sizeof *mark, 1);
    if (!mark) {
        free(seen.repository);
        free(seen.role);
        bytes_done(&seen.file);
        return fail_memory(why);
    }

    *mark = seen;
    ret->n = 1;
    return mark->repository && mark->role ? RC_STALE : fail_memory(why);
}

static bool
are_published(const struct trust *trust, const struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        const struct trust_role *role = trust_find(trust, marks->marks[i].role);
        if (!role || role->version < marks->marks[i].version)
            return false;
    }

    return true;
}

enum rc
batch_marks_await(bool *ret, struct trust *trust, const struct batch_marks *marks,
    const struct progress *progress, struct why *why)
{
    int64_t until_ms = pause_clock_ms() + WAIT_MS;

    for (int n = 0; pause_clock_ms() < until_ms; n++) {
        enum rc rc = trust_update(trust, why);
        if (rc)
            return rc;

        if (are_published(trust, marks)) {
            *ret = true;
            return RC_OK;
        }

        pause_about(pause_backoff_ms(n, POLL_MAX_MS));
    }

    progress_note(progress,
        "%s: version %" PRId64 " was released to somebody who does not publish it: going past it",
        marks->marks[0].role, marks->marks[0].version);
    *ret = false;
    return RC_OK;
}

enum rc
batch_mark_fail(const struct batch_mark *mark, struct why *why)
{
    return fail(why, RC_CONFLICT,
        "this agent has released version %" PRId64 " of %s of '%s' with other content: make it "
        "again, here first, as it then gets a higher version",
        mark->version, mark->role, mark->repository);
}
