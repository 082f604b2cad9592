/* Tables of nodes, as explain and bench print them. */
#include "driver/table.h"

#include "ir/ops.h"

#include <stdio.h>
#include <string.h>

const char *printable(Arena *a, const char *s)
{
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return copy;
}

const char *fused_op_text(Arena *a, const Node *n)
{
    char *text = arena_strdup(a, op_info(n->op)->name);
    for (int i = 0; i < n->n_epilogue; i++)
        text = arena_printf(a, "%s+%s", text, op_info(n->epilogue[i].op)->name);
    return text;
}

const char *tile_text(Arena *a, int tile_m, int tile_n, int tile_out)
{
    if (tile_m == 0 && tile_n == 0)
        return "-";
    const char *winograd = tile_out ? arena_printf(a, " F%d", tile_out) : "";
    return arena_printf(a, "%dx%d%s", tile_m, tile_n, winograd);
}

static void print_row(const Column *columns, int n_columns, const int *width,
                      const char *const *cell)
{
    for (int k = 0; k < n_columns; k++) {
        int w = k + 1 < n_columns || columns[k].number ? width[k] : 0;
        printf(columns[k].number ? "%*s" : "%-*s", w, cell[k]);
        printf(k + 1 < n_columns ? "  " : "\n");
    }
}

void table_print(Arena *a, const Column *columns, int n_columns, const char *const *cells,
                 int n_rows)
{
    const char **text = ARENA_ARRAY(a, const char *, (n_rows + 1) * n_columns);
    int *width = ARENA_ARRAY(a, int, n_columns);
    for (int i = 0; i < (n_rows + 1) * n_columns; i++) {
        int k = i % n_columns;
        text[i] = printable(a, i < n_columns ? columns[k].title : cells[i - n_columns]);
        int n = (int)strlen(text[i]);
        width[k] = n > width[k] ? n : width[k];
    }
    for (int r = 0; r <= n_rows; r++)
        print_row(columns, n_columns, width, text + (ptrdiff_t)r * n_columns);
}
