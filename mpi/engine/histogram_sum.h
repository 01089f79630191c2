/* histogram_sum.h -- the sum of all ranks' histograms. */
#ifndef CUBIX_MPI_ENGINE_HISTOGRAM_SUM_H
#define CUBIX_MPI_ENGINE_HISTOGRAM_SUM_H

#include "histogram/histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Replace every rank's histogram by the sum of all.  Collective; the same bits on any number of
 * ranks. */
int cubix_mpi_histogram_share(struct cubix_histogram **histogram);

#ifdef __cplusplus
}
#endif
#endif
