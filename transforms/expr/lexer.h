/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lexer.h: the words of an expression.
 *
 * SQLite's tokens: names, "quoted" [names] `too`, 'text' with '' for a quote, x'bytes', numbers,
 * hex numbers, operators; blanks and comments between them. A token is a piece of the text: nothing
 * is copied until the parser makes a node of it.
 */
#ifndef TRANSFORMS_EXPR_LEXER_H
#define TRANSFORMS_EXPR_LEXER_H

#include <stdbool.h>
#include <stdint.h>

/* Words with a meaning of their own; as a column's name they need quotes.  X(symbol, spelling) */
#define EXPR_KEYWORDS(X)                                                                           \
    X(AND, "AND")                                                                                  \
    X(AS, "AS")                                                                                    \
    X(BETWEEN, "BETWEEN")                                                                          \
    X(CASE, "CASE")                                                                                \
    X(CAST, "CAST")                                                                                \
    X(COLLATE, "COLLATE")                                                                          \
    X(DISTINCT, "DISTINCT")                                                                        \
    X(ELSE, "ELSE")                                                                                \
    X(END, "END")                                                                                  \
    X(ESCAPE, "ESCAPE")                                                                            \
    X(EXISTS, "EXISTS")                                                                            \
    X(FALSE, "FALSE")                                                                              \
    X(FROM, "FROM")                                                                                \
    X(GLOB, "GLOB")                                                                                \
    X(IN, "IN")                                                                                    \
    X(IS, "IS")                                                                                    \
    X(ISNULL, "ISNULL")                                                                            \
    X(LIKE, "LIKE")                                                                                \
    X(MATCH, "MATCH")                                                                              \
    X(NOT, "NOT")                                                                                  \
    X(NOTNULL, "NOTNULL")                                                                          \
    X(NULL, "NULL")                                                                                \
    X(OR, "OR")                                                                                    \
    X(REGEXP, "REGEXP")                                                                            \
    X(SELECT, "SELECT")                                                                            \
    X(THEN, "THEN")                                                                                \
    X(TRUE, "TRUE")                                                                                \
    X(WHEN, "WHEN")

/* A longer one stands before each of its beginnings.  X(symbol, spelling) */
#define EXPR_SIGNS(X)                                                                              \
    X(ARROW_TEXT, "->>")                                                                           \
    X(ARROW, "->")                                                                                 \
    X(CONCAT, "||")                                                                                \
    X(SHIFT_LEFT, "<<")                                                                            \
    X(SHIFT_RIGHT, ">>")                                                                           \
    X(LESS_EQUAL, "<=")                                                                            \
    X(GREATER_EQUAL, ">=")                                                                         \
    X(UNEQUAL, "<>")                                                                               \
    X(EQUAL_TWO, "==")                                                                             \
    X(UNEQUAL_BANG, "!=")                                                                          \
    X(LESS, "<")                                                                                   \
    X(GREATER, ">")                                                                                \
    X(EQUAL, "=")                                                                                  \
    X(PLUS, "+")                                                                                   \
    X(MINUS, "-")                                                                                  \
    X(STAR, "*")                                                                                   \
    X(SLASH, "/")                                                                                  \
    X(PERCENT, "%")                                                                                \
    X(AMPERSAND, "&")                                                                              \
    X(BAR, "|")                                                                                    \
    X(TILDE, "~")                                                                                  \
    X(OPEN, "(")                                                                                   \
    X(CLOSE, ")")                                                                                  \
    X(COMMA, ",")                                                                                  \
    X(DOT, ".")

enum token_kind {
    TOKEN_DONE, /* the text is at its end */
    TOKEN_INT,
    TOKEN_HEX,
    TOKEN_FLOAT,
    TOKEN_STRING,
    TOKEN_BYTES,
    TOKEN_NAME,
    TOKEN_QUOTED_NAME,
    TOKEN_WRONG, /* the message is in the lexer */
#define EXPR_TOKEN_ENUM(symbol, spelling) TOKEN_##symbol,
    EXPR_KEYWORDS(EXPR_TOKEN_ENUM) EXPR_SIGNS(EXPR_TOKEN_ENUM)
#undef EXPR_TOKEN_ENUM
};

struct token {
    enum token_kind kind;
    uint32_t position; /* byte in the text */
    uint32_t length;   /* with its quotes */
};

struct lexer {
    const char *text;
    uint32_t length;
    uint32_t position;
    const char *problem; /* of TOKEN_WRONG: a constant text */
};

struct token lexer_next(struct lexer *lexer);
bool token_is_keyword(enum token_kind kind);

#endif
