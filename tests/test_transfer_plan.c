/* SPDX-License-Identifier: Apache-2.0 */
#include "client/transfer_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

/* Blobs are letters: of image "abc" there are three. */
static struct image
image_of(struct descriptor *blobs, const char *letters)
{
    struct image image = {.blobs = blobs, .n_blobs = strlen(letters)};

    for (size_t i = 0; i < image.n_blobs; i++)
        blobs[i] = (struct descriptor){.digest.b[0] = (uint8_t)letters[i], .size = letters[i]};
    return image;
}

static void
put_plan(struct bytes *ret, const struct transfer_plan *plan)
{
    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct transfer_job *job = &plan->jobs[i];
        bytes_printf(
            ret, "%s%c from %s:", i > 0 ? "; " : "", job->blob->digest.b[0], (char *)job->source);
        for (size_t k = 0; k < job->n_paths; k++)
            bytes_printf(ret, " %s/%s", job->host, job->paths[k]);
    }
}

static void
test_each_blob_goes_once_to_each_registry(void **state)
{
    static const struct {
        const char *says;
        struct {
            const char *letters, *host, *path, *source;
        } items[4];
        const char *plan;
    } cases[] = {
        {"nothing", {{NULL}}, ""},
        {"an image without blobs", {{"", "r", "web", "s"}}, ""},
        {"in the order of the image", {{"cab", "r", "web", "s"}},
            "c from s: r/web; a from s: r/web; b from s: r/web"},
        {"one repository, two tags", {{"ab", "r", "web", "s"}, {"abc", "r", "web", "t"}},
            "a from s: r/web; b from s: r/web; c from t: r/web"},
        {"two repositories that share", {{"ba", "r", "web", "s"}, {"ca", "r", "app", "s"}},
            "b from s: r/web; a from s: r/app r/web; c from s: r/app"},
        {"two registries", {{"a", "r", "web", "s"}, {"a", "q", "web", "s"}},
            "a from s: r/web; a from s: q/web"},
        {"tags of several repositories in turn",
            {{"a", "r", "web", "s"}, {"a", "r", "app", "s"}, {"a", "r", "web", "s"},
                {"a", "r", "app", "s"}},
            "a from s: r/app r/web"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(transfer_plan_done) struct transfer_plan plan = {0};
        closing(bytes_done) struct bytes text = BYTES_INIT(1000);
        struct descriptor blobs[N_ELEMENTS(cases[i].items)][3];
        struct image images[N_ELEMENTS(cases[i].items)];
        struct transfer_item items[N_ELEMENTS(cases[i].items)];
        size_t n = 0;

        for (; n < N_ELEMENTS(items) && cases[i].items[n].letters; n++) {
            images[n] = image_of(blobs[n], cases[i].items[n].letters);
            items[n] = (struct transfer_item){&images[n], (struct source *)cases[i].items[n].source,
                cases[i].items[n].host, cases[i].items[n].path};
        }
        assert_int_equal(transfer_plan_make(&plan, items, n, NULL), RC_OK);
        put_plan(&text, &plan);
        if (strcmp(bytes_text(&text), cases[i].plan) != 0)
            fail_msg("%s: '%s'", cases[i].says, bytes_text(&text));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_blob_goes_once_to_each_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
