/* scene.c -- from the galaxy's own kpc and erg/s to arcsec and erg/s/cm2.
 *
 * D_L from redshift and cosmology, or given; D_A = D_L/(1+z)^2 in either case (Etherington 1933),
 * so that the angular scale and the flux belong to the same galaxy.  The observer's cosmology is
 * the simulation's where the parameters do not say otherwise. */
#include "geometry/scene.h"

#include <math.h>

#include "base/error.h"
#include "math/cosmology.h"
#include "physics/constants.h"

/* Where a parameter got its value; 0 leaves it to the simulation. */
static const char *place(const struct cubix_params *par, const char *name, double value)
{
  return value > 0. ? cubix_params_origin(par, name) : "the simulation's";
}

int cubix_scene_init(struct cubix_scene *scene, const struct cubix_params *par, const struct cubix_snapshot *snapshot,
                     int flux_unit)
{
  int status = CUBIX_OK;
  double z = par->Redshift, d_l_cm;

  scene->redshift = z;
  scene->omega_m = par->OmegaMatter > 0. ? par->OmegaMatter : snapshot->omega_m;
  scene->omega_l = par->OmegaLambda > 0. ? par->OmegaLambda : snapshot->omega_l;
  scene->h = par->HubbleParam > 0. ? par->HubbleParam : snapshot->h;
  if (par->Distance > 0.) {
    scene->d_l_mpc = par->Distance;
  } else {
    CUBIX_CHECK(z > 0., CUBIX_EUSAGE,
                "Redshift = %g (%s) determines no distance; give Redshift > 0 or a Distance in Mpc", z,
                cubix_params_origin(par, "Redshift"));
    CUBIX_CHECK(scene->h > 0. && scene->omega_m > 0., CUBIX_EUSAGE,
                "OmegaMatter = %g (%s) and HubbleParam = %g (%s) must be > 0, and the simulation file does not state "
                "both; give them, or a Distance in Mpc",
                scene->omega_m, place(par, "OmegaMatter", par->OmegaMatter), scene->h,
                place(par, "HubbleParam", par->HubbleParam));
    scene->d_l_mpc = cubix_cosmology_luminosity_distance(scene->omega_m, scene->omega_l, scene->h, z);
    CUBIX_CHECK(scene->d_l_mpc > 0. && isfinite(scene->d_l_mpc), CUBIX_EUSAGE,
                "Redshift = %g (%s) has no luminosity distance with OmegaMatter = %g (%s), OmegaLambda = %g (%s); give "
                "a Distance in Mpc",
                z, cubix_params_origin(par, "Redshift"), scene->omega_m, place(par, "OmegaMatter", par->OmegaMatter),
                scene->omega_l, place(par, "OmegaLambda", par->OmegaLambda));
  }
  scene->age = scene->h > 0. && scene->omega_m > 0.
                   ? cubix_cosmology_age(scene->omega_m, scene->omega_l, scene->h, 1. / (1. + z))
                   : 0.;
  if (!isfinite(scene->age)) scene->age = 0.;
  d_l_cm = scene->d_l_mpc * CUBIX_MPC_CM;
  scene->kpc_per_arcsec = 1000. * scene->d_l_mpc / ((1. + z) * (1. + z)) * CUBIX_ARCSEC_RAD;
  scene->flux_scale = pow(10., -flux_unit) / (4. * CUBIX_PI * d_l_cm * d_l_cm);
done:
  return status;
}

int cubix_scene_moved(const struct cubix_scene *scene, const struct cubix_snapshot *snapshot)
{
  return fabs(scene->redshift - snapshot->redshift) > 1e-6 * (1. + fabs(snapshot->redshift));
}

/* d D_L/d Redshift: none where Distance is given. */
static double distance_slope(const struct cubix_scene *scene, const struct cubix_params *par)
{
  return par->Distance > 0.
             ? 0.
             : cubix_cosmology_luminosity_distance_slope(scene->omega_m, scene->omega_l, scene->h, scene->redshift);
}

void cubix_scene_vjp(const struct cubix_scene *scene, const struct cubix_params *par,
                     const struct cubix_scene *scene_bar, double *redshift_bar, double *distance_bar)
{
  double d_l_bar = scene_bar->d_l_mpc + (scene_bar->kpc_per_arcsec * scene->kpc_per_arcsec -
                                         2. * scene_bar->flux_scale * scene->flux_scale) /
                                            scene->d_l_mpc;
  *redshift_bar += scene_bar->redshift -
                   2. * scene_bar->kpc_per_arcsec * scene->kpc_per_arcsec / (1. + scene->redshift) +
                   d_l_bar * distance_slope(scene, par);
  if (par->Distance > 0.) *distance_bar += d_l_bar;
}

void cubix_scene_jvp(struct cubix_scene *scene_dot, const struct cubix_scene *scene, const struct cubix_params *par,
                     double redshift_dot, double distance_dot)
{
  double d_l_dot = par->Distance > 0. ? distance_dot : distance_slope(scene, par) * redshift_dot,
         relative = d_l_dot / scene->d_l_mpc;
  *scene_dot = (struct cubix_scene){ .redshift = redshift_dot,
                                     .d_l_mpc = d_l_dot,
                                     .kpc_per_arcsec = scene->kpc_per_arcsec *
                                                       (relative - 2. * redshift_dot / (1. + scene->redshift)),
                                     .flux_scale = -2. * scene->flux_scale * relative };
}
