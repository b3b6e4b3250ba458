/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * record_text — a record of the ledger as people read it: one line, and the rest of it below where
 * that is wanted.
 *
 *     17 2026-11-29T17:00:00Z alice Sign released registry.example.com/shop/web targets/qa 3
 *     18 2026-11-29T17:00:02Z bob Sign refused scope registry.example.com/shop/web targets 4
 */
#include "proto/record.h"

/* Append it. RC_MALFORMED: the body is none that an agent writes. */
must_check enum rc record_text_put(
    struct bytes *b, const struct record *record, bool is_verbose, struct why *why);
