/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reject_log.h: rejected records with their original bytes, in files of the data directory.
 *
 * One NDJSON line for each: id, time, stage, reason, error, topic, partition, offset, timestamp,
 * key, value, encoding (utf8 | base64, of key and value), headers. The id is made of topic,
 * partition and offset: a record that is read and rejected again after a restart has it again. The
 * files are bounded: when bytes_max is reached the oldest are kept and reject_log_add answers
 * WEIR_E_LIMIT, so that the partition stops and nothing is lost silently. Any worker; a lock
 * inside.
 */
#ifndef INGEST_REJECT_LOG_H
#define INGEST_REJECT_LOG_H

#include "base/batch.h"

struct reject_log;

#define REJECT_LOG_BYTES_DEFAULT ((uint64_t)1 << 30)

/* Goes on with what an earlier process left in the folder, which is made if it is not there. A line
 * that was not written to its end is cut off. bytes_max 0: the default. */
int reject_log_open(const char *folder, uint64_t bytes_max, struct reject_log **ret_log,
                    struct weir_error *error);
/* All rejects of a batch, in one write. */
int reject_log_add(struct reject_log *log, const struct batch *batch, struct weir_error *error);
/* Everything added so far is on the disk. */
int reject_log_sync(struct reject_log *log, struct weir_error *error);
void reject_log_close(struct reject_log *log);

#endif
