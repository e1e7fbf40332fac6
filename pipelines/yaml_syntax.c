/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/check.h"
#include "pipelines/yaml_private.h"

/* What libyaml says, by a piece of it -> what to do. */
static const struct {
    const char *problem;
    const char *advice;
} advices[] = {
    {"mapping values are not allowed",
     "a `:` cannot stand here; quote a text that holds `: `, and begin each key on its own line"},
    {"did not find expected key",
     "a key is wanted here; check the indentation, and put quotes around a value that begins with "
     "a quote or a bracket"},
    {"did not find expected '-' indicator",
     "the items of a list begin with `- `, all in the same column"},
    {"did not find expected node content", "a value, or what closes {..} or [..], is wanted here"},
    {"could not find expected ':'", "a `:` is missing after a key"},
    {"found unknown escape character",
     "inside \"..\" a backslash begins an escape; write it twice, or use '..'"},
    {"did not find expected hexdecimal number", "an escape needs hexadecimal digits"},
    {"did not find expected <document start>",
     "the document ended above; check the indentation of this line"},
    {"found undefined tag handle", "tags (`!name`) have no meaning here; quote the text"},
    {"did not find the expected '!'", "tags (`!name`) have no meaning here; quote the text"},
    {"block sequence entries are not allowed",
     "a list cannot begin here; put `- ` on a line of its own"},
    {"block mapping keys are not allowed", "a `?` cannot stand here; quote the text"},
    {"did not find expected alphabetic or numeric character",
     "a plain text cannot begin with `*` or `&`; quote it"},
    {"found a tab character", "a tab cannot indent; use blanks"},
    {"control characters are not allowed", "a control character; YAML is text"},
    {"invalid leading UTF-8 octet", "the file is not valid UTF-8"},
    {"invalid trailing UTF-8 octet", "the file is not valid UTF-8"},
    {"incomplete UTF-8 octet sequence", "the file is not valid UTF-8"},
    {"invalid length of a UTF-8 sequence", "the file is not valid UTF-8"},
    {"invalid Unicode character", "the file is not valid UTF-8"},
};

/* A parenthesis that is open where {..} or [..] was given up: an expression that a comma has cut.
 */
static bool torn(const struct document *document, size_t from, size_t to)
{
    int open = 0;
    bool comma = false;
    for (size_t i = from; i < to && i < document->length; i++) {
        open += document->text[i] == '(';
        open -= document->text[i] == ')' && open > 0;
        comma |= document->text[i] == ',' && open > 0;
    }
    return comma;
}

static size_t line_begin(const struct document *document, size_t at)
{
    while (at > 0 && document->text[at - 1] != '\n')
        at--;
    return at;
}

/* Inside {..} or [..]. */
static const char *flow_advice(struct document *document, const yaml_parser_t *parser)
{
    size_t at = document_offset(document, parser->problem_mark);
    size_t from = document_offset(document, parser->context_mark);
    size_t end = at + 1;
    while (end < document->length && document->text[end] != '\n')
        end++;
    if (torn(document, from, end))
        return "an expression with a comma or a quote inside {..} or [..] is cut in two by YAML: "
               "quote it";
    return parser->problem && strstr(parser->problem, "']'")
               ? "`,` or `]` is wanted here; quote a text that holds brackets, quotes or commas"
               : "`,` or `}` is wanted here; quote a text that holds brackets, quotes or commas";
}

static const char *token_advice(const struct document *document, size_t at, char buffer[100])
{
    if (at < document->length && document->text[at] == '\t')
        return "a tab cannot indent; use blanks";
    snprintf(buffer, 100, "`%c` cannot begin a plain text; put quotes around the whole value",
             at < document->length ? document->text[at] : ' ');
    return buffer;
}

void document_report_syntax(struct document *document, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "out of memory";
    const char *context = parser->context ? parser->context : "";
    struct weir_mark mark = document_mark(document, parser->problem_mark);
    if (parser->error == YAML_READER_ERROR)
        mark = document_mark_of(document, parser->problem_offset);
    size_t at = document_offset(document, parser->problem_mark);
    char buffer[100];
    const char *advice = NULL;

    if (strstr(problem, "cannot start any token")) {
        advice = token_advice(document, at, buffer);
    } else if (strstr(problem, "did not find expected ','")) {
        advice = flow_advice(document, parser);
    } else if (strstr(context, "quoted scalar") && strstr(problem, "end of stream")) {
        mark = document_mark(document, parser->context_mark);
        advice = "this quote is never closed";
    } else if (strstr(problem, "could not find expected ':'") &&
               torn(document, line_begin(document, at), at)) {
        advice = "an expression with a comma inside {..} is cut in two by YAML: quote it";
    }
    for (size_t i = 0; !advice && i < COUNT_OF(advices); i++)
        if (strstr(problem, advices[i].problem))
            advice = advices[i].advice;
    problem_error(document->problems, mark, "%s", advice ? advice : problem);
}
