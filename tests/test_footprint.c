/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/footprint.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/mem.h"

#define LARGE_BYTES (8 * 1024 * 1024)

/* proc(5): pages that are resident, and those of them that are a file's. */
static void
read_pages(long *ret_all, long *ret_of_files)
{
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld %ld", ret_all, ret_of_files), 2);
    fclose(file);
}

static void
test_gives_pages_of_files_back_and_goes_on(void **state)
{
    long all = 0, before = 0, after = 0;

    (void)state;
    read_pages(&all, &before);
    footprint_shrink();
    read_pages(&all, &after);
    assert_true(after < before);
    assert_int_equal(strtol("12", NULL, 10), 12); /* what is needed comes back */
}

/* What free() gives back at once is what was mapped for itself. */
static void
test_maps_large_blocks_however_many_were_freed(void **state)
{
    (void)state;
    footprint_bound();
    for (size_t i = 0; i < 4; i++) { /* the first one would raise glibc's bound */
        closing(freep) void *block = malloc(LARGE_BYTES);
        assert_non_null(block);
        struct mallinfo2 info = mallinfo2();
        bool is_foreign = info.arena == 0; /* a sanitizer's allocator counts nothing */
        assert_true(is_foreign || info.hblkhd >= LARGE_BYTES);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_pages_of_files_back_and_goes_on),
        cmocka_unit_test(test_maps_large_blocks_however_many_were_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
