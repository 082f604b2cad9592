/* Whole files: read into memory, written all or nothing.
 *
 * Writing goes to a temporary file beside the target, which takes the target's name only when
 * every byte, also of the files that belong to it, is on its way to the disk; a failure leaves the
 * old files as they were. */
#include "frontend/files.h"

#include "frontend/frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(void *file)
{
    file_release(file);
}

void file_release(FileBytes *f)
{
    free(f->data);
    f->data = NULL;
    f->bytes = 0;
}

/* Reads until the end into f; false with errno set. `expected` is a guess of the size. */
static bool read_all(int fd, FileBytes *f, size_t expected)
{
    size_t capacity = 0;
    for (;;) {
        if (f->bytes + 1 >= capacity) { /* room for the zero, and a byte to find the end with */
            capacity = capacity ? 2 * capacity : expected + 2;
            unsigned char *p = realloc(f->data, capacity);
            if (p == NULL)
                return false;
            f->data = p;
        }
        ssize_t n = read(fd, f->data + f->bytes, capacity - 1 - f->bytes);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            f->bytes += (size_t)n;
    }
    f->data[f->bytes] = '\0';
    return true;
}

FileBytes *file_read_owned(Arena *a, Diag *d, const char *path)
{
    FileBytes *f = ARENA_NEW(a, FileBytes);
    arena_defer(a, release, f);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        diag_error(d, "cannot open \"%s\": %s", path, strerror(errno));
        return NULL;
    }
    struct stat s;
    bool ok = fstat(fd, &s) == 0;
    if (ok && S_ISDIR(s.st_mode)) {
        errno = EISDIR;
        ok = false;
    }
    ok = ok && read_all(fd, f, S_ISREG(s.st_mode) ? (size_t)s.st_size : 4096);
    int error = errno;
    close(fd);
    if (!ok) {
        diag_error(d, "cannot read \"%s\": %s", path, strerror(error));
        return NULL;
    }
    return f;
}

unsigned char *file_read(Arena *a, Diag *d, const char *path, size_t *bytes)
{
    FileBytes *f = file_read_owned(a, d, path);
    if (f == NULL)
        return NULL;
    unsigned char *copy = arena_alloc(a, f->bytes + 1);
    memcpy(copy, f->data, f->bytes + 1);
    *bytes = f->bytes;
    file_release(f);
    return copy;
}

static bool write_all(int fd, const unsigned char *p, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Pipes and devices (/dev/stdout) have no name to take over: they are written as they are. */
static bool is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode);
}

/* A file on its way. What goes into a pipe cannot be taken back, so special files are only opened
 * until all others are written. */
typedef struct Pending {
    const char *temporary; /* takes the file's name at the end; NULL: special, or not made */
    int fd;                /* of a special file, or -1 */
} Pending;

static bool write_close(int fd, const OutputFile *f)
{
    bool ok = write_all(fd, f->data, f->bytes);
    int error = errno;
    if (close(fd) != 0 && ok)
        return false;
    errno = error;
    return ok;
}

/* False with errno set. */
static bool begin(Arena *a, const OutputFile *f, Pending *p)
{
    *p = (Pending){.fd = -1};
    if (is_special(f->path)) {
        p->fd = open(f->path, O_WRONLY | O_CLOEXEC);
        return p->fd >= 0;
    }
    const char *temporary = arena_printf(a, "%s.%ld.tmp", f->path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return false;
    p->temporary = temporary;
    return write_close(fd, f);
}

/* False with errno set. */
static bool finish(const OutputFile *f, Pending *p)
{
    int fd = p->fd;
    p->fd = -1;
    if (fd >= 0)
        return write_close(fd, f);
    if (rename(p->temporary, f->path) != 0)
        return false;
    p->temporary = NULL;
    return true;
}

static void discard(const Pending *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->temporary)
        unlink(p->temporary);
}

bool files_write(Diag *d, Arena *a, const OutputFile *files, int n)
{
    Pending *pending = ARENA_ARRAY(a, Pending, n);
    int begun = 0, finished = 0;
    while (begun < n && begin(a, &files[begun], &pending[begun]))
        begun++;
    while (begun == n && finished < n && finish(&files[finished], &pending[finished]))
        finished++;
    if (finished == n)
        return true;
    int failed = begun < n ? begun : finished;
    diag_error(d, "cannot write \"%s\": %s", files[failed].path, strerror(errno));
    for (int i = 0; i <= begun && i < n; i++)
        discard(&pending[i]);
    return false;
}

bool file_write(Diag *d, Arena *a, const char *path, const void *data, size_t bytes)
{
    return files_write(d, a, &(OutputFile){path, data, bytes}, 1);
}
