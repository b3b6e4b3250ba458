/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_trust.h"

#include "client/docker_cli.h"

#define BIT(name) OPTION_BIT(OPTION_##name)

static const struct command commands[] = {
    {"sign", "IMAGE:TAG", "sign an image",
        OPTIONS_TRUST | BIT(LOCAL) | BIT(ROLE) | BIT(KEY) | BIT(ROOT_KEY) | BIT(TARGETS_KEY) |
            BIT(SKIP_UNAVAILABLE) | BIT(RENEW) | BIT(NO_WAIT),
        1, 1, cmd_trust_sign, true},
    {"revoke", "IMAGE[:TAG]", "remove trust for an image",
        OPTIONS_TRUST | BIT(YES) | BIT(SKIP_UNAVAILABLE) | BIT(NO_WAIT), 1, 1, cmd_trust_revoke,
        true},
    {"inspect", "IMAGE[:TAG]...", "show keys and signatures", OPTIONS_TRUST | BIT(PRETTY), 1,
        COMMAND_MANY, cmd_inspect},
    {"signer add", "NAME REPOSITORY...", "add a signer",
        OPTIONS_TRUST | BIT(KEY) | BIT(ROOT_KEY) | BIT(TARGETS_KEY) | BIT(NO_WAIT), 2, COMMAND_MANY,
        cmd_trust_signer_add},
    {"signer remove", "NAME REPOSITORY...", "remove a signer; tell which tags stay",
        OPTIONS_TRUST | BIT(KEEP) | BIT(YES) | BIT(NO_WAIT), 2, COMMAND_MANY,
        cmd_trust_signer_remove},
    {"key generate", "NAME", "have a token make a signer's key (admins only)",
        BIT(DIR) | BIT(TOKEN) | BIT(TYPE), 1, 1, cmd_trust_key_generate},
    {"key load", "KEYFILE", "bring a signer's key into a token (admins only)",
        BIT(NAME) | BIT(TOKEN) | BIT(PASSPHRASE), 1, 1, cmd_trust_key_load},
};

const struct program docker_trust = {
    .name = "docker trust",
    .summary = "Manage trust on Docker images, with the keys of countersign-agent.",
    .page = "docker-countersign(1)",
    .commands = commands,
    .n = N_ELEMENTS(commands),
};

static char help[] = "--help", local[] = "--local", pretty[] = "--pretty", yes[] = "--yes";

/* Docker's options that take no value, and ours. */
static const struct {
    const char *name;
    char *ours;
} switches[] = {
    {"--force", yes},
    {"--help", help},
    {"--local", local},
    {"--pretty", pretty},
    {"--yes", yes},
    {"-f", yes},
};

/* NULL: it is to be left out. */
static char *
translate(char *word)
{
    size_t len = strcspn(word, "=");
    bool is_on = true;

    for (size_t i = 0; i < N_ELEMENTS(switches); i++) {
        if (strlen(switches[i].name) != len || strncmp(switches[i].name, word, len) != 0)
            continue;
        if (word[len] && !docker_cli_switch(&is_on, word + len + 1))
            return word; /* nobody takes that */
        return is_on ? switches[i].ours : NULL;
    }

    return word;
}

void
docker_trust_translate(int *argc, char **argv)
{
    bool is_over = false;
    int n = 1;

    for (int i = 1; i < *argc; i++) {
        is_over = is_over || !strcmp(argv[i], "--");
        char *word = is_over ? argv[i] : translate(argv[i]);
        if (word)
            argv[n++] = word;
    }
    argv[n] = NULL;
    *argc = n;
}
