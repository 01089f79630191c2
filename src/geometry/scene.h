/* scene.h -- where the galaxy is: the redshift, distance and scales that turn kpc into spaxels and
 * luminosity into flux. */
#ifndef CUBIX_SCENE_H
#define CUBIX_SCENE_H

#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_scene {
  double redshift;
  double omega_m, omega_l, h;     /* the observer's cosmology */
  double d_l_mpc;                 /* luminosity distance */
  double kpc_per_arcsec;
  double age;                     /* of the universe at the redshift [Gyr]; 0: unknown */
  double flux_scale;              /* luminosity [erg/s] -> flux [10^unit erg/s/cm2]: 10^-unit/(4 pi D_L^2) */
};

/** 1 if the galaxy is observed at another redshift than its snapshot's.  Local. */
int cubix_scene_moved(const struct cubix_scene *scene, const struct cubix_snapshot *snapshot);
/** Set redshift, cosmology and scales, for a cube in 10^flux_unit erg/s/cm2/AA.  Local.  Source:
 * doc/math.md section 1. */
int cubix_scene_init(struct cubix_scene *scene, const struct cubix_params *par, const struct cubix_snapshot *snapshot,
                     int flux_unit);

/** Reverse derivative: from the bars of the scene's redshift, d_l_mpc, kpc_per_arcsec and
 * flux_scale (other members are ignored) to those of Redshift and Distance, added.  If Distance is
 * 0 the luminosity distance follows the redshift.  Local. */
void cubix_scene_vjp(const struct cubix_scene *scene, const struct cubix_params *par,
                     const struct cubix_scene *scene_bar, double *redshift_bar, double *distance_bar);
/** Forward derivative: tangents of redshift, d_l_mpc, kpc_per_arcsec and flux_scale.  Local. */
void cubix_scene_jvp(struct cubix_scene *scene_dot, const struct cubix_scene *scene, const struct cubix_params *par,
                     double redshift_dot, double distance_dot);

#ifdef __cplusplus
}
#endif
#endif
