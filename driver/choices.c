/* driver/choices.h says what comes out. */
#include "driver/choices.h"

#include <string.h>

int choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int index = 0;
    for (const char *p = choices; *p; index++) {
        size_t n = strcspn(p, "|");
        if (n == length && memcmp(p, word, n) == 0)
            return index;
        p += n + (p[n] == '|');
    }
    return -1;
}
