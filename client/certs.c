/* SPDX-License-Identifier: Apache-2.0 */
#include "client/certs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "client/file.h"

/* Where distributions keep the roots as one file; Go's crypto/x509 looks at the same places. */
static const char *const system_roots[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL */
    "/etc/ssl/cert.pem",
};

/* Where some of them keep each root under the hash of its name besides, as openssl-rehash(1) does.
 */
static const char *const system_dirs[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

/* As OpenSSL, curl(1) and Go have it; NULL: the user did not choose. */
static const char *
chosen_roots(void)
{
    const char *chosen = getenv("SSL_CERT_FILE");

    return chosen && *chosen ? chosen : NULL;
}

static enum rc
add_system_roots(struct bytes *roots, struct why *why)
{
    if (chosen_roots())
        return file_load(roots, chosen_roots(), why);

    for (size_t i = 0; i < N_ELEMENTS(system_roots); i++) {
        enum rc rc = file_load(roots, system_roots[i], why);
        if (rc != RC_NOT_FOUND)
            return rc;
    }

    return RC_OK;
}

/* Whether a file is called as OpenSSL looks for it: eight hexadecimal digits, ".0". */
static bool
has_hashed_files(const char *path)
{
    bool is_found = false;

    DIR *dir = opendir(path);
    if (!dir)
        return false;

    for (const struct dirent *entry; !is_found && (entry = readdir(dir));)
        is_found =
            strspn(entry->d_name, "0123456789abcdef") == 8 && !strcmp(entry->d_name + 8, ".0");
    closedir(dir);
    return is_found;
}

static const char *
find_hashed_dir(void)
{
    for (size_t i = 0; !chosen_roots() && i < N_ELEMENTS(system_dirs); i++)
        if (has_hashed_files(system_dirs[i]))
            return system_dirs[i];

    return NULL;
}

static enum rc
add_roots(struct bytes *roots, const char *path, struct why *why)
{
    size_t before = roots->len;

    enum rc rc = file_load(roots, path, why);
    if (rc)
        return rc;

    if (!strstr(bytes_text(roots) + before, "-----BEGIN CERTIFICATE-----"))
        return fail(why, RC_MALFORMED, "'%s' holds no certificate in PEM", path);

    bytes_putc(roots, '\n'); /* the last line of a file may have no end */
    return bytes_check(roots, why);
}

static enum rc
take_pair(struct certs *certs, const char *cert_file, const char *key_file, struct why *why)
{
    if (access(cert_file, R_OK))
        return fail(why, RC_NOT_FOUND, "'%s': %s", cert_file, strerror(errno));
    if (access(key_file, R_OK))
        return fail(why, RC_NOT_FOUND, "'%s': %s", key_file, strerror(errno));

    certs->cert_file = strdup(cert_file);
    certs->key_file = strdup(key_file);
    return certs->cert_file && certs->key_file ? RC_OK : fail_memory(why);
}

/* path is dir/name; other is the same path with the ending that the other half has. */
static enum rc
add_cert(struct certs *certs, const char *path, const char *other, struct why *why)
{
    if (access(other, F_OK))
        return fail(why, RC_MALFORMED,
            "missing key %s for client certificate %s; CA certificates must use the extension .crt",
            other, path);

    return certs->cert_file ? RC_OK : take_pair(certs, path, other, why);
}

static enum rc
add_key(const char *path, const char *other, struct why *why)
{
    if (access(other, F_OK))
        return fail(why, RC_MALFORMED, "missing client certificate %s for key %s", other, path);

    return RC_OK;
}

static enum rc
add_entry(struct certs *certs, const char *dir, const char *name, struct why *why)
{
    closing(freep) char *path = NULL;
    closing(freep) char *other = NULL;

    const char *ending = strrchr(name, '.');
    if (!ending)
        return RC_OK;

    bool is_key = !strcmp(ending, ".key");
    if (asprintf(&path, "%s/%s", dir, name) < 0 ||
        asprintf(&other, "%s/%.*s%s", dir, (int)(ending - name), name, is_key ? ".cert" : ".key") <
            0)
        return fail_memory(why);

    if (!strcmp(ending, ".crt"))
        return add_roots(&certs->roots, path, why);
    if (!strcmp(ending, ".cert"))
        return add_cert(certs, path, other, why);

    return is_key ? add_key(path, other, why) : RC_OK;
}

static enum rc
add_dir(struct certs *certs, const char *dir, struct why *why)
{
    struct dirent **entries = NULL;
    enum rc rc = RC_OK;

    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
        return RC_OK;
    if (n < 0)
        return fail(why, RC_SYSTEM, "'%s': %s", dir, strerror(errno));

    for (int i = 0; i < n; i++) {
        if (!rc)
            rc = add_entry(certs, dir, entries[i]->d_name, why);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static enum rc
load(struct certs *certs, const struct certs_options *options, struct why *why)
{
    enum rc rc = options->ca_file ? add_roots(&certs->roots, options->ca_file, why) : RC_OK;
    if (rc)
        return rc;

    if (!options->cert_file != !options->key_file)
        return fail(why, RC_MALFORMED,
            "a client certificate needs its key, and a key needs its "
            "certificate: give both or none");

    if (options->cert_file) {
        rc = take_pair(certs, options->cert_file, options->key_file, why);
        if (rc)
            return rc;
    }

    if (options->dir) {
        rc = add_dir(certs, options->dir, why);
        if (rc)
            return rc;
    }

    certs->hashed_dir = find_hashed_dir();
    return certs->hashed_dir || certs->roots.len > 0 ? RC_OK : certs_complete(certs, why);
}

enum rc
certs_load(struct certs *ret, const struct certs_options *options, struct why *why)
{
    closing(certs_done) struct certs certs = CERTS_INIT;

    enum rc rc = load(&certs, options, why);
    if (rc)
        return rc;

    *ret = certs;
    certs = CERTS_INIT;
    return RC_OK;
}

enum rc
certs_complete(struct certs *certs, struct why *why)
{
    certs->is_complete = true;
    return add_system_roots(&certs->roots, why);
}

void
certs_done(struct certs *certs)
{
    bytes_done(&certs->roots);
    free(certs->cert_file);
    free(certs->key_file);
    *certs = CERTS_INIT;
}
