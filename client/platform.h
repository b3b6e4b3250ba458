/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * platform — what an image runs on, "linux/arm64/v8", and which one of an index is meant.
 *
 * Other names of an architecture are the same ("x86_64", "aarch64"), and so is a variant that goes
 * without saying: arm64 is arm64/v8, arm is arm/v7.
 */
#include "client/manifest.h"

/* The entry of index for that platform. An OS and an architecture that name several variants need
 * one. RC_MALFORMED: not "OS/ARCH[/VARIANT]". RC_NOT_FOUND: none: says which there are. RC_REFUSED:
 * several: says which. */
must_check enum rc platform_find(
    size_t *ret, const struct manifest *index, const char *platform, struct why *why);
