/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "proto/bounds.h"
#include "proto/reference.h"

/* The options as parameters; what is not given is left to the agent. */
static enum rc
add_options(json_t *parameters, const struct options *options, const char *name, struct why *why)
{
    const char *common_name = options->values[OPTION_CN], *days = options->values[OPTION_DAYS];
    int64_t n_days = 0;

    if (json_object_set_new(
            parameters, "common_name", json_string(common_name ? common_name : name)))
        return fail(why, RC_MALFORMED, "--cn is not UTF-8");

    if (options_has(options, OPTION_REQUEST) &&
        json_object_set_new(parameters, "request", json_true()))
        return fail_memory(why);

    if (!days)
        return RC_OK;

    enum rc rc = integer_parse(&n_days, span_of(days), 1, CERTIFICATE_DAYS_MAX, why);
    if (rc)
        return within(why, rc, "--days");

    return json_object_set_new(parameters, "days", json_integer(n_days)) ? fail_memory(why) : RC_OK;
}

/* That of a root key, for who makes a repository whose root has keys of several agents. */
static enum rc
print_root_certificate(struct session *session, const char *name, const char *gun, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *certificate = NULL;
    closing(freep) char *repository = NULL;
    struct signer *signer = NULL;

    enum rc rc = repository_normalise(&repository, gun, why);
    if (rc)
        return within(why, rc, "'%s'", gun);

    rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    const struct signer_key *key = signer_find(signer, name);
    if (!key)
        return fail(
            why, RC_NOT_FOUND, "the agent has no key '%s'; see 'countersign key list'", name);

    rc = signer_root_certificate(&certificate, signer, repository, key, false, why);
    if (rc)
        return rc;

    const struct span pem = pubkey_public(certificate);
    return fwrite(pem.p, 1, pem.len, stdout) == pem.len
               ? RC_OK
               : fail(why, RC_SYSTEM, "cannot write to standard output");
}

COMMAND(cmd_key_certificate)
{
    const struct options *options = session_options(session);
    const char *gun = options->values[OPTION_REPOSITORY];
    closing(json_decrefp) json_t *parameters = json_pack("{s:s}", "key", arguments[0]);
    closing(json_decrefp) json_t *reply = NULL;
    struct agent_call *agent = NULL;
    const char *pem = NULL;
    struct members m;

    (void)n;
    if (gun && (options_has(options, OPTION_REQUEST) || options->values[OPTION_CN] ||
                   options->values[OPTION_DAYS]))
        return fail(why, RC_REFUSED,
            "the agent makes one root certificate of a repository, for which no --cn, --days and "
            "--request are of use");
    if (gun)
        return print_root_certificate(session, arguments[0], gun, why);
    if (!parameters)
        return fail_memory(why);

    enum rc rc = add_options(parameters, session_options(session), arguments[0], why);
    if (!rc)
        rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "IssueCertificate", parameters, why);
    if (rc)
        return rc;

    members_open(&m, reply, "reply");
    members_text(&m, "certificate", &pem);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    fputs(pem, stdout);
    if (!options_has(session_options(session), OPTION_REQUEST))
        progress_note(session_progress(session),
            "store it where the policy is, name it there as 'certificate' of key '%s', let the "
            "agent reload, and then list the key in delegations",
            arguments[0]);
    return RC_OK;
}
