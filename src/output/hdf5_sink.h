/* hdf5_sink.h -- HDF5 files written so that a full disk is an error like any other. */
#ifndef CUBIX_OUTPUT_H5SINK_H
#define CUBIX_OUTPUT_H5SINK_H

#include <hdf5.h>

struct cubix_h5sink {
  hid_t access_list;              /* for H5Fcreate */
  int file;                       /* descriptor, the caller's */
  int error;                      /* 0, or errno of the first write that failed; what came after it went nowhere */
};

/** Prepare to write to a descriptor, which stays open.  Local. `sink` must stay at its address
 * until the file is closed and cubix_h5sink_close has been called.
 *  @return < 0: HDF5 refuses */
int cubix_h5sink_open(struct cubix_h5sink *sink, int file);
/** Release the driver after H5Fclose.  Local.  Accepts a sink that is all 0. */
void cubix_h5sink_close(struct cubix_h5sink *sink);

#endif
