/* What the parts of the C printer share: lines of text, names, the words of the SIMD vocabulary,
 * and the state of one emission. Nothing here is used outside codegen/emit_*.c. */
#ifndef CNNCC_CODEGEN_EMIT_H
#define CNNCC_CODEGEN_EMIT_H

#include "codegen/codegen.h"
#include "ir/text.h"

/* ---- text (emit_text.c) ---- */

/* Appends a string as it is. */
void text_puts(Text *t, const char *s);
/* One statement at `indent` spaces, wrapped at 100 columns behind commas and operators. */
void text_line(Text *t, int indent, const char *line);
/* A comment of one line or, when it is long, of a wrapped block. `s` may be any bytes. */
void text_comment(Text *t, int indent, const char *s);

/* Text that is harmless inside a comment, at most `max` bytes: printable ASCII without comment
 * marks, trigraphs and backslashes. */
char *comment_text(Arena *a, const char *s, size_t max);
/* A C string literal with its quotes that holds exactly the bytes of `s`. */
char *string_literal(Arena *a, const char *s);

/* Numbers as C constants, the same in every locale. f32: the shortest decimal that reads back. */
char *f32_literal(Arena *a, double value);
char *f64_literal(Arena *a, double value);
char *int_literal(Arena *a, int64_t value);

/* ---- names (emit_name.c) ---- */

/* A set of taken identifiers, and the identifier given to each object. Scopes nest: a name that is
 * taken above is not given again below. */
typedef struct Names {
    const struct Names *up;
    Arena *arena;
    struct NameSlot {
        const char *text;
        const void *object;
    } * by_text, *by_object;
    size_t n, cap;
} Names;

Names names_new(Arena *a, const Names *up);
/* Whether C, C++ or the C library has a meaning for it. */
bool name_reserved(const char *s);
bool name_taken(const Names *names, const char *s);
/* The name of `object`: `wish` made a C identifier, with a suffix when it is taken or reserved. */
const char *name_give(Names *names, const void *object, const char *wish);
/* The name given to the object here or above; NULL when there is none. */
const char *name_of(const Names *names, const void *object);

/* ---- the vocabulary (emit_words.c) ---- */

/* A file of runtime/, line by line, embedded by the build. */
typedef struct RuntimeText {
    const char *name; /* "simd_avx512" */
    const char *const *lines;
} RuntimeText;
extern const RuntimeText runtime_texts[]; /* ends with a NULL name */

typedef struct Word {
    const char *name; /* as in the file; NULL: not a definition of a word */
    const char *text; /* the paragraph */
    bool used;
} Word;

/* The words of one file at one width. */
typedef struct Vocabulary {
    int lanes;
    const char *suffix; /* "" for the target's own width, "_4" for a narrower one */
    Word *words;
    int n, cap;
    bool used;
} Vocabulary;

enum { MAX_VOCABULARIES = 6 };

typedef struct Words {
    Arena *arena;
    const Target *target;
    Vocabulary v[MAX_VOCABULARIES]; /* [0]: the scalar words; then narrow to wide */
    int n;
} Words;

Words words_new(Arena *a, const Target *target);
/* Marks the word (and what it uses) as used and returns its name as emitted. `lanes` 1: a scalar
 * word. */
const char *word_use(Words *w, const char *name, int lanes);
/* Takes every name that a word can have. */
void words_reserve(const Words *w, Names *names);
/* The definitions of all used words. */
void words_print(const Words *w, Text *out);
/* The whole body of a runtime file, below its head. */
void runtime_print(Arena *a, const char *file, Text *out);

/* ---- the emission ---- */

typedef struct Emit {
    Arena *arena;
    const Program *program;
    const EmitOptions *options;
    const char *c_file; /* base name */
    char *name;         /* prefix of functions, "resnet50" */
    char *macro;        /* prefix of macros, "RESNET50" */
    WeightsMode mode;   /* never WEIGHTS_AUTO */
    bool team;          /* a team of threads runs the network */
    Words words;
    Names names;                  /* of the file: words, functions, kernels, weights */
    const char **input, **output; /* parameters of the run function */
    int64_t arena_bytes;          /* rounded up to a multiple of 64, at least 64 */
    unsigned char head[64];       /* of the weight file */
    struct WeightRegion *regions; /* of the weight arrays, by offset */
    int n_regions, cap_regions;
    Text kernels;
} Emit;

/* A kernel under print (emit_expr.c, emit_kernel.c). */
typedef struct Printer {
    Emit *emit;
    Arena *arena;
    Names names;
    struct Uses *uses;
    struct Pointer *pointers; /* that the open blocks have declared */
    int n_pointers, cap_pointers;
    Text out;
} Printer;

/* The C type of a register value, "vfloat" or "int32_t". */
const char *ctype(Emit *e, KType type);
/* The C type of an element in memory. */
const char *ctype_memory(KBase base);

/* Appends an expression, in parentheses when it binds weaker than `least`. */
void print_expr(Printer *p, Text *out, const KExpr *e, int least);
/* The kinds of expressions that depend on the type (emit_convert.c). */
void print_const(Printer *p, Text *out, const KExpr *e);
void print_load(Printer *p, Text *out, const KExpr *e);
void print_cvt(Printer *p, Text *out, const KExpr *e);
void print_bitcast(Printer *p, Text *out, const KExpr *e);
/* Whether a conversion prints as a call of a word, not as a cast. */
bool cvt_is_word(const KExpr *e);
/* A scalar, narrowed to the type of the buffer. */
void print_stored(Printer *p, Text *out, const KBuf *to, const KExpr *e);
/* `(x, y, z)` */
void print_args(Printer *p, Text *out, KExpr *const *arg, int n);
/* The word of that stem for a type: vmin of vectors, vmini of vectors of integers, vselectm of
 * masks, min_i32 of scalars. */
const char *typed_word(Printer *p, const char *stem, KType t);
/* The word that loads or stores a vector: vloadn, vstorei, vload_u8. */
const char *memory_word(Printer *p, const char *stem, KBase base, KType t);
/* `x[...]` or `x + ...`, the place of a scalar or of a vector. */
void print_place(Printer *p, Text *out, const KBuf *buf, const Affine *at, const KExpr *dyn,
                 int64_t scale, bool vector);
/* An affine expression as one tidy sum. */
void print_affine(Printer *p, Text *out, const Affine *a, int least);
/* `a >= 0`, written without negative terms. */
void print_condition(Printer *p, Text *out, const Affine *a);
/* The scalar variable of a register element: acc_2_1. */
char *reg_name(Printer *p, const KReg *r, const Affine idx[2]);
/* The name of element i, counted over both dimensions, of a register called `name`. */
char *element_name(Arena *a, const KReg *r, const char *name, int64_t i);
/* A loop that runs once is printed as its body, its variable as a number. */
bool runs_once(const KVar *v);
/* Terms by falling size of their factor, loops that run once as numbers. */
Affine affine_tidy(const Affine *a);
/* Whether a statement is printed: not an empty loop, not a LET that nobody reads. */
bool stmt_is_live(const Printer *p, const KStmt *s);

/* Declares the pointers of a block (emit_pointer.c); what it returns goes to pointers_close. */
int pointers_open(Printer *p, int indent, const KStmt *block);
void pointers_close(Printer *p, int first);
/* The declared pointer that an access can go through, and how many elements behind it; or NULL. */
const char *pointer_for(const Printer *p, const KBuf *buf, const Affine *at, int64_t *offset);

/* How tightly C operators bind. */
enum {
    BIND_ANY,
    BIND_COND,
    BIND_LOR,
    BIND_LAND,
    BIND_OR,
    BIND_XOR,
    BIND_AND,
    BIND_EQ,
    BIND_REL,
    BIND_SHIFT,
    BIND_ADD,
    BIND_MUL,
    BIND_UNARY,
    BIND_POSTFIX,
};

/* Prints a function of the program / a kernel as a static function with its head comment. */
void emit_func(Emit *e, const KFunc *f);
void emit_kernel(Emit *e, const Kernel *k);
/* Whether the kernel is called by all members of a thread team, with `team` and `part`. */
bool kernel_is_shared(const Emit *e, const Kernel *k);

/* The parts of the files. */

/* The C type of an input or output: "float", "uint16_t" for f16 and bf16, "uint8_t" for bool. */
const char *ctype_dtype(DType t);
/* `int NAME_run(…)` without a semicolon, or `int NAME_run_on(…)`, which takes the caller's pool. */
void emit_signature(const Emit *e, Text *out, bool on_pool);
void emit_calls(const Emit *e, Text *out);    /* the calls of the kernels, one line each */
void emit_checks(const Emit *e, Text *out);   /* what the run function refuses */
void emit_pointers(const Emit *e, Text *out); /* `mem` and `w`, from which the calls count */
void emit_team(Emit *e, Text *out);           /* emit_team.c: the run functions with threads */
void emit_run(Emit *e, Text *out);            /* emit_run.c: the function that calls the kernels */
char *emit_header_file(Emit *e, size_t *n);   /* emit_header.c: model.h */
void emit_head_comment(Emit *e, Text *out);   /* what was compiled, and how to use it */

/* Weights (emit_weights.c). */
void weights_prepare(Emit *e);                             /* regions or the head of the file */
void emit_weights(Emit *e, Text *out);                     /* arrays, or the .incbin */
void emit_weights_check(Emit *e, Text *out);               /* NAME_check_weights */
unsigned char *weights_file(const Emit *e, size_t *bytes); /* NULL in array mode */
/* The C expression of weights at a byte offset, as an array of `base`. */
char *weights_address(const Emit *e, int64_t offset, KBase base);

/* `name + k` where `name` points to `have`, as a pointer to `want`, `offset` bytes on. */
char *pointer_expr(Arena *a, const char *name, const char *have, size_t have_size, const char *want,
                   int64_t offset, bool is_const);

#endif
