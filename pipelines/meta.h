/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h: the columns that every record has without being decoded: _key, _topic, _offset, ... */
#ifndef PIPELINES_META_H
#define PIPELINES_META_H

#include "base/batch.h"
#include "pipelines/plan.h"

/* [worker] Sets those that the plan reads, for the selected rows. Rows whose key is not UTF-8 are
 * rejected where `_key` is read. Negative: no memory. */
int meta_fill(const struct pipeline_plan *plan, struct batch *batch, struct weir_error *error);

#endif
