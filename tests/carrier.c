/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier — does one thing with a registry that it is told on the command line, by the client's own
 * modules, and says what came of it. For system tests.
 *
 *     carrier HOST check|untag|get|has|upload|download|put|referrers|refer PATH …
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/referrers.h"
#include "client/sending.h"
#include "proto/bounds.h"

struct call {
    struct registry *registry;
    const char *path;
    char **args; /* behind PATH; missing ones are NULL */
};

static int64_t n_sent, n_again;

static enum rc
on_sent(void *data, struct span piece, struct why *why)
{
    (void)data;
    (void)why;
    n_sent += (int64_t)piece.len;
    return RC_OK;
}

static void
on_again(void *data)
{
    (void)data;
    n_again++;
}

static enum rc
on_received(void *data, struct span piece, struct why *why)
{
    (void)data;
    if (fwrite(piece.p, 1, piece.len, stdout) != piece.len)
        return fail(why, RC_SYSTEM, "cannot write");

    return RC_OK;
}

static enum rc
read_blob(struct registry_blob *ret, const struct call *call, const char *digest, const char *size)
{
    int64_t n = 0;

    ret->path = call->path;
    enum rc rc =
        hex_parse(ret->digest.b, sizeof ret->digest.b, span_of(digest + strlen("sha256:")), NULL);
    if (!rc && size)
        rc = integer_parse(&n, span_of(size), 0, INTEGER_MAX, NULL);
    ret->size = n;
    return rc;
}

static enum rc
open_file(struct content *ret, const char *name, struct why *why)
{
    struct stat status;

    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status))
        return fail(why, RC_SYSTEM, "cannot open '%s'", name);

    *ret = (struct content){.fd = fd, .is_fd_ours = true, .size = status.st_size};
    return RC_OK;
}

static enum rc
check(const struct call *call, struct why *why)
{
    return registry_check_push(call->registry, call->path, why);
}

static enum rc
untag(const struct call *call, struct why *why)
{
    return registry_untag(call->registry, call->path, call->args[0], why);
}

static enum rc
get(const struct call *call, struct why *why)
{
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(freep) char *media_type = NULL;

    enum rc rc = registry_get_manifest(
        &manifest, &media_type, call->registry, call->path, call->args[0], why);
    if (!rc)
        printf("%s\n%s", media_type, bytes_text(&manifest));
    return rc;
}

/* DIGEST SIZE */
static enum rc
has(const struct call *call, struct why *why)
{
    struct registry_blob blob;
    bool is_there = false;

    enum rc rc = read_blob(&blob, call, call->args[0], call->args[1]);
    if (!rc)
        rc = registry_has_blob(&is_there, call->registry, &blob, why);
    if (!rc)
        puts(is_there ? "there" : "missing");
    return rc;
}

/* DIGEST FILE [FROM], or DIGEST FILE CHUNK: bytes of each request */
static enum rc
upload(const struct call *call, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;
    const struct http_watch watch = {.piece = on_sent, .again = on_again};
    struct registry_blob blob;
    bool is_mounted = false;

    enum rc rc = read_blob(&blob, call, call->args[0], NULL);
    if (!rc)
        rc = open_file(&content, call->args[1], why);
    if (rc)
        return rc;

    blob.size = content.size;
    struct sending sending = {
        call->registry, &blob, &content, call->args[2], &watch, UPLOAD_CHUNK_BYTES};
    if (sending.from &&
        !integer_parse(&sending.chunk_bytes, span_of(sending.from), 1, INTEGER_MAX, NULL))
        sending.from = NULL;
    rc = sending_run(&is_mounted, &sending, why);
    if (!rc)
        printf("%s sent=%lld again=%lld\n", is_mounted ? "mounted" : "uploaded", (long long)n_sent,
            (long long)n_again);
    return rc;
}

/* DIGEST SIZE */
static enum rc
download(const struct call *call, struct why *why)
{
    const struct http_watch watch = {.piece = on_received, .again = on_again};
    struct registry_blob blob;

    enum rc rc = read_blob(&blob, call, call->args[0], call->args[1]);
    return rc ? rc : registry_download(call->registry, &blob, &watch, why);
}

/* REFERENCE TYPE FILE */
static enum rc
put(const struct call *call, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);

    enum rc rc = open_file(&content, call->args[2], why);
    if (!rc)
        rc = content_read_all(&manifest, &content, why);
    if (rc)
        return rc;

    return registry_put_manifest(
        NULL, call->registry, call->path, call->args[0], call->args[1], bytes_span(&manifest), why);
}

/* TYPE FILE */
static enum rc
refer(const struct call *call, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);

    enum rc rc = open_file(&content, call->args[1], why);
    if (!rc)
        rc = content_read_all(&manifest, &content, why);
    if (rc)
        return rc;

    return referrers_put(call->registry, call->path, call->args[0], bytes_span(&manifest), why);
}

/* DIGEST */
static enum rc
list(const struct call *call, struct why *why)
{
    closing(referrers_done) struct referrers referrers = {0};
    struct registry_blob blob;
    char hex[DIGEST_HEX_LEN + 1];

    enum rc rc = read_blob(&blob, call, call->args[0], NULL);
    if (!rc)
        rc = referrers_get(&referrers, call->registry, call->path, &blob.digest, why);
    for (size_t i = 0; !rc && i < referrers.n; i++) {
        digest_hex(hex, &referrers.list[i].digest);
        printf("sha256:%s %s\n", hex, referrers.list[i].artifact_type);
    }
    return rc;
}

static const struct {
    const char *name;
    enum rc (*run)(const struct call *call, struct why *why);
} verbs[] = {
    {"check", check},
    {"untag", untag},
    {"get", get},
    {"has", has},
    {"upload", upload},
    {"download", download},
    {"put", put},
    {"refer", refer},
    {"referrers", list},
};

int
main(int argc, char **argv)
{
    closing(registry_freep) struct registry *registry = NULL;
    struct why why = {""};

    if (argc < 4)
        return 2;

    enum rc rc = registry_new(&registry, argv[1], false, &why);
    const struct call call = {.registry = registry, .path = argv[3], .args = argv + 4};
    for (size_t i = 0; !rc && i < N_ELEMENTS(verbs); i++)
        if (!strcmp(argv[2], verbs[i].name))
            rc = verbs[i].run(&call, &why);
    if (rc)
        fprintf(stderr, "%s\n", why.text);

    return rc_exit_status(rc);
}
