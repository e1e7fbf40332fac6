/* SPDX-License-Identifier: Apache-2.0 */
#include "transforms/host.h"

#include <stdarg.h>

#include "base/batch.h"
#include "base/log.h"
#include "transforms/expr.h"
#include "transforms/plan.h"

static void host_problem(struct weir_plan *plan, struct weir_mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void host_reject(struct weir_batch *view, uint32_t row, enum weir_reason reason,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
static void host_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void host_problem(struct weir_plan *plan, struct weir_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_addv(plan->problems, SEVERITY_ERROR, mark, format, arguments);
    va_end(arguments);
}

static struct weir_schema host_schema(struct weir_plan *plan)
{
    return plan_schema(plan);
}

static struct weir_expr *host_expr(struct weir_plan *plan, const struct weir_node *text)
{
    return plan_expr(plan, text, 0);
}

static struct weir_type host_expr_type(const struct weir_expr *expr)
{
    return expression_ops_sql.type(expr);
}

static void host_expr_free(struct weir_expr *expr)
{
    expression_ops_sql.free(expr);
}

static struct weir_column *host_expr_eval(const struct weir_expr *expr, struct weir_batch *view)
{
    struct batch *batch = (struct batch *)view;
    struct weir_column *column = expression_ops_sql.eval(expr, view);
    batch_narrow(batch);
    return column;
}

static int host_expr_filter(const struct weir_expr *expr, struct weir_batch *view)
{
    int status = expr_filter(expr, view);
    batch_narrow((struct batch *)view);
    return status;
}

static void *host_alloc(struct weir_batch *view, size_t bytes)
{
    return batch_alloc((struct batch *)view, bytes);
}

static void host_set_column(struct weir_batch *view, uint32_t index, struct weir_column *column)
{
    batch_column_set((struct batch *)view, index, column);
}

static void host_reject(struct weir_batch *view, uint32_t row, enum weir_reason reason,
                        const char *format, ...)
{
    char text[BATCH_REJECT_TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    batch_reject((struct batch *)view, row, reason, "%s", text);
}

static void host_log(int level, const char *format, ...)
{
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    enum log_level known = level < LOG_ERROR   ? LOG_ERROR
                           : level > LOG_DEBUG ? LOG_DEBUG
                                               : (enum log_level)level;
    log_event(known, "stage_message", "text=%s", log_quote(text));
}

bool stage_check_name(const struct weir_host *host, struct weir_plan *plan,
                      const struct weir_node *name)
{
    if (name->kind != WEIR_NODE_SCALAR || !column_name_valid(name->text)) {
        host->problem(plan, name->mark,
                      "`%s` cannot be the name of a column: a letter, then letters, digits and _",
                      name->kind == WEIR_NODE_SCALAR ? name->text : "");
        return false;
    }
    if (name->text[0] == '_') {
        host->problem(plan, name->mark,
                      "`%s` cannot be the name of a column: names that begin with _ are those that "
                      "every record has",
                      name->text);
        return false;
    }
    return true;
}

bool stage_sees(const struct weir_host *host, struct weir_plan *plan, const struct weir_node *name)
{
    (void)host;
    return plan_column_of(plan, name, false);
}

const struct weir_host host_table = {
    .size = sizeof(struct weir_host),
    .abi = WEIR_STAGE_ABI,
    .problem = host_problem,
    .schema = host_schema,
    .column = plan_column,
    .add = plan_add,
    .remove = plan_remove,
    .rename = plan_rename,
    .expr = host_expr,
    .expr_type = host_expr_type,
    .expr_free = host_expr_free,
    .expr_eval = host_expr_eval,
    .alloc = host_alloc,
    .set_column = host_set_column,
    .reject = host_reject,
    .log = host_log,
    .expr_filter = host_expr_filter,
};
