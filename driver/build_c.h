/* Emitted C -> a function in this process: compiled by the machine's C compiler into a shared
 * object in a temporary folder, and loaded from there. */
#ifndef CNNCC_DRIVER_BUILD_C_H
#define CNNCC_DRIVER_BUILD_C_H

#include "codegen/codegen.h"

typedef struct CModule CModule;

/* Emits the program as C and compiles and loads it. `compiler` is a command that may have
 * arguments ("gcc -g"), split at blanks; no shell reads it. The temporary folder is gone when
 * this returns, and the module is unloaded with the arena. NULL after a diagnostic. */
CModule *c_module_build(Arena *a, Diag *d, const Program *p, const char *compiler);

/* One run: flat pointers in graph order, `arena` of p->arena_bytes aligned to 64. Returns what
 * the emitted function returns, 0 on success. Re-entrant. */
int c_module_run(const CModule *m, const void *const *inputs, void *const *outputs, void *arena);

#endif
