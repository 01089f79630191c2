/* bundle.h -- a bundle of fibres on the sky, moved between exposures, and how a cube is rebuilt from
 * its spectra. */
#ifndef CUBIX_BUNDLE_H
#define CUBIX_BUNDLE_H

#include <stddef.h>

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the order of the words of instrument.def. */
enum cubix_bundle_kind { CUBIX_BUNDLE_HEXAGON, CUBIX_BUNDLE_RINGS, CUBIX_BUNDLE_FILE };
enum cubix_dither { CUBIX_DITHER_NONE, CUBIX_DITHER_THREE, CUBIX_DITHER_SEVEN };
enum cubix_rebuild { CUBIX_REBUILD_SHEPARD, CUBIX_REBUILD_DRIZZLE };

enum { CUBIX_AT_REFERENCE = -1 }; /* a group: where cores are at ReferenceWavelength, and without refraction */

/* Places are in arcsec from the field's centre, x to the east and y to the north as long as Roll is 0.
 * Spectrum i is that of fibre i % n_fibre in dither i / n_fibre.  The air moves cores over the sky with
 * wavelength (refraction.h): those of all channels of a group are at the same places. */
struct cubix_bundle {
  int n_fibre, n_dither;
  double core;                    /* diameter of a fibre's core [arcsec] */
  double *x, *y;                  /* [n_fibre] centres of the cores */
  double *shift_x, *shift_y;      /* [n_dither] where the bundle's centre is */
  int n_group, *first;            /* [n_group + 1] first channel of each group, n_lambda; NULL: one, no refraction */
  double airmass, reference;      /* mean of the dithers; ReferenceWavelength [AA] */
  double *air_x, *air_y;          /* [n_group][n_dither] how far from where they are at ReferenceWavelength */
  enum cubix_rebuild rebuild;
  double sigma, limit;            /* CUBIX_REBUILD_SHEPARD: width of the weight, and where it ends [arcsec] */
  double drop;                    /* CUBIX_REBUILD_DRIZZLE: diameter of a drop over that of a core */
};

struct cubix_instrument_file;
/** The bundle of an instrument's file, with FibreFile and DitherFile laid over it.  Local.
 *  @param[out] bundle owned by the caller
 *  Errors: CUBIX_EINPUT, CUBIX_EUSAGE: the file has none, or keys that it needs lack; tables that make no sense. */
int cubix_bundle_read(struct cubix_bundle **bundle, const struct cubix_instrument_file *file,
                      const struct cubix_params *par);
static inline int cubix_bundle_spectra(const struct cubix_bundle *bundle)
{
  return bundle->n_fibre * bundle->n_dither;
}
/** The group of channel k.  Local. */
int cubix_bundle_group(const struct cubix_bundle *bundle, int k);
/** Centre of the core that spectrum i is of, in the channels of a group [arcsec].  Local. */
void cubix_bundle_place(const struct cubix_bundle *bundle, int group, int i, double *x, double *y);
/** Area of a core [arcsec2].  Local. */
double cubix_bundle_area(const struct cubix_bundle *bundle);
/** How far from the field's centre, in x and in y, spaxels are that a fibre gives light to at ReferenceWavelength
 *  [arcsec].  Local. */
void cubix_bundle_reach(const struct cubix_bundle *bundle, double *x, double *y);
/** How far from its core a spectrum gives light [arcsec].  Local. */
double cubix_bundle_far(const struct cubix_bundle *bundle);
/** With what weight spectrum i gives light to a spaxel of these sides about (x, y) [arcsec], before the weights of a
 *  spaxel are normalised; 0: it gives none.  Local.
 *  Source: Shepard: Law et al. 2016, AJ 152, 83, section 9.1; drizzle: Sharp et al. 2015, MNRAS 446, 1551. */
double cubix_bundle_weight(const struct cubix_bundle *bundle, int group, int i, double x, double y, double side_x,
                           double side_y);
/** A table of two columns, of which what follows a # is a comment.  Local.
 *  @param what  it holds, and what the two columns are: words of messages
 *  @param[out] x, y  [n] owned by the caller, also after an error */
int cubix_bundle_table(double **x, double **y, int *n, const char *path, const char *what, const char *columns);
void cubix_bundle_free(struct cubix_bundle *bundle);

#ifdef __cplusplus
}
#endif
#endif
