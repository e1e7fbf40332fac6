/* SPDX-License-Identifier: Apache-2.0 */
/* Cells and the heap, by random use beside a copy of every value. */
#include "tests/unit/test.h"

#include "sink/heap.h"

struct fixture {
    struct image image;
    struct heap_head *heap;
    uint32_t root;
};

static void begin(struct fixture *f)
{
    assert_int_equal(image_init(&f->image, NULL, NULL), 0);
    f->root = page_alloc(&f->image, PAGE_ROOT, 1);
    f->heap = (struct heap_head *)((char *)page_write(&f->image, f->root) + 64);
    heap_init(f->heap);
}

/* The heads are the owner's to make writable. */
static void seal(struct fixture *f)
{
    image_seal(&f->image);
    page_write(&f->image, f->root);
}

static void test_classes_hold_every_length(void **state)
{
    (void)state;
    struct fixture f;
    char data[3 * PAGE_BYTES], back[3 * PAGE_BYTES];
    begin(&f);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    for (uint32_t length = 1; length < sizeof data; length++) {
        uint32_t ref = heap_put(&f.image, f.heap, 1, data, length);
        assert_true(ref);
        heap_copy(&f.image, f.heap, ref, length, back);
        assert_memory_equal(back, data, length);
        assert_true(heap_equal(&f.image, f.heap, ref, data, length));
        back[length - 1] ^= 1;
        assert_false(heap_equal(&f.image, f.heap, ref, back, length));
        assert_true(heap_compare(&f.image, f.heap, ref, length, data, length - 1) > 0);
        assert_true(heap_compare(&f.image, f.heap, ref, length, data, length + 1) < 0);
        heap_free(&f.image, f.heap, ref, length);
    }
    assert_int_equal(f.heap->value_count, 0);
    assert_int_equal(f.heap->chain_pages, 0);
    image_verify(&f.image);
    image_trim(&f.image);
    assert_true(f.image.resident_pages <= 3); /* all of it went back */
    image_done(&f.image);
}

struct value {
    uint32_t ref, length;
    char *copy;
};

static uint32_t random_length(struct test_random *random)
{
    switch (random_below(random, 20)) {
    case 0:
        return 4000 + (uint32_t)random_below(random, 30000);
    case 1:
    case 2:
        return 1 + (uint32_t)random_below(random, 4096);
    default:
        return 13 + (uint32_t)random_below(random, 60);
    }
}

static void test_random_use(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct fixture f;
    enum { VALUES = 3000 };
    struct value *values = calloc(VALUES, sizeof *values);
    uint64_t bytes = 0;
    uint32_t count = 0;
    char back[40000];

    begin(&f);
    for (int step = 0; step < 60000; step++) {
        struct value *v = &values[random_below(&random, VALUES)];
        if (v->copy) {
            heap_copy(&f.image, f.heap, v->ref, v->length, back);
            assert_memory_equal(back, v->copy, v->length);
            heap_free(&f.image, f.heap, v->ref, v->length);
            free(v->copy);
            bytes -= v->length;
            count--;
            *v = (struct value){0};
        } else {
            v->length = random_length(&random);
            v->copy = malloc(v->length);
            for (uint32_t i = 0; i < v->length; i++)
                v->copy[i] = (char)random_u64(&random);
            v->ref = heap_put(&f.image, f.heap, 1, v->copy, v->length);
            assert_true(v->ref);
            bytes += v->length;
            count++;
        }
        if (step % 5000 == 0) {
            image_verify(&f.image);
            seal(&f);
        }
    }
    assert_int_equal(f.heap->value_count, count);
    assert_int_equal(f.heap->value_bytes, bytes);
    for (uint32_t i = 0; i < VALUES; i++) {
        if (!values[i].copy)
            continue;
        heap_copy(&f.image, f.heap, values[i].ref, values[i].length, back);
        assert_memory_equal(back, values[i].copy, values[i].length);
        heap_free(&f.image, f.heap, values[i].ref, values[i].length);
        free(values[i].copy);
    }
    image_verify(&f.image);
    image_trim(&f.image);
    assert_true(f.image.resident_pages < 10);
    free(values);
    image_done(&f.image);
}

static void test_cells_are_distinct_and_tell_their_use(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct cells_head *cells = &f.heap->classes[0];
    const uint32_t sizes[] = {8, 16, 48, 504, 1008, 2016, CELL_BYTES_MAX};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        enum { COUNT = 1000 };
        uint32_t refs[COUNT];
        cells_init(cells, sizes[k]);
        for (uint32_t i = 0; i < COUNT; i++) {
            refs[i] = cell_alloc(&f.image, cells, 1);
            memset(cell_write(&f.image, cells, refs[i]), (int)(i % 251), sizes[k]);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            const unsigned char *cell = cell_read(&f.image, cells, refs[i]);
            assert_true(cell_in_use(&f.image, cells, refs[i]));
            for (uint32_t b = 0; b < sizes[k]; b++)
                assert_int_equal(cell[b], i % 251);
        }
        for (uint32_t i = 0; i < COUNT; i += 2)
            cell_free(&f.image, cells, refs[i]);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_int_equal(cell_in_use(&f.image, cells, refs[i]), i % 2);
        for (uint32_t i = 1; i < COUNT; i += 2)
            cell_free(&f.image, cells, refs[i]);
        assert_int_equal(cells->page_count, 0);
        assert_int_equal(cells->with_room, 0);
    }
    image_verify(&f.image);
    image_done(&f.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_hold_every_length),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_cells_are_distinct_and_tell_their_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
