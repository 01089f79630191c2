/* output.h -- what is written, whatever the file format: the voxels and maps as the user sees them,
 * and where they come from. */
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

/** Everything an output tells of; all borrowed. */
struct cubix_result {
  const struct cubix_params *par;
  const struct cubix_instrument *ins;
  const struct cubix_slab *slab;       /* counts and provenance; its particles may be gone */
  const struct cubix_frame *frame;
  const struct cubix_scene *scene;
  const struct cubix_templates *templates;
  const struct cubix_cube *cube;       /* noise-free, cropped */
  const struct cubix_engine *engine;
  const struct cubix_basis *basis;     /* NULL with the direct method */
  const struct cubix_audit *audit;
  const struct cubix_noise *noise;
  const char *device;                  /* description of the processor */
  const char *fit;                     /* how the fit ended that found these parameters; NULL: none */
  int n_rank;
};

/** Check before the work that every OutputFile has a known suffix, and that it and the texts beside
 * the first one, STEM-usedvalues and
 *  STEM-timings.txt, may be replaced and can be created; warn of what other Modes have left beside
 *  it.  Local (rank 0).  Errors: CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_output_check(const struct cubix_params *par);
/** Check, once the input was opened, that no file of the run is one that was read, as a member of a
 * set or by way of a link.  Local (rank 0).  Errors: CUBIX_EUSAGE,
 *  CUBIX_EOUTPUT. */
int cubix_output_check_apart(const struct cubix_params *par);
/** Write all OutputFiles, STEM-usedvalues beside the first: whole, or none of them.  Rank 0, while
 * the others make
 *  the blocks that it asks for.  @param host the struct cubix_result  @param blocks of channels
 *  that other ranks hold; NULL: this one holds all */
int cubix_output_write(const void *host, struct cubix_blocks *blocks);
/** Channels k0 .. k0 + n_k - 1 of a plane as the file wants them, from those held here.  Local, in
 * threads.  @param host the struct cubix_result
 *  @param[out] block [n_k][n_y][n_x] of cubix_real.  Errors: CUBIX_EFAIL for a value that is not
 *  finite. */
int cubix_output_block(const void *host, int what, int k0, int n_k, void *block, size_t n_byte);
/** Write STEM-timings.txt beside the first OutputFile; `print` fills it, and is given `host`.  Local (rank 0). */
int cubix_output_timings(const struct cubix_params *par, int (*print)(FILE *out, const void *host), const void *host);

enum { CUBIX_OUTPUT_PATH = CUBIX_DISK_PATH };
/** Name a file STEM + ending, STEM being the first OutputFile without its suffix; with `given` not
 * empty that one instead.  Local.
 *  Errors: CUBIX_EUSAGE for a name that is too long. */
int cubix_output_side_name(char path[CUBIX_OUTPUT_PATH], const struct cubix_params *par, const char *ending,
                           const char *given);
/** Check before the work, as cubix_output_check does, a file of that name.  Local (rank 0).  Errors:
 * CUBIX_EUSAGE, CUBIX_EOUTPUT. */
int cubix_output_side_check(const struct cubix_params *par, const char *ending, const char *given);
/** A file that the parameter `name` calls `given`, instead of STEM + ending, is none of the run's
 * other files.  Local (rank 0).  Errors: CUBIX_EUSAGE. */
int cubix_output_check_other(const struct cubix_params *par, const char *name, const char *ending, const char *given);
/** Bytes of an OutputFile of whatever kind, on disk.  Local. */
double cubix_output_file_bytes(const struct cubix_params *par, const struct cubix_instrument *ins);
/** Check before the work that the disks have room for all OutputFiles, and for other files.  Local
 * (rank 0).  @param other [n_other]  Errors: CUBIX_EOUTPUT. */
int cubix_output_room(const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_disk_need *other, int n_other);
/** Remove STEM + ending of an earlier run, which was checked and which this one does not write.
 * Local (rank 0).  Errors: CUBIX_EOUTPUT. */
int cubix_output_remove(const struct cubix_params *par, const char *ending);
/** What writing takes beside the cube on a rank, the others' blocks included.  Local. */
double cubix_output_bytes(const struct cubix_instrument *ins, int n_thread, int n_rank, int rank);

#endif
