/* cubix-mpi.h -- the parallel half: reading, frames and sums over ranks.  With the programs' mains the only users of MPI. */
#ifndef CUBIX_MPI_H
#define CUBIX_MPI_H

#include <stdint.h>

#include "base/collective.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "geometry/frame.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/chain.h"
#include "params/params.h"
#include "simulation/slab.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/** MPI_Init, unless the host program has done so, and who we are.  Collective.  @param argc, argv may be NULL */
int cubix_mpi_start(int *argc, char ***argv);
int cubix_mpi_rank(void);
int cubix_mpi_size(void);
/** Which of how many ranks on this node.  Local after start. */
int cubix_mpi_local_rank(void);
int cubix_mpi_local_size(void);
/** The first rank of this node.  Local after start. */
int cubix_mpi_local_root(void);
/** Warn where ranks are bound to fewer cores than they have threads; on rank 0.  Collective. */
void cubix_mpi_cores_warn(void);
/** The worst status of all ranks, with the message of the lowest rank that failed.  Collective: end every stage with it and nobody hangs. */
int cubix_mpi_agree(int status);
/** Do all ranks come to the same call?  For programs in other languages, whose ranks may be out of step, or end one by one, without an error of the library's:
 *  a meeting before every collective call keeps them from waiting for each other for ever.  Collective with the other ranks' meetings.
 *  @param call  a number for what this rank is about to do, the same on every rank; 0: nothing more
 *  @param[in,out] flag  1 where it is 1 on any rank  @param[out] other [2] where the answer is no: a rank that is elsewhere, and its number
 *  @return 1: all do the same; 0: they do not */
int cubix_mpi_meet(int call, int *flag, int other[2]);
/** MPI_Finalize, where cubix_mpi_start began it.  Collective.  @return the exit status that belongs to status */
int cubix_mpi_finish(int status);

/** Wait for all ranks without burning the cores that others may need.  Collective. */
void cubix_mpi_wait(void);
/** Rank 0, about to work alone, takes all cores of the node that it may run on; the others take one.  Local. */
void cubix_mpi_take_cores(void);

/** A text file that rank 0 reads ("-": standard input), known to all.  Collective.  @param[out] text owned by the caller: free */
int cubix_mpi_text_read(char **text, const char *path);
/** Parameters from a file that rank 0 reads ("-": standard input) and from the command line, known to all.  Collective.  @param[out] par owned by the caller */
int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides);
/** Centre, systemic velocity and orientation; SelectRadius is applied.  Collective; bit-identical for any number of ranks.
 *  @param slab all stars; without any column where nothing is to be found from them */
int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_slab *slab);

/** The processor that Backend asks for; the ranks of a node divide its GPUs.  Collective.  @param[out] dev owned by the caller */
int cubix_mpi_device_open(struct cubix_device **dev, const struct cubix_params *par);
/** Method, combination and owners of channels for all ranks' stars: the same on all ranks.  Collective.  @param rates of this rank's processor
 *  @param[out] engine owned by the caller */
int cubix_mpi_engine_choose(struct cubix_engine **engine, const struct cubix_params *par, const struct cubix_model *mod, const struct cubix_survey *survey,
                            const struct cubix_rates *rates);
/** Prepare the templates that the engine needs, near the processor: none for the direct method, to which it falls back where no velocity grid is
 *  certified.  Collective.
 *  @param[out] basis owned by the caller; NULL with the direct method */
int cubix_mpi_engine_prepare(struct cubix_engine *engine, struct cubix_basis **basis, struct cubix_device *dev, const struct cubix_params *par, const struct cubix_model *mod);
/** 1 where the cache (TemplateCache) holds the basis that an engine with this reach and tolerance needs.  Collective.  @param[out] step of its nodes [km/s] */
int cubix_mpi_basis_probe(int *prepared, double *step, const struct cubix_params *par, const struct cubix_model *mod, const struct cubix_engine *engine);
/** The step that a basis will most likely have, from a sample of rows and channels [km/s]; 0: none serves.  Collective.  @param engine  its reach, tolerance and rows in use */
int cubix_mpi_basis_step(double *step, const struct cubix_model *mod, const struct cubix_engine *engine);
/** Prepare the templates on the velocity grid: from the cache, or fitted and certified by all ranks together.  Collective.
 *  @param[out] basis owned by the caller; NULL where no step of the grid is certified */
int cubix_mpi_basis_build(struct cubix_basis **basis, const struct cubix_params *par, const struct cubix_model *mod, const struct cubix_engine *engine);
/** Replace every rank's histogram by the sum of all.  Collective; the same bits on any number of ranks. */
int cubix_mpi_histogram_share(struct cubix_histogram **histogram);
/* Stars that no histogram serves, to be painted one by one. */
struct cubix_far {
  size_t n, room;
  struct cubix_far_star *star;    /* [room] the first n are there */
};
/** Note the stars of a placement that pass a test.  Local. */
int cubix_mpi_far_add(struct cubix_far *far, const struct cubix_placement *placement, cubix_star_test *test, const void *host);
/** The stars noted by this rank, or with `all` those of all ranks, on every rank, within a spaxel in the order of the file.
 *  Collective.  @param[out] placement owned by the caller */
int cubix_mpi_far_gather(struct cubix_placement **placement, const struct cubix_far *far, size_t n_spaxel, int all);
void cubix_mpi_far_free(struct cubix_far *far);
/** Paint the placed stars into the channels that this rank shall hold: those that it owns, or all with Combine cube.  Collective.
 *  @param[in,out] audit the evidence of this rank's stars is added  @param basis NULL with the direct method  @param crowd gives up its stars */
int cubix_mpi_cube_paint(struct cubix_cube *cube, struct cubix_audit *audit, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_model *mod,
                         struct cubix_crowd *crowd, struct cubix_device *dev);
/** Add up what is still apart: maps and budgets on rank 0, and with Combine cube the cubes; every rank then holds the channels that it owns.  Collective. */
int cubix_mpi_cube_sum(struct cubix_cube *cube, const struct cubix_engine *engine);
/** Draw a few dozen voxels, for which cubix_audit_examine then collects the evidence of the stars.  Local: the same on every rank.
 *  @param basis NULL with the direct method  @param survey of all ranks' stars */
int cubix_mpi_audit_draw(struct cubix_audit *audit, const struct cubix_params *par, const struct cubix_basis *basis, const struct cubix_model *mod, const struct cubix_survey *survey);
/** Compare the summed cube with the evidence of all ranks.  Collective.  Errors: CUBIX_EFAIL above engine->tolerance.  @param cube the channels that this rank owns */
int cubix_mpi_audit_judge(struct cubix_audit *audit, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_model *mod, const struct cubix_cube *cube);

/** What this run will take of the node's memory, from sizes alone, against what is free.  Collective.  What is told of it: DEBUG, or INFO where `say` is set.
 *  Errors: CUBIX_EUSAGE where it cannot fit, with the largest items and the remedy.
 *  @param scene, mod, crowd  NULL: not known yet, and taken for nothing  @param active NULL, or the derivatives that will be asked for
 *  @param dev of this rank, where mod is given */
int cubix_mpi_memory_check(const struct cubix_params *par, const struct cubix_instrument *ins, const struct cubix_scene *scene, const struct cubix_model *mod,
                           struct cubix_crowd *crowd, const unsigned char *active, const struct cubix_device *dev, int say);

/** Sums and extremes over the ranks, for those parts of libcubix that hold channels of one cube. */
extern const struct cubix_owners cubix_mpi_owners;
/** Rank 0 does the work, with blocks of channels that the others make when it asks; they must hold all n_lambda channels in the order of ranks.
 *  Collective.  @param host of work and make  @return each rank's own status */
int cubix_mpi_blocks_share(const struct cubix_cube *cube, int n_lambda, cubix_block_work *work, cubix_block_make *make, const void *host);

/** Largest of all ranks; NaN where a rank has NaN.  Collective. */
double cubix_mpi_max(double x);
/** Smallest of all ranks, likewise.  Collective. */
double cubix_mpi_min(double x);
/** Sum over ranks, on every rank.  Collective. */
int64_t cubix_mpi_sum_int(int64_t x);
/** Component-wise median over all ranks (even n: mean of the middle two) of the particles with use[i] != 0 (use NULL: all).  Collective.
 *  @param x [n][n_c]  @param[out] median [n_c] */
int cubix_mpi_median(double *median, const double *x, const unsigned char *use, size_t n, int n_c);

#ifdef __cplusplus
}
#endif
#endif
