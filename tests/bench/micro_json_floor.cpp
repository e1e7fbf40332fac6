/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/micro_json_floor.h"

#include <cmath>
#include <cstring>
#include <simdjson.h>
#include <string_view>

using namespace simdjson;

namespace
{

ondemand::parser parser;

void add_text(struct checksum *sum, std::string_view text)
{
    char head[8] = {};
    memcpy(head, text.data(), text.size() < 8 ? text.size() : 8);
    uint64_t word;
    memcpy(&word, head, 8);
    sum->text_bytes += text.size();
    sum->text_sum += word;
}

uint64_t digits(std::string_view text)
{
    uint64_t value = 0;
    for (char c : text)
        value = value * 10 + static_cast<uint64_t>(c - '0');
    return value;
}

struct order {
    std::string_view customer, region;
    double amount;
    int64_t created_at;
};

void add_order(struct checksum *sum, const struct order &o)
{
    add_text(sum, o.customer);
    add_text(sum, o.region);
    sum->cents += std::llround(o.amount * 100);
    sum->times += static_cast<uint64_t>(o.created_at);
    sum->records++;
}

bool iterate_order(ondemand::object object, bool all, struct order *o)
{
    int left = 4;
    for (auto field : object) {
        std::string_view key = field.unescaped_key();
        if (key == "customer") {
            if (field.value().get_string().get(o->customer))
                return false;
        } else if (key == "region") {
            if (field.value().get_string().get(o->region))
                return false;
        } else if (key == "amount") {
            if (field.value().get_double().get(o->amount))
                return false;
        } else if (key == "created_at") {
            if (field.value().get_int64().get(o->created_at))
                return false;
        } else {
            continue;
        }
        if (--left == 0 && !all)
            return true;
    }
    return left == 0;
}

struct ad {
    std::string_view id, type, time;
};

void add_ad(struct checksum *sum, const struct ad &a)
{
    add_text(sum, a.id);
    add_text(sum, a.type);
    sum->times += digits(a.time);
    sum->records++;
}

bool iterate_ad(ondemand::object object, bool all, struct ad *a)
{
    int left = 3;
    for (auto field : object) {
        std::string_view key = field.unescaped_key();
        std::string_view *into = key == "ad_id"        ? &a->id
                                 : key == "event_type" ? &a->type
                                 : key == "event_time" ? &a->time
                                                       : nullptr;
        if (!into)
            continue;
        if (field.value().get_string().get(*into))
            return false;
        if (--left == 0 && !all)
            return true;
    }
    return left == 0;
}

bool find_order(ondemand::object object, struct order *o)
{
    return !object.find_field("customer").get_string().get(o->customer) &&
           !object.find_field("region").get_string().get(o->region) &&
           !object.find_field("amount").get_double().get(o->amount) &&
           !object.find_field("created_at").get_int64().get(o->created_at);
}

bool find_ad(ondemand::object object, struct ad *a)
{
    return !object.find_field("ad_id").get_string().get(a->id) &&
           !object.find_field("event_type").get_string().get(a->type) &&
           !object.find_field("event_time").get_string().get(a->time);
}

template <typename Read> void each(const struct weir_str *records, uint32_t count, Read read)
{
    for (uint32_t i = 0; i < count; i++) {
        ondemand::document document;
        ondemand::object object;
        if (parser.iterate(records[i].data, records[i].length, records[i].length + SIMDJSON_PADDING)
                .get(document) ||
            document.get_object().get(object))
            continue;
        read(object);
    }
}

} // namespace

static void iterate(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                    bool all, struct checksum *sum)
{
    struct order o = {};
    struct ad a = {};
    if (shape == FLOOR_ORDER)
        each(records, count, [&](ondemand::object &object) {
            if (iterate_order(object, all, &o))
                add_order(sum, o);
        });
    else
        each(records, count, [&](ondemand::object &object) {
            if (iterate_ad(object, all, &a))
                add_ad(sum, a);
        });
}

void floor_iterate(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                   struct checksum *sum)
{
    iterate(shape, records, count, false, sum);
}

void floor_iterate_all(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                       struct checksum *sum)
{
    iterate(shape, records, count, true, sum);
}

void floor_find(enum floor_shape shape, const struct weir_str *records, uint32_t count,
                struct checksum *sum)
{
    struct order o = {};
    struct ad a = {};
    if (shape == FLOOR_ORDER)
        each(records, count, [&](ondemand::object &object) {
            if (find_order(object, &o))
                add_order(sum, o);
        });
    else
        each(records, count, [&](ondemand::object &object) {
            if (find_ad(object, &a))
                add_ad(sum, a);
        });
}

const char *floor_kernel(void)
{
    static const std::string name(builtin_implementation()->name());
    return name.c_str();
}
