/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * outbox — the answers of one connection that are not written yet.
 */
#include "proto/message.h"

struct outbox {
    struct bytes out;
};

void outbox_init(struct outbox *outbox);
void outbox_done(struct outbox *outbox); /* empty afterwards */

bool outbox_is_empty(const struct outbox *outbox);

/* Queue an answer: the error of that interface and name, or a reply where name is NULL. parameters
 * are consumed. False: there is no memory for it, or it is more than a reader may make us hold;
 * what was not written yet is forgotten then, and the answer is Internal. */
must_check bool outbox_put(
    struct outbox *outbox, const char *interface, const char *name, json_t *parameters);

/* Queue and write a reply that is not the last one to a call, and which may be lost: it is dropped
 * if what was queued before has not gone out yet. parameters are consumed. */
void outbox_tell(struct outbox *outbox, int fd, json_t *parameters);

/* Queue a reply that is not the last one to a call, behind nothing else. parameters are consumed.
 * False: as of outbox_put(), but there is nothing to say instead. */
must_check bool outbox_put_part(struct outbox *outbox, json_t *parameters);

enum outbox_progress {
    OUTBOX_SENT,   /* all there was */
    OUTBOX_LATER,  /* the socket takes no more now */
    OUTBOX_BROKEN, /* the reader is gone */
};

/* Write to fd, a socket. */
enum outbox_progress outbox_send(struct outbox *outbox, int fd);
