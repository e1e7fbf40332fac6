/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_private.h: what the files of the Kafka source share. kafka_source.c says how it works.
 *
 *   kafka_source.c    life, the control thread
 *   kafka_setup.c     the consumer, from the pipeline's options
 *   kafka_commit.c    offsets and metadata for the group
 *   kafka_assign.c    the rebalance callback: lanes come and go
 *   kafka_worker.c    the worker threads: from librdkafka's queues into batches
 *   kafka_watch.c     the watch thread: ends of logs, waking of the fetchers, missing topics
 *   kafka_trouble.c   what is wrong at the moment, in words for a person
 *
 * Who may touch what: [control] and [worker] are those of source.h; [watch] is the thread that may
 * wait for a broker. "held" means by [control] while it holds that worker (kafka_worker_hold).
 */
#ifndef INGEST_KAFKA_PRIVATE_H
#define INGEST_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "ingest/kafka.h"

#define KAFKA_POLL_MS               100
#define KAFKA_QUERY_TIMEOUT_MS      1000
#define KAFKA_ASSIGN_BUDGET_MS      3000  /* for all queries inside one rebalance callback */
#define KAFKA_LEADER_RETRY_MS       300   /* there, for a leader that is just moving */
#define KAFKA_COMMIT_TIMEOUT_MS     5000  /* of a commit that a rebalance waits for */
#define KAFKA_CLOSE_TIMEOUT_MS      10000 /* of leaving the group, once all is revoked */
#define KAFKA_DUTIES_MS             100
#define KAFKA_HELD_RETRY_MS         10
#define KAFKA_WAKE_MS               20   /* see rule 11 */
#define KAFKA_END_MS                1000 /* how old the end of a log may be */
#define KAFKA_END_QUERIES_S_MAX     200  /* with many partitions it may be older */
#define KAFKA_PROBE_MS              1000
#define KAFKA_LEADERS_MAX           64 /* brokers that are woken */
#define KAFKA_LEADERS_MS            30000
#define KAFKA_REJOIN_MS_MIN         1000
#define KAFKA_REJOIN_MS_MAX         300000
#define KAFKA_RECORD_OVERHEAD_BYTES 512 /* what librdkafka keeps beside a record's bytes */
#define KAFKA_REASON_BYTES          1024
#define KAFKA_ERROR_CODES_MAX       64

#define KAFKA_UNKNOWN (-1)

struct kafka_source;
struct kafka_worker;

/* A partition between assign and revoke. */
struct kafka_lane {
    struct kafka_topic *topic;
    int32_t partition;
    struct kafka_worker *worker;
    void *handle;                    /* the handler's */
    rd_kafka_queue_t *queue;         /* [control] forwarded to the worker's */
    struct metric_series *committed; /* [control] */

    /* [worker], held */
    int64_t next_offset; /* all below is accepted */
    int64_t told_end;
    int64_t eof_offset; /* KAFKA_UNKNOWN, or the end was seen here and waits behind `held` */
    bool paused;        /* librdkafka has been told */
    bool moved;         /* its position is not behind the last record: do not pause now */
    int64_t paused_position;
    uint64_t paused_round;
    bool closed; /* takes nothing in any more */
    bool told;   /* that it is closed */
    enum source_stop why;
    char *reason;
    struct batch *held; /* the handler has no room for it now */
    int64_t held_next;

    _Atomic int64_t low; /* [watch] writes, [worker] tells */
    _Atomic int64_t end;
    _Atomic bool at_end;    /* [worker] writes: nothing more was there at the last look */
    _Atomic int32_t leader; /* broker id, KAFKA_UNKNOWN */
    _Atomic bool deleted;

    /* under lanes_lock */
    int64_t commit_offset; /* KAFKA_UNKNOWN: nothing to commit */
    char *commit_metadata;
};

enum kafka_topic_state { KAFKA_TOPIC_UNSEEN, KAFKA_TOPIC_THERE, KAFKA_TOPIC_ABSENT };

/* A topic of the subscription; made with the source, gone with it. */
struct kafka_topic {
    char *name;
    uint32_t index;            /* in source->topics */
    struct kafka_lane **lanes; /* by partition; changed held only */
    int32_t lane_capacity;

    /* under trouble_lock */
    enum kafka_topic_state state;
    rd_kafka_resp_err_t err; /* why it is ABSENT */
    int32_t partition_count;
};

struct kafka_worker {
    struct kafka_source *source;
    int32_t index;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* held by the worker from the first record of a round to its end */
    pthread_cond_t turn;
    _Atomic bool hold;      /* [control] asks for the lock: end the round */
    _Atomic bool attention; /* duties are due before their time */
    _Atomic bool leave;
    uint64_t rounds;      /* under lock */
    uint64_t duties_done; /* under lock */
    bool in_round;        /* [worker] */
    int64_t duties_ns;

    /* The lane of the last message, by what a message carries. [worker], held */
    const rd_kafka_topic_t *last_topic;
    int32_t last_partition;
    struct kafka_lane *lane;   /* NULL: drop */
    struct batch *batch;       /* being filled for `lane`; NULL: none */
    struct kafka_lane **lanes; /* changed held only */
    uint32_t lane_count;
    const rd_kafka_topic_t **topic_pointers; /* by source->topics, learnt from messages */

    struct text headers;
    _Atomic uint64_t records; /* delivered */
    _Atomic uint64_t bytes;
    uint64_t dropped; /* of partitions that are not ours (any more) */
};

/* What keeps the source from reading; kafka_trouble.c. */
struct kafka_trouble {
    bool connection;
    bool group;
    bool fatal;
    char detail[KAFKA_REASON_BYTES / 2]; /* the last thing that librdkafka said of a broker */
    rd_kafka_resp_err_t detail_err;
    char group_text[KAFKA_REASON_BYTES / 2];
    char fatal_text[KAFKA_REASON_BYTES / 2];
    uint32_t waiting; /* partitions whose leader did not answer at assignment */
    char waiting_text[128];
    char told[KAFKA_REASON_BYTES]; /* [control] "": available */
};

enum kafka_phase { KAFKA_MADE, KAFKA_RUNNING, KAFKA_REVOKED, KAFKA_CLOSED };

struct kafka_source {
    struct source base;
    rd_kafka_t *client;
    char *group;
    char *brokers;
    char *pipeline;
    char *instance_id;  /* NULL: dynamic membership */
    bool scram_refused; /* rule 13 */

    struct kafka_topic *topics;
    uint32_t topic_count;
    struct kafka_worker *workers;
    uint32_t worker_count;
    uint64_t queue_records; /* limits of a worker's queue */
    uint64_t queue_bytes;
    rd_kafka_queue_t *main_queue;
    rd_kafka_queue_t *commit_queue;

    pthread_t control, watch;
    bool watching; /* the watch thread has been started */
    pthread_mutex_t phase_lock;
    pthread_cond_t phase_change;
    enum kafka_phase phase;
    _Atomic bool stopping;
    _Atomic bool paused;

    pthread_mutex_t lanes_lock; /* of the list; [control] writes, others read under it */
    struct kafka_lane **lanes;
    uint32_t lane_count;
    uint64_t generation;         /* of the list */
    struct kafka_lane **leaving; /* lanes while they are being revoked, the last to commit */
    uint32_t leaving_count;
    rd_kafka_topic_partition_list_t *waiting; /* under lanes_lock; NULL: none */

    uint32_t commits_in_flight; /* [control] */

    pthread_mutex_t trouble_lock;
    struct kafka_trouble trouble;

    _Atomic bool rejoin;
    _Atomic bool wake; /* the fetchers are asleep and have work */
    int64_t rejoined_ns;
    int64_t rejoin_pause_ms;

    pthread_mutex_t watch_lock;
    pthread_cond_t watch_wake;

    struct metric_series *rebalances;
    pthread_mutex_t errors_lock;
    struct {
        rd_kafka_resp_err_t err;
        struct metric_series *series;
    } errors[KAFKA_ERROR_CODES_MAX];
    uint32_t error_count;
};

/* ---- kafka_source.c ---- */
/* [any] Leave and join again, at the next turn of the control thread, at most once in a growing
 * while: the only way to start a partition again whose fetcher has stopped. */
void kafka_source_rejoin(struct kafka_source *source);
void kafka_source_count_error(struct kafka_source *source, rd_kafka_resp_err_t err);
struct kafka_topic *kafka_source_topic(struct kafka_source *source, const char *name);

/* ---- kafka_setup.c ---- */
/* A consumer for `source`, with its limits; the callbacks are kafka_rebalance and
 * kafka_trouble_error. */
int kafka_client_open(struct kafka_source *source, const struct kafka_options *options,
                      struct weir_error *error);
/* Signals are for the threads that expect them: ours and librdkafka's inherit this. */
void kafka_block_signals(sigset_t *ret_before);

/* ---- kafka_commit.c ---- */
int kafka_commit(struct source *base, const char *topic, int32_t partition, int64_t next_offset,
                 const char *metadata, struct weir_error *error);
/* [control] Sends what is to be committed; waits for the answer at most wait_ms. */
void kafka_commit_flush(struct kafka_source *source, int wait_ms);

/* ---- kafka_assign.c ---- */
void kafka_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err,
                     rd_kafka_topic_partition_list_t *partitions, void *opaque);
/* [control] Takes all lanes away and hands them over; `lost`: without writing anything. */
void kafka_revoke_all(struct kafka_source *source, bool lost);

/* ---- kafka_worker.c ---- */
int kafka_worker_start(struct kafka_worker *worker, struct weir_error *error);
void kafka_worker_join(struct kafka_worker *worker);
/* [control] Between the two, no worker is in a round and lanes may change. */
void kafka_workers_hold(struct kafka_source *source);
void kafka_workers_release(struct kafka_source *source);
/* [control] Whatever stood in the workers' queues before has been through them. */
void kafka_workers_flush(struct kafka_source *source);
/* [any but a worker] Returns when each worker has paused or resumed its lanes as asked for now. */
void kafka_workers_attend(struct kafka_source *source);

/* ---- kafka_watch.c ---- */
int kafka_watch_start(struct kafka_source *source, struct weir_error *error);
void kafka_watch_join(struct kafka_source *source);
void kafka_watch_kick(struct kafka_source *source); /* [any] */
/* [any] Asks for one topic; 0 with its partition count, else the reason. leaders may be NULL. */
rd_kafka_resp_err_t kafka_topic_ask(rd_kafka_t *client, const char *topic, int timeout_ms,
                                    int32_t *ret_partition_count, int32_t *leaders,
                                    int32_t leader_capacity);

/* ---- kafka_trouble.c ---- */
/* [control] From librdkafka's error callback. */
void kafka_trouble_error(rd_kafka_t *client, int code, const char *text, void *opaque);
void kafka_trouble_connection(struct kafka_source *source, bool trouble);
void kafka_trouble_topic(struct kafka_source *source, struct kafka_topic *topic,
                         rd_kafka_resp_err_t err, int32_t partition_count);
/* [control] An error that is the group's; true: reading cannot begin until it is mended. */
bool kafka_trouble_group(struct kafka_source *source, rd_kafka_resp_err_t err, const char *text);
void kafka_trouble_assigned(struct kafka_source *source);
void kafka_trouble_waiting(struct kafka_source *source, const char *topic, int32_t partition,
                           uint32_t count);
bool kafka_trouble_any(struct kafka_source *source);
bool kafka_trouble_fatal(struct kafka_source *source);
/* [control] Tells the handler when what there is to tell has changed. */
void kafka_trouble_tell(struct kafka_source *source);

#endif
