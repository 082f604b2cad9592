/* Options that take one of a few words: "a|b|c". */
#ifndef CNNCC_DRIVER_CHOICES_H
#define CNNCC_DRIVER_CHOICES_H

#define CONV_CHOICES    "auto|direct|im2col|winograd" /* in the order of ConvChoice */
#define WEIGHTS_CHOICES "auto|array|incbin|bin"       /* in the order of WeightsMode */

/* The position of a word among the choices, -1 when it is none of them. */
int choice_index(const char *choices, const char *word);

#endif
