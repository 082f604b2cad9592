/* Whole files in memory that is given back early: a model's bytes are needed only until they are
 * decoded, and may be hundreds of megabytes. */
#ifndef CNNCC_FRONTEND_FILES_H
#define CNNCC_FRONTEND_FILES_H

#include "ir/diag.h"

typedef struct FileBytes {
    unsigned char *data; /* followed by a zero byte that is not counted */
    size_t bytes;
} FileBytes;

/* Reads the file; NULL after a diagnostic. Freed by file_release, or with the arena. */
FileBytes *file_read_owned(Arena *a, Diag *d, const char *path);
void file_release(FileBytes *f);

#endif
