/* JSON output: the one part that printf cannot do. */
#ifndef CNNCC_DRIVER_JSON_H
#define CNNCC_DRIVER_JSON_H

#include <stdio.h>

/* Prints `s` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so the
 * result is valid whatever the model's names hold. */
void json_string(FILE *to, const char *s);

#endif
