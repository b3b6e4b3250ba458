/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * sight — what an agent knows of a repository, and one request at a time that shows it a chain; for
 * tests of what it makes of that.
 */
#include "agent/known.h"
#include "tests/repository.h"

struct sight {
    char dir[64];
    struct ledger *ledger;
    struct seen *seen;
    struct policy policy; /* empty; a test gives it the pin */
    struct policy_pin_root pin;
    struct keyid pinned; /* by pin; also the key that every document wants */

    struct message_sign sign;
    struct message_document document;
    struct message_chain chain;
    struct message_file files[8];
    struct subject *subject;
    struct known *known;
};

extern struct sight sight;

/* Setup and teardown of each test. */
int sight_setup(void **state);
int sight_teardown(void **state);

/* A root was signed here, and released. */
void sight_sign_root(int64_t version, const struct repository *r);

/* A request for a document of role with that version, and with the published chain up to and with
 * last; r: NULL: without. What becomes of it for the document. */
const struct decide_known *sight_look(
    const char *role, int64_t version, const struct repository *r, enum part last);
/* The same in pieces. */
void sight_forget(void);
void sight_bring(const struct repository *r, enum part last);
enum rc sight_judge(const char *role, int64_t version, struct why *why);
/* The request ends well. */
void sight_remember(void);

void sight_sign(struct bytes *file, const struct bytes *message, enum part part);
/* List what is there in a new snapshot and timestamp; without: what is not listed, PARTS: all is.
 */
void sight_publish(struct repository *r, int64_t version, const char *expires, enum part without);
