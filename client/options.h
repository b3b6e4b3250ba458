/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * options — the command line: one table of all options, which also writes --help.
 *
 * Options may stand before or after the verb. Which of them a verb takes is the verb's business
 * (command.h); one that it does not take is a usage error, never ignored.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/mem.h"

enum option_id {
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_SOCKET,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_JSON,
    OPTION_SERVER,
    OPTION_TRUST_DIR,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_NO_TOFU,
    OPTION_INSECURE,
    OPTION_ROLE,
    OPTION_KEY,
    OPTION_SKIP_UNAVAILABLE,
    OPTION_RENEW,
    OPTION_PATHS,
    OPTION_ALL_PATHS,
    OPTION_ROOT_KEY,
    OPTION_TARGETS_KEY,
    OPTION_SHA256,
    OPTION_SHA512,
    OPTION_PRETTY,
    OPTION_AS,
    OPTION_PUBLISH,
    OPTION_TOKEN,
    OPTION_NAME,
    OPTION_TYPE,
    OPTION_PASSPHRASE,
    OPTION_CERTIFICATE,
    OPTION_CN,
    OPTION_DAYS,
    OPTION_REQUEST,
    OPTION_CA,
    OPTION_PIN_FILE,
    OPTION_FORCE,
    OPTION_METRICS,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_USER,
    OPTION_REPOSITORY,
    OPTION_OUTCOME,
    OPTION_REASON,
    OPTION_LINES,
    OPTION_FOLLOW,
    OPTION_FILE,
    OPTION_HEAD,
    OPTION_JOURNAL,
    OPTION_ACCEPT_REPLAY,
    OPTION_NO_WAIT,
    OPTION_DIGEST,
    OPTION_FROM,
    OPTION_PLATFORM,
    OPTION_REFERRERS,
    OPTION_IMMUTABLE,
    OPTION_KEEP,
    OPTION_YES,
    OPTION_THRESHOLD,
    OPTION_SERVER_MANAGED,
    OPTION_REMOTE,
    OPTION_RETIRE,
    OPTION_OUT,
    OPTION_CHECK,
    OPTION_CUSTOM,
    OPTION_REQUIRE,
    OPTION_REQUIRE_ANY,
    OPTION_REQUIRE_CERT,
    OPTION_OUTPUT,
    OPTION_PINNING,
    OPTION_CONFIG,
    OPTION_ALL,
    OPTION_LOCAL,
    OPTION_DIR,
    OPTION_MAX_
};

/* A set of options. */
__extension__ typedef unsigned __int128 option_mask;
#define OPTION_BIT(id) ((option_mask)1 << (id))
_Static_assert(OPTION_MAX_ <= 8 * sizeof(option_mask), "a set has room for all options");

#define OPTIONS_ALWAYS                                                                             \
    (OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_SOCKET) |            \
        OPTION_BIT(OPTION_QUIET) | OPTION_BIT(OPTION_VERBOSE))
/* What verbs take that talk to a trust server. */
#define OPTIONS_TRUST                                                                              \
    (OPTION_BIT(OPTION_SERVER) | OPTION_BIT(OPTION_TRUST_DIR) | OPTION_BIT(OPTION_TLS_CA) |        \
        OPTION_BIT(OPTION_TLS_CERT) | OPTION_BIT(OPTION_TLS_KEY) | OPTION_BIT(OPTION_NO_TOFU) |    \
        OPTION_BIT(OPTION_INSECURE) | OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_PINNING))

#define OPTION_VALUES_MAX 256 /* of one option that may be given several times */

/* Everything points into argv. */
struct options {
    option_mask given;
    const char *values[OPTION_MAX_]; /* the last one given; NULL: none */
    const char *roles[OPTION_VALUES_MAX], *keys[OPTION_VALUES_MAX];
    const char *required[OPTION_VALUES_MAX], *required_any[OPTION_VALUES_MAX];
    const char *required_certs[OPTION_VALUES_MAX];
    const char *root_keys[OPTION_VALUES_MAX];
    size_t n_roles, n_keys, n_required, n_required_any, n_required_certs, n_root_keys;
    char **arguments; /* what is no option: the verb first */
    size_t n_arguments;
};

/* False: a usage error, which was written to stderr. Reorders argv and cuts the lists in it. */
must_check bool options_parse(struct options *ret, int argc, char **argv);
bool options_has(const struct options *options, enum option_id id);
/* "--role" */
const char *options_name(enum option_id id);
/* Write the lines of --help for those in mask to stdout. */
void options_help(option_mask mask);

/* For shells, of a line that is being typed. Of an option: "FILE", NULL where it takes no value;
 * "a|b", what a value may be or begin with, NULL where that is anything; its line of --help. */
const char *options_argument(enum option_id id);
const char *options_choices(enum option_id id);
const char *options_summary(enum option_id id);
/* False: word is no option that we have. *ret_value: the value in the word itself, NULL: none; of
 * several letters, the last one counts. */
bool options_read(enum option_id *ret, const char **ret_value, const char *word);
