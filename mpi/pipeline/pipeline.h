/* pipeline.h -- from stars to the observed cube: opened once, loaded with stars, run forward any
 * number of times.
 *
 * Every mode is built on it.  Mode cube runs forward once, and frees on the way what it no longer
 * needs.  The chain (chain.h) keeps the stars, changes values between runs, and adds derivatives.
 * All ranks call the same functions in the same order; each has its own stars.  A new stage is one
 * line in pipeline.c. */
#ifndef CUBIX_MPI_PIPELINE_H
#define CUBIX_MPI_PIPELINE_H

#include "base/log.h"
#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "instrument/instrument.h"
#include "mpi/comm/group.h"
#include "mpi/comm/settings.h"
#include "mpi/comm/stage.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/kept.h"
#include "output/output.h"
#include "params/params.h"
#include "simulation/slab.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a pipeline is opened for; all 0: one forward run. */
struct cubix_pipeline_use {
  int keep_stars;                 /* 1: they stay in memory, in the sky frame, for more runs */
  int keep_library;               /* 1: so does the SSP library, so that templates can be remade */
  int keep_painted;               /* 1: so does the cube as it was before the PSF */
  /* NULL, or [CUBIX_N_LEAF] leaves whose derivatives will be asked for: memory is planned for them; borrowed */
  const unsigned char *active;
  struct cubix_kept *kept;        /* NULL, or of earlier pipelines and for later ones, borrowed: one forward run each */
  int dry_run;                    /* 1: no forward run follows; what memory one would take is logged at INFO */
};

/* Functions of a host that are called on every rank in the middle of a run; NULL: none.  What they return other than
 * 0 ends it. */
struct cubix_hooks {
  void *host;
  int (*stars)(void *host, struct cubix_slab *stars);      /* on the sky, before any light is painted */
  int (*dust)(void *host, struct cubix_slab *stars);       /* adds to their screen [mag] */
  /* adds to the flux of star i of this rank in these channels, 0 at first [n_lambda] */
  int (*light)(void *host, size_t i, int first, int n_lambda, double *flux);
  int (*painted)(void *host, struct cubix_cube *cube);     /* with its margin, before the PSF */
  int (*observed)(void *host, struct cubix_cube *cube);    /* after the PSF */
  int (*writing)(void *host, struct cubix_cube *cube);     /* once, before it is written */
};

struct cubix_fibres;
struct cubix_lines;
struct cubix_placement;
struct cubix_psf_plan;
struct cubix_pipeline {
  const struct cubix_group *group; /* the ranks that it was opened for */
  struct cubix_group *own_group;  /* made for it from a host's communicator; NULL: none */
  struct cubix_warnings warnings; /* of this run */
  struct cubix_hooks hooks;       /* may be set once it is open */
  struct cubix_params par;        /* the user's with the values in use; texts are borrowed */
  struct cubix_pipeline_use use;
  struct cubix_stages *stages;    /* records the times; NULL: nobody does */
  struct cubix_kept_set spare;    /* taken of use.kept, until it is needed */
  int at_snapshot;                /* 1: Redshift snapshot */
  double flux_scale;              /* a factor on all flux */
  struct cubix_instrument *ins;   /* spaxels that are painted, wavelengths, PSF, LSF, noise */
  struct cubix_instrument *seen;  /* with the spaxels of the cube: ins itself, but for fibres */
  struct cubix_fibres *fibres;    /* that sample the painted field; NULL: none */
  struct cubix_particles *particles;      /* the stars, at once or chunk by chunk */
  struct cubix_slab *gas;         /* this rank's gas, on the sky (mpi/particles/gas.h); NULL: nothing needs it */
  struct cubix_columns *columns;  /* through its dust; NULL: no Dust gas, or not yet */
  struct cubix_frame frame;       /* centre, systemic velocity, axes on the sky */
  struct cubix_scene scene;       /* redshift, distance, scales */
  struct cubix_templates *templates;        /* SSP templates and the cube's grid */
  struct cubix_device *dev;       /* this rank's GPU, or its cores */
  struct cubix_engine *engine;    /* how stars are painted, who owns which channels */
  struct cubix_basis *basis;      /* templates on a grid of velocities; NULL: direct method, or to be made */
  struct cubix_audit audit;       /* a few voxels recomputed, where stars are not kept */
  struct cubix_cube *cube;        /* the channels that this rank owns, and truth maps */
  struct cubix_cube *painted;     /* with keep_painted: the same before the PSF */
  struct cubix_psf_plan *psf;     /* its kernels; NULL: not made yet */
  struct cubix_lines *lines;      /* emission lines; NULL: none */
  /* sources of emission lines in their spaxels, until they are painted; with keep_stars they stay, and there are */
  struct cubix_placement *sources;
  struct cubix_slab *shining;     /* all of this rank */
  size_t *shining_of;             /* [shining->n] which cell of gas or star each is */
  double v_sources;               /* of the fastest of them [km/s] */
  double line_scale;              /* what an erg/s is in a channel of mean width */
  /* with hooks.light: where the stars of this rank are, on the sky, and how wide [kpc] */
  double (*place)[4];             /* [n_place] */
  size_t n_place;
  double v_max;                   /* of the fastest star in the field [km/s] */
  int made;                       /* 1: by forward; 2: and the host's function before writing was called */
  int moved;                      /* 1: v_max belongs to earlier values */
  int rows_changed;               /* 1: the basis was made from other templates */
  int unread;                     /* 1: the values in use need more of the library than is in memory */
};

/** Read the instrument, and check that its cube fits into memory.  Collective over the group in use,
 * which is all ranks of the program unless somebody says otherwise.
 *  @param par borrowed, and must outlive the pipeline
 *  @param stages NULL, or borrowed
 *  @param[out] pipe owned by the caller */
int cubix_mpi_pipeline_open(struct cubix_pipeline **pipe, const struct cubix_params *par,
                            const struct cubix_pipeline_use *use, struct cubix_stages *stages);
/** Read the stars, find their frame, make the templates for them and open the processor.
 * Collective.
 *  @param stars NULL: the stars of InputFile; otherwise those of this rank, which are copied, with
 *    snapshot filled in as a file would have it
 *  @param gas NULL: the gas of InputFile, where Dust or Lines ask for it; otherwise that of this rank,
 *    which is copied (mpi/particles/gas.h) */
int cubix_mpi_pipeline_load(struct cubix_pipeline *pipe, const struct cubix_slab *stars, const struct cubix_slab *gas);
/** Find where the stars are and which engine is to paint them, and paint nothing; cubix_cube's budget is known then.
 * Collective. */
int cubix_mpi_pipeline_survey(struct cubix_pipeline *pipe);
/** Make the cube of the values in use, noise-free and after the PSF: pipe->cube.  Collective.  It
 * can be repeated only with keep_stars. */
int cubix_mpi_pipeline_forward(struct cubix_pipeline *pipe);
/** The same for the ranks of a communicator of a host program, which is duplicated, and freed at the
 * close.  Every later call with this pipeline is for these ranks, and gives back what it set in the
 * process (mpi/comm/settings.h).  Pipelines on other communicators may work at the same time, of other
 * ranks, or be called in between.  Collective over comm. */
int cubix_mpi_pipeline_open_on(struct cubix_pipeline **pipe, MPI_Comm comm, const struct cubix_params *par,
                               const struct cubix_pipeline_use *use, struct cubix_stages *stages);
/** Make the pipeline's ranks those that work together, and collect warnings for it; every function
 * that is given a pipeline or a chain begins with it.  And leave again: one that was opened on a
 * communicator leaves the process as it was.  Local. */
struct cubix_settings cubix_mpi_pipeline_enter(struct cubix_pipeline *pipe);
void cubix_mpi_pipeline_leave(const struct cubix_pipeline *pipe, const struct cubix_settings *before);
/** An error if a function of the host returned another status than 0.  Local.  @param when it was called */
int cubix_mpi_pipeline_hook_check(int returned, const char *when);
/** Everything that an output states about the forward run except the noise; all borrowed.
 * Local. */
void cubix_mpi_pipeline_result(struct cubix_result *result, const struct cubix_pipeline *pipe);
/** Collective for one that was opened on a communicator. */
void cubix_mpi_pipeline_close(struct cubix_pipeline *pipe);

#ifdef __cplusplus
}
#endif
#endif
