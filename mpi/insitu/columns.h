/* columns.h -- inside mpi/insitu: the columns that a host puts, until forward takes them. */
#ifndef CUBIX_MPI_INSITU_COLUMNS_H
#define CUBIX_MPI_INSITU_COLUMNS_H

#include <stddef.h>

#include "simulation/slab.h"

enum { CUBIX_MOST_INSITU_COLUMN = 24, CUBIX_N_INSITU_HEADER = 5 };

struct cubix_insitu_columns {
  const double *value[CUBIX_MOST_INSITU_COLUMN];    /* borrowed */
  unsigned char put[CUBIX_MOST_INSITU_COLUMN];
  size_t n[2];                    /* of stars, of gas */
  int n_put[2];                   /* columns */
  double unit[3];                 /* kpc, km/s, Msun */
  double header[CUBIX_N_INSITU_HEADER];             /* redshift, omega_m, omega_l, h, box in the host's unit */
  int has_centre, has_velocity;
  double centre[3], velocity[3];  /* in the host's units */
};

void cubix_insitu_columns_init(struct cubix_insitu_columns *columns);
int cubix_insitu_columns_units(struct cubix_insitu_columns *columns, const double unit[3]);
int cubix_insitu_columns_put(struct cubix_insitu_columns *columns, const char *name, const double *value, size_t n);
/** Stars and gas in our units, checked.  Collective.
 *  @param[out] stars, gas  cubix_slab_forget_stars them, also after a failure
 *  @param[out] has_gas 1: some rank has put gas */
int cubix_insitu_columns_take(struct cubix_slab *stars, struct cubix_slab *gas, int *has_gas,
                              const struct cubix_insitu_columns *columns);
/** Forget the columns; what is of the simulation stays.  Local. */
void cubix_insitu_columns_forget(struct cubix_insitu_columns *columns);

#endif
