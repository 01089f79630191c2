/* tipsy.c -- snapshots of Gasoline and ChaNGa (NIHAO).
 *
 * A header, then records of gas, dark matter and stars in 4-byte floats.  The standard kind is XDR:
 * big-endian, with a header of 32 bytes; the native one is what a little-endian machine writes from
 * memory, with 28 bytes or, rounded up, 32.  Positions, or positions and velocities, may be doubles
 * (bDoublePos, bDoubleVel).  Nothing in the file names its kind: it is one if the counts add up and
 * records of that many particles fill it exactly.
 *
 * Units are in the parameter file of the run alone.  Masses are in dMsolUnit, lengths in dKpcUnit,
 * velocities in sqrt(G dMsolUnit/dKpcUnit), times in the length over that; in a cosmological run
 * (bComove) all of it in comoving coordinates, velocities as dx/dt, the box centred on 0, and H0 is
 * dHubble0 over the unit of time.  A star with a negative time of formation is a black hole.  The
 * masses at birth are in another file, .massform, if anywhere. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "physics/constants.h"
#include "simulation/keyfile.h"
#include "simulation/source_raw.h"

enum { GAS, DARK, STAR, N_KIND, TFORM = 1 };

/* Besides mass, position and velocity. */
static const struct {
  const char *group, *rest[5];
  int n_rest;
} kinds[N_KIND] = { { "PartType0", { "rho", "temp", "hsmooth", "metals", "phi" }, 5 },
                    { "PartType1", { "eps", "phi" }, 2 },
                    { "PartType4", { "metals", "tform", "eps", "phi" }, 4 } };

struct tipsy {
  struct cubix_raw *raw;
  char path[4096];
  int swap;                       /* 1: in the other byte order than this machine's */
  int n_header;                   /* bytes */
  int n_double;                   /* vectors of doubles: 0, 1 (positions), 2 (and velocities) */
  int comoving;                   /* 1: a cosmological run */
  double time;
  int64_t n[N_KIND], n_hole;
  uint32_t *star;                 /* [n[STAR] - n_hole] those that are stars; NULL: all */
  struct cubix_keyfile param;
};

static int little_endian(void)
{
  const int one = 1;
  return *(const char *)&one;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int64_t record_bytes(const struct tipsy *t, int kind) { return 4 * (7 + kinds[kind].n_rest + 3 * t->n_double); }

/* Where the records of a kind begin. */
static int64_t start_of(const struct tipsy *t, int kind)
{
  int64_t at = t->n_header;
  for (int k = 0; k < kind; k++) at += t->n[k] * record_bytes(t, k);
  return at;
}

/* The header in one order of bytes.  @return 0 where it contradicts itself */
static int read_header(struct tipsy *t, int swap)
{
  uint32_t n[5];                  /* all, dimensions, gas, dark matter, stars */
  t->swap = swap;
  if (cubix_raw_bytes(t->raw, 0, &t->time, sizeof t->time, swap ? 8 : 1) ||
      cubix_raw_bytes(t->raw, 8, n, sizeof n, swap ? 4 : 1))
    return 0;
  for (int k = 0; k < N_KIND; k++) t->n[k] = n[2 + k];
  return isfinite(t->time) && n[1] == 3 && n[0] > 0 && n[0] == n[2] + n[3] + n[4];
}

/* Whether it is a file of this kind, and of which sort.  @param[out] found  0: it is not */
static int recognise(struct tipsy *t, int *found)
{
  int status = CUBIX_OK;
  const int64_t size = cubix_raw_size(t->raw);
  const int little = little_endian();
  *found = 0;
  for (int i = 0; i < 3; i++) {   /* standard, native of 32 and of 28 bytes */
    t->n_header = i == 2 ? 28 : 32;
    if (!read_header(t, i == 0 ? little : !little)) continue;
    for (t->n_double = 0; t->n_double < 3; t->n_double++)
      if (start_of(t, N_KIND) == size) {
        *found = 1;
        goto done;
      }
  }
  t->n_header = 32;
  t->n_double = 0;
  for (int i = 0; i < 2; i++)
    CUBIX_CHECK(!read_header(t, i == 0 ? little : !little), CUBIX_EINPUT,
                "%s begins as a Tipsy file of %lld gas, %lld dark and %lld star particles, which take %lld bytes, but "
                "it has %lld: it is not all there, or damaged",
                t->path, (long long)t->n[GAS], (long long)t->n[DARK], (long long)t->n[STAR],
                (long long)start_of(t, N_KIND), (long long)size);
done:
  return status;
}

/* ---- the parameter file of the run ----------------------------------------------------------- */

/* Read a parameter file, unless it is one of another program: it must know a unit. */
static int read_param(struct cubix_keyfile *param, int *found, const char *path)
{
  int status = CUBIX_OK;
  char word[8];
  *found = 0;
  if (!cubix_infile_is(path)) goto done;
  CUBIX_TRY(cubix_keyfile_read(param, path, '#'));
  *found = cubix_keyfile_word(word, sizeof word, param, "dKpcUnit") ||
           cubix_keyfile_word(word, sizeof word, param, "dMsolUnit");
  if (!*found) cubix_keyfile_free(param);
done:
  return status;
}

/* The only one of a folder. */
static int search_folder(struct tipsy *t, int *found, const char *folder)
{
  int status = CUBIX_OK, one;
  char path[4200];
  struct dirent *entry;
  struct cubix_keyfile other = { .text = NULL };
  DIR *dir = opendir(folder);
  *found = 0;
  while (dir && (entry = readdir(dir))) {
    const size_t n = strlen(entry->d_name);
    if (n < 7 || strcmp(entry->d_name + n - 6, ".param")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    CUBIX_TRY(read_param(&other, &one, path));
    if (!one) continue;
    CUBIX_CHECK(!*found, CUBIX_EINPUT,
                "%s states no units, and both %s and %s may be the parameter file of its run: copy the right one to "
                "%s.param",
                t->path, t->param.path, path, t->path);
    *found = 1;
    t->param = other;
    other.text = NULL;
  }
done:
  cubix_keyfile_free(&other);
  if (dir) closedir(dir);
  return status;
}

/* FILE.param, that of its name without the number of the output, or the only one beside it. */
static int find_param(struct tipsy *t)
{
  int status = CUBIX_OK, found;
  char own[4200], stem[4200], folder[4096];
  const char *slash = strrchr(t->path, '/'), *name = slash ? slash + 1 : t->path, *dot = strrchr(name, '.');
  snprintf(own, sizeof own, "%s.param", t->path);
  snprintf(stem, sizeof stem, "%.*s.param", (int)(dot && dot > name ? dot - t->path : (long)strlen(t->path)), t->path);
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - t->path + (slash == t->path)) : 1,
           slash ? t->path : ".");
  CUBIX_TRY(read_param(&t->param, &found, own));
  if (!found) CUBIX_TRY(read_param(&t->param, &found, stem));
  if (!found) CUBIX_TRY(search_folder(t, &found, folder));
  CUBIX_CHECK(found, CUBIX_EINPUT,
              "%s states no units, and there is no parameter file of its run that does (dKpcUnit, dMsolUnit): looked "
              "for %s, %s and *.param in %s; copy it there",
              t->path, own, stem, folder);
done:
  return status;
}

/* ---- what the header says -------------------------------------------------------------------- */

static int add_number(struct tipsy *t, const char *name, double x)
{
  return cubix_raw_add_numbers(t->raw, "Header", name, &x, 1);
}

/* The universe of a cosmological run, whose unit of time is given. */
static int add_cosmology(struct tipsy *t, double time_gyr)
{
  int status = CUBIX_OK, found;
  struct cubix_source *source = cubix_raw_source(t->raw);
  double hubble, omega_m, omega_l, periodic = 0, box = 1;
  CUBIX_TRY(cubix_keyfile_need(&hubble, &t->param, "dHubble0", 0));
  CUBIX_TRY(cubix_keyfile_need(&omega_m, &t->param, "dOmega0", 0));
  CUBIX_TRY(cubix_keyfile_need(&omega_l, &t->param, "dLambda", -1));
  CUBIX_TRY(cubix_keyfile_number(&periodic, &found, &t->param, "bPeriodic"));
  if (!found)
    snprintf(source->assumed, sizeof source->assumed,
             "%.350s does not state bPeriodic: the box is taken as not periodic, as its code does", t->param.path);
  CUBIX_TRY(cubix_keyfile_number(&box, &found, &t->param, "dPeriod"));
  CUBIX_TRY(cubix_keyfile_number(&box, &found, &t->param, "dxPeriod"));
  CUBIX_TRY(add_number(t, "HubbleParam", hubble / time_gyr * CUBIX_HUBBLE_GYR / 100));
  CUBIX_TRY(add_number(t, "Omega0", omega_m));
  CUBIX_TRY(add_number(t, "OmegaLambda", omega_l));
  CUBIX_TRY(add_number(t, "BoxSize", periodic != 0 ? box : 0));
done:
  return status;
}

static int add_header(struct tipsy *t)
{
  int status = CUBIX_OK, found;
  double kpc, msun, kms, comove = 0;
  CUBIX_TRY(cubix_keyfile_need(&kpc, &t->param, "dKpcUnit", 0));
  CUBIX_TRY(cubix_keyfile_need(&msun, &t->param, "dMsolUnit", 0));
  CUBIX_TRY(cubix_keyfile_number(&comove, &found, &t->param, "bComove"));
  t->comoving = comove != 0;
  kms = sqrt(CUBIX_GRAVITY * msun / kpc);
  CUBIX_TRY(cubix_raw_add_text(t->raw, "Header", "Code", "Tipsy"));
  CUBIX_TRY(add_number(t, "Time", t->time));
  CUBIX_TRY(add_number(t, "ComovingIntegrationOn", t->comoving));
  CUBIX_TRY(add_number(t, "NumFilesPerSnapshot", 1));
  CUBIX_TRY(add_number(t, "UnitLength_in_cm", kpc * CUBIX_KPC_CM));
  CUBIX_TRY(add_number(t, "UnitMass_in_g", msun * CUBIX_MSUN_G));
  CUBIX_TRY(add_number(t, "UnitVelocity_in_cm_per_s", kms * 1e5));
  if (t->comoving) CUBIX_TRY(add_cosmology(t, kpc / kms * CUBIX_HUBBLE_GYR / 1e3));
  if (!found)
    snprintf(cubix_raw_source(t->raw)->assumed, sizeof cubix_raw_source(t->raw)->assumed,
             "%.350s does not state bComove: the run is taken as not cosmological, as its code does", t->param.path);
done:
  return status;
}

/* ---- stars and black holes ------------------------------------------------------------------- */

/* The times of formation of stars from .. from + n - 1, in floats. */
static int read_births(const struct tipsy *t, int64_t from, int64_t n, char *block, float *birth)
{
  int status = CUBIX_OK;
  const int64_t stride = record_bytes(t, STAR), at = stride - 4 * (kinds[STAR].n_rest - TFORM);
  CUBIX_CHECK(!cubix_raw_bytes(t->raw, start_of(t, STAR) + from * stride, block, (size_t)(n * stride), 1), CUBIX_EINPUT,
              "%s cannot be read in stars %lld to %lld", t->path, (long long)from,
              (long long)(from + n - 1));
  for (int64_t i = 0; i < n; i++) birth[i] = (float)cubix_raw_number(block + i * stride + at, CUBIX_RAW_F4, t->swap);
done:
  return status;
}

/* Which stars are stars. */
static int find_stars(struct tipsy *t)
{
  enum { ROWS = 1 << 16 };
  int status = CUBIX_OK;
  char *block = NULL;
  float *birth = NULL;
  int64_t n = 0;
  CUBIX_ALLOC(block, ROWS * record_bytes(t, STAR));
  CUBIX_ALLOC(birth, ROWS);
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t from = 0; from < t->n[STAR]; from += ROWS) {
      const int64_t now = t->n[STAR] - from < ROWS ? t->n[STAR] - from : ROWS;
      CUBIX_TRY(read_births(t, from, now, block, birth));
      for (int64_t i = 0; i < now; i++)
        if (pass == 0) t->n_hole += birth[i] < 0;
        else if (!(birth[i] < 0)) t->star[n++] = (uint32_t)(from + i);
    }
    if (t->n_hole == 0) goto done;
    if (pass == 1) goto done;
    CUBIX_ALLOC(t->star, t->n[STAR] - t->n_hole);
    CUBIX_TRY(cubix_raw_keep(t->raw, t->star, (size_t)(t->n[STAR] - t->n_hole) * sizeof *t->star));
  }
done:
  free(block);
  free(birth);
  return status;
}

static void tell(const struct tipsy *t)
{
  struct cubix_source *source = cubix_raw_source(t->raw);
  const size_t used = strlen(source->assumed);
  snprintf(source->note, sizeof source->note, "units are those of %.300s", t->param.path);
  if (t->n_hole == 0) return;
  if (t->comoving)
    snprintf(source->note + strlen(source->note), sizeof source->note - strlen(source->note),
             "; %lld black holes (tform < 0) are left out", (long long)t->n_hole);
  else
    snprintf(source->assumed + used, sizeof source->assumed - used,
             "%s%lld stars with tform < 0 are left out as black holes", used ? "; " : "", (long long)t->n_hole);
}

/* ---- columns --------------------------------------------------------------------------------- */

static int add_column(struct tipsy *t, int kind, const char *name, int n_c, int is_double, int64_t at)
{
  const int64_t first = start_of(t, kind) + at, word = is_double ? 8 : 4;
  struct cubix_raw_column c = { .n_row = t->n[kind], .n_c = n_c, .type = is_double ? CUBIX_RAW_F8 : CUBIX_RAW_F4,
                                .swap = t->swap, .at = { first, first + word, first + 2 * word },
                                .stride = record_bytes(t, kind), .factor = 1 };
  snprintf(c.path, sizeof c.path, "%s/%s", kinds[kind].group, name);
  if (kind == STAR) {
    c.row = t->star;
    c.n_row -= t->n_hole;
  }
  return cubix_raw_add_column(t->raw, &c);
}

static int add_columns(struct tipsy *t)
{
  int status = CUBIX_OK;
  const int64_t velocity = t->n_double > 0 ? 28 : 16, rest = velocity + (t->n_double > 1 ? 24 : 12);
  for (int k = 0; k < N_KIND; k++) {
    if (t->n[k] == 0) continue;
    CUBIX_TRY(add_column(t, k, "mass", 1, 0, 0));
    CUBIX_TRY(add_column(t, k, "pos", 3, t->n_double > 0, 4));
    CUBIX_TRY(add_column(t, k, "vel", 3, t->n_double > 1, velocity));
    for (int i = 0; i < kinds[k].n_rest; i++) CUBIX_TRY(add_column(t, k, kinds[k].rest[i], 1, 0, rest + 4 * i));
  }
done:
  return status;
}

/* ---- a number for every particle ------------------------------------------------------------- */

/* A file beside the snapshot: the count of its particles and a number for each, gas, dark matter and stars, as
 * 4-byte floats or integers, or as text, a number a line. */
struct beside {
  const char *path, *remedy;      /* of a damaged one */
  int whole;                      /* 1: integers */
  int64_t first, n;               /* which particles are wanted */
  double *x;                      /* [n] */
};

/* @param[out] is_binary  0: it is not of this form */
static int read_binary(const struct tipsy *t, const struct beside *b, int *is_binary)
{
  int status = CUBIX_OK, swap;
  const int64_t n = t->n[GAS] + t->n[DARK] + t->n[STAR];
  uint32_t count = 0, turned = 0;
  union { float f; int32_t i; } *x = NULL;
  struct cubix_raw *file = NULL;
  CUBIX_TRY(cubix_raw_open(&file, "tipsy", b->path));
  *is_binary = 0;
  if (cubix_raw_size(file) != 4 * (1 + n) || cubix_raw_bytes(file, 0, &count, 4, 1) ||
      cubix_raw_bytes(file, 0, &turned, 4, 4) || (count != (uint32_t)n && turned != (uint32_t)n))
    goto done;
  *is_binary = 1;
  swap = count != (uint32_t)n;
  CUBIX_ALLOC(x, b->n);
  CUBIX_CHECK(!cubix_raw_bytes(file, 4 * (1 + b->first), x, 4 * (size_t)b->n, swap ? 4 : 1), CUBIX_EINPUT,
              "%s cannot be read", b->path);
  for (int64_t i = 0; i < b->n; i++) b->x[i] = b->whole ? (double)x[i].i : (double)x[i].f;
done:
  free(x);
  cubix_raw_close(file);
  return status;
}

static int read_text(const struct tipsy *t, const struct beside *b)
{
  int status = CUBIX_OK;
  const int64_t n = t->n[GAS] + t->n[DARK] + t->n[STAR];
  char line[128], *end;
  FILE *stream = fopen(b->path, "r");
  CUBIX_CHECK(stream, CUBIX_EINPUT, "cannot open %s", b->path);
  for (int64_t i = -1; i < n; i++) {
    const char *got = fgets(line, sizeof line, stream);
    const double x = strtod(got ? got : "", &end);
    CUBIX_CHECK(got && end > line, CUBIX_EINPUT,
                "%s ends or holds no number in line %lld: it must hold the number of particles, %lld, and a number for "
                "each, as text or binary; %s",
                b->path, (long long)(i + 2), (long long)n, b->remedy);
    CUBIX_CHECK(i >= 0 || x == (double)n, CUBIX_EINPUT, "%s is of %.0f particles, and %s has %lld", b->path, x, t->path,
                (long long)n);
    CUBIX_CHECK(!b->whole || (fabs(x) < 0x1p31 && x == floor(x)), CUBIX_EINPUT,
                "%s: line %lld holds %.10g, and should hold an integer", b->path, (long long)(i + 2), x);
    if (i >= b->first && i - b->first < b->n) b->x[i - b->first] = x;
  }
  CUBIX_CHECK(fscanf(stream, "%1s", line) != 1, CUBIX_EINPUT,
              "%s goes on behind line %lld: by its first line it holds %lld numbers; %s", b->path, (long long)n + 1,
              (long long)n, b->remedy);
done:
  if (stream) fclose(stream);
  return status;
}

/* A column of one kind of particles. */
static int add_beside(struct tipsy *t, int kind, const char *name, const char *path, const char *remedy, int whole)
{
  int status = CUBIX_OK, is_binary;
  const int64_t n = t->n[kind], n_row = n - (kind == STAR ? t->n_hole : 0);
  struct beside b = { path, remedy, whole, 0, n, NULL };
  for (int k = 0; k < kind; k++) b.first += t->n[k];
  CUBIX_ALLOC(b.x, n);
  CUBIX_TRY(read_binary(t, &b, &is_binary));
  if (!is_binary) CUBIX_TRY(read_text(t, &b));
  for (int64_t i = 0; kind == STAR && t->star && i < n_row; i++) b.x[i] = b.x[t->star[i]];
  struct cubix_raw_column c = { .n_row = n_row, .n_c = 1, .type = whole ? CUBIX_RAW_I4 : CUBIX_RAW_F8, .factor = 1,
                                .value = b.x };
  snprintf(c.path, sizeof c.path, "%s/%s", kinds[kind].group, name);
  b.x = NULL;
  CUBIX_TRY(cubix_raw_keep(t->raw, (void *)(uintptr_t)c.value, (size_t)n * sizeof *c.value));
  CUBIX_TRY(cubix_raw_add_column(t->raw, &c));
done:
  free(b.x);
  return status;
}

static int add_birth_masses(struct tipsy *t)
{
  int status = CUBIX_OK;
  char path[4200];
  snprintf(path, sizeof path, "%s.massform", t->path);
  if (t->n[STAR] && cubix_infile_is(path))
    CUBIX_TRY(add_beside(t, STAR, "massform", path, "repair it, or take it away to do without masses at birth", 0));
done:
  return status;
}

/* Numbers of groups, of all kinds of particles. */
static int add_groups(struct tipsy *t, const char *path)
{
  int status = CUBIX_OK;
  for (int k = 0; path[0] && k < N_KIND; k++)
    if (t->n[k]) CUBIX_TRY(add_beside(t, k, "groups", path, "give another GroupCatalogue", 1));
done:
  return status;
}

int cubix_source_tipsy_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options)
{
  int status = CUBIX_OK, found;
  struct tipsy t = { .n_hole = 0 };
  snprintf(t.path, sizeof t.path, "%s", path);
  CUBIX_TRY(cubix_raw_open(&t.raw, "tipsy", path));
  CUBIX_TRY(recognise(&t, &found));
  if (!found) goto done;
  CUBIX_TRY(find_param(&t));
  CUBIX_TRY(add_header(&t));
  CUBIX_TRY(find_stars(&t));
  CUBIX_TRY(add_columns(&t));
  CUBIX_TRY(add_birth_masses(&t));
  CUBIX_TRY(add_groups(&t, options->tipsy_groups));
  tell(&t);
  *source = cubix_raw_source(t.raw);
  t.raw = NULL;
done:
  cubix_keyfile_free(&t.param);
  cubix_raw_close(t.raw);
  return status;
}
