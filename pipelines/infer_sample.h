/* SPDX-License-Identifier: Apache-2.0 */
/* infer_sample.h: records for `weir infer`, from a file's beginning or a topic's end. */
#ifndef PIPELINES_INFER_SAMPLE_H
#define PIPELINES_INFER_SAMPLE_H

#include "ingest/infer.h"

#define SAMPLE_WAIT_MS    15000 /* for a broker that says nothing */
#define SAMPLE_TROUBLE_MS 3000  /* for one that cannot be reached */

/* The first `records_max` records of a file. csv: as the options of the struct infer say. */
int infer_sample_file(struct infer *infer, const char *path, bool csv, char delimiter,
                      uint64_t records_max, struct weir_error *error);
/* The newest records of a topic, about as many from each partition; fewer where there are fewer.
 * Reads in a consumer group of its own and commits nothing. WEIR_E_UNAVAILABLE: nobody answers. */
int infer_sample_topic(struct infer *infer, const char *brokers, const char *topic,
                       uint64_t records_max, struct weir_error *error);

#endif
