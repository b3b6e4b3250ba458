/* SPDX-License-Identifier: Apache-2.0 */
#include "client/natural.h"

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static struct span
rest(struct span s, size_t at)
{
    return (struct span){s.p + at, s.len - at};
}

/* The number that s starts with, without its leading zeros; how many these are. */
static struct span
number(struct span s, size_t *ret_zeros)
{
    size_t zeros = 0, end;

    while (zeros < s.len && s.p[zeros] == '0')
        zeros++;
    for (end = zeros; end < s.len && is_digit(s.p[end]);)
        end++;

    *ret_zeros = zeros;
    return (struct span){s.p + zeros, end - zeros};
}

static int
size_cmp(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* Both start with a digit; on equality both go on behind their numbers. */
static int
number_cmp(struct span *a, struct span *b)
{
    size_t a_zeros, b_zeros;
    struct span x = number(*a, &a_zeros), y = number(*b, &b_zeros);

    int order = size_cmp(x.len, y.len);
    if (!order)
        order = span_cmp(x, y);
    if (!order)
        order = size_cmp(a_zeros, b_zeros);

    *a = rest(*a, a_zeros + x.len);
    *b = rest(*b, b_zeros + y.len);
    return order;
}

int
natural_cmp(struct span a, struct span b)
{
    int order = 0;

    while (!order && a.len > 0 && b.len > 0) {
        bool is_number = is_digit(*a.p);
        if (is_number != is_digit(*b.p))
            return is_number ? -1 : 1;

        if (is_number) {
            order = number_cmp(&a, &b);
            continue;
        }

        order = (*a.p > *b.p) - (*a.p < *b.p);
        a = rest(a, 1);
        b = rest(b, 1);
    }

    return order ? order : size_cmp(a.len, b.len);
}
