/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tag_list — names of tags for people. They come from whoever signed them, and may go to a
 * terminal: what is not printable ASCII is shown as '?'.
 */
#include "proto/tuf_targets.h"

#define TAG_LIST_MAX 16 /* names of one document that are shown */
/* Room for them. */
#define TAG_LIST_MAX_BYTES (TAG_LIST_MAX * (TAG_MAX_BYTES + 2) + 32)

/* Append one more, after ", " where b is not empty; of its name at most TAG_MAX_BYTES. */
void tag_list_add(struct bytes *b, struct span name);
/* Append "v1, v2 and 3 more". */
void tag_list_add_all(struct bytes *b, const struct tuf_targets *document);
