/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json_random.c: random records.
 *
 *   - records written from known values come to these values, whatever stands between them
 *   - broken records are refused by `validate: full` exactly when a plain recursive parser says so
 *   - what a record comes to does not depend on the records before it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ingest/rig.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/json.h"

static uint64_t random_state;

static uint32_t below(uint32_t limit)
{
    return rig_below(&random_state, limit);
}

static void blanks(struct text *out)
{
    static const char kinds[] = " \t\n\r";
    while (below(6) == 0)
        text_add_char(out, kinds[below(4)]);
}

/* ---- writing values ---- */

static uint32_t random_character(void)
{
    switch (below(8)) {
    case 0:
        return below(0x20);
    case 1:
        return 0x80 + below(0x780);
    case 2:
        return 0x800 + below(0xd000);
    case 3:
        return 0x10000 + below(0x100000);
    case 4:
        return (uint32_t) "\"\\/\x7f"[below(4)];
    default:
        return 0x20 + below(0x5f);
    }
}

static void write_utf8(struct text *out, uint32_t c)
{
    if (c < 0x80) {
        text_add_char(out, (char)c);
    } else if (c < 0x800) {
        text_add_char(out, (char)(0xc0 | c >> 6));
        text_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        text_add_char(out, (char)(0xe0 | c >> 12));
        text_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        text_add_char(out, (char)(0xf0 | c >> 18));
        text_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        text_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* A character of a JSON string, in one of the ways in which it can be written. */
static void write_in_string(struct text *out, uint32_t c)
{
    static const char shorts[] = "\"\"\\\\//\bb\ff\nn\rr\tt";
    const char *at = c < 0x80 && c ? memchr(shorts, (int)c, sizeof(shorts) - 1) : NULL;
    bool must = c < 0x20 || c == '"' || c == '\\';
    bool is_first = at && (at - shorts) % 2 == 0;
    if (is_first && (must || below(4) == 0) && below(3)) {
        text_add_char(out, '\\');
        text_add_char(out, at[1]);
    } else if (must || below(8) == 0) {
        if (c >= 0x10000)
            text_addf(out, below(2) ? "\\u%04x\\u%04X" : "\\u%04X\\u%04x",
                      0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
        else
            text_addf(out, below(2) ? "\\u%04x" : "\\u%04X", c);
    } else {
        write_utf8(out, c);
    }
}

/* json: with its quotes; plain: what it stands for. */
static void random_string(struct text *json, struct text *plain, bool simple)
{
    text_add_char(json, '"');
    for (uint32_t n = below(below(4) ? 12 : 80); n > 0; n--) {
        uint32_t c = simple ? 'a' + below(26) : random_character();
        write_in_string(json, c);
        if (plain)
            write_utf8(plain, c);
    }
    text_add_char(json, '"');
}

static int64_t random_int(void)
{
    int64_t value = (int64_t)(rig_random(&random_state) >> below(64));
    return below(2) ? value : -(int64_t)((uint64_t)value - 1) - 1;
}

static void random_value(struct text *out, uint32_t depth)
{
    switch (below(depth < 4 ? 9 : 6)) {
    case 0:
        text_add(out, below(2) ? "true" : "false");
        break;
    case 1:
        text_add(out, "null");
        break;
    case 2:
        int_write(out, random_int());
        break;
    case 3:
        text_addf(out, "%.*e", (int)below(18), (double)random_int() / 7);
        break;
    case 4:
    case 5:
        random_string(out, NULL, false);
        break;
    case 6:
    case 7: {
        bool object = below(2);
        text_add_char(out, object ? '{' : '[');
        for (uint32_t n = below(5), i = 0; i < n; i++) {
            blanks(out);
            if (i > 0)
                text_add_char(out, ',');
            blanks(out);
            if (object) {
                text_addf(out, "\"k%u", i);
                text_add(out, below(4) ? "\"" : "\\u0041\"");
                blanks(out);
                text_add_char(out, ':');
                blanks(out);
            }
            random_value(out, depth + 1);
        }
        blanks(out);
        text_add_char(out, object ? '}' : ']');
        break;
    }
    default:
        text_add(out, "{}");
        break;
    }
}

/* ---- known values ---- */

#define RECORD_FIELDS                                                                              \
    "i int; f float; d decimal(3); s string?; b bool; t timestamp(ms); n=o.p.n int?; x=o.x "       \
    "string?"

enum { FIELD_I, FIELD_F, FIELD_D, FIELD_S, FIELD_B, FIELD_T, FIELD_N, FIELD_X, FIELD_COUNT };

struct known {
    bool there[FIELD_COUNT];
    int64_t i, d, t_ms, n;
    double f;
    bool b;
    struct text s, x;
};

static void random_known(struct known *k)
{
    text_clear(&k->s);
    text_clear(&k->x);
    for (int i = 0; i < FIELD_COUNT; i++)
        k->there[i] = (i != FIELD_S && i != FIELD_N && i != FIELD_X) || below(4);
    k->i = random_int();
    k->d = random_int() / (int64_t)(1 + below(1000000));
    k->t_ms = random_int() / 2000000;
    k->n = random_int();
    k->b = below(2);
    union {
        uint64_t bits;
        double value;
    } f = {rig_random(&random_state)};
    k->f = below(3) ? (double)(int32_t)f.bits / 100 : f.value;
    if (!(k->f > -1e300 && k->f < 1e300))
        k->f = 0.5;
}

static void write_key(struct text *out, const char *key)
{
    blanks(out);
    if (below(12) == 0)
        text_addf(out, "\"\\u%04x\"", key[0]); /* all keys here have one letter */
    else
        text_addf(out, "\"%s\"", key);
    blanks(out);
    text_add_char(out, ':');
    blanks(out);
}

static void write_extras(struct text *out)
{
    while (below(3) == 0) {
        static uint32_t number;
        text_addf(out, "\"extra_%u\":", number++);
        random_value(out, 0);
        text_add_char(out, ',');
    }
}

static void write_inner(struct text *out, struct known *k)
{
    text_add_char(out, '{');
    bool n_first = below(2);
    for (int turn = 0; turn < 2; turn++) {
        write_extras(out);
        if ((turn == 0) == n_first) {
            write_key(out, "p");
            text_add_char(out, '{');
            write_extras(out);
            if (k->there[FIELD_N]) {
                write_key(out, "n");
                int_write(out, k->n);
                text_add_char(out, ',');
            }
            text_add(out, "\"q\":[]}");
        } else {
            write_key(out, "x");
            if (k->there[FIELD_X])
                random_string(out, &k->x, below(2));
            else
                text_add(out, "null");
        }
        blanks(out);
        text_add_char(out, turn == 0 ? ',' : '}');
    }
}

static void write_field(struct text *out, struct known *k, uint32_t field)
{
    static const char *const keys[] = {"i", "f", "d", "s", "b", "t", "o"};
    write_key(out, keys[field]);
    switch (field) {
    case FIELD_I:
        int_write(out, k->i);
        break;
    case FIELD_F:
        text_addf(out, below(2) ? "%.17g" : "%.17e", k->f);
        break;
    case FIELD_D:
        decimal_write(out, k->d, 3);
        break;
    case FIELD_S:
        random_string(out, &k->s, below(2));
        break;
    case FIELD_B:
        text_add(out, k->b ? "true" : "false");
        break;
    case FIELD_T:
        text_addf(out, below(2) ? "%lld" : "\"%lld\"", (long long)k->t_ms);
        break;
    default:
        write_inner(out, k);
        break;
    }
    blanks(out);
}

static void write_record(struct text *out, struct known *k)
{
    uint32_t order[] = {0, 1, 2, 3, 4, 5, 6};
    for (uint32_t i = below(3) ? 7 : 0; i > 1; i--) {
        uint32_t j = below(i);
        uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
    blanks(out);
    text_add_char(out, '{');
    for (int i = 0; i < 7; i++) {
        write_extras(out);
        if (order[i] == FIELD_S && !k->there[FIELD_S])
            text_add(out, "\"s\":null");
        else
            write_field(out, k, order[i]);
        text_add_char(out, i < 6 ? ',' : '}');
    }
    blanks(out);
}

static void write_expected(struct text *out, const struct known *k)
{
    int_write(out, k->i);
    text_add_char(out, ' ');
    float_write(out, k->f);
    text_add_char(out, ' ');
    decimal_write(out, k->d, 3);
    text_add_char(out, ' ');
    if (k->there[FIELD_S])
        json_write_string(out, k->s.data ? k->s.data : "", k->s.length);
    else
        text_add(out, "null");
    text_add(out, k->b ? " true \"" : " false \"");
    time_write_rfc3339(out, k->t_ms * 1000000);
    text_add(out, "\" ");
    if (k->there[FIELD_N])
        int_write(out, k->n);
    else
        text_add(out, "null");
    text_add_char(out, ' ');
    if (k->there[FIELD_X])
        json_write_string(out, k->x.data ? k->x.data : "", k->x.length);
    else
        text_add(out, "null");
}

static void test_known_values(void **state)
{
    random_state = rig_seed("known_values");
    struct known known = {0};
    struct text record = TEXT_INIT;
    struct text expected[64] = {0};
    for (int full = 0; full < 2; full++) {
        struct decode_options options = {.format = DECODE_JSON, .json_validate_full = full};
        struct rig rig;
        rig_init(&rig, &options, RECORD_FIELDS);
        for (int round = 0; round < 150; round++) {
            rig_begin(&rig);
            for (uint32_t row = 0; row < COUNT_OF(expected); row++) {
                random_known(&known);
                text_clear(&record);
                write_record(&record, &known);
                rig_add(&rig, record.data, record.length);
                text_clear(&expected[row]);
                write_expected(&expected[row], &known);
            }
            rig_run(&rig);
            for (uint32_t row = 0; row < COUNT_OF(expected); row++) {
                const char *line = rig_line(&rig, row);
                if (strcmp(line, expected[row].data) != 0)
                    fail_msg("%.*s\n came to %s (%s)\n instead of %s",
                             (int)rig.batch->records[row].value.length,
                             rig.batch->records[row].value.data, line, rig_reject_text(&rig, row),
                             expected[row].data);
            }
        }
        rig_done(&rig);
    }
    for (uint32_t row = 0; row < COUNT_OF(expected); row++)
        text_done(&expected[row]);
    text_done(&record);
    text_done(&known.s);
    text_done(&known.x);
}

/* ---- a plain parser, to be compared with ---- */

struct plain {
    const char *at;
    const char *end;
};

static void plain_blanks(struct plain *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
        p->at++;
}

static bool plain_take(struct plain *p, char c)
{
    plain_blanks(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static bool plain_hex(struct plain *p, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        static const char digits[] = "0123456789abcdef";
        if (p->at == p->end)
            return false;
        char c = *p->at >= 'A' && *p->at <= 'F' ? (char)(*p->at + 32) : *p->at;
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return false;
        code = code * 16 + (uint32_t)(digit - digits);
    }
    *ret_code = code;
    return true;
}

static bool plain_escape(struct plain *p)
{
    uint32_t code;
    if (p->at == p->end)
        return false;
    char kind = *p->at++;
    if (kind != 'u')
        return kind && strchr("\"\\/bfnrt", kind);
    if (!plain_hex(p, &code) || (code >= 0xdc00 && code < 0xe000))
        return false;
    if (code < 0xd800 || code >= 0xdc00)
        return true;
    if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
        return false;
    p->at += 2;
    return plain_hex(p, &code) && code >= 0xdc00 && code < 0xe000;
}

static bool plain_string(struct plain *p)
{
    if (!plain_take(p, '"'))
        return false;
    while (p->at < p->end) {
        unsigned char c = (unsigned char)*p->at++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !plain_escape(p)))
            return false;
    }
    return false;
}

static bool plain_digits(struct plain *p)
{
    const char *begin = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > begin;
}

static bool plain_number(struct plain *p)
{
    if (*p->at == '-')
        p->at++;
    if (p->at < p->end && *p->at == '0')
        p->at++;
    else if (!plain_digits(p))
        return false;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!plain_digits(p))
            return false;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        return plain_digits(p);
    }
    return true;
}

static bool plain_word(struct plain *p, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static bool plain_value(struct plain *p, int depth)
{
    plain_blanks(p);
    if (p->at == p->end || depth > DECODE_DEPTH_MAX)
        return false;
    char c = *p->at;
    if (c == '"')
        return plain_string(p);
    if (c == '{' || c == '[') {
        char close = c == '{' ? '}' : ']';
        p->at++;
        if (plain_take(p, close))
            return true;
        do {
            if (c == '{' && !(plain_string(p) && plain_take(p, ':')))
                return false;
            if (!plain_value(p, depth + 1))
                return false;
        } while (plain_take(p, ','));
        return plain_take(p, close);
    }
    if (c == 't' || c == 'f' || c == 'n')
        return plain_word(p, c == 't' ? "true" : c == 'f' ? "false" : "null");
    return plain_number(p);
}

static bool plain_record(const char *data, size_t length)
{
    struct plain p = {data, data + length};
    if (!utf8_valid(data, length) || !plain_take(&p, '{'))
        return false;
    p.at--;
    if (!plain_value(&p, 1))
        return false;
    plain_blanks(&p);
    return p.at == p.end;
}

static void mutate(struct text *record)
{
    static const char likely_bytes[] = "{}[]\",:\\ 0189-+.eEtfnu\n\x01\xff\xc3\xa9";
    for (uint32_t n = 1 + below(3); n > 0 && record->length > 1; n--) {
        uint32_t at = below((uint32_t)record->length);
        char byte = likely_bytes[below(sizeof(likely_bytes))];
        switch (below(4)) {
        case 0:
            record->data[at] = byte;
            break;
        case 1:
            memmove(record->data + at, record->data + at + 1, record->length - at - 1);
            record->length--;
            break;
        case 2:
            text_add_char(record, 0);
            memmove(record->data + at + 1, record->data + at, record->length - at - 1);
            record->data[at] = byte;
            break;
        default: {
            uint32_t to = below((uint32_t)record->length);
            char other = record->data[to];
            record->data[to] = record->data[at];
            record->data[at] = other;
            break;
        }
        }
    }
}

static void test_broken_records(void **state)
{
    random_state = rig_seed("broken_records");
    struct decode_options options = {.format = DECODE_JSON, .json_validate_full = true};
    struct rig rig;
    rig_init(&rig, &options, "none=never_there int?");
    struct text record = TEXT_INIT;
    struct known known = {0};
    uint32_t accepted = 0;
    uint32_t refused = 0;
    for (int round = 0; round < 60000; round++) {
        text_clear(&record);
        if (below(2)) {
            random_known(&known);
            write_record(&record, &known);
        } else {
            text_add(&record, "{\"a\":");
            random_value(&record, 0);
            text_add_char(&record, '}');
        }
        mutate(&record);
        const char *line = rig_one(&rig, record.data, record.length);
        bool right = plain_record(record.data, record.length);
        if (strcmp(line, "!duplicate_key") == 0)
            continue;
        bool taken = strcmp(line, "null") == 0;
        if (right != taken)
            fail_msg("%.*s\n came to %s (%s)", (int)record.length, record.data, line,
                     rig_reject_text(&rig, 0));
        accepted += taken;
        refused += !taken;
    }
    assert_true(accepted > 3000);
    assert_true(refused > 3000);
    text_done(&record);
    text_done(&known.s);
    text_done(&known.x);
    rig_done(&rig);
}

/* Keys that are alike in length, beginning and end, present or not, in any order: a decoder that
 * has seen others comes to the same as a new one. */
static void test_memory_of_keys(void **state)
{
    static const char *const keys[] = {
        "a",
        "b",
        "ab",
        "identifier_of_one_thing",
        "identifier_of_two_thing",
        "identifier_of_old_thing",
        "id",
        "idx",
        "longer_key_1",
        "longer_key_2",
        "",
        "\\u0061",
        "identifier_of_n\\u0065w_thing",
        "abcdefgh",
        "abcdefghi",
        "x\\\"y",
    };
    static const char fields[] = "a int?; ab int?; p=identifier_of_one_thing int?; "
                                 "q=identifier_of_new_thing int?; longer_key_1 int?; "
                                 "abcdefgh int?; u=b.a int?; v=b.identifier_of_two_thing int?";
    random_state = rig_seed("memory_of_keys");
    struct rig old;
    rig_json(&old, fields);
    struct text record = TEXT_INIT;
    for (int round = 0; round < 4000; round++) {
        text_clear(&record);
        text_add_char(&record, '{');
        uint32_t start = below(COUNT_OF(keys));
        uint32_t count = 1 + below(12);
        for (uint32_t i = 0; i < count; i++) {
            const char *key = keys[below(5) ? (start + i) % COUNT_OF(keys) : below(COUNT_OF(keys))];
            text_addf(&record, "%s\"%s\"%s:", i ? "," : "", key, below(9) ? "" : " ");
            if (strcmp(key, "b") == 0 && below(4))
                text_addf(&record, "{\"%s\":%u,\"a\":%u}", keys[3 + below(COUNT_OF(keys) - 3)],
                          below(100), below(100));
            else if (strcmp(key, "b") == 0)
                text_add(&record, "null");
            else
                text_addf(&record, "%u", below(1000));
        }
        text_add_char(&record, '}');
        struct rig fresh;
        rig_json(&fresh, fields);
        const char *expected = rig_one(&fresh, record.data, record.length);
        assert_string_equal(rig_one(&old, record.data, record.length), expected);
        /* And it is what it should be, key by key. */
        if (expected[0] == '!')
            fail_msg("%s: %s", record.data, rig_reject_text(&fresh, 0));
        const char *first = strstr(record.data, "\"ab\"");
        if (first) {
            int64_t value = strtoll(strchr(first, ':') + 1, NULL, 10);
            assert_int_equal(old.batch->slots[1]->ints[0], value);
        }
        rig_done(&fresh);
    }
    text_done(&record);
    rig_done(&old);
}

/* Numbers of all lengths come to what base/value.h reads from their text. */
static void test_numbers(void **state)
{
    random_state = rig_seed("numbers");
    struct rig rig;
    rig_json(&rig, "i=n int?; d=n decimal(4)?; f=n float?");
    struct rig ints, decimals, floats;
    rig_json(&ints, "n int");
    rig_json(&decimals, "n decimal(4)");
    rig_json(&floats, "n float");
    for (int round = 0; round < 60000; round++) {
        char number[64];
        uint32_t length = 0;
        if (below(3) == 0)
            number[length++] = '-';
        for (uint32_t n = below(below(3) ? 9 : 22); n > 0; n--)
            number[length++] = (char)('0' + below(10));
        if (below(3) == 0)
            number[length++] = '.';
        for (uint32_t n = below(6); n > 0; n--)
            number[length++] = (char)('0' + below(10));
        if (below(12) == 0)
            number[length++] = "e+-./:x9"[below(8)];
        struct text record = TEXT_INIT;
        text_addf(&record, "{\"n\":%.*s}", (int)length, number);

        const char *digits = number + (length && number[0] == '-');
        bool number_like = digits < number + length && *digits >= '0' && *digits <= '9' &&
                           !(digits[0] == '0' && digits + 1 < number + length && digits[1] >= '0' &&
                             digits[1] <= '9');
        int64_t integer;
        double real;
        const char *line = rig_one(&floats, record.data, record.length);
        bool sound = number_like && float_read(number, length, &real) == 0;
        assert_int_equal(sound, line[0] != '!');
        if (sound)
            assert_memory_equal(&floats.batch->slots[0]->floats[0], &real, sizeof(real));

        line = rig_one(&decimals, record.data, record.length);
        sound = number_like && decimal_read(number, length, 4, &integer) == 0;
        assert_int_equal(sound, line[0] != '!');
        if (sound)
            assert_int_equal(decimals.batch->slots[0]->ints[0], integer);

        line = rig_one(&ints, record.data, record.length);
        sound = number_like && decimal_read(number, length, 0, &integer) == 0;
        assert_int_equal(sound, line[0] != '!');
        if (sound)
            assert_int_equal(ints.batch->slots[0]->ints[0], integer);
        text_done(&record);
    }
    rig_done(&rig);
    rig_done(&ints);
    rig_done(&decimals);
    rig_done(&floats);
}

/* json_scan and json_utf8_valid at every length and place. */
static void test_utf8(void **state)
{
    random_state = rig_seed("utf8");
    char data[200 + 64];
    for (int round = 0; round < 200000; round++) {
        size_t length = below(200);
        for (size_t i = 0; i < length; i++)
            data[i] = (char)('a' + below(26));
        for (uint32_t n = below(5); n > 0 && length > 4; n--) {
            static const char *const pieces[] = {
                "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3",     "\xe2\x82",
                "\xf0\x9f", "\x80",         "\xed\xa0\x80",     "\xc0\x80", "\xf8\x88\x80\x80"};
            const char *piece = pieces[below(below(2) ? 3 : COUNT_OF(pieces))];
            size_t at = below((uint32_t)(length - 3));
            for (size_t i = 0; piece[i]; i++)
                data[at + i] = piece[i];
        }
        assert_int_equal(json_utf8_valid(data, length), utf8_valid(data, length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),   cmocka_unit_test(test_broken_records),
        cmocka_unit_test(test_memory_of_keys), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
