/* SPDX-License-Identifier: Apache-2.0 */
/* functions.h: what the table of functions (functions.c) is made of. */
#ifndef TRANSFORMS_EXPR_FUNCTIONS_H
#define TRANSFORMS_EXPR_FUNCTIONS_H

#include "transforms/expr/eval.h"

typedef bool call_check(struct compiler *compiler, struct node *node);

/* functions_number.c */
call_check check_abs, check_whole, check_round, check_mod, check_extreme;
call_row row_abs, row_sign, row_floor, row_ceil, row_trunc, row_round, row_mod;
call_row row_sqrt, row_exp, row_ln, row_log10, row_log2, row_log, row_pow, row_pi;
call_row row_acos, row_asin, row_atan, row_atan2, row_cos, row_sin, row_tan;
call_row row_degrees, row_radians;

/* functions_text.c */
call_check check_same_text, check_like_call;
call_row row_length, row_octet_length, row_lower, row_upper, row_trim, row_ltrim, row_rtrim;
call_row row_substr, row_instr, row_replace, row_concat, row_concat_ws, row_char, row_unicode;
call_row row_starts_with, row_ends_with;

/* functions_bytes.c */
call_check check_not_null;
call_row row_hex, row_unhex, row_quote, row_typeof, row_hash;

/* functions_choice.c */
call_check check_coalesce, check_nullif, check_iif;

/* format.c */
call_check check_format;
call_row row_format;

/* functions_date.c */
call_check check_date, check_strftime, check_unixepoch;
call_row row_date, row_time, row_datetime, row_julianday, row_unixepoch, row_strftime;
call_row row_timestamp;

/* json.c */
call_check check_json_path;
call_row row_json_extract, row_json_array_length;

/* like.c */
node_eval eval_like_call;

#endif
