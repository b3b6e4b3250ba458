/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all verbs. */
#include "client/command.h"

#define BIT(name) OPTION_BIT(OPTION_##name)

static const struct command commands[] = {
    {"push", "IMAGE[:TAG]...", "upload images and sign them; the tags move last",
        OPTIONS_TRUST | BIT(FROM) | BIT(PLATFORM) | BIT(REFERRERS) | BIT(IMMUTABLE) | BIT(ROLE) |
            BIT(KEY) | BIT(SKIP_UNAVAILABLE) | BIT(RENEW) | BIT(NO_WAIT) | BIT(PUBLISH),
        1, COMMAND_MANY, cmd_push, true},
    {"sign", "IMAGE:TAG[@DIGEST]...", "sign what the registry holds under a tag",
        OPTIONS_TRUST | BIT(OUT) | BIT(ROLE) | BIT(KEY) | BIT(SKIP_UNAVAILABLE) | BIT(RENEW) |
            BIT(NO_WAIT) | BIT(PUBLISH),
        1, COMMAND_MANY, cmd_sign, true},
    {"add", "GUN TARGET FILE", "sign a file as a target",
        OPTIONS_TRUST | BIT(OUT) | BIT(ROLE) | BIT(CUSTOM) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT) |
            BIT(PUBLISH),
        3, 3, cmd_add},
    {"addhash", "GUN TARGET SIZE", "sign a target by its digest",
        OPTIONS_TRUST | BIT(OUT) | BIT(ROLE) | BIT(SHA256) | BIT(SHA512) | BIT(CUSTOM) |
            BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT) | BIT(PUBLISH),
        3, 3, cmd_addhash},
    {"remove", "GUN TARGET", "take a target out of roles",
        OPTIONS_TRUST | BIT(OUT) | BIT(ROLE) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT) | BIT(PUBLISH),
        2, 2, cmd_remove},
    {"inspect", "IMAGE[:TAG]...", "show signatures, as docker trust inspect",
        OPTIONS_TRUST | BIT(PRETTY), 1, COMMAND_MANY, cmd_inspect},
    {"list", "GUN", "list signed targets, as notary list", OPTIONS_TRUST | BIT(ROLE) | BIT(JSON), 1,
        1, cmd_list},
    {"lookup", "GUN TARGET", "show one signed target, as notary lookup",
        OPTIONS_TRUST | BIT(ROLE) | BIT(CHECK) | BIT(JSON), 2, 2, cmd_lookup},
    {"verify", "IMAGE[:TAG][@DIGEST]", "show the digest to run, if it is signed as required",
        OPTIONS_TRUST | BIT(REQUIRE) | BIT(REQUIRE_ANY) | BIT(REQUIRE_CERT) | BIT(JSON) |
            BIT(OUTPUT),
        1, 1, cmd_verify},
    {"init", "GUN...", "make a new repository",
        OPTIONS_TRUST | BIT(OUT) | BIT(ROOT_KEY) | BIT(THRESHOLD) | BIT(TARGETS_KEY) |
            BIT(NO_WAIT) | BIT(PUBLISH),
        1, COMMAND_MANY, cmd_init, true},
    {"delegation add", "GUN ROLE KEY...", "give keys a role",
        OPTIONS_TRUST | BIT(OUT) | BIT(PATHS) | BIT(ALL_PATHS) | BIT(THRESHOLD) | BIT(NO_WAIT) |
            BIT(PUBLISH),
        2, COMMAND_MANY, cmd_delegation_add},
    {"delegation remove", "GUN ROLE [KEY...]", "take a role away, or keys or paths from it",
        OPTIONS_TRUST | BIT(OUT) | BIT(PATHS) | BIT(ALL_PATHS) | BIT(YES) | BIT(NO_WAIT) |
            BIT(PUBLISH),
        2, COMMAND_MANY, cmd_delegation_remove},
    {"delegation purge", "GUN", "take a key from all roles that it has",
        OPTIONS_TRUST | BIT(OUT) | BIT(KEY) | BIT(NO_WAIT) | BIT(PUBLISH), 1, 1,
        cmd_delegation_purge},
    {"delegation list", "GUN", "list delegated roles, as notary does", OPTIONS_TRUST | BIT(JSON), 1,
        1, cmd_delegation_list},
    {"signer add", "NAME GUN...", "give a signer its own role and targets/releases",
        OPTIONS_TRUST | BIT(OUT) | BIT(KEY) | BIT(ROOT_KEY) | BIT(TARGETS_KEY) | BIT(NO_WAIT), 2,
        COMMAND_MANY, cmd_signer_add},
    {"signer remove", "NAME GUN...", "take a signer's role and keys away; tell which tags stay",
        OPTIONS_TRUST | BIT(OUT) | BIT(KEEP) | BIT(FORCE) | BIT(NO_WAIT), 2, COMMAND_MANY,
        cmd_signer_remove},
    {"revoke", "IMAGE[:TAG]", "take a tag, or all, out of every role that holds it",
        OPTIONS_TRUST | BIT(OUT) | BIT(YES) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT), 1, 1,
        cmd_revoke, true},
    {"witness", "GUN ROLE...", "sign again what is published, for a new expiry or new keys",
        OPTIONS_TRUST | BIT(OUT) | BIT(YES) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT) | BIT(PUBLISH),
        2, COMMAND_MANY, cmd_witness, true},
    {"cosignature add", "FILE", "add signatures to what others have signed, and publish it",
        OPTIONS_TRUST | BIT(SKIP_UNAVAILABLE) | BIT(YES) | BIT(NO_WAIT), 1, 1, cmd_cosignature_add,
        true},
    {"cosignature show", "FILE", "show what it changes, and who has to sign it",
        OPTIONS_TRUST | BIT(JSON), 1, 1, cmd_cosignature_show},
    {"delete", "GUN", "forget a repository here, or also delete it there",
        OPTIONS_TRUST | BIT(REMOTE) | BIT(RETIRE) | BIT(ACCEPT_REPLAY) | BIT(YES), 1, 1,
        cmd_delete},
    {"root-id", "GUN...", "show the IDs of a root key, to pin it", OPTIONS_TRUST | BIT(JSON), 1,
        COMMAND_MANY, cmd_root_id},
    {"explain sign", "IMAGE:TAG[@DIGEST]", "show what the agent would decide, and why",
        OPTIONS_TRUST | BIT(ROLE) | BIT(AS) | BIT(JSON), 1, 1, cmd_explain_sign},
    {"pending", "[ID]", "show requests that wait for approval", BIT(JSON), 0, 1, cmd_pending},
    {"approve", "ID", "agree to a request of somebody else", BIT(DIGEST), 1, 1, cmd_approve},
    {"deny", "ID", "say no to a request, or withdraw one's own", BIT(REASON), 1, 1, cmd_deny},
    {"key list", "", "list the agent's keys", BIT(JSON), 0, 0, cmd_key_list},
    {"key generate", "", "have a token make a key (admins only)",
        BIT(TOKEN) | BIT(NAME) | BIT(TYPE) | BIT(CERTIFICATE) | BIT(JSON), 0, 0, cmd_key_generate},
    {"key import", "FILE", "bring a key file into a token (admins only)",
        BIT(TOKEN) | BIT(NAME) | BIT(PASSPHRASE) | BIT(JSON), 1, 1, cmd_key_import},
    {"key load", "[PATH...]", "bring docker's and notary's keys into a token (admins only)",
        BIT(TOKEN) | BIT(NAME) | BIT(PASSPHRASE) | BIT(JSON), 0, COMMAND_MANY, cmd_key_load},
    {"key rotate", "GUN ROLE", "give root, targets, snapshot or timestamp another key",
        OPTIONS_TRUST | BIT(OUT) | BIT(KEY) | BIT(THRESHOLD) | BIT(SERVER_MANAGED) | BIT(YES) |
            BIT(NO_WAIT) | BIT(PUBLISH),
        2, 2, cmd_key_rotate, true},
    {"key attest", "KEY", "show what its token says of a key (admins only)", BIT(CA) | BIT(JSON), 1,
        1, cmd_key_attest},
    {"key certificate", "KEY", "make a certificate for a key of a delegation (admins only)",
        BIT(CN) | BIT(DAYS) | BIT(REQUEST) | BIT(REPOSITORY), 1, 1, cmd_key_certificate},
    {"unlock", "TOKEN", "let the agent log in to a token (admins only)", BIT(PIN_FILE) | BIT(FORCE),
        1, 1, cmd_unlock},
    {"lock", "[TOKEN]", "log out of a token, or of all (admins only)", 0, 0, 1, cmd_lock},
    {"status", "[GUN]", "show the agent and its tokens", OPTIONS_TRUST | BIT(JSON) | BIT(METRICS),
        0, 1, cmd_status},
    {"reload", "", "have the agent read its policy again (admins only)", BIT(JSON), 0, 0,
        cmd_reload},
    {"audit show", "", "show records of requests: one's own, or for admins all",
        BIT(SINCE) | BIT(UNTIL) | BIT(USER) | BIT(REPOSITORY) | BIT(ROLE) | BIT(OUTCOME) |
            BIT(REASON) | BIT(LINES) | BIT(FOLLOW) | BIT(JSON),
        0, 0, cmd_audit_show},
    {"audit verify", "", "verify all records, and heads in the journal (admins only)",
        BIT(FILE) | BIT(HEAD) | BIT(JOURNAL) | BIT(JSON), 0, 0, cmd_audit_verify},
    {"audit export", "", "write all records as lines of JSON (admins only)", 0, 0, 0,
        cmd_audit_export},
    {"retire", "GUN", "let a repository that was deleted begin again (admins only)",
        BIT(ACCEPT_REPLAY), 1, 1, cmd_retire},
    {"supersede", "GUN root VERSION", "allow another root of that version, once (admins only)", 0,
        3, 3, cmd_supersede},
    {"publish", "GUN", "for old scripts: nothing is ever staged", OPTIONS_TRUST, 1, 1, cmd_publish},
    {"reset", "GUN", "for old scripts: nothing is ever staged",
        OPTIONS_TRUST | BIT(ALL) | BIT(LINES), 1, 1, cmd_reset},
};

const struct program countersign = {
    .name = "countersign",
    .summary = "Push and sign container images, with the keys of countersign-agent.",
    .page = "countersign(1)",
    .commands = commands,
    .n = N_ELEMENTS(commands),
};

const struct command *
command_find(const struct program *program, const struct options *options, size_t *ret_words)
{
    for (size_t words = 2; words > 0; words--) {
        char verb[64];
        if (options->n_arguments < words)
            continue;

        snprintf(verb, sizeof verb, words == 2 ? "%s %s" : "%s", options->arguments[0],
            options->arguments[words - 1]);
        for (size_t i = 0; i < program->n; i++)
            if (!strcmp(program->commands[i].verb, verb)) {
                *ret_words = words;
                return &program->commands[i];
            }
    }

    return NULL;
}
