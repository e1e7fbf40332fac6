/* SPDX-License-Identifier: Apache-2.0 */
/* stages.c: the table of built-in stages: parser, `weir stages` and docs/stages.md come from it. */
#include "transforms/chain.h"
#include "transforms/host.h"

const struct weir_stage *const stages_builtin[] = {
    &stage_filter, &stage_set, &stage_select, &stage_drop, &stage_rename, &stage_lookup, NULL,
};
