/* star_check.c -- whether numbers make stars.
 *
 * Bounds are those of cubix_field_bounds.  Stars within a box, wherever they lie in it, cannot be
 * further apart than its side, but for those that move out of it during a step: where they are,
 * BoxSize is in another unit, and nearest images would fold a galaxy. */
#include "mpi/particles/star_check.h"

#include <math.h>
#include <mpi.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/group.h"
#include "physics/constants.h"
#include "math/cosmology.h"
#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

int cubix_star_check(const char *name, enum cubix_field field, const double *x, size_t n_star, int code)
{
  int status = CUBIX_OK;
  const struct cubix_field_info *info = &cubix_field_table[field];
  const size_t n_c = (size_t)info->n_c;
  const char *thing = strncmp(name, "Gas", 3) ? "star" : "cell";
  const int pure = strcmp(info->unit, "1") == 0;
  double low, high;
  cubix_field_bounds(&low, &high, field);
  for (size_t i = 0; i < n_star * n_c; i++)
    CUBIX_CHECK(x[i] >= low && x[i] <= high, code,
                "%s of %s %zu (of 0 to %zu) is %g%s%s; it must be finite and in %g..%g", name, thing, i / n_c,
                n_star - 1, x[i], pure ? "" : " ", pure ? "" : info->unit, info->low, info->high);
  for (size_t i = 0; field == CUBIX_FIELD_VELOCITY && i < n_star; i++)
    CUBIX_CHECK(
        cubix_star_speed(x + 3 * i) < CUBIX_C_KMS, code,
        "star %zu (of 0 to %zu) moves at %.6g km/s, beyond the speed of light: are the velocities in cm/s or m/s?", i,
        n_star - 1, cubix_star_speed(x + 3 * i));
done:
  return status;
}

int cubix_mpi_star_extent_check(const double low[3], const double high[3], double box, int code)
{
  int status = CUBIX_OK;
  const double slack = 1.01;
  double end[6];
  if (!(box > 0)) goto done;
  for (int c = 0; c < 3; c++) {
    end[c] = -low[c];
    end[3 + c] = high[c];
  }
  MPI_Allreduce(MPI_IN_PLACE, end, 6, MPI_DOUBLE, MPI_MAX, cubix_mpi_group()->comm);
  for (int c = 0; c < 3; c++)
    CUBIX_CHECK(
        end[3 + c] + end[c] <= slack * box, code,
        "the stars are %.6g kpc apart along %c, but the box (BoxSize) has a side of %.6g kpc, and would fold them: "
        "is BoxSize in another unit than the positions, kpc against Mpc, or with another power of h or a?  Where there "
        "is no periodic box, it must be 0",
        end[3 + c] + end[c], 'x' + c, box);
done:
  return status;
}

int cubix_mpi_star_box_check(const double *position, size_t n_star, double box, int code)
{
  double low[3] = { INFINITY, INFINITY, INFINITY }, high[3] = { -INFINITY, -INFINITY, -INFINITY };
  for (size_t i = 0; i < 3 * n_star; i++) {
    low[i % 3] = fmin(low[i % 3], position[i]);
    high[i % 3] = fmax(high[i % 3], position[i]);
  }
  return cubix_mpi_star_extent_check(low, high, box, code);
}

int cubix_snapshot_given_check(const double snapshot[5])
{
  static const char *const name[5] = { "Redshift", "OmegaMatter", "OmegaLambda", "HubbleParam", "BoxSize" };
  int status = CUBIX_OK;
  for (int i = 0; i < 5; i++)
    CUBIX_CHECK(isfinite(snapshot[i]) && (snapshot[i] >= 0 || (i == 0 && snapshot[i] > -1)), CUBIX_EINPUT,
                "the simulation's %s is %g; it must be finite and %s", name[i], snapshot[i],
                i == 0 ? "above -1" : "not negative");
  CUBIX_CHECK(snapshot[3] <= CUBIX_LARGEST_H, CUBIX_EINPUT,
              "the simulation's HubbleParam is %g; it is H0/(100 km/s/Mpc) and must be at most %g", snapshot[3],
              CUBIX_LARGEST_H);
done:
  return status;
}

int cubix_stars_given_check(const struct cubix_params *par, const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!(par->ResampleYoung > 0), CUBIX_EUSAGE,
              "ResampleYoung = %g Msun (%s) applies to files only: stars given as arrays are all used as they are; set "
              "it to 0",
              par->ResampleYoung, cubix_params_origin(par, "ResampleYoung"));
  CUBIX_CHECK(!(par->SelectRadius > 0), CUBIX_EUSAGE,
              "SelectRadius = %g (%s) applies to files only, and stars given as arrays are all used: give only those "
              "wanted, and SelectRadius 0",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"));
  CUBIX_CHECK(!stars->n || stars->smoothing_length ||
                  cubix_params_unmet(par, CUBIX_NEEDS_LENGTH " with SmoothingLength file"),
              CUBIX_EUSAGE,
              "the stars have no smoothing lengths, which Deposit %s (%s) takes with SmoothingLength file: give them, "
              "or a SmoothingLength in kpc, or another Deposit",
              cubix_Deposit_word[par->Deposit], cubix_params_origin(par, "Deposit"));
  CUBIX_CHECK(!stars->n || stars->potential || !par->Centre.word || strcmp(par->Centre.word, "potential"),
              CUBIX_EUSAGE,
              "the stars have no potential, in which Centre potential (%s) looks for the centre: give Centre three "
              "numbers, or median or auto",
              cubix_params_origin(par, "Centre"));
  CUBIX_TRY(cubix_centre_check(par, &stars->snapshot));
done:
  return status;
}
