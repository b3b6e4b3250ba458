/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * screen — a terminal in place of standard error, and what a person sees on it: it knows the few
 * control sequences that our programs write, and what scrolled away above.
 */
#include "proto/bytes.h"

struct screen;

/* From now on standard error is that terminal. */
struct screen *screen_new(unsigned short rows, unsigned short columns);
/* Standard error is what it was before. */
void screen_free(struct screen *screen);

/* Of another size, from now on; what is on it stays where it is. */
void screen_resize(struct screen *screen, unsigned short rows, unsigned short columns);
/* Read what came since, and return all there is from the very first row, without what scrolled away
 * being told apart: rows end with '\n', spaces at their end are not there. Borrowed. */
const char *screen_text(struct screen *screen);
/* Fail unless that is the text. */
void screen_check(struct screen *screen, const char *want);
/* The row of the cursor, counted from the very first. */
size_t screen_row(struct screen *screen);
