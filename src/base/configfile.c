/* configfile.c -- a text file with what it includes, read through libconfig.
 *
 * libconfig opens an included file itself.  It waits for ever for the writer of a FIFO, ends the
 * whole process where a read fails (of a folder, with version 1.5), and does not say which file is
 * missing.  So the text, from memory, and those that it includes are searched for lines with
 * @include before it sees them:
 *
 *   @include "NAME"     at the beginning of a line, but for blanks, and not within a comment or a
 *     text in quotes; \" and \\ stand for " and \
 *
 * All names, also those in included files, count from the folder of the first file.  Up to version
 * 1.6 an absolute name does so, too.  A name that is not there is looked for among the files that come with CUBIX, so
 * that a copy of one of these works wherever it lies; libconfig, which knows of one folder only, is given that file's
 * text, on one line, in place of the @include. */
#define _POSIX_C_SOURCE 200809L
#include "base/configfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/datafile.h"
#include "base/error.h"
#include "base/infile.h"
#include "base/spelling.h"

enum { NAME = 4096, DEPTH = 10 };     /* libconfig's own limit */

/* What stands between quotes.  @param at  behind the first of them  @return behind the second, or
 * the end of the text */
static const char *unquote(char name[NAME], const char *at)
{
  size_t n = 0;
  for (; *at && *at != '"'; at++) {
    if (at[0] == '\\' && at[1]) at++;
    if (n + 1 < NAME) name[n++] = *at;
  }
  name[n] = '\0';
  return at + (*at == '"');
}

/* Behind a comment or a text in quotes that begins here; behind the letter, if none does. */
static const char *skip(const char *at)
{
  char text[NAME];
  const char *end;
  if (at[0] == '#' || !strncmp(at, "//", 2)) return at + strcspn(at, "\n");
  if (at[0] == '"') return unquote(text, at + 1);
  if (strncmp(at, "/*", 2)) return at + 1;
  end = strstr(at + 2, "*/");
  return end ? end + 2 : at + strlen(at);
}

/* @param begins  whether `at` is the beginning of a line  @param[out] from where it begins
 * @return behind the next @include; NULL: there is none */
static const char *next_include(char name[NAME], const char **from, const char *at, int begins)
{
  static const char word[] = "@include";
  while (*at) {
    const char *first = at + strspn(at, " \t"), *quote = first + sizeof word - 1;
    if (begins && !strncmp(first, word, sizeof word - 1) && (*quote == ' ' || *quote == '\t') &&
        *(quote += strspn(quote, " \t")) == '"') {
      *from = first;
      return unquote(name, quote + 1);
    }
    begins = *at == '\n';
    at = skip(at);
  }
  return NULL;
}

static int line_of(const char *text, const char *at)
{
  int line = 1;
  for (; text < at; text++) line += *text == '\n';
  return line;
}

/* Without comments, on one line. */
static void flatten(char *text)
{
  char *to = text;
  for (const char *at = text, *next; *at; at = next) {
    next = skip(at);
    const int comment = at[0] == '#' || !strncmp(at, "//", 2) || !strncmp(at, "/*", 2);
    if (comment || *at == '\n') *to++ = ' ';
    else while (at < next) *to++ = *at++;
  }
  *to = '\0';
}

/* `inner` in place of what stands from `from` to `to` in the text.  @return behind it in the new text;
 * NULL: no memory */
static char *splice(char **text, const char *from, const char *to, const char *inner)
{
  const size_t before = (size_t)(from - *text), n = strlen(inner);
  char *made = malloc(before + n + strlen(to) + 1);
  if (!made) return NULL;
  memcpy(made, *text, before);
  memcpy(made + before, inner, n);
  strcpy(made + before + n, to);
  free(*text);
  *text = made;
  return made + before + n;
}

/* Where files are looked for: beside the first file, and with CUBIX. */
struct folders { const char *own, *shipped; };

static int take_includes(char **text, const char *path, const struct folders *folders, int is_shipped, int depth,
                         int code)
{
  int status = CUBIX_OK, absolute, found;
  char name[NAME], where[2 * NAME], *inner = NULL;
  const char *at = *text, *from;
  struct stat s;
  while ((at = next_include(name, &from, at, at == *text))) {
    absolute = name[0] == '/' && (LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7);
    snprintf(where, sizeof where, "%s%s%s", absolute ? "" : folders->own, absolute ? "" : "/", name);
    found = lstat(where, &s) == 0;
    if (is_shipped || !found) {
      char other[2 * NAME];
      snprintf(other, sizeof other, "%s/%s", folders->shipped, name);
      if (name[0] != '/' && lstat(other, &s) == 0) {
        found = 0;
        snprintf(where, sizeof where, "%s", other);
      } else {
        found = 1;                           /* the error tells of the file beside */
      }
    }
    if (depth == DEPTH)
      status = cubix_error_set(code, __func__, __FILE__, __LINE__,
                               "it would be file %d within another: does one include itself?", depth + 1);
    if (!status) status = cubix_infile_check(where, code);
    if (!status) status = cubix_datafile_text(&inner, where, code);
    if (status) cubix_error_about("%s:%d: @include \"%s\"", path, line_of(*text, at), name);
    CUBIX_TRY(status);
    CUBIX_TRY(take_includes(&inner, where, folders, !found, depth + 1, code));
    if (!found) {
      flatten(inner);
      CUBIX_CHECK((at = splice(text, from, at, inner)), CUBIX_ENOMEM, "no memory for the text of %s", where);
    }
    free(inner);
    inner = NULL;
  }
done:
  free(inner);
  return status;
}

int cubix_configfile_read(config_t *config, const char *path, const char *shipped, int code)
{
  int status = CUBIX_OK;
  const int n = cubix_name_folder(path);
  char folder[NAME], with_cubix[NAME], *text = NULL;
  const char *file;
  const struct folders folders = { folder, with_cubix };
  snprintf(folder, sizeof folder, "%.*s", n > 1 ? n - 1 : 1, n ? path : ".");
  cubix_datafile_folder(with_cubix, sizeof with_cubix, shipped);
  config_set_include_dir(config, folder);
  CUBIX_TRY(cubix_datafile_text(&text, path, code));
  CUBIX_TRY(take_includes(&text, path, &folders, 0, 0, code));
  if (config_read_string(config, text)) goto done;
  file = config_error_file(config);
  CUBIX_CHECK(0, code, "%s:%d: %s", file ? file : path, config_error_line(config), config_error_text(config));
done:
  free(text);
  return status;
}
