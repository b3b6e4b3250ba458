/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyring — the keys of the policy as they are on the tokens: which are there, which public key
 * each has, and signatures by them.
 *
 * It runs the workers of every token (pool.h), finds each key of the policy in them, compares it
 * with what is pinned (keystate.h), and hands out digests fairly between users. It judges nobody.
 */
#include <systemd/sd-event.h>

#include "agent/errand.h"
#include "agent/ledger.h"
#include "agent/meter.h"
#include "agent/worker.h"
#include "proto/verify.h"

enum keyring_state {
    KEYRING_STARTING, /* the worker has not answered yet */
    KEYRING_READY,
    KEYRING_ABSENT,     /* no such token, or it was unplugged */
    KEYRING_LOCKED,     /* no PIN, or it was refused */
    KEYRING_FAILING,    /* module or token fails; the detail says how */
    KEYRING_NO_KEY,     /* the token has no such private key, or more than one */
    KEYRING_CHANGED,    /* another public key than the pinned one */
    KEYRING_UNSUITABLE, /* an algorithm that Notary or this agent cannot use */
    KEYRING_STATE_MAX_
};
const char *keyring_state_name(enum keyring_state state); /* as in Status and ListKeys */

enum keyring_state keyring_state_of(enum token_state state); /* of a worker's token */

struct keyring;
struct keyring_job;

/* One key of the policy. */
struct keyring_key {
    const struct policy_key *policy;
    struct pubkey *pubkey;            /* plain; NULL until seen once, ever (pins are remembered) */
    const struct policy_token *token; /* where it would be used now */
    struct key_provenance provenance; /* there; unknown until it was seen since the agent's start */
    enum keyring_state state;
    char detail[200];   /* for people: what is wrong and what to do */
    char stand_in[200]; /* of a key that is ready, but not on its first token: why; "": it is there
                         */
};

struct keyring_token {
    const struct policy_token *policy;
    enum keyring_state state;
    char detail[200];
    size_t n_queued, n_workers;
    const struct meter *meter; /* borrowed, until the policy changes */
    enum keyring_state
        told_state; /* the latest news: never KEYRING_STARTING but before the first */
    char told_detail[200];
};

/* event and ledger are borrowed for life. form: copied; what it points to is borrowed.
 * Workers start with the next turn of the loop and report later. */
must_check enum rc keyring_new(struct keyring **ret, sd_event *event, struct ledger *ledger,
    struct policy *policy, const struct worker_form *form, struct why *why);
/* Pending jobs are dropped without a call, and must not be canceled afterwards. */
void keyring_free(struct keyring *keyring);
DEFINE_CLEANUP(struct keyring, keyring_free);

/*
 * Go over to a new policy: workers of tokens whose entry is unchanged stay, others end after the
 * jobs they have. Jobs in the queue of a token that is gone fail with RC_TOKEN.
 */
must_check enum rc keyring_reload(struct keyring *keyring, struct policy *policy, struct why *why);

/* Whether every token has answered (ready with all its keys looked for, or not ready). The callback
 * comes once, when it is so, from the event loop. */
bool keyring_is_settled(const struct keyring *keyring);
void keyring_on_settled(struct keyring *keyring, void (*callback)(void *userdata), void *userdata);

/* Whenever a token is ready, or is not for another reason than before. */
void keyring_on_news(struct keyring *keyring,
    void (*callback)(void *userdata, const struct keyring_token *token), void *userdata);

/* Whenever a key that is ready signs on another token than before. */
void keyring_on_moved(struct keyring *keyring, void (*callback)(const struct keyring_key *key));

size_t keyring_n_keys(const struct keyring *keyring); /* in the order of the policy */
const struct keyring_key *keyring_key(const struct keyring *keyring, size_t i);
const struct keyring_key *keyring_find(
    const struct keyring *keyring, const struct keyid *canonical);
size_t keyring_n_tokens(const struct keyring *keyring);
const struct keyring_token *keyring_token(const struct keyring *keyring, size_t i);

/* signature: raw r||s or the RSA block, already verified with the pinned key; empty unless rc is
 * RC_OK. RC_TOKEN, RC_LOCKED, RC_TIMEOUT: why says what to do. */
typedef void keyring_signed(
    void *userdata, enum rc rc, struct span signature, const struct why *why);

/* One signature. */
struct keyring_order {
    const struct keyring_key *key;
    enum verify_method method; /* verify_method_of(); VERIFY_RSAPKCS1V15 for certificates by RSA */
    struct span message;       /* what is signed; borrowed until the callback or a cancel */
    const struct digest *digest; /* its SHA-256 */
    uint64_t lane;               /* on whose behalf, see peer.h: queues are fair between lanes */
    keyring_signed *callback;
    void *userdata;
    /* Asked when it has its turn, before the digest goes to a worker: whether it may still be
     * signed. False: it has been canceled within the call. NULL: it may. */
    bool (*may_go)(void *userdata);
};

/*
 * A place that fails is followed by the key's next one that is ready, as if nothing had been.
 * The callback comes later, once, unless the job is canceled; never from within this call. The job
 * is over with it. The order is copied, not its message. RC_TOKEN, RC_LOCKED: the key is not ready.
 * RC_BUSY: the token's queue is full, or this lane's share of it. RC_UNSUPPORTED: the key does not
 * sign by that method.
 */
must_check enum rc keyring_sign(
    struct keyring_job **ret, const struct keyring_order *order, struct why *why);

/* When to come back to the token of that name, whose queue is full: in milliseconds, within
 * BUSY_RETRY_MIN_MS and BUSY_RETRY_MAX_MS. */
uint64_t keyring_retry_ms(const struct keyring *keyring, const char *token);

/* What a job waits for. */
struct keyring_wait {
    const char *token; /* name; borrowed, until the policy changes */
    bool is_queued;    /* no worker has it yet */
    size_t n_ahead;    /* then: how many have their turn before it */
    bool wants_touch;  /* the token may wait for somebody to touch it */
};
struct keyring_wait keyring_wait(const struct keyring_job *job);

/* What an unlocking takes. */
enum keyring_need {
    KEYRING_NEEDS_NOTHING, /* it is not locked */
    KEYRING_NEEDS_PIN,     /* people have to say the PIN */
    KEYRING_NEEDS_LOGIN,   /* the PIN is where the policy says */
};

/* RC_OK: the token is logged into. RC_LOCKED: it refused the PIN, or it is the last try. RC_TOKEN,
 * RC_TIMEOUT; RC_MALFORMED, RC_TOO_LARGE: what came is no PIN. */
typedef void keyring_unlocked(void *userdata, enum rc rc, const struct why *why);

struct keyring_unlock {
    size_t token; /* its index */
    bool force;   /* spend the last try */
    int fd;       /* from which a worker reads the PIN; borrowed until the callback; -1: none */
    keyring_unlocked *callback;
    void *userdata;
};

/* Whether the token may be unlocked now, and what it takes. RC_BUSY: another one is under way.
 * RC_UNSUPPORTED: it is not locked. RC_LOCKED: the last try, without force. RC_TOKEN: it is away.
 */
must_check enum rc keyring_check_unlock(enum keyring_need *ret, const struct keyring *keyring,
    const struct keyring_unlock *order, struct why *why);
/* Right after that. The callback comes once, later or from keyring_end_unlocks(). The order is
 * copied. RC_STORAGE, RC_TOKEN. */
must_check enum rc keyring_unlock(
    struct keyring *keyring, const struct keyring_unlock *order, struct why *why);
/* The workers of a token finish what they have, forget its PIN and end; it stays locked until it is
 * unlocked. RC_STORAGE: until the agent ends. */
must_check enum rc keyring_lock(struct keyring *keyring, size_t token, struct why *why);
/* Before the end: who waits for an unlocking is told now. */
void keyring_end_unlocks(struct keyring *keyring);

/* The callback will not come. A signature being made is thrown away. NULL is fine. */
void keyring_cancel(struct keyring_job *job);

/*
 * Something else that an admin wants of the token of that name. The order is copied; its callback
 * comes later, once, never from within this call, but never if the keyring is freed before. RC_OK:
 * keys that were made are there when a policy names them. RC_NOT_FOUND: no such token in the
 * policy. RC_TOKEN, RC_LOCKED: it is not ready. RC_BUSY.
 */
must_check enum rc keyring_run(
    struct keyring *keyring, const char *token, const struct errand_order *order, struct why *why);
/* The same for FRAME_ATTEST, of the token where the key would be used now. RC_TOKEN: the key is not
 * ready. */
must_check enum rc keyring_attest(
    const struct keyring_key *key, const struct errand_order *order, struct why *why);
