/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * natural — the order in which people count: "v2" before "v10". Docker sorts tags and signers so.
 */
#include "proto/bytes.h"

/*
 * <0, 0, >0; 0 only for equal bytes. Runs of ASCII digits compare as numbers of any length, all
 * else byte by byte; a number goes before any other character, and of two equal numbers the one
 * with fewer leading zeros comes first.
 */
int natural_cmp(struct span a, struct span b);
