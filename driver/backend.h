/* What can run a network: the interpreter, emitted C, the JIT, behind one face. */
#ifndef CNNCC_DRIVER_BACKEND_H
#define CNNCC_DRIVER_BACKEND_H

#include "driver/cli.h"

typedef enum BackendKind { BACKEND_INTERP, BACKEND_C, BACKEND_JIT } BackendKind;

enum { N_BACKENDS = BACKEND_JIT + 1 };

typedef struct Backend Backend;

/* "interp", "c", "jit" -> kind. False when the word is none of them. */
bool backend_find(const char *word, size_t n, BackendKind *kind);

/* A list of such words with commas between; marks those it names. False after a diagnostic. */
bool backend_list(Cli *c, const char *list, bool chosen[N_BACKENDS]);

/* The JIT where it is built in, otherwise C. */
BackendKind backend_default(void);

/* The reference interpreter on `g`. */
Backend *backend_interp(Cli *c, const Graph *g);

/* A compiled program. `compiler` is used by BACKEND_C only; NULL: --cc, $CC or cc. NULL after a
 * diagnostic, also when the target does not run on this machine or there is no JIT. */
Backend *backend_compiled(Cli *c, BackendKind kind, const Program *p, const char *compiler);

/* Builds every back end of a kind that --cc asks for, one a compiler or the one JIT, and calls
 * `use` with each. False after a diagnostic. */
typedef bool (*BackendUse)(Cli *c, const Backend *b, void *user);
bool backend_each(Cli *c, BackendKind kind, const Program *p, BackendUse use, void *user);

/* "c (gcc)", "jit", "interp". */
const char *backend_label(const Backend *b);

/* How long the C compiler or the JIT took. */
double backend_build_seconds(const Backend *b);

/* Fresh tensors for the outputs, in graph order. */
Tensor **backend_outputs(Cli *c, const Graph *g);

/* One run: inputs and outputs in graph order; `out` comes from backend_outputs. False after a
 * diagnostic. */
bool backend_run(Cli *c, const Backend *b, const Tensor *const *in, Tensor **out);

/* One run of BACKEND_JIT, call by call: seconds[i] becomes the time of the program's i-th call. */
void backend_run_calls(Cli *c, const Backend *b, const Program *p, const Tensor *const *in,
                       Tensor **out, double *seconds);

#endif
