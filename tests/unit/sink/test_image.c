/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: in use, free or beyond the end; the budget; the write protection that other tests use. */
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/image.h"

static void test_pages_come_zeroed_and_counted(void **state)
{
    (void)state;
    struct memory_budget budget = {.limit_bytes = 64 << 20};
    struct image image;
    assert_int_equal(image_init(&image, &budget, NULL), 0);
    assert_int_equal(budget.used_bytes, PAGE_BYTES);

    uint32_t no = page_alloc(&image, PAGE_BUCKET, 7);
    struct page *page = page_write(&image, no);
    assert_int_equal(page->kind, PAGE_BUCKET);
    assert_int_equal(page->owner, 7);
    memset(page + 1, 0xee, PAGE_BYTES - sizeof *page);
    page_free(&image, no);
    /* The first page freed becomes the list itself, the second stands on it; both come back clean.
     */
    uint32_t other = page_alloc(&image, PAGE_CELLS, 1);
    const unsigned char *bytes = (const unsigned char *)page_read(&image, other) + sizeof *page;
    for (size_t i = 0; i < PAGE_BYTES - sizeof *page; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(budget.used_bytes, 2 * PAGE_BYTES);
    image_verify(&image);
    image_done(&image);
    assert_int_equal(budget.used_bytes, 0);
}

static void test_reserve_meets_the_limit(void **state)
{
    (void)state;
    struct memory_budget budget = {.limit_bytes = 100 * PAGE_BYTES};
    struct image a, b;
    assert_int_equal(image_init(&a, &budget, NULL), 0);
    assert_int_equal(image_init(&b, &budget, NULL), 0);
    assert_true(image_reserve(&a, 60));
    assert_false(image_reserve(&b, 39)); /* 2 + 60 + 39 */
    assert_true(image_reserve(&b, 38));
    assert_int_equal(budget.used_bytes, budget.limit_bytes);
    uint32_t pages[60];
    for (int i = 0; i < 60; i++)
        pages[i] = page_alloc(&a, PAGE_CELLS, 1);
    assert_int_equal(budget.used_bytes, budget.limit_bytes);
    image_unreserve(&b);
    assert_int_equal(budget.used_bytes, 62 * PAGE_BYTES);
    /* Free pages that still have memory cost nothing to take again. */
    for (int i = 0; i < 60; i++)
        page_free(&a, pages[i]);
    assert_int_equal(budget.used_bytes, 62 * PAGE_BYTES);
    assert_true(image_reserve(&a, 59));
    image_unreserve(&a);
    image_trim(&a);
    assert_int_equal(budget.used_bytes, 3 * PAGE_BYTES); /* two headers and the list's page */
    image_verify(&a);
    image_done(&a);
    image_done(&b);
    assert_int_equal(budget.used_bytes, 0);
}

static void test_memory_given_back_is_gone(void **state)
{
    (void)state;
    struct image image;
    enum { COUNT = 3000 };
    assert_int_equal(image_init(&image, NULL, NULL), 0);
    uint32_t *pages = calloc(COUNT, sizeof *pages);
    for (int i = 0; i < COUNT; i++) {
        pages[i] = page_alloc(&image, PAGE_CELLS, 1);
        memset((char *)page_write(&image, pages[i]) + sizeof(struct page), 1,
               PAGE_BYTES - sizeof(struct page));
    }
    for (int i = 0; i < COUNT; i++)
        page_free(&image, pages[i]);
    image_trim(&image);
    unsigned char resident[COUNT + 1];
    assert_int_equal(mincore(image.base, (COUNT + 1) * PAGE_BYTES, resident), 0);
    unsigned still = 0;
    for (int i = 0; i <= COUNT; i++)
        still += resident[i] & 1;
    assert_true(still <= image.resident_pages);
    assert_true(image.resident_pages < 10);
    image_verify(&image); /* after looking: reading a page maps it */
    free(pages);
    image_done(&image);
}

static void test_random_use(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct memory_budget budget = {.limit_bytes = 512 << 20};
    struct image image;
    enum { HELD = 5000 };
    uint32_t *held = calloc(HELD, sizeof *held);
    uint32_t count = 0;

    assert_int_equal(image_init(&image, &budget, NULL), 0);
    for (int step = 0; step < 100000; step++) {
        bool grow = random_below(&random, HELD) >= count;
        if (grow && count < HELD) {
            uint32_t no = page_alloc(&image, PAGE_CELLS, 1);
            uint32_t *words = page_write(&image, no);
            assert_int_equal(words[PAGE_BYTES / 4 - 1], 0);
            words[PAGE_BYTES / 4 - 1] = no;
            held[count++] = no;
        } else if (count) {
            uint32_t i = (uint32_t)random_below(&random, count);
            assert_int_equal(((const uint32_t *)page_read(&image, held[i]))[PAGE_BYTES / 4 - 1],
                             held[i]);
            page_free(&image, held[i]);
            held[i] = held[--count];
        }
        if (random_below(&random, 5000) == 0)
            image_trim(&image);
        if (random_below(&random, 2000) == 0)
            image_verify(&image);
    }
    image_verify(&image);
    /* Besides the pages, at most a block that is being used up and one ahead. */
    assert_in_range(budget.used_bytes, image_bytes(&image), image_bytes(&image) + (4 << 20));
    free(held);
    image_done(&image);
    assert_int_equal(budget.used_bytes, 0);
}

/* What test_table and others lean on: a write that did not come through page_write is caught. */
static void test_sealed_pages_refuse_writes(void **state)
{
    (void)state;
    struct image image;
    assert_int_equal(image_init(&image, NULL, NULL), 0);
    uint32_t no = page_alloc(&image, PAGE_CELLS, 1);
    volatile char *stale = (char *)page_write(&image, no) + 100;
    image_seal(&image);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *stale = 1;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    page_write(&image, no);
    *stale = 1;
    image_done(&image);
}

/* Blocks had ahead: charged, given back with the image, forgotten at any moment; the pages of a
 * block hold what the worker wrote whoever was there first. */
static void test_growing_with_blocks_ahead(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    for (int round = 0; round < 20; round++) {
        struct memory_budget budget = {.limit_bytes = (uint64_t)1 << 30};
        struct image images[3];
        for (int i = 0; i < 3; i++)
            assert_int_equal(image_init(&images[i], &budget, NULL), 0);
        uint32_t pages = 2048 + (uint32_t)random_below(&random, 6000);
        for (uint32_t n = 1; n < pages; n++) {
            for (int i = 0; i < 3; i++) {
                uint32_t no = page_alloc(&images[i], PAGE_CELLS, 1);
                uint32_t *words = page_write(&images[i], no);
                words[100] = no;
            }
        }
        for (int i = 0; i < 3; i++) {
            for (uint32_t no = 1; no < pages; no++)
                assert_int_equal(((const uint32_t *)page_read(&images[i], no))[100], no);
            image_verify(&images[i]);
        }
        for (int i = 0; i < 3; i++)
            image_done(&images[i]);
        assert_int_equal(budget.used_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_come_zeroed_and_counted),
        cmocka_unit_test(test_reserve_meets_the_limit),
        cmocka_unit_test(test_memory_given_back_is_gone),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_growing_with_blocks_ahead),
        cmocka_unit_test(test_sealed_pages_refuse_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
