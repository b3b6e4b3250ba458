/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * frame — one message between the agent and a token worker, which speak over a SOCK_SEQPACKET
 * socket: a header (type, id, length of what follows) and the members of that type.
 *
 *     agent                        worker
 *     OPEN      ─────────────────▶         once: the module, the token, the source of its PIN
 *               ◀─────────────────  STATE  while there is no such token, or its PIN is not there
 *               ◀─────────────────  FOUND  this token, and this PIN source
 *     UNLOCK    ─────────────────▶         if FOUND wants a PIN: beside it, who sends one
 *               ◀─────────────────  UNLOCKED the same id: it was read, or not; then FOUND anew
 *     LOGIN     ─────────────────▶         go on with what you found (the id is that of FOUND)
 *               ◀─────────────────  STATE  ready; or not, and then the worker ends
 *     FIND      ─────────────────▶
 *               ◀─────────────────  KEY    the same id
 *     SIGN      ─────────────────▶
 *               ◀─────────────────  SIGNED the same id; or STATE, and then the worker ends
 *     GENERATE  ─────────────────▶         a new key on the token
 *     IMPORT    ─────────────────▶         and beside it a client that hands over a key
 * (delivery.h) ◀─────────────────  MADE   the same id; or STATE, and then the worker ends
 *     ATTEST    ─────────────────▶         what the token says of a key
 *               ◀─────────────────  ATTESTED  the same id
 *               ◀─────────────────  ENDED  from the unit in which a worker runs, of its process
 *
 * Beside SIGN, in a memfile: the message of its last job, if that one wants it (with_message of
 * KEY). Beside UNLOCK: who sends the PIN, in the form of delivery.h. Beside GIVE, which has no
 * answer: where to write that PIN, for another worker to read as if a client sent it.
 *
 * The agent has one of these outstanding. Numbers are big endian; a string is its length in
 * four bytes and its bytes. Both sides refuse whatever is not exactly of this form.
 */
#include "proto/bounds.h"
#include "proto/verify.h"

enum frame_type {
    FRAME_OPEN,
    FRAME_LOGIN,
    FRAME_FIND,
    FRAME_SIGN,
    FRAME_UNLOCK,
    FRAME_GIVE,
    FRAME_STATE,
    FRAME_FOUND,
    FRAME_KEY,
    FRAME_SIGNED,
    FRAME_UNLOCKED,
    FRAME_ENDED,
    FRAME_GENERATE,
    FRAME_IMPORT,
    FRAME_MADE,
    FRAME_ATTEST,
    FRAME_ATTESTED,
    FRAME_TYPE_MAX_
};

enum token_pin {
    TOKEN_PIN_NONE,       /* the token wants none */
    TOKEN_PIN_CREDENTIAL, /* name below $CREDENTIALS_DIRECTORY */
    TOKEN_PIN_FILE,       /* absolute path */
    TOKEN_PIN_PROMPT,     /* it comes with UNLOCK */
    TOKEN_PIN_MAX_
};

enum token_state {
    TOKEN_READY,      /* logged in */
    TOKEN_ABSENT,     /* the module shows no such token, or it was unplugged */
    TOKEN_LOCKED,     /* the PIN is not there, or one more refusal would lock the token */
    TOKEN_PIN_WRONG,  /* the token refused the PIN */
    TOKEN_PIN_LOCKED, /* the token takes no PIN any more */
    TOKEN_FAILING,    /* module or token fails */
    TOKEN_STATE_MAX_
};

/* Spans are text (span_is_text) unless said otherwise. */
struct frame_forbidden {
    struct span path; /* absolute */
    bool is_readable; /* it is only kept from being changed */
};

struct frame_open {
    enum token_pin pin;
    struct span module, uri, pin_source;
    unsigned timeout_s;   /* for one call into the module */
    struct span serial;   /* as the policy pins it; empty: not */
    struct span identity; /* model and serial as the ledger pins them; empty: not */
    bool network;         /* the module may connect to TCP ports */
    struct frame_forbidden forbidden[FORBIDDEN_MAX]; /* what the worker keeps itself from */
    size_t n_forbidden; /* 0: it keeps itself from nothing, as its unit does that */
};

struct frame_find {
    uint32_t place; /* the agent's number for it, below TOKEN_KEYS_MAX */
    struct span uri;
    struct span spki; /* DER of the only key that may be there; empty: any */
    bool is_anew;     /* list the token's keys again first, and forget what was found */
};

struct frame_job {
    uint32_t place;
    enum verify_method method;
    struct digest digest; /* SHA-256 of the message */
};

struct frame_sign {
    struct frame_job jobs[WORKER_BATCH_MAX];
    size_t n_jobs; /* at least 1 */
};

struct frame_generate {
    struct span label;
    struct span algorithm;   /* "ec-p256" */
    struct span common_name; /* of the certificate that it signs itself; empty: none */
};

struct frame_import {
    struct span label;
};

struct frame_state {
    enum token_state state;
    uint64_t ckr;       /* the CK_RV behind it, or 0 */
    struct span detail; /* for people */
};

struct frame_found {
    struct span identity;
    struct span source; /* which PIN would be used: its name, file and time; empty: none */
    bool wants_pin;     /* UNLOCK has to come first */
    bool is_last_try;   /* one more refusal locks the token */
    bool wants_touch;   /* it may sign only when somebody touches it */
};

struct frame_login {
    bool force; /* also where it is the last try */
};

struct frame_unlock {
    struct span source; /* what FOUND is to call this PIN */
};

struct frame_unlocked {
    enum rc rc;
    struct span detail; /* for people; empty if RC_OK */
};

enum key_origin {
    KEY_ORIGIN_UNKNOWN,   /* the token does not say, or contradicts itself */
    KEY_ORIGIN_GENERATED, /* in the token, and it was never to be extracted */
    KEY_ORIGIN_IMPORTED,
    KEY_ORIGIN_MAX_
};

/* Where a private key is from, and whether it can be taken away, as the token says. */
struct key_provenance {
    enum key_origin origin;
    bool is_extractable_known, is_extractable;
};

struct frame_key {
    uint32_t place, n_matches; /* private keys that the URI names; what follows is for just one */
    unsigned methods;          /* bit 1 << enum verify_method: the token can sign so with it */
    unsigned with_message;     /* those of them for which it wants the message */
    struct key_provenance provenance;
    struct span spki;   /* DER; empty: the token shows no public key */
    struct span detail; /* for people: why it can do nothing; empty: it can */
};

struct frame_result {
    enum rc rc;
    struct span signature; /* as in proto/verify.h; empty unless RC_OK */
    struct span detail;    /* for people; empty if RC_OK */
};

struct frame_signed {
    struct frame_result results[WORKER_BATCH_MAX]; /* in the order of the jobs */
    size_t n_results;
};

struct frame_ended {
    bool is_known;   /* always, in a message */
    bool is_killed;  /* by a signal */
    unsigned number; /* of the signal, or the exit status */
};

struct frame_attest {
    uint32_t place; /* of the key */
};

struct frame_attested {
    enum rc rc;
    struct span
        certificates[ATTEST_MAX]; /* DER, all that the token shows; those of the key first */
    size_t n_certificates;        /* at least one if RC_OK */
    struct span detail;           /* for people; empty if RC_OK */
};

struct frame_made {
    enum rc rc;
    struct span spki; /* DER; empty unless RC_OK */
    struct key_provenance provenance;
    struct span certificate; /* PEM; empty: none was wanted */
    struct span detail;      /* for people; empty if RC_OK */
};

struct frame {
    enum frame_type type;
    uint32_t id;
    union {
        struct frame_open open;
        struct frame_login login;
        struct frame_unlock unlock;
        struct frame_find find;
        struct frame_sign sign;
        struct frame_generate generate;
        struct frame_import import;
        struct frame_state state;
        struct frame_found found;
        struct frame_key key;
        struct frame_signed sigs;
        struct frame_unlocked unlocked;
        struct frame_ended ended;
        struct frame_made made;
        struct frame_attest attest;
        struct frame_attested attested;
    };
};

enum frame_side { FRAME_FROM_AGENT, FRAME_FROM_WORKER };

/* Append one message. RC_TOO_LARGE: it is more than WORKER_MESSAGE_BYTES. */
must_check enum rc frame_format(struct bytes *b, const struct frame *frame, struct why *why);
/* Spans point into message. RC_MALFORMED: also a type that this side does not send. */
must_check enum rc frame_parse(
    struct frame *ret, struct span message, enum frame_side from, struct why *why);
