/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/demo.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/value.h"

#define DEMO_ACCOUNTS   200
#define DEMO_BAD_ONE_IN 500

static const char *const merchants[] = {"bakery", "books", "cinema",  "coffee", "fuel",
                                        "garden", "hotel", "railway", "shoes",  "toys"};
static const char *const statuses[] = {"settled", "settled", "settled",  "settled",  "settled",
                                       "settled", "pending", "declined", "refunded", "test"};
static const char *const broken[] = {
    "{\"payment_id\": \"p-broken\", \"account\": ",
    "not a record at all",
    "{\"payment_id\": \"p-broken\", \"account\": \"a-001\", \"merchant\": \"books\", "
    "\"amount\": \"a lot\", \"status\": \"settled\", \"created_at\": \"yesterday\"}",
};

void demo_payment_make(struct demo_payment *payment, uint64_t seed, uint64_t i, int64_t time_ns)
{
    uint64_t random = hash_u64(i, seed);
    text_clear(&payment->key);
    text_clear(&payment->value);
    text_addf(&payment->key, "a-%03u", (unsigned)(random % DEMO_ACCOUNTS));
    random /= DEMO_ACCOUNTS;
    if (i % DEMO_BAD_ONE_IN == DEMO_BAD_ONE_IN / 2) {
        text_add(&payment->value, broken[random % COUNT_OF(broken)]);
        return;
    }
    /* Small amounts are frequent, large ones rare: the product of two uniform draws. */
    int64_t amount = (int64_t)(random % 300 + 1) * (int64_t)(random / 300 % 100 + 1);
    random /= 30000;
    text_addf(&payment->value, "{\"payment_id\": \"p-%08llu\", \"account\": \"%s\", ",
              (unsigned long long)i, payment->key.data);
    text_addf(&payment->value,
              "\"merchant\": \"%s\", \"amount\": ", merchants[random % COUNT_OF(merchants)]);
    decimal_write(&payment->value, amount, 2);
    random /= COUNT_OF(merchants);
    text_addf(&payment->value, ", \"status\": \"%s\", \"created_at\": \"",
              statuses[random % COUNT_OF(statuses)]);
    time_write_rfc3339(&payment->value, time_ns - time_ns % 1000000);
    text_add(&payment->value, "\"}");
}

void demo_payment_done(struct demo_payment *payment)
{
    text_done(&payment->key);
    text_done(&payment->value);
}
