/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/members.h"

static size_t left; /* until the one that fails; 0: none does */
static bool has_struck;
static int n_suspended;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void
fault_arm(size_t n)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    left = n;
    has_struck = false;
}

bool
fault_has_struck(void)
{
    return has_struck;
}

void
fault_suspend(void)
{
    n_suspended++;
}

void
fault_resume(void)
{
    n_suspended--;
}

static bool
strikes(void)
{
    if (left == 0 || n_suspended > 0 || --left > 0)
        return false;

    has_struck = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return strikes() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return strikes() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
    return strikes() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return strikes() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *text)
{
    return strikes() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t len)
{
    return strikes() ? NULL : __real_strndup(text, len);
}

int
__wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
    return strikes() ? -1 : __real_vasprintf(ret, fmt, ap);
}

int
__wrap_asprintf(char **ret, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int len = __wrap_vasprintf(ret, fmt, ap);
    va_end(ap);
    return len;
}

/* SQLite's own way to allocate, which knows the size of what it gave. */
static sqlite3_mem_methods sqlite_real;

static void *
sqlite_malloc(int size)
{
    return strikes() ? NULL : sqlite_real.xMalloc(size);
}

static void *
sqlite_realloc(void *p, int size)
{
    return strikes() ? NULL : sqlite_real.xRealloc(p, size);
}

void
fault_cover_sqlite(void)
{
    int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_real);
    assert(rc == SQLITE_OK);

    sqlite3_mem_methods counted = sqlite_real;
    counted.xMalloc = sqlite_malloc;
    counted.xRealloc = sqlite_realloc;
    rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &counted);
    assert(rc == SQLITE_OK);
}
