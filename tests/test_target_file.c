/* SPDX-License-Identifier: Apache-2.0 */
#include "client/target_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const char path[] = "target_file.txt";

static void
write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
test_has_size_and_both_hashes(void **state)
{
    struct target_file file;
    struct tuf_hashes want;

    (void)state;
    write_file("hello");
    tuf_hashes_of(&want, SPAN("hello"));
    assert_int_equal(target_file_read(&file, path, NULL), RC_OK);
    assert_int_equal(file.size, 5);
    assert_true(file.hashes.has_sha256 && file.hashes.has_sha512 && !file.hashes.has_others);
    assert_true(digest_eq(&file.hashes.sha256, &want.sha256));
    assert_memory_equal(file.hashes.sha512, want.sha512, sizeof want.sha512);
    assert_int_equal(unlink(path), 0);
}

static void
test_says_what_is_no_file(void **state)
{
    struct target_file file;
    struct why why = {""};

    (void)state;
    assert_int_equal(target_file_read(&file, ".", &why), RC_MALFORMED);
    assert_string_equal(why.text, "'.': is a directory, want a file");
    assert_int_equal(target_file_read(&file, "not/there", &why), RC_NOT_FOUND);
}

static void
test_names_all_that_differs(void **state)
{
    static const struct {
        const char *says;
        bool has_sha256, has_sha512;
        int64_t length;
        const char *content;
        enum rc want;
        const char *parts[3];
    } cases[] = {
        {"the target", true, true, 5, "hello", RC_OK, {0}},
        {"the target by its sha512 alone", false, true, 5, "hello", RC_OK, {0}},
        {"another length", true, true, 6, "hello", RC_UNTRUSTED, {"size is 5, want 6"}},
        {"another content", true, true, 5, "hallo", RC_UNTRUSTED,
            {"sha256 is ", ", sha512 is ", ", want "}},
        {"another sha512", false, true, 4, "hallo", RC_UNTRUSTED,
            {"size is 5, want 4, sha512 is "}},
        {"no hash to tell it by", false, false, 5, "hello", RC_UNTRUSTED, {"neither"}},
    };
    struct target_file file = {.size = 5};

    (void)state;
    tuf_hashes_of(&file.hashes, SPAN("hello"));
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct tuf_target target = {.length = cases[i].length};
        struct why why = {""};

        tuf_hashes_of(&target.hashes, span_of(cases[i].content));
        target.hashes.has_sha256 = cases[i].has_sha256;
        target.hashes.has_sha512 = cases[i].has_sha512;
        if (target_file_check(&file, &target, &why) != cases[i].want)
            fail_msg("%s: %s", cases[i].says, why.text);
        for (size_t k = 0; k < N_ELEMENTS(cases[i].parts) && cases[i].parts[k]; k++)
            if (!strstr(why.text, cases[i].parts[k]))
                fail_msg("%s: %s lacks '%s'", cases[i].says, why.text, cases[i].parts[k]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_size_and_both_hashes),
        cmocka_unit_test(test_says_what_is_no_file),
        cmocka_unit_test(test_names_all_that_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
