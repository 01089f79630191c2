/* basis.h -- every template in use as a function of velocity, D[template][node][channel]: prepared
 * once, with a certified error.
 *
 * The flux density in channel k of a star of template row t and velocity v is, apart from its mass
 * and the cube's unit, the integral of the row over the channel.  As a function of v this is sum_j
 * phi_j(v) D[t][j][k] (physics/node.h), within a relative error that is certified in float64. */
#ifndef CUBIX_BASIS_H
#define CUBIX_BASIS_H

#include <stddef.h>
#include <stdint.h>

#include "physics/node.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_basis {
  struct cubix_nodes nodes;
  int n_row;                      /* rows of the library (cubix_tables.n_row) */
  int32_t *slot;                  /* [n_row] place of a library row in D, -1 where it is not in use */
  int n_template;                 /* rows in D */
  int n_lambda, n_tile;           /* channels; tiles of CUBIX_TILE, the last one padded with zeros */
  double tolerance;               /* asked for */
  /* largest relative error of the velocity grid, float64, all templates in D and all channels,
   * where there is a bound */
  double certified;
  /* [n_row] 1: the row ends within what the channels see; in the channels `at_end` it is not in D */
  unsigned char *ending;
  unsigned char *at_end;         /* [n_lambda] 1: rows that end are painted here star by star (cubix_ends_paint) */
  int n_at_end;
  /* [n_lambda] 1: no bound on the relative error: a row in use has next to no light near there */
  unsigned char *unbounded;
  int from_cache;                 /* 1: read, not built */
  char cache[1024];               /* path of the cache file, "" for none */
  void *state;                    /* basis.c's own: the tiles kept in memory, or the mapped file */
};

/** Tile of D for the multiply: [n_template][nodes.n][CUBIX_TILE] float32, 1e30 erg/s per Msun.  A
 * tile of a cache file is compared with its checksum before it is first used.  Local; any thread,
 * different tiles at once.
 *  @param buffer of cubix_basis_tile_size floats, used if the tile is neither mapped nor kept
 *  @param[out] tile borrowed: from the mapped file, the memory of the basis, or the buffer
 *  Errors: CUBIX_EINPUT if the checksums differ. */
int cubix_basis_tile(const struct cubix_basis *basis, int i, float *buffer, const float **tile);
/** Take derivatives with respect to tile i to those with respect to the template rows, and add
 * them.  The same bits with any number of threads.  Local; all threads work on it; simultaneous
 * calls need a row_bar each.
 *  @param tile_bar [n_template][nodes.n][CUBIX_TILE]
 *  @param row_bar [n_row][n_knot + 1][2] (as cubix_tables.row, but float64) */
int cubix_basis_vjp(const struct cubix_basis *basis, int i, const float *tile_bar, double *row_bar);
/** The basis of tangents: tiles that are the derivatives of the basis's along row_dot, with the
 * same nodes, rows, slots and rows left out; nothing is certified.  They are made when they are
 * needed, unless they are kept (mpi/engine/basis_keep.h).  Local; all threads.
 *  @param row_dot [n_row][row_stride], any sign
 *  @param[out] basis_dot owned by the caller; borrows row_dot and templates, from which the basis
 *    was made */
int cubix_basis_jvp(struct cubix_basis **basis_dot, const struct cubix_basis *basis,
                    const struct cubix_templates *templates, const cubix_real *row_dot);
size_t cubix_basis_tile_size(const struct cubix_basis *basis);
void cubix_basis_free(struct cubix_basis *basis);
/** The cache file that is mapped at an address; NULL: none.  If a file is cut short, or its disk
 * fails, while it is in use, SIGBUS is raised there, and a program that catches it can learn the
 * name here.  Libraries must not install signal handlers: a host program that keeps a cache on an
 * unreliable disk installs its own, or sets TemplateCache none.  Local; a signal handler may call
 * it. */
const char *cubix_basis_lost(const void *address);

#ifdef __cplusplus
}
#endif
#endif
