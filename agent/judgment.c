/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/judgment.h"

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
    decision_free(steal(j->decision));
    policy_unref(steal(j->policy));
    free(steal(j->keys));
    free(steal(j->known));
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
view_key(struct decide_key *ret, const struct keyring_key *key)
{
    *ret = (struct decide_key){
        .policy = key->policy,
        .token = key->token ? key->token->name : key->policy->at[0].token->name,
        .detail = key->detail,
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
    if (!j->keys)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++)
        view_key(&j->keys[i], keyring_key(keyring, i));
    j->n_keys = n;
    return RC_OK;
}

static enum rc
gather_marks(struct judgment *j, struct ledger *ledger, struct why *why)
{
    j->known = calloc(j->n_subjects, sizeof *j->known);
    if (!j->known)
        return fail_memory(why);

    for (size_t i = 0; i < j->n_subjects; i++) {
        struct ledger_mark mark;
        enum rc rc =
            ledger_mark(&mark, ledger, j->subjects[i]->repository, j->subjects[i]->role, why);
        if (rc == RC_NOT_FOUND)
            continue;
        if (rc)
            return rc;

        j->known[i].version = mark.version;
        j->known[i].digest = mark.digest;
    }

    return RC_OK;
}

enum rc
judgment_decide(struct judgment *j, struct agent *agent, const struct peer *peer, struct why *why)
{
    forget(j);
    j->policy = policy_ref(agent->policy);

    enum rc rc = gather_keys(j, agent->keyring, why);
    if (rc)
        return rc;

    rc = gather_marks(j, agent->ledger, why);
    if (rc)
        return rc;

    struct decide_request request = {
        .policy = j->policy,
        .peer = peer,
        .keys = j->keys,
        .n_keys = j->n_keys,
        .subjects = j->subjects,
        .known = j->known,
        .n_subjects = j->n_subjects,
        .now = agent_now_us() / 1000000,
        .is_partial = j->request.partial,
    };
    return decide(&j->decision, &request, why);
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
        lists->documents[i] = (struct audit_document){
            subject->format, subject->repository, subject->role, subject->version, subject->digest};
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
    char detail[400];

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
    if (end->outcome == AUDIT_REFUSED) {
        const struct decide_check *failed = j->decision->verdicts[j->decision->refused].failed;
        snprintf(detail, sizeof detail, "want %s; have %s", failed->want, failed->have);
        request.reason = failed->reason;
        request.detail = detail;
    }
    return audit_put(end->agent->audit, &request, ret, why);
}
