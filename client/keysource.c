/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keysource.h"

#include <glob.h>
#include <sys/stat.h>

#include "client/file.h"
#include "proto/bounds.h"

#define SUFFIX ".key"

static bool
is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_there(const char *directory, const char *name)
{
    closing(freep) char *path = NULL;
    struct stat st;

    return asprintf(&path, "%s/%s", directory, name) >= 0 && stat(path, &st) == 0;
}

static bool
is_bundle(const char *path)
{
    return is_directory(path) && is_there(path, "key.pem") && is_there(path, "cert.pem");
}

/* "…/private/<64 digits>.key" */
static void
read_id(struct keysource *source)
{
    const char *slash = strrchr(source->path, '/');
    struct span name = span_of(slash ? slash + 1 : source->path);

    if (name.len == DIGEST_HEX_LEN + strlen(SUFFIX) &&
        span_eq((struct span){name.p + DIGEST_HEX_LEN, strlen(SUFFIX)}, SPAN(SUFFIX)))
        (void)!keyid_parse(&source->id, (struct span){name.p, DIGEST_HEX_LEN}, NULL);
}

static enum rc
load_certificate(struct keysource *source, struct why *why)
{
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    enum rc rc = file_load(&pem, source->certificate_path, why);
    if (rc)
        return rc;

    rc = pubkey_from_pem(&source->certificate, bytes_span(&pem), why);
    return rc ? within(why, rc, "'%s'", source->certificate_path) : RC_OK;
}

static enum rc
load(struct keysource *source, const char *path, struct why *why)
{
    struct stat st;

    if (!is_bundle(path)) {
        source->path = strdup(path);
    } else if (asprintf(&source->path, "%s/key.pem", path) < 0 ||
               asprintf(&source->certificate_path, "%s/cert.pem", path) < 0) {
        return fail_memory(why);
    }
    if (!source->path || !bytes_room(&source->text, KEY_FILE_MAX_BYTES))
        return fail_memory(why);

    enum rc rc = file_load(&source->text, source->path, why);
    if (rc)
        return rc;

    rc = keyfile_parse(&source->file, bytes_span(&source->text), why);
    if (rc)
        return within(why, rc, "'%s'", source->path);

    source->is_exposed = stat(source->path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO));
    read_id(source);
    return source->certificate_path ? load_certificate(source, why) : RC_OK;
}

enum rc
keysource_load(struct keysource *ret, const char *path, struct why *why)
{
    *ret = (struct keysource){.text = BYTES_INIT(KEY_FILE_MAX_BYTES)};
    enum rc rc = load(ret, path, why);
    if (rc)
        keysource_done(ret);
    return rc;
}

void
keysource_done(struct keysource *source)
{
    free(source->path);
    free(source->certificate_path);
    bytes_wipe(&source->text);
    pubkey_unref(source->certificate);
    *source = (struct keysource){.text = BYTES_INIT(KEY_FILE_MAX_BYTES)};
}

static enum rc
match(glob_t *ret, const char *directory, const char *pattern, struct why *why)
{
    closing(freep) char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, pattern) < 0)
        return fail_memory(why);

    int result = glob(path, ret->gl_pathc > 0 ? GLOB_APPEND : 0, NULL, ret);
    if (result != 0 && result != GLOB_NOMATCH)
        return fail(why, RC_SYSTEM, "cannot look for keys in '%s'", directory);

    return RC_OK;
}

/* *ret takes the paths over. */
static enum rc
copy_paths(char ***ret, size_t *ret_n, char *const *paths, size_t n, struct why *why)
{
    char **copy = calloc(n + 1, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(paths[i]);
        if (!copy[i]) {
            keysource_paths_free(copy, i);
            copy = NULL;
        }
    }
    if (!copy)
        return fail_memory(why);

    *ret = copy;
    *ret_n = n;
    return RC_OK;
}

enum rc
keysource_find(char ***ret, size_t *ret_n, const char *path, struct why *why)
{
    char *single[] = {(char *)path};
    glob_t found = {0};

    if (!is_directory(path) || is_bundle(path))
        return copy_paths(ret, ret_n, single, 1, why);

    enum rc rc = match(&found, path, "*" SUFFIX, why);
    if (rc == RC_OK)
        rc = match(&found, path, "private/*" SUFFIX, why);
    if (rc == RC_OK && found.gl_pathc == 0)
        rc = fail(why, RC_NOT_FOUND,
            "'%s' holds neither '*" SUFFIX "' nor 'private/*" SUFFIX "' nor a bundle (key.pem and "
            "cert.pem)",
            path);
    if (rc == RC_OK)
        rc = copy_paths(ret, ret_n, found.gl_pathv, found.gl_pathc, why);
    globfree(&found);
    return rc;
}

void
keysource_paths_free(char **paths, size_t n)
{
    for (size_t i = 0; paths && i < n; i++)
        free(paths[i]);
    free(paths);
}
