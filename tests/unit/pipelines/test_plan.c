/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a plan: wrong files by their exact messages, right ones by what the plan says. */
#include "tests/unit/test.h"

#include "base/file.h"
#include "base/memory.h"
#include "pipelines/plan.h"

/* Of HEAD TABLE below. */
#define FINGERPRINT_OF_TABLE 0x423fc8d63b379943ULL
#define WRONG_FILES          "tests/unit/pipelines/wrong_files.txt"

static struct pipeline_plan *parse(const char *text, struct problems *problems)
{
    return pipeline_plan_parse("p.yaml", text, strlen(text), problems);
}

/* A plan that is right, with no warning. */
static struct pipeline_plan *planned(const char *text)
{
    struct problems problems = {0};
    struct pipeline_plan *plan = parse(text, &problems);
    struct text told = TEXT_INIT;
    problems_write(&problems, &told);
    if (told.length)
        fail_msg("%s", told.data);
    text_done(&told);
    problems_done(&problems);
    assert_non_null(plan);
    return plan;
}

/* Wrong files. */

static unsigned check_one(const char *name, const char *text, const char *expected)
{
    struct problems problems = {0};
    struct pipeline_plan *plan = parse(text, &problems);
    struct text told = TEXT_INIT;
    problems_write(&problems, &told);
    assert_int_equal(plan == NULL, problems.errors > 0);
    unsigned wrong = strcmp(told.length ? told.data : "", expected) != 0;
    if (wrong)
        printf("=== %s: expected\n%sand was told\n%s", name, expected,
               told.length ? told.data : "(nothing)\n");
    text_done(&told);
    problems_done(&problems);
    pipeline_plan_free(plan);
    return wrong;
}

static void wrong_files_are_told_exactly(void **state)
{
    setenv("WEIR_SECRET_EXPR", "hunter2 +", 1);
    unsetenv("WEIR_NOT_SET");
    struct text file = TEXT_INIT;
    struct weir_error error = {0};
    if (file_read(WRONG_FILES, 1 << 20, &file, &error) < 0)
        fail_msg("%s", error.text);
    unsigned count = 0;
    unsigned wrong = 0;
    char *at = strstr(file.data, "\n=== ");
    while (at) {
        char *name = at + 5;
        char *text = strchr(name, '\n');
        char *told = strstr(text, "\n<<<\n");
        assert_non_null(told);
        *text++ = 0;
        char *next = strstr(told + 5, "\n=== ");
        char *behind = next ? next : file.data + file.length;
        char keep = told[1];
        told[1] = 0;
        char *expected = mem_strndup(told + 5, (size_t)(behind - (told + 5)));
        wrong += check_one(name, text, expected);
        free(expected);
        told[1] = keep;
        count++;
        at = next;
    }
    text_done(&file);
    assert_true(count > 60);
    assert_int_equal(wrong, 0);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct problems problems = {0};
    assert_null(pipeline_plan_load("/nowhere/p.yaml", &problems));
    assert_int_equal(problems.errors, 1);
    assert_non_null(strstr(problems.items[0].text, "/nowhere/p.yaml"));
    problems_done(&problems);
}

/* Every message is of a file of a hundred mistakes; more are counted. */
static void mistakes_are_bounded(void **state)
{
    struct text text = TEXT_INIT;
    text_add(&text, "pipeline: p\nsource:\n  file: {path: x}\n  fields: {a: int}\ntransforms:\n");
    for (int i = 0; i < 250; i++)
        text_addf(&text, "  - filter: nope%d\n", i);
    text_add(&text, "sink: {aggregates: {t: {measures: {n: count(*)}}}}\n");
    struct problems problems = {0};
    assert_null(parse(text.data, &problems));
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_int_equal(problems.errors, 250);
    assert_int_equal(problems.warnings, 0);
    problems_done(&problems);
    text_done(&text);
}

/* `item` with its %d replaced. */
static void write_item(char *to, size_t size, const char *item, int number)
{
    const char *mark = strstr(item, "%d");
    if (mark)
        snprintf(to, size, "%.*s%d%s", (int)(mark - item), item, number, mark + 2);
    else
        snprintf(to, size, "%s", item);
}

/* What grows with the square of a file's size would not end within the time that a test has. */
static void large_files_take_no_longer_than_their_size(void **state)
{
    static const struct {
        const char *begin, *item, *end;
        int items;
    } files[] = {
        {"sink: {aggregates: {t: {measures: {", "m%d: sum(a), ", "z: sum(a)}}}}\n", 20000},
        {"transforms:\n  - set: {", "a%d: f(x, ", "z: 1}\nsink: {}\n", 20000},
        {"transforms:\n  - set: {a: ", "f(%d, ", "1}\nsink: {}\n", 20000},
        {"transforms:\n  - filter: ", "${X:-a} + %d + ", "1\nsink: {}\n", 20000},
        {"sink: {}\n", "k%d: 1\nk: 2\n", "", 20000},
        {"transforms:\n  - set:\n", "      c%d: nope\n", "sink: {}\n", 30000},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct text text = TEXT_INIT;
        text_add(&text, "pipeline: p\nsource:\n  file: {path: x}\n  fields: {a: int}\n");
        text_add(&text, files[i].begin);
        for (int n = 0; n < files[i].items; n++) {
            char item[64];
            write_item(item, sizeof item, files[i].item, n);
            text_add(&text, item);
        }
        text_add(&text, files[i].end);
        struct problems problems = {0};
        assert_null(parse(text.data, &problems));
        assert_true(problems.errors > 0);
        problems_done(&problems);
        text_done(&text);
    }
}

/* Right files. */

#define HEAD                                                                                       \
    "pipeline: p\n"                                                                                \
    "source:\n"                                                                                    \
    "  kafka: {brokers: \"b:9092\", topics: [t, u]}\n"                                             \
    "  fields: {id: int, name: \"string?\", amount: decimal(2), at: timestamp(ms), ok: bool}\n"    \
    "  event_time: at\n"

static void a_kafka_source_is_read(void **state)
{
    struct pipeline_plan *p = planned("pipeline: orders-2\n"
                                      "source:\n"
                                      "  kafka:\n"
                                      "    brokers: b1:9092,b2:9092\n"
                                      "    topics: [orders, orders.eu]\n"
                                      "    start: 2026-03-01T10:00:00Z\n"
                                      "    membership: dynamic\n"
                                      "    on_gap: latest\n"
                                      "    on_recreated: restart\n"
                                      "    properties: {fetch.wait.max.ms: 50}\n"
                                      "  format: {json: {validate: full}}\n"
                                      "  fields: {a: int}\n"
                                      "  max_ahead: 1h\n"
                                      "  idle: 250ms\n"
                                      "  on_error: skip\n"
                                      "sink: {aggregates: {t: {measures: {n: count(*)}}}}\n"
                                      "http: {produce: true}\n");
    assert_string_equal(p->name, "orders-2");
    assert_int_equal(p->source, SOURCE_KAFKA);
    assert_string_equal(p->kafka.brokers, "b1:9092,b2:9092");
    assert_int_equal(p->kafka.topic_count, 2);
    assert_string_equal(p->kafka.topics[1], "orders.eu");
    assert_string_equal(p->kafka.group, "weir-orders-2");
    assert_int_equal(p->start, START_TIME);
    assert_true(p->start_ns == 1772359200000000000);
    assert_true(p->kafka_dynamic);
    assert_int_equal(p->on_gap, KAFKA_GAP_LATEST);
    assert_true(p->on_recreated_restart);
    assert_int_equal(p->kafka.property_count, 1);
    assert_string_equal(p->kafka.properties[0].value, "50");
    assert_true(p->decode.json_validate_full);
    assert_int_equal(p->on_error, ON_ERROR_SKIP);
    assert_int_equal(p->event_time_column, SINK_NO_COLUMN);
    assert_true(p->sink.max_ahead_ns == 3600000000000);
    assert_true(p->sink.idle_ns == 250000000);
    assert_true(p->http_produce);
    pipeline_plan_free(p);
}

static void defaults_are_those_of_the_tables(void **state)
{
    struct pipeline_plan *p =
        planned("pipeline: p\nsource: {kafka: {brokers: b, topics: [t]}, fields: {a: int}}\n"
                "sink: {aggregates: {t: {window: {size: 10s}, measures: {n: count(*)}}}}\n");
    assert_int_equal(p->start, START_EARLIEST);
    assert_false(p->kafka_dynamic);
    assert_int_equal(p->on_gap, KAFKA_GAP_STOP);
    assert_int_equal(p->decode.format, DECODE_JSON);
    assert_int_equal(p->on_error, ON_ERROR_DEAD_LETTER);
    assert_null(p->dead_letter_topic);
    assert_int_equal(p->dead_letter_bytes_max, 1 << 30);
    assert_true(p->sink.max_ahead_ns == 300000000000);
    assert_true(p->sink.idle_ns == 10000000000);
    const struct aggregate_plan *a = p->sink.aggregates;
    assert_true(a->windowed);
    assert_true(a->keep_ns == 86400000000000);
    assert_true(a->lateness_ns == a->keep_ns);
    assert_true(a->pane_ns == 10000000000 && a->slide_ns == a->size_ns);
    assert_int_equal(a->on_full, ON_FULL_OVERFLOW);
    assert_int_equal(a->where_column, SINK_NO_COLUMN);
    assert_int_equal(a->by_count, 0);
    assert_null(p->tests);
    pipeline_plan_free(p);
}

static void a_file_source_counts_from_the_folder_of_its_file(void **state)
{
    struct problems problems = {0};
    static const char text[] = "pipeline: p\n"
                               "source:\n"
                               "  file: {path: data/x.csv, follow: true}\n"
                               "  format: {csv: {delimiter: \";\"}}\n"
                               "  fields: {a: int, b: {path: B b, type: string}}\n"
                               "sink: {sets: {s: {key: a}}}\n";
    struct pipeline_plan *p =
        pipeline_plan_parse("some/where/p.yaml", text, strlen(text), &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(p->source, SOURCE_FILE);
    assert_string_equal(p->file.path, "some/where/data/x.csv");
    assert_true(p->file.follow && p->file.csv && p->file.csv_header);
    assert_int_equal(p->file.csv_delimiter, ';');
    assert_int_equal(p->decode.csv_delimiter, ';');
    assert_string_equal(p->fields[1].path[0], "B b");
    pipeline_plan_free(p);
}

static void fields_have_their_long_form(void **state)
{
    struct pipeline_plan *p = planned("pipeline: p\n"
                                      "source:\n"
                                      "  file: {path: x.ndjson}\n"
                                      "  fields:\n"
                                      "    city: {path: user.address.city, type: string?}\n"
                                      "    dotted: {path: [a.b, c], type: int, coerce: true}\n"
                                      "    day: timestamp('%d/%m/%Y')\n"
                                      "    tags: array(string)\n"
                                      "sink: {sets: {s: {key: city}}}\n");
    assert_int_equal(p->field_count, 4);
    assert_int_equal(p->fields[0].path_length, 3);
    assert_string_equal(p->fields[0].path[1], "address");
    assert_int_equal(p->fields[0].type.nullable, 1);
    assert_int_equal(p->fields[1].path_length, 2);
    assert_string_equal(p->fields[1].path[0], "a.b");
    assert_true(p->fields[1].coerce);
    assert_string_equal(p->fields[2].time_format, "%d/%m/%Y");
    assert_int_equal(p->fields[3].type.kind, WEIR_ARRAY);
    const struct set_plan *set = p->sink.sets;
    assert_int_equal(set->bin_count, 3); /* all but the key, none of those with _ */
    assert_string_equal(set->bins[0].name, "dotted");
    pipeline_plan_free(p);
}

static void aggregates_become_columns_and_panes(void **state)
{
    struct pipeline_plan *p = planned(
        HEAD "transforms:\n"
             "  - filter: ok\n"
             "  - set: {eur: amount * 2}\n"
             "sink:\n"
             "  aggregates:\n"
             "    a:\n"
             "      by: [name, ok]\n"
             "      where: id > 10\n"
             "      window: {size: 6m, slide: 4m, keep: 1h, lateness: 30s}\n"
             "      measures:\n"
             "        n: count(*)\n"
             "        plain: sum(eur)\n"
             "        twice: SUM( eur * 2 )\n"
             "        again: max(eur * 2)\n"
             "        ids: count(name)\n"
             "        mean: avg(id)\n"
             "      max_groups: 5\n"
             "      on_full: pause\n"
             "    b: {measures: {twice: \"sum(eur * 2)\", first: first(name), flag: min(ok)}}\n");
    assert_int_equal(p->sink.aggregate_count, 2);
    const struct aggregate_plan *a = p->sink.aggregates;
    assert_string_equal(a->by[1].name, "ok");
    assert_int_equal(a->by[1].column, 4);
    assert_int_equal(a->pane_ns / 60000000000, 2);
    assert_int_equal(a->lateness_ns / 1000000000, 30);
    assert_int_equal(a->groups_max, 5);
    assert_int_equal(a->on_full, ON_FULL_PAUSE);
    assert_int_equal(a->measures[0].function, MEASURE_COUNT_ALL);
    assert_int_equal(a->measures[0].column, SINK_NO_COLUMN);
    assert_int_equal(a->measures[1].function, MEASURE_SUM);
    assert_int_equal(a->measures[2].function, MEASURE_SUM);
    assert_int_equal(a->measures[2].result.kind, WEIR_DECIMAL);
    assert_int_equal(a->measures[2].result.scale, 2);
    assert_int_equal(a->measures[5].result.kind, WEIR_FLOAT);
    /* equal texts under one where share a column; under another they do not */
    assert_int_equal(a->measures[3].column, a->measures[2].column);
    assert_int_not_equal(p->sink.aggregates[1].measures[0].column, a->measures[2].column);
    assert_int_not_equal(a->where_column, SINK_NO_COLUMN);
    assert_int_equal(chain_transform_count(p->chain), 2);
    assert_int_equal(chain_stage_count(p->chain), 3);
    assert_string_equal(chain_stage_label(p->chain, 2), "3:sink");
    assert_int_equal(p->event_time_column, 3);
    pipeline_plan_free(p);
}

static void a_bare_column_adds_no_stage(void **state)
{
    struct pipeline_plan *p = planned(
        HEAD "sink: {aggregates: {a: {where: ok, by: [name], measures: {s: sum(amount)}}}}\n");
    assert_int_equal(chain_stage_count(p->chain), 0);
    assert_int_equal(p->sink.aggregates[0].where_column, 4);
    assert_int_equal(p->sink.aggregates[0].measures[0].column, 2);
    pipeline_plan_free(p);
}

static void sets_are_keyed(void **state)
{
    struct pipeline_plan *p = planned(HEAD "sink:\n"
                                           "  sets:\n"
                                           "    s:\n"
                                           "      key: _key\n"
                                           "      bins: [name, amount]\n"
                                           "      version: id * 2\n"
                                           "      delete_when: not ok\n"
                                           "      max_records: 10\n"
                                           "      on_full: evict\n");
    const struct set_plan *s = p->sink.sets;
    assert_true(s->key_is_record_key);
    assert_int_equal(s->bin_count, 2);
    assert_int_equal(s->version_type.kind, WEIR_INT);
    assert_int_not_equal(s->delete_column, SINK_NO_COLUMN);
    assert_int_equal(s->records_max, 10);
    assert_int_equal(s->on_full, ON_FULL_EVICT);
    assert_true(p->meta_needed[META_KEY]);
    assert_false(p->meta_needed[META_OFFSET]);
    pipeline_plan_free(p);
}

static void what_every_record_has_is_made_only_where_it_is_read(void **state)
{
    struct pipeline_plan *p =
        planned(HEAD "transforms:\n"
                     "  - filter: _partition >= 0\n"
                     "  - set: {h: _headers}\n"
                     "  - select: [id, h, _topic]\n"
                     "sink: {aggregates: {a: {by: [_topic], measures: {n: max(_timestamp)}}}}\n");
    static const bool needed[PLAN_META_COUNT] = {[META_TOPIC] = true,
                                                 [META_PARTITION] = true,
                                                 [META_HEADERS] = true,
                                                 [META_TIMESTAMP] = true};
    for (int i = 0; i < PLAN_META_COUNT; i++)
        assert_int_equal(p->meta_needed[i], needed[i]);
    pipeline_plan_free(p);
}

/* Fingerprints: what gives a table's state its meaning, and nothing else. */

static uint64_t fingerprint(const char *text)
{
    struct problems problems = {0};
    struct pipeline_plan *p = parse(text, &problems);
    if (!p) {
        fail_msg("%s", problems.items[0].text);
        return 0;
    }
    uint64_t hash =
        p->sink.aggregate_count ? p->sink.aggregates[0].fingerprint : p->sink.sets[0].fingerprint;
    pipeline_plan_free(p);
    problems_done(&problems);
    return hash;
}

#define TABLE                                                                                      \
    "sink: {aggregates: {a: {by: [name], window: {size: 1m}, measures: {s: sum(amount)}}}}\n"

static void a_fingerprint_changes_with_the_meaning_alone(void **state)
{
    uint64_t hash = fingerprint(HEAD TABLE);
    static const char *const same[] = {
        HEAD "# a comment\n" TABLE,
        HEAD "transforms:\n  - set: {other: id + 1}\n" TABLE,
        HEAD "transforms:\n  - drop: [ok]\n" TABLE,
        HEAD "sink: {aggregates: {a: {by: [name], measures: {s: sum(amount)}, "
             "window: {size: 3m, slide: 1m, keep: 3h}, max_groups: 7}}}\n",
        HEAD "sink: {aggregates: {a: {by: [name], window: {size: 60s}, measures: {s: sum( amount "
             ")}}}, sets: {q: {key: _key}}}\n",
    };
    static const char *const other[] = {
        HEAD "transforms:\n  - filter: ok\n" TABLE,
        HEAD "transforms:\n  - set: {amount: amount + 1}\n" TABLE,
        HEAD "transforms:\n  - set: {name: upper(name)}\n" TABLE,
        HEAD
        "sink: {aggregates: {a: {by: [ok], window: {size: 1m}, measures: {s: sum(amount)}}}}\n",
        HEAD
        "sink: {aggregates: {a: {by: [name], window: {size: 2m}, measures: {s: sum(amount)}}}}\n",
        HEAD "sink: {aggregates: {a: {by: [name], measures: {s: sum(amount)}}}}\n",
        HEAD
        "sink: {aggregates: {a: {by: [name], window: {size: 1m}, measures: {s: max(amount)}}}}\n",
        HEAD "sink: {aggregates: {a: {by: [name], window: {size: 1m}, measures: {s: sum(id)}}}}\n",
        HEAD "sink: {aggregates: {a: {by: [name], window: {size: 1m}, where: ok, measures: {s: "
             "sum(amount)}}}}\n",
        "pipeline: p\nsource:\n  kafka: {brokers: b, topics: [t]}\n"
        "  fields: {name: \"string?\", amount: {path: other, type: decimal(2)}, at: "
        "timestamp(ms)}\n"
        "  event_time: at\n" TABLE,
        "pipeline: p\nsource:\n  kafka: {brokers: b, topics: [t]}\n"
        "  fields: {name: \"string?\", amount: decimal(2), at: timestamp(ms)}\n" TABLE,
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (fingerprint(same[i]) != hash)
            fail_msg("should mean the same:\n%s", same[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (fingerprint(other[i]) == hash)
            fail_msg("should mean something else:\n%s", other[i]);
}

/* It is stored with the state, so it must not change with the program. */
static void a_fingerprint_is_the_same_in_every_version(void **state)
{
    assert_true(fingerprint(HEAD TABLE) == FINGERPRINT_OF_TABLE);
}

static void explain_shows_no_secret(void **state)
{
    setenv("WEIR_T_SECRET", "hunter2", 1);
    struct pipeline_plan *p =
        planned("pipeline: p\n"
                "source:\n"
                "  kafka:\n"
                "    brokers: ${WEIR_T_SECRET}\n"
                "    topics: [\"${WEIR_T_SECRET}\"]\n"
                "    group: ${WEIR_T_SECRET}\n"
                "    properties: {sasl.password: \"${WEIR_T_SECRET}\"}\n"
                "  fields: {a: string}\n"
                "transforms:\n"
                "  - filter: a <> '${WEIR_T_SECRET}'\n"
                "  - set: {b: \"a || '${WEIR_T_SECRET}'\"}\n"
                "sink:\n"
                "  aggregates: {t: {where: \"a <> '${WEIR_T_SECRET}'\", measures: {n: \"max(a || "
                "'${WEIR_T_SECRET}')\"}}}\n"
                "  sets: {s: {key: _key, delete_when: \"a = '${WEIR_T_SECRET}'\"}}\n");
    for (int json = 0; json < 2; json++) {
        struct text text = TEXT_INIT;
        pipeline_plan_explain(p, json, &text);
        assert_non_null(strstr(text.data, "${..}"));
        assert_null(strstr(text.data, "hunter2"));
        text_done(&text);
    }
    pipeline_plan_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_are_told_exactly),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(mistakes_are_bounded),
        cmocka_unit_test(large_files_take_no_longer_than_their_size),
        cmocka_unit_test(a_kafka_source_is_read),
        cmocka_unit_test(defaults_are_those_of_the_tables),
        cmocka_unit_test(a_file_source_counts_from_the_folder_of_its_file),
        cmocka_unit_test(fields_have_their_long_form),
        cmocka_unit_test(aggregates_become_columns_and_panes),
        cmocka_unit_test(a_bare_column_adds_no_stage),
        cmocka_unit_test(sets_are_keyed),
        cmocka_unit_test(what_every_record_has_is_made_only_where_it_is_read),
        cmocka_unit_test(a_fingerprint_changes_with_the_meaning_alone),
        cmocka_unit_test(a_fingerprint_is_the_same_in_every_version),
        cmocka_unit_test(explain_shows_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
