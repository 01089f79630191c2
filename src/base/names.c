/* names.c -- alternative names in words. */
#include "base/names.h"

#include <stdio.h>
#include <string.h>

const char *cubix_names_text(const struct cubix_names *names, char *text, size_t size)
{
  text[0] = '\0';
  for (int i = 0; i < names->n; i++) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", i == 0 ? "" : i + 1 < names->n ? ", " : " or ", names->name[i]);
  }
  return text;
}
