/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only C++ of weir. stage1() and structural_indexes are the same in simdjson 3.0 to 4.6; both
 * front ends of simdjson stand on them. stage1() copies the last 64 bytes into a block of its own,
 * so that no padding is needed behind a text.
 */
#include "ingest/json.h"

#include <memory>
#include <new>
#include <simdjson.h>
#include <string>

namespace
{

using implementation = simdjson::internal::dom_parser_implementation;

implementation *parser_of(const struct json_index *index)
{
    return static_cast<implementation *>(index->parser);
}

bool grow(struct json_index *index, size_t length)
{
    size_t capacity = JSON_INDEX_BYTES_MIN;
    while (capacity < length)
        capacity *= 2;
    json_index_done(index);
    std::unique_ptr<implementation> parser;
    /* The depth sizes arrays of the second stage, which is not used. */
    const simdjson::implementation *kernel = simdjson::get_active_implementation();
    if (kernel->create_dom_parser_implementation(capacity, 1, parser) != simdjson::SUCCESS)
        return false;
    index->parser = parser.release();
    index->capacity = capacity;
    return true;
}

enum json_fault fault_of(simdjson::error_code code, const char *data, size_t length)
{
    if (code == simdjson::MEMALLOC || code == simdjson::CAPACITY)
        return JSON_NO_MEMORY;
    /* The first stage tells one fault only, and an open string before bad UTF-8. */
    if (code == simdjson::UTF8_ERROR || !simdjson::validate_utf8(data, length))
        return JSON_BAD_UTF8;
    if (code == simdjson::UNCLOSED_STRING)
        return JSON_OPEN_STRING;
    if (code == simdjson::EMPTY)
        return JSON_BLANK;
    return JSON_RAW_CONTROL;
}

} // namespace

void json_index_done(struct json_index *index)
{
    delete parser_of(index);
    *index = {};
}

enum json_fault json_index_run(struct json_index *index, const char *data, size_t length)
{
    if (length == 0)
        return JSON_BLANK;
    if (length > index->capacity && !grow(index, length))
        return JSON_NO_MEMORY;
    implementation *parser = parser_of(index);
    simdjson::error_code code = parser->stage1(reinterpret_cast<const uint8_t *>(data), length,
                                               simdjson::stage1_mode::regular);
    if (code != simdjson::SUCCESS)
        return fault_of(code, data, length);
    index->tokens = parser->structural_indexes.get();
    index->count = parser->n_structural_indexes;
    return JSON_SOUND;
}

void json_index_trim(struct json_index *index, size_t keep_bytes)
{
    if (index->capacity > keep_bytes)
        json_index_done(index);
}

bool json_utf8_valid(const char *data, size_t length)
{
    return simdjson::validate_utf8(data, length);
}

const char *json_library_version(void)
{
    static const std::string version = std::to_string(simdjson::SIMDJSON_VERSION_MAJOR) + "." +
                                       std::to_string(simdjson::SIMDJSON_VERSION_MINOR) + "." +
                                       std::to_string(simdjson::SIMDJSON_VERSION_REVISION);
    return version.c_str();
}

const char *json_library_kernel(void)
{
    static const std::string name(simdjson::get_active_implementation()->name());
    return name.c_str();
}
