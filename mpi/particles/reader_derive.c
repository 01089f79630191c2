/* reader_derive.c -- what follows from other columns.
 *
 *   masses at birth    m/f(Z, age), f the library's surviving fraction, or m, as the format says.  Stars
 *                      that were there from the beginning, with a mass at birth of 0, have today's.
 *   temperature        T = (2/3) u m_p mu/k, mu = 4/(1 + 3 X + 4 X x_e), of a monatomic gas with the
 *                      hydrogen fraction X (0.76 where the file has none) and x_e electrons per
 *                      hydrogen nucleus
 *   kernel             of a cell without one the radius GasKernel (3 V/4 pi)^(1/3), V = m/rho */
#include <math.h>

#include "mpi/particles/reader_parts.h"
#include "physics/constants.h"
#include "physics/kernel.h"

int cubix_piece_has(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field)
{
  return r->state->piece[field] && part->reads[field];
}

/* Masses of elements become fractions, and others' what is left. */
static int divide(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field,
                  const struct cubix_derived *given)
{
  double *column = cubix_slab_column(r->slab, field);
  const int of_mass = r->sim->field[field].of_mass, rest = r->sim->field[field].rest;
  if (!column || !(of_mass || rest) || !cubix_piece_has(r, part, field)) return 0;
  for (size_t q = 0; q < given->n; q++) {
    double *x = &column[given->to + q];
    if (of_mass) *x = given->mass[q] > 0 ? *x / given->mass[q] : 0;
    if (rest) *x = 1 - *x;
    if (!(*x >= 0 && *x <= 1)) return 1;
  }
  return 0;
}

static int births(const struct cubix_reader *r, const struct cubix_simpart *part, const struct cubix_derived *given)
{
  const struct cubix_slab *slab = r->slab;
  double *formed = slab->mass_formed + given->to;
  const int read = cubix_piece_has(r, part, CUBIX_FIELD_MASS_FORMED);
  const int initial = r->sim->unborn == CUBIX_UNBORN_INITIAL;
  for (size_t q = 0; q < given->n; q++) {
    if (read && (formed[q] > 0 || !initial || !(given->mass[q] > 0))) continue;
    if (read && !given->unborn[q]) return 1;
    formed[q] = given->mass[q];
    if (r->state->survival && !read)
      formed[q] /= cubix_survival_at(r->state->survival, slab->metallicity[given->to + q], slab->age[given->to + q]);
  }
  return 0;
}

static void temperatures(const struct cubix_slab *slab, const struct cubix_derived *given)
{
  for (size_t q = 0; q < given->n; q++) {
    const double x = slab->hydrogen ? slab->hydrogen[given->to + q] : 0.76,
                 mu = 4 / (1 + 3 * x + 4 * x * given->electrons[q]);
    slab->temperature[given->to + q] = 2. / 3. * 1e10 * given->energy[q] * CUBIX_MP_KB * mu;
  }
}

static void kernels(const struct cubix_slab *slab, const struct cubix_derived *given, double kernel)
{
  for (size_t q = 0; q < given->n; q++)
    slab->smoothing_length[given->to + q] =
        cubix_kernel_of_cell(kernel, given->mass[q], slab->density[given->to + q]);
}

int cubix_piece_derive(const struct cubix_reader *r, const struct cubix_simpart *part,
                       const struct cubix_derived *given)
{
  const struct cubix_slab *slab = r->slab;
  if (divide(r, part, CUBIX_FIELD_METALLICITY, given) || divide(r, part, CUBIX_FIELD_HYDROGEN, given) ||
      divide(r, part, CUBIX_FIELD_OXYGEN, given))
    return 1;
  if (slab->mass_formed && births(r, part, given)) return 1;
  if (r->sim->population != CUBIX_GAS) return 0;
  if (slab->temperature && !r->sim->field[CUBIX_FIELD_TEMPERATURE].name[0]) temperatures(slab, given);
  if (slab->smoothing_length && !r->sim->field[CUBIX_FIELD_LENGTH].name[0]) kernels(slab, given, r->state->gas_kernel);
  return 0;
}
