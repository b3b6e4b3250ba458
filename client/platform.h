/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * platform — what an image runs on, "linux/arm64/v8", and which one of an index is meant.
 *
 * Other names of an architecture are the same ("x86_64", "aarch64"), and so is a variant that goes
 * without saying: arm64 is arm64/v8, arm is arm/v7.
 */
#include "client/manifest.h"
#include "proto/members.h"

/* The entry of index for that platform. An OS and an architecture that name several variants need
 * one. RC_MALFORMED: not "OS/ARCH[/VARIANT]". RC_NOT_FOUND: none: says which there are. RC_REFUSED:
 * several: says which. */
must_check enum rc platform_find(
    size_t *ret, const struct manifest *index, const char *platform, struct why *why);

/* "OS/ARCH[/VARIANT]" of an object that has these as members: of an entry, or a config. *ret:
 * free(); NULL where it does not say them. place: for sentences. RC_MALFORMED. */
must_check enum rc platform_read(
    char **ret, const json_t *object, const char *place, struct why *why);
/* Whether an image is for that platform, by its config. RC_NOT_FOUND: for another one. What
 * platform_find() and platform_read() say. */
must_check enum rc platform_check(struct span config, const char *platform, struct why *why);
