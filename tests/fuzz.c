/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz.h"

#include <inttypes.h>

struct span
fuzz_part(struct span *rest)
{
    const uint8_t *start = rest->p, *end = rest->p + rest->len;

    for (const uint8_t *p = start; end - p >= 3; p++)
        if (!memcmp(p, "%%\n", 3) && (p == start || p[-1] == '\n')) {
            *rest = (struct span){p + 3, (size_t)(end - p) - 3};
            return (struct span){start, p == start ? 0 : (size_t)(p - start) - 1};
        }

    *rest = (struct span){end, 0};
    return (struct span){start, (size_t)(end - start)};
}

char *
fuzz_text(struct span text)
{
    char *copy = strndup((const char *)text.p, text.len);

    assert(copy);
    return copy;
}

int64_t
fuzz_number(struct span *text)
{
    int64_t number = 0;

    while (text->len > 0 && *text->p >= '0' && *text->p <= '9' && number < INTEGER_MAX / 10) {
        number = 10 * number + (*text->p - '0');
        text->p++;
        text->len--;
    }
    if (text->len > 0 && (*text->p == ' ' || *text->p == '\n')) {
        text->p++;
        text->len--;
    }

    return number;
}

json_t *
fuzz_json(struct span text)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;

    /* jansson 2.14 passes over a NUL behind a number or a word. */
    if (text.len == 0 || memchr(text.p, 0, text.len))
        return NULL;

    return json_loadb((const char *)text.p, text.len, flags, NULL);
}

/* Without the characters that canon refuses. */
static bool
put_string(struct bytes *b, const char *text)
{
    bytes_putc(b, '"');
    for (const char *p = text; *p; p++) {
        uint8_t c = (uint8_t)*p;

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (uint8_t)p[1] < 0xa0))
            return false;
        if (c == '"' || c == '\\')
            bytes_putc(b, '\\');
        bytes_putc(b, c);
    }
    bytes_putc(b, '"');
    return true;
}

static int
name_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool put_value(struct bytes *b, const json_t *value, int depth);

static bool
put_object(struct bytes *b, const json_t *object, int depth)
{
    size_t n = json_object_size(object), i = 0;
    const char *name = NULL;
    json_t *value = NULL;
    bool is_canonical = true;

    closing(freep) const char **names = calloc(n + 1, sizeof *names);
    assert(names);
    json_object_foreach((json_t *)object, name, value)
        names[i++] = name;
    qsort(names, n, sizeof *names, name_cmp);

    bytes_putc(b, '{');
    for (i = 0; i < n && is_canonical; i++) {
        if (i > 0)
            bytes_putc(b, ',');
        is_canonical = put_string(b, names[i]);
        bytes_putc(b, ':');
        is_canonical = is_canonical && put_value(b, json_object_get(object, names[i]), depth - 1);
    }
    bytes_putc(b, '}');
    return is_canonical;
}

static bool
put_array(struct bytes *b, const json_t *array, int depth)
{
    bool is_canonical = true;

    bytes_putc(b, '[');
    for (size_t i = 0; i < json_array_size(array) && is_canonical; i++) {
        if (i > 0)
            bytes_putc(b, ',');
        is_canonical = put_value(b, json_array_get(array, i), depth - 1);
    }
    bytes_putc(b, ']');
    return is_canonical;
}

static bool
put_value(struct bytes *b, const json_t *value, int depth)
{
    json_int_t integer = json_integer_value(value);

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return depth > 0 && put_object(b, value, depth);
    case JSON_ARRAY:
        return depth > 0 && put_array(b, value, depth);
    case JSON_STRING:
        return put_string(b, json_string_value(value));
    case JSON_INTEGER:
        bytes_printf(b, "%" JSON_INTEGER_FORMAT, integer);
        return integer >= -INTEGER_MAX && integer <= INTEGER_MAX;
    case JSON_TRUE:
        bytes_puts(b, "true");
        return true;
    case JSON_FALSE:
        bytes_puts(b, "false");
        return true;
    case JSON_NULL:
        bytes_puts(b, "null");
        return true;
    case JSON_REAL:
        break;
    }

    return false;
}

bool
fuzz_canonical(struct bytes *b, const json_t *value)
{
    return put_value(b, value, JSON_MAX_DEPTH);
}

bool
fuzz_is_canonical(struct span text)
{
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);

    json_auto_t *value = fuzz_json(text);
    return value && fuzz_canonical(&again, value) && span_eq(bytes_span(&again), text);
}

struct keyid
fuzz_id(const json_t *value)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct digest digest;
    struct keyid id;

    bool is_canonical = fuzz_canonical(&b, value);
    assert(is_canonical);
    digest_of(&digest, bytes_span(&b));
    digest_hex(id.hex, &digest);
    return id;
}

bool
fuzz_are_keys(const json_t *keyids, const json_t *keys)
{
    for (size_t i = 0; i < json_array_size(keyids); i++) {
        const char *id = json_string_value(json_array_get(keyids, i));

        if (!id || !json_object_get(keys, id))
            return false;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(id, json_string_value(json_array_get(keyids, k))))
                return false;
    }

    return true;
}
