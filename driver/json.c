/* JSON strings from arbitrary bytes. */
#include "driver/json.h"

/* Length of the UTF-8 sequence that begins at `s`; 0 when it is malformed (overlong forms,
 * surrogates and numbers beyond U+10FFFF included). */
static int utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        int length;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        if (s[0] < rows[r].first_low || s[0] > rows[r].first_high)
            continue;
        for (int i = 1; i < rows[r].length; i++) {
            unsigned char low = i == 1 ? rows[r].second_low : 0x80;
            unsigned char high = i == 1 ? rows[r].second_high : 0xbf;
            if (s[i] < low || s[i] > high)
                return 0;
        }
        return rows[r].length;
    }
    return 0;
}

void json_string(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = utf8_length(s);
        if (n == 0) {
            fputs("\\ufffd", to);
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\')
            fputc('\\', to);
        if (*s < 0x20)
            fprintf(to, "\\u%04x", *s);
        else
            fwrite(s, 1, (size_t)n, to);
        s += n;
    }
    fputc('"', to);
}
