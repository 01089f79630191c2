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
 * 1.6 an absolute name does so, too. */
#include "base/configfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* @param begins  whether `at` is the beginning of a line  @return behind the next @include; NULL: there is none */
static const char *next_include(char name[NAME], const char *at, int begins)
{
  static const char word[] = "@include";
  while (*at) {
    const char *first = at + strspn(at, " \t"), *quote = first + sizeof word - 1;
    if (begins && !strncmp(first, word, sizeof word - 1) && (*quote == ' ' || *quote == '\t') &&
        *(quote += strspn(quote, " \t")) == '"')
      return unquote(name, quote + 1);
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

static int check_includes(const char *text, const char *path, const char *folder, int depth, int code)
{
  int status = CUBIX_OK, absolute;
  char name[NAME], where[2 * NAME], *inner = NULL;
  const char *at = text;
  while ((at = next_include(name, at, at == text))) {
    absolute = name[0] == '/' && (LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7);
    snprintf(where, sizeof where, "%s%s%s", absolute ? "" : folder, absolute ? "" : "/", name);
    if (depth == DEPTH)
      status = cubix_error_set(code, __func__, __FILE__, __LINE__,
                               "it would be file %d within another: does one include itself?", depth + 1);
    if (!status) status = cubix_infile_check(where, code);
    if (!status) status = cubix_datafile_text(&inner, where, code);
    if (status) cubix_error_about("%s:%d: @include \"%s\"", path, line_of(text, at), name);
    CUBIX_TRY(status);
    CUBIX_TRY(check_includes(inner, where, folder, depth + 1, code));
    free(inner);
    inner = NULL;
  }
done:
  free(inner);
  return status;
}

int cubix_configfile_read(config_t *config, const char *path, int code)
{
  int status = CUBIX_OK;
  const int n = cubix_name_folder(path);
  char folder[NAME], *text = NULL;
  const char *file;
  snprintf(folder, sizeof folder, "%.*s", n > 1 ? n - 1 : 1, n ? path : ".");
  config_set_include_dir(config, folder);
  CUBIX_TRY(cubix_datafile_text(&text, path, code));
  CUBIX_TRY(check_includes(text, path, folder, 0, code));
  if (config_read_string(config, text)) goto done;
  file = config_error_file(config);
  CUBIX_CHECK(0, code, "%s:%d: %s", file ? file : path, config_error_line(config), config_error_text(config));
done:
  free(text);
  return status;
}
