/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * idl — whether a JSON value is of a type of org.countersign.Agent.varlink. Whatever is not, fails
 * the test, and says where.
 */
#include "proto/members.h"

/* The parameters of a reply to the method, or of an error; name without the interface. */
void idl_check_reply(const char *method, const json_t *parameters);
void idl_check_error(const char *error, const json_t *parameters);
/* The name of the ith method; false: there are not so many. */
bool idl_method(char ret[32], size_t i);
