/* mknet: writes a well-known network with seeded weights as ONNX.
 *
 * usage: mknet NETWORK -o FILE.onnx [--seed N]      mknet --list
 *
 * For tests and measurements at full size where no trained weights can be had: the shapes and
 * operators are those of the network, the numbers are random but well-scaled (tools/net.h). */
#include "tools/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *to)
{
    fprintf(to, "usage: mknet NETWORK -o FILE.onnx [--seed N]\nnetworks:\n");
    for (int i = 0; net_info(i); i++)
        fprintf(to, "  %-10s %s\n", net_info(i)->name, net_info(i)->describe);
    return to == stdout ? 0 : 2;
}

static const NetInfo *find_net(const char *name)
{
    for (int i = 0; net_info(i); i++)
        if (strcmp(net_info(i)->name, name) == 0)
            return net_info(i);
    return NULL;
}

static int make(const NetInfo *info, const char *path, uint64_t seed)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        fprintf(stderr, "mknet: out of memory\n");
        arena_free(a);
        return 1;
    }
    Net *n = net_new(a, info->name, seed);
    bool ok = net_write(n, info->build(n), path);
    if (ok)
        printf("%s: %.3f GMAC, %.3f M parameters\n", info->name, 1e-9 * (double)net_macs(n),
               1e-6 * (double)net_parameters(n));
    else
        fprintf(stderr, "mknet: cannot write %s\n", path);
    arena_free(a);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *name = NULL, *path = NULL;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0 || strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && name == NULL)
            name = argv[i];
        else
            return usage(stderr);
    }
    const NetInfo *info = name ? find_net(name) : NULL;
    if (info == NULL || path == NULL)
        return usage(stderr);
    return make(info, path, seed);
}
