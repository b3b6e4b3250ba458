/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign — the shim for people and pipelines: finds the verb, and is the one place that
 * reports errors.
 */
#include <signal.h>

#include "client/command.h"
#include "client/completion.h"
#include "client/docker_cli.h"
#include "client/docker_trust.h"
#include "client/interrupt.h"
#include "client/unlock.h"
#include "client/verifier.h"

static void
help(const struct program *program)
{
    printf("Usage: %s VERB [ARGUMENT]... [OPTION]...\n%s\n\n", program->name, program->summary);
    for (size_t i = 0; i < program->n; i++) {
        const struct command *command = &program->commands[i];
        char left[64];

        snprintf(left, sizeof left, "%s %s", command->verb, command->arguments);
        printf("  %-35s %s\n", left, command->summary);
    }
    puts("\nOptions of every verb:");
    options_help(OPTIONS_ALWAYS);
    printf(
        "\n'%s VERB --help' shows the options of a verb. See %s.\n", program->name, program->page);
}

static void
print_usage(FILE *out, const struct program *program, const struct command *command)
{
    fprintf(out, "Usage: %s %s %s%s[OPTION]...\n", program->name, command->verb, command->arguments,
        *command->arguments ? " " : "");
}

static void
help_command(const struct program *program, const struct command *command)
{
    print_usage(stdout, program, command);
    printf("%s.\n\n", command->summary);
    options_help(command->options | OPTIONS_ALWAYS);
    printf("\nSee %s.\n", program->page);
}

static int
usage(const struct program *program, const struct command *command)
{
    if (command)
        print_usage(stderr, program, command);
    else
        fprintf(stderr, "Try '%s --help'.\n", program->name);
    return 2;
}

/* Of a verb with two words, people often know the first only. */
static void
report_unknown(const struct program *program, const struct options *options)
{
    const char *word = options->n_arguments > 0 ? options->arguments[0] : "";
    size_t len = strlen(word), n = 0;

    if (len == 0) {
        fputs("countersign: a verb is missing\n", stderr);
        return;
    }

    for (size_t i = 0; i < program->n; i++) {
        const char *verb = program->commands[i].verb;
        if (!strncmp(verb, word, len) && verb[len] == ' ')
            fprintf(stderr, "%s '%s'", n++ == 0 ? "countersign: there is" : " and", verb);
    }
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

static int
run_line(const struct program *program, int argc, char **argv)
{
    struct options options;
    size_t words = 0;

    if (!options_parse(&options, argc, argv))
        return usage(program, NULL);

    const struct command *command = command_find(program, &options, &words);
    if (options_has(&options, OPTION_VERSION)) {
        puts("countersign " COUNTERSIGN_VERSION);
        return 0;
    }
    if (options_has(&options, OPTION_HELP)) {
        if (command)
            help_command(program, command);
        else
            help(program);
        return 0;
    }

    if (!command) {
        report_unknown(program, &options);
        return usage(program, NULL);
    }

    if (!is_proper(command, &options, options.n_arguments - words))
        return usage(program, command);

    return run(command, &options, words);
}

static int
run_plugin(const char *plugin, int argc, char **argv)
{
    closing(docker_cli_done) struct docker_cli cli = {0};
    struct program program = countersign;
    bool is_trust = !strcmp(plugin, "trust");
    struct why why;

    program.name = "docker countersign";
    program.page = "docker-countersign(1)";
    docker_cli_follow();
    if (docker_cli_enter(&cli, plugin, argc, argv, &why)) {
        fprintf(stderr, "countersign: %s\n", why.text);
        return 2;
    }

    if (is_trust)
        program = docker_trust;
    if (completion_is_wanted(cli.argc, cli.argv))
        return completion_run(&program, cli.argc, cli.argv);

    if (is_trust)
        docker_trust_translate(&cli.argc, cli.argv);
    return run_line(&program, cli.argc, cli.argv);
}

int
main(int argc, char **argv)
{
    const char *plugin = docker_cli_plugin(argv[0]);

    if (plugin && docker_cli_describe(plugin, argc, argv))
        return fflush(stdout) ? 1 : 0;

    interrupt_init();
    signal(SIGPIPE, SIG_IGN);
    if (verifier_is_called(argv[0]))
        return verifier_main(argc, argv);
    if (plugin)
        return run_plugin(plugin, argc, argv);

    return completion_is_wanted(argc, argv) ? completion_run(&countersign, argc, argv)
                                            : run_line(&countersign, argc, argv);
}
