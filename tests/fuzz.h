/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fuzz — what tests/fuzz_NOUN.c have in common. Each gives one input to a parser and asserts what
 * must hold of the result: that another reader, written differently, sees the same, or that what
 * was read can be written and read again. Linked with -fsanitize=fuzzer it looks for inputs that
 * break it; linked with fuzz_replay.c it takes those of tests/corpus/NOUN.
 */
#include <assert.h>

#include "proto/bounds.h"
#include "proto/members.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An input of several texts has a line "%%" between them. The next one, without the end of its last
 * line; empty where there is none. */
struct span fuzz_part(struct span *rest);
/* A C string, up to the first NUL: free(). */
char *fuzz_text(struct span text);
/* As a text, and the first of it as a number, "7 the rest"; 0: there is none. */
int64_t fuzz_number(struct span *text);

/*
 * The other reader: jansson. NULL: it is no JSON, or has a member twice. json_decref().
 */
json_t *fuzz_json(struct span text);
/* Append the canonical form, as canon.h describes it. False: it has none; b then holds anything. */
must_check bool fuzz_canonical(struct bytes *b, const json_t *value);
/* Whether text is canonical, by that reader and writer alone. */
bool fuzz_is_canonical(struct span text);
/* The SHA-256 of the canonical form, in hexadecimal: the ID of a key object. */
struct keyid fuzz_id(const json_t *value);
/* Whether all texts of an array are different and each names a member of keys. */
bool fuzz_are_keys(const json_t *keyids, const json_t *keys);
