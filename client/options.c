/* SPDX-License-Identifier: Apache-2.0 */
#include "client/options.h"

#include <getopt.h>
#include <stdio.h>

static const struct {
    char letter; /* 0: none */
    const char *name;
    const char *argument; /* NULL: none */
    const char *help;
    const char *choices; /* "a|b": what a value is, or begins with; NULL: anything */
} table[OPTION_MAX_] = {
    [OPTION_HELP] = {'h', "--help", NULL, "show this and exit"},
    [OPTION_VERSION] = {0, "--version", NULL, "show the version and exit"},
    [OPTION_SOCKET] = {0, "--socket", "PATH", "the agent's socket"},
    [OPTION_QUIET] = {'q', "--quiet", NULL, "no notes"},
    [OPTION_VERBOSE] = {'v', "--verbose", NULL, "one line per request"},
    [OPTION_JSON] = {0, "--json", NULL, "machine-readable output"},
    [OPTION_SERVER] = {'s', "--server", "URL", "trust server (default: the registry's host)"},
    [OPTION_TRUST_DIR] = {'d', "--trust-dir", "DIR", "trust data (default: ~/.docker/trust)"},
    [OPTION_TLS_CA] = {0, "--tlscacert", "FILE", "certificate authority of the trust server"},
    [OPTION_TLS_CERT] = {0, "--tlscert", "FILE", "client certificate for the trust server"},
    [OPTION_TLS_KEY] = {0, "--tlskey", "FILE", "its private key"},
    [OPTION_NO_TOFU] = {0, "--no-tofu", NULL, "trust no root on first use"},
    [OPTION_INSECURE] = {0, "--insecure-trust-server", NULL,
        "allow plain HTTP to a trust server on loopback"},
    [OPTION_ROLE] = {'r', "--role", "ROLE", "this role only; may be given several times, or a,b"},
    [OPTION_KEY] = {0, "--key", "KEY", "PEM file or agent:NAME; may be given several times"},
    [OPTION_SKIP_UNAVAILABLE] = {0, "--skip-unavailable", NULL,
        "leave out keys whose token is away"},
    [OPTION_RENEW] = {0, "--renew", NULL, "sign again, with a new expiry"},
    [OPTION_PATHS] = {0, "--paths", "A,B", "prefixes of the tags that the role may sign"},
    [OPTION_ALL_PATHS] = {0, "--all-paths", NULL, "any tag (the default of a new role)"},
    [OPTION_ROOT_KEY] = {0, "--root-key", "KEY", "a key of role root; may be given several times"},
    [OPTION_TARGETS_KEY] = {0, "--targets-key", "agent:NAME", "the key of role targets"},
    [OPTION_SHA256] = {0, "--sha256", "HEX", "digest of the target"},
    [OPTION_SHA512] = {0, "--sha512", "HEX", "another digest of the target"},
    [OPTION_PRETTY] = {0, "--pretty", NULL, "tables for people"},
    [OPTION_AS] = {0, "--as", "USER", "for somebody else (admins only)"},
    [OPTION_TOKEN] = {0, "--token", "TOKEN", "a token of the policy"},
    [OPTION_NAME] = {0, "--name", "NAME", "the key's name in the policy, and its label"},
    [OPTION_TYPE] = {0, "--type", "TYPE",
        "ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096 or ed25519",
        "ec-p256|ec-p384|ec-p521|rsa-2048|rsa-3072|rsa-4096|ed25519"},
    [OPTION_PASSPHRASE] = {0, "--passphrase", "SOURCE",
        "file:PATH or credential:NAME (default: the terminal)", "file:|credential:"},
    [OPTION_CERTIFICATE] = {0, "--certificate", "CN",
        "also a certificate of that common name, in NAME.pem"},
    [OPTION_CN] = {0, "--cn", "NAME", "the certificate's common name (default: the key's name)"},
    [OPTION_DAYS] = {0, "--days", "DAYS", "for how long it is valid (default: 1095)"},
    [OPTION_REQUEST] = {0, "--request", NULL, "a request for an authority instead (PKCS #10)"},
    [OPTION_CA] = {0, "--ca", "FILE", "certificates of the maker of the token"},
    [OPTION_PUBLISH] = {'p', "--publish", NULL, "for old scripts: nothing is ever staged"},
    [OPTION_PIN_FILE] = {0, "--pin-file", "FILE", "read the PIN from it; -: from standard input"},
    [OPTION_FORCE] = {0, "--force", NULL,
        "unlock a token that has one try left; else for old scripts"},
    [OPTION_NO_WAIT] = {0, "--no-wait", NULL, "where others must agree first, come back later"},
    [OPTION_DIGEST] = {0, "--digest", "HEX8", "the first 8 digits of the request's digest"},
    [OPTION_METRICS] = {0, "--metrics", NULL, "as text for Prometheus (admins only)"},
    [OPTION_SINCE] = {0, "--since", "TIME", "'2 h ago', a day, or a time as in RFC 3339"},
    [OPTION_UNTIL] = {0, "--until", "TIME", "the last moment, likewise"},
    [OPTION_USER] = {0, "--user", "USER", "requests of that user (of others: admins only)"},
    [OPTION_REPOSITORY] = {0, "--repository", "GUN", "what is about that repository"},
    [OPTION_OUTCOME] = {0, "--outcome", "OUTCOME",
        "released, done, parked, refused, failed or cancelled",
        "released|done|parked|refused|failed|cancelled"},
    [OPTION_REASON] = {0, "--reason", "REASON",
        "what was refused for that one; of deny: why, for who asked"},
    [OPTION_LINES] = {'n', "--lines", "NUMBER",
        "only so many, the newest (of reset: nothing is ever staged)"},
    [OPTION_FOLLOW] = {'f', "--follow", NULL, "go on with new records as they are made"},
    [OPTION_FILE] = {0, "--file", "FILE", "an export instead of the agent; -: standard input"},
    [OPTION_HEAD] = {0, "--head", "SEQ:HASH", "a record that is known to have that hash"},
    [OPTION_JOURNAL] = {0, "--journal", "PATH", "a directory of journal files, or one file"},
    [OPTION_ACCEPT_REPLAY] = {0, "--accept-replay", NULL,
        "let root keys sign again whose old roots can come back"},
    [OPTION_FROM] = {0, "--from", "SOURCE",
        "daemon, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or registry:IMAGE",
        "daemon|oci:|oci-archive:|docker-archive:|registry:"},
    [OPTION_PLATFORM] = {0, "--platform", "OS/ARCH", "this one of an index only"},
    [OPTION_REFERRERS] = {0, "--referrers", NULL, "also artifacts that refer to the image"},
    [OPTION_IMMUTABLE] = {0, "--immutable", NULL, "move no tag that exists"},
    [OPTION_KEEP] = {0, "--keep", "all|none|TAG,...", "tags of the signer that stay released",
        "all|none"},
    [OPTION_YES] = {'y', "--yes", NULL, "do not ask"},
    [OPTION_THRESHOLD] = {0, "--threshold", "N", "how many keys must sign (default: 1)"},
    [OPTION_SERVER_MANAGED] = {0, "--server-managed", NULL, "let the trust server keep the key"},
    [OPTION_REMOTE] = {0, "--remote", NULL, "on the trust server, too"},
    [OPTION_RETIRE] = {0, "--retire", NULL,
        "let the repository begin again, as 'retire' does (admins only)"},
    [OPTION_OUT] = {0, "--out", "FILE",
        "publish nothing: write what was signed, for others to sign as well"},
    [OPTION_CHECK] = {0, "--check", "FILE",
        "fail unless that file is the target; -: standard input"},
    [OPTION_CUSTOM] = {0, "--custom", "FILE", "JSON to be signed with the target"},
    [OPTION_REQUIRE] = {0, "--require", "ROLE", "signed by that role; may be given several times"},
    [OPTION_REQUIRE_ANY] = {0, "--require-any", "ROLE,...",
        "signed by one of these roles at least"},
    [OPTION_REQUIRE_CERT] = {0, "--require-cert", "FILE",
        "signed with the key of that certificate; may be given several times"},
    [OPTION_OUTPUT] = {0, "--output", "FORMAT", "admission-patch: for a webhook of Kubernetes",
        "admission-patch"},
    [OPTION_PINNING] = {0, "--pinning", "FILE", "which roots to trust, see countersign-verify(1)"},
    [OPTION_CONFIG] = {'c', "--config", "PATH", "for old scripts: is not read"},
    [OPTION_ALL] = {0, "--all", NULL, "for old scripts: nothing is ever staged"},
    [OPTION_LOCAL] = {0, "--local", NULL, "push it from the engine first"},
    [OPTION_DIR] = {0, "--dir", "DIR", "where its public key goes (default: here)"},
};

/* Spellings of docker trust and notary that scripts use. */
static const struct {
    char letter; /* 0: none */
    const char *name;
    enum option_id id;
} aliases[] = {
    {0, "trustDir", OPTION_TRUST_DIR},
    {0, "roles", OPTION_ROLE},
    {0, "configFile", OPTION_CONFIG},
    {0, "number", OPTION_LINES},
    {'D', "debug", OPTION_VERBOSE},
};

#define FIRST_LONG 256
#define WORD       1 /* what getopt says of what is no option */

static bool
add_value(const char **values, size_t *n, const char *value, enum option_id id)
{
    if (*n == OPTION_VALUES_MAX) {
        fprintf(stderr, "countersign: %s is given more than %d times\n", table[id].name,
            OPTION_VALUES_MAX);
        return false;
    }

    values[(*n)++] = value;
    return true;
}

/* notary takes "-r a,b" too; no role has a comma in its name. */
static bool
add_list(const char **values, size_t *n, char *value, enum option_id id)
{
    while (value) {
        char *comma = strchr(value, ',');
        if (comma)
            *comma++ = 0;
        if (!add_value(values, n, value, id))
            return false;
        value = comma;
    }
    return true;
}

static bool
take(struct options *options, enum option_id id, char *value)
{
    options->given |= OPTION_BIT(id);
    options->values[id] = value;
    if (id == OPTION_KEY)
        return add_value(options->keys, &options->n_keys, value, id);
    if (id == OPTION_ROOT_KEY)
        return add_value(options->root_keys, &options->n_root_keys, value, id);
    if (id == OPTION_REQUIRE_ANY)
        return add_value(options->required_any, &options->n_required_any, value, id);
    if (id == OPTION_REQUIRE_CERT)
        return add_value(options->required_certs, &options->n_required_certs, value, id);
    if (id == OPTION_REQUIRE)
        return add_list(options->required, &options->n_required, value, id);

    return id != OPTION_ROLE || add_list(options->roles, &options->n_roles, value, id);
}

static void
describe(struct option longs[OPTION_MAX_ + N_ELEMENTS(aliases) + 1], char *letters, size_t size)
{
    size_t n = 0, at = 0;

    letters[at++] = '-'; /* getopt: words that are no options, too, in their order */
    for (int id = 0; id < OPTION_MAX_; id++) {
        int kind = table[id].argument ? required_argument : no_argument;
        longs[n++] = (struct option){table[id].name + 2, kind, NULL, FIRST_LONG + id};
        if (table[id].letter && at + 2 < size) {
            letters[at++] = table[id].letter;
            if (table[id].argument)
                letters[at++] = ':';
        }
    }
    for (size_t i = 0; i < N_ELEMENTS(aliases); i++) {
        enum option_id id = aliases[i].id;
        int kind = table[id].argument ? required_argument : no_argument;
        longs[n++] = (struct option){aliases[i].name, kind, NULL, FIRST_LONG + (int)id};
        if (aliases[i].letter && !table[id].argument && at + 1 < size)
            letters[at++] = aliases[i].letter;
    }
    longs[n] = (struct option){0};
    letters[at] = 0;
}

/* Which verb stands before what is read now. */
static bool
is_after(const struct options *options, const char *first, const char *second)
{
    return options->n_arguments >= 2 && !strcmp(options->arguments[0], first) &&
           !strcmp(options->arguments[1], second);
}

/* After 'key rotate', -r is notary's: --server-managed, without an argument. */
static bool
is_rotation(const struct options *options)
{
    return is_after(options, "key", "rotate");
}

static int
of_letter(const struct options *options, int letter)
{
    if (letter == 'r' && is_rotation(options))
        return OPTION_SERVER_MANAGED;
    if (letter == 'f' && is_after(options, "signer", "remove")) /* docker's */
        return OPTION_FORCE;

    for (size_t i = 0; i < N_ELEMENTS(aliases); i++)
        if (aliases[i].letter == letter)
            return (int)aliases[i].id;

    int id = 0;
    while (id < OPTION_MAX_ && table[id].letter != letter)
        id++;
    return id;
}

bool
options_parse(struct options *ret, int argc, char **argv)
{
    struct option longs[OPTION_MAX_ + N_ELEMENTS(aliases) + 1];
    char letters[2 * OPTION_MAX_ + N_ELEMENTS(aliases) + 2];
    struct options options = {.arguments = argv + 1};

    describe(longs, letters, sizeof letters);
    for (int c; (c = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        int id = c < FIRST_LONG ? of_letter(&options, c) : c - FIRST_LONG;
        if (c == WORD)
            options.arguments[options.n_arguments++] = optarg;
        else if (c == '?' || !take(&options, (enum option_id)id, optarg))
            return false;

        char *of_role = strstr(letters, "r:");
        if (of_role && is_rotation(&options))
            memmove(of_role + 1, of_role + 2, strlen(of_role + 2) + 1);
    }

    while (optind < argc)
        options.arguments[options.n_arguments++] = argv[optind++];
    *ret = options;
    return true;
}

bool
options_has(const struct options *options, enum option_id id)
{
    return (options->given & OPTION_BIT(id)) != 0;
}

const char *
options_name(enum option_id id)
{
    return table[id].name;
}

void
options_help(option_mask mask)
{
    for (int id = 0; id < OPTION_MAX_; id++) {
        char left[48], letter[5] = "    ";

        if (!(mask & OPTION_BIT(id)))
            continue;

        if (table[id].letter)
            snprintf(letter, sizeof letter, "-%c, ", table[id].letter);
        snprintf(left, sizeof left, "%s%s%s%s", letter, table[id].name,
            table[id].argument ? " " : "", table[id].argument ? table[id].argument : "");
        printf("  %-32s %s\n", left, table[id].help);
    }
}

const char *
options_argument(enum option_id id)
{
    return table[id].argument;
}

const char *
options_choices(enum option_id id)
{
    return table[id].choices;
}

const char *
options_summary(enum option_id id)
{
    return table[id].help;
}

static bool
find_long(enum option_id *ret, const char *name, size_t len)
{
    for (int id = 0; id < OPTION_MAX_; id++)
        if (strlen(table[id].name + 2) == len && !strncmp(table[id].name + 2, name, len)) {
            *ret = (enum option_id)id;
            return true;
        }
    for (size_t i = 0; i < N_ELEMENTS(aliases); i++)
        if (strlen(aliases[i].name) == len && !strncmp(aliases[i].name, name, len)) {
            *ret = aliases[i].id;
            return true;
        }

    return false;
}

static bool
find_letter(enum option_id *ret, char letter)
{
    for (int id = 0; id < OPTION_MAX_; id++)
        if (table[id].letter == letter) {
            *ret = (enum option_id)id;
            return true;
        }
    for (size_t i = 0; i < N_ELEMENTS(aliases); i++)
        if (aliases[i].letter == letter) {
            *ret = aliases[i].id;
            return true;
        }

    return false;
}

bool
options_read(enum option_id *ret, const char **ret_value, const char *word)
{
    *ret_value = NULL;
    if (word[0] != '-' || !word[1])
        return false;

    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        if (word[2 + len])
            *ret_value = word + 2 + len + 1;
        return find_long(ret, word + 2, len);
    }

    /* Letters may stand together; the first one that takes a value takes the rest. */
    for (const char *letter = word + 1; *letter; letter++) {
        if (!find_letter(ret, *letter))
            return false;
        if (table[*ret].argument) {
            *ret_value = letter[1] ? letter + 1 : NULL;
            return true;
        }
    }
    return true;
}
