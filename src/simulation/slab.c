/* slab.c -- memory of a rank's particles: one array per quantity, 80 bytes per star.
 *
 * A structure of arrays, so that a kernel that needs positions reads only positions.  Every array
 * is aligned to 64 bytes. */
#include "simulation/slab.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Every column: where it stands in the slab, numbers of a particle, and what it is part of. */
static const struct { size_t at; size_t n_c; unsigned parts; } columns[] = {
#define COLUMN(name, n_c, parts) { offsetof(struct cubix_slab, name), n_c, parts }
  COLUMN(position, 3, CUBIX_SLAB_MOTION | CUBIX_SLAB_PLACE),
  COLUMN(velocity, 3, CUBIX_SLAB_MOTION),
  COLUMN(mass_now, 1, CUBIX_SLAB_MOTION | CUBIX_SLAB_MASS),
  COLUMN(mass_formed, 1, CUBIX_SLAB_POPULATION),
  COLUMN(age, 1, CUBIX_SLAB_POPULATION),
  COLUMN(metallicity, 1, CUBIX_SLAB_POPULATION | CUBIX_SLAB_GAS | CUBIX_SLAB_FORMING),
  COLUMN(potential, 1, CUBIX_SLAB_POTENTIAL),
  COLUMN(smoothing_length, 1, CUBIX_SLAB_LENGTH | CUBIX_SLAB_GAS | CUBIX_SLAB_FORMING),
  COLUMN(id, 1, CUBIX_SLAB_ID),   /* as wide as the others, and moved as they are */
  COLUMN(screen, 1, CUBIX_SLAB_SCREEN),
  COLUMN(density, 1, CUBIX_SLAB_GAS | CUBIX_SLAB_FORMING),
  COLUMN(sfr, 1, CUBIX_SLAB_GAS | CUBIX_SLAB_FORMING),
  COLUMN(temperature, 1, CUBIX_SLAB_GAS),
  COLUMN(hydrogen, 1, CUBIX_SLAB_GAS),
  COLUMN(oxygen, 1, CUBIX_SLAB_GAS),
  COLUMN(dust_mass, 1, CUBIX_SLAB_GAS),
  COLUMN(molecular, 1, CUBIX_SLAB_GAS),
  COLUMN(dusty, 1, CUBIX_SLAB_DUST),
  COLUMN(dust, 1, CUBIX_SLAB_DUST),
};
enum { N_COLUMN = sizeof columns / sizeof columns[0] };

static double **column_of(const struct cubix_slab *slab, int c)
{
  return (double **)(void *)((char *)(uintptr_t)slab + columns[c].at);
}

int cubix_slab_reserve(struct cubix_slab *slab, size_t n, unsigned parts)
{
  int status = CUBIX_OK;
  cubix_slab_forget_stars(slab);
  for (int c = 0; c < N_COLUMN; c++) {
    if (!(parts & columns[c].parts)) continue;
    double *x = *column_of(slab, c) = cubix_reserve(columns[c].n_c * n, sizeof(double));
    CUBIX_CHECK(x, CUBIX_ENOMEM, "cannot allocate %zu bytes for particles", columns[c].n_c * n * sizeof(double));
  }
  slab->n = n;
done:
  return status;
}

double *cubix_slab_column(const struct cubix_slab *slab, enum cubix_field field)
{
  switch (field) {
    case CUBIX_FIELD_POSITION:    return slab->position;
    case CUBIX_FIELD_VELOCITY:    return slab->velocity;
    case CUBIX_FIELD_MASS_FORMED: return slab->mass_formed;
    case CUBIX_FIELD_MASS_NOW:    return slab->mass_now;
    case CUBIX_FIELD_METALLICITY: return slab->metallicity;
    case CUBIX_FIELD_POTENTIAL:   return slab->potential;
    case CUBIX_FIELD_LENGTH:      return slab->smoothing_length;
    case CUBIX_FIELD_AGE:
    case CUBIX_FIELD_SCALE_FACTOR:
    case CUBIX_FIELD_TIME:
    case CUBIX_FIELD_CONFORMAL_TIME: return slab->age;
    case CUBIX_FIELD_DENSITY:     return slab->density;
    case CUBIX_FIELD_SFR:         return slab->sfr;
    case CUBIX_FIELD_TEMPERATURE: return slab->temperature;
    case CUBIX_FIELD_HYDROGEN:    return slab->hydrogen;
    case CUBIX_FIELD_OXYGEN:      return slab->oxygen;
    case CUBIX_FIELD_DUST_MASS:   return slab->dust_mass;
    case CUBIX_FIELD_MOLECULAR:   return slab->molecular;
    default:                      return NULL;
  }
}

double cubix_slab_bytes(double n, unsigned parts)
{
  size_t n_c = 0;
  for (int c = 0; c < N_COLUMN; c++) n_c += parts & columns[c].parts ? columns[c].n_c : 0;
  return n * (double)n_c * (double)sizeof(double);
}

double cubix_slab_held_bytes(const struct cubix_slab *slab)
{
  size_t n_c = 0;
  for (int c = 0; c < N_COLUMN; c++) n_c += *column_of(slab, c) ? columns[c].n_c : 0;
  return (double)(n_c * slab->n) * sizeof(double);
}

int cubix_slab_init(struct cubix_slab **slab, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*slab, 1);
  CUBIX_TRY(cubix_slab_reserve(*slab, n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION));
done:
  if (status) {
    cubix_slab_free(*slab);
    *slab = NULL;
  }
  return status;
}

int cubix_slab_copy(struct cubix_slab **out, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct cubix_slab *copy = NULL;
  CUBIX_ALLOC(copy, 1);
  copy->snapshot = slab->snapshot;
  copy->snapshot.file = NULL;
  copy->snapshot.file_size = NULL;
  copy->snapshot.n_file = 0;
  for (int c = 0; c < N_COLUMN; c++) {
    const double *from = *column_of(slab, c);
    const size_t n = columns[c].n_c * slab->n;
    if (!from) continue;
    double *to = *column_of(copy, c) = cubix_reserve(n, sizeof *to);
    CUBIX_CHECK(to, CUBIX_ENOMEM, "cannot allocate %zu bytes for particles", n * sizeof *to);
    memcpy(to, from, n * sizeof *to);
  }
  copy->n = slab->n;
  *out = copy;
  copy = NULL;
done:
  cubix_slab_free(copy);
  return status;
}

int cubix_slab_grow(struct cubix_slab *slab, size_t n)
{
  int status = CUBIX_OK;
  const size_t kept = slab->n < n ? slab->n : n;
  for (int c = 0; c < N_COLUMN; c++) {
    double **const x = column_of(slab, c), *more = NULL;
    if (!*x) continue;
    CUBIX_CHECK((more = cubix_reserve(columns[c].n_c * n, sizeof *more)), CUBIX_ENOMEM,
                "cannot allocate %zu bytes for particles", columns[c].n_c * n * sizeof *more);
    memcpy(more, *x, columns[c].n_c * kept * sizeof *more);
    free(*x);
    *x = more;
  }
  slab->n = n;
done:
  return status;
}

void cubix_slab_put(struct cubix_slab *to, size_t at, const struct cubix_slab *from, const size_t *row, size_t n)
{
  for (int c = 0; c < N_COLUMN; c++) {
    const size_t n_c = columns[c].n_c;
    double *const out = *column_of(to, c);
    const double *const in = *column_of(from, c);
    if (!out || !in) continue;
    for (size_t q = 0; q < n; q++) memcpy(out + (at + q) * n_c, in + row[q] * n_c, n_c * sizeof *in);
  }
}

void cubix_slab_insert(struct cubix_slab *to, size_t at, const struct cubix_slab *from)
{
  for (int c = 0; c < N_COLUMN; c++) {
    const size_t n_c = columns[c].n_c;
    double *const out = *column_of(to, c);
    const double *const in = *column_of(from, c);
    if (out && in) memcpy(out + at * n_c, in, n_c * from->n * sizeof *in);
  }
}

int cubix_slab_append(struct cubix_slab *to, const struct cubix_slab *from)
{
  int status = CUBIX_OK;
  const size_t at = to->n;
  CUBIX_TRY(cubix_slab_grow(to, at + from->n));
  cubix_slab_insert(to, at, from);
done:
  return status;
}

void cubix_slab_take(struct cubix_slab *to, struct cubix_slab *from)
{
  cubix_slab_forget_stars(to);
  for (int c = 0; c < N_COLUMN; c++) {
    *column_of(to, c) = *column_of(from, c);
    *column_of(from, c) = NULL;
  }
  to->n = from->n;
  from->n = 0;
}

/* Close the gaps in x[n][n_c], in place. */
static void keep_rows(double *x, size_t n, size_t n_c, const unsigned char *keep)
{
  size_t to = 0;
  for (size_t i = 0; i < n; i++) {
    if (!keep[i]) continue;
    for (size_t c = 0; c < n_c; c++) x[to * n_c + c] = x[i * n_c + c];
    to++;
  }
}

void cubix_slab_keep(struct cubix_slab *slab, const unsigned char *keep)
{
  size_t n = 0;
#pragma omp parallel for schedule(dynamic)
  for (int c = 0; c < N_COLUMN; c++)
    if (*column_of(slab, c)) keep_rows(*column_of(slab, c), slab->n, columns[c].n_c, keep);
  for (size_t i = 0; i < slab->n; i++) n += keep[i] != 0;
  slab->n = n;
}

void cubix_slab_forget_stars(struct cubix_slab *slab)
{
  for (int c = 0; c < N_COLUMN; c++) {
    free(*column_of(slab, c));
    *column_of(slab, c) = NULL;
  }
  slab->n = 0;
}

void cubix_slab_free(struct cubix_slab *slab)
{
  if (!slab) return;
  for (int i = 0; slab->snapshot.file && i < slab->snapshot.n_file; i++) free(slab->snapshot.file[i]);
  free(slab->snapshot.file);
  free(slab->snapshot.file_size);
  cubix_slab_forget_stars(slab);
  free(slab);
}

void cubix_centre_given(double centre[3], const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  const double unit = par->Centre.comoving ? (1 + snapshot->redshift) * snapshot->h : 1;
  for (int c = 0; c < 3; c++) centre[c] = par->Centre.x[c] / unit;
}

int cubix_centre_check(const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!par->Centre.comoving || snapshot->h > 0, CUBIX_EUSAGE,
              "Centre (%s) is in ckpc/h, but the particles come with no h (HubbleParam): give it in kpc",
              cubix_params_origin(par, "Centre"));
done:
  return status;
}
