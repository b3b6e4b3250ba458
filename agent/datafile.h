/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * datafile — the file of a database before SQLite opens it: there for good, and under one name.
 */
#include "proto/rc.h"

/*
 * Make it, if it is missing, with the mode that SQLite gives to its journal as well, 0600. A new
 * name must survive a crash too, hence the fsync() of the directory. path is absolute.
 * RC_STORAGE: it cannot be written, is no regular file, or has another name: under that it would
 * have another log, and what is only in ours would be lost. RC_NO_MEMORY.
 */
must_check enum rc datafile_make(const char *path, struct why *why);
