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
static bool from_file(struct document *document, struct weir_mark mark, const char *path,
                      struct text *out)
{
    const char *slash = strrchr(document->path, '/');
    char *full = path[0] == '/' || !slash
                     ? mem_strdup(path)
                     : mem_printf("%.*s/%s", (int)(slash - document->path), document->path, path);
    struct text text = TEXT_INIT;
    struct weir_error error = {0};
    int status = file_read(full, YAML_VARIABLE_BYTES_MAX, &text, &error);
    if (status < 0) {
        problem_error(document->problems, mark, "${file:}: %s", error.text);
    } else if (text.length &&
               (memchr(text.data, 0, text.length) || !utf8_valid(text.data, text.length))) {
        problem_error(document->problems, mark, "${file:%s}: the file is not UTF-8 text", path);
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
static bool variable(struct document *document, struct document_scalar *s, struct weir_mark mark,
                     char *inside, struct text *out)
{
    if (text_starts(inside, "file:")) {
        s->node.secret = 1;
        return from_file(document, mark, inside + 5, out);
    }
    char *fallback = strstr(inside, ":-");
    if (fallback) {
        *fallback = 0;
        fallback += 2;
    }
    if (!name_valid(inside)) {
        problem_error(document->problems, mark,
                      "`${%s}` is not a variable; there are ${NAME}, ${NAME:-default} and "
                      "${file:/path}, and $${ stands for ${ itself",
                      inside);
        return false;
    }
    const char *value = getenv(inside);
    if (value && *value) {
        s->node.secret = 1;
        if (strlen(value) > YAML_VARIABLE_BYTES_MAX || !utf8_valid(value, strlen(value))) {
            problem_error(document->problems, mark,
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
    problem_error(document->problems, mark,
                  "the environment variable %s is not set%s; set it, or write ${%s:-default}",
                  inside, value ? " to anything" : "", inside);
    return false;
}

void document_expand(struct document *document, struct document_scalar *s)
{
    const char *raw = s->node.text;
    if (!strstr(raw, "${"))
        return;
    if (s->key) {
        problem_error(document->problems, s->node.mark, "variables are not replaced in keys");
        return;
    }
    struct text out = TEXT_INIT;
    struct document_variable *variables = NULL;
    size_t count = 0;
    size_t at = 0;
    for (const char *next; (next = strstr(raw + at, "${")) != NULL;) {
        size_t open = (size_t)(next - raw);
        bool escaped = open > at && next[-1] == '$';
        const char *close = escaped ? next + 1 : strchr(next, '}');
        text_add_bytes(&out, raw + at, open - at - escaped);
        if (!close) {
            problem_error(document->problems, place(document, s, open), "`${` without its `}`");
            text_add(&out, next);
            at = s->node.text_length;
            break;
        }
        size_t begin = open - escaped;
        size_t added = out.length;
        if (escaped) {
            text_add(&out, "${");
        } else {
            char *inside = mem_strndup(next + 2, (size_t)(close - next) - 2);
            if (!variable(document, s, place(document, s, open), inside, &out))
                document_note_unread(document, s->node.mark);
            free(inside);
        }
        at = (size_t)(close - raw) + 1;
        variables = mem_grow(variables, count + 1, sizeof *variables);
        variables[count++] =
            (struct document_variable){added, out.length - added, begin, at - begin};
    }
    text_add(&out, raw + at);

    s->raw = raw;
    s->raw_length = s->node.text_length;
    struct document_variable *kept = document_alloc(document, count * sizeof *kept + 1);
    if (count)
        memcpy(kept, variables, count * sizeof *kept);
    s->variables = kept;
    s->variable_count = count;
    char *text = document_alloc(document, out.length + 1);
    memcpy(text, out.data, out.length);
    s->node.text = text;
    s->node.text_length = out.length;
    free(variables);
    text_done(&out);
}
