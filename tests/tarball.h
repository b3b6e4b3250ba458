/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tarball — tar files (POSIX ustar) made entry by entry, hostile ones as well.
 */
#include "proto/bytes.h"

#define TARBALL_MAX_BYTES (16 * 1024 * 1024)

/* type: '0' a file, '1' a hard link, '2' a symbolic one, '5' a directory, 'x' what pax says of the
 * next entry. */
struct tarball_entry {
    const char *name;
    char type;
    const char *target; /* of a link */
    struct span data;
    uint64_t size; /* that the header says; 0: that of data */
};

void tarball_put(struct bytes *b, const struct tarball_entry *entry);
void tarball_put_file(struct bytes *b, const char *name, struct span data);
void tarball_end(struct bytes *b);
/* Write bytes to a new file; *ret_path: a template "/tmp/NAME.XXXXXX", filled in. */
void tarball_store(char *path, struct span bytes);
