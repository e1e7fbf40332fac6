/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_tree.h: the declared paths of JSON records, as a tree of objects and their members.
 *
 * Records of a topic are mostly written by one program, so their keys come in one order. An object
 * of the tree remembers, as `steps`, which key stood at which place the last time, and a walk that
 * meets the same key there again needs two loads and a comparison to know it. Any other key is
 * looked up, and takes the place.
 */
#ifndef INGEST_JSON_TREE_H
#define INGEST_JSON_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MEMBER_NO_SLOT UINT32_MAX

struct json_object;

/* What is declared under a key of an object. */
struct json_member {
    const char *name;
    uint32_t length;
    uint32_t id;   /* counts all members of the tree */
    uint32_t slot; /* the value itself is declared: the first slot; or MEMBER_NO_SLOT */
    bool quick;    /* one slot, nothing below, and json_quick_value knows its type */
    struct json_object *object; /* something below it is declared, or NULL */
};

/* The bytes of a key with its quotes and the colon, without a blank between: `"key":`, by their
 * number, the first eight and the last eight. That is all of a key of up to 13 bytes. */
struct json_step {
    uint64_t head;
    uint64_t tail;
    uint64_t mask;              /* of the bytes that count, for less than eight */
    uint32_t span;              /* how many bytes; 0: nothing is remembered */
    uint32_t tail_at;           /* where the last eight begin */
    struct json_member *member; /* NULL: not declared */
};

#define JSON_STEPS_MAX 128 /* places that are remembered in an object */

struct json_key_slot {
    uint64_t head; /* the first eight bytes, zeros behind a shorter key */
    uint32_t length;
    uint32_t reserved;
    struct json_member *member; /* NULL: free */
};

struct json_object {
    struct json_member *members; /* in the order of the declaration */
    uint32_t count;
    uint32_t shift; /* of a key's hash, down to the number of a key slot */
    struct json_key_slot *key_slots;
    struct json_step *steps; /* JSON_STEPS_MAX, by place */
};

/* The member of a path, made where it is not there yet. Only before json_tree_seal. */
struct json_member *json_tree_add(struct json_object *root, const char *const *path,
                                  uint32_t path_length);
/* Numbers the members and makes them findable. Returns their number. */
uint32_t json_tree_seal(struct json_object *root);
void json_tree_done(struct json_object *root);

/* NULL: not declared. 8 bytes behind the key can be read. */
struct json_member *json_tree_find(const struct json_object *object, const char *key,
                                   uint32_t length);

/* quote points to the opening quote of a key, `span` bytes before what is behind its colon. In the
 * middle of a long key that is not declared could stand an escape that makes it one that is:
 * `plain` says that the record has no escapes. */
static inline bool json_step_is(const struct json_step *step, const char *quote, uint32_t span,
                                bool plain)
{
    if (span != step->span) /* first: the tail of a longer key could lie beyond the record */
        return false;
    uint64_t head;
    uint64_t tail;
    memcpy(&head, quote, sizeof(head));
    memcpy(&tail, quote + step->tail_at, sizeof(tail));
    if (((head ^ step->head) | (tail ^ step->tail)) & step->mask)
        return false;
    if (span <= 16)
        return true;
    return step->member ? memcmp(step->member->name + 7, quote + 8, span - 16) == 0 : plain;
}

/* Remembers a key without escapes at a place, if that can be told apart from declared ones. */
void json_step_learn(struct json_object *object, uint32_t place, const char *quote, uint32_t span,
                     struct json_member *member);

#endif
