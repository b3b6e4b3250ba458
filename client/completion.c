/* SPDX-License-Identifier: Apache-2.0 */
#include "client/completion.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/agent_call.h"
#include "proto/bounds.h"

#define COMPLETE         "__complete"
#define COMPLETE_NO_DESC "__completeNoDesc"

/* What the shell is to do besides; cobra's numbers. */
#define NO_SPACE 2
#define NO_FILES 4
#define DIRS     16

/* A line that is being typed. */
struct completion {
    const struct program *program;
    const char *word;           /* the part that candidates begin with */
    const char *words[2];       /* the first ones that are no options: the verb */
    size_t n_words;             /* all of those, before the word */
    const struct command *verb; /* NULL: not known yet */
    size_t n_verb;              /* words of it */
    enum option_id option;      /* whose value the word is, if has_option */
    bool has_option, is_option_name, is_plain;
    const char *socket;
    int directive;
};

bool
completion_is_wanted(int argc, char **argv)
{
    return argc > 1 && (!strcmp(argv[1], COMPLETE) || !strcmp(argv[1], COMPLETE_NO_DESC));
}

static void
offer(const struct completion *c, const char *candidate, const char *what)
{
    if (strncmp(candidate, c->word, strlen(c->word)) != 0)
        return;

    fputs(candidate, stdout);
    if (what && *what && !c->is_plain)
        printf("\t%s", what);
    putchar('\n');
}

/* Whether a shell may get a name that others chose: not all quote what they put into the line, and
 * some names would do something there. */
static bool
is_harmless(const char *name)
{
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("%+,-./:=@_", *at) && !(*at & 0x80))
            return false;

    return true;
}

/* Up to the word itself. */
static void
scan(struct completion *c, int n, char **words)
{
    bool is_over = false;

    for (int i = 0; i < n; i++) {
        const char *value = NULL;

        if (!is_over && !strcmp(words[i], "--")) {
            is_over = true;
        } else if (!is_over && options_read(&c->option, &value, words[i])) {
            c->has_option = options_argument(c->option) && !value;
            if (c->has_option && i + 1 < n) {
                value = words[++i];
                c->has_option = false;
            }
            if (c->option == OPTION_SOCKET && value)
                c->socket = value;
        } else if (is_over || words[i][0] != '-') {
            if (c->n_words < N_ELEMENTS(c->words))
                c->words[c->n_words] = words[i];
            c->n_words++;
        }
    }

    const char *value = NULL;
    c->is_option_name = !c->has_option && !is_over && c->word[0] == '-';
    if (c->is_option_name && options_read(&c->option, &value, c->word) && value) {
        c->has_option = options_argument(c->option);
        c->is_option_name = false;
        c->word = value;
    }
}

static void
find_verb(struct completion *c)
{
    struct options options = {
        .arguments = (char **)(uintptr_t)c->words,
        .n_arguments = c->n_words < N_ELEMENTS(c->words) ? c->n_words : N_ELEMENTS(c->words),
    };

    c->verb = command_find(c->program, &options, &c->n_verb);
}

static void
offer_options(const struct completion *c)
{
    option_mask mask = OPTIONS_ALWAYS | (c->verb ? c->verb->options : 0);

    for (int id = 0; id < OPTION_MAX_; id++)
        if (mask & OPTION_BIT(id))
            offer(c, options_name((enum option_id)id), options_summary((enum option_id)id));
}

/* The length of the first word of a verb that has two; 0: it has one. */
static size_t
group_len(const char *verb)
{
    size_t len = strcspn(verb, " ");

    return verb[len] ? len : 0;
}

static bool
is_of_group(const struct command *command, const char *group, size_t len)
{
    return group_len(command->verb) == len && !strncmp(command->verb, group, len);
}

/* The first words of all verbs. A group of them is told by its second words. */
static void
offer_verbs(const struct completion *c)
{
    const struct command *const commands = c->program->commands;

    for (size_t i = 0; i < c->program->n; i++) {
        size_t len = group_len(commands[i].verb), first = 0;
        char word[64], seconds[160] = "";

        if (len == 0) {
            offer(c, commands[i].verb, commands[i].summary);
            continue;
        }

        while (!is_of_group(&commands[first], commands[i].verb, len))
            first++;
        if (first < i)
            continue;

        for (size_t k = i, at = 0; k < c->program->n && at < sizeof seconds; k++)
            if (is_of_group(&commands[k], commands[i].verb, len))
                at += (size_t)snprintf(seconds + at, sizeof seconds - at, "%s%s",
                    at > 0 ? ", " : "", commands[k].verb + len + 1);
        snprintf(word, sizeof word, "%.*s", (int)len, commands[i].verb);
        offer(c, word, seconds);
    }
}

/* The second words of a group. */
static void
offer_seconds(const struct completion *c, const char *group)
{
    size_t len = strlen(group);

    for (size_t i = 0; len > 0 && i < c->program->n; i++)
        if (is_of_group(&c->program->commands[i], group, len))
            offer(c, c->program->commands[i].verb + len + 1, c->program->commands[i].summary);
}

/* "a|b|c" */
static void
offer_choices(struct completion *c, const char *choices)
{
    while (*choices) {
        size_t len = strcspn(choices, "|");
        char choice[64];

        snprintf(choice, sizeof choice, "%.*s", (int)len, choices);
        offer(c, choice, NULL);
        if (len > 0 && choice[strlen(choice) - 1] == ':' &&
            !strncmp(choice, c->word, strlen(c->word)))
            c->directive |= NO_SPACE;
        choices += len + (choices[len] == '|');
    }
}

/* Files behind a prefix, "oci:", of which no shell knows that it is one. */
static void
offer_paths(struct completion *c, size_t prefix)
{
    const char *path = c->word + prefix, *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    closing(freep) char *directory = len > 0 ? strndup(path, len) : strdup(".");
    DIR *dir = directory ? opendir(directory) : NULL;

    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        closing(freep) char *candidate = NULL;
        struct stat st;

        if (!is_harmless(entry->d_name) || (entry->d_name[0] == '.' && path[len] != '.'))
            continue;
        bool is_dir = !fstatat(dirfd(dir), entry->d_name, &st, 0) && S_ISDIR(st.st_mode);
        if (asprintf(&candidate, "%.*s%s%s", (int)(prefix + len), c->word, entry->d_name,
                is_dir ? "/" : "") < 0) {
            candidate = NULL;
            break;
        }
        offer(c, candidate, NULL);
    }
    if (dir)
        closedir(dir);
    c->directive |= NO_SPACE;
}

/* What the agent has, by the name of each. */
static void
offer_of_agent(const struct completion *c, const char *method, const char *list, const char *name,
    const char *prefix)
{
    closing(agent_call_freep) struct agent_call *agent = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    struct why why;
    json_t *item;
    size_t i;

    if (agent_call_new(&agent, c->socket, &why) ||
        agent_call_connect(agent, COMPLETION_AGENT_MS, &why) ||
        agent_call_briefly(&reply, agent, method, NULL, COMPLETION_AGENT_MS, &why))
        return;

    json_array_foreach(json_object_get(reply, list), i, item) {
        const char *text = json_string_value(json_object_get(item, name));
        char candidate[256];

        if (text && is_harmless(text) &&
            snprintf(candidate, sizeof candidate, "%s%s", prefix, text) < (int)sizeof candidate)
            offer(c, candidate, NULL);
    }
}

/* kind: as the tables have it, "FILE". */
static void
offer_kind(struct completion *c, const char *kind)
{
    bool is_of_key = c->verb && !strncmp(c->verb->verb, "key ", 4);

    c->directive |= NO_FILES;
    if (!strcmp(kind, "FILE") || !strcmp(kind, "KEYFILE") || !strcmp(kind, "PATH")) {
        c->directive &= ~NO_FILES;
    } else if (!strcmp(kind, "DIR")) {
        c->directive = (c->directive & ~NO_FILES) | DIRS;
    } else if (!strcmp(kind, "KEY") && !is_of_key) {
        offer_of_agent(c, "ListKeys", "keys", "name", "agent:");
        c->directive &= ~NO_FILES;
    } else if (!strcmp(kind, "KEY")) {
        offer_of_agent(c, "ListKeys", "keys", "name", "");
    } else if (!strcmp(kind, "agent:NAME")) {
        offer_of_agent(c, "ListKeys", "keys", "name", "agent:");
    } else if (!strcmp(kind, "TOKEN")) {
        offer_of_agent(c, "Status", "tokens", "name", "");
    } else if (!strcmp(kind, "ID")) {
        offer_of_agent(c, "Pending", "requests", "id", "");
    } else if (*kind >= 'a' && *kind <= 'z') {
        offer(c, kind, NULL); /* "root": it is that word */
    }
}

static void
offer_value(struct completion *c)
{
    const char *choices = options_choices(c->option);
    size_t prefix = strcspn(c->word, ":") + 1;

    if (choices)
        c->directive |= NO_FILES;
    if (choices && strchr(c->word, ':') && strncmp(c->word, "registry:", prefix) != 0)
        offer_paths(c, prefix);
    else if (choices)
        offer_choices(c, choices);
    else
        offer_kind(c, options_argument(c->option));
}

/* The argument that is due: "GUN ROLE KEY..." */
static void
offer_argument(struct completion *c)
{
    const char *at = c->verb->arguments, *last = at;
    size_t len = 0;
    char kind[64];

    for (size_t i = c->n_verb; *at; at += len + strspn(at + len, " "), i++) {
        len = strcspn(at, " ");
        last = at;
        if (i == c->n_words)
            break;
    }
    if (!*at && !strstr(last, "...")) {
        c->directive |= NO_FILES;
        return;
    }

    last += *last == '[';
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(last, " .[]"), last);
    offer_kind(c, kind);
}

int
completion_run(const struct program *program, int argc, char **argv)
{
    struct completion c = {
        .program = program,
        .word = argc > 2 ? argv[argc - 1] : "",
        .is_plain = !strcmp(argv[1], COMPLETE_NO_DESC),
    };

    scan(&c, argc > 2 ? argc - 3 : 0, argv + 2);
    find_verb(&c);
    if (c.has_option) {
        offer_value(&c);
    } else if (c.is_option_name) {
        offer_options(&c);
        c.directive |= NO_FILES;
    } else if (c.verb) {
        offer_argument(&c);
    } else {
        if (c.n_words == 0)
            offer_verbs(&c);
        else if (c.n_words == 1)
            offer_seconds(&c, c.words[0]);
        c.directive |= NO_FILES;
    }

    printf(":%d\n", c.directive);
    return 0;
}
