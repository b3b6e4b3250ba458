/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/mem.h"

#define PREFIX   "docker-"
#define METADATA "docker-cli-plugin-metadata"
#define COMPLETE "__complete" /* cobra's; "__completeNoDesc" is another one */

static const struct {
    const char *name, *summary;
} plugins[] = {
    {"countersign", "Push and sign images with the keys of countersign-agent"},
    {"trust", "Manage trust on Docker images, with the keys of countersign-agent"},
};

const char *
docker_cli_plugin(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    const char *name = slash ? slash + 1 : argv0;

    if (!name || strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return NULL;

    for (size_t i = 0; i < N_ELEMENTS(plugins); i++)
        if (!strcmp(name + strlen(PREFIX), plugins[i].name))
            return plugins[i].name;

    return NULL;
}

bool
docker_cli_describe(const char *plugin, int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], METADATA) != 0)
        return false;

    for (size_t i = 0; i < N_ELEMENTS(plugins); i++)
        if (!strcmp(plugins[i].name, plugin))
            printf("{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"Countersign\",\"Version\":\"v%s\","
                   "\"ShortDescription\":\"%s\"}\n",
                COUNTERSIGN_VERSION, plugins[i].summary);
    return true;
}

/* Docker's options, those that have no letter behind all letters. */
enum { ONLY_LONG = 256, CONFIG, TLS, TLS_CA, TLS_CERT, TLS_KEY };

static const struct option globals[] = {
    {"config", required_argument, NULL, CONFIG},
    {"context", required_argument, NULL, 'c'},
    {"debug", optional_argument, NULL, 'D'},
    {"help", optional_argument, NULL, 'h'},
    {"host", required_argument, NULL, 'H'},
    {"log-level", required_argument, NULL, 'l'},
    {"tls", optional_argument, NULL, TLS},
    {"tlscacert", required_argument, NULL, TLS_CA},
    {"tlscert", required_argument, NULL, TLS_CERT},
    {"tlskey", required_argument, NULL, TLS_KEY},
    {"tlsverify", optional_argument, NULL, TLS},
    {0},
};

/* What docker's options say. */
struct given {
    const char *config, *context, *host, *certificates[3]; /* as tls_files has them */
    bool is_debug, is_help, is_tls, is_tls_off;
};

static const struct {
    const char *option, *name;
} tls_files[] = {{"--tlscacert", "ca.pem"}, {"--tlscert", "cert.pem"}, {"--tlskey", "key.pem"}};

bool
docker_cli_switch(bool *ret, const char *value)
{
    static const char *const names[][6] = {
        {"0", "f", "F", "false", "False", "FALSE"}, {"1", "t", "T", "true", "True", "TRUE"}};

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        for (size_t k = 0; k < N_ELEMENTS(names[i]); k++)
            if (!strcmp(value, names[i][k])) {
                *ret = i == 1;
                return true;
            }

    return false;
}

static void
take_switch(struct given *given, int option, bool is_on)
{
    if (option == 'D')
        given->is_debug = is_on;
    else if (option == 'h')
        given->is_help = is_on;
    else if (is_on)
        given->is_tls = true;
    else
        given->is_tls_off = true;
}

/* False: a switch with a value that is none. */
static bool
take(struct given *given, int option, const char *value)
{
    bool is_on = true;

    /* Of -H=unix://… getopt leaves the sign. */
    if (value && *value == '=')
        value++;

    if (option == 'D' || option == 'h' || option == TLS) {
        if (value && !docker_cli_switch(&is_on, value))
            return false;
        take_switch(given, option, is_on);
    } else if (option == CONFIG) {
        given->config = value;
    } else if (option == 'c') {
        given->context = value;
    } else if (option == 'H') {
        given->host = value;
    } else if (option >= TLS_CA && option <= TLS_KEY) {
        given->certificates[option - TLS_CA] = value;
    }
    /* The level of a log is docker's own business. */
    return true;
}

/* Docker has a file for each, the environment a directory: *ret, NULL: none. */
static enum rc
find_certificates(char **ret, const struct given *given, struct why *why)
{
    closing(freep) char *directory = NULL;

    for (size_t i = 0; i < N_ELEMENTS(tls_files); i++) {
        const char *path = given->certificates[i];
        if (!path)
            continue;

        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : 0;
        bool is_named_well = !strcmp(slash ? slash + 1 : path, tls_files[i].name);
        closing(freep) char *where = slash ? strndup(path, len > 0 ? len : 1) : strdup(".");
        if (!where)
            return fail_memory(why);
        if (!is_named_well || (directory && strcmp(directory, where) != 0))
            return fail(why, RC_UNSUPPORTED,
                "%s '%s': of docker's certificates want ca.pem, cert.pem and key.pem in one "
                "directory, or a context: see 'docker context create --help'",
                tls_files[i].option, path);

        free(directory);
        directory = steal(where);
    }

    *ret = steal(directory);
    return RC_OK;
}

static enum rc
set(const char *name, const char *value, struct why *why)
{
    return !value || !setenv(name, value, 1) ? RC_OK : fail_memory(why);
}

/* Where engine_endpoint.h and userdir.h look. */
static enum rc
set_environment(const struct given *given, struct why *why)
{
    closing(freep) char *certificates = NULL;

    enum rc rc = find_certificates(&certificates, given, why);
    if (!rc)
        rc = set("DOCKER_CONFIG", given->config, why);
    if (!rc)
        rc = set("DOCKER_HOST", given->host, why);
    if (!rc)
        rc = set("DOCKER_CONTEXT", given->context, why);
    if (!rc)
        rc = set("DOCKER_CERT_PATH", certificates, why);
    if (!rc && given->is_tls)
        rc = set("DOCKER_TLS_VERIFY", "1", why);
    if (rc)
        return rc;

    /* An option goes before any variable; the context "default" is what the variables say. */
    if (given->is_tls_off && !given->is_tls)
        unsetenv("DOCKER_TLS_VERIFY");
    if (given->host)
        unsetenv("DOCKER_CONTEXT");
    else if (given->context && strcmp(given->context, "default") != 0)
        unsetenv("DOCKER_HOST");
    return RC_OK;
}

static enum rc
read_globals(struct given *ret, int *ret_at, int argc, char **argv, struct why *why)
{
    int c;

    optind = 0; /* from the start, and as '+' has it: up to the first word */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+:DhH:c:l:", globals, NULL)) != -1) {
        if (c == ':')
            return fail(why, RC_MALFORMED, "docker's option %s lacks its value", argv[optind - 1]);
        if (c == '?')
            return fail(why, RC_MALFORMED, "docker has no option %s", argv[optind - 1]);
        if (!take(ret, c, optarg))
            return fail(
                why, RC_MALFORMED, "docker's option %s: want true or false", argv[optind - 1]);
    }

    *ret_at = optind;
    optind = 0;
    opterr = 1;
    return RC_OK;
}

enum rc
docker_cli_enter(struct docker_cli *ret, const char *plugin, int argc, char **argv, struct why *why)
{
    static char help[] = "--help", verbose[] = "--verbose";
    bool is_completion = argc > 1 && !strncmp(argv[1], COMPLETE, strlen(COMPLETE));
    struct given given = {0};
    int skipped = is_completion ? 1 : 0, at = 0, n = 0;

    enum rc rc = read_globals(&given, &at, argc - skipped, argv + skipped, why);
    if (!rc)
        rc = set_environment(&given, why);
    if (rc)
        return rc;

    at += skipped;
    if (at < argc && !strcmp(argv[at], "help") && !is_completion) {
        given.is_help = true;
        at++;
    }
    if (at < argc && !strcmp(argv[at], plugin))
        at++;

    char **words = calloc((size_t)argc + 4, sizeof *words);
    if (!words)
        return fail_memory(why);

    words[n++] = argv[0];
    if (is_completion)
        words[n++] = argv[1];
    if (given.is_help)
        words[n++] = help;
    if (given.is_debug && !is_completion)
        words[n++] = verbose;
    while (at < argc)
        words[n++] = argv[at++];

    *ret = (struct docker_cli){.argc = n, .argv = words};
    return RC_OK;
}

void
docker_cli_done(struct docker_cli *cli)
{
    free(cli->argv);
    *cli = (struct docker_cli){0};
}

/* A connection that says nothing, and ends when docker wants us to. */
static int
connect_docker(void)
{
    const char *name = getenv("DOCKER_CLI_PLUGIN_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!name || !*name || strlen(name) >= sizeof address.sun_path)
        return -1;

    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (*name == '@')
        address.sun_path[0] = 0; /* no file */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)))
        fd_close(&fd);
    return fd;
}

void
docker_cli_follow(void)
{
    int fd = connect_docker();
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    if (fd < 0)
        return;

    /* The kernel sends the signal, whatever we are doing then. It stays open until we end. */
    if (fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, SIGTERM) ||
        fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC))
        return;

    if (poll(&poll_fd, 1, 0) > 0) /* it ended before */
        raise(SIGTERM);
}
