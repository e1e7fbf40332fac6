/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "pipelines/yaml_private.h"

/* Where text begins to be wrong, before the scalar has its final text. */
static struct weir_mark place(const struct document *document, const struct document_scalar *s,
                              size_t raw_at)
{
    if (raw_at == 0)
        return s->node.mark;
    struct document_scalar plain = *s;
    plain.variable_count = 0;
    plain.raw = NULL;
    return document_locate(document, &plain.node, raw_at);
}

/* ${file:PATH}: the file's text without the line breaks at its end. */
static bool from_file(struct document *document, const struct document_scalar *s, size_t raw_at,
                      const char *path, struct text *out)
{
    const char *slash = strrchr(document->path, '/');
    char *full = path[0] == '/' || !slash
                     ? mem_strdup(path)
                     : mem_printf("%.*s/%s", (int)(slash - document->path), document->path, path);
    struct text text = TEXT_INIT;
    struct weir_error error = {0};
    int status = file_read(full, YAML_VARIABLE_BYTES_MAX, &text, &error);
    if (status < 0) {
        problem_error(document->problems, place(document, s, raw_at), "${file:}: %s", error.text);
    } else if (text.length &&
               (memchr(text.data, 0, text.length) || !utf8_valid(text.data, text.length))) {
        problem_error(document->problems, place(document, s, raw_at),
                      "${file:%s}: the file is not UTF-8 text", path);
        status = WEIR_E_INVALID;
    } else if (text.length) {
        size_t length = text.length;
        while (length && (text.data[length - 1] == '\n' || text.data[length - 1] == '\r'))
            length--;
        text_add_bytes(out, text.data, length);
    }
    text_done(&text);
    free(full);
    return status >= 0;
}

static bool name_valid(const char *name)
{
    return *name && !(*name >= '0' && *name <= '9') &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

/* What stands between ${ and }. False: reported. */
static bool variable(struct document *document, struct document_scalar *s, size_t raw_at,
                     char *inside, struct text *out)
{
    if (text_starts(inside, "file:")) {
        s->node.secret = 1;
        return from_file(document, s, raw_at, inside + 5, out);
    }
    char *fallback = strstr(inside, ":-");
    if (fallback) {
        *fallback = 0;
        fallback += 2;
    }
    if (!name_valid(inside)) {
        problem_error(document->problems, place(document, s, raw_at),
                      "`${%s}` is not a variable; there are ${NAME}, ${NAME:-default} and "
                      "${file:/path}, and $${ stands for ${ itself",
                      inside);
        return false;
    }
    const char *value = getenv(inside);
    if (value && *value) {
        s->node.secret = 1;
        if (strlen(value) > YAML_VARIABLE_BYTES_MAX || !utf8_valid(value, strlen(value))) {
            problem_error(document->problems, place(document, s, raw_at),
                          "the environment variable %s is too large or not UTF-8", inside);
            return false;
        }
        text_add(out, value);
        return true;
    }
    if (fallback) {
        text_add(out, fallback);
        return true;
    }
    problem_error(document->problems, place(document, s, raw_at),
                  "the environment variable %s is not set%s; set it, or write ${%s:-default}",
                  inside, value ? " to anything" : "", inside);
    return false;
}

/* The text with its variables replaced; which came where is added to `variables`. */
static void replace(struct document *document, struct document_scalar *s, struct text *out,
                    struct document_variable *variables)
{
    const char *raw = s->node.text;
    size_t at = 0;
    for (const char *next; (next = strstr(raw + at, "${")) != NULL;) {
        size_t open = (size_t)(next - raw);
        bool escaped = open > at && next[-1] == '$';
        const char *close = escaped ? next + 1 : strchr(next, '}');
        text_add_bytes(out, raw + at, open - at - escaped);
        if (!close) {
            problem_error(document->problems, place(document, s, open), "`${` without its `}`");
            document_note_unread(document, s->node.mark);
            at = open;
            break;
        }
        size_t begin = open - escaped;
        size_t added = out->length;
        if (escaped) {
            text_add(out, "${");
        } else {
            char *inside = mem_strndup(next + 2, (size_t)(close - next) - 2);
            if (!variable(document, s, open, inside, out))
                document_note_unread(document, s->node.mark);
            free(inside);
        }
        at = (size_t)(close - raw) + 1;
        variables[s->variable_count++] =
            (struct document_variable){added, out->length - added, begin, at - begin};
    }
    text_add(out, raw + at);
}

void document_expand(struct document *document, struct document_scalar *s)
{
    const char *raw = s->node.text;
    size_t most = 0;
    for (const char *at = raw; (at = strstr(at, "${")) != NULL; at += 2)
        most++;
    if (!most)
        return;
    if (s->key) {
        problem_error(document->problems, s->node.mark, "variables are not replaced in keys");
        return;
    }
    /* Places are told in the text as it stands in the file, so that is what s holds until the end.
     */
    struct document_variable *variables = document_alloc(document, most * sizeof *variables);
    struct text out = TEXT_INIT;
    replace(document, s, &out, variables);
    s->variables = variables;
    s->raw = raw;
    s->raw_length = s->node.text_length;
    char *text = document_alloc(document, out.length + 1);
    if (out.length)
        memcpy(text, out.data, out.length);
    s->node.text = text;
    s->node.text_length = out.length;
    text_done(&out);
}
