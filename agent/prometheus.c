/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prometheus.h"

#include <inttypes.h>

void
prometheus_family(struct bytes *b, const char *name, const char *type, const char *help)
{
    bytes_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_value(struct bytes *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            bytes_printf(b, "\\n");
            continue;
        }

        if (*text == '\\' || *text == '"')
            bytes_printf(b, "\\");
        bytes_printf(b, "%c", *text);
    }
}

static void
put_name(struct bytes *b, const char *name, const struct prometheus_label *labels, size_t n)
{
    bytes_printf(b, "%s", name);
    for (size_t i = 0; i < n; i++) {
        bytes_printf(b, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
        put_value(b, labels[i].value);
        bytes_printf(b, "\"");
    }
    bytes_printf(b, "%s ", n > 0 ? "}" : "");
}

void
prometheus_sample(struct bytes *b, const char *name, const struct prometheus_label *labels,
    size_t n, int64_t value)
{
    put_name(b, name, labels, n);
    bytes_printf(b, "%" PRId64 "\n", value);
}

void
prometheus_time(
    struct bytes *b, const char *name, const struct prometheus_label *labels, size_t n, uint64_t us)
{
    put_name(b, name, labels, n);
    bytes_printf(b, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* "0.0025": without zeros at its end. */
static void
format_bound(char ret[32], uint64_t us)
{
    snprintf(ret, 32, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
    for (size_t len = strlen(ret); ret[len - 1] == '0' || ret[len - 1] == '.'; len--) {
        bool is_point = ret[len - 1] == '.';
        ret[len - 1] = 0;
        if (is_point)
            break;
    }
}

void
prometheus_histogram(struct bytes *b, const char *name, const struct prometheus_label *label,
    const struct meter_histogram *histogram)
{
    struct prometheus_label labels[2] = {*label, {"le", ""}};
    char part[96], bound[32];
    uint64_t n = 0;

    snprintf(part, sizeof part, "%s_bucket", name);
    for (size_t i = 0; i <= METER_BUCKETS; i++) {
        n += histogram->n[i];
        if (i < METER_BUCKETS)
            format_bound(bound, meter_bounds_us[i]);
        labels[1].value = i < METER_BUCKETS ? bound : "+Inf";
        prometheus_sample(b, part, labels, 2, (int64_t)n);
    }

    snprintf(part, sizeof part, "%s_sum", name);
    prometheus_time(b, part, label, 1, histogram->sum_us);
    snprintf(part, sizeof part, "%s_count", name);
    prometheus_sample(b, part, label, 1, (int64_t)n);
}
