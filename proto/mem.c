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
mem_grow(void **array, size_t n, size_t size, size_t max)
{
    if (n >= max)
        return NULL;

    if ((n & (n - 1)) == 0) {
        size_t room = n == 0 ? 1 : n * 2;
        void *grown = reallocarray(*array, room, size);
        if (!grown)
            return NULL;

        *array = grown;
    }

    void *element = (char *)*array + n * size;
    memset(element, 0, size);
    return element;
}
