/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * insecure — the registries for which docker's daemon makes do without TLS, or without verifying
 * it: those on loopback, and what "insecure-registries" of daemon.json lists.
 *
 * The file is /etc/docker/daemon.json, and docker/daemon.json in $XDG_CONFIG_HOME (~/.config) where
 * docker runs without root. An entry is a host, a host with a port, or a network, "10.0.0.0/8", of
 * which a registry is that has one address in it.
 */
#include "proto/bytes.h"

/*
 * host: "registry:5000". Names are only looked up where a network is listed. A file that may not be
 * read says nothing. RC_MALFORMED, RC_TOO_LARGE: a damaged file, with its name. RC_NO_MEMORY.
 */
must_check enum rc insecure_find(bool *ret, const char *host, struct why *why);

/* The same of one text of daemon.json. */
must_check enum rc insecure_find_in(bool *ret, struct span text, const char *host, struct why *why);
