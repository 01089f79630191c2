/* chain_parts.h -- inside the chain: what it holds, and its parts. */
#ifndef CUBIX_MPI_CHAIN_PARTS_H
#define CUBIX_MPI_CHAIN_PARTS_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "fit/leaves.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "instrument/instrument.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/pipeline.h"
#include "params/params.h"
#include "physics/deposit.h"
#include "physics/population.h"
#include "physics/project.h"
#include "physics/tables.h"
#include "spectra/templates.h"

struct cubix_chain {
  struct cubix_pipeline *pipe;
  unsigned char active[CUBIX_N_LEAF];
  double mass_scale;
  struct cubix_histogram *cover;            /* of the placement; NULL: to be made */
  struct cubix_cube *cube_dot;              /* the channels that this rank owns */
  int fresh;                                /* the last forward run was with the values in use */
};

/* Sums over stars that the globals depend on: all ranks' after cubix_mpi_chain_total. */
struct cubix_chain_sums {
  double rotation[3][3];                    /* what changes with the frame's rotation */
  double centre[3], velocity[3];            /* in the file's frame */
  struct cubix_sky_bar sky;
  double receding;                          /* with a velocity added to all stars along the line of sight [1/(km/s)] */
  double mass_scale;                        /* with the logarithm of all masses */
  double length;                            /* with the standard deviation of all stars' light */
};

/* bytes of a piece of the cube; stars that are led back together */
enum { CUBIX_CHAIN_PIECE = 1 << 27, CUBIX_CHAIN_PART = 1 << 18 };

/* Channels that are worked on together: first .. first + n - 1, all of one owner. */
struct cubix_chain_piece { int owner, first, n; };

/** 1 where a derivative of the templates' rows is wanted.  Local. */
int cubix_chain_needs_rows(const struct cubix_chain *chain, const struct cubix_leaves *leaves);
/** Errors: CUBIX_EFAIL where values were put after the last forward run, or for a cube of another
 * shape, CUBIX_EUSAGE for leaves that are not active.  Local.  @param cube or NULL */
int cubix_chain_check(const struct cubix_chain *chain, const struct cubix_leaves *leaves,
                      const struct cubix_cube *cube);
/** The pieces one after the other.  Local: the same on all ranks.  @param[in,out] piece  n = 0: the
 * first  @return 0 after the last */
int cubix_chain_next(const struct cubix_chain *chain, struct cubix_chain_piece *piece);
/** A cube of field and margin for the channels of a piece, all zero.  Local.  @param cube reused */
int cubix_chain_hold(const struct cubix_chain *chain, struct cubix_cube *cube, const struct cubix_chain_piece *piece,
                     int margin);
/** Channels of a piece out of a cube that holds more of them, with the same spaxels.  Local. */
void cubix_chain_cut(struct cubix_cube *part, const struct cubix_cube *cube);
/** The other way.  Local. */
void cubix_chain_join(struct cubix_cube *cube, const struct cubix_cube *part);
/** The values of a piece from its owner to all; from all, added up, to its owner.  Collective. */
void cubix_chain_spread(struct cubix_cube *part, int owner);
void cubix_chain_gather(struct cubix_cube *part, int owner);

/** Stars that the histogram leaves out, wholly (outliers) or in some channels (leftover), and the
 * histogram of the others with values. */
struct cubix_chain_rest {
  struct cubix_placement *outliers, *leftover;    /* NULL: none */
  struct cubix_tables ending;                 /* the model with all rows dark but those that end */
  cubix_real *ending_row;
};
int cubix_chain_rest_init(struct cubix_chain_rest *rest, const struct cubix_chain *chain);
void cubix_chain_rest_free(struct cubix_chain_rest *rest);
/** The forward histogram of this rank's stars.  Local.  @param[out] histogram owned by the caller */
int cubix_chain_histogram(struct cubix_histogram **histogram, const struct cubix_chain *chain);

/* A star's records, where it has several, added up: their bars with the weights of the spaxels, and
 * the bar of its place. */
struct cubix_chain_total {
  struct cubix_star_bar bar;
  struct cubix_deposit_slope slope;
};
/** Bars of placed stars to those of the leaves of stars, and to sums; with total only to that.  Local.
 *  @param placement  some or all spaxels of the chain's, from first_spaxel on  @param star_bar
 *  [records in it] @param[in,out] total [stars of this rank] with a smooth deposit, NULL with
 *  nearest  @param[in,out] bar, sums  added to */
int cubix_chain_stars_vjp(const struct cubix_chain *chain, const struct cubix_placement *placement, size_t first_spaxel,
                          const struct cubix_star_bar *star_bar, struct cubix_chain_total *total,
                          struct cubix_leaves *bar, struct cubix_chain_sums *sums);
/** Totals, complete, to the leaves of stars and to sums.  Local. */
int cubix_chain_totals_vjp(const struct cubix_chain *chain, const struct cubix_chain_total *total,
                           struct cubix_leaves *bar, struct cubix_chain_sums *sums);
/** Tangents of the placed stars from those of the leaves.  Local.  @param[out] star_dot [records]
 * @param sky_dot, rotation_dot, receding_dot  of the globals */
void cubix_chain_stars_jvp(struct cubix_star_bar *star_dot, const struct cubix_chain *chain,
                           const struct cubix_leaves *dot, const struct cubix_chain_sums *dots);

/** A number of a leaf, 0 where the set is absent.  Local. */
static inline double cubix_leaf_of(const struct cubix_leaves *leaves, enum cubix_leaf leaf)
{
  return leaves->value[leaf] ? leaves->value[leaf][0] : 0;
}
/** R x, and R^T x, with a frame's rotation; to may be x.  Local. */
static inline void cubix_rotate(double to[3], const struct cubix_frame *frame, const double x[3])
{
  double y[3] = { x[0], x[1], x[2] };
  for (int c = 0; c < 3; c++)
    to[c] = frame->rotation[c][0] * y[0] + frame->rotation[c][1] * y[1] + frame->rotation[c][2] * y[2];
}
static inline void cubix_rotate_back(double to[3], const struct cubix_frame *frame, const double x[3])
{
  double y[3] = { x[0], x[1], x[2] };
  for (int c = 0; c < 3; c++)
    to[c] = frame->rotation[0][c] * y[0] + frame->rotation[1][c] * y[1] + frame->rotation[2][c] * y[2];
}

#endif
