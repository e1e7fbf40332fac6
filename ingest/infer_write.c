/* SPDX-License-Identifier: Apache-2.0 */
/* infer_write.c: from what was seen to the lines of a `fields:` block. */
#include "ingest/infer_private.h"

#include "base/memory.h"
#include "base/value.h"

#include <ctype.h>

static const char *const kind_words[INFER_KIND_COUNT] = {
#define INFER_KIND_WORDS(symbol, words) [symbol] = words,
    INFER_KINDS(INFER_KIND_WORDS)
#undef INFER_KIND_WORDS
};

/* More digits behind the point than prices have are taken for measurements: float. */
#define DECIMAL_DIGITS_MAX 2

/* Does the name say that this is a time? Numbers alone could be ids. */
static bool names_time(const char *key)
{
    static const char *const parts[] = {"time", "date", "stamp", "when", "created", "updated"};
    char lower[64];
    size_t length = strlen(key);
    if (length >= sizeof(lower))
        return false;
    for (size_t i = 0; i <= length; i++)
        lower[i] = (char)tolower((unsigned char)key[i]);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(lower, parts[i]))
            return true;
    return strcmp(lower, "ts") == 0 || strcmp(lower, "t") == 0 ||
           (length > 3 &&
            (strcmp(lower + length - 3, "_at") == 0 || strcmp(lower + length - 3, "_ts") == 0)) ||
           (length > 2 && strcmp(key + length - 2, "At") == 0);
}

/* The unit in which all these numbers are times between 2001 and 2100; NULL: none. Without a name
 * that says so, only times of our days in fine units are believed. */
static const char *time_unit(const struct infer_range *range, const char *key)
{
    static const struct {
        const char *name;
        int64_t second;
    } units[] = {{"s", 1}, {"ms", 1000}, {"us", 1000000}, {"ns", 1000000000}};
    bool named = names_time(key);
    int64_t least_s = named ? 978307200 : 1420070400;     /* 2001, 2015 */
    int64_t greatest_s = named ? 4102444800 : 2051222400; /* 2100, 2035 */
    for (size_t i = named ? 0 : 1; i < sizeof(units) / sizeof(units[0]); i++)
        if (range->count > 0 && range->least / units[i].second >= least_s &&
            range->greatest / units[i].second < greatest_s)
            return units[i].name;
    return NULL;
}

static uint64_t of_kinds(const struct infer_path *path, uint32_t kinds)
{
    uint64_t count = 0;
    for (uint32_t kind = 0; kind < INFER_KIND_COUNT; kind++)
        if (kinds >> kind & 1)
            count += path->counts[kind];
    return count;
}

#define BIT(kind) (1u << (kind))
#define NUMBERS   (BIT(INFER_INT) | BIT(INFER_BIG) | BIT(INFER_FRACTION) | BIT(INFER_EXPONENT))

static const char *array_type(const struct infer_path *path)
{
    uint32_t kinds = path->element_kinds;
    if (path->element_nulls || !kinds)
        return "json";
    if (kinds == BIT(INFER_INT))
        return "array(int)";
    if ((kinds & ~NUMBERS) == 0)
        return "array(float)";
    if (kinds == BIT(INFER_TEXT))
        return "array(string)";
    if (kinds == BIT(INFER_BOOL))
        return "array(bool)";
    return kinds == BIT(INFER_OBJECT) ? "array(json)" : "json";
}

#define TYPE_BYTES 40

/* The type without its `?`. */
static void guess(const struct infer_path *path, bool csv, char type[TYPE_BYTES])
{
    uint64_t all = path->present;
    const char *unit = NULL;
    const char *plain = csv ? "string" : "json"; /* of mixed kinds */
    if (all == 0) {
        plain = "string";
    } else if (path->counts[INFER_BOOL] == all) {
        plain = "bool";
    } else if (path->counts[INFER_INT] == all) {
        plain = "int";
        unit = time_unit(&path->ints, path->key);
    } else if (of_kinds(path, BIT(INFER_INT) | BIT(INFER_FRACTION)) == all &&
               path->digits_behind <= DECIMAL_DIGITS_MAX &&
               path->digits_before + path->digits_behind <= WEIR_DECIMAL_SCALE_MAX) {
        snprintf(type, TYPE_BYTES, "decimal(%u)", path->digits_behind);
        return;
    } else if (of_kinds(path, NUMBERS) == all && !(csv && path->counts[INFER_BIG])) {
        plain = "float";
    } else if (path->rfc3339_texts == all) {
        plain = "timestamp(rfc3339)";
    } else if (path->counts[INFER_TEXT] == all) {
        plain = "string";
        if (path->digit_texts.count == all)
            unit = time_unit(&path->digit_texts, path->key);
    } else if (path->counts[INFER_ARRAY] == all) {
        plain = array_type(path);
    }
    if (unit)
        snprintf(type, TYPE_BYTES, "timestamp(%s)", unit);
    else
        snprintf(type, TYPE_BYTES, "%s", plain);
}

struct writing {
    const struct infer *infer;
    struct text *out;
    struct text *names; /* the names given so far, each between newlines */
    const struct infer_path *path[INFER_DEPTH_MAX + 1];
    uint32_t depth;
};

/* A column's name out of the path's keys: letters, digits and _. */
static void name_make(struct writing *w, struct text *name)
{
    for (uint32_t i = 0; i < w->depth; i++) {
        if (i > 0)
            text_add_char(name, '_');
        for (const char *p = w->path[i]->key; *p && name->length < 100; p++)
            text_add_char(name, isalnum((unsigned char)*p) && (unsigned char)*p < 0x80 ? *p : '_');
    }
    text_add(name, "");
    char *begin = name->data;
    size_t skip = strspn(begin, "_");
    if (begin[skip] == '\0' || isdigit((unsigned char)begin[skip])) {
        struct text other = TEXT_INIT;
        text_addf(&other, "field_%s", begin + skip);
        text_done(name);
        *name = other;
    } else {
        memmove(begin, begin + skip, name->length - skip + 1);
        name->length -= skip;
    }
}

static bool name_taken(const struct writing *w, const char *name)
{
    char *line = mem_printf("\n%s\n", name);
    bool taken = strstr(w->names->data, line) != NULL;
    free(line);
    return taken;
}

static void name_choose(struct writing *w, struct text *name)
{
    name_make(w, name);
    size_t length = name->length;
    for (uint32_t number = 2; name_taken(w, name->data); number++) {
        name->length = length;
        text_addf(name, "_%u", number);
    }
    text_addf(w->names, "%s\n", name->data);
}

static void path_write(struct writing *w)
{
    bool dotted = false;
    for (uint32_t i = 0; i < w->depth; i++)
        dotted |= !*w->path[i]->key || strchr(w->path[i]->key, '.') != NULL;
    struct text joined = TEXT_INIT;
    for (uint32_t i = 0; i < w->depth; i++) {
        if (i > 0)
            text_add(dotted ? w->out : &joined, dotted ? ", " : ".");
        else if (dotted)
            text_add_char(w->out, '[');
        if (dotted)
            json_write_string(w->out, w->path[i]->key, w->path[i]->key_length);
        else
            text_add(&joined, w->path[i]->key);
    }
    if (dotted)
        text_add_char(w->out, ']');
    else
        json_write_string(w->out, joined.data, joined.length);
    text_done(&joined);
}

/* What a reader of the block should know. */
static void comment_write(struct writing *w, const struct infer_path *path, const char *type)
{
    uint64_t records = w->infer->records;
    struct text words = TEXT_INIT;
    if (path->present == 0)
        text_add(&words, "always null");
    else if (path->present < records)
        text_addf(&words, "in %llu of %llu records", (unsigned long long)path->present,
                  (unsigned long long)records);
    if (strcmp(type, "json") == 0 && path->counts[INFER_ARRAY] != path->present) {
        for (uint32_t kind = 0; kind < INFER_KIND_COUNT; kind++)
            if (path->counts[kind])
                text_addf(&words, "%s%s in %llu", words.length ? ", " : "", kind_words[kind],
                          (unsigned long long)path->counts[kind]);
        if (path->too_many)
            text_add(&words, ", with too many keys or levels for fields");
    } else if (strcmp(type, "float") == 0 && path->counts[INFER_BIG]) {
        text_addf(&words, "%swhole numbers beyond 64 bits", words.length ? ", " : "");
    }
    if (words.length)
        text_addf(w->out, "  # %s", words.data);
    text_done(&words);
}

static void line_write(struct writing *w, const struct infer_path *path)
{
    static const char *const words[] = {"null", "true", "false"}; /* YAML's own */
    char type[TYPE_BYTES];
    guess(path, w->infer->csv, type);
    const char *mark = path->present < w->infer->records ? "?" : "";
    struct text name = TEXT_INIT;
    name_choose(w, &name);
    bool quoted = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        quoted |= strcasecmp(name.data, words[i]) == 0;
    const char *quote = quoted ? "\"" : "";
    text_addf(w->out, "  %s%s%s: ", quote, name.data, quote);
    if (w->depth == 1 && strcmp(name.data, path->key) == 0) {
        text_addf(w->out, "%s%s", type, mark);
    } else {
        text_add(w->out, "{path: ");
        path_write(w);
        text_addf(w->out, ", type: \"%s%s\"}", type, mark);
    }
    comment_write(w, path, type);
    text_add_char(w->out, '\n');
    text_done(&name);
}

static void path_lines(struct writing *w, const struct infer_path *path)
{
    w->path[w->depth++] = path;
    bool objects = path->present > 0 && path->counts[INFER_OBJECT] == path->present;
    if (objects && !path->too_many && path->child_count > 0)
        for (uint32_t i = 0; i < path->child_count; i++)
            path_lines(w, path->children[i]);
    else
        line_write(w, path);
    w->depth--;
}

void infer_write(const struct infer *infer, struct text *out)
{
    struct text names = TEXT_INIT;
    struct writing writing = {.infer = infer, .out = out, .names = &names};
    text_add(&names, "\n");
    text_addf(out, "fields:  # from %llu records", (unsigned long long)infer->records);
    if (infer->unreadable)
        text_addf(out, "; %llu more could not be read", (unsigned long long)infer->unreadable);
    if (infer->paths_dropped)
        text_addf(out, "; only the first %d paths are here", INFER_FIELDS_MAX);
    text_add_char(out, '\n');
    for (uint32_t i = 0; i < infer->root.child_count; i++)
        path_lines(&writing, infer->root.children[i]);
    text_done(&names);
}
