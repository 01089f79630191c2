/* model.h -- everything tabulated once, before the first star: templates on their knots (broadened by the LSF), channels, spaxel grid. */
#ifndef CUBIX_MODEL_H
#define CUBIX_MODEL_H

#include "instrument.h"
#include "params.h"
#include "physics/view.h"
#include "scene.h"
#include "slab.h"
#include "ssp.h"

struct cubix_model {
  struct cubix_ssp *ssp;          /* what was read; its luminosities are released once they are in `row` */
  cubix_real *row;                /* see physics/view.h */
  double *light, *log_z, *log_age;
  int32_t *first;
  struct cubix_view view;         /* points into the above and into the instrument */
  /* per channel, for DQ and the LSF table */
  unsigned char *covered;         /* [n_lambda] 1: the library covers the channel at every |v| <= v_max */
  double *fwhm_template;          /* [n_lambda] AA observed, as the library states it, times 1 + z */
  double *fwhm_cube;              /* [n_lambda] AA observed: what a narrow line has in the cube */
  int n_uncovered, n_too_broad;   /* channels */
  int n_pixel_broad;              /* channels where only template and pixel together are too broad, by more than 1 % */
};

/** Largest |v| along the line of sight of the stars that fall into field and margin [km/s].  Local.  @param slab in the sky frame */
double cubix_model_fastest(const struct cubix_instrument *ins, const struct cubix_scene *scene, const struct cubix_slab *slab);
/** Read the library, broaden it, tabulate.  Local.  @param v_max cubix_model_fastest of all ranks
 *  @param[out] mod owned by the caller; borrows ins, which must outlive it */
int cubix_model_build(struct cubix_model **mod, const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_scene *scene, double v_max);
/** 1 where the library's own resolution, redshifted, is coarser than the instrument's (DQ 4).  Local.  Reads fwhm_template. */
int cubix_model_too_broad(const struct cubix_model *mod, const struct cubix_instrument *ins, int k);
void cubix_model_free(struct cubix_model *mod);

#endif
