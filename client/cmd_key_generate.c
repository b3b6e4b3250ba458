/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "client/command.h"
#include "client/newkey.h"
#include "client/token_arg.h"

/* A new file of the key's name for its certificate, before there is a key; *ret: its path. */
static enum rc
open_certificate(char **ret, int *ret_fd, const char *name, struct why *why)
{
    closing(freep) char *here = realpath(".", NULL);
    closing(freep) char *path = NULL;

    if (!here || asprintf(&path, "%s/%s.pem", here, name) < 0)
        return fail(why, RC_SYSTEM, "the current directory is not there");

    *ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (*ret_fd < 0)
        return fail(
            why, RC_SYSTEM, "cannot make '%s' for the certificate: %s", path, strerror(errno));

    *ret = steal(path);
    return RC_OK;
}

static enum rc
write_certificate(int fd, const char *path, const json_t *reply, struct why *why)
{
    const json_t *key = json_object_get(reply, "key");
    struct span pem = span_of(json_string_value(json_object_get(key, "certificate")));

    if (pem.len == 0 || write(fd, pem.p, pem.len) != (ssize_t)pem.len || fsync(fd))
        return fail(why, RC_SYSTEM,
            "the certificate cannot be written to '%s'; 'countersign key certificate' makes "
            "another one",
            path);

    return RC_OK;
}

static enum rc
check_options(const struct options *options, struct why *why)
{
    static const enum option_id wanted[] = {OPTION_NAME, OPTION_TYPE};

    for (size_t i = 0; i < N_ELEMENTS(wanted); i++)
        if (!options->values[wanted[i]])
            return fail(why, RC_MALFORMED, "%s is missing; see 'countersign key generate --help'",
                options_name(wanted[i]));

    return RC_OK;
}

static enum rc
generate(json_t **ret, struct session *session, struct why *why)
{
    const struct options *options = session_options(session);
    closing(json_decrefp) json_t *parameters = NULL;
    closing(freep) char *token = NULL;
    struct agent_call *agent = NULL;

    enum rc rc = token_arg_find(&token, session, why);
    if (!rc)
        rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    parameters = json_pack("{s:s,s:s,s:s,s:s*}", "token", token, "name",
        options->values[OPTION_NAME], "algorithm", options->values[OPTION_TYPE], "common_name",
        options->values[OPTION_CERTIFICATE]);
    return parameters ? agent_call(ret, agent, "GenerateKey", parameters, why)
                      : fail(why, RC_MALFORMED, "an option is not UTF-8");
}

COMMAND(cmd_key_generate)
{
    const struct options *options = session_options(session);
    closing(newkeys_done) struct newkeys keys = NEWKEYS_INIT;
    closing(json_decrefp) json_t *reply = NULL;
    closing(freep) char *certificate = NULL;
    closing(fd_close) int fd = -1;

    (void)arguments;
    (void)n;
    enum rc rc = check_options(options, why);
    if (!rc && options_has(options, OPTION_CERTIFICATE))
        rc = open_certificate(&certificate, &fd, options->values[OPTION_NAME], why);
    if (rc)
        return rc;

    rc = generate(&reply, session, why);
    if (rc && certificate)
        unlink(certificate);
    if (rc)
        return rc;

    const struct newkey_origin origin = {.certificate = certificate};
    rc = newkeys_add(&keys, reply, &origin, why);
    if (!rc && certificate)
        rc = write_certificate(fd, certificate, reply, why);
    return newkeys_print(&keys, session, rc, why);
}
