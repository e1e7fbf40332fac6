/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parameters.h: what stands behind the ? of a request, and its headers.
 */
#ifndef SINK_HTTP_PARAMETERS_H
#define SINK_HTTP_PARAMETERS_H

#include "sink/http/exchange.h"

/* Pairs in one query string; more are refused. */
#define PARAMETER_PAIRS_MAX 64

/* Decodes %XX (and + as a blank where `form`) into the arena, with a NUL behind. False: an escape
 * that is none, or no memory. */
bool percent_decode(struct arena *arena, const char *data, size_t length, bool form,
                    struct weir_str *ret_text);

/* Fills in exchange->parameters and ->afters from the target, as far as its route knows them.
 * False: the reply says what is wrong. */
bool parameters_read(struct exchange *exchange);
/* Chooses exchange->format by format= and Accept. False: the reply is a 400 or 406. */
bool format_choose(struct exchange *exchange);
enum coding coding_choose(const char *accept_encoding);

/* How much a header like Accept wants `type/subtype`: 0 (not at all) .. 1000. */
int accept_quality(const char *accept, const char *type, const char *subtype);

/* Values of parameters; false: the reply is a 400 that names the parameter. */
bool parameter_limit(struct exchange *exchange, uint64_t *ret_limit);
bool parameter_duration(struct exchange *exchange, enum http_parameter parameter, int64_t *ret_ns);
bool parameter_time(struct exchange *exchange, enum http_parameter parameter, int64_t *ret_ns);
bool parameter_timeout(struct exchange *exchange, int64_t *ret_ns);

const char *parameter_name(enum http_parameter parameter);

#endif
