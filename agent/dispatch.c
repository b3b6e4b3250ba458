/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dispatch.h"

/* shown is the first member of a key. */
static const struct key *
key_of(const struct keyring_key *shown)
{
    return (const struct key *)shown;
}

/* The first place from this number on that is ready; the number of places: none. */
static size_t
find_place(const struct key *key, size_t from)
{
    size_t n = key->shown.policy->n_at;

    while (from < n && !key_is_ready_at(key, from))
        from++;
    return from;
}

static enum rc
send_to(struct keyring_job *job, const struct key *key, size_t at, struct why *why)
{
    const struct place *place = pool_place(key->pools[at], key->places[at]);

    if (!(place->methods & 1u << job->method))
        return fail(why, RC_UNSUPPORTED, "key '%s' does not sign by '%s'", key->shown.policy->name,
            verify_method_name(job->method));

    job->at = at;
    job->place = key->places[at];
    job->message = place->with_message & 1u << job->method ? job->whole_message : (struct span){0};
    job->n_tries = 0;
    return pool_sign(key->pools[at], job, why);
}

/* The place where it was failed. The policy may be another one meanwhile, and the key gone. */
static bool
send_on(struct keyring_job *job, enum rc rc)
{
    const struct keyring_key *shown = keyring_find(job->keyring, &job->key);
    struct why why;

    if (!shown || (rc != RC_TOKEN && rc != RC_LOCKED && rc != RC_TIMEOUT))
        return false;

    const struct key *key = key_of(shown);
    for (size_t at = find_place(key, job->at + 1); at < shown->policy->n_at;
         at = find_place(key, at + 1))
        if (send_to(job, key, at, &why) == RC_OK)
            return true;

    return false;
}

enum rc
dispatch_order(struct keyring_job **ret, const struct keyring_order *order, struct why *why)
{
    const struct key *key = key_of(order->key);
    const char *name = order->key->policy->name;
    struct why reason;

    if (order->key->state != KEYRING_READY)
        return fail(why, order->key->state == KEYRING_LOCKED ? RC_LOCKED : RC_TOKEN, "key '%s': %s",
            name, order->key->detail);

    struct keyring_job *job = calloc(1, sizeof *job);
    if (!job)
        return fail_memory(why);

    job->keyring = key->keyring;
    job->key = *pubkey_canonical_id(order->key->pubkey);
    job->send_on = send_on;
    job->method = order->method;
    job->digest = *order->digest;
    job->whole_message = order->message;
    job->lane = order->lane;
    job->callback = order->callback;
    job->userdata = order->userdata;
    job->may_go = order->may_go;
    enum rc rc = send_to(job, key, key->at, &reason);
    if (rc && !send_on(job, rc)) {
        job_cancel(job);
        return rc == RC_UNSUPPORTED ? fail(why, rc, "%s", reason.text)
                                    : fail(why, rc, "key '%s': %s", name, reason.text);
    }

    *ret = job;
    return RC_OK;
}
