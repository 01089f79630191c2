/* device.h -- the operations that the pipeline asks of a processor: CPU cores or a GPU.
 *
 * Each processor has a row in device.def and a table of these operations. */
#ifndef CUBIX_DEVICE_H
#define CUBIX_DEVICE_H

#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/engine.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_device;
struct cubix_column_tiles;
struct cubix_column_job;

enum { CUBIX_MAX_UNIT = 64 };
/* The processors of its node that a rank sees, of a kind of which there are only a few, such as GPUs. */
struct cubix_sight {
  int n;                          /* usable, in the processor's own order */
  int amiss;                      /* 1: there are some, but none can be used */
  char why[512];                  /* why none, or not all, can be used */
  struct cubix_unit {
    char uuid[16], bus[24];       /* its name, and its address on the node: the same for every rank that sees it */
  } unit[CUBIX_MAX_UNIT];
};
/* The one of these that a rank takes. */
struct cubix_seat {
  int ordinal;                    /* -1: none */
  int n_share;                    /* ranks that take the same one, this rank included */
};

struct cubix_device_ops {
  const char *name;                                          /* the value of the parameter Backend */
  /* time for a unit of work, for the choice of the engine */
  struct cubix_rates rates;
  /* find those that this rank sees; NULL: every rank has its own */
  void (*look)(struct cubix_sight *);
  /* open one of them; CUBIX_EDEVICE: it cannot be used after all */
  int  (*open)(struct cubix_device *, int ordinal);
  /* NULL, or: fix this rank's part of the memory, once all n_share ranks that share it have opened it */
  int  (*divide)(struct cubix_device *, int n_share);
  /* load the tables of the direct method */
  int  (*load)(struct cubix_device *, const struct cubix_tables *);
  /* paint directly, adding to the flux in the tables' channels */
  int  (*paint)(struct cubix_device *, const struct cubix_placement *, struct cubix_cube *);
  /* NULL, or: keep a basis ready for multiply if there is memory; it must not be changed or freed
   * until keep(NULL) or close */
  int  (*keep)(struct cubix_device *, const struct cubix_basis *);
  int (*fill)(struct cubix_device *, struct cubix_histogram **, const struct cubix_nodes *, const int32_t *exponent,
              const struct cubix_placement *, const struct cubix_tables *);
  /* adds to the flux */
  int (*multiply)(struct cubix_device *, struct cubix_cube *, const struct cubix_histogram *,
                  const struct cubix_basis *, double scale);
  /* Reverse and forward derivatives.  bar, dot [start[n_spaxel]]: of the placed stars, as they lie.
   * All add to what their outputs hold. */
  int  (*paint_vjp)(struct cubix_device *, const struct cubix_placement *, const struct cubix_cube *cube_bar,
                    /* row_bar NULL, or [n_row][n_knot + 1][2] */
                    struct cubix_star_bar *bar, double *row_bar);
  int (*paint_jvp)(struct cubix_device *, const struct cubix_placement *, const struct cubix_star_bar *dot,
                   struct cubix_cube *cube_dot);
  int (*fill_vjp)(struct cubix_device *, const struct cubix_histogram *cover, const double *value_bar,
                  const struct cubix_placement *, const struct cubix_tables *, struct cubix_star_bar *bar);
  int (*fill_jvp)(struct cubix_device *, struct cubix_histogram **histogram_dot, const struct cubix_nodes *,
                  const struct cubix_placement *, const struct cubix_star_bar *dot, const struct cubix_tables *);
  int (*multiply_vjp)(struct cubix_device *, const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                      const struct cubix_basis *, double scale, double *value_bar); /* [cover->n_value] */
  /* NULL, or: A(V) in front of places, or its reverse, with the bits of cubix_column_tiles_do */
  int (*columns)(struct cubix_device *, const struct cubix_column_tiles *, const struct cubix_column_job *);
  /* NULL, or: bytes of page-locked host memory that its buffers take for cubes of so many spaxels
   * and channels.  tile_bytes: of a basis, 0 with the direct method */
  double (*locked_bytes)(double n_spaxel, double n_lambda, double tile_bytes, int derivatives);
  void (*close)(struct cubix_device *);
};

struct cubix_device {
  const struct cubix_device_ops *ops;
  char description[256];          /* "NVIDIA H100 80GB HBM3, 79 GiB" or "cpu, 2 thread(s), AVX2" */
  int n_share;                    /* ranks that share it */
  struct cubix_rates rates;       /* time for a unit of work with this rank's share of it */
  /* why Backend auto did not take one that comes before it; "": there was none */
  char passed_over[512];
  int amiss;                      /* 1: it is there, but cannot be used */
  void *state;                    /* the processor's own */
};

#define CUBIX_DEVICE(name) extern const struct cubix_device_ops cubix_device_##name##_ops;
#include "engine/device.def"
#undef CUBIX_DEVICE

/** Find out which processors this rank sees, of those that Backend allows.  Local. */
void cubix_device_look(struct cubix_sight *sight, const struct cubix_params *par);
/** Decide which unit each rank of a node takes: as few ranks to a unit as possible; if all see the
 * same, rank i takes the i-th, modulo their number.  Local: the same on all ranks that are given
 * the same.
 *  @param sight [n_rank] what each of them sees
 *  @param[out] seat [n_rank] */
int cubix_device_assign(struct cubix_seat *seat, const struct cubix_sight *sight, int n_rank);
/** Open the processor that Backend asks for; with auto the first that can be opened.  Local; with
 * several ranks use cubix_mpi_device_open.
 *  @param ordinal, n_share this rank's seat
 *  Errors: CUBIX_EDEVICE if a GPU is asked for by name and cannot be used. */
int cubix_device_open(struct cubix_device **dev, const struct cubix_params *par, int ordinal, int n_share);
/** Paint stars directly, adding to the channels that the cube holds.  Local. */
int cubix_device_paint(struct cubix_device *dev, const struct cubix_tables *tables,
                       const struct cubix_placement *placement, struct cubix_cube *cube);
/** Reverse and forward derivatives of cubix_device_paint in the channels that cube_bar or cube_dot
 * holds; they add.  Local.
 *  @param bar, dot [start[n_spaxel]] of the placed stars
 *  @param[in,out] row_bar of the tables' template rows: NULL, or [n_row][n_knot + 1][2] */
int cubix_device_paint_vjp(struct cubix_device *dev, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                           struct cubix_star_bar *bar, double *row_bar);
int cubix_device_paint_jvp(struct cubix_device *dev, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                           struct cubix_cube *cube_dot);
/** Bytes that direct painting on the cores of a rank takes beside stars and cube.  Local. */
double cubix_device_paint_bytes(double n_lambda, double n_knot, int n_thread);
void cubix_device_close(struct cubix_device *dev);

#ifdef __cplusplus
}
#endif
#endif
