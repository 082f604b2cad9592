/* Identifiers of the emitted C: any text becomes a name, no name means two things.
 *
 * Names are given once and found again by the object they belong to. Both directions are hash
 * tables, because a large unrolled kernel has thousands of names. */
#include "codegen/emit.h"

#include <string.h>

/* Words of C and C++, and names of the C library that the emitted code may meet. Sorted. */
static const char *const reserved[] = {
    "FLT_MAX",      "INFINITY",  "INT32_MAX", "INT32_MIN",
    "INT64_MAX",    "INT64_MIN", "NAN",       "NULL",
    "UINT64_MAX",   "abs",       "acos",      "acosh",
    "alignas",      "alignof",   "and",       "and_eq",
    "asin",         "asinh",     "asm",       "atan",
    "atan2",        "atanh",     "auto",      "bitand",
    "bitor",        "bool",      "break",     "case",
    "catch",        "cbrt",      "ceil",      "ceilf",
    "char",         "char16_t",  "char32_t",  "char8_t",
    "class",        "co_await",  "co_return", "co_yield",
    "compl",        "concept",   "const",     "const_cast",
    "consteval",    "constexpr", "constinit", "continue",
    "cos",          "cosh",      "decltype",  "default",
    "delete",       "do",        "double",    "dynamic_cast",
    "else",         "enum",      "erf",       "erfc",
    "exp",          "exp2",      "expf",      "explicit",
    "expm1",        "export",    "extern",    "fabs",
    "fabsf",        "false",     "float",     "floor",
    "floorf",       "fma",       "fmaf",      "fmod",
    "for",          "friend",    "goto",      "hypot",
    "if",           "inline",    "int",       "int16_t",
    "int32_t",      "int64_t",   "int8_t",    "lgamma",
    "linux",        "log",       "log1p",     "log2",
    "logf",         "long",      "main",      "memcmp",
    "memcpy",       "mutable",   "namespace", "nearbyint",
    "nearbyintf",   "new",       "noexcept",  "not",
    "not_eq",       "nullptr",   "operator",  "or",
    "or_eq",        "pow",       "private",   "protected",
    "ptrdiff_t",    "public",    "register",  "reinterpret_cast",
    "remainder",    "requires",  "restrict",  "return",
    "rint",         "round",     "short",     "signed",
    "sin",          "sinh",      "size_t",    "sizeof",
    "sqrt",         "sqrtf",     "static",    "static_assert",
    "static_cast",  "struct",    "switch",    "tan",
    "tanh",         "template",  "tgamma",    "this",
    "thread_local", "throw",     "true",      "trunc",
    "try",          "typedef",   "typeid",    "typename",
    "typeof",       "uint16_t",  "uint32_t",  "uint64_t",
    "uint8_t",      "uintptr_t", "union",     "unix",
    "unsigned",     "using",     "virtual",   "void",
    "volatile",     "wchar_t",   "while",     "xor",
    "xor_eq",
};

bool name_reserved(const char *s)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(reserved[i], s) == 0)
            return true;
    /* names with a leading underscore belong to the compiler */
    return s[0] == '_';
}

char *c_identifier(Arena *a, const char *text)
{
    enum { LONGEST = 60 };
    Text t = text_new(a);
    for (; *text && t.n < LONGEST; text++) {
        char c = *text;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (t.n == 0 && !letter)
            text_puts(&t, digit ? "n" : "");
        if (letter || digit)
            text_bytes(&t, &c, 1);
        else if (t.n > 0 && t.data[t.n - 1] != '_')
            text_puts(&t, "_");
    }
    while (t.n > 0 && t.data[t.n - 1] == '_')
        t.data[--t.n] = '\0';
    if (t.n == 0)
        text_puts(&t, "unnamed");
    if (name_reserved(text_str(&t)))
        text_puts(&t, "_");
    return text_str(&t);
}

/* ---- names given to objects ---- */

Names names_new(Arena *a, const Names *up)
{
    Names n = {.up = up, .arena = a, .cap = 64};
    n.by_text = ARENA_ARRAY(a, struct NameSlot, n.cap);
    n.by_object = ARENA_ARRAY(a, struct NameSlot, n.cap);
    return n;
}

static size_t text_slot(const Names *n, const char *s)
{
    size_t h = 14695981039346656037u;
    for (const char *c = s; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    h &= n->cap - 1;
    while (n->by_text[h].text && strcmp(n->by_text[h].text, s) != 0)
        h = (h + 1) & (n->cap - 1);
    return h;
}

static size_t object_slot(const Names *n, const void *object)
{
    size_t h = (((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 20) & (n->cap - 1);
    while (n->by_object[h].text && n->by_object[h].object != object)
        h = (h + 1) & (n->cap - 1);
    return h;
}

bool name_taken(const Names *n, const char *s)
{
    for (; n; n = n->up)
        if (n->by_text[text_slot(n, s)].text)
            return true;
    return false;
}

const char *name_of(const Names *n, const void *object)
{
    for (; n; n = n->up) {
        const struct NameSlot *s = &n->by_object[object_slot(n, object)];
        if (s->text)
            return s->text;
    }
    return NULL;
}

static void insert(Names *n, struct NameSlot s)
{
    n->by_text[text_slot(n, s.text)] = s;
    if (s.object)
        n->by_object[object_slot(n, s.object)] = s;
    n->n++;
}

static void grow(Names *n)
{
    Names bigger = *n;
    bigger.n = 0;
    bigger.cap = 2 * n->cap;
    bigger.by_text = ARENA_ARRAY(n->arena, struct NameSlot, bigger.cap);
    bigger.by_object = ARENA_ARRAY(n->arena, struct NameSlot, bigger.cap);
    for (size_t i = 0; i < n->cap; i++)
        if (n->by_text[i].text)
            insert(&bigger, n->by_text[i]);
    *n = bigger;
}

const char *name_give(Names *n, const void *object, const char *wish)
{
    const char *base = c_identifier(n->arena, wish), *s = base;
    for (int i = 2; name_taken(n, s); i++)
        s = arena_printf(n->arena, "%s_%d", base, i);
    if (2 * n->n >= n->cap)
        grow(n);
    insert(n, (struct NameSlot){s, object});
    return s;
}
