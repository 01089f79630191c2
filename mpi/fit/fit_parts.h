/* fit_parts.h -- inside mpi/: what the files of a fit share. */
#ifndef CUBIX_MPI_FIT_PARTS_H
#define CUBIX_MPI_FIT_PARTS_H

#include "fit/fit_bytes.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/fit/fit.h"

/* A row of the convergence table. */
enum { CUBIX_ROW_ITERATION, CUBIX_ROW_EVALUATION, CUBIX_ROW_VALUE, CUBIX_ROW_GRADIENT, CUBIX_ROW_STEP, CUBIX_N_ROW };

/* Of the objective's curvature the blocks of each star's unknowns, and the diagonal of those of the whole. */
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

/* How the objective curves at x, as far as it was asked. */
struct cubix_fit_curve {
  struct cubix_optimiser_curve told;        /* what the optimiser is told of it */
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

/** Values of x into the chain, and the cube.  Collective. */
int cubix_fit_forward(struct cubix_fit *fit, const double *x, const struct cubix_cube **cube);
/** Room for cube_bar like a cube.  Collective. */
int cubix_fit_hold(struct cubix_fit *fit, const struct cubix_cube *cube);
/** The objective at x and its gradient, for the optimiser; NaN where the values are refused.
 * Collective.  @param host the fit */
int cubix_fit_evaluate(void *host, const double *x, double *value, double *gradient);
/** Set the bars of the varied leaves to 0.  Local. */
void cubix_fit_clear_bars(struct cubix_fit *fit);
/** Note the state in the table.  Local. */
int cubix_fit_note(struct cubix_fit *fit, const struct cubix_optimiser *state);

/** Restart file: write, and read into state and table.  Collective.
 *  Errors: CUBIX_EINPUT for a file that is damaged, of another version, or of another fit; the
 *  chain is left at the unknowns that were read. */
int cubix_fit_save(struct cubix_fit *fit, const struct cubix_optimiser *state);
int cubix_fit_resume(struct cubix_fit *fit, const struct cubix_optimiser_problem *problem);

/** Blocks at x, where the last forward run was, from so many backward runs.  Collective.  @param
 * weight cubix_objective_curvature's  @param[out] blocks cubix_fit_blocks_free */
int cubix_fit_blocks_find(struct cubix_fit_blocks *blocks, struct cubix_fit *fit, const struct cubix_cube *weight,
                          const double *x, int n_probe);
/** Errors of the unknowns [n], the other stars held.  Local. */
void cubix_fit_blocks_errors(double *error, const struct cubix_fit_blocks *blocks);
/** The diagonal of the curvature [n].  Local. */
void cubix_fit_blocks_diagonal(double *d, const struct cubix_fit_blocks *blocks);
void cubix_fit_blocks_free(struct cubix_fit_blocks *blocks);

/** Room for the curvature among all free unknowns (stars 1) or those of the whole alone.
 * Collective; a failure is this rank's. */
int cubix_fit_joint_init(struct cubix_fit_joint *joint, const struct cubix_unknowns *unknowns, int stars);
/** The curvature at fit->curve.x, where the chain is.  Collective. */
int cubix_fit_joint_fill(struct cubix_fit_joint *joint, struct cubix_fit *fit);
void cubix_fit_joint_free(struct cubix_fit_joint *joint);

/** What the optimiser is to know of the curvature.  Collective; a failure is this rank's. */
int cubix_fit_curve_init(struct cubix_fit *fit);
/** Bring chain and weights to x; what was found elsewhere is forgotten.  Collective. */
int cubix_fit_curve_at(struct cubix_fit *fit, const double *x);
/** All of it at x, of up to CUBIX_FIT_MOST_JOINT unknowns; the blocks at x.  Collective.  @param
 * host the fit  @param[out] h borrowed */
int cubix_fit_curve_matrix(void *host, const double *x, const double **h);
int cubix_fit_curve_blocks(struct cubix_fit *fit, const double *x);
void cubix_fit_curve_free(struct cubix_fit_curve *curve);

/** Errors of the unknowns at the best values.  Collective. */
int cubix_fit_errors(struct cubix_fit *fit);

enum { CUBIX_FIT_VERDICT = 160 };
/** What is still to be gained, in words, to follow the end's; "" where nobody asked.  Local. */
const char *cubix_fit_promise(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);
/** Whether chi2 and its degrees of freedom fit together, in words; "" for other objectives.  Local.
 * @return 0: the model misses the cube by far */
int cubix_fit_describes(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);

/** Whether other minima were looked for, and what was found, in words.  Local. */
const char *cubix_fit_scanned(const struct cubix_fit *fit, char text[CUBIX_FIT_VERDICT]);

/** STEM-convergence.txt.  Collective. */
int cubix_fit_write_convergence(const struct cubix_fit *fit);
/** STEM-fit.txt and STEM-stars.hdf5.  Collective. */
int cubix_fit_write(const struct cubix_fit *fit);

#endif
