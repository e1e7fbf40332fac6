/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/memory.h"

static void memory_is_zeroed(void **state)
{
    char *bytes = mem_alloc(1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    bytes = mem_grow(bytes, 5000, 2);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    void *nothing = mem_array(0, 16);
    assert_non_null(nothing);
    free(nothing);
}

static void texts_are_copied(void **state)
{
    char *a = mem_strdup("weir"), *b = mem_strndup("weirs", 4), *c = mem_printf("%s-%d", "w", 7);
    assert_string_equal(a, "weir");
    assert_string_equal(b, "weir");
    assert_string_equal(c, "w-7");
    free(a);
    free(b);
    free(c);
}

static void pieces_are_apart_aligned_and_have_slack(void **state)
{
    struct test_random random = random_begin();
    struct arena arena;
    arena_init(&arena, 0);
    for (int round = 0; round < 20; round++) {
        unsigned char *pieces[300];
        size_t sizes[300], used = 0;
        for (size_t i = 0; i < 300; i++) {
            sizes[i] = random_skewed(&random) % 20000;
            pieces[i] = arena_alloc(&arena, sizes[i]);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)(i & 0xff), sizes[i]);
            volatile unsigned char sum = 0;
            for (size_t k = 0; k < ARENA_SLACK_BYTES; k++)
                sum = (unsigned char)(sum + pieces[i][sizes[i] + k]);
            used += sizes[i];
        }
        for (size_t i = 0; i < 300; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                if (pieces[i][k] != (i & 0xff))
                    fail_msg("piece %zu was written over at byte %zu", i, k);
        assert_true(arena.used_bytes >= used);
        assert_true(arena.held_bytes >= arena.used_bytes);
        arena_reset(&arena, random_skewed(&random) % ((size_t)8 << 20));
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_done(&arena);
    assert_int_equal(arena.held_bytes, 0);
}

static void a_round_like_the_last_takes_nothing_from_the_system(void **state)
{
    struct test_random random = random_begin();
    size_t sizes[500];
    for (size_t i = 0; i < 500; i++)
        sizes[i] = random_skewed(&random) % 300000;
    struct arena arena;
    arena_init(&arena, 0);
    size_t held = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 500; i++)
            assert_non_null(arena_alloc(&arena, sizes[i]));
        if (round == 0)
            held = arena.held_bytes;
        assert_int_equal(arena.held_bytes, held);
        arena_reset(&arena, SIZE_MAX);
        assert_int_equal(arena.held_bytes, held);
    }
    arena_done(&arena);
}

static void blocks_come_back_in_their_order(void **state)
{
    struct arena arena;
    arena_init(&arena, 0);
    size_t held = 0;
    for (int round = 0; round < 5; round++) {
        /* Were the large block the first, the small piece would spoil it for the large one. */
        assert_non_null(arena_alloc(&arena, 1000));
        assert_non_null(arena_alloc(&arena, (size_t)5 << 20));
        assert_true(round == 0 || arena.held_bytes == held);
        held = arena.held_bytes;
        arena_reset(&arena, SIZE_MAX);
    }
    arena_done(&arena);
}

static void the_limit_holds_and_can_be_reached(void **state)
{
    struct arena arena;
    const size_t limit = (size_t)1 << 20;
    arena_init(&arena, limit);
    assert_null(arena_alloc(&arena, limit + 1));
    assert_non_null(arena_alloc(&arena, limit / 2));
    size_t more = 0;
    while (arena_alloc(&arena, 1000))
        more += 1000;
    assert_true(arena.held_bytes <= limit);
    assert_true(more > limit / 2 - 100000);
    /* Blocks that are too small do not stand in the way of a large piece. */
    arena_reset(&arena, limit);
    assert_non_null(arena_alloc(&arena, limit - 4096));
    assert_true(arena.held_bytes <= limit);
    arena_done(&arena);
}

static void impossible_sizes_are_refused(void **state)
{
    struct arena arena;
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_non_null(arena_alloc(&arena, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX - 3));
    arena_done(&arena);
}

static void a_reset_keeps_no_more_than_asked(void **state)
{
    struct arena arena;
    arena_init(&arena, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&arena, 300000));
    assert_true(arena.held_bytes > (size_t)20 << 20);
    arena_reset(&arena, (size_t)5 << 20);
    assert_true(arena.held_bytes <= (size_t)5 << 20);
    assert_true(arena.held_bytes > 0);
    arena_reset(&arena, 0);
    assert_int_equal(arena.held_bytes, 0);
    arena_done(&arena);
}

static void nothing_has_an_address_too(void **state)
{
    struct arena arena;
    arena_init(&arena, 0);
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(arena_copy(&arena, NULL, 0));
    char *copy = arena_copy(&arena, "abc", 4);
    assert_string_equal(copy, "abc");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(pieces_are_apart_aligned_and_have_slack),
        cmocka_unit_test(a_round_like_the_last_takes_nothing_from_the_system),
        cmocka_unit_test(blocks_come_back_in_their_order),
        cmocka_unit_test(the_limit_holds_and_can_be_reached),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_reset_keeps_no_more_than_asked),
        cmocka_unit_test(nothing_has_an_address_too),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
