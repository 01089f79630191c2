/* device.h -- all that the pipeline asks of a processor. */
#ifndef CUBIX_DEVICE_H
#define CUBIX_DEVICE_H

#include "cube.h"
#include "model.h"
#include "params.h"
#include "placement.h"
#include "slab.h"

struct cubix_device;

struct cubix_device_ops {
  const char *name;                                          /* the value of the parameter Backend */
  int  (*count)(void);                                       /* how many of them this machine has; 0: none */
  int  (*open)(struct cubix_device *, int ordinal);
  int  (*load)(struct cubix_device *, const struct cubix_model *);
  int  (*paint)(struct cubix_device *, const struct cubix_slab *, const struct cubix_placement *, struct cubix_cube *);   /* adds to the flux */
  void (*close)(struct cubix_device *);
};

struct cubix_device {
  const struct cubix_device_ops *ops;
  char description[256];          /* "NVIDIA H100 80GB HBM3, 79 GiB" or "cpu, 2 thread(s), AVX2" */
  void *state;                    /* the processor's own */
};

#define CUBIX_DEVICE(name) extern const struct cubix_device_ops cubix_device_##name##_ops;
#include "device.def"
#undef CUBIX_DEVICE

/** The processor that Backend asks for.  Local.
 *  @param local_rank, n_local  which of how many ranks of this node we are: rank i takes GPU i
 *  Errors: CUBIX_EDEVICE when a GPU is asked for and missing, or when there are more ranks than GPUs. */
int cubix_device_open(struct cubix_device **dev, const struct cubix_params *par, int local_rank, int n_local);
/** Paint a slab (already in the sky frame) into the cube, its maps and its budget.  Local.  Adds to what the cube holds. */
int cubix_cube_paint(struct cubix_cube *cube, const struct cubix_model *mod, const struct cubix_slab *slab, struct cubix_device *dev);
void cubix_device_close(struct cubix_device *dev);

#endif
