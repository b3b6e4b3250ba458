/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * root_expiry — how long the root of a repository is still good, and its certificates are.
 *
 * Once a root certificate has expired, notary-server takes no publication any more, not even the
 * next root, and readers who have cached that root cannot follow a newer one.
 */
#include "client/trust.h"

/* Note what expires within ROOT_CERTIFICATE_WARNING_S or ROOT_WARNING_S, and what to do. now:
 * seconds UTC. */
void root_expiry_note(const struct trust *trust, int64_t now, const struct progress *progress);
