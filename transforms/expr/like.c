/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/expr/like.h"

#include "transforms/expr/functions.h"

static inline unsigned char fold_byte(unsigned char c)
{
    return (unsigned char)(c + (c - 'A' + 0u < 26u ? 32 : 0));
}

static inline bool same_folded(const char *s, const char *folded, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (fold_byte((unsigned char)s[i]) != (unsigned char)folded[i])
            return false;
    return true;
}

static bool same(const char *s, const char *text, size_t length, bool fold)
{
    return fold ? same_folded(s, text, length) : !memcmp(s, text, length);
}

/* --- the search for %text% ------------------------------------------------------------------ */

#define LANES 16

/* Sixteen places at once: a place can only match where the text's first and last byte do. Blocks
 * are read within s only: the last one is moved back so that it ends with s. */
static inline uint64_t lanes_equal(const char *at, unsigned char lower, unsigned char upper,
                                   uint64_t *ret_high)
{
    unsigned char block __attribute__((vector_size(LANES)));
    signed char hit __attribute__((vector_size(LANES)));
    memcpy(&block, at, LANES);
    uint64_t halves[2];
    hit = (block == lower) | (block == upper);
    memcpy(halves, &hit, sizeof halves);
    *ret_high = halves[1];
    return halves[0];
}

static unsigned char unfold_byte(unsigned char c)
{
    return (unsigned char)(c - (c - 'a' + 0u < 26u ? 32 : 0));
}

static bool contains_slow(const char *s, size_t places, struct weir_str text, bool fold)
{
    for (size_t i = 0; i < places; i++)
        if (same(s + i, text.data, text.length, fold))
            return true;
    return false;
}

bool text_contains(struct weir_str s, struct weir_str text, bool fold)
{
    if (text.length > s.length)
        return false;
    if (!text.length)
        return true;
    size_t places = s.length - text.length + 1;
    size_t last = text.length - 1;
    if (places < LANES)
        return contains_slow(s.data, places, text, fold);
    unsigned char first_low = (unsigned char)text.data[0], first_up = first_low;
    unsigned char last_low = (unsigned char)text.data[last], last_up = last_low;
    if (fold) {
        first_up = unfold_byte(first_low);
        last_up = unfold_byte(last_low);
    }
    for (size_t i = 0;; i += LANES) {
        if (i + LANES > places)
            i = places - LANES;
        uint64_t first_high, last_high;
        uint64_t first = lanes_equal(s.data + i, first_low, first_up, &first_high);
        uint64_t hits[2];
        hits[0] = first & lanes_equal(s.data + i + last, last_low, last_up, &last_high);
        hits[1] = first_high & last_high;
        for (int half = 0; half < 2; half++) {
            while (hits[half]) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                unsigned lane = (unsigned)__builtin_ctzll(hits[half]) / 8;
                hits[half] &= ~(0xffULL << lane * 8);
#else
                unsigned lane = (unsigned)__builtin_clzll(hits[half]) / 8;
                hits[half] &= ~(0xffULL << (7 - lane) * 8);
#endif
                if (same(s.data + i + (unsigned)half * 8 + lane, text.data, text.length, fold))
                    return true;
            }
        }
        if (i + LANES == places)
            return false;
    }
}

/* --- patterns ------------------------------------------------------------------------------- */

/* The code point at *at, which is moved behind it. */
static uint32_t next_code(const char **at, const char *end)
{
    uint32_t length;
    uint32_t code = utf8_read(*at, end, &length);
    *at += length;
    return code;
}

static uint32_t fold_code(uint32_t code)
{
    return code + (code - 'A' < 26u ? 32 : 0);
}

/* Where one % fails, the one before it cannot help: so only the last % is gone back to. */
bool like_matches(struct weir_str pattern, uint32_t escape, struct weir_str s)
{
    const char *p = pattern.data, *p_end = p + pattern.length;
    const char *at = s.data, *end = at + s.length;
    const char *star = NULL, *star_at = NULL;
    for (;;) {
        bool fits = false;
        if (p == p_end) {
            if (at == end)
                return true;
        } else {
            const char *next_p = p;
            uint32_t code = next_code(&next_p, p_end);
            bool literal = escape && code == escape;
            if (literal)
                code = next_p < p_end ? next_code(&next_p, p_end) : UINT32_MAX;
            if (!literal && code == '%') {
                star = p = next_p;
                star_at = at;
                continue;
            }
            if (at < end) {
                uint32_t found = next_code(&at, end);
                fits = (!literal && code == '_') || fold_code(found) == fold_code(code);
                p = next_p;
            }
        }
        if (fits)
            continue;
        if (!star || star_at == end)
            return false;
        next_code(&star_at, end);
        at = star_at;
        p = star;
    }
}

/* [abc] [^a-z] []x]: the set begins behind `[`; *p is moved behind `]`. False also where it is not
 * closed. */
static bool set_matches(const char **p, const char *p_end, uint32_t code)
{
    bool seen = false, invert = false;
    uint32_t prior = 0;
    if (*p < p_end && **p == '^') {
        invert = true;
        ++*p;
    }
    if (*p < p_end && **p == ']') {
        seen = code == ']';
        ++*p;
    }
    while (*p < p_end && **p != ']') {
        uint32_t next = next_code(p, p_end);
        if (next == '-' && *p < p_end && **p != ']' && prior > 0) {
            next = next_code(p, p_end);
            seen |= code >= prior && code <= next;
            prior = 0;
        } else {
            seen |= code == next;
            prior = next;
        }
    }
    if (*p == p_end)
        return false;
    ++*p;
    return seen != invert;
}

bool glob_matches(struct weir_str pattern, struct weir_str s)
{
    const char *p = pattern.data, *p_end = p + pattern.length;
    const char *at = s.data, *end = at + s.length;
    const char *star = NULL, *star_at = NULL;
    for (;;) {
        bool fits = false;
        if (p == p_end) {
            if (at == end)
                return true;
        } else if (*p == '*') {
            star = ++p;
            star_at = at;
            continue;
        } else if (at < end) {
            uint32_t found = next_code(&at, end), code = next_code(&p, p_end);
            fits = code == '[' ? set_matches(&p, p_end, found) : code == '?' || code == found;
        }
        if (fits)
            continue;
        if (!star || star_at == end)
            return false;
        next_code(&star_at, end);
        at = star_at;
        p = star;
    }
}

bool pattern_matches(const struct pattern *pattern, struct weir_str s)
{
    struct weir_str text = pattern->text;
    switch ((enum pattern_shape)pattern->shape) {
    case PATTERN_EXACT:
        return s.length == text.length && same(s.data, text.data, text.length, pattern->fold);
    case PATTERN_PREFIX:
        return s.length >= text.length && same(s.data, text.data, text.length, pattern->fold);
    case PATTERN_SUFFIX:
        return s.length >= text.length &&
               same(s.data + s.length - text.length, text.data, text.length, pattern->fold);
    case PATTERN_INFIX:
        return text_contains(s, text, pattern->fold);
    case PATTERN_GENERAL:
        break;
    }
    return pattern->fold ? like_matches(text, pattern->escape, s) : glob_matches(text, s);
}

/* --- compiling ------------------------------------------------------------------------------ */

static enum pattern_shape shape_of(bool star_before, bool star_behind)
{
    if (star_before)
        return star_behind ? PATTERN_INFIX : PATTERN_SUFFIX;
    return star_behind ? PATTERN_PREFIX : PATTERN_EXACT;
}

/* Stars at both ends and none, nor another wildcard, in between: the text alone. */
static struct pattern *pattern_new(struct compiler *compiler, struct weir_str source, bool like,
                                   uint32_t escape)
{
    struct pattern *pattern = compile_alloc(compiler, sizeof *pattern);
    char *text = compile_alloc(compiler, source.length + 1);
    if (!pattern || !text)
        return NULL;
    *pattern = (struct pattern){PATTERN_GENERAL, like, source, escape};
    const char star = like ? '%' : '*', one = like ? '_' : '?';
    const char *p = source.data, *end = p + source.length;
    bool before = false, behind = false;
    uint32_t length = 0;
    while (p < end) {
        const char *from = p;
        uint32_t code = next_code(&p, end);
        if (escape && code == escape) {
            if (p == end)
                return pattern;
            from = p;
            next_code(&p, end);
        } else if (code == (unsigned char)star) {
            if (length)
                behind = true;
            else
                before = true;
            continue;
        } else if (code == (unsigned char)one || (!like && code == '[')) {
            return pattern;
        }
        if (behind)
            return pattern;
        for (; from < p; from++)
            text[length++] = (char)(like ? fold_byte((unsigned char)*from) : (unsigned char)*from);
    }
    pattern->text = str_make(text, length);
    /* `%` alone has its star before an empty text: it matches everything as %%. */
    pattern->shape = (uint8_t)shape_of(before, behind || (before && !length));
    return pattern;
}

static bool check_texts(struct compiler *compiler, struct node *node)
{
    const char *name = node->kind == NODE_LIKE ? "LIKE" : "GLOB";
    for (uint32_t i = 0; i < node->count; i++) {
        struct node *arg = node->args[i];
        char a[SNIPPET_BYTES], b[TYPE_TEXT_BYTES];
        if (arg->type.kind == EXPR_NULL)
            arg->type = type_of(WEIR_STRING, true);
        if (arg->type.kind != WEIR_STRING)
            return compile_fail(compiler, arg->start,
                                "%s compares texts, and %s is %s; write CAST(.. AS string)", name,
                                snippet(compiler, arg, a), kind_phrase(arg->type, b));
    }
    return true;
}

static bool read_escape(struct compiler *compiler, const struct node *node, uint32_t *ret_escape)
{
    *ret_escape = 0;
    if (node->count < 3)
        return true;
    const struct node *escape = node->args[2];
    struct weir_str s = escape->constant.s;
    if (!node_is_text(escape) || utf8_count(s.data, s.length) != 1)
        return compile_fail(compiler, escape->start,
                            "ESCAPE is followed by one character in quotes, as in ESCAPE '\\'");
    uint32_t length;
    *ret_escape = utf8_read(s.data, s.data + s.length, &length);
    return true;
}

bool type_like(struct compiler *compiler, struct node *node)
{
    if (!check_texts(compiler, node))
        return false;
    node->type = type_of(WEIR_BOOL, any_nullable(node));
    node->eval = eval_like;
    for (uint32_t i = 0; i < node->count; i++)
        if (node_is_null(node->args[i]))
            return null_instead(node);
    uint32_t escape;
    if (!read_escape(compiler, node, &escape))
        return false;
    struct node *pattern = node->args[1];
    if (!node_is_constant(pattern)) {
        struct pattern *dynamic = compile_alloc(compiler, sizeof *dynamic);
        if (!dynamic)
            return false;
        *dynamic = (struct pattern){PATTERN_GENERAL, node->kind == NODE_LIKE, {"", 0, 0}, escape};
        node->prepared = dynamic;
        return true;
    }
    node->prepared = pattern_new(compiler, pattern->constant.s, node->kind == NODE_LIKE, escape);
    return node->prepared != NULL;
}

/* like(pattern, text[, escape]) and glob(pattern, text) */
bool check_like_call(struct compiler *compiler, struct node *node)
{
    struct node *pattern = node->args[0];
    node->kind = node->function->doc.name[0] == 'l' ? NODE_LIKE : NODE_GLOB;
    node->args[0] = node->args[1];
    node->args[1] = pattern;
    return type_like(compiler, node);
}

/* --- evaluation ----------------------------------------------------------------------------- */

struct vec *eval_like(const struct node *node, struct eval *eval, struct selection rows)
{
    struct vec *args[2];
    for (uint32_t i = 0; i < 2; i++) {
        args[i] = node_run(node->args[i], eval, rows);
        if (!args[i])
            return NULL;
    }
    struct vec *out = vec_new(eval, node->type);
    if (!out || !vec_valid_from(eval, out, args, 2))
        return NULL;
    const struct vec *text = args[0];
    struct pattern pattern = *(const struct pattern *)node->prepared;
    if (node_is_constant(node->args[1])) {
        for (EACH_ROW(rows, row))
            out->c.bools[row] =
                vec_valid(out, row) && pattern_matches(&pattern, text->c.strs[row & text->mask]);
        return out;
    }
    for (EACH_ROW(rows, row)) {
        out->c.bools[row] = 0;
        if (!vec_valid(out, row))
            continue;
        pattern.text = args[1]->c.strs[row & args[1]->mask];
        out->c.bools[row] = pattern_matches(&pattern, text->c.strs[row & text->mask]);
    }
    return out;
}
