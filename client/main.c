/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign — the shim for people and pipelines: finds the verb, and is the one place that
 * reports errors.
 */
#include <signal.h>

#include "client/command.h"
#include "client/interrupt.h"
#include "client/unlock.h"

static void
help(void)
{
    puts("Usage: countersign VERB [ARGUMENT]... [OPTION]...\n"
         "Push and sign container images, with the keys of countersign-agent.\n");
    for (size_t i = 0; i < commands_n; i++) {
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

    for (size_t i = 0; i < commands_n; i++)
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
    option_mask foreign = options->given & ~(command->options | OPTIONS_ALWAYS);

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
    if (!rc && options_has(options, OPTION_CONFIG))
        progress_note(session_progress(session), "--config is not read: --server, --tlscacert and "
                                                 "--trust-dir say what notary's file says");
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

    const struct command *command = command_find(&options, &words);
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
