/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_BYTES (128 * 1024) /* glibc's own first bound */

void
footprint_bound(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

/* Nobody ever wrote to these pages, so none holds more than its file. */
static int
drop_pages(struct dl_phdr_info *object, size_t size, void *userdata)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)userdata;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = (uintptr_t)(object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (uintptr_t)(object->dlpi_addr + segment->p_vaddr + segment->p_memsz);

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            madvise((void *)start, end - start, MADV_DONTNEED);
    }

    return 0;
}

void
footprint_shrink(void)
{
    malloc_trim(0);
    dl_iterate_phdr(drop_pages, NULL);
}
