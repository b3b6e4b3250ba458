/* SPDX-License-Identifier: Apache-2.0 */
#include "client/exact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/repository.h"

/* The same file with a space and an end of line, as some programs write it. */
static void
loosen(struct bytes *ret, const struct bytes *file)
{
    bytes_puts(ret, "{ ");
    bytes_put(ret, (struct span){bytes_span(file).p + 1, file->len - 1});
    bytes_puts(ret, "\n");
}

static void
test_gives_the_exact_form_of_a_file_that_has_another(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes none = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    repository_make(&r, &(struct plan){0});
    loosen(&file, &r.files[ROOT]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(exact_rewrite(&file, NULL), RC_OK);
        assert_true(span_eq(bytes_span(&file), bytes_span(&r.files[ROOT])));
    }

    bytes_puts(&none, "{ }");
    assert_int_equal(exact_rewrite(&none, NULL), RC_OK);
    assert_string_equal(bytes_text(&none), "{ }");
}

static void
test_says_whether_that_form_is_what_the_snapshot_lists(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(repository_done) struct repository other = {0};
    closing(bytes_done) struct bytes root = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_make(&other, &(struct plan){ROOT, .version = 6});
    loosen(&root, &r.files[ROOT]);
    assert_true(exact_is_listed(bytes_span(&root), bytes_span(&r.files[SNAPSHOT])));
    /* as it is; another root; no root; no snapshot */
    assert_false(exact_is_listed(bytes_span(&r.files[ROOT]), bytes_span(&r.files[SNAPSHOT])));
    assert_false(exact_is_listed(bytes_span(&root), bytes_span(&other.files[SNAPSHOT])));
    assert_false(exact_is_listed(SPAN("{ }"), bytes_span(&r.files[SNAPSHOT])));
    assert_false(exact_is_listed(bytes_span(&root), bytes_span(&r.files[TARGETS])));
    assert_false(exact_is_listed(bytes_span(&root), SPAN("")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_exact_form_of_a_file_that_has_another),
        cmocka_unit_test(test_says_whether_that_form_is_what_the_snapshot_lists),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
