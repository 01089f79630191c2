/* output.c -- what happens to files: names, checks before the work, temporary names, and the moment in which a result appears.
 *
 * A run of hours must not fail at its last line for a folder that does not exist: cubix_output_check makes, and removes again, the very
 * files that will be needed.  A result is written under a temporary name (.NAME.partPID, in the same folder), brought to the disk with
 * fsync, and renamed; all outputs are complete before the first is renamed.  So a file under its own name is always whole, and an older one
 * is kept until its successor is.  The texts beside the first output, STEM-usedvalues and STEM-timings.txt, are checked, protected and
 * written in the same way; the timings come last, since they tell how long the writing took.  Whatever goes wrong, the temporary files are removed: by cubix_output_write itself, or by
 * cubix_output_abandon, which a signal handler may call.                                                                           */
#define _POSIX_C_SOURCE 200809L
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basis.h"
#include "beside.h"
#include "error.h"
#include "output_parts.h"

enum { MAX_OUTPUT = 8, PATH_LENGTH = 1000 };     /* CFITSIO has room for 1024 characters */
enum { USED, TIMINGS, N_BESIDE };                /* texts beside the first output: STEM-usedvalues, STEM-timings.txt */
static const char *const beside_ending[N_BESIDE] = { "-usedvalues", "-timings.txt" };

struct kind {
  const char *suffix;
  int (*write)(const struct cubix_result *, struct cubix_blocks *, const char *path, const char *shown);
};

static const struct kind kinds[] = {
  { ".fits", cubix_fits_write },
  { ".hdf5", cubix_hdf5_write },
  { ".h5",   cubix_hdf5_write },
};

struct target {
  const struct kind *kind;                       /* NULL: a text beside the first output */
  char path[PATH_LENGTH], folder[PATH_LENGTH], temporary[PATH_LENGTH];
  const char *base;                              /* in path */
};

/* The temporary files that exist now.  Written before n_temporary is raised, so that a signal handler sees whole names. */
static char temporary[MAX_OUTPUT + N_BESIDE][PATH_LENGTH];
static volatile sig_atomic_t n_temporary;

void cubix_output_abandon(void)
{
  int n = n_temporary;
  n_temporary = 0;
  for (int i = 0; i < n; i++) unlink(temporary[i]);
  cubix_basis_abandon();
  cubix_beside_abandon();
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */
/* Folder, base and temporary name of a path. */
static int target_init(struct target *target, const char *path, int length, const char *origin)
{
  int status = CUBIX_OK, n;
  char *slash;
  CUBIX_CHECK(length > 0, CUBIX_EUSAGE, "OutputFile (%s) has an empty name in its list; separate the names by single commas", origin);
  n = snprintf(target->path, sizeof target->path, "%.*s", length, path);
  CUBIX_CHECK(n < PATH_LENGTH - 32, CUBIX_EUSAGE, "OutputFile (%s) has a name of %d characters, at most %d: %.60s...", origin, n, PATH_LENGTH - 33, target->path);
  slash = strrchr(target->path, '/');
  target->base = slash ? slash + 1 : target->path;
  snprintf(target->folder, sizeof target->folder, "%.*s", (int)(target->base - target->path), target->path);
  n = snprintf(target->temporary, sizeof target->temporary, "%s.%s.part%ld", target->folder, target->base, (long)getpid());
  CUBIX_CHECK(n < PATH_LENGTH, CUBIX_EUSAGE, "OutputFile (%s) has too long a name: %.60s...", origin, target->path);
  if (!slash) strcpy(target->folder, ".");
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
              "OutputFile = %s (%s): compressed files are not written, since that takes a second cube in memory; ask for .fits and run gzip on it",
              target->path, origin);
  CUBIX_CHECK(target->kind, CUBIX_EUSAGE, "OutputFile = %s (%s): its suffix must be .fits, .hdf5 or .h5", target->path, origin);
done:
  return status;
}

/* OutputFile as a list of n targets, and the N_BESIDE texts after them. */
static int targets_init(struct target *target, int *n_target, const struct cubix_params *par)
{
  int status = CUBIX_OK, n = 0;
  const char *origin = cubix_params_origin(par, "OutputFile"), *list = par->OutputFile;
  char beside[PATH_LENGTH + 16];
  CUBIX_CHECK(list && *list, CUBIX_EUSAGE, "OutputFile (%s) is empty; name at least one file, x.fits or x.hdf5", origin);
  for (;;) {
    int length = (int)strcspn(list, ",");
    const char *next = list + length;
    while (length && (*list == ' ' || *list == '\t')) list++, length--;
    while (length && (list[length - 1] == ' ' || list[length - 1] == '\t')) length--;
    CUBIX_CHECK(n < MAX_OUTPUT, CUBIX_EUSAGE, "OutputFile (%s) has more than %d names", origin, MAX_OUTPUT);
    CUBIX_TRY(target_init(&target[n], list, length, origin));
    CUBIX_TRY(kind_find(&target[n], origin));
    n++;
    if (!*next) break;
    list = next + 1;
  }
  for (int b = 0; b < N_BESIDE; b++) {
    int stem = (int)(strlen(target[0].path) - strlen(target[0].kind->suffix));
    snprintf(beside, sizeof beside, "%.*s%s", stem, target[0].path, beside_ending[b]);
    CUBIX_TRY(target_init(&target[n + b], beside, (int)strlen(beside), origin));
  }
  *n_target = n;
done:
  return status;
}

/* ---- checks -------------------------------------------------------------------------------------------------------------- */
static int target_check(const struct target *target, const struct cubix_params *par, const char *origin)
{
  int status = CUBIX_OK, file, exists;
  struct stat info;
  char what[2 * PATH_LENGTH];
  const struct { const char *name, *value; } input[] = {
    { "InputFile", par->InputFile }, { "SspFile", par->SspFile }, { "PsfFile", par->PsfFile }, { "Instrument", par->Instrument }, { "ObservedFile", par->ObservedFile },
  };
  snprintf(what, sizeof what, target->kind ? "OutputFile = %s (%s)" : "%s, written beside the first OutputFile (%s),", target->path, origin);
  CUBIX_CHECK(!stat(target->folder, &info) && S_ISDIR(info.st_mode), CUBIX_EOUTPUT, "%s: there is no folder %s; make it first", what, target->folder);
  exists = !stat(target->path, &info);
  CUBIX_CHECK(!exists || S_ISREG(info.st_mode), CUBIX_EOUTPUT, "%s exists and is not a file; choose another name", what);
  for (size_t i = 0; i < sizeof input / sizeof input[0]; i++)
    CUBIX_CHECK(!cubix_beside_same(target->path, input[i].value), CUBIX_EOUTPUT,
                "%s is the %s as well and would replace it; choose another name", what, input[i].name);
  CUBIX_CHECK(!exists || par->Overwrite, CUBIX_EOUTPUT, "%s exists and Overwrite = no (%s); remove it, choose another name, or set Overwrite yes", what,
              cubix_params_origin(par, "Overwrite"));
  unlink(target->temporary);                     /* of a process that was killed and had our number */
  file = open(target->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
  CUBIX_CHECK(file >= 0, CUBIX_EOUTPUT, "%s: cannot create a file in %s: %s", what, target->folder, strerror(errno));
  close(file);
  unlink(target->temporary);
done:
  return status;
}

int cubix_output_check(const struct cubix_params *par)
{
  int status = CUBIX_OK, n = 0;
  const char *origin = cubix_params_origin(par, "OutputFile");
  struct target target[MAX_OUTPUT + N_BESIDE] = { 0 };
  CUBIX_TRY(targets_init(target, &n, par));
  for (int i = 0; i < n + N_BESIDE; i++) {
    CUBIX_TRY(target_check(&target[i], par, origin));
    for (int j = 0; j < i; j++)
      CUBIX_CHECK(strcmp(target[i].base, target[j].base) || !cubix_beside_same(target[i].folder, target[j].folder), CUBIX_EUSAGE,
                  "OutputFile (%s) names the same file twice: %s, %s", origin, target[j].path, target[i].path);
  }
done:
  return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */
/* Bring a closed file, or a folder's list of names, to the disk. */
static int path_sync(const char *path)
{
  int file = open(path, O_RDONLY), failed;
  if (file < 0) return -1;
  failed = fsync(file);
  close(file);
  return failed;
}

/* A text under its temporary name; without print: the used values. */
static int text_write(const struct target *target, const struct cubix_params *par, void (*print)(FILE *))
{
  int status = CUBIX_OK;
  const char *shown = target->path;
  FILE *out = fopen(target->temporary, "w"), *closing;
  CUBIX_CHECK(out, CUBIX_EOUTPUT, "cannot write %s: %s", shown, strerror(errno));
  if (print) print(out);
  else CUBIX_TRY(cubix_params_write_used(par, out));
  CUBIX_CHECK(!fflush(out) && !ferror(out), CUBIX_EOUTPUT, "cannot write %s: %s", shown, strerror(errno));
  closing = out;
  out = NULL;
  CUBIX_CHECK(!fclose(closing), CUBIX_EOUTPUT, "cannot write %s: %s", shown, strerror(errno));
done:
  if (out) fclose(out);
  return status;
}

static int result_check(const struct cubix_result *result, const struct cubix_blocks *blocks, const struct target *target, int n)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *snap = &result->slab->snapshot;
  const struct cubix_cube *cube = result->cube;
  CUBIX_CHECK(!cube->margin && cube->n_x == result->ins->n_x && cube->n_y == result->ins->n_y && (blocks || cube->n_lambda == result->ins->n_lambda),
              CUBIX_EFAIL, "the cube has %d x %d spaxels with a margin of %d, the instrument %d x %d: the PSF has not been applied",
              cube->n_x, cube->n_y, cube->margin, result->ins->n_x, result->ins->n_y);
  for (int i = 0; i < n + N_BESIDE; i++) {
    for (int f = 0; f < snap->n_file; f++)
      CUBIX_CHECK(!cubix_beside_same(target[i].path, snap->file[f]), CUBIX_EOUTPUT,
                  "the output %s is a member of the InputFile as well and would replace it; choose another name", target[i].path);
  }
done:
  return status;
}

static int target_rename(const struct target *target)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!rename(target->temporary, target->path), CUBIX_EOUTPUT, "cannot rename %s to %s: %s", target->temporary, target->path, strerror(errno));
done:
  return status;
}

int cubix_output_write(const void *host, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK, n = 0;
  const struct cubix_result *result = host;
  struct target target[MAX_OUTPUT + N_BESIDE] = { 0 };
  CUBIX_TRY(targets_init(target, &n, result->par));
  CUBIX_TRY(result_check(result, blocks, target, n));
  for (int i = 0; i <= n + USED; i++) {
    struct target *t = &target[i];
    strcpy(temporary[i], t->temporary);
    n_temporary = i + 1;
    if (t->kind) CUBIX_TRY(t->kind->write(result, blocks, t->temporary, t->path));
    else CUBIX_TRY(text_write(t, result->par, NULL));
    CUBIX_CHECK(!path_sync(t->temporary), CUBIX_EOUTPUT, "cannot write %s: %s", t->path, strerror(errno));
  }
  for (int i = 0; i <= n + USED; i++) CUBIX_TRY(target_rename(&target[i]));
  n_temporary = 0;
  for (int i = 0; i < n; i++) path_sync(target[i].folder);     /* some file systems refuse it for folders; the files are safe anyway */
done:
  if (status) cubix_output_abandon();
  return status;
}

int cubix_output_timings(const struct cubix_params *par, void (*print)(FILE *))
{
  int status = CUBIX_OK, n = 0;
  struct target target[MAX_OUTPUT + N_BESIDE] = { 0 }, *t;
  CUBIX_TRY(targets_init(target, &n, par));
  t = &target[n + TIMINGS];
  strcpy(temporary[0], t->temporary);
  n_temporary = 1;
  CUBIX_TRY(text_write(t, par, print));
  CUBIX_TRY(target_rename(t));
  n_temporary = 0;
done:
  if (status) cubix_output_abandon();
  return status;
}
