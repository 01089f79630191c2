/* simfile_members.c -- which files belong together, and which simulation wrote them.
 *
 * A snapshot in several files is called STEM.0.hdf5, STEM.1.hdf5, ...; InputFile may be any of
 * them, or STEM.  The header states how many there are.  If it does not, a file that is named in
 * full is read alone, because gal_z0.1.hdf5 may be anything, and a stem stands for the files that
 * exist, without a gap.  A file whose name has no number stands alone, whatever header it has
 * inherited from the snapshot it was cut out of.  What the header states about the whole snapshot
 * must be the same in all of its files.
 *
 * Recognition tries names first (header attributes), then the presence of characteristic datasets;
 * the result must be unambiguous. */
#define _POSIX_C_SOURCE 200809L
#include "simulation/simfile.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/datafile.h"
#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"

static const char *const suffixes[] = { ".hdf5", ".h5" };

/* STEM.12.hdf5 -> "STEM", 12, ".hdf5"; 0 where the name is not of this form. */
static int split(const char *path, char *stem, size_t size, long *index, const char **suffix)
{
  size_t n = strlen(path), digits = 0;

  for (int i = 0; i < 2; i++) {
    size_t m = strlen(suffixes[i]);
    if (n < m || strcmp(path + n - m, suffixes[i]) != 0) continue;
    *suffix = suffixes[i];
    n -= m;
    while (digits < n && isdigit((unsigned char)path[n - digits - 1])) digits++;
    if (!digits || digits > 9 || digits + 1 >= n || path[n - digits - 1] != '.' || n >= size) return 0;
    *index = strtol(path + n - digits, NULL, 10);
    snprintf(stem, size, "%.*s", (int)(n - digits - 1), path);
    return 1;
  }
  return 0;
}

int cubix_simfile_first(char *path, size_t size, const char *input)
{
  int status = CUBIX_OK;
  struct stat s;
  size_t n = strlen(input);
  int found;

  CUBIX_CHECK(n > 0 && n + 16 < size, CUBIX_EINPUT, "InputFile = '%.80s' is no path of 1 to %zu characters", input,
              size - 16);
  snprintf(path, size, "%s", input);
  found = stat(input, &s) == 0;
  if (input[n - 1] == '.') n--;
  for (int i = 0; i < 2 && !found; i++) {
    snprintf(path, size, "%.*s.0%s", (int)n, input, suffixes[i]);
    found = cubix_infile_is(path);
  }
  if (!found && lstat(input, &s) == 0) CUBIX_TRY(cubix_infile_check(input, CUBIX_EINPUT));
  CUBIX_CHECK(found, CUBIX_EINPUT,
              "InputFile = %s: there is no such file, and no %.*s.0.hdf5 of which it could be the stem", input, (int)n,
              input);
done:
  return status;
}

/* How many files a stem has, where no header counts them. */
static int count_members(long *n, const char *stem, const char *suffix)
{
  enum { AHEAD = 32 };
  int status = CUBIX_OK;
  char name[4200], later[4200];
  for (*n = 0;; ++*n) {
    snprintf(name, sizeof name, "%s.%ld%s", stem, *n, suffix);
    if (!cubix_infile_is(name)) break;
  }
  for (long i = 1; i < AHEAD; i++) {
    snprintf(later, sizeof later, "%s.%ld%s", stem, *n + i, suffix);
    CUBIX_CHECK(!cubix_infile_is(later), CUBIX_EINPUT,
                "%s is missing: %s is there, and all files from number 0 are needed", name, later);
  }
done:
  return status;
}

int cubix_simfile_members(struct cubix_snapshot *snapshot, const char *path, double n_file, int by_stem)
{
  int status = CUBIX_OK, numbered;
  char stem[4096], name[4200];
  const char *suffix = "";
  long index = 0, n = 1;
  struct stat s;

  numbered = split(path, stem, sizeof stem, &index, &suffix);
  CUBIX_CHECK(n_file >= 0. && n_file <= 1e6, CUBIX_EINPUT, "%s: its header counts %g files; there must be 1 to 1000000",
              path, n_file);
  if (numbered && n_file > 1.) {
    n = (long)n_file;
    CUBIX_CHECK(index < n, CUBIX_EINPUT, "%s: its header counts %ld files, so its number must be below that", path, n);
  } else if (numbered && n_file == 0. && by_stem) {
    CUBIX_TRY(count_members(&n, stem, suffix));
  } else {
    if (numbered && n_file == 0.)
      cubix_log(CUBIX_LOG_INFO,
                "%s is read alone: its header does not count files; InputFile = %s means all that bear a number", path,
                stem);
    if (n_file > 1.)
      cubix_log(CUBIX_LOG_WARNING, "%s: its header counts %.0f files, but its name bears no number; it is read alone",
                path, n_file);
    numbered = 0;
  }
  CUBIX_ALLOC(snapshot->file, n);
  CUBIX_ALLOC(snapshot->file_size, n);
  snapshot->n_file = (int)n;
  for (long i = 0; i < n; i++) {
    if (numbered) snprintf(name, sizeof name, "%s.%ld%s", stem, i, suffix);
    else snprintf(name, sizeof name, "%s", path);
    if (stat(name, &s) != 0) {
      status = cubix_infile_check(name, CUBIX_EINPUT);
      if (status)
        cubix_error_about("%s is missing: it is one of the %ld files of this snapshot, and all are needed (a file that "
                          "stands alone must not bear a number)",
                          name, n);
      CUBIX_TRY(status);
    }
    snapshot->file[i] = strdup(name);
    CUBIX_CHECK(snapshot->file[i], CUBIX_ENOMEM, "cannot allocate a file name");
    snapshot->file_size[i] = (int64_t)s.st_size;
  }
done:
  return status;
}

/* The first of these attributes as text; "" where it is no text, for a label of any kind is only a label. */
static void read_label(char *text, size_t size, hid_t file, const struct cubix_simformat *format)
{
  int found;
  if (cubix_h5_text(file, format->header_group, &format->header[CUBIX_HEADER_SIMULATION], text, size, &found))
    cubix_error_clear();
}

int cubix_simfile_stated(struct cubix_stated *stated, hid_t file, const struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  for (int key = 0; key < CUBIX_N_HEADER; key++)
    if (key != CUBIX_HEADER_SIMULATION && key != CUBIX_HEADER_CENTRE)
      CUBIX_TRY(
          cubix_h5_numbers(file, format->header_group, &format->header[key], &stated->number[key], 1, &stated->n[key]));
  read_label(stated->label, sizeof stated->label, file, format);
done:
  return status;
}

int cubix_simfile_agree(const struct cubix_stated *one, const char *one_path, const struct cubix_stated *two,
                        const char *two_path, const struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  char names[256], here[64], there[64];
  static const char remedy[] =
      "they are not of one snapshot; name a single galaxy in full, by a name without a number before its suffix";
  for (int key = 0; key < CUBIX_N_HEADER; key++) {
    const double x = one->number[key], y = two->number[key],
                 scale = key == CUBIX_HEADER_REDSHIFT ? 1. + fabs(x) : fabs(x);
    if (one->n[key] ? two->n[key] && fabs(x - y) <= 1e-6 * scale : !two->n[key]) continue;
    snprintf(here, sizeof here, one->n[key] ? "%.9g" : "not there", x);
    snprintf(there, sizeof there, two->n[key] ? "%.9g" : "not there", y);
    CUBIX_CHECK(0, CUBIX_EINPUT, "%s and %s do not agree: %s of /%s is %s and %s: %s", one_path, two_path,
                cubix_names_text(&format->header[key], names, sizeof names), format->header_group, here, there, remedy);
  }
  CUBIX_CHECK(strcmp(one->label, two->label) == 0, CUBIX_EINPUT,
              "%s and %s do not agree: %s of /%s is \"%s\" and \"%s\": %s", one_path, two_path,
              cubix_names_text(&format->header[CUBIX_HEADER_SIMULATION], names, sizeof names), format->header_group,
              one->label, two->label, remedy);
done:
  return status;
}

/* Does text contain word, in upper or lower case? */
static int contains(const char *text, const char *word)
{
  for (; *text; text++) {
    size_t i = 0;
    while (word[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)word[i])) i++;
    if (!word[i]) return 1;
  }
  return 0;
}

static int has_name(hid_t file, const struct cubix_simformat *format)
{
  struct cubix_names one = { .n = 1 };
  char text[1024];
  int found;

  for (int i = 0; i < format->recognise.attribute.n; i++) {
    one.name[0][0] = '\0';
    strncat(one.name[0], format->recognise.attribute.name[i], sizeof one.name[0] - 1);
    if (cubix_h5_text(file, format->header_group, &one, text, sizeof text, &found) || !found) continue;
    for (int j = 0; j < format->recognise.contains.n; j++)
      if (contains(text, format->recognise.contains.name[j])) return 1;
  }
  return 0;
}

static int has_datasets(hid_t file, const struct cubix_simformat *format)
{
  for (int i = 0; i < format->recognise.dataset.n; i++)
    if (!cubix_h5_exists(file, format->recognise.dataset.name[i])) return 0;
  return format->recognise.dataset.n > 0;
}

/* Which formats take this file: -1 none; an error where several do. */
static int match(int *which, const char *path, hid_t file, const struct cubix_simformat *format, int n)
{
  int status = CUBIX_OK, there;

  *which = -1;
  /* a broken link is not just another format */
  for (int i = 0; i < n; i++) CUBIX_TRY(cubix_h5_look(&there, file, format[i].header_group));
  for (int pass = 0; pass < 2 && *which < 0; pass++) {
    for (int i = 0; i < n; i++) {
      if (!(pass == 0 ? has_name(file, &format[i]) : has_datasets(file, &format[i]))) continue;
      CUBIX_CHECK(*which < 0, CUBIX_EINPUT, "%s may be %s or %s; choose with the parameter SimulationFormat", path,
                  format[*which].name, format[i].name);
      *which = i;
    }
  }
done:
  return status;
}

/* What each format asks for, and what the file says instead. */
static void describe(char *text, size_t size, hid_t file, const struct cubix_simformat *format, int n)
{
  char names[256], value[256];
  int found;

  text[0] = '\0';
  for (int i = 0; i < n; i++) {
    size_t used = strlen(text);
    if (cubix_h5_text(file, format[i].header_group, &format[i].recognise.attribute, value, sizeof value, &found))
      found = 0;
    used += (size_t)snprintf(text + used, size - used, "\n  %s: the attribute %s of /%s (here %.80s) contains ",
                             format[i].name, cubix_names_text(&format[i].recognise.attribute, names, sizeof names),
                             format[i].header_group, found ? value : "missing");
    if (used < size)
      used += (size_t)snprintf(text + used, size - used, "%s",
                               cubix_names_text(&format[i].recognise.contains, names, sizeof names));
    for (int j = 0; j < format[i].recognise.dataset.n && used < size; j++)
      used += (size_t)snprintf(text + used, size - used, "%s/%s", j ? " and " : ", or there are ",
                               format[i].recognise.dataset.name[j]);
    if (used >= size) break;
  }
}

int cubix_simfile_recognise(struct cubix_simformat *format, const char *path, const char *name)
{
  int status = CUBIX_OK, n = 0, which = -1;
  char **names = NULL, cfg[4096], stem[4096], sibling[4200], text[2500];
  const char *suffix;
  long index;
  hid_t file = -1;
  struct cubix_simformat *known = NULL;

  if (strcmp(name, "auto") != 0) {
    CUBIX_TRY(cubix_datafile_find(cfg, sizeof cfg, "formats", name));
    CUBIX_TRY(cubix_simformat_read(format, cfg));
    goto done;
  }
  CUBIX_TRY(cubix_datafile_list(&names, &n, "formats"));
  CUBIX_ALLOC(known, n);
  for (int i = 0; i < n; i++) {
    CUBIX_TRY(cubix_datafile_find(cfg, sizeof cfg, "formats", names[i]));
    CUBIX_TRY(cubix_simformat_read(&known[i], cfg));
  }
  CUBIX_TRY(cubix_h5_open(&file, path));
  CUBIX_TRY(match(&which, path, file, known, n));
  describe(text, sizeof text, file, known, n);
  for (long i = 0; which < 0 && split(path, stem, sizeof stem, &index, &suffix); i++) {
    snprintf(sibling, sizeof sibling, "%s.%ld%s", stem, i, suffix);
    if (!cubix_infile_is(sibling)) break;
    H5Fclose(file);
    CUBIX_TRY(cubix_h5_open(&file, sibling));
    CUBIX_TRY(match(&which, sibling, file, known, n));
  }
  CUBIX_CHECK(
      which >= 0, CUBIX_EINPUT,
      "%s is of no known format. The known formats are:%s\n"
      "Name one with SimulationFormat, or add a file to parameterfiles/formats",
      path, text);
  *format = known[which];
done:
  if (file >= 0) H5Fclose(file);
  cubix_datafile_list_free(names, n);
  free(known);
  return status;
}
