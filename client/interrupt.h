/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * interrupt — Ctrl-C, SIGTERM and SIGHUP. Where nothing would be left behind they end the program
 * at once with status 130; while somebody holds them they are noted, for him to clean up.
 */
#include <stdbool.h>

/* At the start of the program, before anything else. Signals that are ignored then stay so; SIGQUIT
 * is left alone, for who does not want to wait. */
void interrupt_init(void);

/* Holds count; release ends the program where a signal came meanwhile and nobody holds any more. */
void interrupt_hold(void);
void interrupt_release(void);
bool interrupt_is_pending(void);
/* Who holds, was interrupted, and now cleans up: the next signal is noted as the first one was. */
void interrupt_forget(void);
/* What was forgotten counts again. */
void interrupt_recall(void);
/* Readable once a signal came: for poll(). Borrowed. */
int interrupt_fd(void);
/* In a child process: signals kill it, as it has nothing to clean up. */
void interrupt_default(void);
