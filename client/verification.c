/* SPDX-License-Identifier: Apache-2.0 */
#include "client/verification.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/utc.h"

void
verification_init(struct verification *v, const struct record_head *given)
{
    *v = (struct verification){.given = given};
}

/* Only the first is told: what was changed once changes all later hashes. */
like_printf(3, 4) static void find(
    struct verification *v, const struct journal_head *head, const char *fmt, ...)
{
    closing(bytes_done) struct bytes at = BYTES_INIT(64);
    char problem[160];
    va_list ap;

    if (v->finding.text[0])
        return;

    va_start(ap, fmt);
    vsnprintf(problem, sizeof problem, fmt, ap);
    va_end(ap);
    utc_format(&at, head->at_us / 1000000);
    (void)!fail(&v->finding, RC_UNTRUSTED,
        "uid %u wrote into the journal, at %s, the head for record %" PRId64 "%s", head->uid,
        bytes_text(&at), head->head.seq, problem);
}

static void
judge_order(struct verification *v)
{
    if (v->next.head.seq < v->journal_seq)
        find(v, &v->next,
            " after that for record %" PRId64 ": the ledger was set back, or two agents have it",
            v->journal_seq);
    v->journal_seq = v->next.head.seq;
}

/* The head that comes next is of the record where we are, or of one before it. */
static void
judge(struct verification *v)
{
    bool agrees = v->next.head.seq == v->at.seq && digest_eq(&v->next.head.hash, &v->at.hash);

    if (!v->next.counts) {
        v->n_ignored += !agrees;
        return;
    }

    judge_order(v);
    if (agrees) {
        v->newest = v->next;
        v->n_agree++;
    } else if (v->next.head.seq == v->at.seq) {
        find(v, &v->next, " with another hash: the ledger was changed up to there, or replaced");
    }
}

static enum rc
read_next(struct verification *v, struct why *why)
{
    enum rc rc = journal_next(&v->next, v->journal, why);

    v->has_next = !rc;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* All heads up to the record where we are. */
static enum rc
judge_heads(struct verification *v, struct why *why)
{
    enum rc rc = RC_OK;

    while (!rc && v->has_next && v->next.head.seq <= v->at.seq) {
        judge(v);
        rc = read_next(v, why);
    }
    return rc;
}

enum rc
verification_compare(struct verification *v, struct journal *journal, const char *ledger,
    int64_t before_us, struct why *why)
{
    v->journal = journal;
    enum rc rc = journal_seek(journal, ledger, before_us, why);
    if (!rc)
        rc = read_next(v, why);
    return rc ? rc : judge_heads(v, why); /* those of the ledger while it was empty */
}

enum rc
verification_take(struct verification *v, const struct record *record, struct why *why)
{
    enum rc rc = record_follow(&v->at, record, why);
    if (rc)
        return rc;

    if (v->given && v->given->seq == v->at.seq)
        v->is_given_met = digest_eq(&v->given->hash, &v->at.hash);
    return judge_heads(v, why);
}

/* Heads of records that are not there. */
static enum rc
judge_newer(struct verification *v, bool is_whole, struct why *why)
{
    enum rc rc = RC_OK;

    while (!rc && v->has_next) {
        if (v->next.head.seq <= v->at.seq) {
            judge(v);
        } else if (!v->next.counts) {
            v->n_ignored++;
        } else {
            judge_order(v);
            v->n_newer++;
            if (is_whole)
                find(v, &v->next,
                    ", but the ledger ends with record %" PRId64 ": it was cut off, or replaced",
                    v->at.seq);
        }
        rc = read_next(v, why);
    }
    return rc;
}

enum rc
verification_end(
    struct verification *v, const struct record_head *head, bool is_whole, struct why *why)
{
    enum rc rc = judge_newer(v, is_whole, why);
    if (rc)
        return rc;

    if (head->seq != v->at.seq || !digest_eq(&head->hash, &v->at.hash))
        return fail(why, RC_UNTRUSTED,
            "the ledger was changed: its head is record %" PRId64 ", and its last record %" PRId64
            " has another %s",
            head->seq, v->at.seq, head->seq == v->at.seq ? "hash" : "number");

    if (v->given && !v->is_given_met)
        return fail(why, RC_UNTRUSTED, "record %" PRId64 " %s", v->given->seq,
            v->given->seq > v->at.seq ? "is missing: the ledger ends before it"
                                      : "has another hash than that of --head");

    return v->finding.text[0] ? fail(why, RC_UNTRUSTED, "%s", v->finding.text) : RC_OK;
}
