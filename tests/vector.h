/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vector — the files under tests/vectors, which real programs wrote.
 */
#include "proto/bytes.h"

/* Append the file name of the directory that $VECTORS names. */
void vector_load(struct bytes *b, const char *name);
