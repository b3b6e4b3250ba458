/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "client/relapse.h"
#include "client/root_expiry.h"
#include "client/skipped.h"
#include "client/vouching.h"
#include "proto/bounds.h"
#include "proto/reference.h"

#define REPOSITORIES_MAX 10000 /* of one command line */

struct server {
    char *host;
    struct repo_server *server;
};

struct registry_of {
    char *host;
    struct registry *registry;
};

struct session {
    const struct options *options;
    int64_t now;
    FILE *results;
    struct progress progress;
    const char *told_of; /* the repository that notes name; NULL: none */
    struct trust_options trust_options;
    struct agent_call *agent;
    struct signer *signer;
    struct pinning *pinning;
    bool is_pinning_known;
    struct server *servers;
    size_t n_servers;
    struct registry_of *registries;
    size_t n_registries;
    struct repository **repositories;
    size_t n_repositories;
};

static void
put_note(void *data, const char *text)
{
    const struct session *session = data;

    if (options_has(session->options, OPTION_QUIET))
        return;

    if (session->told_of && !strstr(text, session->told_of))
        fprintf(stderr, "countersign: %s: %s\n", session->told_of, text);
    else
        fprintf(stderr, "countersign: %s\n", text);
}

enum rc
session_new(struct session **ret, const struct options *options, struct why *why)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return fail_memory(why);

    session->options = options;
    session->now = time(NULL);
    session->results = stdout;
    session->progress = (struct progress){put_note, session};
    session->trust_options = (struct trust_options){
        .dir = options->values[OPTION_TRUST_DIR],
        .now = session->now,
        .is_first_use_refused = options_has(options, OPTION_NO_TOFU),
        .progress = &session->progress,
    };
    *ret = session;
    return RC_OK;
}

static void
repository_free(struct repository *repository)
{
    if (!repository)
        return;

    trust_free(repository->trust);
    root_pin_done(&repository->pin);
    repo_free(repository->repo);
    free(repository->host);
    free(repository->name);
    free(repository);
}

DEFINE_CLEANUP(struct repository, repository_free);

void
session_free(struct session *session)
{
    if (!session)
        return;

    for (size_t i = 0; i < session->n_repositories; i++)
        repository_free(session->repositories[i]);
    free(session->repositories);
    for (size_t i = 0; i < session->n_servers; i++) {
        repo_server_free(session->servers[i].server);
        free(session->servers[i].host);
    }
    free(session->servers);
    for (size_t i = 0; i < session->n_registries; i++) {
        registry_free(session->registries[i].registry);
        free(session->registries[i].host);
    }
    free(session->registries);
    pinning_free(session->pinning);
    signer_free(session->signer);
    agent_call_free(session->agent);
    free(session);
}

const struct options *
session_options(const struct session *session)
{
    return session->options;
}

FILE *
session_results(const struct session *session)
{
    return session->results;
}

void
session_set_results_aside(struct session *session)
{
    session->results = stderr;
}

void
session_refuse_first_use(struct session *session)
{
    session->trust_options.is_first_use_refused = true;
}

int64_t
session_now(const struct session *session)
{
    return session->now;
}

bool
session_waits_for_votes(const struct session *session)
{
    return !options_has(session->options, OPTION_NO_WAIT) &&
           !options_has(session->options, OPTION_QUIET) && isatty(STDIN_FILENO) &&
           isatty(STDERR_FILENO);
}

const struct progress *
session_progress(const struct session *session)
{
    return &session->progress;
}

enum rc
session_agent(struct agent_call **ret, struct session *session, struct why *why)
{
    if (!session->agent) {
        enum rc rc = agent_call_new(&session->agent, session->options->values[OPTION_SOCKET], why);
        if (rc)
            return rc;

        /* Logs of pipelines need not say that somebody else was served first. */
        if (isatty(STDERR_FILENO) || options_has(session->options, OPTION_VERBOSE))
            agent_call_tell(session->agent, &session->progress);
    }

    *ret = session->agent;
    return RC_OK;
}

enum rc
session_signer(struct signer **ret, struct session *session, struct why *why)
{
    struct agent_call *agent = NULL;

    if (!session->signer) {
        enum rc rc = session_agent(&agent, session, why);
        if (!rc)
            rc = signer_new(&session->signer, agent, why);
        if (rc)
            return rc;
    }

    *ret = session->signer;
    return RC_OK;
}

enum rc
session_pinning(const struct pinning **ret, struct session *session, struct why *why)
{
    if (!session->is_pinning_known) {
        enum rc rc = pinning_find(&session->pinning, session->options->values[OPTION_PINNING], why);
        if (rc)
            return rc;
    }

    session->is_pinning_known = true;
    *ret = session->pinning;
    return RC_OK;
}

void
session_tell_of(struct session *session, const struct repository *repository)
{
    session->told_of = repository->name;
}

/* Repositories of one host share the server, and so its connections. */
static enum rc
find_server(struct repo_server **ret, struct session *session, const char *host, struct why *why)
{
    const struct options *options = session->options;
    struct repo_server_options server_options = {
        .url = options->values[OPTION_SERVER],
        .ca_file = options->values[OPTION_TLS_CA],
        .cert_file = options->values[OPTION_TLS_CERT],
        .key_file = options->values[OPTION_TLS_KEY],
        .is_plain_allowed = options_has(options, OPTION_INSECURE),
        .is_verbose = options_has(options, OPTION_VERBOSE),
    };

    for (size_t i = 0; i < session->n_servers; i++)
        if (!strcmp(session->servers[i].host, host)) {
            *ret = session->servers[i].server;
            return RC_OK;
        }

    closing(freep) char *copy = strdup(host);
    closing(repo_server_freep) struct repo_server *server = NULL;
    if (!copy)
        return fail_memory(why);

    enum rc rc = repo_server_new(&server, &server_options, host, why);
    if (rc)
        return rc;

    struct server *entry =
        mem_grow(&session->servers, session->n_servers, sizeof *entry, REPOSITORIES_MAX);
    if (!entry)
        return fail_memory(why);

    *ret = server;
    *entry = (struct server){steal(copy), steal(server)};
    session->n_servers++;
    return RC_OK;
}

static enum rc
open_repository(struct repository **ret, struct session *session, const char *name, struct why *why)
{
    closing(repository_freep) struct repository *repository = calloc(1, sizeof *repository);
    struct repo_server *server = NULL;
    if (!repository)
        return fail_memory(why);

    repository->name = strdup(name);
    repository->host = strndup(name, strcspn(name, "/"));
    if (!repository->name || !repository->host)
        return fail_memory(why);

    enum rc rc = find_server(&server, session, repository->host, why);
    if (!rc)
        rc = repo_new(&repository->repo, server, repository->name, why);
    if (!rc)
        rc = trust_new(
            &repository->trust, repository->repo, repository->name, &session->trust_options, why);
    if (rc)
        return rc;

    *ret = steal(repository);
    return RC_OK;
}

enum rc
session_repository(
    struct repository **ret, struct session *session, const char *name, struct why *why)
{
    closing(freep) char *normal = NULL;
    closing(repository_freep) struct repository *repository = NULL;

    enum rc rc = repository_normalise(&normal, name, why);
    if (rc)
        return within(why, rc, "'%s'", name);

    for (size_t i = 0; i < session->n_repositories; i++)
        if (!strcmp(session->repositories[i]->name, normal)) {
            *ret = session->repositories[i];
            return RC_OK;
        }

    rc = open_repository(&repository, session, normal, why);
    if (rc)
        return rc;

    struct repository **entry =
        mem_grow(&session->repositories, session->n_repositories, sizeof *entry, REPOSITORIES_MAX);
    if (!entry)
        return fail_memory(why);

    *ret = repository;
    *entry = steal(repository);
    session->n_repositories++;
    return RC_OK;
}

static enum rc
update(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = trust_update(repository->trust, why);
    if (rc)
        return rc;

    const struct tuf_root *root = trust_root(repository->trust);
    if (trust_is_first_use(repository->trust) && root->roles[RANK_ROOT].n_keyids > 0)
        progress_note(&session->progress,
            "'%s' is seen for the first time: trusting its root certificate %.16s from now on",
            repository->name, root->roles[RANK_ROOT].keyids[0].hex);
    return RC_OK;
}

/* Who may publish has a server list what it lists no more. */
static bool
is_mended(const struct session *session, const struct repository *repository)
{
    return trust_cause(repository->trust) == TRUST_CAUSE_ROLLBACK &&
           relapse_is_all(repository->trust) &&
           !relapse_mend(repository->repo, &session->progress, NULL);
}

enum rc
session_update(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = vouching_ask(session, repository, why);

    trust_allow_expired(repository->trust);
    if (!rc)
        rc = update(session, repository, why);
    return rc == RC_UNTRUSTED && is_mended(session, repository) ? update(session, repository, why)
                                                                : rc;
}

enum rc
session_update_existing(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = session_update(session, repository, why);
    if (!rc)
        root_expiry_note(repository->trust, session->now, &session->progress);

    return rc == RC_NOT_FOUND ? fail(why, rc, "%s; 'countersign init' makes it", why->text) : rc;
}

enum rc
session_look(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = vouching_ask_to_read(session, repository, why);

    trust_allow_expired(repository->trust);
    return rc ? rc : update(session, repository, why);
}

enum rc
session_read(struct session *session, struct repository *repository, struct why *why)
{
    enum rc rc = vouching_ask_to_read(session, repository, why);
    if (!rc)
        rc = update(session, repository, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_UNTRUSTED, "'%s' is not signed: %s has no such repository",
            repository->name, repo_url(repository->repo));
    if (rc)
        return rc;

    skipped_note(repository->trust, &session->progress);
    return RC_OK;
}

enum rc
session_registry(struct registry **ret, struct session *session, const char *host, struct why *why)
{
    for (size_t i = 0; i < session->n_registries; i++)
        if (!strcmp(session->registries[i].host, host)) {
            *ret = session->registries[i].registry;
            return RC_OK;
        }

    closing(freep) char *copy = strdup(host);
    closing(registry_freep) struct registry *registry = NULL;
    if (!copy)
        return fail_memory(why);

    enum rc rc = registry_new(&registry, host, options_has(session->options, OPTION_VERBOSE), why);
    if (rc)
        return rc;

    struct registry_of *entry =
        mem_grow(&session->registries, session->n_registries, sizeof *entry, REPOSITORIES_MAX);
    if (!entry)
        return fail_memory(why);

    *ret = registry;
    *entry = (struct registry_of){steal(copy), steal(registry)};
    session->n_registries++;
    return RC_OK;
}

enum rc
session_disconnect(struct session *session, struct why *why)
{
    enum rc rc = RC_OK;

    if (session->agent)
        agent_call_disconnect(session->agent);
    for (size_t i = 0; !rc && i < session->n_servers; i++)
        rc = repo_server_disconnect(session->servers[i].server, why);
    for (size_t i = 0; !rc && i < session->n_registries; i++)
        rc = registry_disconnect(session->registries[i].registry, why);
    return rc;
}
