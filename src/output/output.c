/* output.c -- what happens to files: their names, the checks before the work, and the moment in
 * which a result appears.
 *
 * A run of hours must not fail at its last line for a folder that does not exist:
 * cubix_output_check makes, and removes again, the very files that will be needed.  All outputs of
 * a run, and STEM-usedvalues beside the first, grow under temporary names (atomic_file.c) and are
 * complete before the first gets its own; the timings come last, since they tell how long the
 * writing took.
 *
 * STEM, the first OutputFile without its suffix, names the files beside it.  Those that belong to
 * another Mode and are there from an earlier run stay as they are, with a warning: they do not
 * describe this cube. */
#define _POSIX_C_SOURCE 200809L
#include "output/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/h5source.h"
#include "base/log.h"
#include "cube/truth_maps.h"
#include "observation/fibres.h"
#include "observation/psf_sums.h"
#include "output/output_covariance.h"
#include "output/output_parts.h"
#include "output/output_psf.h"
#include "output/used_values.h"

enum { MAX_OUTPUT = 8 };
enum { USED, TIMINGS, N_TEXT };                  /* texts beside the first output, in every Mode */
static const char *const text_ending[N_TEXT] = { "-usedvalues", "-timings.txt" };
static const char rss_ending[] = "-rss.fits";    /* with fibres */
static const struct { enum cubix_Mode mode; const char *ending; } of_mode[] = {
  { CUBIX_Mode_gradient, "-gradient.txt" }, { CUBIX_Mode_gradient, "-gradient.hdf5" },
  { CUBIX_Mode_fit, "-convergence.txt" },   { CUBIX_Mode_fit, "-fit.txt" },
  { CUBIX_Mode_fit, "-stars.hdf5" },        { CUBIX_Mode_fit, "-restart.hdf5" },
};

struct kind {
  const char *suffix;
  int (*write)(const struct cubix_result *, struct cubix_blocks *, const struct cubix_atomic_file *file);
};

static const struct kind kinds[] = {
  { ".fits", cubix_fits_write },
  { ".hdf5", cubix_hdf5_write },
  { ".h5",   cubix_hdf5_write },
};

struct target {
  const struct kind *kind;                       /* NULL: a text beside the first output */
  char path[CUBIX_OUTPUT_PATH];
  const char *base;                              /* in path */
  struct cubix_atomic_file file;
};

/* ---- names ----------------------------------------------------------------------------------- */
/* The next name of OutputFile's list, without the blanks around it; "\," is a comma that belongs to
 * the name. @param[out] length  of the name, more than fits where it is too long  @return the list
 * after it; NULL: it was the last */
static const char *name_take(const char *list, char name[CUBIX_OUTPUT_PATH], int *length)
{
  int n = 0;
  for (list += strspn(list, " \t"); *list && *list != ','; list++) {
    if (list[0] == '\\' && list[1] == ',') list++;
    if (n < CUBIX_OUTPUT_PATH - 1) name[n] = *list;
    n++;
  }
  while (n && n < CUBIX_OUTPUT_PATH && (name[n - 1] == ' ' || name[n - 1] == '\t')) n--;
  name[n < CUBIX_OUTPUT_PATH ? n : CUBIX_OUTPUT_PATH - 1] = '\0';
  *length = n;
  return *list ? list + 1 : NULL;
}

/* @param length  of the name that is in target->path already, or more where it does not fit */
static int target_init(struct target *target, int length, const char *origin)
{
  int status = CUBIX_OK;
  const char *slash = strrchr(target->path, '/');
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE,
              "OutputFile (%s) has an empty name in its list; separate the names by single commas", origin);
  CUBIX_CHECK(length < CUBIX_OUTPUT_PATH, CUBIX_EUSAGE,
              "OutputFile (%s) has a name of %d characters, at most %d: %.60s...", origin, length,
              CUBIX_OUTPUT_PATH - 1, target->path);
  target->base = slash ? slash + 1 : target->path;
done:
  return status;
}

static int kind_find(struct target *target, const char *origin)
{
  int status = CUBIX_OK;
  size_t length = strlen(target->base);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    size_t suffix = strlen(kinds[i].suffix);
    if (length > suffix && !strcmp(target->base + length - suffix, kinds[i].suffix)) target->kind = &kinds[i];
  }
  CUBIX_CHECK(length <= 3 || strcmp(target->base + length - 3, ".gz"), CUBIX_EUSAGE,
              "OutputFile = %s (%s): compressed files are not written, since that takes a second cube in memory; ask "
              "for .fits and run gzip on it",
              target->path, origin);
  CUBIX_CHECK(target->kind, CUBIX_EUSAGE,
              "OutputFile = %s (%s): its suffix must be .fits, .hdf5 or .h5 (a comma within a name is written \\,)",
              target->path, origin);
done:
  return status;
}

/* OutputFile as a list of n targets, and the N_TEXT texts after them. */
static int targets_init(struct target *target, int *n_target, const struct cubix_params *par)
{
  int status = CUBIX_OK, n = 0;
  const char *origin = cubix_params_origin(par, "OutputFile"), *list = par->OutputFile;
  CUBIX_CHECK(list && *list, CUBIX_EUSAGE, "OutputFile (%s) is empty; name at least one file, x.fits or x.hdf5",
              origin);
  for (int length; list; n++) {
    CUBIX_CHECK(n < MAX_OUTPUT, CUBIX_EUSAGE, "OutputFile (%s) has more than %d names", origin, MAX_OUTPUT);
    list = name_take(list, target[n].path, &length);
    CUBIX_TRY(target_init(&target[n], length, origin));
    CUBIX_TRY(kind_find(&target[n], origin));
  }
  for (int t = 0; t < N_TEXT; t++) {
    CUBIX_TRY(cubix_output_side_name(target[n + t].path, par, text_ending[t], ""));
    CUBIX_TRY(target_init(&target[n + t], (int)strlen(target[n + t].path), origin));
  }
  *n_target = n;
done:
  return status;
}

int cubix_output_first(char path[CUBIX_OUTPUT_PATH], const struct cubix_params *par)
{
  int status = CUBIX_OK, length;
  name_take(par->OutputFile, path, &length);
  CUBIX_CHECK(length < CUBIX_OUTPUT_PATH, CUBIX_EUSAGE, "OutputFile (%s) has a name of %d characters, at most %d",
              cubix_params_origin(par, "OutputFile"), length, CUBIX_OUTPUT_PATH - 1);
done:
  return status;
}

int cubix_output_side_name(char path[CUBIX_OUTPUT_PATH], const struct cubix_params *par, const char *ending,
                           const char *given)
{
  int status = CUBIX_OK, length, n;
  char first[CUBIX_OUTPUT_PATH];
  name_take(par->OutputFile, first, &length);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    int suffix = (int)strlen(kinds[i].suffix);
    if (length <= suffix || length >= CUBIX_OUTPUT_PATH || strcmp(first + length - suffix, kinds[i].suffix)) continue;
    length -= suffix;
    break;
  }
  n = *given ? snprintf(path, CUBIX_OUTPUT_PATH, "%s", given)
             : snprintf(path, CUBIX_OUTPUT_PATH, "%.*s%s", length, first, ending);
  CUBIX_CHECK(n < CUBIX_OUTPUT_PATH, CUBIX_EUSAGE,
              "a name of %d characters is too long for a file, at most %d: %.60s...", n, CUBIX_OUTPUT_PATH - 1, path);
done:
  return status;
}

/* ---- checks ---------------------------------------------------------------------------------- */
/* @param what  begins the messages */
static int path_check(const char *path, const char *what, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct stat info;
  const struct { const char *name, *value;
  } input[] = {
    { "InputFile", par->InputFile },   { "SspFile", par->SspFile },           { "PsfFile", par->PsfFile },
    { "Instrument", par->Instrument }, { "ObservedFile", par->ObservedFile },
    { "GroupCatalogue", par->GroupCatalogue }, { "FibreFile", par->FibreFile },
    { "DitherFile", par->DitherFile }, { "AirmassFile", par->AirmassFile },
    { "SkyFile", par->SkyFile },       { "LineFile", par->LineFile },
    { "SimulationFormat", par->SimulationFormat },
  };
  for (size_t i = 0; i < sizeof input / sizeof input[0]; i++)
    CUBIX_CHECK(!cubix_atomic_file_same(path, input[i].value), CUBIX_EOUTPUT,
                "%s is the %s as well and would replace it; choose another name", what, input[i].name);
  CUBIX_CHECK(par->Overwrite || stat(path, &info) || !S_ISREG(info.st_mode), CUBIX_EOUTPUT,
              "%s exists and Overwrite = no (%s); remove it, choose another name, or set Overwrite yes", what,
              cubix_params_origin(par, "Overwrite"));
  CUBIX_TRY(cubix_atomic_file_check(path, what));
done:
  return status;
}

int cubix_output_side_check(const struct cubix_params *par, const char *ending, const char *given)
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH], what[2 * CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_output_side_name(path, par, ending, given));
  snprintf(what, sizeof what, *given ? "%s" : "%s, written beside the first OutputFile (%s),", path,
           cubix_params_origin(par, "OutputFile"));
  CUBIX_TRY(path_check(path, what, par));
done:
  return status;
}

/* What other Modes have left beside the output. */
static int tell_of_others(const struct cubix_params *par)
{
  int status = CUBIX_OK;
  for (size_t i = 0; i < sizeof of_mode / sizeof of_mode[0]; i++) {
    char path[CUBIX_OUTPUT_PATH];
    if (of_mode[i].mode == par->Mode) continue;
    CUBIX_TRY(cubix_output_side_name(path, par, of_mode[i].ending, ""));
    if (access(path, F_OK) || cubix_atomic_file_same(path, par->InputFile)) continue;
    cubix_log(CUBIX_LOG_WARNING,
              "%s is of an earlier run in Mode %s and stays as it is: it does not belong to the new cube", path,
              cubix_Mode_word[of_mode[i].mode]);
  }
done:
  return status;
}

/* Whether two targets, both there or not, are the same file: their folders are there. */
static int targets_same(const struct target *a, const struct target *b)
{
  char *end[2] = { NULL, NULL }, folder[2][CUBIX_OUTPUT_PATH + 1];
  const char *base[2];
  int same = cubix_atomic_file_same(a->path, b->path);
  /* what cannot be is told later */
  if (same || cubix_atomic_file_resolve(&end[0], a->path, a->path) ||
      cubix_atomic_file_resolve(&end[1], b->path, b->path))
    goto done;
  for (int i = 0; i < 2; i++) {
    const char *slash = strrchr(end[i], '/');
    base[i] = slash ? slash + 1 : end[i];
    snprintf(folder[i], sizeof folder[i], "%.*s.", (int)(base[i] - end[i]), end[i]);
  }
  same = !strcmp(base[0], base[1]) && cubix_atomic_file_same(folder[0], folder[1]);
done:
  cubix_error_clear();
  free(end[0]);
  free(end[1]);
  return same;
}

/* A file that the parameter `name` gives a name of its own is not one of the others. */
static int check_apart(const char *written, const struct target *own, const struct cubix_params *par, const char *name)
{
  int status = CUBIX_OK;
  struct target other = { 0 };
  memcpy(other.path, written, strlen(written) + 1);
  CUBIX_CHECK(!targets_same(own, &other), CUBIX_EUSAGE,
              "%s = %s (%s) is %s as well, which this run writes; choose another name", name, own->path,
              cubix_params_origin(par, name), written);
done:
  return status;
}

int cubix_output_check_other(const struct cubix_params *par, const char *name, const char *ending, const char *given)
{
  int status = CUBIX_OK, n = 0;
  struct target target[MAX_OUTPUT + N_TEXT] = { 0 }, own = { 0 };
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_output_side_name(own.path, par, "", given));
  CUBIX_TRY(targets_init(target, &n, par));
  for (int i = 0; i < n + N_TEXT; i++) CUBIX_TRY(check_apart(target[i].path, &own, par, name));
  for (size_t i = 0; i < sizeof of_mode / sizeof of_mode[0]; i++) {
    if (of_mode[i].mode != par->Mode || !strcmp(of_mode[i].ending, ending)) continue;
    CUBIX_TRY(cubix_output_side_name(path, par, of_mode[i].ending, ""));
    CUBIX_TRY(check_apart(path, &own, par, name));
  }
done:
  return status;
}

/* Dates of FITS: year-month-day, or with a time, digit by digit. */
static int is_date(const char *text)
{
  static const char form[] = "dddd-dd-ddTdd:dd:dd.";
  static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  const size_t n = strlen(text), fixed = n < sizeof form - 1 ? n : sizeof form - 1;
  if (n != 10 && n != 19 && n < 21) return 0;
  for (size_t i = 0; i < n; i++)
    if (i < fixed && form[i] != 'd' ? text[i] != form[i] : text[i] < '0' || text[i] > '9') return 0;
  const int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8),
            leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
  if (month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && leap)) return 0;
  return n == 10 || (atoi(text + 11) < 24 && atoi(text + 14) < 60 && atoi(text + 17) < 61);
}

int cubix_output_check(const struct cubix_params *par)
{
  int status = CUBIX_OK, n = 0;
  const char *origin = cubix_params_origin(par, "OutputFile");
  struct target target[MAX_OUTPUT + N_TEXT] = { 0 };
  CUBIX_CHECK(!par->DateObs[0] || is_date(par->DateObs), CUBIX_EUSAGE,
              "DateObs = %s (%s) must be a date such as 2026-01-31 or 2026-01-31T22:00:00", par->DateObs,
              cubix_params_origin(par, "DateObs"));
  CUBIX_TRY(targets_init(target, &n, par));
  for (int i = 0; i < n + N_TEXT; i++) {
    char what[2 * CUBIX_OUTPUT_PATH];
    snprintf(what, sizeof what,
             target[i].kind ? "OutputFile = %s (%s)" : "%s, written beside the first OutputFile (%s),", target[i].path,
             origin);
    CUBIX_TRY(path_check(target[i].path, what, par));
    for (int j = 0; j < i; j++)
      CUBIX_CHECK(!targets_same(&target[i], &target[j]), CUBIX_EUSAGE,
                  "OutputFile (%s) names the same file twice: %s, %s", origin, target[j].path, target[i].path);
  }
  CUBIX_TRY(tell_of_others(par));
done:
  return status;
}

/* Members of a set, files behind links, sources of virtual datasets: they are known once the input was opened. */
static int check_unread(const char *path)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!cubix_h5source_has_read(path), CUBIX_EOUTPUT,
              "the run would replace %s, which belongs to the InputFile, the GroupCatalogue, the SspFile or the "
              "ObservedFile: a member of a set, or a file that one of them leads to; choose another name",
              path);
done:
  return status;
}

int cubix_output_check_apart(const struct cubix_params *par)
{
  int status = CUBIX_OK, n = 0;
  struct target target[MAX_OUTPUT + N_TEXT] = { 0 };
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(targets_init(target, &n, par));
  for (int i = 0; i < n + N_TEXT; i++) CUBIX_TRY(check_unread(target[i].path));
  for (size_t i = 0; i < sizeof of_mode / sizeof of_mode[0]; i++) {
    if (of_mode[i].mode != par->Mode) continue;
    CUBIX_TRY(cubix_output_side_name(path, par, of_mode[i].ending,
                                     strcmp(of_mode[i].ending, "-restart.hdf5") ? "" : par->FitRestartFile));
    CUBIX_TRY(check_unread(path));
  }
done:
  return status;
}

int cubix_output_room(const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_disk_need *other, int n_other)
{
  int status = CUBIX_OK, n = 0;
  struct target target[MAX_OUTPUT + N_TEXT] = { 0 };
  struct cubix_disk_need *need = NULL;
  CUBIX_TRY(targets_init(target, &n, par));
  if (ins->bundle) CUBIX_TRY(cubix_output_side_check(par, rss_ending, ""));
  CUBIX_TRY(cubix_covariance_check(par, ins));
  CUBIX_ALLOC(need, n + n_other);
  for (int i = 0; i < n; i++) {
    snprintf(need[i].path, sizeof need[i].path, "%s", target[i].path);
    need[i].bytes = cubix_output_file_bytes(par, ins) + (i ? 0 : cubix_rss_bytes(ins));
  }
  for (int i = 0; i < n_other; i++) need[n + i] = other[i];
  CUBIX_TRY(cubix_disk_check(need, n + n_other));
done:
  free(need);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */
static int result_check(const struct cubix_result *result, const struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube = result->cube;
  CUBIX_CHECK(!cube->margin && cube->n_x == result->ins->n_x && cube->n_y == result->ins->n_y &&
                  (blocks || cube->n_lambda == result->ins->n_lambda),
              CUBIX_EFAIL,
              "the cube has %d x %d spaxels with a margin of %d, the instrument %d x %d: the PSF has not been applied",
              cube->n_x, cube->n_y, cube->margin, result->ins->n_x, result->ins->n_y);
done:
  return status;
}

/* Sums through the PSF, of the cube's spaxels; with fibres also those before it. */
static int sums_init(struct cubix_output_sums *maps, const struct cubix_result *result, int seen)
{
  int status = CUBIX_OK;
  const struct cubix_sums *painted = &result->cube->sums;
  struct cubix_sums fine = { 0 };
  if (!result->fibres) {
    if (seen) CUBIX_TRY(cubix_psf_sums(&maps->seen, painted, result->ins));
    goto done;
  }
  CUBIX_TRY(cubix_fibres_gather(&maps->gathered, result->ins, painted));
  if (!seen) goto done;
  CUBIX_TRY(cubix_psf_sums(&fine, painted, result->painted));
  CUBIX_TRY(cubix_fibres_sums(&maps->seen, result->fibres, &fine));
done:
  cubix_sums_free(&fine);
  return status;
}

int cubix_output_maps_begin(struct cubix_result *result, struct cubix_output_sums *maps, int seen)
{
  int status = CUBIX_OK;
  CUBIX_TRY(sums_init(maps, result, seen));
  result->sums = result->fibres ? &maps->gathered : &result->cube->sums;
  result->seen = &maps->seen;
  if (!maps->seen.n_v) goto done;
  const size_t n_fit = CUBIX_N_FIT_MAP * cubix_sums_size(&maps->seen);
  CUBIX_ALLOC(maps->fit, 2 * n_fit);
  cubix_fit_maps(result->sums, maps->fit);
  cubix_fit_maps(&maps->seen, maps->fit + n_fit);
  result->losvd_fit = maps->fit;
done:
  return status;
}

void cubix_output_maps_end(struct cubix_output_sums *maps)
{
  cubix_sums_free(&maps->gathered);
  cubix_sums_free(&maps->seen);
  free(maps->fit);
}

int cubix_output_write(const void *host, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK, n = 0;
  struct cubix_result whole = *(const struct cubix_result *)host, *result = &whole;
  struct cubix_output_sums maps = { .fit = NULL };
  struct target target[MAX_OUTPUT + N_TEXT] = { 0 }, rss = { 0 };
  struct cubix_band_psf *band_psf = NULL;
  struct cubix_covariance *covariance = NULL;
  CUBIX_TRY(targets_init(target, &n, result->par));
  CUBIX_TRY(result_check(result, blocks));
  CUBIX_TRY(cubix_covariance_begin(&covariance, result, blocks));
  result->covariance = covariance;
  CUBIX_TRY(cubix_band_psf_init(&band_psf, result));
  result->band_psf = band_psf;
  CUBIX_TRY(cubix_output_maps_begin(result, &maps, result->par->TruthMaps));
  for (int i = 0; i <= n + USED; i++) {
    struct target *t = &target[i];
    CUBIX_TRY(cubix_atomic_file_begin(&t->file, t->path));
    if (t->kind) CUBIX_TRY(t->kind->write(result, blocks, &t->file));
    else CUBIX_TRY(cubix_atomic_file_print(&t->file, cubix_used_values_print, result));
    CUBIX_TRY(cubix_atomic_file_seal(&t->file));
  }
  if (result->fibres) {
    CUBIX_TRY(cubix_output_side_name(rss.path, result->par, rss_ending, ""));
    CUBIX_TRY(cubix_atomic_file_begin(&rss.file, rss.path));
    CUBIX_TRY(cubix_rss_write(result, blocks, &rss.file));
    CUBIX_TRY(cubix_atomic_file_seal(&rss.file));
    CUBIX_TRY(cubix_atomic_file_publish(&rss.file));
  }
  for (int i = 0; i <= n + USED; i++) CUBIX_TRY(cubix_atomic_file_publish(&target[i].file));
done:
  cubix_atomic_file_discard(&rss.file);
  for (int i = 0; i <= n + USED; i++) cubix_atomic_file_discard(&target[i].file);
  cubix_output_maps_end(&maps);
  cubix_band_psf_free(band_psf);
  cubix_covariance_free(covariance);
  return status;
}

int cubix_output_timings(const struct cubix_params *par, int (*print)(FILE *out, const void *host), const void *host)
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_output_side_name(path, par, text_ending[TIMINGS], ""));
  CUBIX_TRY(cubix_atomic_file_text(path, print, host));
done:
  return status;
}

int cubix_output_remove(const struct cubix_params *par, const char *ending)
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_output_side_name(path, par, ending, ""));
  CUBIX_CHECK(!unlink(path) || errno == ENOENT, CUBIX_EOUTPUT,
              "cannot remove %s of an earlier run, which would not belong to the new cube: %s", path, strerror(errno));
done:
  return status;
}
