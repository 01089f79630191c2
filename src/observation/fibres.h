/* fibres.h -- the field sampled by a bundle of fibres, and a cube rebuilt from their spectra.
 *
 * Both are linear: spectra = S painted, cube = W spectra, with matrices that a group of channels shares. */
#ifndef CUBIX_FIBRES_H
#define CUBIX_FIBRES_H

#include "cube/cube.h"
#include "instrument/instrument.h"
#include "math/sparse.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Channels whose cores are at the same places: all of them, or with refraction a few.  Its matrices are there once
 * channels of it have been seen. */
struct cubix_fibre_group {
  int first;                               /* its first channel, of all; the last is before the next group's */
  struct cubix_sparse *sample;             /* S: [n_spectrum] x spaxels of the painted field */
  struct cubix_sparse *rebuild;            /* W: spaxels of the cube x [n_spectrum] */
};

struct cubix_fibres {
  const struct cubix_instrument *ins;      /* with the cube's spaxels; borrowed */
  int n_spectrum, n_group;
  int n_box;                               /* how often light is spread over painted spaxels (fibres.c) */
  struct cubix_fibre_group *group;         /* [n_group + 1] in the order of channels; the last: first = n_lambda */
  struct cubix_cube spectra;               /* noise-free flux in the cores, as a cube of [1][n_spectrum] spaxels */
};

/** The matrices of an instrument that has a bundle.  Local.
 *  @param ins borrowed, and must outlive the fibres
 *  @param deposit  how stars are painted
 *  @param[out] fibres owned by the caller */
int cubix_fibres_open(struct cubix_fibres **fibres, const struct cubix_instrument *ins, enum cubix_Deposit deposit);
/** The group of channel k, of all channels.  Local. */
const struct cubix_fibre_group *cubix_fibres_group(const struct cubix_fibres *fibres, int k);
/** The group of a channel of a cube, counted in the cube.  Local.
 *  @param[out] n  how many channels of the cube, this one first, are in it */
const struct cubix_fibre_group *cubix_fibres_part(const struct cubix_fibres *fibres, const struct cubix_cube *cube,
                                                  size_t at, size_t *n);
/** W of channel k, also where no channel of its group is here.  Local.  @param[out] rebuild owned by the caller */
int cubix_fibres_rebuild(struct cubix_sparse **rebuild, const struct cubix_fibres *fibres, int k);
/** out = S in, or W in, each channel by its group's matrix.  Local; all threads.
 *  @param rebuild 0: S, 1: W  @param in its flux and channels  @param[out] out the same channels */
void cubix_fibres_multiply(const struct cubix_fibres *fibres, int rebuild, const struct cubix_cube *in,
                           cubix_real *out);
/** The spectra of the painted field after the PSF, and the cube rebuilt from them.  Local; all threads.
 *  @param[in,out] cube  without margin; its spaxels become those of the cube, also of its maps
 *  Source: doc/math.md section 9. */
int cubix_fibres_apply(struct cubix_fibres *fibres, struct cubix_cube *cube);
/** Sums per painted spaxel as fibres and rebuilding show them, with refraction at ReferenceWavelength.  Local.
 *  @param painted  without margin, as seen through the PSF
 *  @param[out] seen  empty; cubix_sums_free frees it */
int cubix_fibres_sums(struct cubix_sums *seen, const struct cubix_fibres *fibres, const struct cubix_sums *painted);
/** An image of the painted spaxels in channel k, as fibres and rebuilding show it.  Local.
 *  @param painted  light that went over spaxels twice (Deposit cic), and through the PSF
 *  @param[out] seen [n_y][n_x] */
int cubix_fibres_image(double *seen, const struct cubix_fibres *fibres, int k, const double *painted);
/** Sums per painted spaxel added up over the cube's.  Local.
 *  @param ins  with the cube's spaxels
 *  @param[out] cube  empty; cubix_sums_free frees it */
int cubix_fibres_gather(struct cubix_sums *cube, const struct cubix_instrument *ins, const struct cubix_sums *painted);
/** Bytes of the matrices, and of the spectra of so many channels; 0 without fibres.  Local.
 *  @param painted  with the spaxels that are painted */
double cubix_fibres_bytes(const struct cubix_instrument *painted, double n_channel);
void cubix_fibres_free(struct cubix_fibres *fibres);

#ifdef __cplusplus
}
#endif
#endif
