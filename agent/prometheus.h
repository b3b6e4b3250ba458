/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * prometheus — figures in the text form that Prometheus and others read, version 0.0.4: a family of
 * them begins with what it is, and one line for each follows.
 */
#include "agent/meter.h"
#include "proto/bytes.h"

/* type: "counter", "gauge" or "histogram". help: a sentence without backslashes and newlines. */
void prometheus_family(struct bytes *b, const char *name, const char *type, const char *help);

struct prometheus_label {
    const char *name, *value; /* the value may be anything */
};

/* n: of the labels. */
void prometheus_sample(struct bytes *b, const char *name, const struct prometheus_label *labels,
    size_t n, int64_t value);
/* In seconds, which is the unit of all times there. */
void prometheus_time(struct bytes *b, const char *name, const struct prometheus_label *labels,
    size_t n, uint64_t us);
/* All lines of one histogram, with one label. */
void prometheus_histogram(struct bytes *b, const char *name, const struct prometheus_label *label,
    const struct meter_histogram *histogram);
