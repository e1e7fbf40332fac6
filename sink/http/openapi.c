/* SPDX-License-Identifier: Apache-2.0 */
/* The interface's description of itself (OpenAPI 3.1), out of the same tables that answer it. */
#include "base/value.h"
#include "sink/http/routes.h"

static const struct {
    const char *name, *schema, *summary;
} parameters[PARAM_COUNT] = {
#define PARAM_ENTRY(symbol, name, schema, summary) {name, schema, summary},
    HTTP_PARAMETERS(PARAM_ENTRY)
#undef PARAM_ENTRY
};

static const char *const format_types[FORMAT_COUNT] = {
#define FORMAT_TYPE(symbol, name, type, subtype, content_type) type "/" subtype,
    HTTP_FORMATS(FORMAT_TYPE)
#undef FORMAT_TYPE
};

static const char *const method_keys[METHOD_COUNT] = {
    [METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_PUT] = "put", [METHOD_DELETE] = "delete"};

#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define OPEN_OBJECT        "{\"type\":\"object\",\"additionalProperties\":true}"
#define INTEGER            "{\"type\":\"integer\"}"
#define NULLABLE(type)     "{\"type\":[\"" type "\",\"null\"]}"
#define TEXT               "{\"type\":\"string\"}"
#define TIME               "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define ARRAY(of)          "{\"type\":\"array\",\"items\":" of "}"
#define REF(name)          "{\"$ref\":\"#/components/schemas/" name "\"}"
#define COVERED                                                                                    \
    "\"covers\":" REF("Covers") ",\"complete\":{\"type\":\"boolean\"},\"missing\":" ARRAY(OBJECT(  \
        "\"topic\":" TEXT                                                                          \
        ",\"partition\":" INTEGER)) ",\"stale\":" ARRAY(OPEN_OBJECT) ",\"newest_event_"            \
                                                                     "time\":" TIME                \
                                                                     ",\"next_cursor\":" NULLABLE( \
                                                                         "string")

/* X(name, schema) */
static const struct {
    const char *name, *schema;
} schemas[] = {
    {"Covers", "{\"type\":\"object\",\"description\":\"next offset by topic and partition: every "
               "record below it is in the answer, none above\",\"additionalProperties\":{"
               "\"type\":\"object\",\"additionalProperties\":" INTEGER "}}"},
    {"Rows", OBJECT("\"rows\":" ARRAY(OPEN_OBJECT) "," COVERED)},
    {"Row", OBJECT("\"row\":" OPEN_OBJECT "," COVERED)},
    {"Pipelines", OBJECT("\"pipelines\":" ARRAY(OBJECT("\"name\":" TEXT ",\"state\":" TEXT
                                                       ",\"lag_records\":" NULLABLE("integer"))))},
    {"Records", OBJECT("\"consumed\":" INTEGER ",\"applied\":" INTEGER ",\"filtered\":" INTEGER
                       ",\"rejected\":" INTEGER ",\"skipped\":" INTEGER ",\"pending\":" INTEGER)},
    {"Partition",
     OBJECT("\"topic\":" TEXT ",\"partition\":" INTEGER ",\"state\":" TEXT ",\"reason\":" NULLABLE(
         "string") ",\"owner\":" TEXT ",\"next_offset\":" INTEGER
                   ",\"end_offset\":" NULLABLE("integer") ",\"lag_records\":" NULLABLE(
                       "integer") ",\"lag_seconds\":" NULLABLE("number") ",\"watermark\":" TIME
                                                                         ",\"last_progress\":" TIME
                                                                         ",\"snapshot_"
                                                                         "offset\":" NULLABLE(
                                                                             "integer") ",\"records"
                                                                                        "\":" REF(
                                                                                            "Record"
                                                                                            "s"))},
    {"Pipeline",
     OBJECT(
         "\"name\":" TEXT ",\"state\":" TEXT
         ",\"reason\":" NULLABLE("string") ",\"lag_records\":" NULLABLE(
             "inte"
             "ger") ",\"records\":" REF("Records") ",\"partitions\":" ARRAY(REF("Partition")) ",\"a"
                                                                                              "ggre"
                                                                                              "gate"
                                                                                              "s\""
                                                                                              ":" ARRAY(
                                                                                                  TEXT) ",\"sets\""
                                                                                                        ":" ARRAY(
                                                                                                            TEXT))},
    {"Position", OBJECT("\"topic\":" TEXT ",\"partition\":" INTEGER ",\"offset\":" INTEGER)},
    {"Health", OBJECT("\"healthy\":{\"type\":\"boolean\"}")},
    {"Ready", OBJECT("\"ready\":{\"type\":\"boolean\"},\"reasons\":" ARRAY(TEXT))},
    {"OpenAPI", OPEN_OBJECT},
    {"Problem", OBJECT("\"type\":" TEXT ",\"title\":" TEXT ",\"status\":" INTEGER
                       ",\"detail\":" TEXT ",\"position\":" INTEGER)},
};

static void quoted(struct text *out, const char *text)
{
    json_write_string(out, text, strlen(text));
}

/* {name...} is {name} in OpenAPI. */
static void path_write(struct text *out, const char *path)
{
    text_add_char(out, '"');
    for (const char *at = path; *at;) {
        if (text_starts(at, "...")) {
            at += 3;
            continue;
        }
        text_add_char(out, *at++);
    }
    text_add(out, "\":{");
}

static void path_parameters_write(struct text *out, const char *path, bool *first)
{
    for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{')) {
        size_t length = strcspn(at + 1, ".}");
        text_add(out, *first ? "{\"name\":" : ",{\"name\":");
        json_write_string(out, at + 1, length);
        text_add(out, ",\"in\":\"path\",\"required\":true,\"schema\":" TEXT "}");
        *first = false;
    }
}

static void query_parameters_write(struct text *out, const struct route *route, bool *first)
{
    for (uint32_t p = 0; p < PARAM_COUNT; p++) {
        if (!(route->parameters & PARAM_BIT(p)))
            continue;
        text_add(out, *first ? "{\"name\":" : ",{\"name\":");
        quoted(out, parameters[p].name);
        text_add(out, ",\"in\":\"query\",\"description\":");
        quoted(out, parameters[p].summary);
        text_addf(out, ",\"schema\":{%s}}", parameters[p].schema);
        *first = false;
    }
}

static void content_write(struct text *out, const struct route *route)
{
    text_add(out, "\"content\":{");
    bool first = true;
    for (uint32_t f = 0; f < FORMAT_COUNT; f++) {
        if (!(route->formats & (1u << f)))
            continue;
        text_add(out, first ? "" : ",");
        quoted(out, format_types[f]);
        if (f == FORMAT_JSON)
            text_addf(out, ":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}", route->schema);
        else
            text_add(out, ":{\"schema\":" TEXT "}");
        first = false;
    }
    if (!route->formats) {
        json_write_string(out, route->content_type, strcspn(route->content_type, ";"));
        if (route->schema)
            text_addf(out, ":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}", route->schema);
        else
            text_add(out, ":{\"schema\":" TEXT "}");
    }
    text_add_char(out, '}');
}

static void operation_write(struct text *out, const struct route *route)
{
    bool first = true;
    quoted(out, method_keys[route->method]);
    text_add(out, ":{\"operationId\":");
    quoted(out, route->id);
    text_add(out, ",\"summary\":");
    quoted(out, route->summary);
    text_add(out, ",\"parameters\":[");
    path_parameters_write(out, route->path, &first);
    query_parameters_write(out, route, &first);
    text_add(out, "],\"responses\":{\"200\":{\"description\":\"as asked\",");
    content_write(out, route);
    text_add(out, "},\"default\":{\"description\":\"what is wrong (RFC 9457)\",\"content\":{"
                  "\"application/problem+json\":{\"schema\":" REF("Problem") "}}}}}");
}

void handle_openapi(struct exchange *exchange)
{
    struct text *out = reply_begin(exchange, "application/json");
    text_add(out,
             "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"weir\",\"version\":\"1\",\"summary\":"
             "\"Live aggregates and sets of Kafka topics\"},\n\"paths\":{\n");
    for (uint32_t i = 0; i < http_route_count; i++) {
        bool same = i > 0 && strcmp(http_routes[i].path, http_routes[i - 1].path) == 0;
        text_add(out, i == 0 ? "" : same ? "," : "},\n");
        if (!same)
            path_write(out, http_routes[i].path);
        operation_write(out, &http_routes[i]);
    }
    text_add(out, "}},\n\"components\":{\"schemas\":{\n");
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        text_add(out, i ? ",\n" : "");
        quoted(out, schemas[i].name);
        text_addf(out, ":%s", schemas[i].schema);
    }
    text_add(out, "}}}\n");
}
