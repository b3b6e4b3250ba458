/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

static struct digest
put(struct seen *seen, struct span file)
{
    struct digest digest;

    digest_of(&digest, file);
    seen_put(seen, &digest, file);
    return digest;
}

static bool
holds(struct seen *seen, const struct digest *digest)
{
    struct span file;

    return seen_find(&file, seen, digest);
}

static void
test_gives_back_what_was_put_in(void **state)
{
    closing(seen_freep) struct seen *seen = NULL;
    struct digest nothing = {{0}};
    struct span file;

    (void)state;
    assert_int_equal(seen_new(&seen, NULL), RC_OK);
    struct digest one = put(seen, SPAN("one")), two = put(seen, SPAN("two"));
    put(seen, SPAN("one"));

    assert_true(seen_find(&file, seen, &one));
    assert_true(span_is(file, "one"));
    assert_true(seen_find(&file, seen, &two));
    assert_true(span_is(file, "two"));
    assert_false(holds(seen, &nothing));
}

static void
test_drops_what_was_not_used_for_longest(void **state)
{
    closing(seen_freep) struct seen *seen = NULL;
    closing(freep) uint8_t *half = calloc(1, SEEN_MAX_BYTES / 2);

    (void)state;
    assert_non_null(half);
    assert_int_equal(seen_new(&seen, NULL), RC_OK);
    half[0] = 1;
    struct digest a = put(seen, (struct span){half, SEEN_MAX_BYTES / 2});
    half[0] = 2;
    struct digest b = put(seen, (struct span){half, SEEN_MAX_BYTES / 2});
    assert_true(holds(seen, &b));
    assert_true(holds(seen, &a)); /* and is used */

    struct digest c = put(seen, SPAN("one byte too many"));
    assert_true(holds(seen, &a));
    assert_false(holds(seen, &b));
    assert_true(holds(seen, &c));
}

static void
test_holds_so_many_bytes_and_files(void **state)
{
    closing(seen_freep) struct seen *seen = NULL;
    closing(freep) uint8_t *all = calloc(1, SEEN_MAX_BYTES + 1);
    struct digest first = {{0}}, second = {{0}};

    (void)state;
    assert_non_null(all);
    assert_int_equal(seen_new(&seen, NULL), RC_OK);
    struct digest most = put(seen, (struct span){all, SEEN_MAX_BYTES});
    assert_true(holds(seen, &most));
    struct digest more = put(seen, (struct span){all, SEEN_MAX_BYTES + 1});
    assert_false(holds(seen, &more));
    assert_true(holds(seen, &most));

    for (uint32_t i = 0; i <= SEEN_MAX_FILES; i++) {
        struct digest digest = put(seen, (struct span){(uint8_t *)&i, sizeof i});
        first = i == 0 ? digest : first;
        second = i == 1 ? digest : second;
        assert_true(i == SEEN_MAX_FILES || holds(seen, &digest));
    }
    assert_false(holds(seen, &first));
    assert_true(holds(seen, &second));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_what_was_put_in),
        cmocka_unit_test(test_drops_what_was_not_used_for_longest),
        cmocka_unit_test(test_holds_so_many_bytes_and_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
