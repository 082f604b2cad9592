/* External tensor data: a location (a path relative to the model's folder), an offset and a
 * length. A model is not trusted: what it names must, after every symbolic link is followed, be a
 * regular file inside that folder. */
#define _XOPEN_SOURCE 700 /* realpath; NOLINT(bugprone-reserved-identifier) */

#include "frontend/import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

typedef struct Extent {
    const char *location;
    int64_t offset, length; /* length -1: not stated */
} Extent;

static bool parse_number(const char *s, int64_t *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    *value = (int64_t)v;
    return errno == 0 && end != s && *end == '\0' && v >= 0;
}

static bool read_extent(Diag *d, const Onnx__TensorProto *p, const char *what, Extent *e)
{
    *e = (Extent){.location = "", .length = -1};
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = proto_name(p->external_data[i]->key);
        const char *value = proto_name(p->external_data[i]->value);
        int64_t *number = strcmp(key, "offset") == 0   ? &e->offset
                          : strcmp(key, "length") == 0 ? &e->length
                                                       : NULL;
        if (strcmp(key, "location") == 0)
            e->location = value;
        if (number && !parse_number(value, number))
            return diag_error(d, "%s: external data has the bad %s \"%s\"", what, key, value);
    }
    return e->location[0] || diag_error(d, "%s: external data without a location", what);
}

/* The absolute path of the file, or NULL after a message. `resolved` holds PATH_MAX bytes. */
static const char *resolve(Arena *a, Diag *d, const char *location, const char *what,
                           const char *folder, char *resolved)
{
    char root[PATH_MAX];
    if (folder == NULL) {
        diag_error(d, "%s: external data \"%s\" of a model that is not in a folder", what,
                   location);
        return NULL;
    }
    bool escapes = location[0] == '/' || strcmp(location, "..") == 0 ||
                   strncmp(location, "../", 3) == 0 || strstr(location, "/..") != NULL;
    if (!escapes) {
        const char *path = arena_printf(a, "%s%s", folder, location);
        if (realpath(folder, root) == NULL || realpath(path, resolved) == NULL) {
            diag_error(d, "%s: external data \"%s\" is missing: %s", what, location,
                       strerror(errno));
            return NULL;
        }
        size_t n = strlen(root);
        escapes = strncmp(resolved, root, n) != 0 || (n > 1 && resolved[n] != '/');
    }
    if (escapes) {
        diag_error(d, "%s: external data \"%s\" lies outside the model's folder", what, location);
        return NULL;
    }
    return resolved;
}

static bool read_range(int fd, unsigned char *p, size_t bytes, int64_t offset)
{
    while (bytes) {
        ssize_t n = pread(fd, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        bytes -= (size_t)n;
        offset += n;
    }
    return true;
}

static bool check_extent(Diag *d, int fd, const Extent *e, size_t bytes, const char *what)
{
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return diag_error(d, "%s: cannot read external data \"%s\"", what, e->location);
    if (e->length >= 0 && (uint64_t)e->length != bytes)
        return diag_error(d, "%s: external data \"%s\" has %lld bytes, %zu are needed", what,
                          e->location, (long long)e->length, bytes);
    if (e->offset > s.st_size || bytes > (uint64_t)(s.st_size - e->offset))
        return diag_error(
            d, "%s: external data \"%s\" ends too early: %zu bytes at %lld, the file has %lld",
            what, e->location, bytes, (long long)e->offset, (long long)s.st_size);
    return true;
}

void *external_data_read(Arena *a, Diag *d, const Onnx__TensorProto *p, size_t bytes,
                         const char *what, const char *folder)
{
    Extent e;
    char buffer[PATH_MAX];
    if (!read_extent(d, p, what, &e))
        return NULL;
    const char *path = resolve(a, d, e.location, what, folder, buffer);
    if (path == NULL)
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = check_extent(d, fd, &e, bytes, what);
    if (fd >= 0)
        close(fd); /* memory may run out below: no file stays open then */
    if (!ok)
        return NULL;
    unsigned char *data = arena_alloc(a, bytes);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ok = fd >= 0 && read_range(fd, data, bytes, e.offset);
    if (fd >= 0)
        close(fd);
    if (!ok) {
        diag_error(d, "%s: cannot read external data \"%s\"", what, e.location);
        return NULL;
    }
    return data;
}
