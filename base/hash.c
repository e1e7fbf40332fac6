/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

uint64_t hash_random_seed(void)
{
    uint64_t seed;
    ssize_t bytes;
    do
        bytes = getrandom(&seed, sizeof seed, 0);
    while (bytes < 0 && errno == EINTR);
    CHECK(bytes == (ssize_t)sizeof seed);
    return seed;
}
