/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

static char folder[] = "/tmp/weir-test-file-XXXXXX";

static int begin(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *found, int kind, struct FTW *place)
{
    return remove(path);
}

static int end(void **state)
{
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int entries(const char *path)
{
    int count = -2;
    DIR *dir = opendir(path);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void written_files_are_read_again(void **state)
{
    char *path = mem_printf("%s/a", folder), *data = mem_alloc(200000);
    struct weir_error error;
    for (size_t i = 0; i < 200000; i++)
        data[i] = (char)i;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < 6; i++) {
        struct text text = TEXT_INIT;
        assert_int_equal(file_write_atomic(path, data, sizes[i], 0600, &error), 0);
        assert_int_equal(file_read(path, 200000, &text, &error), 0);
        assert_int_equal(text.length, sizes[i]);
        assert_memory_equal(text.data, data, sizes[i]);
        assert_int_equal(text.data[text.length], '\0');
        text_done(&text);
        struct stat found;
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
    assert_int_equal(entries(folder), 1); /* nothing is left beside it */
    unlink(path);
    free(path);
    free(data);
}

static void limits_and_mistakes_are_told(void **state)
{
    char *path = mem_printf("%s/b", folder), *none = mem_printf("%s/none/b", folder);
    struct weir_error error = {0};
    struct text text = TEXT_INIT;
    assert_int_equal(file_write_atomic(path, "12345", 5, 0644, &error), 0);
    assert_int_equal(file_read(path, 4, &text, &error), WEIR_E_LIMIT);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(file_read(none, 4, &text, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, "No such file"));
    assert_int_equal(file_read(folder, 4, &text, &error), WEIR_E_IO);
    assert_int_equal(file_write_atomic(none, "x", 1, 0644, &error), WEIR_E_IO);
    char *taken = mem_printf("%s/taken", folder);
    assert_int_equal(folder_make(taken, 0700, &error), 0);
    assert_int_equal(file_write_atomic(taken, "x", 1, 0644, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, "cannot rename"));
    assert_int_equal(entries(folder), 2); /* nothing is left beside it */
    rmdir(taken);
    free(taken);
    text_done(&text);
    unlink(path);
    free(path);
    free(none);
}

static void folders_are_made_with_their_parents(void **state)
{
    char *path = mem_printf("%s/x//y/z/", folder), *file = mem_printf("%s/f", folder);
    char *below = mem_printf("%s/f/g", folder);
    struct weir_error error = {0};
    struct stat found;
    assert_int_equal(folder_make(path, 0700, &error), 0);
    assert_int_equal(folder_make(path, 0700, &error), 0);
    assert_int_equal(stat(path, &found), 0);
    assert_true(S_ISDIR(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0700);
    assert_int_equal(file_write_atomic(file, "x", 1, 0644, &error), 0);
    assert_int_equal(folder_make(below, 0700, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, "a file of that name"));
    assert_int_equal(folder_make("", 0700, &error), WEIR_E_INVALID);
    free(path);
    free(file);
    free(below);
}

static void short_writes_go_on(void **state)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(fd_write_all(pipes[1], "abc", 3), 0);
    char buffer[3];
    assert_int_equal(read(pipes[0], buffer, 3), 3);
    assert_memory_equal(buffer, "abc", 3);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(fd_write_all(pipes[1], "abc", 3), WEIR_E_IO);
    assert_int_equal(fd_write_all(-1, "", 0), 0);
}

static void seeds_differ(void **state)
{
    uint64_t a = hash_random_seed(), b = hash_random_seed();
    assert_true(a != b);
    assert_true(hash_bytes("x", 1, a) != hash_bytes("x", 1, b));
    assert_true(hash_bytes("x", 1, a) == hash_bytes("x", 1, a));
    assert_true(hash_u64(1, a) != hash_u64(2, a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_files_are_read_again),
        cmocka_unit_test(limits_and_mistakes_are_told),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(short_writes_go_on),
        cmocka_unit_test(seeds_differ),
    };
    return cmocka_run_group_tests_name("file", tests, begin, end);
}
