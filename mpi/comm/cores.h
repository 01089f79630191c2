/* cores.h -- the cores that ranks have. */
#ifndef CUBIX_MPI_COMM_CORES_H
#define CUBIX_MPI_COMM_CORES_H

#ifdef __cplusplus
extern "C" {
#endif

/** Warn where ranks are bound to fewer cores than they have threads; on rank 0.  Collective. */
void cubix_mpi_cores_warn(void);
/** Rank 0, about to work alone, takes all cores of the node that it may run on; the others take one.  Local. */
void cubix_mpi_take_cores(void);

#ifdef __cplusplus
}
#endif
#endif
