/* keyfile.c -- `key = value`, one or several on a line, as C programs and Fortran's namelists write them. */
#define _POSIX_C_SOURCE 200809L
#include "simulation/keyfile.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/infile.h"

enum { MOST_BYTES = 64 << 20 };

int cubix_keyfile_read(struct cubix_keyfile *file, const char *path, char comment)
{
  int status = CUBIX_OK;
  struct stat s = { 0 };
  FILE *stream = NULL;
  size_t n;
  *file = (struct cubix_keyfile){ .comment = comment };
  CUBIX_TRY(cubix_infile_check(path, CUBIX_EINPUT));
  snprintf(file->path, sizeof file->path, "%s", path);
  stream = fopen(path, "rb");
  CUBIX_CHECK(stream && !fstat(fileno(stream), &s), CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
  CUBIX_CHECK(s.st_size <= MOST_BYTES, CUBIX_EINPUT, "%s has %lld bytes; a text file of at most %d is expected", path,
              (long long)s.st_size, MOST_BYTES);
  CUBIX_ALLOC(file->text, s.st_size + 1);
  n = fread(file->text, 1, (size_t)s.st_size, stream);
  CUBIX_CHECK(!ferror(stream), CUBIX_EINPUT, "cannot read %s", path);
  file->text[n] = '\0';
done:
  if (stream) fclose(stream);
  if (status) cubix_keyfile_free(file);
  return status;
}

/* The value of a key within one line, or NULL. */
static const char *in_line(const char *line, const char *end, const char *key)
{
  const size_t n = strlen(key);
  const char *value = NULL;
  for (const char *p = line; p + n < end; p++) {
    const char *at = p + n;
    if (strncasecmp(p, key, n) || (p > line && !isspace((unsigned char)p[-1]) && !strchr(",/&", p[-1]))) continue;
    while (at < end && isspace((unsigned char)*at)) at++;
    if (at == end || *at != '=') continue;
    for (at++; at < end && isspace((unsigned char)*at); at++) continue;
    value = at;
  }
  return value;
}

int cubix_keyfile_word(char *word, size_t size, const struct cubix_keyfile *file, const char *key)
{
  int found = 0;
  for (const char *line = file->text; line && *line;) {
    const char *const newline = line + strcspn(line, "\n"), *end = newline, *value;
    if (file->comment) end = memchr(line, file->comment, (size_t)(newline - line));
    if (!end) end = newline;
    if ((value = in_line(line, end, key))) {
      size_t n = 0;
      while (value + n < end && !isspace((unsigned char)value[n]) && !strchr(",/", value[n])) n++;
      snprintf(word, size, "%.*s", (int)n, value);
      found = 1;
    }
    line = newline + (*newline == '\n');
  }
  return found;
}

int cubix_keyfile_number(double *x, int *found, const struct cubix_keyfile *file, const char *key)
{
  int status = CUBIX_OK;
  char word[64], *end;
  double value;
  *found = cubix_keyfile_word(word, sizeof word, file, key);
  if (!*found) goto done;
  for (char *p = word; *p; p++)
    if (*p == 'd' || *p == 'D') *p = 'e';
  value = strtod(word, &end);
  CUBIX_CHECK(end > word && !*end && isfinite(value), CUBIX_EINPUT, "%s: %s = %s must be a number", file->path, key,
              word[0] ? word : "(nothing)");
  *x = value;
done:
  return status;
}

int cubix_keyfile_need(double *x, const struct cubix_keyfile *file, const char *key, double above)
{
  int status = CUBIX_OK, found;
  CUBIX_TRY(cubix_keyfile_number(x, &found, file, key));
  CUBIX_CHECK(found, CUBIX_EINPUT, "%s does not state %s, which is needed: add a line `%s = ...`", file->path, key,
              key);
  CUBIX_CHECK(*x > above, CUBIX_EINPUT, "%s: %s = %g must be above %g", file->path, key, *x, above);
done:
  return status;
}

int cubix_keyfile_logical(int *x, int *found, const struct cubix_keyfile *file, const char *key)
{
  int status = CUBIX_OK, c;
  char word[64];
  *found = cubix_keyfile_word(word, sizeof word, file, key);
  if (!*found) goto done;
  c = tolower((unsigned char)word[word[0] == '.']);
  CUBIX_CHECK(c == 't' || c == 'f', CUBIX_EINPUT, "%s: %s = %s must be .true. or .false.", file->path, key,
              word[0] ? word : "(nothing)");
  *x = c == 't';
done:
  return status;
}

void cubix_keyfile_free(struct cubix_keyfile *file)
{
  free(file->text);
  file->text = NULL;
}
