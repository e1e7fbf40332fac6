/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declare.h: what a pipeline file may say, as tables, and the planning of its parts.
 *
 * The tables are the one list of the file's words: the parser, its messages and
 * docs/pipeline-file.md come from them. Private to plan.c, declare_*.c and explain.c.
 */
#ifndef PIPELINES_DECLARE_H
#define PIPELINES_DECLARE_H

#include "base/memory.h"
#include "base/node.h"
#include "pipelines/plan.h"
#include "pipelines/yaml_tree.h"

#define FIELDS_MAX          1000
#define TABLES_MAX          100 /* aggregates and sets of a pipeline, each */
#define TOPICS_MAX          100
#define NAME_BYTES_MAX      80 /* of a pipeline, a set, an aggregate: stands in URLs and file names */
#define PATH_PARTS_MAX      32
#define WINDOW_PANES_MAX    1000000 /* within `keep` */
#define PANES_OF_WINDOW_MAX 10000

/* Defaults that are not a text of the tables. */
#define MAX_GROUPS_DEFAULT        10000000
#define MAX_RECORDS_DEFAULT       100000000
#define DEAD_LETTER_BYTES_DEFAULT ((uint64_t)1 << 30)

/* A part of the file: where it stands, what it is for, its keys, and keys that interface.md
 * promises and a later version has (separated by |). */
struct declaration {
    const char *path; /* "source.kafka"; "" is the file itself */
    const char *summary;
    const struct weir_option *options;
    const char *later;
};

/* In the order of the page. X(name) */
#define DECLARATIONS(X)                                                                            \
    X(file)                                                                                        \
    X(source)                                                                                      \
    X(kafka)                                                                                       \
    X(file_source)                                                                                 \
    X(format_json)                                                                                 \
    X(format_csv)                                                                                  \
    X(field)                                                                                       \
    X(dead_letter)                                                                                 \
    X(sink)                                                                                        \
    X(set)                                                                                         \
    X(aggregate)                                                                                   \
    X(window)                                                                                      \
    X(snapshots)                                                                                   \
    X(http)                                                                                        \
    X(test)                                                                                        \
    X(expect)

#define DECLARATION_EXTERN(name) extern const struct declaration declare_##name;
DECLARATIONS(DECLARATION_EXTERN)
#undef DECLARATION_EXTERN
size_t declaration_count(void);
const struct declaration *declaration_at(size_t i);

/* What planning has at hand. */
struct planner {
    struct pipeline_plan *plan;
    struct arena *arena; /* the plan's own */
    struct document *document;
    struct problems *problems;
    struct weir_plan *columns;
};

void *planner_alloc(struct planner *planner, size_t bytes); /* zeroed; lives as long as the plan */
const char *planner_text(struct planner *planner, const char *text);
const char *planner_printf(struct planner *planner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Checks keys, kinds and required keys of a part by its table; what names it in messages. Returns
 * the part with only those keys that are right, so that they are still checked against the rest of
 * the file; required ones may be absent. NULL: reported, there is nothing to go by. A key of a
 * later version is told as such. */
const struct weir_node *declare_read(struct planner *planner, const struct weir_node *node,
                                     const struct declaration *declaration, const char *what);
/* The name of a pipeline, set or aggregate: a letter, then letters, digits, _ and -. */
bool declare_name(struct planner *planner, const struct weir_node *name, const char *what);

/* Each plans its part of the file into planner->plan; mistakes are reported. */
void declare_plan_source(struct planner *planner, const struct weir_node *source);
void declare_plan_fields(struct planner *planner, const struct weir_node *fields,
                         const struct weir_node *event_time);
void declare_plan_sink(struct planner *planner, const struct weir_node *node);
bool declare_plan_aggregate(struct planner *planner, const struct weir_node *name,
                            const struct weir_node *node, struct aggregate_plan *ret_plan);
bool declare_plan_set(struct planner *planner, const struct weir_node *name,
                      const struct weir_node *node, struct set_plan *ret_plan);
/* `sum(amount * 2)`; where: the aggregate's, or SINK_NO_COLUMN. */
bool declare_plan_measure(struct planner *planner, const struct weir_node *name,
                          const struct weir_node *node, uint32_t where,
                          struct measure_plan *ret_plan);
void declare_check_tests(struct planner *planner, const struct weir_node *tests);

/* Shown for a key that is not given: reads the option's default. */
const char *declare_default(const struct declaration *declaration, const char *key);

#endif
