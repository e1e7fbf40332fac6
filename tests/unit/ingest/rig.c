/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ingest/rig.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/value.h"

struct declared {
    struct decode_field fields[RIG_FIELDS_MAX];
    const char *paths[RIG_FIELDS_MAX][16];
    uint32_t count;
    char *text;
};

/* "name[=path] type [coerce]" */
static void declare(struct declared *d, char *words)
{
    struct decode_field *field = &d->fields[d->count];
    struct weir_error error;
    char *rest = words + strspn(words, " ");
    char *name = strsep(&rest, " ");
    char *type = strsep(&rest, " ");
    char *path = strchr(name, '=');
    if (path)
        *path++ = '\0';
    else
        path = name;
    field->name = name;
    field->path = d->paths[d->count];
    for (char *part; (part = strsep(&path, ".")) != NULL;)
        d->paths[d->count][field->path_length++] = part;
    field->column = d->count++;
    field->coerce = rest && strcmp(rest, "coerce") == 0;
    if (decode_field_type_read(type, field, &error) < 0)
        fail_msg("%s: %s", type, error.text);
}

static void declared_init(struct declared *d, const char *fields)
{
    memset(d, 0, sizeof(*d));
    d->text = mem_strdup(fields);
    for (char *rest = d->text, *words; (words = strsep(&rest, ";")) != NULL;)
        declare(d, words);
}

static void declared_done(struct declared *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        free((char *)d->fields[i].time_format);
    free(d->text);
}

int rig_try(const struct decode_options *options, const char *fields, struct weir_error *error)
{
    struct declared d;
    struct decoder *decoder = NULL;
    declared_init(&d, fields);
    int status = decoder_new(options, d.fields, d.count, &decoder, error);
    decoder_free(decoder);
    declared_done(&d);
    return status;
}

void rig_init(struct rig *rig, const struct decode_options *options, const char *fields)
{
    struct declared d;
    struct weir_error error;
    memset(rig, 0, sizeof(*rig));
    declared_init(&d, fields);
    if (decoder_new(options, d.fields, d.count, &rig->decoder, &error) < 0)
        fail_msg("%s", error.text);
    rig->column_count = d.count;
    rig->batch = batch_new(d.count);
    declared_done(&d);
    rig_begin(rig);
}

void rig_json(struct rig *rig, const char *fields)
{
    struct decode_options options = {.format = DECODE_JSON};
    rig_init(rig, &options, fields);
}

void rig_done(struct rig *rig)
{
    decoder_free(rig->decoder);
    batch_free(rig->batch);
    text_done(&rig->line);
}

void rig_begin(struct rig *rig)
{
    batch_begin(rig->batch, "test", 0, 0);
}

void rig_add(struct rig *rig, const char *data, size_t length)
{
    struct weir_record record = {.offset = rig->batch->view.rows, .value = str_make(data, length)};
    assert_int_equal(batch_add(rig->batch, &record), 0);
}

void rig_run(struct rig *rig)
{
    struct weir_error error;
    if (decoder_run(rig->decoder, rig->batch, &error) < 0)
        fail_msg("%s", error.text);
}

static const struct batch_reject *reject_of(const struct rig *rig, uint32_t row)
{
    for (uint32_t i = 0; i < rig->batch->reject_count; i++)
        if (rig->batch->rejects[i].row == row)
            return &rig->batch->rejects[i];
    return NULL;
}

const char *rig_reject_text(const struct rig *rig, uint32_t row)
{
    const struct batch_reject *reject = reject_of(rig, row);
    return reject ? reject->text : NULL;
}

const char *rig_line(struct rig *rig, uint32_t row)
{
    text_clear(&rig->line);
    const struct batch_reject *reject = reject_of(rig, row);
    if (reject) {
        text_addf(&rig->line, "!%s", reason_label(reject->reason));
        return rig->line.data;
    }
    for (uint32_t i = 0; i < rig->column_count; i++) {
        if (i > 0)
            text_add_char(&rig->line, ' ');
        json_write_value(&rig->line, rig->batch->slots[i], row);
    }
    text_add(&rig->line, "");
    return rig->line.data;
}

const char *rig_one(struct rig *rig, const char *data, size_t length)
{
    rig_begin(rig);
    rig_add(rig, data, length);
    rig_run(rig);
    return rig_line(rig, 0);
}

uint64_t rig_seed(const char *test)
{
    const char *given = getenv("WEIR_TEST_SEED");
    int64_t seed;
    if (!given || int_read(given, strlen(given), &seed) < 0)
        seed = clock_mono_ns() & 0xffffffff;
    print_message("%s: WEIR_TEST_SEED=%lld\n", test, (long long)seed);
    return (uint64_t)seed * 2 + 1;
}

uint64_t rig_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    uint64_t x = *state;
    return (x ^ x >> 31) * 0x9e3779b97f4a7c15ULL;
}
