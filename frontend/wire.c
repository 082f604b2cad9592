/* The protobuf wire format: a message is a row of fields, each a varint tag (number * 8 + wire
 * type) and a payload: 0 a varint, 1 eight bytes, 2 a varint length and so many bytes, 5 four
 * bytes. This walk visits every byte of structure once and follows the messages that the schema
 * knows, so that decoding afterwards meets no surprise: no truncation, no unbounded recursion. */
#include "frontend/wire.h"

enum { MAX_DEPTH = 32, WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct Walk {
    Diag *diag;
    const char *what;
    int known; /* known fields seen so far: tells a damaged file from one of another kind */
} Walk;

typedef struct Cursor {
    const unsigned char *p, *end;
} Cursor;

typedef struct Field {
    uint64_t number;
    unsigned wire;
    Cursor payload; /* WIRE_BYTES: the bytes */
} Field;

static bool read_varint(Cursor *c, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        unsigned char byte = *c->p++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool skip(Cursor *c, uint64_t bytes)
{
    if (bytes > (uint64_t)(c->end - c->p))
        return false;
    c->p += bytes;
    return true;
}

/* Reads one field; *missing is the bytes that it lacks when it runs over the end. */
static bool read_field(Cursor *c, Field *f, uint64_t *missing)
{
    uint64_t tag, length = 0;
    *f = (Field){0};
    *missing = 0;
    if (!read_varint(c, &tag))
        return false;
    f->number = tag >> 3;
    f->wire = (unsigned)(tag & 7);
    if (f->number == 0 || f->number > 0x1fffffff)
        return false;
    switch (f->wire) {
    case WIRE_VARINT:
        return read_varint(c, &length);
    case WIRE_64:
        length = 8;
        break;
    case WIRE_BYTES:
        if (!read_varint(c, &length))
            return false;
        break;
    case WIRE_32:
        length = 4;
        break;
    default:
        return false;
    }
    f->payload.p = c->p;
    if (!skip(c, length)) {
        *missing = length - (uint64_t)(c->end - c->p);
        return false;
    }
    f->payload.end = c->p;
    return true;
}

static bool is_length_delimited(ProtobufCType t)
{
    return t == PROTOBUF_C_TYPE_STRING || t == PROTOBUF_C_TYPE_BYTES ||
           t == PROTOBUF_C_TYPE_MESSAGE;
}

static unsigned scalar_wire(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64;
    default:
        return WIRE_VARINT;
    }
}

static bool wire_fits(const ProtobufCFieldDescriptor *fd, unsigned wire)
{
    if (is_length_delimited(fd->type))
        return wire == WIRE_BYTES;
    bool packed = fd->label == PROTOBUF_C_LABEL_REPEATED && wire == WIRE_BYTES;
    return packed || wire == scalar_wire(fd->type);
}

static bool bad(const Walk *w, const ProtobufCMessageDescriptor *type, uint64_t missing)
{
    if (w->known < 2)
        return diag_error(w->diag, "not %s (no such protobuf message)", w->what);
    if (missing)
        return diag_error(w->diag, "truncated: a field of %s needs %llu bytes more than there are",
                          type->short_name, (unsigned long long)missing);
    return diag_error(w->diag, "damaged or truncated: bad protobuf encoding in %s",
                      type->short_name);
}

static bool walk(Walk *w, const ProtobufCMessageDescriptor *type, Cursor c, int depth)
{
    if (depth > MAX_DEPTH)
        return diag_error(w->diag, "messages nest more than %d deep", MAX_DEPTH);
    while (c.p < c.end) {
        Field f;
        uint64_t missing;
        if (!read_field(&c, &f, &missing))
            return bad(w, type, missing);
        const ProtobufCFieldDescriptor *fd =
            protobuf_c_message_descriptor_get_field(type, (unsigned)f.number);
        if (fd == NULL)
            continue;
        if (!wire_fits(fd, f.wire))
            return bad(w, type, 0);
        w->known++;
        if (fd->type == PROTOBUF_C_TYPE_MESSAGE && !walk(w, fd->descriptor, f.payload, depth + 1))
            return false;
    }
    return true;
}

bool wire_check(Diag *d, const ProtobufCMessageDescriptor *type, const unsigned char *data,
                size_t bytes, const char *what)
{
    Walk w = {.diag = d, .what = what};
    Cursor c = {.p = data, .end = data + bytes};
    if (!walk(&w, type, c, 0))
        return false;
    return w.known > 0 || diag_error(d, "not %s (no such protobuf message)", what);
}

static void *allocate(void *arena, size_t bytes)
{
    return arena_alloc(arena, bytes);
}

static void forget(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

ProtobufCAllocator wire_allocator(Arena *a)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = forget, .allocator_data = a};
}
