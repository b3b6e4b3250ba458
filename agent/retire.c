/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/retire.h"

#include <inttypes.h>

#include "agent/act.h"
#include "agent/answer.h"
#include "agent/ledger_floor.h"
#include "agent/ledger_past.h"
#include "agent/succession.h"
#include "proto/bounds.h"
#include "proto/reference.h"

struct retire {
    struct agent *agent;
    struct act *act;
    struct reservation *reservation;
    char *repository;
    bool accept_replay;
    int64_t version;         /* to be superseded; 0: all of it is retired */
    struct ledger_mark mark; /* of the root */
};

static void
retire_free(struct retire *retire)
{
    if (!retire)
        return;

    reservation_free(retire->reservation);
    free(retire->repository);
    free(retire);
}
DEFINE_CLEANUP(struct retire, retire_free);

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct retire *retire = userdata;

    if (retire->version > 0)
        return ledger_supersede(ledger, retire->repository, retire->version, why);

    enum rc rc = succession_note_keys(ledger, retire->repository, why);
    return rc ? rc : ledger_retire(ledger, retire->repository, retire->accept_replay, why);
}

/* The name in the policy, which people know, or else the ID. */
static json_t *
format_key(const struct agent *agent, const struct keyid *id)
{
    const struct keyring_key *key = agent->keyring ? keyring_find(agent->keyring, id) : NULL;

    return json_string(key ? key->policy->name : id->hex);
}

static json_t *
format_refused(const struct retire *retire)
{
    json_t *ret = json_array();
    struct keyid key = {""};

    while (!ledger_next_retired(&key, retire->agent->ledger, retire->repository, NULL))
        answer_add(&ret, format_key(retire->agent, &key));
    return ret;
}

static void
on_done(void *userdata, enum rc rc, json_t **reply)
{
    closing(retire_freep) struct retire *retire = userdata;

    if (rc)
        return;

    retire->agent->n_retired++;
    epoch_change_repository(&retire->agent->epoch, retire->repository);
    if (retire->version == 0)
        answer_set(reply, "refused", format_refused(retire));
}

/* From here on the act owns what it is about. */
static void
finish(struct retire *retire, enum rc rc, const struct why *why)
{
    const struct act_deed deed = {.write = on_write,
        .done = on_done,
        .userdata = retire,
        .document = {.format = "notary",
            .repository = retire->repository,
            .role = "root",
            .version = retire->mark.version,
            .digest = retire->mark.digest}};
    struct act *act = retire->act;

    act_do(act, &deed);
    act_finish(act, rc, why, NULL);
}

/* Who hung up before anything was done wants it no more. */
static void
on_hang_up(void *userdata)
{
    struct why why;

    enum rc rc =
        fail(&why, RC_REFUSED, "a root of it was being signed, and the caller did not wait");
    finish(userdata, rc, &why);
}

/* What is published cannot be made undone: another one beside it would fork the repository. */
static enum rc
check_unpublished(const struct retire *retire, struct why *why)
{
    struct ledger_floor *floors = NULL;
    size_t n = 0;

    enum rc rc = ledger_floors(&floors, &n, retire->agent->ledger, retire->repository, why);
    for (size_t i = 0; !rc && i < n; i++)
        if (!strcmp(floors[i].role, "root") && floors[i].version >= retire->version)
            rc = fail(why, RC_REFUSED, "root version %" PRId64 " of '%s' is published",
                floors[i].version, retire->repository);

    ledger_floors_free(floors, n);
    return rc;
}

static enum rc
check(struct retire *retire, struct why *why)
{
    if (!act_is_allowed(retire->act))
        return fail(why, RC_DENIED, "the caller is no admin any more");

    enum rc rc = ledger_mark(&retire->mark, retire->agent->ledger, retire->repository, "root", why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    if (retire->mark.version == 0)
        return fail(why, RC_REFUSED,
            "no root of '%s' is known here, so its first one may be signed as it is",
            retire->repository);

    if (retire->version > 0 && retire->version != retire->mark.version)
        return fail(why, RC_REFUSED,
            "the newest root of '%s' that was released is version %" PRId64, retire->repository,
            retire->mark.version);

    return retire->version > 0 ? check_unpublished(retire, why) : RC_OK;
}

/* Nobody signs a root of it now, or will before this is recorded. */
static void
on_granted(void *userdata)
{
    struct why why;

    enum rc rc = check(userdata, &why);
    finish(userdata, rc, &why);
}

static void
begin(struct retire *retire)
{
    const struct reservation_name name = {retire->repository, "root"};
    const struct reservation_request request = {&name, 1, on_granted, retire};
    struct why why;

    act_on_hang_up(retire->act, on_hang_up, retire);
    enum rc rc = reservation_new(&retire->reservation, retire->agent->reservations, &request, &why);
    if (rc)
        finish(retire, rc, &why);
    else if (reservation_is_granted(retire->reservation))
        on_granted(retire);
}

static enum rc
name_repository(struct retire *retire, const char *repository, struct why *why)
{
    if (!repository_is_normal(repository))
        return fail(why, RC_MALFORMED, "'%.300s' is no repository in its normal form", repository);

    retire->repository = strdup(repository);
    return retire->repository ? RC_OK : fail_memory(why);
}

static void
start(struct agent *agent, struct conn *conn, const char *method, const char *repository,
    const struct retire *wish)
{
    closing(retire_freep) struct retire *retire = calloc(1, sizeof *retire);
    struct why why;

    enum rc rc = retire ? RC_OK : fail_memory(&why);
    if (!rc) {
        *retire = *wish;
        retire->agent = agent;
        rc = name_repository(retire, repository, &why);
    }
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    retire->act = act_begin_on(agent, conn, method, "repository", repository);
    if (!retire->act)
        return;

    if (wish->version > 0)
        act_note(retire->act, "root version %" PRId64, wish->version);
    else if (wish->accept_replay)
        act_note(retire->act, "old roots may come back");
    begin(steal(retire));
}

void
retire_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    const char *repository = NULL;
    struct retire wish = {0};
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "repository", &repository);
    members_bool_maybe(&m, "accept_replay", &wish.accept_replay);
    enum rc rc = members_close(&m, &why);
    if (rc)
        answer_error(conn, rc, &why);
    else
        start(agent, conn, "Retire", repository, &wish);
}

void
retire_supersede(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    const char *repository = NULL, *role = NULL;
    struct retire wish = {0};
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "repository", &repository);
    members_text(&m, "role", &role);
    members_int(&m, "version", 1, INTEGER_MAX, &wish.version);
    enum rc rc = members_close(&m, &why);
    if (!rc && strcmp(role, "root") != 0)
        rc = fail(&why, RC_UNSUPPORTED,
            "role '%.64s': only root goes up by one, others sign a higher version", role);
    if (rc)
        answer_error(conn, rc, &why);
    else
        start(agent, conn, "Supersede", repository, &wish);
}
