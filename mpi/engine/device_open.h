/* device_open.h -- opening this rank's processor. */
#ifndef CUBIX_MPI_ENGINE_DEVICE_OPEN_H
#define CUBIX_MPI_ENGINE_DEVICE_OPEN_H

#include "engine/device.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Open the processor that Backend asks for; the ranks of a node divide its GPUs among themselves.
 * Collective.
 *  @param[out] dev owned by the caller */
int cubix_mpi_device_open(struct cubix_device **dev, const struct cubix_params *par);

#ifdef __cplusplus
}
#endif
#endif
