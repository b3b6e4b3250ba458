/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_news — what a reload tells: who gains and who loses what, as sentences that fit into a
 * line of the log each, and how many more there are.
 */
#include "agent/policy.h"
#include "proto/jsontext.h"

/* was: NULL: there was none. An array, json_decref(); empty where nothing is different. Policies
 * that cannot be compared, for lack of memory or because one is too large, have that for news: it
 * keeps nobody from going over to the new one. */
json_t *policy_news(const struct policy *was, const struct policy *is);
