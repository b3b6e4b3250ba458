/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * libarchive — the library, loaded when the first archive is opened or layer compressed. With the
 * libraries that it wants itself (an XML parser, and a table of all scripts of the world) it would
 * take as long to start as the rest of the program, and most runs have no archive.
 *
 * Those of its functions that we use are defined here, and go on to the library's own.
 */
#include "proto/rc.h"

/* Before any of them. Does nothing the second time. RC_UNSUPPORTED: the library is not there, and
 * what to install. */
must_check enum rc libarchive_load(struct why *why);
