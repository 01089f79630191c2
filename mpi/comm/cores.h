/* cores.h -- the cores that ranks may run on. */
#ifndef CUBIX_MPI_COMM_CORES_H
#define CUBIX_MPI_COMM_CORES_H

#ifdef __cplusplus
extern "C" {
#endif

/** Warn, on rank 0, if ranks are bound to fewer cores than they have threads, or if half of a node's
 * cores or more stand idle because mpirun has bound its ranks and no OMP_NUM_THREADS was chosen.  Collective. */
void cubix_mpi_cores_warn(void);
/** Give rank 0, which is about to work alone, the cores of its group on the node, as far as it may run
 * on them; the others take one each.  Local. */
void cubix_mpi_take_cores(void);

#ifdef __cplusplus
}
#endif
#endif
