/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h: pages of docs/ in Markdown, written from the tables that the parser uses.
 *
 * tests/unit/pipelines/test_reference.c compares them with the committed pages; `--reference` of
 * check, stages and functions prints them.
 */
#ifndef PIPELINES_REFERENCE_H
#define PIPELINES_REFERENCE_H

#include "base/text.h"

struct weir_option;
struct weir_stage;

void reference_pipeline_files(struct text *out);
void reference_stages(struct text *out);
void reference_functions(struct text *out);

/* What an option's value is, for people: "a duration", "one of a, b". */
void reference_kind(struct text *out, const struct weir_option *option);

#endif
