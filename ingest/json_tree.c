/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/json_tree.h"

#include "base/check.h"
#include "base/memory.h"

#include <endian.h>

static uint64_t key_head(const char *key, uint32_t length)
{
    uint64_t head;
    memcpy(&head, key, sizeof(head));
    head = le64toh(head);
    return length >= 8 ? head : head & (((uint64_t)1 << (8 * length)) - 1);
}

/* The last bytes tell keys apart that begin alike: sensor_temperature, sensor_pressure. */
static uint64_t key_hash(const char *key, uint32_t length, uint64_t head)
{
    uint64_t tail = 0;
    if (length > 8)
        memcpy(&tail, key + length - 8, sizeof(tail));
    return (head ^ (tail << 1 | tail >> 63) ^ length) * 0x9e3779b97f4a7c15ULL;
}

struct json_member *json_tree_find(const struct json_object *object, const char *key,
                                   uint32_t length)
{
    uint64_t head = key_head(key, length);
    uint32_t mask = (1u << (64 - object->shift)) - 1;
    uint32_t at = (uint32_t)(key_hash(key, length, head) >> object->shift);
    for (;; at = (at + 1) & mask) {
        const struct json_key_slot *slot = &object->key_slots[at];
        if (!slot->member)
            return NULL;
        if (slot->head == head && slot->length == length &&
            (length <= 8 || memcmp(slot->member->name + 8, key + 8, length - 8) == 0))
            return slot->member;
    }
}

static struct json_member *member_get(struct json_object *object, const char *name)
{
    for (uint32_t i = 0; i < object->count; i++)
        if (strcmp(object->members[i].name, name) == 0)
            return &object->members[i];
    object->members = mem_grow(object->members, object->count + 1, sizeof(*object->members));
    struct json_member *member = &object->members[object->count++];
    memset(member, 0, sizeof(*member));
    member->length = (uint32_t)strlen(name);
    char *copy = mem_alloc(member->length + 8 + 1); /* loaded eight bytes at a time */
    memcpy(copy, name, member->length);
    member->name = copy;
    member->slot = MEMBER_NO_SLOT;
    return member;
}

struct json_member *json_tree_add(struct json_object *root, const char *const *path,
                                  uint32_t path_length)
{
    struct json_object *object = root;
    struct json_member *member = NULL;
    for (uint32_t i = 0; i < path_length; i++) {
        if (member) {
            if (!member->object)
                member->object = mem_alloc(sizeof(*member->object));
            object = member->object;
        }
        member = member_get(object, path[i]);
    }
    return member;
}

static uint32_t seal(struct json_object *object, uint32_t first_id)
{
    uint32_t id = first_id;
    uint32_t bits = 2;
    while ((1u << bits) < object->count * 4)
        bits++;
    object->shift = 64 - bits;
    object->key_slots = mem_array((size_t)1 << bits, sizeof(*object->key_slots));
    object->steps = mem_array(JSON_STEPS_MAX, sizeof(*object->steps));
    for (uint32_t i = 0; i < object->count; i++) {
        struct json_member *member = &object->members[i];
        member->id = id++;
        uint64_t head = key_head(member->name, member->length);
        uint32_t at = (uint32_t)(key_hash(member->name, member->length, head) >> object->shift);
        while (object->key_slots[at].member)
            at = (at + 1) & ((1u << bits) - 1);
        struct json_key_slot slot = {head, member->length, 0, member};
        object->key_slots[at] = slot;
        if (member->object)
            id = seal(member->object, id);
    }
    return id;
}

uint32_t json_tree_seal(struct json_object *root)
{
    return seal(root, 0);
}

void json_tree_done(struct json_object *root)
{
    for (uint32_t i = 0; i < root->count; i++) {
        struct json_member *member = &root->members[i];
        free((char *)member->name);
        if (member->object)
            json_tree_done(member->object);
        free(member->object);
    }
    free(root->members);
    free(root->key_slots);
    free(root->steps);
}

static struct json_step step_of(const char *quote, uint32_t span, struct json_member *member)
{
    struct json_step step = {.span = span, .member = member};
    memset(&step.mask, 0xff, span < 8 ? span : 8);
    step.tail_at = span < 8 ? 0 : span - 8;
    memcpy(&step.head, quote, sizeof(step.head));
    memcpy(&step.tail, quote + step.tail_at, sizeof(step.tail));
    return step;
}

/* Does a declared key have the same length, beginning and end? */
static bool is_ambiguous(const struct json_object *object, const char *key, uint32_t length)
{
    for (uint32_t i = 0; i < object->count; i++) {
        const struct json_member *member = &object->members[i];
        if (member->length == length && memcmp(member->name, key, 7) == 0 &&
            memcmp(member->name + length - 6, key + length - 6, 6) == 0)
            return true;
    }
    return false;
}

void json_step_learn(struct json_object *object, uint32_t place, const char *quote, uint32_t span,
                     struct json_member *member)
{
    if (place >= JSON_STEPS_MAX)
        return;
    bool known = span <= 16 || member || !is_ambiguous(object, quote + 1, span - 3);
    object->steps[place] = known ? step_of(quote, span, member) : (struct json_step){0};
}
