/* basis_parts.h -- inside the basis: the fit of spectra on a velocity grid (basis_fit.c,
 * basis_kernel.c) and the file that keeps it (basis_cache.c). */
#ifndef CUBIX_BASIS_PARTS_H
#define CUBIX_BASIS_PARTS_H

#include "base/atomic_file.h"
#include "base/shared_memory.h"
#include "histogram/basis.h"

enum {
  CUBIX_BASIS_FIT_EXTRA  = 2,           /* nodes beyond each end of the grid that the fit has and the basis has not */
  CUBIX_BASIS_FIT_SAMPLE = 6,           /* velocities per step that are fitted */
  CUBIX_BASIS_FIT_CHECK  = 8,           /* velocities per step that are certified */
  CUBIX_BASIS_FIT_LANE   = 32,          /* rows that are worked on together */
  CUBIX_BASIS_FIT_GROUP  = 16           /* channels of a unit of work: a cache line of a tile */
};

/* Linear forms on the knot values of a window, one after the other: form i = sum over q < count[i]
 * of weight[at[i] + q] value[first[i] + q]. */
struct cubix_forms {
  int n, room_n;
  int *first, *count;
  size_t *at, used, room;
  double *weight;
};

/* Banded factors of the normal equations, the same for every row and channel: L D L^T. */
struct cubix_basis_fit_factor {
  int n;                          /* nodes of the fit: nodes.n + 2 CUBIX_BASIS_FIT_EXTRA */
  double (*lower)[5];             /* [n] L[j][j - 1 - q] */
  double *inverse;                /* [n] 1/D */
};

struct cubix_basis_fit {
  struct cubix_nodes nodes;
  struct cubix_tables tables;         /* borrows the model's tables */
  const unsigned char *covered;   /* [n_lambda], borrowed */
  const unsigned char *ending, *at_end; /* [n_row], [n_lambda] (basis.h), borrowed */
  struct cubix_basis_fit_factor factor;
  double sample_phi[CUBIX_BASIS_FIT_SAMPLE][CUBIX_N_WEIGHT];
  double *sample_doppler;         /* [(factor.n - 5) * CUBIX_BASIS_FIT_SAMPLE] lambda_obs/lambda_rest */
  double *node_doppler;           /* [nodes.n] */
  int n_check;
  double *check_doppler;          /* [n_check] rising */
  double (*check_phi)[CUBIX_N_WEIGHT];
  int *check_node;                /* [n_check] first of the six, counted from the fit's first */
  double *dark;                   /* [n_row] below it a knot counts as dark */
  /* NULL, or [n_row][row_stride] tangents, borrowed: they are fitted in place of the rows, each in
   * the way its row is treated */
  const cubix_real *instead;
};

/* A channel's forms, on the values of knots base and following: right-hand sides, B at the nodes, B
 * at the velocities of the certificate. */
struct cubix_basis_channel {
  int k, a, b, first_check;       /* a .. b: knots it rests on (cubix_basis_window) */
  struct cubix_forms rhs, exact, check;
};

/* How a row is treated in a channel: D is the fit; D_j = B(v_j); D = 0, because the row ends there. */
enum cubix_basis_way { CUBIX_FITTED, CUBIX_EXACT, CUBIX_LEFT_OUT };

/* What the vector code works on: 32 rows beside each other, value[knot value][lane], d[node of the fit][lane]. */
struct cubix_basis_fit_kernel {
  const char *name;
  /** Least-squares coefficients from the forms of the right-hand side. */
  void (*solve)(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor, const double *value,
                double *d);
  /** Values of the forms, into rows of d from `first` on. */
  void (*apply)(const struct cubix_forms *forms, const double *value, double *d);
  /** Adjoints: take the bars of the coefficients to those of the values, and add them; solve_vjp
   * overwrites its d.  They read as many rows of d as solve and apply write. */
  void (*solve_vjp)(const struct cubix_forms *rhs, const struct cubix_basis_fit_factor *factor, double *value_bar,
                    double *d);
  void (*apply_vjp)(const struct cubix_forms *forms, double *value_bar, const double *d);
  /** Raise worst[lane] to the largest |sum phi d - form|/max(form, floor[lane]). */
  void (*check)(const struct cubix_forms *forms, const int *node, const double (*phi)[CUBIX_N_WEIGHT],
                const double *value, const double *d, const double *floor, double *worst);
};
const struct cubix_basis_fit_kernel *cubix_basis_fit_kernel_best(void);

/** A fit on the grid.  Local.
 *  @param covered [n_lambda]; what tables and covered point to must outlive the fit */
int cubix_basis_fit_init(struct cubix_basis_fit *fit, const struct cubix_nodes *nodes,
                         const struct cubix_tables *tables, const unsigned char *covered);
void cubix_basis_fit_free(struct cubix_basis_fit *fit);
/** The nodes of a step.  Local. */
struct cubix_nodes cubix_basis_nodes(double reach, double step);
/** Forms of channel k; ch->a, b are there.  Local.
 *  @param check  also those of the certificate: the velocities at which the whole channel is inside
 *    the library
 *  @param sample  scratch, zeroed before the first and freed after the last channel */
int cubix_basis_channel_init(const struct cubix_basis_fit *fit, struct cubix_basis_channel *ch, int k, int base,
                             int check, struct cubix_forms *sample);
void cubix_basis_channel_free(struct cubix_basis_channel *ch);
void cubix_basis_forms_free(struct cubix_forms *forms);
/** Local.  @param dark  1: the row is not lit throughout near the channel's neighbours */
enum cubix_basis_way cubix_basis_way_of(const struct cubix_basis_fit *fit, const struct cubix_basis_channel *ch,
                                        int row, int dark);
/* Some rows in some neighbouring channels. */
struct cubix_basis_job {
  const int *row;                 /* [n_row] */
  int n_row, k0, n_k;             /* channels k0 .. k0 + n_k - 1, at most CUBIX_BASIS_FIT_GROUP */
  float *tile;                    /* NULL, or where row[0], node 0, channel k0 goes: [n_row][nodes.n][CUBIX_TILE] */
  double *worst;                  /* NULL: do not certify; raised to the largest relative error where it is checked */
  double limit;                   /* the work ends early once *worst is above it */
};

/** Fit them.  Local; any thread. */
int cubix_basis_fit_channels(const struct cubix_basis_fit *fit, const struct cubix_basis_job *job);
/** Make tiles of the basis; channels beyond the last are zero.  Local; all threads work on them
 * unless it is called by one of many.
 *  @param i [n] which tiles
 *  @param tile [n] places of cubix_basis_tile_size floats, or NULL
 *  @param worst, limit as above */
int cubix_basis_fit_tiles(const struct cubix_basis_fit *fit, const int *row, int n_row, const int *i, int n,
                          float *const *tile, double *worst, double limit);
/** The velocity of a place on the fit's grid [steps from its first interval].  Local. */
double cubix_basis_fit_velocity(const struct cubix_basis_fit *fit, double steps);
/** Knots a .. b that a channel rests on at any fitted velocity, reflections included.  Local. */
void cubix_basis_window(const struct cubix_basis_fit *fit, int k, int *a, int *b);
/* Where a row has light: everywhere, in places, nearly nowhere, nowhere at all. */
enum cubix_light { CUBIX_LIT, CUBIX_ENDS, CUBIX_DIM, CUBIX_EMPTY };
/** What a row has in knots a .. b and near them.  Local. */
enum cubix_light cubix_basis_row_light(const struct cubix_basis_fit *fit, int row, int a, int b);
/** Find the rows that end within what the channels see, the channels that see such an end, and
 * those without a bound (basis.h).  Local.
 *  @param[in,out] ending [tables.n_row], at_end, unbounded [n_lambda] set to 1 where that holds */
void cubix_basis_fit_ends(const struct cubix_basis_fit *fit, const int *row, int n_row, unsigned char *ending,
                          unsigned char *at_end, unsigned char *unbounded);

/* The checksum of a tile (src/base/hash.h). */
struct cubix_basis_sum { uint64_t word[2]; };

/* The private part of a basis. */
struct cubix_basis_state {
  struct cubix_basis_fit fit;
  unsigned char *covered;         /* [n_lambda] */
  int *row;                       /* [n_template] library row of a place in D */
  float **kept;                   /* [n_tile] tiles in memory, or NULL */
  int n_kept;                     /* the first so many */
  struct cubix_shared_memory memory; /* where they lie */
  /* the cache file */
  char *map;                      /* NULL: none */
  size_t map_size;
  int file;                       /* its descriptor, where there is a map */
  size_t first, stride;           /* bytes: where tile 0 begins, from tile to tile */
  struct cubix_basis_sum *sum;    /* [n_tile] */
  unsigned char *seen;            /* [n_tile] 0: not yet compared with sum; otherwise the result */
};

/** A basis on a grid without any tile: they are computed on demand.  Local.
 *  @param used [n_row] rows, or NULL: all
 *  @param[out] basis owned by the caller; borrows the tables of the templates, which must outlive
 *    it */
int cubix_basis_init(struct cubix_basis **basis, const struct cubix_templates *templates,
                     const struct cubix_nodes *nodes, const unsigned char *used, double tolerance);
/** Keep tiles 0 .. n - 1, which are not filled, one after the other in memory.  Local.
 *  @param[in,out] memory taken, NULL afterwards */
void cubix_basis_keep(struct cubix_basis *basis, int n, struct cubix_shared_memory *memory);
/** How many tiles may be kept in memory if there are n_copy of them on the node: the smaller of 2
 * GiB and a quarter of a copy's share of the free memory.  Local. */
int cubix_basis_room(const struct cubix_basis *basis, int n_copy);
/** The same for tiles of a known size, all of n.  Local. */
double cubix_basis_room_for(double tile_bytes, int n, int n_copy);
/** Largest relative error in a sample of rows and channels: at most that of all, at a hundredth of
 * the cost.  Local.
 *  @param part, n_part which share of the sample */
int cubix_basis_screen(const struct cubix_basis *basis, int part, int n_part, double limit, double *worst);

/* ---- the file: basis_cache.c ----------------------------------------------------------------- */
enum { CUBIX_CACHE_PATH = 1024 };

/* A hash of everything that a basis of all rows depends on. */
struct cubix_basis_key { uint64_t word[2]; };

struct cubix_basis_file {
  char folder[CUBIX_CACHE_PATH], path[CUBIX_CACHE_PATH];
  struct cubix_basis_key key;
  struct cubix_atomic_file grows; /* while it is written */
};

struct cubix_basis_key cubix_basis_key_of(const struct cubix_templates *templates, double reach, double tolerance);
/** Name of a basis's file in a folder.  Local. */
int cubix_basis_file_init(struct cubix_basis_file *file, const char *folder, const struct cubix_basis_key *key);
/** 1 if there is a complete file for this key; a file that does not match gives a warning, and is
 * replaced by the next that is made.  Local.
 *  @param[out] nodes, certified */
int cubix_basis_file_look(const struct cubix_basis_file *file, const struct cubix_templates *templates,
                          struct cubix_nodes *nodes, double *certified);
/** Map the file, and take the tiles of a basis of all rows from it.  Local.
 *  @return 1 on success */
int cubix_basis_file_map(const struct cubix_basis_file *file, struct cubix_basis *basis);
/** Whether tile i of a mapped basis is what was written; the tile is read once for that.  Local;
 * any thread. */
int cubix_basis_file_sound(const struct cubix_basis *basis, int i);
/** The tiles that have not been looked at are sound: another process of the node has read them.
 * Local. */
void cubix_basis_file_trust(struct cubix_basis *basis);
void cubix_basis_file_unmap(struct cubix_basis_state *state);
/** Make the folder, remove what killed jobs have left in it, and begin the file.  One rank.
 *  @return 1, or 0 with a warning */
int cubix_basis_file_create(struct cubix_basis_file *file);
/** Open the file that another rank has begun under a temporary name.  @return 1 or 0 */
int cubix_basis_file_join(struct cubix_basis_file *file, const char *temporary, uint64_t inode);
/** 1 if the folder has room for the tiles of the basis; 0 with a warning.  One rank. */
int cubix_basis_file_fits(const struct cubix_basis_file *file, const struct cubix_basis *basis);
/** Write tile i.  @param[out] sum  its checksum  @return 1 or 0 (errno) */
int cubix_basis_file_write(const struct cubix_basis_file *file, const struct cubix_basis *basis, int i,
                           const float *tile, struct cubix_basis_sum *sum);
/** Bring everything that this rank has written to the disk, and close the file if another rank has
 * begun it.
 *  @return 1 or 0 (errno) */
int cubix_basis_file_close(struct cubix_basis_file *file);
/** Write header and table and give the file its name: from now on it exists.  One rank, after all
 * have closed.
 *  @param sum [n_tile] of all ranks
 *  @return 1, or 0 with a warning */
int cubix_basis_file_publish(struct cubix_basis_file *file, const struct cubix_basis *basis,
                             const struct cubix_basis_sum *sum);
/** Close and remove an unfinished file.  All ranks, once none of them uses it any more. */
void cubix_basis_file_discard(struct cubix_basis_file *file);

#endif
