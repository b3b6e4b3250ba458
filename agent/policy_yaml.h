/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_yaml — a policy file as a tree of nodes with places.
 *
 * Takes the part of YAML that reads the same to everybody: one document, mappings with scalars as
 * names, lists, plain and quoted scalars, comments. Anchors, aliases, tags, directives, block
 * scalars, duplicate names, characters that no screen shows or that change how a line is shown, and
 * an empty file are errors.
 */
#include "agent/policy_node.h"
#include "proto/bytes.h"

/* file: name for places, must outlive the tree. RC_MALFORMED: with place. RC_NO_MEMORY. */
must_check enum rc policy_yaml_parse(
    struct policy_node **ret, const char *file, struct span text, struct why *why);
