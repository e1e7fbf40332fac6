/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/expr/lexer.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

struct word {
    const char *spelling;
    enum token_kind kind;
};
#define EXPR_WORD(symbol, spelling) {spelling, TOKEN_##symbol},
static const struct word keywords[] = {EXPR_KEYWORDS(EXPR_WORD)};
static const struct word signs[] = {EXPR_SIGNS(EXPR_WORD)};

bool token_is_keyword(enum token_kind kind)
{
    return kind >= keywords[0].kind && kind <= keywords[COUNT_OF(keywords) - 1].kind;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c) || c == '$';
}

/* The character `ahead` bytes on; NUL behind the end, which no token can contain. */
static char peek(const struct lexer *lexer, uint32_t ahead)
{
    uint32_t at = lexer->position + ahead;
    return at < lexer->length ? lexer->text[at] : '\0';
}

static struct token wrong(struct lexer *lexer, uint32_t start, const char *problem)
{
    lexer->problem = problem;
    return (struct token){TOKEN_WRONG, start, lexer->position - start};
}

/* Blanks, `-- to the end of the line` and C comments. False: a comment is not closed. */
static bool skip_blanks(struct lexer *lexer)
{
    for (;;) {
        char c = peek(lexer, 0);
        if (lexer->position < lexer->length && (c == ' ' || (c >= '\t' && c <= '\r'))) {
            lexer->position++;
        } else if (c == '-' && peek(lexer, 1) == '-') {
            while (lexer->position < lexer->length && lexer->text[lexer->position] != '\n')
                lexer->position++;
        } else if (c == '/' && peek(lexer, 1) == '*') {
            const char *from = lexer->text + lexer->position + 2;
            const char *end = memmem(from, lexer->length - lexer->position - 2, "*/", 2);
            if (!end)
                return false;
            lexer->position = (uint32_t)(end - lexer->text) + 2;
        } else {
            return true;
        }
    }
}

static struct token read_number(struct lexer *lexer)
{
    uint32_t start = lexer->position;
    enum token_kind kind = TOKEN_INT;
    if (peek(lexer, 0) == '0' && (peek(lexer, 1) | 0x20) == 'x' && is_hex(peek(lexer, 2))) {
        kind = TOKEN_HEX;
        lexer->position += 2;
        while (is_hex(peek(lexer, 0)))
            lexer->position++;
    } else {
        while (is_digit(peek(lexer, 0)))
            lexer->position++;
        if (peek(lexer, 0) == '.') {
            kind = TOKEN_FLOAT;
            lexer->position++;
            while (is_digit(peek(lexer, 0)))
                lexer->position++;
        }
        uint32_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-';
        if ((peek(lexer, 0) | 0x20) == 'e' && is_digit(peek(lexer, 1 + sign))) {
            kind = TOKEN_FLOAT;
            lexer->position += 1 + sign;
            while (is_digit(peek(lexer, 0)))
                lexer->position++;
        }
    }
    if (is_name_part(peek(lexer, 0))) {
        while (is_name_part(peek(lexer, 0)))
            lexer->position++;
        return wrong(lexer, start, "this is neither a number nor a name");
    }
    return (struct token){kind, start, lexer->position - start};
}

/* From the opening quote to the closing one; a doubled one stands for itself. */
static struct token read_quoted(struct lexer *lexer, uint32_t start, enum token_kind kind,
                                char closing, const char *problem)
{
    lexer->position++;
    while (lexer->position < lexer->length) {
        if (lexer->text[lexer->position++] != closing)
            continue;
        if (closing == ']' || peek(lexer, 0) != closing)
            return (struct token){kind, start, lexer->position - start};
        lexer->position++;
    }
    return wrong(lexer, start, problem);
}

static struct token read_bytes(struct lexer *lexer)
{
    uint32_t start = lexer->position++;
    struct token token =
        read_quoted(lexer, start, TOKEN_BYTES, '\'', "x'..' is not closed: ' is missing");
    if (token.kind != TOKEN_BYTES)
        return token;
    for (uint32_t i = start + 2; i < lexer->position - 1; i++)
        if (!is_hex(lexer->text[i]))
            return wrong(lexer, start, "x'..' holds pairs of hexadecimal digits");
    if (token.length % 2)
        return token;
    return wrong(lexer, start, "x'..' holds pairs of hexadecimal digits, and one digit is missing");
}

static struct token read_name(struct lexer *lexer)
{
    uint32_t start = lexer->position;
    while (is_name_part(peek(lexer, 0)))
        lexer->position++;
    struct token token = {TOKEN_NAME, start, lexer->position - start};
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (strlen(keywords[i].spelling) == token.length &&
            !strncasecmp(keywords[i].spelling, lexer->text + start, token.length))
            token.kind = keywords[i].kind;
    return token;
}

static struct token read_sign(struct lexer *lexer)
{
    uint32_t start = lexer->position;
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        size_t length = strlen(signs[i].spelling);
        if (lexer->length - start >= length &&
            !memcmp(lexer->text + start, signs[i].spelling, length)) {
            lexer->position += (uint32_t)length;
            return (struct token){signs[i].kind, start, (uint32_t)length};
        }
    }
    lexer->position++;
    switch (lexer->text[start]) {
    case '?':
    case ':':
    case '@':
    case '$':
        return wrong(lexer, start, "parameters cannot be used here: write the value");
    case ';':
        return wrong(lexer, start, "an expression is not a statement: drop the `;`");
    case '{':
        return wrong(lexer, start, "a column is named without braces");
    default:
        return wrong(lexer, start, "this character has no meaning here");
    }
}

struct token lexer_next(struct lexer *lexer)
{
    if (!skip_blanks(lexer))
        return wrong(lexer, lexer->position, "the comment is not closed: */ is missing");
    if (lexer->position == lexer->length)
        return (struct token){TOKEN_DONE, lexer->length, 0};
    char c = peek(lexer, 0);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
        return read_number(lexer);
    if ((c | 0x20) == 'x' && peek(lexer, 1) == '\'')
        return read_bytes(lexer);
    if (is_name_start(c))
        return read_name(lexer);
    uint32_t start = lexer->position;
    switch (c) {
    case '\'':
        return read_quoted(lexer, start, TOKEN_STRING, c, "the text is not closed: ' is missing");
    case '"':
    case '`':
        return read_quoted(lexer, start, TOKEN_QUOTED_NAME, c,
                           "the name is not closed: its second quote is missing");
    case '[':
        return read_quoted(lexer, start, TOKEN_QUOTED_NAME, ']',
                           "the name is not closed: ] is missing");
    default:
        return read_sign(lexer);
    }
}
