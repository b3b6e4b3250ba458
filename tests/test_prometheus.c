/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/metrics.h"

static void
test_writes_a_family_and_its_samples(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(4096);

    (void)state;
    prometheus_family(&b, "a_total", "counter", "What it counts.");
    prometheus_sample(&b, "a_total", NULL, 0, -1);
    prometheus_sample(&b, "a_total", (struct prometheus_label[]){{"x", "1"}, {"y", ""}}, 2, 7);
    prometheus_time(&b, "b_seconds", NULL, 0, 1500042);
    assert_string_equal(bytes_text(&b), "# HELP a_total What it counts.\n"
                                        "# TYPE a_total counter\n"
                                        "a_total -1\n"
                                        "a_total{x=\"1\",y=\"\"} 7\n"
                                        "b_seconds 1.500042\n");
}

static void
test_no_label_ends_its_line(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(4096);

    (void)state;
    prometheus_sample(&b, "a", (struct prometheus_label[]){{"x", "q\" b\\ n\n."}}, 1, 0);
    assert_string_equal(bytes_text(&b), "a{x=\"q\\\" b\\\\ n\\n.\"} 0\n");
}

static void
test_buckets_of_a_histogram_hold_all_below_their_bounds(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(4096);
    struct meter_histogram h = {0};

    (void)state;
    meter_observe(&h, 1);
    meter_observe(&h, 2000);
    meter_observe(&h, 40000000);
    prometheus_histogram(&b, "t_seconds", &(struct prometheus_label){"token", "hsm"}, &h);
    assert_string_equal(bytes_text(&b), "t_seconds_bucket{token=\"hsm\",le=\"0.001\"} 1\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.0025\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.005\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.01\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.025\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.05\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.1\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.25\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"0.5\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"1\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"2.5\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"5\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"10\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"30\"} 2\n"
                                        "t_seconds_bucket{token=\"hsm\",le=\"+Inf\"} 3\n"
                                        "t_seconds_sum{token=\"hsm\"} 40.002001\n"
                                        "t_seconds_count{token=\"hsm\"} 3\n");
}

static void
test_counts_each_end_of_each_method(void **state)
{
    struct metrics m = {0};

    (void)state;
    metrics_count(&m, "Sign", AUDIT_RELEASED, "");
    metrics_count(&m, "Sign", AUDIT_REFUSED, "quota");
    metrics_count(&m, "Sign", AUDIT_REFUSED, "quota");
    metrics_count(&m, "Reload", AUDIT_REFUSED, "not-admin");
    assert_int_equal(m.n_rows, 3);
    assert_string_equal(m.rows[1].verdict, "refused");
    assert_string_equal(m.rows[1].reason, "quota");
    assert_int_equal(m.rows[1].n, 2);
    metrics_done(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_a_family_and_its_samples),
        cmocka_unit_test(test_no_label_ends_its_line),
        cmocka_unit_test(test_buckets_of_a_histogram_hold_all_below_their_bounds),
        cmocka_unit_test(test_counts_each_end_of_each_method),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
