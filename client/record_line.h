/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * record_line — records of the ledger as lines: one canonical JSON object each, in which the body
 * stands byte for byte, and a last one with the head. What "audit export" writes.
 *
 *     {"at_us":1700000000000000,"body":{…},"hash":"…","seq":1}
 *     {"head":{"hash":"…","ledger":"…","seq":1}}
 */
#include "proto/bounds.h"
#include "proto/record.h"

#define RECORD_LINE_MAX_BYTES (RECORD_MAX_BYTES + 256)
#define RECORD_LEDGER_LEN     32 /* hexadecimal digits */

/* The head of a ledger. */
struct record_end {
    char ledger[RECORD_LEDGER_LEN + 1];
    struct record_head head;
};

/* Append a line, with its end. RC_UNTRUSTED: the body is no canonical JSON object, which no agent
 * wrote. */
must_check enum rc record_line_put(struct bytes *b, const struct record *record, struct why *why);
void record_line_put_end(struct bytes *b, const struct record_end *end);

/* A line without its end: a record, whose body points into it, or the last line, with *ret_is_end.
 * RC_MALFORMED. */
must_check enum rc record_line_parse(struct record *ret, struct record_end *ret_end,
    bool *ret_is_end, struct span line, struct why *why);

/* The ledger that a body names. RC_MALFORMED. */
must_check enum rc record_line_ledger(
    char ret[RECORD_LEDGER_LEN + 1], struct span body, struct why *why);
