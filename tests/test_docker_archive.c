/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/gzip.h"
#include "proto/bounds.h"
#include "tests/tarball.h"

#define PACKED_BYTES (256 * 1024)

static const struct source_choice choice = {0};

static void
put_digest(struct bytes *b, struct span of)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    digest_of(&digest, of);
    digest_hex(hex, &digest);
    bytes_printf(b, "sha256:%s", hex);
}

/* An archive of two layers, the second a link. tag: of the only image. */
static enum rc
read_archive(struct archive_files **ret, struct span first, struct span second, const char *tag)
{
    closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
    closing(bytes_done) struct bytes config = BYTES_INIT(4096);
    closing(bytes_done) struct bytes manifest = BYTES_INIT(4096);
    char path[] = "/tmp/test_docker_archive.XXXXXX";

    bytes_puts(&config, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"");
    put_digest(&config, first);
    bytes_puts(&config, "\",\"");
    put_digest(&config, second);
    bytes_puts(&config, "\"]}}");
    bytes_printf(&manifest,
        "[{\"Config\":\"c.json\",\"RepoTags\":[\"%s\"],\"Layers\":[\"a/layer.tar\","
        "\"b/layer.tar\"]}]",
        tag);
    tarball_put_file(&tar, "c.json", bytes_span(&config));
    tarball_put_file(&tar, "a/layer.tar", first);
    tarball_put(
        &tar, &(struct tarball_entry){.name = "b/layer.tar", .type = '2', .target = "../second"});
    tarball_put_file(&tar, "second", second);
    tarball_put_file(&tar, "manifest.json", bytes_span(&manifest));
    tarball_end(&tar);
    tarball_store(path, bytes_span(&tar));
    enum rc rc = archive_files_new(ret, path, NULL);
    unlink(path);
    return rc;
}

static enum rc
find(struct descriptor *ret, struct docker_archive **ret_archive, const struct archive_files *files,
    struct why *why)
{
    enum rc rc = docker_archive_new(ret_archive, files, NULL, NULL, why);

    return rc ? rc : docker_archive_find(ret, *ret_archive, &choice, why);
}

/* What of libarchive's tests does not hold it to: that a layer can be read again. */
static void
assert_unpacks(const struct content *content, struct span want)
{
    closing(bytes_done) struct bytes packed = BYTES_INIT(PACKED_BYTES);
    closing(bytes_done) struct bytes text = BYTES_INIT(TARBALL_MAX_BYTES);
    char path[] = "/tmp/test_docker_archive.XXXXXX", command[64];
    uint8_t part[4096];

    assert_int_equal(content_read_all(&packed, content, NULL), RC_OK);
    tarball_store(path, bytes_span(&packed));
    snprintf(command, sizeof command, "gzip -dc < %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t len; (len = fread(part, 1, sizeof part, pipe)) > 0;)
        bytes_put(&text, (struct span){part, len});
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
    assert_true(span_eq(bytes_span(&text), want));
}

static void
test_makes_an_image_of_the_old_form(void **state)
{
    static uint8_t layer[1024 * 1024];
    const struct span first = {layer, sizeof layer}, second = SPAN("second");
    closing(archive_files_freep) struct archive_files *files = NULL;
    closing(docker_archive_freep) struct docker_archive *archive = NULL;
    closing(descriptor_done) struct descriptor top = {0};
    closing(bytes_done) struct bytes bytes = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(manifest_freep) struct manifest *manifest = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof layer; i++)
        layer[i] = (uint8_t)(i >> 8);
    assert_int_equal(read_archive(&files, first, second, "web:v1"), RC_OK);
    assert_int_equal(find(&top, &archive, files, NULL), RC_OK);
    assert_int_equal(docker_archive_read(archive, &bytes, &top, NULL), RC_OK);
    assert_int_equal(top.size, bytes.len);
    assert_int_equal(manifest_parse(&manifest, top.media_type, bytes_span(&bytes), NULL), RC_OK);
    assert_int_equal(manifest->n, 3);
    for (size_t i = 0; i < manifest->n; i++) {
        closing(bytes_done) struct bytes blob = BYTES_INIT(PACKED_BYTES);
        struct content content = CONTENT_NONE;
        struct digest digest;

        assert_int_equal(
            docker_archive_open_blob(&content, archive, &manifest->descriptors[i], NULL), RC_OK);
        assert_int_equal(content_read_all(&blob, &content, NULL), RC_OK);
        digest_of(&digest, bytes_span(&blob));
        assert_true(digest_eq(&digest, &manifest->descriptors[i].digest));
        assert_int_equal(blob.len, manifest->descriptors[i].size);
        if (i > 0)
            assert_unpacks(&content, i == 1 ? first : second);
        content_done(&content);
    }
}

/* RFC 1952: the time is in bytes 4 to 7, flags for a name in byte 3. */
static void
test_makes_the_same_of_the_same(void **state)
{
    struct digest digests[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        closing(archive_files_freep) struct archive_files *files = NULL;
        closing(docker_archive_freep) struct docker_archive *archive = NULL;
        closing(descriptor_done) struct descriptor top = {0};

        assert_int_equal(
            read_archive(&files, SPAN("first"), SPAN("second"), i == 0 ? "a:1" : "b:2"), RC_OK);
        assert_int_equal(find(&top, &archive, files, NULL), RC_OK);
        digests[i] = top.digest;
    }
    assert_true(digest_eq(&digests[0], &digests[1]));

    closing(spool_freep) struct spool *spool = NULL;
    closing(bytes_done) struct bytes head = BYTES_INIT(PACKED_BYTES);
    struct gzip_result result;
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    assert_int_equal(spool_put(spool, SPAN("layer"), NULL), RC_OK);
    const struct content plain = spool_content(spool, 0);
    int64_t offset = spool_reserve(spool, gzip_room(plain.size));
    assert_int_equal(gzip_compress(&result, &plain, spool, offset, NULL), RC_OK);
    struct content packed = spool_content(spool, offset);
    packed.size = result.size;
    assert_int_equal(content_read_all(&head, &packed, NULL), RC_OK);
    assert_memory_equal(head.p, "\x1f\x8b\x08\0\0\0\0\0", 8);
}

/* What cannot be compressed, and what can be most. */
static void
test_keeps_to_the_room_that_it_has(void **state)
{
    static uint8_t noise[3 * 1024 * 1024 + 7];
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (uint8_t)(seed >> 24);
    }
    for (size_t len = 0; len < 2; len++) {
        closing(spool_freep) struct spool *spool = NULL;
        struct gzip_result result;
        bool is_done = false;

        assert_int_equal(spool_new(&spool, NULL), RC_OK);
        assert_int_equal(spool_put(spool, (struct span){noise, len * sizeof noise}, NULL), RC_OK);
        const struct content plain = spool_content(spool, 0);
        int64_t offset = spool_reserve(spool, gzip_room(plain.size));
        assert_int_equal(gzip_compress(&result, &plain, spool, offset, NULL), RC_OK);
        assert_true(result.size > plain.size && result.size <= gzip_room(plain.size));
        assert_int_equal(gzip_is_done(&is_done, &plain, NULL), RC_OK);
        assert_false(is_done);
        struct content packed = spool_content(spool, offset);
        packed.size = result.size;
        assert_int_equal(gzip_is_done(&is_done, &packed, NULL), RC_OK);
        assert_true(is_done);
    }
}

static void
test_refuses_what_is_not_as_it_is_named(void **state)
{
    static const struct {
        const char *says, *manifest, *config;
        enum rc rc;
        const char *want;
    } cases[] = {
        {"no manifest", NULL, "{}", RC_NOT_FOUND, "nothing that docker saved"},
        {"no JSON", "[", "{}", RC_MALFORMED, "'manifest.json': byte 1"},
        {"a config that is not there", "[{\"Config\":\"d\",\"Layers\":[]}]", "{}", RC_MALFORMED,
            "'manifest.json' names 'd': no such file"},
        {"a config of another digest",
            "[{\"Config\":"
            "\"4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a.json\","
            "\"Layers\":[]}]",
            "{}", RC_UNTRUSTED, "459a.json' is of sha256:44136fa355b3678a1146ad16f7e8649e"},
        {"a layer that is not there", "[{\"Config\":\"c.json\",\"Layers\":[\"x\"]}]",
            "{\"rootfs\":{\"diff_ids\":[\"sha256:"
            "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\"]}}",
            RC_MALFORMED, "'manifest.json' names 'x': no such file"},
        {"a layer that the config does not name",
            "[{\"Config\":\"c.json\",\"Layers\":[\"layer.tar\"]}]",
            "{\"rootfs\":{\"diff_ids\":[\"sha256:"
            "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\"]}}",
            RC_UNTRUSTED, "layer 'layer.tar' is not the one of sha256:4bf5122f"},
        {"another number of layers", "[{\"Config\":\"c.json\",\"Layers\":[\"layer.tar\"]}]",
            "{\"rootfs\":{\"diff_ids\":[]}}", RC_MALFORMED, "rootfs.diff_ids: want 1 of them"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes tar = BYTES_INIT(TARBALL_MAX_BYTES);
        closing(archive_files_freep) struct archive_files *files = NULL;
        closing(docker_archive_freep) struct docker_archive *archive = NULL;
        closing(descriptor_done) struct descriptor top = {0};
        char path[] = "/tmp/test_docker_archive.XXXXXX";
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        if (cases[i].manifest)
            tarball_put_file(&tar, "manifest.json", span_of(cases[i].manifest));
        tarball_put_file(&tar, "c.json", span_of(cases[i].config));
        tarball_put_file(&tar,
            "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a.json", SPAN("{}"));
        tarball_put_file(&tar, "layer.tar", SPAN("layer"));
        tarball_end(&tar);
        tarball_store(path, bytes_span(&tar));
        assert_int_equal(archive_files_new(&files, path, NULL), RC_OK);
        unlink(path);
        assert_int_equal(find(&top, &archive, files, &why), cases[i].rc);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

/* Builders other than docker compress layers: they go up as they are. */
static void
test_leaves_layers_that_are_compressed(void **state)
{
    const struct span layer = SPAN("\x1f\x8b\x08 a layer");
    closing(archive_files_freep) struct archive_files *files = NULL;
    closing(docker_archive_freep) struct docker_archive *archive = NULL;
    closing(descriptor_done) struct descriptor top = {0};
    struct content content = CONTENT_NONE;
    struct descriptor blob = {.size = 11};

    (void)state;
    digest_of(&blob.digest, layer);
    assert_int_equal(read_archive(&files, layer, layer, "web:v1"), RC_OK);
    assert_int_equal(find(&top, &archive, files, NULL), RC_OK);
    assert_int_equal(docker_archive_open_blob(&content, archive, &blob, NULL), RC_OK);
    assert_int_equal(content.size, layer.len);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_an_image_of_the_old_form),
        cmocka_unit_test(test_makes_the_same_of_the_same),
        cmocka_unit_test(test_keeps_to_the_room_that_it_has),
        cmocka_unit_test(test_refuses_what_is_not_as_it_is_named),
        cmocka_unit_test(test_leaves_layers_that_are_compressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
