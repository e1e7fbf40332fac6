/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_decode_json.c: any bytes as JSON records.
 *
 * Beside what sanitizers find: a row does not depend on the rows before it, and a record that
 * `validate: full` takes comes to the same with `validate: fields`.
 */
#include "tests/fuzz/decode_common.h"

#include "base/check.h"

static const char *const fields[] = {
    "a",
    "a",
    "int?",
    "b",
    "b",
    "string?",
    "c",
    "c",
    "float?",
    "d",
    "d",
    "decimal(3)?",
    "e",
    "e",
    "timestamp(ms)?",
    "f",
    "f",
    "json?",
    "g",
    "g",
    "array(int)?",
    "h",
    "h",
    "bool?",
    "i",
    "o.i",
    "int?",
    "j",
    "o.p.j",
    "string?",
    "k",
    "o.p",
    "json?",
    "l",
    "identifier_of_one_thing",
    "int?",
    "m",
    "identifier_of_new_thing",
    "string?",
    "n",
    "e",
    "timestamp(rfc3339)?",
    NULL,
};

/* The last field would reject what the one beside it takes: for one run in four. */
static const char *const *chosen(uint8_t choice, const char *shorter[64])
{
    if ((choice & 6) == 6)
        return fields;
    size_t count = sizeof(fields) / sizeof(fields[0]) - 4;
    memcpy(shorter, fields, count * sizeof(*fields));
    shorter[count] = NULL;
    return shorter;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool coerce = data[0] & 1;
    const char *shorter[64];
    const char *const *words = chosen(data[0], shorter);
    struct weir_str records[FUZZ_RECORDS_MAX];
    uint32_t count = fuzz_cut(data + 1, size - 1, records);
    struct text lines[3][FUZZ_RECORDS_MAX] = {0};
    struct decode_options options = {.format = DECODE_JSON};
    fuzz_decode(&options, words, coerce, records, count, false, lines[0]);
    fuzz_decode(&options, words, coerce, records, count, true, lines[1]);
    options.json_validate_full = true;
    fuzz_decode(&options, words, coerce, records, count, false, lines[2]);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(strcmp(lines[0][i].data, lines[1][i].data) == 0);
        CHECK(lines[2][i].data[0] == '!' || strcmp(lines[0][i].data, lines[2][i].data) == 0);
    }
    for (int i = 0; i < 3; i++)
        fuzz_lines_done(lines[i], count);
    return 0;
}
