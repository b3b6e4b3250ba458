/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/docker_trust.h"
#include "client/newkey.h"
#include "client/signer_name.h"
#include "client/token_arg.h"
#include "proto/bounds.h"

#define PEM_LINE_LEN 64

/* A new file for the public key, before there is one; *ret: its path. */
static enum rc
open_public(char **ret, int *ret_fd, struct session *session, const char *name, struct why *why)
{
    const char *given = session_options(session)->values[OPTION_DIR];
    closing(freep) char *directory = realpath(given ? given : ".", NULL);
    closing(freep) char *path = NULL;

    if (!directory)
        return fail(
            why, RC_NOT_FOUND, "public key path does not exist: \"%s\"", given ? given : ".");
    if (asprintf(&path, "%s/%s.pub", directory, name) < 0) {
        path = NULL;
        return fail_memory(why);
    }

    *ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (*ret_fd < 0)
        return errno == EEXIST
                   ? fail(why, RC_SYSTEM, "public key file already exists: \"%s\"", path)
                   : fail(why, RC_SYSTEM, "cannot make '%s': %s", path, strerror(errno));

    *ret = steal(path);
    return RC_OK;
}

static enum rc
generate(json_t **ret, struct session *session, const char *name, struct why *why)
{
    const char *type = session_options(session)->values[OPTION_TYPE];
    closing(json_decrefp) json_t *parameters = NULL;
    struct agent_call *agent = NULL;
    closing(freep) char *token = NULL;

    enum rc rc = token_arg_find(&token, session, why);
    if (!rc)
        rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    parameters = json_pack("{s:s,s:s,s:s}", "token", token, "name", name, "algorithm",
        type ? type : "ec-p256"); /* docker's */
    return parameters ? agent_call(ret, agent, "GenerateKey", parameters, why)
                      : fail(why, RC_MALFORMED, "an option is not UTF-8");
}

/* As docker writes it: with the name of the signer for a header. */
static enum rc
write_public(int fd, const char *path, const char *name, const json_t *reply, struct why *why)
{
    closing(bytes_done) struct bytes pem = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);
    const json_t *key = json_object_get(reply, "key");
    struct span spki = span_of(json_string_value(json_object_get(key, "spki")));

    bytes_printf(&pem, "-----BEGIN PUBLIC KEY-----\nrole: %s\n\n", name);
    for (size_t at = 0; at < spki.len; at += PEM_LINE_LEN)
        bytes_printf(&pem, "%.*s\n", PEM_LINE_LEN, (const char *)spki.p + at);
    bytes_puts(&pem, "-----END PUBLIC KEY-----\n");
    if (pem.failed || write(fd, pem.p, pem.len) != (ssize_t)pem.len || fsync(fd))
        return fail(why, RC_SYSTEM,
            "the public key cannot be written to '%s'; 'countersign key list --json' shows it",
            path);

    return RC_OK;
}

COMMAND(cmd_trust_key_generate)
{
    closing(newkeys_done) struct newkeys keys = NEWKEYS_INIT;
    closing(json_decrefp) json_t *reply = NULL;
    closing(freep) char *path = NULL;
    closing(fd_close) int fd = -1;
    const char *name = arguments[0];

    (void)n;
    session_set_results_aside(session);
    enum rc rc = signer_name_check(name, "key", why);
    if (!rc)
        rc = open_public(&path, &fd, session, name, why);
    if (rc)
        return rc;

    printf("Generating key for %s...\n", name);
    rc = generate(&reply, session, name, why);
    if (!rc)
        rc = newkeys_add(&keys, reply, &(struct newkey_origin){0}, why);
    if (rc) {
        unlink(path);
        return rc;
    }

    rc = write_public(fd, path, name, reply, why);
    if (!rc)
        printf("Successfully generated and loaded private key. "
               "Corresponding public key available: %s\n",
            path);
    return newkeys_print(&keys, session, rc, why);
}

COMMAND(cmd_trust_key_load)
{
    const char *name = session_options(session)->values[OPTION_NAME];
    const char *path = arguments[0];
    struct stat st;

    session_set_results_aside(session);
    enum rc rc = name ? signer_name_check(name, "key", why) : RC_OK;
    if (!rc)
        printf("Loading key from \"%s\"...\n", path);
    if (!rc && !stat(path, &st) && (st.st_mode & (S_IRWXG | S_IRWXO)))
        rc = fail(why, RC_REFUSED,
            "refusing to load key from %s: private key file %s must not be readable or writable by "
            "others",
            path, path);
    if (!rc)
        rc = cmd_key_load(session, arguments, n, why);
    if (rc)
        return rc;

    printf("Successfully imported key from %s\n", path);
    return RC_OK;
}
