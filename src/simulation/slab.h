/* slab.h -- a rank's share of the particles, in physical units, and what the simulation file states
 * about itself. */
#ifndef CUBIX_SLAB_H
#define CUBIX_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "params/params.h"
#include "simulation/field.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_snapshot {
  char format[64];                /* name of the format file */
  char simulation[128];           /* name the file gives itself, or "" */
  /* where masses at birth come from: "file"; "library" or "current", where it has none; "": from the caller */
  char birth_mass[8];
  char imf[64];                   /* initial mass function that its stars formed with, or "": unknown */
  int units_named;                /* 1: every column of its files names its unit */
  double redshift;                /* of the snapshot */
  double omega_m, omega_l, h;
  double box;                     /* side of the periodic box [kpc, physical]; 0: none */
  int has_centre;
  double centre[3];               /* stated by the file, or by a catalogue [kpc] */
  int has_velocity;
  double velocity[3];             /* of the galaxy, likewise [km/s, peculiar] */
  int n_file;
  char **file;                    /* [n_file] paths */
  int64_t *file_size;             /* [n_file] bytes */
  int64_t n_gas;                  /* gas particles or cells in the file(s), none of which stars ask for */
  char gas[256];                  /* what the file says of them, "Position, Velocity, Mass" */
};

/** Centre, where it is three numbers, in kpc: those in ckpc/h by the snapshot's redshift and h.  Local. */
void cubix_centre_given(double centre[3], const struct cubix_params *par, const struct cubix_snapshot *snapshot);
/** Check that they can be told.  Local.
 *  Errors: CUBIX_EUSAGE where a snapshot with no h is given a centre in ckpc/h. */
int cubix_centre_check(const struct cubix_params *par, const struct cubix_snapshot *snapshot);

/* Groups of columns that are read together. */
enum {
  CUBIX_SLAB_MOTION = 1,          /* position, velocity, present mass: needed to find the frame */
  CUBIX_SLAB_POPULATION = 2,      /* mass formed, age, metallicity: needed for the light */
  CUBIX_SLAB_POTENTIAL = 4,
  CUBIX_SLAB_LENGTH = 8,
  CUBIX_SLAB_PLACE = 32,          /* position alone */
  CUBIX_SLAB_ID = 64,
  CUBIX_SLAB_MASS = 512,          /* present mass alone */
  CUBIX_SLAB_SCREEN = 256,        /* dust in front */
  CUBIX_SLAB_DUST = 1024,         /* of gas: whether it has dust, and how much */
  CUBIX_SLAB_FORMING = 128,       /* of gas beside its motion: what stars that form there inherit */
  CUBIX_SLAB_GAS = 16             /* of gas beside its motion: metallicity, kernels, and what gas alone has */
};

/* What ResampleYoung has put in place of young stars, of all ranks. */
struct cubix_resampled {
  const char *from;               /* "gas" or "stars"; NULL: nothing */
  int64_t n_removed, n_parent, n_made; /* young stars; stars or cells of gas that particles are made of; particles */
  double mass_removed, mass_made; /* mass formed [Msun] */
};

struct cubix_slab {
  struct cubix_snapshot snapshot;
  size_t n;                       /* stars of this rank */
  int64_t n_total;                /* stars of all ranks that are kept */
  int64_t n_file_total;           /* star particles in the file(s) */
  int64_t n_wind;                 /* wind cells dropped, all ranks */
  int64_t n_outside_radius;       /* dropped by SelectRadius, all ranks */
  int64_t n_far;                  /* likewise, and never read: by an index of the snapshot */
  struct cubix_resampled resampled;
  double *position;               /* [n][3] kpc: the file's frame, after cubix_frame_apply x east, y north, z away */
  double *velocity;               /* [n][3] km/s: likewise, receding positive */
  double *mass_formed;            /* [n] Msun */
  double *mass_now;               /* [n] Msun */
  double *age;                    /* [n] Gyr at the snapshot */
  double *metallicity;            /* [n] mass fraction */
  double *potential;              /* [n] with Centre potential, else NULL */
  /* [n] kpc; of stars only where Deposit needs it, else NULL; of gas the radius of its kernel */
  double *smoothing_length;
  int64_t *id;                    /* [n] identifiers, where they are asked for, else NULL */
  double *screen;                 /* [n] A(V) of the dust in front of it [mag]; NULL: none */
  /* of gas, each NULL where the file does not have it */
  double *density;                /* [n] Msun/kpc^3 */
  double *sfr;                    /* [n] Msun/yr */
  double *temperature;            /* [n] K */
  double *hydrogen, *oxygen;      /* [n] mass fractions */
  double *dust_mass;              /* [n] Msun */
  double *molecular;              /* [n] fraction of hydrogen */
  double *dusty;                  /* [n] 1: by DustGas it has dust, 0: none */
  double *dust;                   /* [n] A(V) times area that its dust gives [mag kpc^2] */
};

/** Allocate room for n stars, not zeroed.  Local.  @param[out] slab owned by the caller */
int cubix_slab_init(struct cubix_slab **slab, size_t n);
/** Allocate room for n stars, not zeroed, in the columns of `parts` only; what the slab held is
 * freed.  Local. */
int cubix_slab_reserve(struct cubix_slab *slab, size_t n, unsigned parts);
/** The column for a quantity; NULL if it is not allocated.  Identifiers have none of doubles.  Local. */
double *cubix_slab_column(const struct cubix_slab *slab, enum cubix_field field);
/** Bytes that the columns of `parts` take for n stars.  Local. */
double cubix_slab_bytes(double n, unsigned parts);
/** Bytes that the columns take which it has.  Local. */
double cubix_slab_held_bytes(const struct cubix_slab *slab);
/** Copy a slab: its columns, and all about their origin except the list of files.  Local.
 *  @param[out] copy owned by the caller */
int cubix_slab_copy(struct cubix_slab **copy, const struct cubix_slab *slab);
/** Make room for n particles in the columns that there are; as many as fit stay as they are.  Local. */
int cubix_slab_grow(struct cubix_slab *slab, size_t n);
/** Copy particles row[0 .. n - 1] of another slab to at .. at + n - 1, in the columns that both have.  Local. */
void cubix_slab_put(struct cubix_slab *to, size_t at, const struct cubix_slab *from, const size_t *row, size_t n);
/** Copy all particles of another slab to at .. of this one, which has room, in the columns that both have.  Local. */
void cubix_slab_insert(struct cubix_slab *to, size_t at, const struct cubix_slab *from);
/** Copy all particles of another slab behind those that are there, in the columns of `to`.  Local.
 *  Errors: CUBIX_ENOMEM. */
int cubix_slab_append(struct cubix_slab *to, const struct cubix_slab *from);
/** Take the particles of another slab, which then has none, in place of those that are there.  Local. */
void cubix_slab_take(struct cubix_slab *to, struct cubix_slab *from);
/** Keep the stars with keep[i] != 0, in order.  Local. */
void cubix_slab_keep(struct cubix_slab *slab, const unsigned char *keep);
/** Free the stars; counts and what the file states stay.  Local. */
void cubix_slab_forget_stars(struct cubix_slab *slab);
void cubix_slab_free(struct cubix_slab *slab);

#ifdef __cplusplus
}
#endif
#endif
