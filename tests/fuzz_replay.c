/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target without a fuzzer: takes every input of the directory that is its
 * argument, in the order of their names. The name of the one that breaks it is the last one told.
 */
#include "tests/fuzz.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static const char *corpus;

static int
is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
take(const char *name)
{
    char path[4096];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", corpus, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);

    /* Of exactly its size, so that a read beyond its end is seen. */
    size_t len = (size_t)st.st_size;
    uint8_t *data = malloc(len);
    assert_true(data || len == 0);
    assert_int_equal(fread(data, 1, len, file), len);
    fclose(file);

    LLVMFuzzerTestOneInput(data, len);
    free(data);
}

static void
test_takes_every_input_of_its_corpus(void **state)
{
    struct dirent **entries = NULL;

    (void)state;
    int n = scandir(corpus, &entries, is_input, alphasort);
    if (n <= 0)
        fail_msg("no inputs in '%s'", corpus);

    for (int i = 0; i < n; i++) {
        print_message("%s\n", entries[i]->d_name);
        take(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int
main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_every_input_of_its_corpus),
    };

    if (argc != 2) {
        print_error("Usage: %s CORPUS\n", argv[0]);
        return 2;
    }

    corpus = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
