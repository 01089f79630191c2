/* sources.c -- sources of emission lines, as a slab that is placed as stars are.
 *
 * They are few beside all cells or stars, and stay in memory.  What a source sheds is decided by its metallicity:
 * that of the cell, or by its oxygen, where the file has oxygen and hydrogen and the table states O/H of its sun. */
#include "mpi/lines/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "lines/ionising.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "physics/kernel.h"
#include "physics/project.h"

static const double least_length = 1e-6;    /* kpc: a kernel of width 0 has no footprint */

/* Which cells, and that their numbers make sense.
 *  @param[out] row [gas->n] */
static int pick_cells(size_t *row, size_t *n, const struct cubix_slab *gas)
{
  int status = CUBIX_OK;
  const char *file = gas->snapshot.n_file ? gas->snapshot.file[0] : "the caller's gas";
  CUBIX_CHECK(gas->sfr && gas->metallicity, CUBIX_EINPUT,
              "%s: the gas has no %s, from which Lines sfr takes what shines: set Lines stars, or none", file,
              gas->sfr ? "metallicities" : "star formation rates");
  for (size_t i = 0; i < gas->n; i++) {
    CUBIX_CHECK(gas->sfr[i] >= 0 && gas->sfr[i] <= 1e6, CUBIX_EINPUT,
                "%s: cell %zu of the gas forms %g Msun/yr; must be from 0 to 1e6: is the rate in another unit?",
                file, i, gas->sfr[i]);
    if (!(gas->sfr[i] > 0)) continue;
    CUBIX_CHECK(gas->metallicity[i] >= 0 && gas->metallicity[i] <= 1, CUBIX_EINPUT,
                "%s: cell %zu of the gas has metallicity %g; must be a mass fraction, from 0 to 1", file, i,
                gas->metallicity[i]);
    row[(*n)++] = i;
  }
done:
  return status;
}

/* @param[out] of NULL, or [to->n] */
static int take_cells(struct cubix_slab *to, size_t **of, const struct cubix_slab *gas, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  size_t n = 0, *row = NULL;
  const double kernel = par->Deposit == CUBIX_Deposit_gaussian ? cubix_kernel_radius(CUBIX_DEPOSIT_CUBIC) : 1;
  CUBIX_ALLOC(row, gas->n);
  CUBIX_TRY(pick_cells(row, &n, gas));
  CUBIX_TRY(cubix_slab_reserve(to, n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION |
                                          (gas->smoothing_length ? CUBIX_SLAB_LENGTH : 0) |
                                          (gas->screen ? CUBIX_SLAB_SCREEN : 0)));
  if (gas->oxygen && gas->hydrogen) {
    CUBIX_ALLOC(to->oxygen, n);
    CUBIX_ALLOC(to->hydrogen, n);
  }
  cubix_slab_put(to, 0, gas, row, n);
  to->n = n;
  for (size_t i = 0; i < n; i++) {
    to->mass_formed[i] = gas->sfr[row[i]];
    to->age[i] = CUBIX_IONISING_AGE;
    if (to->smoothing_length) to->smoothing_length[i] = fmax(to->smoothing_length[i] / kernel, least_length);
  }
  if (!of) goto done;
  *of = row;
  row = NULL;
done:
  free(row);
  return status;
}

/* The young stars of a chunk behind those that there are.  @param[out] of NULL, or those of this chunk */
static int add_stars(struct cubix_slab *to, size_t **of, const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  const size_t at = to->n;
  size_t n = 0, *row = NULL;
  CUBIX_ALLOC(row, stars->n);
  for (size_t i = 0; i < stars->n; i++)
    if (stars->age[i] <= CUBIX_IONISING_AGE) row[n++] = i;
  if (at) CUBIX_TRY(cubix_slab_grow(to, at + n));
  else
    CUBIX_TRY(cubix_slab_reserve(to, n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION |
                                            (stars->smoothing_length ? CUBIX_SLAB_LENGTH : 0) |
                                            (stars->screen ? CUBIX_SLAB_SCREEN : 0)));
  cubix_slab_put(to, at, stars, row, n);
  to->n = at + n;
  if (!of) goto done;
  free(*of);
  *of = row;
  row = NULL;
done:
  free(row);
  return status;
}

static int take_stars(struct cubix_slab *to, size_t **of, struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  for (size_t c = 0; c < particles->n_chunk; c++) {
    CUBIX_TRY(cubix_mpi_particles_fetch(particles, c));
    CUBIX_TRY(cubix_mpi_agree(add_stars(to, of, particles->slab)));
  }
done:
  return status;
}

int cubix_mpi_line_sources(struct cubix_slab **out, size_t **of, double *v_max, const struct cubix_params *par,
                           const struct cubix_slab *gas, struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  double fastest = 0;
  struct cubix_slab *s = NULL;
  CUBIX_MPI_ALLOC(s, 1);
  if (par->Lines == CUBIX_Lines_sfr) CUBIX_TRY(cubix_mpi_agree(take_cells(s, of, gas, par)));
  else CUBIX_TRY(take_stars(s, of, particles));
  for (size_t i = 0; i < s->n; i++) fastest = fmax(fastest, fabs(s->velocity[3 * i + 2]));
  *v_max = cubix_mpi_max(fastest);
  *out = s;
  s = NULL;
done:
  cubix_slab_free(s);
  return status;
}

int cubix_mpi_line_by_oxygen(const struct cubix_lines *lines, const struct cubix_slab *s, size_t i)
{
  const struct cubix_line_table *t = lines->table;
  return s->oxygen && s->hydrogen && t->solar_z > 0 && t->solar_oh > 0 && s->hydrogen[i] > 0 && s->oxygen[i] >= 0;
}

/* By oxygen, where it is known.  @return how many */
static int64_t by_oxygen(const struct cubix_lines *lines, struct cubix_slab *s)
{
  const struct cubix_line_table *t = lines->table;
  int64_t n = 0;
  for (size_t i = 0; i < s->n; i++) {
    if (!cubix_mpi_line_by_oxygen(lines, s, i)) continue;
    s->metallicity[i] = t->solar_z * (s->oxygen[i] / (16 * s->hydrogen[i])) / t->solar_oh;
    n++;
  }
  return n;
}

int cubix_mpi_line_count(struct cubix_lines *lines, struct cubix_slab *s, const struct cubix_tables *tables)
{
  struct cubix_line_sources *c = &lines->sources;
  double sum[3] = { 0 };
  int64_t n_clamped = 0;
  const int told = lines->told;
  const int64_t n_by_oxygen = by_oxygen(lines, s);
  for (size_t i = 0; i < s->n; i++) {
    const double log_z = s->metallicity[i] > 0 ? log10(s->metallicity[i]) : -1e3;
    const int64_t at = cubix_project(tables, s->position + 3 * i);
    int64_t field;
    sum[0] += s->mass_formed[i];
    if (log_z < lines->log_z[0] || log_z > lines->log_z[lines->n_z - 1]) {
      n_clamped++;
      sum[1] += s->mass_formed[i];
    }
    if (at >= 0 && cubix_in_field(tables, at, &field)) sum[2] += s->mass_formed[i];
  }
  cubix_mpi_collective.sum(sum, 3);
  *c = (struct cubix_line_sources){ cubix_mpi_sum_int((int64_t)s->n), cubix_mpi_sum_int(n_clamped),
                                    cubix_mpi_sum_int(n_by_oxygen), sum[0], sum[1], sum[2] };
  cubix_lines_report(lines);
  if (!c->n && !told && lines->mode == CUBIX_Lines_stars)   /* gas has told that it forms none */
    cubix_log(CUBIX_LOG_WARNING, "Lines = stars, but no star is younger than 10 Myr: the cube has no emission lines");
  return CUBIX_OK;
}
