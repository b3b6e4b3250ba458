/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registries answer to an upload and to a question for referrers. A blob that is there was
 * sent whole or was there before, and no password goes where it must not.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "client/referrers.h"
#include "client/sending.h"
#include "proto/bounds.h"
#include "tests/fuzz.h"
#include "tests/softhttp.h"

#define HOST "registry.example.com"
#define PATH "shop/web"

static const char blob_bytes[] = "0123456789";

/* Only the registry itself and its realm are told who asks: both are https. */
static void
check_asked(void)
{
    for (size_t i = 0; i < softhttp_n_asked(); i++)
        assert(!strncasecmp(softhttp_asked(i)->url, "https://", 8));
    softhttp_end();
}

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    (void)why;
    bytes_put(data, piece);
    return RC_OK;
}

static void
on_again(void *data)
{
    bytes_clear(data);
}

static void
check_upload(struct registry *registry, struct span answers)
{
    closing(bytes_done) struct bytes told = BYTES_INIT(1024);
    const struct http_watch watch = {on_piece, on_again, &told};
    const int64_t size = sizeof blob_bytes - 1;
    struct registry_blob blob = {.path = PATH, .size = size};
    struct content content = {.fd = memfd_create("blob", MFD_CLOEXEC), .size = size};
    const struct sending sending = {registry, &blob, &content, "shop/base", &watch, 4};
    struct why why = {""};
    bool is_mounted = false;

    assert(content.fd >= 0 && write(content.fd, blob_bytes, (size_t)size) == size);
    digest_of(&blob.digest, SPAN(blob_bytes));
    softhttp_start(answers);
    enum rc rc = sending_run(&is_mounted, &sending, &why);
    if (rc)
        assert((rc == RC_NETWORK || rc == RC_UNTRUSTED || rc == RC_CONFLICT) && *why.text);
    else if (is_mounted)
        assert(told.len == 0);
    else
        assert(span_is(bytes_span(&told), blob_bytes));
    check_asked();
    close(content.fd);
}

static void
check_referrers(struct registry *registry, struct span answers)
{
    closing(referrers_done) struct referrers referrers = {0};
    struct why why = {""};
    struct digest digest;

    digest_of(&digest, SPAN(blob_bytes));
    softhttp_start(answers);
    enum rc rc = referrers_get(&referrers, registry, PATH, &digest, &why);
    assert(rc ? *why.text && referrers.n == 0 : referrers.n <= IMAGE_MANIFESTS_MAX);
    for (size_t i = 0; i < referrers.n; i++)
        assert(referrers.list[i].media_type && referrers.list[i].size >= 0);
    check_asked();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(registry_freep) struct registry *registry = NULL;
    struct span answers = {data, len};

    setenv("HOME", "/nonexistent", true);
    unsetenv("DOCKER_CONFIG");
    unsetenv("XDG_CONFIG_HOME");
    assert(!registry_new(&registry, HOST, false, NULL));
    check_upload(registry, answers);
    check_referrers(registry, answers);
    return 0;
}
