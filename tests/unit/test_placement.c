/* The packing of the arena: items of several pieces never collide while both live, offsets are
 * aligned, and what can be packed without a gap is. */
#include "passes/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ALIGN = 64, MAX_ITEMS = 40, MAX_OWN = 6, POSITIONS = 50 };

static uint32_t next_random(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

static bool collide(const Item *a, const Item *b)
{
    for (int i = 0; i < a->n_pieces; i++)
        for (int k = 0; k < b->n_pieces; k++) {
            const Piece *p = &a->pieces[i], *q = &b->pieces[k];
            int64_t p0 = a->offset + p->offset, q0 = b->offset + q->offset;
            if (p->first <= q->last && q->first <= p->last && p0 < q0 + q->bytes &&
                q0 < p0 + p->bytes)
                return true;
        }
    return false;
}

/* Pieces one after another, as the parts of a Concat, with lives of their own. */
static Item random_item(Arena *a, uint32_t *state)
{
    int n = 1 + (int)next_random(state, MAX_OWN);
    Piece *pieces = ARENA_ARRAY(a, Piece, n);
    Item item = {.first = POSITIONS, .last = -1, .pieces = pieces, .n_pieces = n};
    for (int i = 0; i < n; i++) {
        int first = (int)next_random(state, POSITIONS);
        int last = first + (int)next_random(state, (uint32_t)(POSITIONS - first));
        pieces[i] = (Piece){first, last, item.bytes, 1 + next_random(state, 1000)};
        item.bytes += pieces[i].bytes;
        item.first = first < item.first ? first : item.first;
        item.last = last > item.last ? last : item.last;
    }
    return item;
}

static void test_random_items(void **unused)
{
    (void)unused;
    for (uint32_t seed = 1; seed <= 80; seed++) {
        Arena *a = arena_new(0);
        uint32_t state = seed;
        int n = 1 + (int)next_random(&state, MAX_ITEMS);
        Item *items = ARENA_ARRAY(a, Item, n), **order = ARENA_ARRAY(a, Item *, n);
        for (int i = 0; i < n; i++) {
            items[i] = random_item(a, &state);
            order[i] = &items[i];
        }
        int64_t floor = placement_floor(a, items, n, POSITIONS);
        int64_t total = placement_find(a, order, n, ALIGN, floor), end = 0;
        assert_true(total >= floor);
        for (int i = 0; i < n; i++) {
            assert_int_equal(items[i].offset % ALIGN, 0);
            end = items[i].offset + items[i].bytes > end ? items[i].offset + items[i].bytes : end;
            for (int k = 0; k < i; k++)
                assert_false(collide(&items[i], &items[k]));
        }
        assert_int_equal(end, total);
        arena_free(a);
    }
}

/* The second half of a Concat is free until its part is made: a value that is gone by then lies
 * there. */
static void test_part_that_is_not_alive_yet(void **unused)
{
    (void)unused;
    Arena *a = arena_new(0);
    const Piece parts[] = {{0, 9, 0, 1024}, {6, 9, 1024, 1024}}, early = {1, 5, 0, 1024};
    Item items[] = {{0, 9, 2048, parts, 2, 0}, {1, 5, 1024, &early, 1, 0}};
    Item *order[] = {&items[0], &items[1]};
    int64_t floor = placement_floor(a, items, 2, 10);
    assert_int_equal(floor, 2048);
    assert_int_equal(placement_find(a, order, 2, ALIGN, floor), 2048);
    assert_int_equal(items[1].offset, items[0].offset + 1024);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_items),
        cmocka_unit_test(test_part_that_is_not_alive_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
