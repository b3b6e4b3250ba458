/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * log — lines for the operator, in the journal or on standard error.
 *
 * To the journal where standard error is connected to it (JOURNAL_STREAM), with level and fields;
 * else plain lines "countersign-agent: …" on standard error. Only main, agent and conn log; what is
 * below them returns a struct why.
 */
#include <stdint.h>

#include "proto/mem.h"

enum log_level { /* as in syslog(3) */
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* Find out where lines go, and drop those above level. Before it, lines up to LOG_LEVEL_INFO go to
 * standard error. */
void log_init(enum log_level level);

/* One line; what is not printable ASCII becomes '?', what is longer than 1,023 bytes is cut. */
like_printf(2, 3) void log_line(enum log_level level, const char *fmt, ...);

/* For what may come with every request: the same line not again within a minute. */
like_printf(2, 3) void log_once(enum log_level level, const char *fmt, ...);

/* The head of the ledger, with the fields COUNTERSIGN_LEDGER, COUNTERSIGN_RECORD and
 * COUNTERSIGN_HASH, so that a ledger that was cut or replaced shows against the journal. */
void log_head(const char *ledger_id, int64_t seq, const char *hash_hex);
