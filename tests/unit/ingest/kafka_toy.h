/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_toy.h: a handler for tests of the Kafka source: exactly-once sums over small records.
 *
 * A store is what would be durable: for each partition the next offset and what was applied, taken
 * together. Several members (a source each) may share one, as nodes would share snapshots. A member
 * checks the promises L1 to L3 of source.h at each call and ends the process when one is broken.
 */
#ifndef TESTS_KAFKA_TOY_H
#define TESTS_KAFKA_TOY_H

#include <pthread.h>
#include <stdatomic.h>

#include "ingest/kafka.h"

#define TOY_PARTITIONS_MAX 64
#define TOY_WORKERS_MAX    8
#define TOY_WAIT_MS_MAX    60000

struct toy_partition {
    int64_t next;      /* -1: never read */
    uint64_t applied;  /* records */
    uint64_t sum;      /* of their values, decimal numbers */
    uint64_t repeated; /* dropped by the guard */
    uint64_t headers;  /* records that had any */
    int64_t low, end;
    int64_t stopped; /* times */
    enum source_stop why;
    struct toy *owner;
};

struct toy_store {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything, of the store or of a member */
    struct toy_partition partitions[TOY_PARTITIONS_MAX];
    int32_t partition_count; /* as told by `topic` */
};

struct toy_lane {
    struct toy *toy;
    int32_t partition;
    int32_t worker;
    _Atomic int busy;
    bool revoked;
    int64_t last_offset; /* of this assignment */
    struct batch *held;
};

struct toy {
    struct toy_store *store;
    struct source *source;
    char *topic;
    struct batch *batches[TOY_WORKERS_MAX];
    pthread_t control;
    char reason[1024]; /* of unavailable, under the store's lock */
    uint64_t unavailable_count;
    _Atomic int assigned; /* partitions owned now */
    _Atomic int rebalances;
    _Atomic bool hold; /* deliver answers SOURCE_HELD */
    _Atomic uint64_t holds;
    _Atomic uint64_t ticks;
    _Atomic uint64_t delivered; /* batches */
    _Atomic int refusals;       /* assigned answers "unavailable" so many times */
    _Atomic bool latest;        /* begin at the end where nothing is stored */
    _Atomic int64_t start_ms;   /* > 0: begin there where nothing is stored */
    bool commits;               /* commit in revoked and rebalanced */
    int64_t gaps;               /* decided in assigned */
    uint64_t work_ns;           /* a deliver takes so long */
    bool prints;                /* assignments and revocations, a line each */
};

void toy_store_init(struct toy_store *store);
void toy_store_done(struct toy_store *store);

/* A member of a group, started. instance may be NULL. */
struct toy *toy_start(struct toy_store *store, const char *brokers, const char *topic,
                      const char *group, const char *instance, int workers);
/* The same in two steps: the fields may be changed between them. */
struct toy *toy_new(struct toy_store *store, const char *brokers, const char *topic,
                    const char *group, const char *instance, int workers,
                    const struct kafka_property *properties, uint32_t property_count);
void toy_run(struct toy *toy);
void toy_stop(struct toy *toy); /* leaves and frees */

/* Waits, with a limit after which the test fails. */
void toy_wait_next(struct toy_store *store, int32_t partition, int64_t next);
void toy_wait_applied(struct toy_store *store, uint64_t applied); /* all partitions */
void toy_wait_assigned(struct toy *toy, int partitions);
void toy_wait_reason(struct toy *toy, const char *part); /* NULL: available */
void toy_wait_holds(struct toy *toy, uint64_t holds);    /* so many in all */
void toy_wait_ticks(struct toy *toy, uint64_t more);     /* so many from now */
int64_t toy_next(struct toy_store *store, int32_t partition);
uint64_t toy_applied(struct toy_store *store);
uint64_t toy_sum(struct toy_store *store);

#endif
