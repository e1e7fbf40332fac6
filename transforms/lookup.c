/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c: `lookup: {from: {file: ..}, key: EXPR, take: {NEW: COLUMN}}` adds columns from a table.
 *
 * The file is read when the pipeline is planned, into one hash table that all partitions share.
 */
#include "transforms/host.h"

#include "base/batch.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/node.h"
#include "base/value.h"
#include "transforms/lookup.h"

enum on_missing { MISSING_NULL, MISSING_REJECT, MISSING_DEFAULT };
#define ON_MISSING_CHOICES "null|reject|default"

struct lookup {
    const struct weir_host *host;
    struct weir_expr *key;
    bool key_is_int;
    struct lookup_rows rows; /* value 0 is the key */
    struct lookup_table table;
    enum on_missing on_missing;
    char *path;
    uint32_t count; /* columns taken: values 1 .. count of a row */
    struct lookup_take {
        const char *name; /* of the file's nodes */
        uint32_t column;
        struct weir_str fallback;
    } takes[LOOKUP_COLUMNS_MAX];
};

static void lookup_release(void *prepared)
{
    struct lookup *lookup = prepared;
    lookup->host->expr_free(lookup->key);
    lookup_table_done(&lookup->table);
    lookup_rows_done(&lookup->rows);
    free(lookup->path);
    free(lookup);
}

/* Planning. */

static const struct weir_option from_options[] = {
    {"file", WEIR_OPTION_TEXT, 1, NULL, NULL,
     "a CSV file with a header, or NDJSON; a relative path counts from the pipeline file's folder"},
    {"format", WEIR_OPTION_CHOICE, 0, NULL, "csv|ndjson", "default: by the file's name"},
    {"key", WEIR_OPTION_TEXT, 1, NULL, NULL, "the column that holds the keys, each once"},
    {"delimiter", WEIR_OPTION_TEXT, 0, ",", NULL, "between the fields of CSV: one character"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text);
    size_t b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

struct lookup_source { /* `from:`, read */
    enum lookup_format format;
    char delimiter;
    const struct weir_node *file;
    const char *key;
};

static bool from_read(struct weir_plan *plan, const struct weir_node *from,
                      struct lookup_source *ret_source)
{
    struct problems *problems = plan_problems(plan);
    static const char *const later[] = {"redis", "set"};
    for (size_t i = 0; i < 2; i++) {
        const struct weir_node *other = node_get(from, later[i]);
        if (other) {
            problem_error(problems, other->mark,
                          "`%s` is not a source of lookups of this version; known: file", later[i]);
            return false;
        }
    }
    if (!node_check_options(from, from_options, "`from` of stage `lookup`", problems))
        return false;

    struct lookup_source source = {.delimiter = ',', .file = node_get(from, "file")};
    const struct weir_node *format = node_get(from, "format");
    const struct weir_node *delimiter = node_get(from, "delimiter");
    int choice = 0;
    if (format) {
        if (!node_choice(format, "`format`", "csv|ndjson", &choice, problems))
            return false;
        source.format = choice == 0 ? LOOKUP_CSV : LOOKUP_NDJSON;
    } else if (ends_with(source.file->text, ".csv")) {
        source.format = LOOKUP_CSV;
    } else if (ends_with(source.file->text, ".ndjson") || ends_with(source.file->text, ".jsonl")) {
        source.format = LOOKUP_NDJSON;
    } else {
        problem_error(problems, source.file->mark,
                      "the file's name does not tell its format; say `format: csv` or `format: "
                      "ndjson`");
        return false;
    }
    if (delimiter) {
        if (delimiter->text_length != 1 || strchr("\"\r\n", delimiter->text[0])) {
            problem_error(problems, delimiter->mark, "`delimiter` is one character, as in `\";\"`");
            return false;
        }
        source.delimiter = delimiter->text[0];
    }
    source.key = node_get(from, "key")->text;
    *ret_source = source;
    return true;
}

/* `take: {NEW: COLUMN, ..}` */
static bool take_read(struct lookup *lookup, struct weir_plan *plan, const struct weir_node *take,
                      const char **wanted)
{
    if (take->count > LOOKUP_COLUMNS_MAX || !take->count) {
        problem_error(plan_problems(plan), take->mark, "`take` names 1 to %d columns",
                      LOOKUP_COLUMNS_MAX);
        return false;
    }
    bool right = true;
    for (uint32_t i = 0; i < take->count; i++) {
        lookup->takes[i].name = take->keys[i]->text;
        wanted[i + 1] = take->values[i]->text;
        right &= stage_check_name(lookup->host, plan, take->keys[i]);
    }
    lookup->count = take->count;
    return right;
}

/* `as: NEW`: the column that is not the key. Its name is to be freed. */
static bool as_read(struct lookup *lookup, struct weir_plan *plan, const struct weir_node *as,
                    const struct lookup_source *source, char **ret_column)
{
    struct problems *problems = plan_problems(plan);
    if (source->format != LOOKUP_CSV) {
        problem_error(problems, as->mark, "`as` is for CSV files; say `take: {%s: MEMBER}`",
                      as->text);
        return false;
    }
    struct weir_str header[3];
    struct lookup_rows file;
    struct weir_error error = {0};
    int count = lookup_csv_header(lookup->path, source->delimiter, header, 3, &file, &error);
    if (count < 0 && count != WEIR_E_LIMIT) {
        problem_error(problems, source->file->mark, "%s", error.text);
        return false;
    }
    if (count == 2) {
        struct weir_str other = header[str_is(header[0], source->key) ? 1 : 0];
        *ret_column = mem_strndup(other.data, other.length);
    } else {
        problem_error(
            problems, as->mark,
            "`as` is for a file of two columns; name the one to take: `take: {%s: COLUMN}`",
            as->text);
    }
    if (count >= 0)
        lookup_rows_done(&file);
    lookup->takes[0].name = as->text;
    lookup->count = 1;
    return count == 2 && stage_check_name(lookup->host, plan, as);
}

/* The new names, and the file's columns. *ret_as is to be freed. */
static bool takes_read(struct lookup *lookup, struct weir_plan *plan,
                       const struct weir_node *config, const struct lookup_source *source,
                       const char **wanted, char **ret_as)
{
    const struct weir_node *take = node_get(config, "take");
    const struct weir_node *as = node_get(config, "as");
    if (!take == !as) {
        problem_error(plan_problems(plan), (as ? as : config)->mark,
                      "say what to take: `take: {NEW: COLUMN}`, or `as: NEW` from a file of two "
                      "columns");
        return false;
    }
    if (take)
        return take_read(lookup, plan, take, wanted);
    if (!as_read(lookup, plan, as, source, ret_as))
        return false;
    wanted[1] = *ret_as;
    return true;
}

static bool fallbacks_read(struct lookup *lookup, struct weir_plan *plan,
                           const struct weir_node *config)
{
    struct problems *problems = plan_problems(plan);
    const struct weir_node *on_missing = node_get(config, "on_missing");
    const struct weir_node *fallback = node_get(config, "default");
    int choice = MISSING_NULL;
    /* YAML reads a bare `null` as no value, and here it is the name of the choice. */
    if (on_missing && on_missing->kind != WEIR_NODE_NULL &&
        !node_choice(on_missing, "`on_missing`", ON_MISSING_CHOICES, &choice, problems))
        return false;
    lookup->on_missing = (enum on_missing)choice;
    if (!fallback != (choice != MISSING_DEFAULT)) {
        problem_error(problems, (fallback ? fallback : config)->mark,
                      fallback ? "`default` goes with `on_missing: default`"
                               : "`on_missing: default` needs `default: TEXT`, or a map by column");
        return false;
    }
    for (uint32_t i = 0; fallback && i < lookup->count; i++) {
        const struct weir_node *one =
            fallback->kind == WEIR_NODE_MAP ? node_get(fallback, lookup->takes[i].name) : fallback;
        if (!one || one->kind != WEIR_NODE_SCALAR) {
            problem_error(problems, fallback->mark, "`default` has no text for `%s`",
                          lookup->takes[i].name);
            return false;
        }
        lookup->takes[i].fallback = str_make(one->text, one->text_length);
    }
    return true;
}

/* Keys of an integer expression: the texts become the eight bytes of their numbers. */
static int keys_to_ints(struct lookup *lookup, struct weir_error *error)
{
    for (uint32_t row = 0; row < lookup->rows.count; row++) {
        struct weir_str *key = lookup->rows.values + (size_t)row * lookup->rows.width;
        int64_t number;
        if (int_read(key->data, key->length, &number) < 0)
            return error_set(error, WEIR_E_INVALID,
                             "%s:%u: the key `%.*s` is not an integer, and `key` is of type int",
                             lookup->path, lookup->rows.lines[row], (int)key->length, key->data);
        const char *bytes = arena_copy(&lookup->rows.arena, &number, sizeof number);
        if (!bytes)
            return error_set(error, WEIR_E_NOMEM, "%s: too many keys", lookup->path);
        *key = str_make(bytes, sizeof number);
    }
    return 0;
}

static int table_load(struct lookup *lookup, const struct lookup_source *source,
                      const char *const *wanted, struct weir_error *error)
{
    int status = lookup_rows_read(lookup->path, source->format, source->delimiter, wanted,
                                  lookup->count + 1, &lookup->rows, error);
    for (uint32_t row = 0; row < lookup->rows.count && status == 0; row++)
        if (!lookup->rows.values[(size_t)row * lookup->rows.width].data)
            status = error_set(error, WEIR_E_INVALID, "%s:%u: the key is empty", lookup->path,
                               lookup->rows.lines[row]);
    if (status == 0 && lookup->key_is_int)
        status = keys_to_ints(lookup, error);
    if (status < 0)
        return status;
    uint32_t duplicate;
    if (lookup_table_init(&lookup->table, lookup->rows.values, lookup->rows.width,
                          lookup->rows.count, &duplicate) < 0)
        return error_set(error, WEIR_E_INVALID, "%s:%u: the key stands in an earlier line as well",
                         lookup->path, lookup->rows.lines[duplicate]);
    return 0;
}

static bool key_plan(struct lookup *lookup, struct weir_plan *plan, const struct weir_node *node)
{
    lookup->key = lookup->host->expr(plan, node);
    if (!lookup->key)
        return false;
    struct weir_type type = lookup->host->expr_type(lookup->key);
    lookup->key_is_int = type.kind == WEIR_INT;
    if (type.kind == WEIR_INT || type.kind == WEIR_STRING)
        return true;
    char text[TYPE_TEXT_BYTES];
    problem_error(
        plan_problems(plan), node->mark,
        "a lookup's key is a string or an int, and this is of type %s; use cast(.. as text)",
        type_text(type, text));
    return false;
}

static int lookup_plan(const struct weir_host *host, struct weir_plan *plan,
                       const struct weir_node *config, void **ret_prepared,
                       struct weir_error *error)
{
    struct lookup *lookup = mem_alloc(sizeof *lookup);
    lookup->host = host;
    const char *wanted[LOOKUP_COLUMNS_MAX + 1];
    struct lookup_source source = {0};
    char *as = NULL;
    bool right = key_plan(lookup, plan, node_get(config, "key"));
    right &= from_read(plan, node_get(config, "from"), &source);
    if (right) {
        lookup->path = node_path(source.file);
        right = takes_read(lookup, plan, config, &source, wanted, &as) &&
                fallbacks_read(lookup, plan, config);
    }
    if (right) {
        struct weir_error cause = {0};
        wanted[0] = source.key;
        if (table_load(lookup, &source, wanted, &cause) < 0) {
            host->problem(plan, source.file->mark, "%s", cause.text);
            right = false;
        }
    }
    free(as);
    if (!right) {
        lookup_release(lookup);
        return error_set(error, WEIR_E_INVALID, "the lookup is wrong");
    }
    for (uint32_t i = 0; i < lookup->count; i++)
        lookup->takes[i].column =
            host->add(plan, lookup->takes[i].name,
                      (struct weir_type){.kind = WEIR_STRING,
                                         .nullable = lookup->on_missing == MISSING_NULL});
    *ret_prepared = lookup;
    return 0;
}

/* Running. */

static void keys_gather(const struct lookup *lookup, const struct weir_batch *batch,
                        const struct weir_column *column, struct weir_str *keys)
{
    if (lookup->key_is_int) {
        for (uint32_t i = 0; i < batch->selected; i++)
            keys[i] = str_make((const char *)&column->ints[batch->selection[i]], sizeof(int64_t));
    } else {
        for (uint32_t i = 0; i < batch->selected; i++)
            keys[i] = column->strs[batch->selection[i]];
    }
    if (column->valid)
        for (uint32_t i = 0; i < batch->selected; i++)
            if (!weir_valid(column, batch->selection[i]))
                keys[i].data = NULL;
}

static bool column_fill(const struct lookup *lookup, struct weir_batch *view, uint32_t take,
                        const uint32_t *found)
{
    struct batch *batch = (struct batch *)view;
    struct weir_type type = {.kind = WEIR_STRING, .nullable = lookup->on_missing == MISSING_NULL};
    struct weir_column *column = batch_column_new(batch, type);
    if (!column)
        return false;
    const struct weir_str *values = lookup->rows.values + 1 + take;
    uint32_t width = lookup->rows.width;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < view->selected; i++) {
        struct weir_str value = {0};
        if (found[i] != LOOKUP_NOT_FOUND)
            value = values[(size_t)found[i] * width];
        missing += !value.data;
        column->strs[view->selection[i]] = value;
    }
    if (missing && lookup->on_missing == MISSING_NULL) {
        column->valid = batch_bitmap_new(batch);
        if (!column->valid)
            return false;
    }
    for (uint32_t i = 0; missing && i < view->selected; i++) {
        uint32_t row = view->selection[i];
        bool has = column->strs[row].data != NULL;
        if (lookup->on_missing == MISSING_NULL)
            column->valid[row >> 6] |= (uint64_t)has << (row & 63);
        else if (!has && lookup->on_missing == MISSING_DEFAULT)
            column->strs[row] = lookup->takes[take].fallback;
        else if (!has)
            lookup->host->reject(view, row, WEIR_REJECT_LOOKUP, "the key is not in %s",
                                 lookup->path);
    }
    lookup->host->set_column(view, lookup->takes[take].column, column);
    return true;
}

static int lookup_process(const struct weir_host *host, void *instance, struct weir_batch *batch,
                          struct weir_error *error)
{
    const struct lookup *lookup = instance;
    const struct weir_column *key = host->expr_eval(lookup->key, batch);
    if (!key)
        return error_set(error, WEIR_E_NOMEM, "no memory for the keys");
    struct weir_str keys[WEIR_BATCH_ROWS_MAX];
    uint32_t found[WEIR_BATCH_ROWS_MAX];
    keys_gather(lookup, batch, key, keys);
    lookup_table_find(&lookup->table, keys, batch->selected, found);
    for (uint32_t i = 0; i < lookup->count; i++)
        if (!column_fill(lookup, batch, i, found))
            return error_set(error, WEIR_E_NOMEM, "no memory for the values found");
    return 0;
}

static const struct weir_option options[] = {
    {"from", WEIR_OPTION_NODE, 1, NULL, NULL,
     "`{file: PATH, format: csv | ndjson, key: COLUMN, delimiter: \",\"}`: the table; the path "
     "counts from the pipeline file's folder, and the file is read when the pipeline is loaded"},
    {"key", WEIR_OPTION_EXPR, 1, NULL, NULL, "what is looked up: of type string or int"},
    {"take", WEIR_OPTION_MAP, 0, NULL, NULL, "`NEW: COLUMN` for each column to add, as text"},
    {"as", WEIR_OPTION_TEXT, 0, NULL, NULL,
     "instead of `take`, for a CSV file of two columns: the new column's name"},
    {"on_missing", WEIR_OPTION_NODE, 0, "null", ON_MISSING_CHOICES,
     "where the key is not in the table, is null, or the value is empty"},
    {"default", WEIR_OPTION_NODE, 0, NULL, NULL,
     "with `on_missing: default`: one text for all new columns, or a map by column"},
    {NULL, 0, 0, NULL, NULL, NULL}};

static const struct weir_example examples[] = {
    {"Merchants by a CSV file; what is not in it gets null.", "{merchant: string}",
     "lookup: {from: {file: merchants.csv, key: merchant}, key: merchant, take: {city: city}}",
     "{\"merchant\":\"m1\"}\n{\"merchant\":\"m9\"}\n",
     "{\"merchant\":\"m1\",\"city\":\"Leipzig\"}\n{\"merchant\":\"m9\",\"city\":null}\n"},
    {"What is not in the table is rejected.", "{merchant: string}",
     "lookup: {from: {file: merchants.csv, key: merchant}, key: merchant, take: {city: city}, "
     "on_missing: reject}",
     "{\"merchant\":\"m1\"}\n{\"merchant\":\"m9\"}\n",
     "{\"merchant\":\"m1\",\"city\":\"Leipzig\"}\n"},
    {"What is not in the table gets a text of one's own.", "{merchant: string}",
     "lookup: {from: {file: merchants.csv, key: merchant}, key: merchant, take: {city: city}, "
     "on_missing: default, default: unknown}",
     "{\"merchant\":\"m9\"}\n", "{\"merchant\":\"m9\",\"city\":\"unknown\"}\n"},
    {NULL, NULL, NULL, NULL, NULL}};

const struct weir_stage stage_lookup = {
    .size = sizeof(struct weir_stage),
    .abi = WEIR_STAGE_ABI,
    .name = "lookup",
    .summary = "Adds columns from a table: a CSV or NDJSON file.",
    .options = options,
    .examples = examples,
    .plan = lookup_plan,
    .release = lookup_release,
    .process = lookup_process,
};
