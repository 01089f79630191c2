/* spatial_parts.h -- inside spatial: places of rows, and what kinds of indices share. */
#ifndef CUBIX_SPATIAL_PARTS_H
#define CUBIX_SPATIAL_PARTS_H

#include "simulation/simfile.h"

/* Rows of a part, and a box in which their particles are. */
struct cubix_place {
  int part;
  int far;                        /* 1: the index has left out the box, since it is not near */
  struct cubix_span rows;
  double low[3], high[3];         /* [kpc]; may reach beyond the periodic box */
};

struct cubix_spatial {
  size_t n, room;
  struct cubix_place *place;      /* [n]; NULL: the snapshot has no index */
  double centre[3], radius;       /* what is asked for [kpc] */
  const char *name;               /* "SWIFT's cells", for messages */
};

/* Kinds of indices.  They leave place NULL where the snapshot has none.  Errors: CUBIX_EINPUT: it
 * contradicts itself. */
int cubix_spatial_cells(struct cubix_spatial *spatial, const struct cubix_simfile *sim);
int cubix_spatial_hash(struct cubix_spatial *spatial, const struct cubix_simfile *sim);
/** Add a place.  Local. */
int cubix_spatial_add(struct cubix_spatial *spatial, const struct cubix_place *place);
/** The part of a type in a member; -1: it has none.  Local. */
int cubix_spatial_part(const struct cubix_simfile *sim, int member, int type);
/** A column of integers, or of three numbers a row, as a whole.  Local.
 *  @param[out] n rows; 0: there is no such column  @param[out] x owned by the caller: free */
int cubix_spatial_integers(int64_t **x, int64_t *n, const struct cubix_source *source, const char *path);
int cubix_spatial_vectors(double **x, int64_t *n, const struct cubix_source *source, const char *path);
/** Floats become doubles in their place.  Local.  @param x [n] */
void cubix_spatial_widen(double *x, size_t n);

#endif
