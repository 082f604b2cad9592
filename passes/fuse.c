#include "passes/rewrite.h"
bool pass_fuse(Graph *g, const PassOptions *o)
{
    (void)o;
    return remove_dead(g);
}
