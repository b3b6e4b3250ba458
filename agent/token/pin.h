/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pin — the PIN of a token, from where the policy says: a credential of the service, a file, or
 * people, who send it past the agent.
 *
 * Looking tells which PIN it would be (name, file, time of its last change; or which one that was
 * received) without reading it, so that one that was refused is not tried again; reading gives
 * exactly that one. A PIN of people is kept in locked memory, any other only from reading to
 * C_Login; neither has another way out of here than pin_give().
 */
#include <p11-kit/p11-kit.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/token/frame.h"

struct pin {
    uint8_t b[PIN_MAX_BYTES + 2]; /* with the end of its line */
    size_t len;                   /* without it */
};

struct pin_source {
    enum token_pin kind;
    char *name;
    int fd; /* what was looked at last */
    struct stat st;
    struct bytes identity; /* of that; text: kind, name, device, inode, time of change */
    struct bytes read;     /* that of the one that was read last */
    struct pin *received;  /* in a page of its own; NULL: none */
    time_t rests_until;    /* on the monotonic clock: the token takes none before */
};

/* pin_source_done(). kind: any. */
must_check enum rc pin_source_init(
    struct pin_source *ret, enum token_pin kind, struct span name, struct why *why);
void pin_source_done(struct pin_source *source); /* zeros are fine */

/* Whether a token with those flags (CK_TOKEN_INFO) wants a PIN that there is, and takes one.
 * may_be_last: even if one more wrong PIN would lock it. RC_LOCKED: else; *ret_state is what it is
 * in then. */
must_check enum rc pin_source_check(enum token_state *ret_state, const struct pin_source *source,
    CK_FLAGS flags, bool may_be_last, struct why *why);
/* The token takes no PIN for now. The flags of a card say so, those of a TPM never do. */
void pin_source_rest(struct pin_source *source);

/* Which PIN it would be. RC_LOCKED: there is none, or it is not ours alone; what to do.
 * RC_NOT_FOUND: people have to send it, and none did. */
must_check enum rc pin_source_look(struct pin_source *source, struct why *why);

/* The one that was looked at, once. One end of line is dropped. RC_LOCKED: empty, too long, or no
 * longer what was looked at. Call pin_done() in any case. */
must_check enum rc pin_read(struct pin *ret, struct pin_source *source, struct why *why);
/* Look and read again, for a key that wants the PIN for each signature. RC_LOCKED: also where it is
 * not the one that was read before: that one the token took. */
must_check enum rc pin_read_again(struct pin *ret, struct pin_source *source, struct why *why);
void pin_done(struct pin *pin); /* overwrites it */

/* Of TOKEN_PIN_PROMPT: read it from a stream socket, as delivery.h has it, within PIN_TIMEOUT_S.
 * identity: what looking is to call it. RC_TIMEOUT; RC_MALFORMED, RC_TOO_LARGE: it is no PIN, and
 * none is kept. */
must_check enum rc pin_receive(
    struct pin_source *source, int fd, struct span identity, struct why *why);
/* Send it on, to who receives it likewise; nothing where there is none. */
void pin_give(const struct pin_source *source, int fd);
void pin_forget(struct pin_source *source);
