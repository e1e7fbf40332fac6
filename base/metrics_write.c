/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text format 0.0.4 and OpenMetrics 1.0. */
#include "base/metrics_series.h"
#include "base/value.h"

/* Backslashes and line ends, in label values quotes too. */
static void write_escaped(struct text *out, const char *string, bool quotes)
{
    for (; *string; string++) {
        if (*string == '\\' || (quotes && *string == '"')) {
            text_add_char(out, '\\');
            text_add_char(out, *string);
        } else if (*string == '\n') {
            text_add(out, "\\n");
        } else {
            text_add_char(out, *string);
        }
    }
}

/* {a="x",b="y",le="0.1"}; nothing when there is no label. */
static void write_labels(struct text *out, const struct metric_series *series, const char *bound)
{
    const char *name = metrics_describe(series->metric)->labels;
    if (series->label_count == 0 && !bound)
        return;
    text_add_char(out, '{');
    for (size_t i = 0; i < series->label_count; i++) {
        size_t length = strcspn(name, ",");
        text_add_bytes(out, name, length);
        text_add(out, "=\"");
        write_escaped(out, series->label_values[i], true);
        text_add(out, i + 1 < series->label_count || bound ? "\"," : "\"");
        name += length + (name[length] == ',');
    }
    if (bound)
        text_addf(out, "le=\"%s\"", bound);
    text_add_char(out, '}');
}

/* Nanoseconds as seconds, exactly, without zeros at the end. */
static void write_seconds(struct text *out, int64_t ns)
{
    size_t from = out->length;
    decimal_write(out, ns, 9);
    if (out->failed)
        return;
    while (out->length > from && out->data[out->length - 1] == '0')
        out->length--;
    if (out->data[out->length - 1] == '.')
        out->length--;
    out->data[out->length] = '\0';
}

static void write_value(struct text *out, int64_t value, bool seconds)
{
    if (seconds)
        write_seconds(out, value);
    else
        int_write(out, value);
}

static void write_histogram(struct text *out, const struct metric_series *series, bool seconds,
                            bool openmetrics)
{
    const char *name = metrics_describe(series->metric)->name;
    uint64_t count = 0;
    for (size_t i = 0; i <= series->bound_count; i++) {
        struct text bound = TEXT_INIT;
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        if (i == series->bound_count)
            text_add(&bound, "+Inf");
        else if (openmetrics) /* bounds are floats there, in their canonical form */
            float_write(&bound, (double)series->bounds[i] / (seconds ? 1e9 : 1));
        else
            write_value(&bound, series->bounds[i], seconds);
        text_addf(out, "%s_bucket", name);
        write_labels(out, series, bound.failed ? "" : bound.data);
        text_addf(out, " %llu\n", (unsigned long long)count);
        text_done(&bound);
    }
    text_addf(out, "%s_sum", name);
    write_labels(out, series, NULL);
    text_add_char(out, ' ');
    write_value(out, metric_get(series), seconds);
    text_addf(out, "\n%s_count", name);
    write_labels(out, series, NULL);
    text_addf(out, " %llu\n", (unsigned long long)count);
}

/* In OpenMetrics a counter's family has no _total, its samples always have. */
static size_t family_length(const char *name, bool counter, bool openmetrics)
{
    size_t length = strlen(name), suffix = strlen("_total");
    bool total = length > suffix && strcmp(name + length - suffix, "_total") == 0;
    return openmetrics && counter && total ? length - suffix : length;
}

void metric_family_write(struct text *out, const struct metric_series *list, bool openmetrics)
{
    const struct metric_description *description = metrics_describe(list->metric);
    enum metric_kind kind = metric_kind_of(list->metric);
    bool seconds = metric_in_seconds(list->metric), counter = kind == METRIC_COUNTER;
    int length = (int)family_length(description->name, counter, openmetrics);
    text_addf(out, "# HELP %.*s ", length, description->name);
    write_escaped(out, description->help, openmetrics);
    text_addf(out, "\n# TYPE %.*s %s\n", length, description->name, metric_kind_name(kind));
    for (const struct metric_series *series = list; series; series = series->next) {
        if (kind == METRIC_HISTOGRAM) {
            write_histogram(out, series, seconds, openmetrics);
            continue;
        }
        text_add_bytes(out, description->name, (size_t)length);
        if (length < (int)strlen(description->name) || (openmetrics && counter))
            text_add(out, "_total");
        write_labels(out, series, NULL);
        text_add_char(out, ' ');
        write_value(out, metric_get(series), seconds);
        text_add_char(out, '\n');
    }
}
