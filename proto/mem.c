/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mem.h"

#include <string.h>
#include <unistd.h>

void
fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void *
mem_grow(void *array, size_t n, size_t size, size_t max)
{
    char *elements = NULL;

    if (n >= max)
        return NULL;

    /* The pointer is of whatever type the caller has, so it is copied, not read as a char *. */
    memcpy(&elements, array, sizeof elements);
    if ((n & (n - 1)) == 0) {
        size_t room = n == 0 ? 1 : n * 2;
        char *grown = reallocarray(elements, room, size);
        if (!grown)
            return NULL;

        elements = grown;
        memcpy(array, &elements, sizeof elements);
    }

    return memset(elements + n * size, 0, size);
}
