/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * banned — functions that this code does not use, because they have no length, no error, or a
 * hidden state. A use is a compile error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atoll
