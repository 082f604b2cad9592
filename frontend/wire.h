/* A look over protobuf bytes before they are decoded. */
#ifndef CNNCC_FRONTEND_WIRE_H
#define CNNCC_FRONTEND_WIRE_H

#include "ir/diag.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

/* True when `data` is one well-formed message of type `type`: every tag and length lies inside
 * its message, known fields have a fitting wire type, and messages nest at most 32 deep (the
 * decoder recurses). Reports what is wrong otherwise; `what` says what the bytes should be. */
bool wire_check(Diag *d, const ProtobufCMessageDescriptor *type, const unsigned char *data,
                size_t bytes, const char *what);

/* An allocator for protobuf-c that takes from the arena and never gives back. */
ProtobufCAllocator wire_allocator(Arena *a);

#endif
