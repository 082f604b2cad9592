/* The vocabulary of the emitted C: finds the words of runtime/simd_*.h, remembers which a program
 * uses, and prints those.
 *
 * A file of runtime/ is a list of paragraphs between two lines of dashes; a paragraph defines one
 * word, the name before its first '(' or, in a typedef, before the attribute. A word uses those
 * that it mentions. Vectors as wide as the target's have plain names (vload); narrower ones, from
 * the file of a narrower target, get their width behind the name (vload_4). */
#include "codegen/emit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* ---- reading a file of runtime/ ---- */

static const RuntimeText *find_file(const char *name)
{
    for (const RuntimeText *t = runtime_texts; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static bool is_rule(const char *line)
{
    return strncmp(line, "/* ------", 9) == 0;
}

/* The word that a paragraph defines: of directives, the first macro; otherwise the last name before
 * the first '(' of its first line that is no comment; of a typedef, the name before "__attribute__"
 * or ';'. */
static const char *defined_word(Arena *a, const char *paragraph)
{
    const char *s = paragraph;
    while (strncmp(s, "/*", 2) == 0) {
        s = strstr(s, "*/") + 2;
        s += strspn(s, "\n ");
    }
    if (*s == '#') {
        s = strstr(s, "#define ") + strlen("#define ");
        size_t n = 0;
        while (is_name(s[n]))
            n++;
        return arena_strndup(a, s, n);
    }
    size_t end = strcspn(s, "(;[");
    if (strncmp(s, "typedef ", 8) == 0) {
        const char *attribute = strstr(s, " __attribute__");
        if (attribute && attribute < s + end)
            end = (size_t)(attribute - s);
    }
    size_t start = end;
    while (start > 0 && is_name(s[start - 1]))
        start--;
    return arena_strndup(a, s + start, end - start);
}

static Word *find_word(const Vocabulary *v, const char *name, size_t n)
{
    for (int i = 0; i < v->n; i++)
        if (strncmp(v->words[i].name, name, n) == 0 && v->words[i].name[n] == '\0')
            return &v->words[i];
    return NULL;
}

/* Adds the paragraph's word; the first definition of a word counts. */
static void add_paragraph(Arena *a, Vocabulary *v, const Text *paragraph)
{
    if (paragraph->n == 0)
        return;
    const char *name = defined_word(a, paragraph->data);
    if (find_word(v, name, strlen(name)))
        return;
    Word w = {name, paragraph->data, false};
    ARENA_PUSH(a, v, words, n, cap, w);
}

static void read_words(Arena *a, Vocabulary *v, const char *file)
{
    const char *const *line = find_file(file)->lines;
    while (!is_rule(*line))
        line++;
    Text paragraph = text_new(a);
    for (line++; !is_rule(*line); line++) {
        if (strcmp(*line, "\n") == 0) {
            add_paragraph(a, v, &paragraph);
            paragraph = text_new(a);
        } else {
            text_puts(&paragraph, *line);
        }
    }
}

/* ---- which words there are ---- */

/* The file whose words serve `lanes` lanes on a target. */
static const char *file_for(const Target *t, int lanes)
{
    if (t->isa == ISA_AVX512 && lanes == 16)
        return "simd_avx512";
    if ((t->isa == ISA_AVX512 || t->isa == ISA_AVX2) && lanes == 8)
        return "simd_avx2";
    if (t->isa == ISA_NEON && lanes == 4)
        return "simd_neon";
    return "simd_gnu";
}

Words words_new(Arena *a, const Target *target)
{
    Words w = {.arena = a, .target = target};
    w.v[w.n++] = (Vocabulary){.lanes = 1, .suffix = ""};
    read_words(a, &w.v[0], "simd_scalar");
    for (int lanes = 2; lanes <= target->lanes; lanes *= 2) {
        Vocabulary *v = &w.v[w.n++];
        *v = (Vocabulary){.lanes = lanes,
                          .suffix = lanes == target->lanes ? "" : arena_printf(a, "_%d", lanes)};
        read_words(a, v, file_for(target, lanes));
        read_words(a, v, "simd_narrow"); /* but for words that the first file has */
    }
    return w;
}

/* Marks a word and all those that its text mentions. */
static void mark_used(Vocabulary *v, Word *w)
{
    if (w == NULL || w->used)
        return;
    w->used = true;
    for (const char *s = w->text; *s;) {
        size_t n = 0;
        while (is_name(s[n]))
            n++;
        Word *other = n ? find_word(v, s, n) : NULL;
        if (other)
            mark_used(v, other);
        s += n ? n : 1;
    }
}

const char *word_use(Words *w, const char *name, int lanes)
{
    for (int i = 0; i < w->n; i++) {
        Vocabulary *v = &w->v[i];
        if (v->lanes != lanes)
            continue;
        mark_used(v, find_word(v, name, strlen(name)));
        return *v->suffix ? arena_printf(w->arena, "%s%s", name, v->suffix) : name;
    }
    return name;
}

void words_reserve(const Words *w, Names *names)
{
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->v[i].n; j++)
            name_give(names, NULL,
                      arena_printf(w->arena, "%s%s", w->v[i].words[j].name, w->v[i].suffix));
}

/* ---- printing ---- */

/* Copies the text of a word, with the suffix behind each word and the number for LANES. */
static void print_word(const Vocabulary *v, const char *s, Text *out)
{
    while (*s) {
        size_t n = 0;
        while (is_name(s[n]))
            n++;
        if (n == 5 && strncmp(s, "LANES", n) == 0) {
            text_add(out, "%d", v->lanes);
        } else {
            text_bytes(out, s, n ? n : 1);
            if (n && find_word(v, s, n))
                text_puts(out, v->suffix);
        }
        s += n ? n : 1;
    }
}

void words_print(const Words *w, Text *out)
{
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->v[i].n; j++)
            if (w->v[i].words[j].used) {
                print_word(&w->v[i], w->v[i].words[j].text, out);
                text_puts(out, "\n");
            }
}

void runtime_print(Arena *a, const char *file, Text *out)
{
    Vocabulary v = {.suffix = ""};
    read_words(a, &v, file);
    for (int i = 0; i < v.n; i++) {
        text_puts(out, v.words[i].text);
        text_puts(out, "\n");
    }
}
