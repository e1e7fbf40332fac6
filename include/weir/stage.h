/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h: a transform stage, built in or plugged in.
 *
 * A stage is a constant descriptor. Its life, in order, with the thread that calls:
 *
 *   check    [control]  the options alone; may be NULL: the options table says enough
 *   plan     [control]  input columns -> output columns; returns what `create` needs (`prepared`)
 *   create   [worker]   one instance for each partition; NULL: `prepared` stands for all of them
 *   process  [worker]   one batch; never two at once for one instance
 *   tick     [worker]   about once a second, also without records
 *   destroy  [worker]   the instance
 *   release  [control]  `prepared`, after the last instance is gone
 *
 * `prepared` is shared by all instances, so it is not changed after plan, or guards itself.
 * An instance belongs to its partition's worker and needs no locks. No call may wait for a socket,
 * a disk or another thread, but plan and check.
 *
 * Functions return 0 or a negative enum weir_status with `error` filled in. A fatal status from
 * process stops the partition; a record that cannot be processed is rejected with host->reject and
 * is not a failure.
 *
 * The struct begins with its size and ABI version and only ever grows at its end; the host reads no
 * more of it than `size` says. A plugin exports one function:
 *
 *     const struct weir_stage *weir_stage_entry(void);
 */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include "batch.h"
#include "error.h"
#include "node.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_STAGE_ABI 1

struct weir_plan; /* the columns at one point of a pipeline that is being planned */
struct weir_expr; /* a compiled expression */

/* What an option's value must be. */
enum weir_option_kind {
    WEIR_OPTION_TEXT = 1,
    WEIR_OPTION_INT = 2,
    WEIR_OPTION_BOOL = 3,
    WEIR_OPTION_DURATION = 4, /* 250ms 30s 5m 24h 7d, in nanoseconds */
    WEIR_OPTION_SIZE = 5,     /* 64KiB 1GiB, in bytes */
    WEIR_OPTION_EXPR = 6,     /* an expression over the input columns */
    WEIR_OPTION_LIST = 7,     /* of texts */
    WEIR_OPTION_MAP = 8,      /* name: text */
    WEIR_OPTION_CHOICE = 9,   /* one of `choices`, separated by | */
    WEIR_OPTION_NODE = 10     /* anything: the stage looks itself */
};

/* name "" stands for the stage's whole value: `filter: EXPR`. The last entry has name NULL. */
struct weir_option {
    const char *name;
    uint32_t kind; /* enum weir_option_kind */
    uint32_t required;
    const char *fallback; /* the default as the user would write it; NULL: none */
    const char *choices;
    const char *summary;
};

/* An example that the tests run: a stage in YAML, records in and out as NDJSON, both with one
 * line a record. The last entry has summary NULL. */
struct weir_example {
    const char *summary;
    const char *fields; /* `fields:` of the source, in YAML's flow style: "{a: int, b: string?}" */
    const char *stage;  /* one item of `transforms:` in YAML: "filter: a > 1" */
    const char *input;
    const char *output;
};

/* The host's functions, handed to a stage. They may be called from the threads in brackets. */
struct weir_host {
    uint32_t size;
    uint32_t abi;

    /* [control, in check and plan] Report a mistake of the user at a place of the file. Any number
     * may be reported; the pipeline is refused after the last. */
    void (*problem)(struct weir_plan *plan, struct weir_mark mark, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
    /* [control, in plan] The columns visible now. Valid until the plan is changed. */
    struct weir_schema (*schema)(struct weir_plan *plan);
    /* [control, in plan] The column of a name, or NULL after reporting the mistake with a
     * suggestion. */
    const struct weir_field *(*column)(struct weir_plan *plan, struct weir_mark mark,
                                       const char *name);
    /* [control, in plan] Add a column (it hides one of the same name); returns its index in
     * weir_batch.columns. */
    uint32_t (*add)(struct weir_plan *plan, const char *name, struct weir_type type);
    /* [control, in plan] Make a column invisible to later stages; nothing moves. */
    void (*remove)(struct weir_plan *plan, const char *name);
    void (*rename)(struct weir_plan *plan, const char *name, const char *new_name);
    /* [control, in plan] Compile an expression over the visible columns; mistakes are reported at
     * their place inside the text. NULL: reported. The caller frees it with expr_free. */
    struct weir_expr *(*expr)(struct weir_plan *plan, const struct weir_node *text);
    struct weir_type (*expr_type)(const struct weir_expr *expr);
    void (*expr_free)(struct weir_expr *expr); /* NULL is allowed */
    /* [worker] Values of an expression for the selected rows. The column and its memory live until
     * the batch is released. Rows for which it cannot be computed (overflow) are rejected and leave
     * the selection. NULL: out of memory. */
    struct weir_column *(*expr_eval)(const struct weir_expr *expr, struct weir_batch *batch);

    /* [worker] Memory that lives until the batch is released, aligned to 16. NULL: none left. */
    void *(*alloc)(struct weir_batch *batch, size_t bytes);
    /* [worker] Make `column` the batch's column of that index. */
    void (*set_column)(struct weir_batch *batch, uint32_t index, struct weir_column *column);
    /* [worker] Take a selected row out with a reason; it goes to the dead letters. The selection is
     * narrowed when process returns. */
    void (*reject)(struct weir_batch *batch, uint32_t row, enum weir_reason reason,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
    /* [any] */
    void (*log)(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
    /* [worker] Narrow the selection to the rows for which an expression of type bool is true:
     * cheaper than its values. Rows for which it cannot be computed are rejected. 0, or
     * WEIR_E_NOMEM. */
    int (*expr_filter)(const struct weir_expr *expr, struct weir_batch *batch);
};

struct weir_stage {
    uint32_t size; /* sizeof(struct weir_stage) */
    uint32_t abi;  /* WEIR_STAGE_ABI */
    const char *name;
    const char *summary;
    const struct weir_option *options;
    const struct weir_example *examples;

    int (*check)(const struct weir_host *host, struct weir_plan *plan,
                 const struct weir_node *config);
    int (*plan)(const struct weir_host *host, struct weir_plan *plan,
                const struct weir_node *config, void **ret_prepared, struct weir_error *error);
    void (*release)(void *prepared);
    int (*create)(const struct weir_host *host, void *prepared, void **ret_instance,
                  struct weir_error *error);
    void (*destroy)(void *instance);
    /* NULL: the stage only changes which columns are visible and costs nothing at run time. */
    int (*process)(const struct weir_host *host, void *instance, struct weir_batch *batch,
                   struct weir_error *error);
    int (*tick)(const struct weir_host *host, void *instance, int64_t now_ns,
                struct weir_error *error);
};

#ifdef __cplusplus
}
#endif
#endif
