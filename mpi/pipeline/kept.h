/* kept.h -- what one pipeline leaves for the next, so that a cube like the last one begins where
 * stars are read: the instrument, its PSF's kernels, its templates, those on the velocity grid, the processor.
 *
 * Whoever makes many cubes starts with { 0 } and names it when a pipeline is opened.  What is taken
 * has the bits of what would be made anew. */
#ifndef CUBIX_MPI_KEPT_H
#define CUBIX_MPI_KEPT_H

#include <stdint.h>

#include "engine/device.h"
#include "engine/engine.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_group;
struct cubix_psf_plan;
enum { CUBIX_MOST_KEPT = 4 };     /* sets; of more kinds of cubes in turn the one not used for longest goes */

struct cubix_kept_set {
  uint64_t key[2];                /* of the parameters that they depend on */
  const struct cubix_group *group; /* the ranks that share the processor */
  struct cubix_instrument *ins;
  struct cubix_templates *templates;
  struct cubix_basis *basis;      /* of all rows of the templates, mapped from TemplateCache; else NULL */
  struct cubix_device *dev;
  struct cubix_psf_plan *psf;     /* the PSF's kernels; NULL: none */
};

struct cubix_kept {
  int n;
  struct cubix_kept_set set[CUBIX_MOST_KEPT];   /* [n] the last one used first */
};

/** A hash of the parameters that instrument, templates and processor depend on.  Local. */
int cubix_mpi_kept_key(uint64_t key[2], const struct cubix_params *par);
/** Take out the set that belongs to these parameters and to the group in use; all NULL: there is none.  Local. */
int cubix_mpi_kept_take(struct cubix_kept_set *set, struct cubix_kept *kept, const struct cubix_params *par);
/** The templates of a set, out of it, where they have the rows that are needed for this scene and speed; NULL: they
 * are made.  Local. */
struct cubix_templates *cubix_mpi_kept_templates(struct cubix_kept_set *set, const struct cubix_params *par,
                                                 const struct cubix_instrument *ins, const struct cubix_scene *scene,
                                                 double v_max);
/** The prepared templates of a set, out of it, where they are those that the engine needs; NULL: they are not.  They
 * belong to its templates.  Local. */
struct cubix_basis *cubix_mpi_kept_basis(struct cubix_kept_set *set, const struct cubix_engine *engine);
/** Put a set back, which is taken, with what has been taken out of it or made in its place, which is taken as well.
 * Local.
 *  @param basis NULL: that of the set, if any */
void cubix_mpi_kept_put(struct cubix_kept *kept, struct cubix_kept_set *set, struct cubix_instrument **ins,
                        struct cubix_templates **templates, struct cubix_basis **basis, struct cubix_device **dev);
void cubix_mpi_kept_free(struct cubix_kept *kept);

#ifdef __cplusplus
}
#endif

#endif
