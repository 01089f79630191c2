/* output.h -- what is written, in whatever format: the voxels and maps as the user sees them, and
 * where they come from. */
#ifndef CUBIX_OUTPUT_H
#define CUBIX_OUTPUT_H

#include <stdio.h>

#include "base/collective.h"
#include "base/disk.h"
#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "instrument/instrument.h"
#include "observation/noise.h"
#include "params/params.h"
#include "simulation/slab.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_band_psf;
struct cubix_covariance;
struct cubix_fibres;
struct cubix_lines;
/** Everything that goes into an output; all borrowed. */
struct cubix_result {
  const struct cubix_params *par;
  const struct cubix_instrument *ins;
  const struct cubix_instrument *painted;  /* with the spaxels that were painted and went through the PSF */
  const struct cubix_fibres *fibres;   /* that the cube was rebuilt from; NULL: none */
  const struct cubix_slab *slab;       /* counts and provenance; its particles may be freed */
  const struct cubix_frame *frame;
  const struct cubix_scene *scene;
  const struct cubix_templates *templates;
  const struct cubix_cube *cube;       /* noise-free, cropped */
  /* made while writing: sums per spaxel of the cube, as painted and through the PSF; with Losvd the fits of either,
   * [2][CUBIX_N_FIT_MAP][n_y][n_x] */
  const struct cubix_sums *sums, *seen;
  const double *losvd_fit;
  const struct cubix_band_psf *band_psf;       /* likewise: in MaNGA's layout, with fibres; NULL: none */
  const struct cubix_covariance *covariance;   /* likewise: of spaxels rebuilt from fibres; NULL: none */
  const struct cubix_engine *engine;
  const struct cubix_basis *basis;     /* NULL with the direct method */
  const struct cubix_lines *lines;     /* NULL: none */
  const struct cubix_audit *audit;
  const struct cubix_noise *noise;
  const char *device;                  /* description of the processor */
  const char *fit;                     /* how the fit that found these parameters ended; NULL: no fit */
  int n_rank;
};

/** Check before the run that every OutputFile has a known suffix, and that it and the text files
 * beside the first one, STEM-usedvalues and STEM-timings.txt, can be created or replaced; warn
 * about files that other Modes have left beside it.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_output_check(const struct cubix_params *par);
/** Check, once the input is open, that no output of the run is a file that was read, for instance a
 * member of a snapshot or the target of a link.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_output_check_apart(const struct cubix_params *par);
/** Write all OutputFiles, and STEM-usedvalues beside the first: all of them completely, or none.
 * Rank 0, while the others make the blocks that it requests.
 *  @param host the struct cubix_result
 *  @param blocks access to channels of other ranks; NULL: this rank holds all */
int cubix_output_write(const void *host, struct cubix_blocks *blocks);
/** Fill an array by the name that it has in a file: DATA, STAT or NOISEFREE [n_lambda][n_y][n_x], or a map
 * [n_y][n_x].  Rank 0, while the others make the blocks that it requests.
 *  @param blocks as for cubix_output_write
 *  Errors: CUBIX_EUSAGE for another name or another n. */
int cubix_output_array(const struct cubix_result *result, struct cubix_blocks *blocks, const char *name,
                       cubix_real *value, size_t n);
/** Make channels k0 .. k0 + n_k - 1 of a plane in the file's layout, from those held here.  Local;
 * runs in several threads.
 *  @param host the struct cubix_result
 *  @param[out] block [n_k][n_y][n_x] of cubix_real
 *  Errors: CUBIX_EFAIL for a value that is not finite. */
int cubix_output_block(const void *host, int what, int k0, int n_k, void *block, size_t n_byte);
/** Write STEM-timings.txt beside the first OutputFile; `print` fills it, and is given `host`.
 * Local (rank 0). */
int cubix_output_timings(const struct cubix_params *par, int (*print)(FILE *out, const void *host), const void *host);

enum { CUBIX_OUTPUT_PATH = CUBIX_DISK_PATH };
/** Name a file STEM + ending, with STEM the first OutputFile without its suffix; if `given` is not
 * empty, use that name instead.  Local.
 *  Errors: CUBIX_EUSAGE for a name that is too long. */
int cubix_output_side_name(char path[CUBIX_OUTPUT_PATH], const struct cubix_params *par, const char *ending,
                           const char *given);
/** The first OutputFile.  Local.  Errors: CUBIX_EUSAGE for a name that is too long. */
int cubix_output_first(char path[CUBIX_OUTPUT_PATH], const struct cubix_params *par);
/** Check a file of that name before the run, as cubix_output_check does.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_output_side_check(const struct cubix_params *par, const char *ending, const char *given);
/** Check that the file which the parameter `name` calls `given`, instead of STEM + ending, is none
 * of the run's other files.  Local (rank 0).
 *  Errors: CUBIX_EUSAGE. */
int cubix_output_check_other(const struct cubix_params *par, const char *name, const char *ending, const char *given);
/** Bytes on disk of an OutputFile of either kind.  Local. */
double cubix_output_file_bytes(const struct cubix_params *par, const struct cubix_instrument *ins);
/** Check before the run that the disks have room for all OutputFiles, and for other files.  Local
 * (rank 0).
 *  @param other [n_other]
 *  Errors: CUBIX_EOUTPUT. */
int cubix_output_room(const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_disk_need *other, int n_other);
/** Remove the file STEM + ending of an earlier run, which this run does not write.  It must have
 * been checked.  Local (rank 0).
 *  Errors: CUBIX_EOUTPUT. */
int cubix_output_remove(const struct cubix_params *par, const char *ending);
/** Bytes of the maps that are made while writing, on rank 0.  Local. */
double cubix_output_maps_bytes(const struct cubix_params *par, const struct cubix_instrument *ins);
/** Bytes that writing takes on a rank beside the cube, including the blocks of other ranks.
 * Local. */
double cubix_output_bytes(const struct cubix_instrument *ins, int n_thread, int n_rank, int rank);

#ifdef __cplusplus
}
#endif
#endif
