/* fit_parts.h -- inside mpi/: what the files of a fit share. */
#ifndef CUBIX_MPI_FIT_PARTS_H
#define CUBIX_MPI_FIT_PARTS_H

#include "fit.h"
#include "optimise.h"
#include "unknowns.h"

/* A row of the convergence table. */
enum { CUBIX_ROW_ITERATION, CUBIX_ROW_EVALUATION, CUBIX_ROW_VALUE, CUBIX_ROW_GRADIENT, CUBIX_ROW_STEP, CUBIX_N_ROW };

/* Of the objective's curvature the blocks of each star's unknowns, and the diagonal of those of the whole. */
struct cubix_fit_blocks {
  int p, n_probe;                           /* unknowns of a star; probes that it was estimated from */
  size_t n_star, n_shared;
  double *star, *shared;                    /* [n_star][p (p + 1)/2] lower triangles; [n_shared] */
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
  double *error;                            /* [unknowns->n] standard deviations of the unknowns; infinite where the cube says nothing; NULL: not found */
  int joint;                                /* 1: errors of all unknowns together; 0: of each one with the others held */
};

/** Values of x into the chain, and the cube.  Collective. */
int cubix_fit_forward(struct cubix_fit *fit, const double *x, const struct cubix_cube **cube);
/** Room for cube_bar like a cube.  Collective. */
int cubix_fit_hold(struct cubix_fit *fit, const struct cubix_cube *cube);
/** Set the bars of the varied leaves to 0.  Local. */
void cubix_fit_clear_bars(struct cubix_fit *fit);
/** Note the state in the table.  Local. */
int cubix_fit_note(struct cubix_fit *fit, const struct cubix_optimiser *state);

/** Restart file: write, and read into state and table.  Collective. */
int cubix_fit_save(struct cubix_fit *fit, const struct cubix_optimiser *state);
int cubix_fit_resume(struct cubix_fit *fit);

/** Blocks at x, where the last forward run was, from so many backward runs.  Collective.  @param weight cubix_objective_curvature's  @param[out] blocks cubix_fit_blocks_free */
int cubix_fit_blocks_find(struct cubix_fit_blocks *blocks, struct cubix_fit *fit, const struct cubix_cube *weight, const double *x, int n_probe);
/** Errors of the unknowns [n], the other stars held.  Local. */
void cubix_fit_blocks_errors(double *error, const struct cubix_fit_blocks *blocks);
void cubix_fit_blocks_free(struct cubix_fit_blocks *blocks);

/** Errors of the unknowns at the best values, where the last forward run was.  Collective. */
int cubix_fit_errors(struct cubix_fit *fit, const struct cubix_cube *cube);

/** STEM-convergence.txt.  Collective. */
int cubix_fit_write_convergence(const struct cubix_fit *fit);
/** STEM-fit.txt and STEM-stars.hdf5.  Collective. */
int cubix_fit_write(const struct cubix_fit *fit);

#endif
