/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/judgment.h"

#include "agent/ledger_past.h"
#include "agent/succession.h"
#include "proto/bounds.h"

/* Two versions of one role in one request would be judged against the same mark. */
static enum rc
check_no_role_twice(const struct judgment *j, int *ret_document, struct why *why)
{
    for (size_t i = 0; i < j->n_subjects; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(j->subjects[i]->role, j->subjects[k]->role) &&
                !strcmp(j->subjects[i]->repository, j->subjects[k]->repository)) {
                *ret_document = (int)i;
                return fail(why, RC_MALFORMED, "role '%s' of '%s' is named twice",
                    j->subjects[i]->role, j->subjects[i]->repository);
            }

    return RC_OK;
}

static enum rc
scan(struct judgment *j, int *ret_document, struct why *why)
{
    int64_t now = agent_now_us() / 1000000;

    j->subjects = calloc(j->request.n_documents, sizeof *j->subjects);
    if (!j->subjects)
        return fail_memory(why);

    for (size_t i = 0; i < j->request.n_documents; i++) {
        enum rc rc = subject_new(&j->subjects[i], &j->request.documents[i], now, why);
        if (rc) {
            *ret_document = (int)i;
            return rc;
        }
        j->n_subjects++;
    }

    return check_no_role_twice(j, ret_document, why);
}

enum rc
judgment_new(struct judgment **ret, const json_t *parameters, bool is_explain, int *ret_document,
    struct why *why)
{
    closing(judgment_freep) struct judgment *j = calloc(1, sizeof *j);
    if (!j)
        return fail_memory(why);

    *ret_document = -1;
    enum rc rc = message_sign_parse(&j->request, parameters, is_explain, why);
    if (!rc)
        rc = bases_check(&j->request, why);
    if (rc)
        return rc;

    rc = scan(j, ret_document, why);
    if (rc)
        return rc;

    *ret = steal(j);
    return RC_OK;
}

enum rc
judgment_new_certificate(struct judgment **ret, const char *repository, const struct keyid *key,
    int64_t expires_at, struct why *why)
{
    closing(judgment_freep) struct judgment *j = calloc(1, sizeof *j);
    if (!j)
        return fail_memory(why);

    j->subjects = calloc(1, sizeof *j->subjects);
    if (!j->subjects)
        return fail_memory(why);

    enum rc rc = subject_new_certificate(&j->subjects[0], repository, key, expires_at, why);
    if (rc)
        return rc;

    j->n_subjects = 1;
    *ret = steal(j);
    return RC_OK;
}

static void
forget(struct judgment *j)
{
    quota_give_back(steal(j->hold)); /* it borrows from the policy */
    decision_free(steal(j->decision));
    policy_unref(steal(j->policy));
    free(steal(j->keys));
    free(steal(j->details));
    known_free(steal(j->known));
    votes_done(&j->votes);
    j->n_keys = 0;
}

void
judgment_free(struct judgment *j)
{
    if (!j)
        return;

    forget(j);
    for (size_t i = 0; i < j->n_subjects; i++)
        subject_free(j->subjects[i]);
    free(j->subjects);
    message_sign_done(&j->request);
    free(j);
}

static void
view_key(struct decide_key *ret, struct judgment_detail *detail, const struct keyring_key *key)
{
    /* Most keys are well, and there may be hundreds of them in each request. */
    if (key->detail[0])
        snprintf(detail->text, sizeof detail->text, "%s", key->detail);
    *ret = (struct decide_key){
        .policy = key->policy,
        .token = key->token ? key->token->name : key->policy->at[0].token->name,
        .detail = detail->text,
    };
    if (key->pubkey)
        ret->id = *pubkey_canonical_id(key->pubkey);
    if (key->state == KEYRING_CHANGED) {
        ret->state = REASON_KEY_CHANGED;
    } else if (key->state != KEYRING_READY) {
        ret->state = REASON_TOKEN;
        ret->rc = key->state == KEYRING_LOCKED ? RC_LOCKED : RC_TOKEN;
    }
}

static enum rc
gather_keys(struct judgment *j, const struct keyring *keyring, struct why *why)
{
    size_t n = keyring_n_keys(keyring);

    j->keys = calloc(n > 0 ? n : 1, sizeof *j->keys);
    j->details = calloc(n > 0 ? n : 1, sizeof *j->details);
    if (!j->keys || !j->details)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++)
        view_key(&j->keys[i], &j->details[i], keyring_key(keyring, i));
    j->n_keys = n;
    return RC_OK;
}

enum rc
judgment_decide(struct judgment *j, struct agent *agent, const struct peer *peer, struct why *why)
{
    closing(quota_uses_done) struct quota_uses uses = {0};
    int64_t now_us = agent_now_us(), now = now_us / 1000000;

    forget(j);
    j->policy = policy_ref(agent->policy);
    enum rc rc = gather_keys(j, agent->keyring, why);
    if (!rc) {
        struct known_request question = {
            {&j->request, agent->ledger, j->policy, agent->seen, now}, j->subjects, j->n_subjects};
        rc = known_new(&j->known, &question, why);
    }
    if (!rc)
        rc = quota_uses_of(&uses, agent->quota, j->policy, peer, now, why);
    if (!rc && policy_wants_approvals(j->policy)) {
        struct votes_request question = {
            peer->uid, j->subjects, j->known->changes, j->n_subjects, now};
        rc = votes_new(&j->votes, agent->ledger, &question, why);
    }
    if (rc)
        return rc;

    struct decide_request request = {
        .policy = j->policy,
        .peer = peer,
        .keys = j->keys,
        .n_keys = j->n_keys,
        .subjects = j->subjects,
        .known = j->known->facts,
        .n_subjects = j->n_subjects,
        .used = uses.n,
        .free_at = uses.free_at,
        .now = now,
        .votes = (const struct peer *const *)j->votes.peers,
        .n_votes = j->votes.n_peers,
        .denial = j->votes.denial[0] ? j->votes.denial : NULL,
        .is_partial = j->request.partial,
    };
    rc = decide(&j->decision, &request, why);
    j->decided_us = now_us;
    j->n_retired = agent->n_retired;
    j->epoch = epoch_of(&agent->epoch, j, peer);
    if (rc || j->decision->rc)
        return rc;

    for (size_t i = 0; i < j->known->n_chains; i++)
        published_hold(&j->known->chains[i], &j->request.bases[i], agent->seen);
    return quota_hold(&j->hold, agent->quota, j->policy, j->decision, peer->uid, why);
}

/* So that who hardly waits is not decided twice; a document does not expire to the second. */
#define DECISION_MAX_AGE_US 1000000

bool
judgment_holds(const struct judgment *j, const struct agent *agent, const struct peer *peer)
{
    int64_t age_us = agent_now_us() - j->decided_us;

    return age_us >= 0 && age_us <= DECISION_MAX_AGE_US && /* the clock may be set back */
           j->epoch == epoch_of(&agent->epoch, j, peer);
}

/* The lists of a record, which borrow from the judgment. */
struct lists {
    struct audit_document documents[DOCUMENTS_MAX];
    const char **keys, **grants;
    size_t n_keys, n_grants;
};

static void
lists_done(struct lists *lists)
{
    free(lists->keys);
    free(lists->grants);
}

static void
add_name(const char **names, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(names[i], name))
            return;

    names[(*n)++] = name;
}

/* Keys and grants by which it was, or would have been, signed. */
static void
list_choices(struct lists *lists, const struct decide_verdict *verdict)
{
    if (verdict->failed && verdict->grant)
        add_name(lists->grants, &lists->n_grants, verdict->grant->name);

    for (size_t i = 0; i < verdict->n_choices; i++) {
        const struct decide_choice *choice = &verdict->choices[i];
        if (!choice->key || !choice->grant || choice->left_out != REASON_NONE)
            continue;

        add_name(lists->keys, &lists->n_keys, choice->key->id.hex);
        add_name(lists->grants, &lists->n_grants, choice->grant->name);
    }
}

static enum rc
make_lists(struct lists *lists, const struct judgment *j, struct why *why)
{
    size_t n = j->n_subjects;

    for (size_t i = 0; i < j->n_subjects; i++) {
        const struct subject *subject = j->subjects[i];
        lists->documents[i] =
            (struct audit_document){subject->format, subject->repository, subject->role,
                subject->version, subject->digest, j->known ? j->known->changes[i].list : NULL};
        n += subject->n_keys;
    }

    lists->keys = calloc(n, sizeof *lists->keys);
    lists->grants = calloc(n, sizeof *lists->grants);
    if (!lists->keys || !lists->grants)
        return fail_memory(why);

    for (size_t i = 0; j->decision && i < j->n_subjects; i++)
        list_choices(lists, &j->decision->verdicts[i]);
    return RC_OK;
}

enum rc
judgment_record(
    int64_t *ret, const struct judgment *j, const struct judgment_end *end, struct why *why)
{
    closing(lists_done) struct lists lists = {0};
    char detail[2 * DECIDE_TEXT_BYTES + 16];

    enum rc rc = make_lists(&lists, j, why);
    if (rc)
        return rc;

    struct audit_request request = {
        .at_us = agent_now_us(),
        .method = end->method,
        .policy = j->policy ? &j->policy->digest : NULL,
        .peer = end->peer,
        .documents = lists.documents,
        .n_documents = j->n_subjects,
        .keys = lists.keys,
        .n_keys = lists.n_keys,
        .grants = lists.grants,
        .n_grants = lists.n_grants,
        .detail = end->failure,
        .outcome = end->outcome,
    };
    if (end->outcome == AUDIT_REFUSED || end->outcome == AUDIT_PARKED) {
        const struct decide_check *failed = j->decision->verdicts[j->decision->refused].failed;
        snprintf(detail, sizeof detail, "want %s; have %s", failed->want, failed->have);
        request.reason = failed->reason;
        request.detail = detail;
    }
    rc = audit_put(end->agent->audit, &request, ret, why);
    for (size_t i = 0; !rc && end->outcome == AUDIT_RELEASED && i < lists.n_keys; i++)
        rc = ledger_put_key_use(end->agent->ledger, lists.keys[i], request.at_us, why);
    return rc;
}

/* The mark was raised to a version that one of our keys signed. */
static enum rc
put_foreign(const struct judgment *j, const struct base_role *role, const struct judgment_end *end,
    struct audit_foreign *foreign, struct why *why)
{
    closing(freep) const char **keys = calloc(role->n_signers + 1, sizeof *keys);
    const char *name = NULL;

    if (!keys)
        return fail_memory(why);

    for (size_t i = 0; i < j->n_keys; i++)
        for (size_t k = 0; k < role->n_signers; k++)
            if (keyid_eq(&j->keys[i].id, &role->signers[k])) {
                name = j->keys[i].policy->name;
                keys[foreign->n_keys++] = role->signers[k].hex;
            }

    if (!name)
        return RC_OK;

    foreign->keys = keys;
    agent_warn_foreign(foreign, name);
    return audit_put_foreign(end->agent->audit, foreign, agent_now_us(), why);
}

/* Whether what others publish of a role binds this agent: not where a server signs it. */
static bool
leaves_mark(const struct judgment *j, const struct base_role *role)
{
    enum rank rank = role_rank(span_of(role->name));

    for (size_t i = 0; i < j->n_keys && rank == RANK_SNAPSHOT; i++)
        for (size_t k = 0; k < role->n_signers; k++)
            if (keyid_eq(&j->keys[i].id, &role->signers[k]))
                return true;

    return rank != RANK_SNAPSHOT && rank != RANK_TIMESTAMP;
}

static enum rc
put_role(const struct judgment *j, const struct published *chain, const struct base_role *role,
    const struct judgment_end *end, struct why *why)
{
    struct ledger *ledger = end->agent->ledger;
    struct ledger_mark mark = {role->version, role->message, role->delegations}, before = {0};

    enum rc rc = ledger_mark(&before, ledger, chain->repository, role->name, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    rc = ledger_put_mark(ledger, chain->repository, role->name, &mark, why);
    if (rc == RC_ROLLBACK) /* more was released, or other bytes were: that stays */
        return RC_OK;
    if (rc || before.version == role->version)
        return rc;

    if (!strcmp(role->name, "root"))
        rc = succession_put_root(ledger, chain->repository, role->version,
            bytes_span(&chain->base->root_file), "base", why);
    if (rc)
        return rc;

    struct audit_foreign foreign = {chain->repository, role->name, role->version, role->message,
        before.version, NULL, 0, end->peer->uid};
    return put_foreign(j, role, end, &foreign, why);
}

static enum rc
put_chain(const struct judgment *j, const struct published *chain, const struct judgment_end *end,
    struct why *why)
{
    enum rc rc = published_put(chain, end->agent->ledger, why);

    for (size_t i = 0; !rc && i < chain->base->root_keys.n; i++)
        rc = ledger_put_root_key(
            end->agent->ledger, chain->repository, &chain->base->root_keys.ids[i], why);
    for (size_t i = 0; !rc && i < chain->base->n_roles; i++)
        if (leaves_mark(j, &chain->base->roles[i]))
            rc = put_role(j, chain, &chain->base->roles[i], end, why);

    return rc;
}

enum rc
judgment_put_bases(const struct judgment *j, const struct judgment_end *end, struct why *why)
{
    enum rc rc = RC_OK;

    if (j->n_retired != end->agent->n_retired) /* it may be of one that was retired meanwhile */
        return RC_OK;

    for (size_t i = 0; !rc && i < j->known->n_chains; i++)
        if (published_is_sound(&j->known->chains[i]))
            rc = put_chain(j, &j->known->chains[i], end, why);

    return rc;
}
