/* fit_parts.h -- inside mpi/: what the files of a fit share. */
#ifndef CUBIX_MPI_FIT_PARTS_H
#define CUBIX_MPI_FIT_PARTS_H

#include "fit/fit_bytes.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/fit/fit.h"

/* A row of the convergence table. */
enum { CUBIX_ROW_ITERATION, CUBIX_ROW_EVALUATION, CUBIX_ROW_VALUE, CUBIX_ROW_GRADIENT, CUBIX_ROW_STEP, CUBIX_N_ROW };

/* Curvature of the objective: the blocks of each star's unknowns, and the diagonal for those of the whole. */
struct cubix_fit_blocks {
  int p, n_probe;                           /* unknowns of a star; probes that it was estimated from */
  size_t n_star, n_shared;
  double *star, *shared;                    /* [n_star][p (p + 1)/2] lower triangles; [n_shared] */
};

struct cubix_fit_joint {
  /* unknowns, on every rank; [unknowns->n] row of each one that is here, -1: held */
  int n, *place;
  double *h;                                /* [n][n] the same on every rank */
};

/* The curvature of the objective at x, as far as it has been computed. */
struct cubix_fit_curve {
  struct cubix_optimiser_curve told;        /* the optimiser's access to it */
  struct cubix_cube weight;                 /* W at x, of the channels that this rank owns */
  struct cubix_leaves dot;
  double *x, *unit, *column;                /* [unknowns->n]; room */
  int left, filled;                         /* 1: the chain is not at x; the matrix is that of x */
  struct cubix_fit_joint joint;             /* up to CUBIX_FIT_MOST_JOINT free unknowns */
  struct cubix_fit_blocks blocks;           /* beyond */
};

struct cubix_fit {
  struct cubix_chain *chain;
  const struct cubix_params *par;
  const struct cubix_observed *obs;
  const unsigned char *varied;              /* [CUBIX_N_LEAF] */
  struct cubix_unknowns *unknowns;
  struct cubix_optimiser *state;
  struct cubix_leaves value, bar;           /* of the varied leaves */
  struct cubix_cube cube_bar;               /* the channels that this rank owns */
  double voxels, free;                      /* with a weight; unknowns that are not frozen: of all ranks */
  double *row;                              /* [n_row][CUBIX_N_ROW] */
  size_t n_row, room;
  struct cubix_fit_curve curve;
  double *scan_range[2];                    /* [unknowns->n]; NULL: other minima are not looked for */
  struct cubix_optimiser_scan scan;
  /* [unknowns->n] standard deviations of the unknowns; infinite where the cube says nothing; NULL: not found */
  double *error;
  int unsaved;                              /* restart files that could not be written */
  /* 1: errors of all unknowns together; 0: of each one with the others held */
  int joint;
};

/** Put the values of x into the chain, and make the cube.  Collective. */
int cubix_fit_forward(struct cubix_fit *fit, const double *x, const struct cubix_cube **cube);
/** Allocate cube_bar like a cube.  Collective. */
int cubix_fit_hold(struct cubix_fit *fit, const struct cubix_cube *cube);
/** The objective at x and its gradient, for the optimiser; NaN if the values are refused.
 * Collective.
 *  @param host the fit */
int cubix_fit_evaluate(void *host, const double *x, double *value, double *gradient);
/** Set the bars of the varied leaves to 0.  Local. */
void cubix_fit_clear_bars(struct cubix_fit *fit);
/** Add the state to the table.  Local. */
int cubix_fit_note(struct cubix_fit *fit, const struct cubix_optimiser *state);

/** Write the restart file; read it into state and table.  Collective.
 *  Errors: CUBIX_EINPUT for a file that is damaged, of another version, or of another fit; the
 *    chain is left at the unknowns that were read. */
int cubix_fit_save(struct cubix_fit *fit, const struct cubix_optimiser *state);
int cubix_fit_resume(struct cubix_fit *fit, const struct cubix_optimiser_problem *problem);

/** The blocks at x, where the last forward run was, from so many backward runs.  Collective.
 *  @param weight from cubix_objective_curvature
 *  @param[out] blocks free them with cubix_fit_blocks_free */
int cubix_fit_blocks_find(struct cubix_fit_blocks *blocks, struct cubix_fit *fit, const struct cubix_cube *weight,
                          const double *x, int n_probe);
/** Errors of the unknowns [n] with the other stars held.  Local. */
void cubix_fit_blocks_errors(double *error, const struct cubix_fit_blocks *blocks);
/** The diagonal of the curvature [n].  Local. */
void cubix_fit_blocks_diagonal(double *d, const struct cubix_fit_blocks *blocks);
void cubix_fit_blocks_free(struct cubix_fit_blocks *blocks);

/** Allocate the curvature of all free unknowns (stars 1) or only of those of the whole.
 * Collective; a failure concerns this rank only. */
int cubix_fit_joint_init(struct cubix_fit_joint *joint, const struct cubix_unknowns *unknowns, int stars);
/** Fill in the curvature at fit->curve.x, where the chain is.  Collective. */
int cubix_fit_joint_fill(struct cubix_fit_joint *joint, struct cubix_fit *fit);
void cubix_fit_joint_free(struct cubix_fit_joint *joint);

/** Set up what the optimiser learns about the curvature.  Collective; a failure concerns this rank
 * only. */
int cubix_fit_curve_init(struct cubix_fit *fit);
/** Move chain and weights to x, and discard what was found elsewhere.  Collective. */
int cubix_fit_curve_at(struct cubix_fit *fit, const double *x);
/** The complete curvature at x, for up to CUBIX_FIT_MOST_JOINT unknowns; the blocks at x.
 * Collective.
 *  @param host the fit
 *  @param[out] h borrowed */
int cubix_fit_curve_matrix(void *host, const double *x, const double **h);
int cubix_fit_curve_blocks(struct cubix_fit *fit, const double *x);
void cubix_fit_curve_free(struct cubix_fit_curve *curve);

/** Errors of the unknowns at the best values.  Collective. */
int cubix_fit_errors(struct cubix_fit *fit);

enum { CUBIX_FIT_VERDICT = 160 };
/** What may still be gained, in words that follow those of the end; "" if it is not known.
 * Local. */
const char *cubix_fit_promise(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);
/** Whether chi2 agrees with its degrees of freedom, in words; "" for other objectives.  Local.
 *  @return 0: the model misses the cube by far */
int cubix_fit_describes(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);

/** Whether other minima were looked for, and what was found, in words.  Local. */
const char *cubix_fit_scanned(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);

/** Write STEM-convergence.txt.  Collective. */
int cubix_fit_write_convergence(const struct cubix_fit *fit);
/** Write STEM-fit.txt and STEM-stars.hdf5.  Collective. */
int cubix_fit_write(const struct cubix_fit *fit);

#endif
