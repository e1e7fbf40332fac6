/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/ysb_events.h"

#include "base/check.h"
#include "base/memory.h"

struct word {
    const char *text;
    size_t length;
};
#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct word ad_types[] = {WORD("banner"), WORD("modal"), WORD("sponsored-search"),
                                       WORD("mail"), WORD("mobile")};
static const struct word event_types[] = {WORD("view"), WORD("click"), WORD("purchase")};

/* SplitMix64 at place n (Steele, Lea, Flood 2014): any place is as cheap as the next. */
static uint64_t random_at(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* One of `count` by 32 random bits. */
static inline uint32_t pick(uint64_t bits, uint32_t count)
{
    return (uint32_t)((bits & UINT32_MAX) * count >> 32);
}

static struct ysb_uuid uuid_at(uint64_t seed, uint64_t n)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t bits[2] = {random_at(seed, 2 * n), random_at(seed, 2 * n + 1)};
    struct ysb_uuid uuid;
    int nibble = 0;
    for (int i = 0; i < YSB_UUID_BYTES; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            uuid.text[i] = '-';
            continue;
        }
        uuid.text[i] = hex[bits[nibble / 16] >> 4 * (nibble % 16) & 15];
        nibble++;
    }
    uuid.text[14] = '4'; /* version and variant of RFC 9562 */
    uuid.text[19] = hex[8 | (bits[1] & 3)];
    return uuid;
}

static int compare(const void *a, const void *b, void *campaigns)
{
    const struct ysb_uuid *list = campaigns;
    return memcmp(&list[*(const uint32_t *)a], &list[*(const uint32_t *)b], YSB_UUID_BYTES);
}

struct ysb *ysb_new(const struct ysb_options *options)
{
    struct ysb *ysb = mem_alloc(sizeof *ysb);
    uint64_t seed = random_at(options->seed, 0);
    ysb->options = *options;
    ysb->ad_count = options->campaigns * options->ads_per_campaign;
    ysb->ads = mem_array(ysb->ad_count, sizeof *ysb->ads);
    ysb->campaigns = mem_array(options->campaigns, sizeof *ysb->campaigns);
    ysb->ranks = mem_array(options->campaigns, sizeof *ysb->ranks);
    for (uint32_t i = 0; i < ysb->ad_count; i++)
        ysb->ads[i] = uuid_at(seed + 1, i);
    for (uint32_t i = 0; i < options->campaigns; i++)
        ysb->campaigns[i] = uuid_at(seed + 2, i);
    for (uint32_t i = 0; i < YSB_USERS; i++) {
        ysb->users[i] = uuid_at(seed + 3, i);
        ysb->pages[i] = uuid_at(seed + 4, i);
    }
    uint32_t *order = mem_array(options->campaigns, sizeof *order);
    for (uint32_t i = 0; i < options->campaigns; i++)
        order[i] = i;
    qsort_r(order, options->campaigns, sizeof *order, compare, ysb->campaigns);
    for (uint32_t i = 0; i < options->campaigns; i++)
        ysb->ranks[order[i]] = i;
    free(order);
    return ysb;
}

void ysb_free(struct ysb *ysb)
{
    if (!ysb)
        return;
    free(ysb->ads);
    free(ysb->campaigns);
    free(ysb->ranks);
    free(ysb);
}

/* What is random about event i. */
struct draw {
    uint32_t user, page, ad, ad_type, event_type;
    int64_t time_ms;
};

static inline struct draw draw_at(const struct ysb *ysb, uint64_t i)
{
    const struct ysb_options *options = &ysb->options;
    uint64_t a = random_at(options->seed, 2 * i), b = random_at(~options->seed, 2 * i + 1);
    struct draw draw = {
        .ad = pick(a, ysb->ad_count),
        .event_type = pick(a >> 32, (uint32_t)COUNT_OF(event_types)),
        .user = pick(b << 16, YSB_USERS),
        .page = pick(b, YSB_USERS),
        .ad_type = pick(b >> 32, (uint32_t)COUNT_OF(ad_types)),
        .time_ms = options->start_ms + (int64_t)((__int128)options->step_ns * (int64_t)i / 1000000),
    };
    if (options->skew) {
        uint64_t c = random_at(options->seed ^ 0x5bd1e995, i);
        draw.time_ms += 50 - (int64_t)pick(c, 100);
        if ((c >> 32) % 100000 == 0)
            draw.time_ms -= pick(random_at(options->seed ^ 0x1b873593, i), 60000);
    }
    return draw;
}

static inline char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}
#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_number(char *at, int64_t value)
{
    char digits[20];
    int count = 0;
    if (value < 0)
        *at++ = '-';
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

size_t ysb_write(const struct ysb *ysb, uint64_t i, char *out)
{
    struct draw draw = draw_at(ysb, i);
    char *at = out;
    at = PUT(at, "{\"user_id\": \"");
    at = put(at, ysb->users[draw.user].text, YSB_UUID_BYTES);
    at = PUT(at, "\", \"page_id\": \"");
    at = put(at, ysb->pages[draw.page].text, YSB_UUID_BYTES);
    at = PUT(at, "\", \"ad_id\": \"");
    at = put(at, ysb->ads[draw.ad].text, YSB_UUID_BYTES);
    at = PUT(at, "\", \"ad_type\": \"");
    at = put(at, ad_types[draw.ad_type].text, ad_types[draw.ad_type].length);
    at = PUT(at, "\", \"event_type\": \"");
    at = put(at, event_types[draw.event_type].text, event_types[draw.event_type].length);
    at = PUT(at, "\", \"event_time\": \"");
    at = put_number(at, draw.time_ms);
    at = PUT(at, "\", \"ip_address\": \"1.2.3.4\"}");
    return (size_t)(at - out);
}

bool ysb_view(const struct ysb *ysb, uint64_t i, uint32_t *ret_campaign, int64_t *ret_time_ms)
{
    struct draw draw = draw_at(ysb, i);
    *ret_campaign = draw.ad / ysb->options.ads_per_campaign;
    *ret_time_ms = draw.time_ms;
    return draw.event_type == 0;
}
