/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * meter — how far an upload is, shown to people: on a terminal a line for each layer and one for
 * the whole, with rate and time left, drawn over and over; elsewhere a plain line for a layer that
 * takes long and for each that is done, and now and then one for the whole; with --quiet nothing.
 * Writes to standard error.
 */
#include "proto/bytes.h"

enum meter_style { METER_QUIET, METER_PLAIN, METER_TERMINAL };

struct meter;

/* What suits standard error. is_verbose: other processes write lines there as well. */
enum meter_style meter_style_of(bool is_quiet, bool is_verbose);

must_check enum rc meter_new(struct meter **ret, enum meter_style style, struct why *why);
/* Settles what is on the screen. */
void meter_free(struct meter *meter);
DEFINE_CLEANUP(struct meter, meter_free);

/* A new line, with its number in *ret. name: "27884c31bb5b", of a layer; total: bytes, 0: not known
 * yet. Lines beyond what the screen holds scroll away once they are done. */
must_check enum rc meter_add(
    size_t *ret, struct meter *meter, const char *name, int64_t total, struct why *why);
/* What becomes of it: "Waiting", "Pushing", … and how many bytes are through. Control characters
 * are replaced: an engine may have said so. */
void meter_set(struct meter *meter, size_t line, const char *state, int64_t current, int64_t total);
/* It is over, with its last word: "Pushed", "Already exists", "Mounted". */
void meter_end(struct meter *meter, size_t line, const char *state);
/* Draw, if it is time to: several times a second is fine. */
void meter_draw(struct meter *meter);
/* Draw, and leave it there for good: what is written next, by whomever, comes below. */
void meter_settle(struct meter *meter);
/* A note among the lines, without tearing them, as main reports: "countersign: …". */
void meter_note(struct meter *meter, const char *text);
