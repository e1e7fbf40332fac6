/* SPDX-License-Identifier: Apache-2.0 */
/* declare_tables.c: the words of a pipeline file. The order is that of docs/pipeline-file.md. */
#include "pipelines/declare.h"

#include "base/check.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, 0, 0, NULL, NULL, NULL                                                               \
    }

static const struct weir_option file_options[] = {
    {"pipeline", WEIR_OPTION_TEXT, 1, NULL, NULL,
     "its name: a letter, then letters, digits, _ and -; it stands in URLs, metrics and file "
     "names"},
    {"source", WEIR_OPTION_NODE, 1, NULL, NULL, "where records come from and what they hold"},
    {"transforms", WEIR_OPTION_NODE, 0, NULL, NULL,
     "a list of stages, each `- name: options`; see the page on stages"},
    {"sink", WEIR_OPTION_NODE, 1, NULL, NULL, "what is kept: aggregates and sets"},
    {"http", WEIR_OPTION_NODE, 0, NULL, NULL, "what HTTP may do besides reading"},
    {"tests", WEIR_OPTION_NODE, 0, NULL, NULL, "what `weir test` runs: a list"},
    END};
const struct declaration declare_file = {
    "", "The file itself. Its words stand in the order in which a record meets them.", file_options,
    ""};

static const struct weir_option source_options[] = {
    {"kafka", WEIR_OPTION_NODE, 0, NULL, NULL, "topics of Kafka; this or `file`"},
    {"file", WEIR_OPTION_NODE, 0, NULL, NULL,
     "a file as a topic of one partition; this or `kafka`"},
    {"format", WEIR_OPTION_NODE, 0, "json", NULL,
     "`json` or `csv`, or with options: `{json: {validate: full}}`, `{csv: {delimiter: \";\"}}`"},
    {"fields", WEIR_OPTION_NODE, 1, NULL, NULL,
     "`NAME: TYPE`, or `NAME: {path: a.b, type: TYPE}`: the only fields that are decoded. Types: "
     "bool, int, float, decimal(n), string, bytes, "
     "timestamp(s|ms|us|ns|rfc3339|'strptime format'), array(T), json; with `?` it may be missing "
     "or null"},
    {"event_time", WEIR_OPTION_TEXT, 0, "_timestamp", NULL,
     "the field, of type timestamp, that says when a record happened; by default Kafka's "
     "timestamp"},
    {"max_ahead", WEIR_OPTION_DURATION, 0, "5m", NULL,
     "how far event time may move the watermark beyond the wall clock"},
    {"idle", WEIR_OPTION_DURATION, 0, "10s", NULL,
     "a partition at its end and silent for so long holds no window back from being final"},
    {"on_error", WEIR_OPTION_CHOICE, 0, "dead_letter", "dead_letter|skip|stop",
     "what happens to a record that cannot be processed"},
    {"dead_letter", WEIR_OPTION_NODE, 0, NULL, NULL, "where such records go"},
    END};
const struct declaration declare_source = {"source", "Where records come from, and what they hold.",
                                           source_options, "envelope"};

static const struct weir_option kafka_options[] = {
    {"brokers", WEIR_OPTION_TEXT, 1, NULL, NULL, "host:port, several separated by commas"},
    {"topics", WEIR_OPTION_LIST, 1, NULL, NULL, "names of topics"},
    {"group", WEIR_OPTION_TEXT, 0, "weir-PIPELINE", NULL,
     "the consumer group; daemons of one group share the partitions"},
    {"start", WEIR_OPTION_TEXT, 0, "earliest", NULL,
     "where there is no snapshot: earliest, latest, or a time (RFC 3339)"},
    {"membership", WEIR_OPTION_CHOICE, 0, "static", "static|dynamic",
     "static: a restart within the session (10 s) gets its partitions back at once; dynamic: a "
     "member that stops leaves at once"},
    {"on_gap", WEIR_OPTION_CHOICE, 0, "stop", "stop|earliest|latest",
     "where Kafka no longer has the next record: the partition stops, or goes on there, counted"},
    {"on_recreated", WEIR_OPTION_CHOICE, 0, "stop", "stop|restart",
     "where the topic is another incarnation: the partition stops, or begins anew at `start`"},
    {"properties", WEIR_OPTION_MAP, 0, NULL, NULL,
     "any property of librdkafka, verbatim, but those that load code or that weir sets itself"},
    END};
const struct declaration declare_kafka = {"source.kafka", "Topics of Kafka.", kafka_options, ""};

static const struct weir_option file_source_options[] = {
    {"path", WEIR_OPTION_TEXT, 1, NULL, NULL,
     "the file: NDJSON or CSV, by `format`; a relative path counts from the pipeline file's "
     "folder"},
    {"follow", WEIR_OPTION_BOOL, 0, "false", NULL,
     "wait for more at the end, instead of being finished"},
    END};
const struct declaration declare_file_source = {
    "source.file",
    "A file as a topic: its base name is the topic, its partition is 0, its bytes are the offsets.",
    file_source_options, ""};

static const struct weir_option format_json_options[] = {
    {"validate", WEIR_OPTION_CHOICE, 0, "fields", "fields|full",
     "full: the values that are skipped are checked as well, and a key that stands twice rejects "
     "its record"},
    END};
const struct declaration declare_format_json = {
    "source.format.json", "Records that are JSON objects.", format_json_options, ""};

static const struct weir_option format_csv_options[] = {
    {"header", WEIR_OPTION_BOOL, 0, NULL, NULL,
     "of a file: its first record names the columns (true, unless `columns` does); in Kafka there "
     "is "
     "no header"},
    {"columns", WEIR_OPTION_LIST, 0, NULL, NULL,
     "the names of the columns by position; default: the header's, else those of `fields` in "
     "order"},
    {"delimiter", WEIR_OPTION_TEXT, 0, ",", NULL, "one character"},
    END};
const struct declaration declare_format_csv = {
    "source.format.csv",
    "Records of RFC 4180; every field is text and is read as its declared type.",
    format_csv_options, ""};

static const struct weir_option field_options[] = {
    {"type", WEIR_OPTION_TEXT, 1, NULL, NULL, "as in the short form"},
    {"path", WEIR_OPTION_NODE, 0, NULL, NULL,
     "where it stands in the record: keys joined by dots, or a list of keys; default: its name"},
    {"coerce", WEIR_OPTION_BOOL, 0, "false", NULL,
     "text is read as the declared type, where JSON has \"12\" for 12"},
    END};
const struct declaration declare_field = {"source.fields.NAME", "A field in its long form.",
                                          field_options, ""};

static const struct weir_option dead_letter_options[] = {
    {"max_bytes", WEIR_OPTION_SIZE, 0, "1GiB", NULL,
     "of the local files; when they are full the partition stops, and nothing is lost silently"},
    END};
const struct declaration declare_dead_letter = {"source.dead_letter",
                                                "Records that cannot be processed, with the reason "
                                                "and their original bytes, in files of the data "
                                                "directory.",
                                                dead_letter_options, "topic"};

static const struct weir_option sink_options[] = {
    {"aggregates", WEIR_OPTION_NODE, 0, NULL, NULL, "groups with measures, by name"},
    {"sets", WEIR_OPTION_NODE, 0, NULL, NULL, "the last version of each key, by name"},
    {"snapshots", WEIR_OPTION_NODE, 0, NULL, NULL, "images of the state, in the data directory"},
    END};
const struct declaration declare_sink = {"sink", "What is kept, and can be asked for.",
                                         sink_options, "redis|kafka"};

static const struct weir_option set_options[] = {
    {"key", WEIR_OPTION_NODE, 1, NULL, NULL, "a column, or a list of columns"},
    {"bins", WEIR_OPTION_LIST, 0, NULL, NULL,
     "the columns that a record holds besides its key; default: all that are visible"},
    {"version", WEIR_OPTION_EXPR, 0, NULL, NULL,
     "keep the record for which this is greatest: an int, decimal, float or timestamp. Without it "
     "the last record of a partition counts, and of several partitions the one with the greatest "
     "event time"},
    {"delete_when", WEIR_OPTION_EXPR, 0, NULL, NULL,
     "a record for which this condition holds deletes its key"},
    {"max_records", WEIR_OPTION_INT, 0, "100000000", NULL, "in each partition"},
    {"on_full", WEIR_OPTION_CHOICE, 0, "refuse", "evict|refuse|pause",
     "at a limit: give up other records, refuse new keys, or pause the partition"},
    END};
const struct declaration declare_set = {"sink.sets.NAME",
                                        "The last version of each key. A record without a value (a "
                                        "tombstone) deletes from sets keyed by "
                                        "`_key`.",
                                        set_options, "ttl|ttl_from|index"};

static const struct weir_option aggregate_options[] = {
    {"by", WEIR_OPTION_LIST, 0, NULL, NULL,
     "the columns that make a group; without it there is one group. What must be computed is a "
     "column of a `set` stage"},
    {"where", WEIR_OPTION_EXPR, 0, NULL, NULL,
     "only records for which this condition holds; the measures' arguments are computed for those "
     "alone"},
    {"window", WEIR_OPTION_NODE, 0, NULL, NULL,
     "by event time; without it the aggregate is running"},
    {"measures", WEIR_OPTION_MAP, 1, NULL, NULL, "`NAME: FUNCTION(EXPRESSION)`, or `count(*)`"},
    {"max_groups", WEIR_OPTION_INT, 0, "10000000", NULL,
     "in each partition, and in each pane where there are windows"},
    {"on_full", WEIR_OPTION_CHOICE, 0, "overflow", "overflow|evict|pause",
     "at a limit: count what does not fit in one labelled group, give up other groups, or pause "
     "the "
     "partition"},
    {"late", WEIR_OPTION_CHOICE, 0, "count", "count",
     "records older than `lateness` are not applied, and are counted"},
    END};
const struct declaration declare_aggregate = {"sink.aggregates.NAME",
                                              "Groups of records, and what is measured of each.",
                                              aggregate_options, ""};

static const struct weir_option window_options[] = {
    {"size", WEIR_OPTION_DURATION, 1, NULL, NULL, "how long a window is"},
    {"slide", WEIR_OPTION_DURATION, 0, NULL, NULL,
     "from one window's begin to the next one's; default: `size`, windows side by side. Panes are "
     "the greatest common divisor of both; queries may ask for any multiple of a pane"},
    {"keep", WEIR_OPTION_DURATION, 0, "24h", NULL,
     "how long panes can be asked for, counted back from the watermark"},
    {"lateness", WEIR_OPTION_DURATION, 0, NULL, NULL,
     "how far behind the watermark a record may be and still count; default: `keep`"},
    END};
const struct declaration declare_window = {
    "sink.aggregates.NAME.window", "Windows by event time, aligned to 1970-01-01T00:00:00Z.",
    window_options, "session"};

static const struct weir_option snapshots_options[] = {
    {"every", WEIR_OPTION_DURATION, 0, "30s", NULL, "how often"},
    {"keep", WEIR_OPTION_INT, 0, "3", NULL, "how many of the last ones stay readable"},
    END};
const struct declaration declare_snapshots = {"sink.snapshots",
                                              "Images of the state, in the data directory.",
                                              snapshots_options, "every_records|encrypt_key|to"};

static const struct weir_option http_options[] = {
    {"produce", WEIR_OPTION_BOOL, 0, "false", NULL,
     "allow `POST /v1/pipelines/P/records`: records into the source topic"},
    END};
const struct declaration declare_http = {"http", "What HTTP may do besides reading.", http_options,
                                         ""};

static const struct weir_option test_options[] = {
    {"name", WEIR_OPTION_TEXT, 1, NULL, NULL, "what it shows"},
    {"at", WEIR_OPTION_TEXT, 0, "2026-01-01T00:00:00Z", NULL,
     "the wall clock's time (RFC 3339); it stands still but for `advance`"},
    {"input", WEIR_OPTION_NODE, 1, NULL, NULL,
     "a list of records: a map is a record's fields, with `_key`, `_partition`, `_timestamp`, "
     "`_headers` beside them, or `_value` for all of them (`_value: null` is a tombstone); a text "
     "is "
     "a record's bytes as they are"},
    {"advance", WEIR_OPTION_DURATION, 0, NULL, NULL, "time passes after the input"},
    {"expect", WEIR_OPTION_NODE, 1, NULL, NULL, "what must be there then"},
    END};
const struct declaration declare_test = {
    "tests[]", "A test: records go in at a given time, and the answers are compared.", test_options,
    "kill"};

static const struct weir_option expect_options[] = {
    {"aggregates", WEIR_OPTION_NODE, 0, NULL, NULL,
     "`NAME: [rows]`, exactly these in any order; or `NAME: {order: \"-x\", rows: [..]}`"},
    {"sets", WEIR_OPTION_NODE, 0, NULL, NULL, "the same for sets"},
    {"dead_letters", WEIR_OPTION_NODE, 0, NULL, NULL,
     "a list in the order of rejection, each of `reason`, `stage`, `error` (a part of the text), "
     "`value`, `offset`; those that are not listed fail the test"},
    END};
const struct declaration declare_expect = {"tests[].expect", "What the tables hold then.",
                                           expect_options, "output"};

static const struct declaration *const all[] = {
#define DECLARATION_ENTRY(name) &declare_##name,
    DECLARATIONS(DECLARATION_ENTRY)
#undef DECLARATION_ENTRY
};

size_t declaration_count(void)
{
    return COUNT_OF(all);
}

const struct declaration *declaration_at(size_t i)
{
    return all[i];
}

const char *declare_default(const struct declaration *declaration, const char *key)
{
    for (const struct weir_option *o = declaration->options; o->name; o++)
        if (!strcmp(o->name, key))
            return o->fallback;
    return NULL;
}
