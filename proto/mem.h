/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * mem — ownership in the type system: cleanup attributes and explicit transfer.
 *
 *     closing(bytes_done) struct bytes sig = BYTES_INIT(SIGNATURE_MAX_BYTES);
 *     closing(freep) char *name = NULL;
 *     …
 *     *ret = steal(name);
 */
#include <stddef.h>
#include <stdlib.h>

#include "proto/banned.h"

#define must_check        __attribute__((warn_unused_result))
#define like_printf(f, a) __attribute__((format(printf, f, a)))
#define closing(fn)       __attribute__((cleanup(fn)))
#define steal(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Define fnp(), the cleanup form of the destructor fn() of type. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
    static inline void fn##p(type **p)                                                             \
    {                                                                                              \
        if (*p)                                                                                    \
            fn(*p);                                                                                \
    }                                                                                              \
    struct swallow_semicolon_

static inline void
freep(void *p)
{
    free(*(void **)p);
}

/* Close a descriptor and forget it; negative means none. */
void fd_close(int *fd);

/*
 * array is the address of a pointer to n elements of size bytes, grown here and nowhere else. Grow
 * it so that one more fits; at most max elements. Returns the place of the new, zeroed element, or
 * NULL (n is max already, or no memory), and then the array is as before.
 * Doubling is done on powers of two, so no capacity has to be stored.
 */
must_check void *mem_grow(void *array, size_t n, size_t size, size_t max);
