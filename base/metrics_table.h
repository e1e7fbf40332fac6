/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_table.h: every metric of weir.  X(symbol, kind, name, labels, help)
 *
 * kind: COUNTER, GAUGE, HISTOGRAM; _SECONDS in the name: given in nanoseconds, exposed as seconds.
 */
#ifndef BASE_METRICS_TABLE_H
#define BASE_METRICS_TABLE_H

#define METRICS_TP "pipeline,topic,partition"

#define METRICS(X)                                                                                 \
    X(M_KAFKA_CONSUMED, COUNTER, "weir_kafka_records_consumed_total", METRICS_TP,                  \
      "Records read from the topic.")                                                              \
    X(M_KAFKA_BYTES, COUNTER, "weir_kafka_bytes_consumed_total", METRICS_TP,                       \
      "Bytes of keys and values read.")                                                            \
    X(M_KAFKA_LAG_RECORDS, GAUGE, "weir_kafka_consumer_lag_records", METRICS_TP,                   \
      "Records between the next offset and the end of the log.")                                   \
    X(M_KAFKA_LAG_SECONDS, GAUGE, "weir_kafka_consumer_lag_seconds", METRICS_TP,                   \
      "Age of the last record applied while behind; 0 at the end.")                                \
    X(M_KAFKA_APPLIED_OFFSET, GAUGE, "weir_kafka_applied_offset", METRICS_TP,                      \
      "Next offset to read: all below it is in the answers.")                                      \
    X(M_KAFKA_COMMITTED_OFFSET, GAUGE, "weir_kafka_committed_offset", METRICS_TP,                  \
      "Offset last committed to the group.")                                                       \
    X(M_KAFKA_HIGH_WATERMARK, GAUGE, "weir_kafka_high_watermark_offset", METRICS_TP,               \
      "End of the log.")                                                                           \
    X(M_KAFKA_REBALANCES, COUNTER, "weir_kafka_rebalances_total", "pipeline",                      \
      "Assignments and revocations.")                                                              \
    X(M_KAFKA_ASSIGNED, GAUGE, "weir_kafka_assigned_partitions", "pipeline",                       \
      "Partitions that this process owns.")                                                        \
    X(M_KAFKA_ERRORS, COUNTER, "weir_kafka_errors_total", "pipeline,code",                         \
      "Errors told by the Kafka client.")                                                          \
    X(M_KAFKA_GAPS, COUNTER, "weir_kafka_offset_gaps_total", "pipeline",                           \
      "Times that the next offset was not in the log any more.")                                   \
    X(M_KAFKA_GAP_RECORDS, COUNTER, "weir_kafka_offset_gap_records_total", "pipeline",             \
      "Offsets skipped by a declared on_gap.")                                                     \
    X(M_KAFKA_RESETS, COUNTER, "weir_kafka_offset_resets_total", "pipeline,reason",                \
      "Positions set by a declared policy.")                                                       \
    X(M_APPLIED, COUNTER, "weir_records_applied_total", METRICS_TP,                                \
      "Records that reached the sink.")                                                            \
    X(M_FILTERED, COUNTER, "weir_records_filtered_total", METRICS_TP,                              \
      "Records that a stage took out.")                                                            \
    X(M_REJECTED, COUNTER, "weir_records_rejected_total", METRICS_TP ",reason",                    \
      "Records that could not be processed.")                                                      \
    X(M_SKIPPED, COUNTER, "weir_records_skipped_total", METRICS_TP,                                \
      "Null values (tombstones) that no set is keyed for.")                                        \
    X(M_PENDING, GAUGE, "weir_records_pending", METRICS_TP, "Records consumed, not yet decided.")  \
    X(M_STAGE_IN, COUNTER, "weir_stage_records_in_total", "pipeline,stage",                        \
      "Records into a stage.")                                                                     \
    X(M_STAGE_OUT, COUNTER, "weir_stage_records_out_total", "pipeline,stage",                      \
      "Records out of a stage.")                                                                   \
    X(M_STAGE_FILTERED, COUNTER, "weir_stage_filtered_total", "pipeline,stage",                    \
      "Records that a stage took out.")                                                            \
    X(M_STAGE_ERRORS, COUNTER, "weir_stage_errors_total", "pipeline,stage,reason",                 \
      "Records that a stage rejected.")                                                            \
    X(M_STAGE_DURATION, COUNTER, "weir_stage_duration_seconds", "pipeline,stage",                  \
      "Time spent in a stage.")                                                                    \
    X(M_DEAD_LETTERS, COUNTER, "weir_dead_letter_records_total", "pipeline,reason",                \
      "Records written to the dead letters.")                                                      \
    X(M_LATE, COUNTER, "weir_late_records_total", METRICS_TP ",aggregate",                         \
      "Records older than an aggregate's lateness.")                                               \
    X(M_WATERMARK, GAUGE, "weir_watermark_timestamp_seconds", METRICS_TP,                          \
      "Greatest event time, bounded by max_ahead.")                                                \
    X(M_EVENT_TO_VISIBLE, HISTOGRAM, "weir_event_to_visible_seconds", "pipeline",                  \
      "From Kafka's timestamp of a batch's last record to its being in the answers.")              \
    X(M_BATCH_ROWS, HISTOGRAM, "weir_batch_records", "pipeline", "Records in a batch.")            \
    X(M_STORE_RECORDS, GAUGE, "weir_store_records", METRICS_TP, "Records in sets.")                \
    X(M_STORE_GROUPS, GAUGE, "weir_store_groups", METRICS_TP, "Groups in aggregates.")             \
    X(M_STORE_MEMORY, GAUGE, "weir_store_memory_bytes", "kind", "Memory of images by kind.")       \
    X(M_STORE_MEMORY_LIMIT, GAUGE, "weir_store_memory_limit_bytes", "", "The budget: --memory.")   \
    X(M_STORE_EVICTIONS, COUNTER, "weir_store_evictions_total", "pipeline,reason",                 \
      "Records and groups given up at a limit.")                                                   \
    X(M_PARTITION_STATE, GAUGE, "weir_partition_state", METRICS_TP ",state",                       \
      "1 for the state that a partition is in.")                                                   \
    X(M_HTTP_REQUESTS, COUNTER, "weir_http_requests_total", "route,method,code", "HTTP requests.") \
    X(M_HTTP_DURATION, HISTOGRAM, "weir_http_request_duration_seconds", "route",                   \
      "Time to answer.")                                                                           \
    X(M_HTTP_IN_FLIGHT, GAUGE, "weir_http_requests_in_flight", "", "Requests being answered.")     \
    X(M_HTTP_REJECTED, COUNTER, "weir_http_rejected_total", "reason",                              \
      "Requests refused by a limit.")                                                              \
    X(M_PROCESS_CPU, COUNTER, "process_cpu_seconds_total", "", "CPU time, user and system.")       \
    X(M_PROCESS_RSS, GAUGE, "process_resident_memory_bytes", "", "Resident memory.")               \
    X(M_PROCESS_FDS, GAUGE, "process_open_fds", "", "Open file descriptors.")                      \
    X(M_PROCESS_START, GAUGE, "process_start_time_seconds", "", "Start, since 1970.")              \
    X(M_BUILD_INFO, GAUGE, "weir_build_info", "version,commit,librdkafka", "1.")                   \
    X(M_CONFIG_RELOAD, GAUGE, "weir_config_last_reload_success_timestamp_seconds", "",             \
      "When the files were last loaded.")                                                          \
    X(M_LOG_MESSAGES, COUNTER, "weir_log_messages_total", "level", "Log lines.")

#endif
