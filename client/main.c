/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign — the shim for people and pipelines: the table of its verbs, and the one place that
 * reports errors.
 */
#include <signal.h>

#include "client/command.h"
#include "client/interrupt.h"
#include "client/unlock.h"

#define BIT(name) OPTION_BIT(OPTION_##name)

static const struct command commands[] = {
    {"push", "IMAGE[:TAG]...", "upload images and sign them; the tags move last",
        OPTIONS_TRUST | BIT(FROM) | BIT(PLATFORM) | BIT(REFERRERS) | BIT(IMMUTABLE) | BIT(ROLE) |
            BIT(KEY) | BIT(SKIP_UNAVAILABLE) | BIT(RENEW) | BIT(NO_WAIT) | BIT(PUBLISH),
        1, COMMAND_MANY, cmd_push, true},
    {"sign", "IMAGE:TAG[@DIGEST]...", "sign what the registry holds under a tag",
        OPTIONS_TRUST | BIT(ROLE) | BIT(KEY) | BIT(SKIP_UNAVAILABLE) | BIT(RENEW) | BIT(NO_WAIT) |
            BIT(PUBLISH),
        1, COMMAND_MANY, cmd_sign, true},
    {"addhash", "GUN TARGET SIZE", "sign a target by its digest",
        OPTIONS_TRUST | BIT(ROLE) | BIT(SHA256) | BIT(SHA512) | BIT(SKIP_UNAVAILABLE) |
            BIT(NO_WAIT) | BIT(PUBLISH),
        3, 3, cmd_addhash},
    {"remove", "GUN TARGET", "take a target out of roles",
        OPTIONS_TRUST | BIT(ROLE) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT) | BIT(PUBLISH), 2, 2,
        cmd_remove},
    {"inspect", "IMAGE[:TAG]...", "show signatures, as docker trust inspect",
        OPTIONS_TRUST | BIT(PRETTY), 1, COMMAND_MANY, cmd_inspect},
    {"list", "GUN", "list signed targets, as notary list", OPTIONS_TRUST | BIT(ROLE) | BIT(JSON), 1,
        1, cmd_list},
    {"init", "GUN...", "make a new repository",
        OPTIONS_TRUST | BIT(ROOT_KEY) | BIT(TARGETS_KEY) | BIT(NO_WAIT) | BIT(PUBLISH), 1,
        COMMAND_MANY, cmd_init, true},
    {"delegation add", "GUN ROLE KEY...", "give keys a role",
        OPTIONS_TRUST | BIT(PATHS) | BIT(ALL_PATHS) | BIT(NO_WAIT) | BIT(PUBLISH), 3, COMMAND_MANY,
        cmd_delegation_add},
    {"delegation list", "GUN", "list delegated roles, as notary does", OPTIONS_TRUST | BIT(JSON), 1,
        1, cmd_delegation_list},
    {"signer add", "NAME GUN...", "give a signer its own role and targets/releases",
        OPTIONS_TRUST | BIT(KEY) | BIT(ROOT_KEY) | BIT(TARGETS_KEY) | BIT(NO_WAIT), 2, COMMAND_MANY,
        cmd_signer_add},
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
    {"key attest", "KEY", "show what its token says of a key (admins only)", BIT(CA) | BIT(JSON), 1,
        1, cmd_key_attest},
    {"key certificate", "KEY", "make a certificate for a key of a delegation (admins only)",
        BIT(CN) | BIT(DAYS) | BIT(REQUEST), 1, 1, cmd_key_certificate},
    {"unlock", "TOKEN", "let the agent log in to a token (admins only)", BIT(PIN_FILE) | BIT(FORCE),
        1, 1, cmd_unlock},
    {"lock", "[TOKEN]", "log out of a token, or of all (admins only)", 0, 0, 1, cmd_lock},
    {"status", "", "show the agent and its tokens", BIT(JSON) | BIT(METRICS), 0, 0, cmd_status},
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
};

static void
help(void)
{
    puts("Usage: countersign VERB [ARGUMENT]... [OPTION]...\n"
         "Push and sign container images, with the keys of countersign-agent.\n");
    for (size_t i = 0; i < N_ELEMENTS(commands); i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[i].verb, commands[i].arguments);
        printf("  %-32s %s\n", left, commands[i].summary);
    }
    puts("\nOptions of every verb:");
    options_help(OPTIONS_ALWAYS);
    puts("\n'countersign VERB --help' shows the options of a verb. See countersign(1).");
}

static void
print_usage(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: countersign %s %s%s[OPTION]...\n", command->verb, command->arguments,
        *command->arguments ? " " : "");
}

static void
help_command(const struct command *command)
{
    print_usage(stdout, command);
    printf("%s.\n\n", command->summary);
    options_help(command->options | OPTIONS_ALWAYS);
    puts("\nSee countersign(1).");
}

/* Verbs have one word or two; *ret_words says how many. */
static const struct command *
find_command(const struct options *options, size_t *ret_words)
{
    for (size_t words = 2; words > 0; words--) {
        char verb[64];
        if (options->n_arguments < words)
            continue;

        snprintf(verb, sizeof verb, words == 2 ? "%s %s" : "%s", options->arguments[0],
            options->arguments[words - 1]);
        for (size_t i = 0; i < N_ELEMENTS(commands); i++)
            if (!strcmp(commands[i].verb, verb)) {
                *ret_words = words;
                return &commands[i];
            }
    }

    return NULL;
}

static int
usage(const struct command *command)
{
    if (command)
        print_usage(stderr, command);
    else
        fputs("Try 'countersign --help'.\n", stderr);
    return 2;
}

/* Of a verb with two words, people often know the first only. */
static void
report_unknown(const struct options *options)
{
    const char *word = options->n_arguments > 0 ? options->arguments[0] : "";
    size_t len = strlen(word), n = 0;

    if (len == 0) {
        fputs("countersign: a verb is missing\n", stderr);
        return;
    }

    for (size_t i = 0; i < N_ELEMENTS(commands); i++)
        if (!strncmp(commands[i].verb, word, len) && commands[i].verb[len] == ' ')
            fprintf(
                stderr, "%s '%s'", n++ == 0 ? "countersign: there is" : " and", commands[i].verb);
    if (n > 0)
        fputc('\n', stderr);
    else
        fprintf(stderr, "countersign: unknown verb '%s'\n", word);
}

/* False: an option that the command does not take, or too few or too many arguments. */
static bool
is_proper(const struct command *command, const struct options *options, size_t n)
{
    uint64_t foreign = options->given & ~(command->options | OPTIONS_ALWAYS);

    for (int id = 0; id < OPTION_MAX_; id++)
        if (foreign & OPTION_BIT(id)) {
            fprintf(stderr, "countersign: '%s' takes no option %s\n", command->verb,
                options_name((enum option_id)id));
            return false;
        }

    if (n >= command->min && n <= command->max)
        return true;

    fprintf(stderr, "countersign: '%s' takes %s arguments\n", command->verb,
        n < command->min ? "more" : "fewer");
    return false;
}

/* What docker and notary take passphrases from. */
static void
note_passphrases(const struct progress *progress)
{
    static const char *const names[] = {
        "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
        "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
        "NOTARY_ROOT_PASSPHRASE",
        "NOTARY_TARGETS_PASSPHRASE",
        "NOTARY_SNAPSHOT_PASSPHRASE",
        "NOTARY_DELEGATION_PASSPHRASE",
    };

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        if (getenv(names[i])) {
            progress_note(progress,
                "%s is ignored: keys are in tokens, and only the agent opens "
                "those",
                names[i]);
            return;
        }
}

static enum rc
run_once(
    const struct command *command, const struct options *options, size_t words, struct why *why)
{
    closing(session_freep) struct session *session = NULL;

    enum rc rc = session_new(&session, options, why);
    if (!rc && options_has(options, OPTION_PUBLISH))
        progress_note(session_progress(session), "--publish has no effect: nothing is ever staged");
    if (!rc)
        note_passphrases(session_progress(session));
    if (!rc)
        rc = command->run(session, options->arguments + words, options->n_arguments - words, why);
    if (!rc && (fflush(stdout) || ferror(stdout)))
        rc = fail(why, RC_SYSTEM, "cannot write to standard output");
    return rc;
}

/* A locked token failed the command: it was unlocked now. */
static bool
is_worth_another(const struct command *command, const struct options *options, enum rc rc)
{
    closing(session_freep) struct session *session = NULL;
    struct why why;

    return command->unlocks && (rc == RC_TOKEN || rc == RC_LOCKED) &&
           !session_new(&session, options, &why) && unlock_offer(session);
}

static int
run(const struct command *command, const struct options *options, size_t words)
{
    struct why why;

    enum rc rc = run_once(command, options, words, &why);
    if (is_worth_another(command, options, rc))
        rc = run_once(command, options, words, &why);
    if (rc)
        fprintf(stderr, "countersign: %s\n", why.text);
    return rc_exit_status(rc);
}

int
main(int argc, char **argv)
{
    struct options options;
    size_t words = 0;

    interrupt_init();
    signal(SIGPIPE, SIG_IGN);
    if (!options_parse(&options, argc, argv))
        return usage(NULL);

    const struct command *command = find_command(&options, &words);
    if (options_has(&options, OPTION_VERSION)) {
        puts("countersign " COUNTERSIGN_VERSION);
        return 0;
    }
    if (options_has(&options, OPTION_HELP)) {
        if (command)
            help_command(command);
        else
            help();
        return 0;
    }

    if (!command) {
        report_unknown(&options);
        return usage(NULL);
    }

    if (!is_proper(command, &options, options.n_arguments - words))
        return usage(command);

    return run(command, &options, words);
}
