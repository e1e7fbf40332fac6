/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/check.h"
#include "sink/query_internal.h"

/*
 * Cutting a condition at its outermost ANDs. Lexical, because the language is behind
 * expression_ops: what counts is where parentheses, quotes, comments, CASE .. END and the AND of
 * BETWEEN begin and end. A text that does not look whole is left in one piece, for the compiler to
 * complain about.
 */

struct piece {
    uint32_t start, end;
};

/* Behind a quoted piece or a comment that begins at `at`; `at` itself where none does. */
static size_t skip_opaque(const char *text, size_t at, size_t length)
{
    char c = text[at];
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
        char close = c == '[' ? ']' : c;
        for (size_t i = at + 1; i < length; i++) {
            if (text[i] != close)
                continue;
            if (c != '[' && i + 1 < length && text[i + 1] == close)
                i++; /* a doubled quote stands for itself */
            else
                return i + 1;
        }
        return length;
    }
    if (c == '-' && at + 1 < length && text[at + 1] == '-') {
        const char *line = memchr(text + at, '\n', length - at);
        return line ? (size_t)(line - text) + 1 : length;
    }
    if (c == '/' && at + 1 < length && text[at + 1] == '*') {
        const char *end = memmem(text + at + 2, length - at - 2, "*/", 2);
        return end ? (size_t)(end - text) + 2 : length;
    }
    return at;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool word_is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* What may stand between two parts at the outermost level. */
enum joint { JOINT_NONE, JOINT_AND, JOINT_OR };

struct scan {
    int depth;    /* of parentheses and CASE .. END */
    int betweens; /* that still wait for their AND */
};

static enum joint scan_word(struct scan *scan, const char *word, size_t length)
{
    if (word_is(word, length, "case"))
        scan->depth++;
    else if (word_is(word, length, "end"))
        scan->depth--;
    if (scan->depth != 0)
        return JOINT_NONE;
    if (word_is(word, length, "or"))
        return JOINT_OR;
    if (word_is(word, length, "between"))
        scan->betweens++;
    if (!word_is(word, length, "and"))
        return JOINT_NONE;
    if (scan->betweens > 0) {
        scan->betweens--;
        return JOINT_NONE;
    }
    return JOINT_AND;
}

static uint32_t cut(const char *text, size_t length, struct piece pieces[WHERE_PARTS_MAX])
{
    struct scan scan = {0, 0};
    uint32_t count = 0;
    uint32_t start = 0;
    bool whole = false;
    for (size_t at = 0; at < length && !whole;) {
        size_t end = skip_opaque(text, at, length);
        if (end != at) {
            at = end;
            continue;
        }
        if (!is_word(text[at])) {
            scan.depth += (text[at] == '(') - (text[at] == ')');
            at++;
            continue;
        }
        while (end < length && is_word(text[end]))
            end++;
        enum joint joint = scan_word(&scan, text + at, end - at);
        if (joint == JOINT_AND && count < WHERE_PARTS_MAX - 1) {
            pieces[count++] = (struct piece){start, (uint32_t)at};
            start = (uint32_t)end;
        }
        whole = joint == JOINT_OR || scan.depth < 0;
        at = end;
    }
    if (whole || scan.depth != 0) {
        count = 0;
        start = 0;
    }
    pieces[count++] = (struct piece){start, (uint32_t)length};
    return count;
}

static bool reads_only_below(const uint64_t *reads, uint32_t limit)
{
    for (uint32_t c = limit; c < QUERY_COLUMNS_MAX; c++)
        if ((reads[c >> 6] >> (c & 63)) & 1)
            return false;
    return true;
}

/* The first column that is read but not in `there`; UINT32_MAX: none. */
static uint32_t first_missing(const uint64_t *reads, const uint64_t *there)
{
    for (uint32_t w = 0; w < QUERY_COLUMN_WORDS; w++)
        if (reads[w] & ~there[w])
            return w * 64 + (uint32_t)__builtin_ctzll(reads[w] & ~there[w]);
    return UINT32_MAX;
}

static int fail_at(struct query_error *error, uint32_t position)
{
    error->position = position;
    return WEIR_E_INVALID;
}

static int part_compile(struct where *where, struct piece piece, const struct weir_schema *schema,
                        uint32_t early_columns, const uint64_t *late, struct query_error *error)
{
    struct expression_error mistake = {0};
    struct where_part *part = &where->parts[where->count];
    *part = (struct where_part){.position = piece.start};
    if (where->ops->compile(where->text + piece.start, piece.end - piece.start, schema, &part->expr,
                            &mistake) < 0) {
        query_fail(error, 400, "expression", "`where`: %s", mistake.text);
        return fail_at(error, piece.start + mistake.position);
    }
    where->count++;
    struct weir_type type = where->ops->type(part->expr);
    if (type.kind != WEIR_BOOL) {
        char name[TYPE_TEXT_BYTES];
        query_fail(error, 400, "expression",
                   "`where`: a condition (bool) is needed, this is of type %s; compare it with "
                   "something",
                   type_text(type, name));
        return fail_at(error, piece.start);
    }
    where->ops->reads(part->expr, part->reads, schema->count);
    part->early = early_columns > 0 && reads_only_below(part->reads, early_columns);
    uint32_t missing = part->early ? UINT32_MAX : first_missing(part->reads, late);
    if (missing == UINT32_MAX)
        return 0;
    query_fail(error, 400, "expression",
               "`where`: this part reads `%s`, which `by=` merges away, together with what is only "
               "known after merging; join parts that each read one or the other with AND, or name "
               "`%s` in `by=`",
               schema->fields[missing].name, schema->fields[missing].name);
    return fail_at(error, piece.start);
}

int where_compile(struct where *where, const struct expression_ops *ops, const char *text,
                  const struct weir_field *columns, uint32_t column_count, uint32_t early_columns,
                  const uint64_t *late, struct query_error *error)
{
    *where = (struct where){.ops = ops, .text = text};
    struct piece pieces[WHERE_PARTS_MAX];
    uint32_t count = cut(text, strlen(text), pieces);
    struct weir_schema schema = {columns, column_count};
    for (uint32_t i = 0; i < count; i++) {
        int status = part_compile(where, pieces[i], &schema, early_columns, late, error);
        if (status < 0) {
            where_done(where);
            return status;
        }
    }
    return 0;
}

void where_done(struct where *where)
{
    for (uint32_t i = 0; i < where->count; i++)
        where->ops->free(where->parts[i].expr);
    where->count = 0;
}

bool where_has(const struct where *where, bool early)
{
    for (uint32_t i = 0; i < where->count; i++)
        if (where->parts[i].early == early)
            return true;
    return false;
}

static void batch_of_rows(struct batch *batch, uint32_t count)
{
    batch_begin(batch, "", 0, clock_wall_ns());
    batch->stage = "where";
    batch->view.rows = count;
    batch->view.selected = count;
    for (uint32_t i = 0; i < count; i++)
        batch->selection[i] = (uint16_t)i;
}

static int columns_fill(const struct where_part *part, const struct row_source *source,
                        const uint32_t *rows, uint32_t count, struct query_workspace *workspace,
                        struct query_error *error)
{
    struct batch *batch = workspace->scratch;
    for (uint32_t c = 0; c < source->column_count; c++) {
        if (!((part->reads[c >> 6] >> (c & 63)) & 1) || batch->slots[c])
            continue;
        int128 *wide = NULL;
        int status = column_fill(batch, c, source, c, rows, count, workspace, &wide, error);
        if (status < 0)
            return status;
        if (wide) {
            query_fail(error, 422, "limit",
                       "`where` reads `%s`, which is beyond 64 bits in some row; leave that part "
                       "out and use `order=`, which is exact",
                       source->columns[c].name);
            return WEIR_E_LIMIT;
        }
    }
    return 0;
}

/* Narrows the batch's selection to the rows for which the part is true. */
static int part_ask(const struct where *where, const struct where_part *part, struct batch *batch,
                    struct query_error *error)
{
    struct weir_column *answer = where->ops->eval(part->expr, &batch->view);
    if (!answer)
        return query_fail_nomem(error);
    if (batch->reject_count) {
        query_fail(error, 400, "expression", "`where` cannot be computed for a row: %s",
                   batch->rejects[0].text);
        return fail_at(error, part->position);
    }
    uint32_t selected = 0;
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        if (weir_valid(answer, row) && answer->bools[row])
            batch->selection[selected++] = (uint16_t)row;
    }
    batch->view.selected = selected;
    return 0;
}

int where_filter(const struct where *where, bool early, const struct row_source *source,
                 uint32_t *rows, uint32_t count, struct query_workspace *workspace,
                 const struct query_time *time, uint32_t *ret_count, struct query_error *error)
{
    if (!workspace->scratch)
        workspace->scratch = batch_new(QUERY_COLUMNS_MAX);
    struct batch *batch = workspace->scratch;
    uint32_t passed = 0;
    for (uint32_t at = 0; at < count; at += WEIR_BATCH_ROWS_MAX) {
        uint32_t n = count - at < WEIR_BATCH_ROWS_MAX ? count - at : WEIR_BATCH_ROWS_MAX;
        int status = query_time_check(time, error);
        batch_of_rows(batch, n);
        for (uint32_t p = 0; p < where->count && status == 0; p++) {
            if (where->parts[p].early != early)
                continue;
            status = columns_fill(&where->parts[p], source, rows + at, n, workspace, error);
            if (status == 0)
                status = part_ask(where, &where->parts[p], batch, error);
        }
        if (status < 0)
            return status;
        for (uint32_t i = 0; i < batch->view.selected; i++)
            rows[passed++] = rows[at + batch->selection[i]];
    }
    *ret_count = passed;
    return 0;
}
