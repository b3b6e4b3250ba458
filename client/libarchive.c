/* SPDX-License-Identifier: Apache-2.0 */
#include "client/libarchive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <sys/stat.h>

#define NAME "libarchive.so.13" /* of the headers that we are compiled with: ARCHIVE_VERSION 3 */

typedef struct archive_entry entry;

/* What it returns, its name, its parameters, and these once more. */
#define FUNCTIONS(F)                                                                               \
    F(struct archive *, archive_read_new, (void), ())                                              \
    F(int, archive_read_support_filter_bzip2, (struct archive * a), (a))                           \
    F(int, archive_read_support_filter_gzip, (struct archive * a), (a))                            \
    F(int, archive_read_support_filter_xz, (struct archive * a), (a))                              \
    F(int, archive_read_support_filter_zstd, (struct archive * a), (a))                            \
    F(int, archive_read_support_format_tar, (struct archive * a), (a))                             \
    F(int, archive_read_open_fd, (struct archive * a, int fd, size_t n), (a, fd, n))               \
    F(int, archive_read_next_header, (struct archive * a, entry * *e), (a, e))                     \
    F(la_int64_t, archive_read_header_position, (struct archive * a), (a))                         \
    F(int, archive_read_data_block,                                                                \
        (struct archive * a, const void **p, size_t *len, la_int64_t *offset),                     \
        (a, p, len, offset))                                                                       \
    F(int, archive_read_data_skip, (struct archive * a), (a))                                      \
    F(int, archive_read_free, (struct archive * a), (a))                                           \
    F(int, archive_errno, (struct archive * a), (a))                                               \
    F(const char *, archive_error_string, (struct archive * a), (a))                               \
    F(la_int64_t, archive_filter_bytes, (struct archive * a, int n), (a, n))                       \
    F(int, archive_filter_count, (struct archive * a), (a))                                        \
    F(entry *, archive_entry_new, (void), ())                                                      \
    F(mode_t, archive_entry_filetype, (entry * e), (e))                                            \
    F(const char *, archive_entry_pathname, (entry * e), (e))                                      \
    F(const char *, archive_entry_hardlink, (entry * e), (e))                                      \
    F(const char *, archive_entry_symlink, (entry * e), (e))                                       \
    F(la_int64_t, archive_entry_size, (entry * e), (e))                                            \
    F(int, archive_entry_sparse_count, (entry * e), (e))                                           \
    F(struct archive *, archive_write_new, (void), ())                                             \
    F(int, archive_write_set_format_raw, (struct archive * a), (a))                                \
    F(int, archive_write_add_filter_gzip, (struct archive * a), (a))                               \
    F(int, archive_write_set_filter_option,                                                        \
        (struct archive * a, const char *m, const char *o, const char *v), (a, m, o, v))           \
    F(int, archive_write_set_bytes_per_block, (struct archive * a, int n), (a, n))                 \
    F(int, archive_write_set_bytes_in_last_block, (struct archive * a, int n), (a, n))             \
    F(int, archive_write_open,                                                                     \
        (struct archive * a, void *data, archive_open_callback *on_open,                           \
            archive_write_callback *on_write, archive_close_callback *on_close),                   \
        (a, data, on_open, on_write, on_close))                                                    \
    F(int, archive_write_header, (struct archive * a, entry * e), (a, e))                          \
    F(la_ssize_t, archive_write_data, (struct archive * a, const void *p, size_t n), (a, p, n))    \
    F(int, archive_write_close, (struct archive * a), (a))                                         \
    F(int, archive_write_free, (struct archive * a), (a))

/* Functions that return nothing. */
#define PROCEDURES(F)                                                                              \
    F(void, archive_entry_free, (entry * e), (e))                                                  \
    F(void, archive_entry_set_filetype, (entry * e, unsigned type), (e, type))                     \
    F(void, archive_entry_set_pathname, (entry * e, const char *name), (e, name))                  \
    F(void, archive_entry_set_size, (entry * e, la_int64_t size), (e, size))

/* Set once, by libarchive_load(). */
static struct {
    void *handle;
#define POINTER(type, name, parameters, arguments) type(*name) parameters;
    FUNCTIONS(POINTER)
    PROCEDURES(POINTER)
} library;

#define FORWARD(type, name, parameters, arguments)                                                 \
    type name parameters                                                                           \
    {                                                                                              \
        return library.name arguments;                                                             \
    }
#define FORWARD_PROCEDURE(type, name, parameters, arguments)                                       \
    type name parameters                                                                           \
    {                                                                                              \
        library.name arguments;                                                                    \
    }
FUNCTIONS(FORWARD)
PROCEDURES(FORWARD_PROCEDURE)

/* ret: the place of the pointer to it, of whatever type. */
static enum rc
find(void *ret, void *handle, const char *name, struct why *why)
{
    void *found = dlsym(handle, name);
    if (!found)
        return fail(why, RC_UNSUPPORTED, "libarchive: %s", dlerror());

    memcpy(ret, &found, sizeof found); /* POSIX: as wide as a pointer to a function */
    return RC_OK;
}

enum rc
libarchive_load(struct why *why)
{
    enum rc rc = RC_OK;

    if (library.handle)
        return RC_OK;

    void *handle = dlopen(NAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return fail(
            why, RC_UNSUPPORTED, "archives need libarchive: %s; install libarchive13", dlerror());

#define FIND(type, name, parameters, arguments)                                                    \
    if (!rc)                                                                                       \
        rc = find(&library.name, handle, #name, why);
    FUNCTIONS(FIND)
    PROCEDURES(FIND)
    if (rc)
        return rc;

    library.handle = handle;
    return RC_OK;
}
