/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tag_list.h"

#include "proto/bounds.h"

void
tag_list_add(struct bytes *b, struct span name)
{
    bytes_puts(b, b->len > 0 ? ", " : "");
    for (size_t i = 0; i < name.len && i < TAG_MAX_BYTES; i++)
        bytes_putc(b, name.p[i] < ' ' || name.p[i] > '~' ? '?' : name.p[i]);
}

void
tag_list_add_all(struct bytes *b, const struct tuf_targets *document)
{
    for (size_t i = 0; i < document->n_targets && i < TAG_LIST_MAX; i++)
        tag_list_add(b, document->targets[i].name);
    if (document->n_targets > TAG_LIST_MAX)
        bytes_printf(b, " and %zu more", document->n_targets - TAG_LIST_MAX);
}
