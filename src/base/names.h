/* names.h -- alternative names of one thing, in order of preference. */
#ifndef CUBIX_NAMES_H
#define CUBIX_NAMES_H

#include <stddef.h>

#define CUBIX_N_NAMES 8

struct cubix_names {
  int n;
  char name[CUBIX_N_NAMES][80];
};

/** "a, b or c".  Local.  @return text, borrowed from the caller */
const char *cubix_names_text(const struct cubix_names *names, char *text, size_t size);

#endif
