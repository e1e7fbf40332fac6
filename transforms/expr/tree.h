/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h: the inside of a compiled expression, and how it is made.
 *
 *   parse_expression   text -> nodes without types                            parser.c
 *   type_tree          nodes get types, conversions and what evaluates them   types*.c
 *   fold_node          what depends on no column becomes a constant           fold.c
 *
 * Everything lives in the expression's arena. Making fails at the first mistake: the functions
 * return NULL or false then, and struct compiler's error says where and why. Once made, a tree is
 * not changed: any number of threads evaluate it (eval.h).
 */
#ifndef TRANSFORMS_EXPR_TREE_H
#define TRANSFORMS_EXPR_TREE_H

#include "base/expression.h"
#include "base/memory.h"
#include "base/value.h"
#include "transforms/expr.h"
#include "transforms/expr/lexer.h"

struct eval;
struct selection;
struct vec;
struct batch;
struct node;
struct compiler;

/* Evaluates a node for the selected rows. NULL: no memory. */
typedef struct vec *node_eval(const struct node *node, struct eval *eval, struct selection rows);

enum node_kind {
    NODE_CONSTANT,
    NODE_COLUMN,
    NODE_CAST, /* to the node's type, also those that typing adds */
    NODE_PLUS, /* unary */
    NODE_NEGATE,
    NODE_BIT_NOT,
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_REMAINDER,
    NODE_BIT_AND,
    NODE_BIT_OR,
    NODE_SHIFT_LEFT,
    NODE_SHIFT_RIGHT,
    NODE_CONCAT, /* two or more */
    NODE_ARROW,
    NODE_ARROW_TEXT,
    NODE_LESS, /* the six comparisons stay together: see compare.h */
    NODE_LESS_EQUAL,
    NODE_GREATER,
    NODE_GREATER_EQUAL,
    NODE_EQUAL,
    NODE_UNEQUAL,
    NODE_IS, /* null is equal to null */
    NODE_IS_NOT,
    NODE_IS_NULL,
    NODE_NOT_NULL,
    NODE_NOT,
    NODE_AND,     /* two or more */
    NODE_OR,      /* two or more */
    NODE_BETWEEN, /* value, low, high */
    NODE_IN,      /* value, items.. */
    NODE_LIKE,    /* text, pattern[, escape] */
    NODE_GLOB,    /* text, pattern */
    NODE_CASE,    /* when, then, when, then, ..[, else] */
    NODE_CASE_OF, /* value, when, then, ..[, else] */
    NODE_CALL
};

/* Kind of the value of NULL, until something beside it says what it would be. */
#define EXPR_NULL 0

struct constant {
    uint64_t valid[1]; /* bit 0, as in a column */
    union {
        uint8_t b;
        int64_t i;
        double f;
        struct weir_str s;
    };
};

struct node {
    uint8_t kind;   /* enum node_kind */
    bool literal;   /* CONSTANT: stands so in the text */
    bool per_batch; /* differs from batch to batch: 'now' */
    uint16_t depth;
    struct weir_type type;
    uint32_t position;   /* of the operator, name or literal: for messages */
    uint32_t start, end; /* the piece of text */
    uint32_t count;
    struct node **args;
    node_eval *eval;
    union {
        uint32_t column;                 /* COLUMN */
        const struct function *function; /* CALL */
    };
    const void *prepared; /* what typing found out for evaluation: a pattern, a format, a set */
    struct constant constant;
};

struct weir_expr {
    struct arena arena;
    const char *text;
    uint32_t length;
    struct node *root;
};

/* --- the table of functions and operators --------------------------------------------------- */

struct call;
/* Computes the value of one row, all of whose arguments have values (unless FUNCTION_NULLS). False:
 * null, or rejected. */
typedef bool call_row(struct call *call, uint32_t row);

enum function_flags {
    FUNCTION_MAY_BE_NULL = 1, /* also for arguments that are not */
    FUNCTION_NULLS = 2,       /* looks at null arguments itself */
};

/*
 * What the arguments must be, one letter each; a bool is taken where a number is.
 *   b bool   i int   f number, as a float   n number   s string   x string or bytes   a anything
 *   t anything that can be written as text, as a string   k constant text   j json or array
 *   T what is read as a time   ? those that follow may be missing   * the last one repeats
 */
struct function {
    struct function_description doc;
    const char *arguments; /* NULL: an operator, or a second name's example */
    uint8_t result;        /* enum weir_kind; 0: `check` sets the type */
    uint8_t flags;         /* enum function_flags */
    bool (*check)(struct compiler *compiler, struct node *node); /* may be NULL */
    node_eval *eval;                                             /* NULL: row by row with `row` */
    call_row *row;
};

extern const struct function functions[];
const struct function *function_find(struct weir_str name); /* NULL: none */
bool str_is_nocase(struct weir_str a, const char *string);

/* --- making --------------------------------------------------------------------------------- */

/* Limits. An expression beyond one is refused with a message that names it. */
#define EXPR_TEXT_BYTES_MAX 65536 /* of an expression */
#define EXPR_NODES_MAX      10000 /* operators, names and literals */
#define EXPR_DEPTH_MAX      200   /* of nesting; a and b and c .. is one level */
/* Of a compiled expression, with its constants: replace() and format() can make long ones. */
#define EXPR_MEMORY_BYTES_MAX ((size_t)16 << 20)

struct compiler {
    const char *text; /* in the expression's arena, NUL behind it */
    uint32_t length;
    const struct weir_schema *schema;
    struct weir_expr *expr;
    struct expression_error *error;
    bool failed;
    uint32_t nodes;
    struct batch *scratch; /* one row, for folding; made when first needed */
};

/* Says what is wrong, once: the first mistake stays. Returns false. */
bool compile_fail(struct compiler *compiler, uint32_t position, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *compile_alloc(struct compiler *compiler, size_t bytes); /* zeroed; NULL: failed */
/* "`amount + 1`", cut where long, for messages; the buffer is the caller's. */
#define SNIPPET_BYTES 64
const char *snippet(const struct compiler *compiler, const struct node *node,
                    char buffer[SNIPPET_BYTES]);

/* args are copied; NULL children make NULL, so that a failure below needs no look. */
struct node *node_new(struct compiler *compiler, enum node_kind kind, uint32_t position,
                      struct node *const *args, uint32_t count);
struct node *node_constant(struct compiler *compiler, uint32_t position, struct weir_type type);

struct node *parse_expression(struct compiler *compiler);

static inline bool node_is_constant(const struct node *node)
{
    return node->kind == NODE_CONSTANT;
}
static inline bool node_is_null(const struct node *node)
{
    return node->kind == NODE_CONSTANT && !(node->constant.valid[0] & 1);
}
static inline bool node_is_text(const struct node *node) /* constant text */
{
    return node->kind == NODE_CONSTANT && node->type.kind == WEIR_STRING && !node_is_null(node);
}

/* --- types ---------------------------------------------------------------------------------- */

static inline struct weir_type type_of(uint8_t kind, bool nullable)
{
    return (struct weir_type){.kind = kind, .nullable = nullable};
}
static inline struct weir_type type_decimal(uint8_t scale, bool nullable)
{
    return (struct weir_type){.kind = WEIR_DECIMAL, .scale = scale, .nullable = nullable};
}
static inline bool kind_is_number(uint8_t kind)
{
    return kind == WEIR_BOOL || kind == WEIR_INT || kind == WEIR_FLOAT || kind == WEIR_DECIMAL;
}
/* "an int", "a decimal(2)", "null": with its article, for messages. */
const char *kind_phrase(struct weir_type type, char buffer[TYPE_TEXT_BYTES]);
bool any_nullable(const struct node *node);

/* Types the tree below *slot, which may be replaced. */
bool type_tree(struct compiler *compiler, struct node **slot);
/* Parts of it, by the kinds of nodes; the children are typed already. */
bool type_arithmetic(struct compiler *compiler, struct node *node);
bool type_concat(struct compiler *compiler, struct node *node);
bool type_comparison(struct compiler *compiler, struct node *node);
bool type_between(struct compiler *compiler, struct node *node);
bool type_in(struct compiler *compiler, struct node *node);
bool type_cast(struct compiler *compiler, struct node *node);
bool type_like(struct compiler *compiler, struct node *node);
bool type_arrow(struct compiler *compiler, struct node *node);
bool type_case(struct compiler *compiler, struct node *node);
bool type_call(struct compiler *compiler, struct node *node);

/* Makes *slot of a type, by a conversion that loses nothing but precision of floats; the caller has
 * made sure that there is one. Constants are converted at once. */
bool convert(struct compiler *compiler, struct node **slot, struct weir_type type);
/* As text: what || and concat do to numbers. False: it has no text, reported. */
bool convert_to_text(struct compiler *compiler, struct node **slot, const char *where);
/* Literals take the type of what they stand beside: 0.5 of a decimal, '2024-01-01' of a timestamp.
 */
bool literals_adapt(struct compiler *compiler, struct node **slots, uint32_t count);
/* Makes the node, which has its type, a constant null. Returns true. */
bool null_instead(struct node *node);
/* The one type of several values, which are converted to it. where: "CASE", "coalesce". */
bool unify(struct compiler *compiler, struct node **slots, uint32_t count, const char *where,
           struct weir_type *ret_type);
/* That two values can be compared; constants are brought to the other side's type where that is
 * exact, texts beside a timestamp are read. */
bool comparable(struct compiler *compiler, struct node **a, struct node **b, const char *where);
/* A condition: of type bool. */
bool want_bool(struct compiler *compiler, struct node **slot, const char *where);
/* A number with a point in the text, as an exact decimal. False: it is none, or does not fit. */
bool literal_decimal(const struct compiler *compiler, const struct node *node, int64_t *ret_value,
                     uint8_t *ret_scale);

/* A constant, if all of the node's arguments are. False: its value cannot be computed, reported. */
bool fold_node(struct compiler *compiler, struct node **slot);

#endif
