/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fault — one allocation of our own code, or of jansson for it, that fails.
 *
 * A program that links it wraps malloc() and its kin, see fault_wraps in tests/meson.build. What
 * SQLite allocates counts after fault_cover_sqlite(); what other libraries allocate for themselves
 * does not.
 */
#include <stdbool.h>
#include <stddef.h>

/* Before SQLite is used at all. */
void fault_cover_sqlite(void);

/* From now on the nth allocation fails, and those around it do not; 0: none. */
void fault_arm(size_t n);
/* Whether it has come to that since fault_arm(). */
bool fault_has_struck(void);
/* In between nothing is counted: what a test allocates for itself. May be nested. */
void fault_suspend(void);
void fault_resume(void);
