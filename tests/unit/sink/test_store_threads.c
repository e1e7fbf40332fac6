/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer, several readers: whatever a reader copies is of one instant. Every event counts 1 and
 * offsets have no gaps, so the totals of a copy follow from the offset that it says it covers.
 */
#include "tests/unit/sink/stream.h"

#include <pthread.h>
#include <sched.h>

#include "base/check.h"
#include "base/memory.h"
#include "sink/fair_lock.h"

#define READERS 3
#define EVENTS  60000
#define USERS   3000
#define SECOND  NS_PER_SECOND

struct fixture {
    struct sink_plan sink;
    struct aggregate_plan aggregates[3];
    struct set_plan set;
    struct weir_field user, bin;
    struct measure_plan measures[2];
    struct stream stream;
    struct partition *partition;
    _Atomic bool done;
    int64_t first_offset;
};

static void make(struct fixture *f)
{
    static const char *const texts[] = {"count(*)", "last(name)"};
    struct test_random random = random_begin();

    f->user = stream_field(C_USER);
    f->bin = stream_field(C_N);
    stream_measures(f->measures, texts, 2);
    struct aggregate_plan plan = {
        .name = "users",
        .by = &f->user,
        .by_count = 1,
        .where_column = SINK_NO_COLUMN,
        .measures = f->measures,
        .measure_count = 2,
        .groups_max = 1000000,
    };
    f->aggregates[0] = plan;
    f->aggregates[1] = plan; /* all panes are kept */
    f->aggregates[1].windowed = true;
    f->aggregates[1].pane_ns = f->aggregates[1].size_ns = f->aggregates[1].slide_ns = SECOND;
    f->aggregates[1].keep_ns = f->aggregates[1].lateness_ns = 1000000 * SECOND;
    f->aggregates[2] = plan;
    f->aggregates[2].by_count = 0;
    f->set = (struct set_plan){.name = "users",
                               .key = &f->user,
                               .key_count = 1,
                               .bins = &f->bin,
                               .bin_count = 1,
                               .version_column = SINK_NO_COLUMN,
                               .delete_column = SINK_NO_COLUMN};
    f->sink = (struct sink_plan){.pipeline = "test",
                                 .aggregates = f->aggregates,
                                 .aggregate_count = 3,
                                 .sets = &f->set,
                                 .set_count = 1,
                                 .event_time_column = C_TIME,
                                 .max_ahead_ns = 300 * SECOND};
    stream_make(&f->stream, &random,
                &(struct stream_options){.count = EVENTS,
                                         .users = USERS,
                                         .regions = 1,
                                         .step_ns = SECOND / 400,
                                         .jitter_ns = SECOND,
                                         .long_texts = true});
    for (uint32_t i = 0; i < EVENTS; i++) {
        f->stream.events[i].filtered = false;
        f->stream.events[i].offset = f->stream.events[i].values[C_N].i = i;
    }
    assert_int_equal(partition_new(&f->sink, "events", 0, NULL, &f->partition, NULL), 0);
}

/* Failures end the process: cmocka's asserts are for the main thread. */
static void check_totals(struct fixture *f, uint32_t aggregate, struct partials *p)
{
    uint64_t total = 0;
    CHECK(partials_copy(f->partition, aggregate, INT64_MIN, INT64_MAX, UINT64_MAX >> 1, p, NULL) ==
          0);
    for (uint32_t e = 0; e < p->entry_count; e++)
        total += aggregate_state_records(p->layout, partials_state(p, e));
    CHECK(total == (uint64_t)p->at.next_offset);
}

static void check_set(struct fixture *f, struct set_records *r, struct test_random *random)
{
    struct set_cursor cursor = SET_CURSOR_INIT;
    CHECK(set_records_copy(f->partition, 0, UINT32_MAX, UINT64_MAX >> 1, &cursor, r, NULL) == 0);
    /* Every user's record is of the last event below the offset; the newest bin is its offset. */
    int64_t newest = -1;
    for (uint32_t i = 0; i < r->count; i++)
        if (set_record_values(r, i)[1].i > newest)
            newest = set_record_values(r, i)[1].i;
    CHECK(newest + 1 == r->at.next_offset);

    const struct event *e = &f->stream.events[random_below(random, EVENTS)];
    union read_value key = {.s = e->values[C_USER].s};
    CHECK(set_record_find(f->partition, 0, &key, r, NULL) == 0);
    if (r->count) {
        CHECK(set_record_values(r, 0)[1].i < r->at.next_offset);
        CHECK(set_record_values(r, 0)[1].i >= e->offset || e->offset >= r->at.next_offset);
        CHECK(str_equal(set_record_values(r, 0)[0].s, key.s));
    } else {
        CHECK(r->at.next_offset <= e->offset);
    }
}

struct reader {
    struct fixture *fixture;
    uint64_t seed;
    uint64_t rounds;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    struct fixture *f = reader->fixture;
    struct test_random random = {reader->seed};
    struct partials p = PARTIALS_INIT;
    struct set_records r = SET_RECORDS_INIT;
    int64_t last = 0;

    while (!atomic_load(&f->done)) {
        uint64_t version = partition_version(f->partition);
        for (uint32_t i = 0; i < 3; i++) {
            check_totals(f, i, &p);
            CHECK(p.at.next_offset >= last && p.at.version >= version);
            last = p.at.next_offset;
        }
        check_set(f, &r, &random);
        struct partition_info info;
        partition_info(f->partition, &info);
        CHECK(info.next_offset >= last);
        reader->rounds++;
    }
    partials_done(&p);
    set_records_done(&r);
    return NULL;
}

static void test_reads_are_of_one_instant(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct reader readers[READERS];
    pthread_t threads[READERS];
    struct partition_counts counts = {0};
    struct batch *batch = batch_new(STREAM_COLUMN_COUNT);

    make(&f);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&f, (uint64_t)i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    }
    for (uint32_t at = 0; at < EVENTS; at += 200) {
        assert_int_equal(stream_apply(&f.stream, at, 200, batch, f.partition, &counts), 0);
        if (at % 5000 == 0)
            partition_tick(f.partition, f.stream.now_ns);
    }
    atomic_store(&f.done, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].rounds > 0);
        print_message("%llu rounds\n", (unsigned long long)readers[i].rounds);
    }
    struct partials p = PARTIALS_INIT;
    for (uint32_t i = 0; i < 3; i++) {
        check_totals(&f, i, &p);
        assert_int_equal(p.at.next_offset, EVENTS);
    }
    partials_done(&p);
    partition_free(f.partition);
    stream_done(&f.stream);
    batch_free(batch);
}

/* ---- the lock ---- */

struct waiter {
    struct fair_lock *lock;
    _Atomic bool had;
};

static void *wait_for_lock(void *argument)
{
    struct waiter *w = argument;
    fair_lock(w->lock);
    atomic_store(&w->had, true);
    fair_unlock(w->lock);
    return NULL;
}

/* Whoever waits has the lock before the one who holds it gets it again, however fast he asks. */
static void test_the_lock_is_fair(void **state)
{
    (void)state;
    struct fair_lock lock = {0};
    for (int round = 0; round < 200; round++) {
        struct waiter waiter = {.lock = &lock};
        pthread_t thread;
        fair_lock(&lock);
        uint32_t mine = atomic_load(&lock.serving);
        assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, &waiter), 0);
        while (atomic_load(&lock.next) != mine + 2) /* until it has drawn its ticket */
            sched_yield();
        fair_unlock(&lock);
        fair_lock(&lock);
        assert_true(atomic_load(&waiter.had));
        fair_unlock(&lock);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_are_of_one_instant),
        cmocka_unit_test(test_the_lock_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
