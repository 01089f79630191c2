/* chain_parts.h -- inside the chain: what it holds, and the functions that its files share. */
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
#include "lines/line_vjp.h"
#include "mpi/engine/owners.h"
#include "mpi/engine/route.h"
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
  struct cubix_histogram *cover;            /* of the records that this rank paints; NULL: not made yet */
  struct cubix_cube *cube_dot;              /* the channels that this rank owns */
  int of_fibres;                            /* 1: what is seen are the fibres' spectra, not the cube */
  int fresh;                                /* the last forward run was with the values in use */
};

/* Sums over stars from which the derivatives with respect to globals follow. */
struct cubix_chain_sums {
  double rotation[3][3];                    /* bar of the frame's rotation */
  double centre[3], velocity[3];            /* in the file's frame */
  struct cubix_sky_bar sky;
  double receding;                          /* of a velocity added to all stars along the line of sight [1/(km/s)] */
  double mass_scale;                        /* of the logarithm of all masses */
  double length;                            /* of the standard deviation of all stars' light */
  double to_metal;                          /* of dust to metal in gas */
};

/* bytes of a piece of the cube; stars whose bars are found together */
enum { CUBIX_CHAIN_PIECE = 1 << 27, CUBIX_CHAIN_PART = 1 << 18 };

/* Channels that are worked on together: first .. first + n - 1, all of one owner. */
struct cubix_chain_piece { int owner, first, n; };

/** 1 if a derivative with respect to the templates' rows is wanted.  Local. */
int cubix_chain_needs_rows(const struct cubix_chain *chain, const struct cubix_leaves *leaves);
/** 1 if a derivative through the dust's law in every channel is wanted.  Local. */
int cubix_chain_needs_law(const struct cubix_chain *chain, const struct cubix_leaves *leaves);
/** 1 if a leaf acts by the dust in front of stars as well.  Local. */
int cubix_chain_acts_by_columns(enum cubix_leaf leaf);
/** 1 if a derivative through the dust in front of stars is wanted.  Local. */
int cubix_chain_needs_columns(const struct cubix_chain *chain, const struct cubix_leaves *leaves);
/** A dust mass that the gas has does not follow from its mass, metallicity and DustToMetal.  Local.
 *  Errors: CUBIX_EUSAGE: the leaf is one of them, and the gas has dust masses; but with Lines sfr metallicities still
 *  tell of its lines. */
int cubix_chain_weight_check(const struct cubix_chain *chain, enum cubix_leaf leaf);
/* What A(V) in front of stars, and of gas that shines, changes; or how it changes.  NULL: not at all. */
struct cubix_chain_screens { double *star, *gas; };    /* [stars], [cells] of this rank */
/** Zeroed, where a derivative through the dust is wanted.  Local.  @param screens free it even if it fails */
int cubix_chain_screens_init(struct cubix_chain_screens *screens, const struct cubix_chain *chain,
                             const struct cubix_leaves *leaves);
void cubix_chain_screens_free(struct cubix_chain_screens *screens);
/** Take what A(V) changes to places of stars and gas, and to the gas's dust.  Collective.
 *  @param[in,out] bar, sums added to, of this rank */
int cubix_chain_columns_vjp(const struct cubix_chain *chain, const struct cubix_chain_screens *screens,
                            struct cubix_leaves *bar, struct cubix_chain_sums *sums);
/** Tangents of A(V).  Collective.  @param[out] screens */
int cubix_chain_columns_jvp(struct cubix_chain_screens *screens, const struct cubix_chain *chain,
                            const struct cubix_leaves *dot, const struct cubix_chain_sums *dots);
/** Tangent of x' = R (x - c) for x' of the file's x.  Local.
 *  @param x_dot NULL: x stays */
void cubix_chain_move(double to[3], const struct cubix_chain *chain, const double *x_dot, const double c_dot[3],
                      const double r_dot[3][3], const double x[3]);
/** Take the cotangents of the cube through a screen of dust, and all that has come to the law, to DustScreen, DustRv,
 * DustSlope and 1 + z, added.  Collective.
 *  @param[in,out] k_bar  NULL where cubix_chain_needs_law is 0, or [n_lambda]: what this rank's stars give;
 *    then the sum of all */
void cubix_chain_dust_vjp(const struct cubix_chain *chain, const struct cubix_cube *cube_bar, double *k_bar,
                          struct cubix_leaves *bar, double *one_plus_z_bar);
/** Tangents of the law, and what they do to all light.  Local.
 *  @param[in,out] rate  [n_lambda] d ln of the flux, added to
 *  @param[out] k_dot  NULL, or [n_lambda] */
void cubix_chain_dust_jvp(double *rate, double *k_dot, const struct cubix_chain *chain, const struct cubix_leaves *dot);
/** Check what a derivative is given.  Local.
 *  @param cube or NULL
 *  Errors: CUBIX_EFAIL if values were put after the last forward run, or for a cube of another
 *    shape; CUBIX_EUSAGE for leaves that are not active. */
int cubix_chain_check(const struct cubix_chain *chain, const struct cubix_leaves *leaves,
                      const struct cubix_cube *cube);
/** Step through the pieces.  Local: the same on all ranks.
 *  @param[in,out] piece n = 0: start with the first
 *  @return 0 after the last */
int cubix_chain_next(const struct cubix_chain *chain, struct cubix_chain_piece *piece);
/** A zeroed cube of field and margin for a piece's channels.  Local.  @param cube reused */
int cubix_chain_hold(const struct cubix_chain *chain, struct cubix_cube *cube, const struct cubix_chain_piece *piece,
                     int margin);
/** What derivatives are taken of: the cube of the last forward run, or the spectra of the fibres.  Local. */
const struct cubix_cube *cubix_chain_seen(const struct cubix_chain *chain);
/** As cubix_chain_hold with the spaxels of what is seen, which are others than the field's where fibres sample it. */
int cubix_chain_hold_seen(const struct cubix_chain *chain, struct cubix_cube *cube,
                          const struct cubix_chain_piece *piece);
/** Copy a piece's channels out of a cube that holds more of them, with the same spaxels.  Local. */
void cubix_chain_cut(struct cubix_cube *part, const struct cubix_cube *cube);
/** Copy them back, or add them.  Local. */
void cubix_chain_join(struct cubix_cube *cube, const struct cubix_cube *part);
void cubix_chain_add(struct cubix_cube *cube, const struct cubix_cube *part);
/** Send the values of a piece from its owner to all; add up those of all on its owner.
 * Collective. */
void cubix_chain_spread(struct cubix_cube *part, int owner);
void cubix_chain_gather(struct cubix_cube *part, int owner);

/* The records that this rank paints (chain_records.c). */
struct cubix_chain_records {
  const struct cubix_placement *placement;  /* of its own stars, or where owned of all ranks' in its spaxels */
  int owned;
  size_t first;                             /* painted spaxel that the placement begins with */
  size_t *start;                            /* [n_spaxel + 1] scratch for cubix_placement_part */
  /* where owned: */
  struct cubix_owners owners;
  struct cubix_route route;
  struct cubix_placement *arrived;
};
/** Bring them.  Collective.  @param records free them even if it fails */
int cubix_chain_records_init(struct cubix_chain_records *records, const struct cubix_chain *chain);
void cubix_chain_records_free(struct cubix_chain_records *records);
/** The strip of a round, as spaxels of the placement.  Local. */
struct cubix_strip cubix_chain_records_strip(const struct cubix_chain_records *records, int round);

/** Stars that the histogram leaves out, wholly (outliers) or in some channels (leftover), and the
 * histogram of the others with values. */
struct cubix_chain_rest {
  struct cubix_placement *outliers, *leftover;    /* NULL: none */
  struct cubix_tables ending;                 /* the tables with all rows dark but those that end */
  cubix_real *ending_row;
};
int cubix_chain_rest_init(struct cubix_chain_rest *rest, const struct cubix_chain *chain,
                          const struct cubix_chain_records *records);
void cubix_chain_rest_free(struct cubix_chain_rest *rest);
/** The forward run's histogram of these records, made again.  Local.
 *  @param[out] histogram owned by the caller */
int cubix_chain_histogram(struct cubix_histogram **histogram, const struct cubix_chain *chain,
                          const struct cubix_chain_records *records);

/* What is placed: all stars, or the sources of emission lines, each a star or a cell of gas. */
struct cubix_chain_who {
  const struct cubix_chain *chain;
  const struct cubix_slab *slab;            /* on the sky */
  const struct cubix_placement *placement;  /* of all of this rank */
  struct cubix_tables tables;
  const size_t *of;                         /* [slab->n] which star or cell each is; NULL: star i is star i */
  const struct cubix_lines *lines;          /* NULL: stars */
  enum cubix_leaf mass, age, metallicity, velocity, position, length;     /* CUBIX_N_LEAF: none */
  int scaled;                               /* 1: masses are those of stars, times MassScale */
};
struct cubix_chain_who cubix_chain_stars(const struct cubix_chain *chain);
struct cubix_chain_who cubix_chain_sources(const struct cubix_chain *chain);

/* A star's records, where it has several, added up: their bars with the weights of the spaxels, and
 * the bar of its place. */
struct cubix_chain_total {
  struct cubix_star_bar bar;
  struct cubix_deposit_slope slope;
};
/** Take the bars of what is placed to those of its leaves, and add to the sums; if total is
 * given, add only to that.  Local.
 *  @param placement some or all spaxels of the chain's, from first_spaxel on
 *  @param star_bar [records in it]
 *  @param[in,out] total [who->slab->n] with a smooth deposit, NULL with nearest
 *  @param[in,out] screen_bar [stars or cells of this rank] NULL: not wanted
 *  @param[in,out] bar, sums added to */
int cubix_chain_stars_vjp(const struct cubix_chain_who *who, const struct cubix_placement *placement,
                          size_t first_spaxel, const struct cubix_star_bar *star_bar, struct cubix_chain_total *total,
                          double *screen_bar, struct cubix_leaves *bar, struct cubix_chain_sums *sums);
/** Take complete totals to the leaves and to the sums.  Local. */
int cubix_chain_totals_vjp(const struct cubix_chain_who *who, const struct cubix_chain_total *total,
                           double *screen_bar, struct cubix_leaves *bar, struct cubix_chain_sums *sums);
/** Tangents of what is placed from those of the leaves.  Local.
 *  @param[out] star_dot [records]
 *  @param screen_dot NULL, or [stars or cells of this rank]
 *  @param dots tangents of the globals */
void cubix_chain_stars_jvp(struct cubix_star_bar *star_dot, const struct cubix_chain_who *who,
                           const double *screen_dot, const struct cubix_leaves *dot,
                           const struct cubix_chain_sums *dots);

/* Sources of emission lines that a rank paints (chain_lines.c). */
struct cubix_chain_lines {
  const struct cubix_placement *placement;  /* of its own, or as its records of stars are; NULL: there are no lines */
  struct cubix_placement *arrived;
  struct cubix_route route;
  struct cubix_star_bar *star;              /* [records] bars, or tangents */
  struct cubix_lines_bar shared;            /* likewise */
};
/** Bring them; their bars are zero.  Collective.
 *  @param records of stars, which must outlive the lines
 *  @param lines free them even if it fails */
int cubix_chain_lines_init(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                           const struct cubix_chain_records *records);
void cubix_chain_lines_free(struct cubix_chain_lines *lines);
/** Cotangents of spaxels first .. last - 1 of the records, in some channels or all, to the sources.  Local.
 *  @param start [last - first + 1] room */
int cubix_chain_lines_vjp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                          const struct cubix_cube *cube_bar, size_t first, size_t last, size_t *start);
/** From the sources to the leaves and sums; those of the whole are complete then.  Collective. */
int cubix_chain_sources_vjp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                            const struct cubix_chain_screens *screens, struct cubix_leaves *bar,
                            struct cubix_chain_sums *sums);
/** Tangents of the sources, at those who paint them.  Collective. */
int cubix_chain_sources_jvp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                            const struct cubix_chain_screens *screens, const struct cubix_leaves *dot,
                            const struct cubix_chain_sums *dots);
/** Their light's, added to spaxels first .. last - 1 of the records.  Local. */
int cubix_chain_lines_jvp(struct cubix_cube *cube_dot, const struct cubix_chain_lines *lines,
                          const struct cubix_chain *chain, size_t first, size_t last, size_t *start);

/** A number of a leaf; 0 if the set is absent.  Local. */
static inline double cubix_leaf_of(const struct cubix_leaves *leaves, enum cubix_leaf leaf)
{
  return leaves->value[leaf] ? leaves->value[leaf][0] : 0;
}
/** R x, and R^T x, with the rotation of a frame; `to` may be x.  Local. */
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
