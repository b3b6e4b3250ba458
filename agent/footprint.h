/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * footprint — how much memory a process holds that runs for months and mostly sleeps.
 */

/* Before anything large is allocated: large blocks go back to the system as soon as they are freed,
 * whatever was freed before. glibc would raise the bound for what is large to what it has seen. */
void footprint_bound(void);

/*
 * Give back what only the start needed: memory that was freed, and the pages of programs and
 * libraries that are in the page cache as well. What is used again is mapped again from there; of
 * OpenSSL, SQLite and libfyaml that is a third.
 */
void footprint_shrink(void);
