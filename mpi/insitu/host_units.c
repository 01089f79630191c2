/* host_units.c -- the units of a simulation, in kpc, km/s and Msun.
 *
 * With lengths x a/h, masses m/h and velocities u sqrt(a) (comoving codes), or all three as they are.  A unit within
 * 0.1 % of a power of ten of kpc or Msun is that, as it is in snapshots: codes carry solar masses of 1.989e33 g and
 * kiloparsecs of four digits, and mean the same. */
#include <math.h>

#include "base/error.h"
#include "mpi/insitu/insitu.h"
#include "physics/constants.h"

static double nominal(double unit)
{
  const double power = pow(10, round(log10(unit)));
  return fabs(unit / power - 1) < 1e-3 ? power : unit;
}

int cubix_insitu_unit_of(double unit[3], const double cgs[3], double a, double h, int root_a)
{
  static const char *const what[3] = { "length", "velocity", "mass" };
  int status = CUBIX_OK;
  for (int i = 0; i < 3; i++)
    CUBIX_CHECK(isfinite(cgs[i]) && cgs[i] > 0, CUBIX_EUSAGE, "the unit of %s is %g; it must be finite and above 0 cgs",
                what[i], cgs[i]);
  CUBIX_CHECK(isfinite(a) && a > 0, CUBIX_EUSAGE, "the scale factor is %g; it must be above 0, and 1 for physical "
              "lengths", a);
  CUBIX_CHECK(isfinite(h) && h > 0 && h <= 10, CUBIX_EUSAGE,
              "h is %g; it is H0/(100 km/s/Mpc), and 1 for units without it", h);
  unit[0] = nominal(cgs[0] / CUBIX_KPC_CM) * a / h;
  unit[1] = nominal(cgs[1] / 1e5) * (root_a ? sqrt(a) : 1);
  unit[2] = nominal(cgs[2] / CUBIX_MSUN_G) / h;
done:
  return status;
}
