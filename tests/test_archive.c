/* SPDX-License-Identifier: Apache-2.0 */
#include "client/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/spool.h"
#include "proto/bounds.h"
#include "tests/tarball.h"

/* As it is when it lies in a file. */
static enum rc
read_tar(struct archive_files **ret, struct span tar, struct why *why)
{
    char path[] = "/tmp/test_archive.XXXXXX";

    tarball_store(path, tar);
    enum rc rc = archive_files_new(ret, path, why);
    unlink(path);
    return rc;
}

static void
assert_holds(const struct archive_files *files, const char *name, const char *want)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(1024);
    struct content file;

    assert_int_equal(archive_files_find(&file, files, name, NULL), RC_OK);
    assert_int_equal(content_read_all(&text, &file, NULL), RC_OK);
    assert_string_equal(bytes_text(&text), want);
}

static void
test_reads_files_in_any_order(void **state)
{
    closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
    closing(archive_files_freep) struct archive_files *files = NULL;
    struct content file;

    (void)state;
    tarball_put(&tar, &(struct tarball_entry){.name = "blobs/", .type = '5'});
    tarball_put(&tar, &(struct tarball_entry){.name = "blobs/", .type = '5'});
    tarball_put_file(&tar, "blobs/z", SPAN("last"));
    tarball_put_file(&tar, "./blobs//a", SPAN("first"));
    tarball_put_file(&tar, "empty", SPAN(""));
    tarball_end(&tar);
    assert_int_equal(read_tar(&files, bytes_span(&tar), NULL), RC_OK);
    assert_holds(files, "blobs/a", "first");
    assert_holds(files, "blobs/z", "last");
    assert_holds(files, "empty", "");
    assert_int_equal(archive_files_find(&file, files, "blobs", NULL), RC_NOT_FOUND);
    assert_int_equal(archive_files_find(&file, files, "blobs/b", NULL), RC_NOT_FOUND);
}

/* What is behind a plain header stays where it is; what is not, or is compressed, does not. */
static void
test_keeps_only_what_cannot_be_read_in_place(void **state)
{
    static const char pax[] = "13 mtime=1.5\n";
    closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
    closing(archive_files_freep) struct archive_files *files = NULL;

    (void)state;
    tarball_put_file(&tar, "a", SPAN("in place"));
    assert_int_equal(read_tar(&files, bytes_span(&tar), NULL), RC_OK);
    assert_int_equal(spool_len(archive_files_spool(files)), 0);
    assert_holds(files, "a", "in place");
    archive_files_free(steal(files));

    tarball_put(&tar, &(struct tarball_entry){.name = "pax", .type = 'x', .data = span_of(pax)});
    tarball_put_file(&tar, "b", SPAN("kept"));
    tarball_put_file(&tar, "c", SPAN("in place again"));
    tarball_end(&tar);
    assert_int_equal(read_tar(&files, bytes_span(&tar), NULL), RC_OK);
    assert_int_equal(spool_len(archive_files_spool(files)), 4);
    assert_holds(files, "a", "in place");
    assert_holds(files, "b", "kept");
    assert_holds(files, "c", "in place again");
}

static void
test_follows_links_within(void **state)
{
    static const struct tarball_entry entries[] = {
        {.name = "a/layer.tar", .type = '2', .target = "../b/layer.tar"},
        {.name = "b/layer.tar", .type = '1', .target = "./x"},
        {.name = "circle", .type = '2', .target = "a/../circle"},
        {.name = "dangling", .type = '2', .target = "nowhere"},
        {.name = "x", .type = '0', .data = {(const uint8_t *)"layer", 5}},
    };
    closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
    closing(archive_files_freep) struct archive_files *files = NULL;
    struct content file;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(entries); i++)
        tarball_put(&tar, &entries[i]);
    tarball_end(&tar);
    assert_int_equal(read_tar(&files, bytes_span(&tar), NULL), RC_OK);
    assert_holds(files, "a/layer.tar", "layer");
    assert_holds(files, "b/layer.tar", "layer");
    assert_int_equal(archive_files_find(&file, files, "circle", NULL), RC_NOT_FOUND);
    assert_int_equal(archive_files_find(&file, files, "dangling", NULL), RC_NOT_FOUND);
}

static void
test_refuses_entries_that_no_image_has(void **state)
{
    static const struct {
        const char *says;
        struct tarball_entry entry;
        const char *want;
    } cases[] = {
        {"a name that leads out", {.name = "../x", .type = '0'}, "entry '../x': its name is none"},
        {"one that leads out and back", {.name = "a/../../a/x", .type = '0'}, "its name is none"},
        {"one that only goes back", {.name = "a/../x", .type = '0'}, "its name is none"},
        {"an absolute one", {.name = "/etc/passwd", .type = '0'}, "its name is none"},
        {"an empty one", {.name = ".", .type = '0'}, "its name is none"},
        {"a symbolic link out", {.name = "a/x", .type = '2', .target = "../../x"},
            "entry 'a/x': it is a link that leads out"},
        {"an absolute one", {.name = "x", .type = '2', .target = "/etc/shadow"},
            "a link that leads out"},
        {"a hard link out", {.name = "a/x", .type = '1', .target = "../x"},
            "a link that leads out"},
        {"a device", {.name = "x", .type = '3'}, "neither file nor directory nor link"},
        {"a pipe", {.name = "x", .type = '6'}, "neither file nor directory nor link"},
        {"one that was there before", {.name = "./y", .type = '0'}, "entry 'y' is there twice"},
        {"one that is cut off", {.name = "x", .type = '0', .size = 100000}, "it is damaged"},
        {"more than there can be", {.name = "x", .type = '0', .size = 077777777777}, "damaged"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
        closing(archive_files_freep) struct archive_files *files = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        tarball_put_file(&tar, "y", SPAN("y"));
        tarball_put(&tar, &cases[i].entry);
        tarball_end(&tar);
        assert_int_equal(read_tar(&files, bytes_span(&tar), &why), RC_MALFORMED);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

/* pax: LENGTH NAME=VALUE\n. */
static void
test_refuses_holes(void **state)
{
    static const char *const says[] = {
        "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n30 GNU.sparse.realsize=1048576\n",
        "28 GNU.sparse.size=1048576\n26 GNU.sparse.numblocks=1\n24 GNU.sparse.map=512,1\n",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(says); i++) {
        closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
        closing(archive_files_freep) struct archive_files *files = NULL;
        char map[512] = "1\n1048000\n5\n";

        tarball_put(
            &tar, &(struct tarball_entry){.name = "pax", .type = 'x', .data = span_of(says[i])});
        tarball_put_file(
            &tar, "blob", (struct span){(const uint8_t *)map, i == 0 ? sizeof map : 1});
        tarball_end(&tar);
        assert_int_equal(read_tar(&files, bytes_span(&tar), NULL), RC_MALFORMED);
    }
}

static void
test_refuses_what_holds_nothing(void **state)
{
    closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
    closing(archive_files_freep) struct archive_files *files = NULL;
    struct why why = {0};

    (void)state;
    tarball_end(&tar);
    assert_int_equal(read_tar(&files, bytes_span(&tar), &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "it is empty"));
}

static void
test_takes_names_up_to_the_bound(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
        closing(archive_files_freep) struct archive_files *files = NULL;
        char name[ARCHIVE_NAME_MAX_BYTES + 2], pax[sizeof name + 16];

        size_t len = ARCHIVE_NAME_MAX_BYTES + more;
        memset(name, 'a', len);
        name[len] = 0;
        snprintf(pax, sizeof pax, "%zu path=%s\n", len + strlen("123 path=\n"), name);
        tarball_put(
            &tar, &(struct tarball_entry){.name = "pax", .type = 'x', .data = span_of(pax)});
        tarball_put_file(&tar, "short", SPAN("x"));
        tarball_end(&tar);
        assert_int_equal(
            read_tar(&files, bytes_span(&tar), NULL), more == 0 ? RC_OK : RC_MALFORMED);
        if (more == 0)
            assert_holds(files, name, "x");
    }
}

static void
test_takes_entries_up_to_the_bound(void **state)
{
    closing(bytes_done) struct bytes tar = BYTES_INIT(64 * 1024 * 1024);

    (void)state;
    for (size_t i = 0; i < ARCHIVE_ENTRIES_MAX; i++)
        tarball_put(&tar, &(struct tarball_entry){.name = "directory/", .type = '5'});
    for (size_t more = 0; more < 2; more++) {
        closing(archive_files_freep) struct archive_files *files = NULL;

        assert_int_equal(
            read_tar(&files, bytes_span(&tar), NULL), more == 0 ? RC_OK : RC_TOO_LARGE);
        tarball_put(&tar, &(struct tarball_entry){.name = "directory/", .type = '5'});
    }
}

static void
test_says_what_cannot_be_read(void **state)
{
    static const struct {
        const char *path;
        enum rc rc;
        const char *want;
    } cases[] = {
        {"/nonexistent/archive.tar", RC_NOT_FOUND, "'/nonexistent/archive.tar': no such file"},
        {"/tmp", RC_MALFORMED, "'/tmp' is a directory, want an archive"},
        {"/proc/self/cmdline", RC_UNSUPPORTED, "it is no tar file"},
        {"/dev/null", RC_UNSUPPORTED, "it is no tar file"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(archive_files_freep) struct archive_files *files = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].path);
        assert_int_equal(archive_files_new(&files, cases[i].path, &why), cases[i].rc);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_files_in_any_order),
        cmocka_unit_test(test_keeps_only_what_cannot_be_read_in_place),
        cmocka_unit_test(test_follows_links_within),
        cmocka_unit_test(test_refuses_entries_that_no_image_has),
        cmocka_unit_test(test_refuses_holes),
        cmocka_unit_test(test_refuses_what_holds_nothing),
        cmocka_unit_test(test_takes_names_up_to_the_bound),
        cmocka_unit_test(test_takes_entries_up_to_the_bound),
        cmocka_unit_test(test_says_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
