/* simformat.h -- how a simulation writes its files: where each quantity is, in which unit, with
 * which powers of a and h.
 *
 * Each simulation has one file in parameterfiles/formats; adding a file adds a simulation. */
#ifndef CUBIX_SIMFORMAT_H
#define CUBIX_SIMFORMAT_H

#include "base/h5read.h"

/* What is read of a star.  The name is the key in a format file. */
enum cubix_field {
  CUBIX_FIELD_POSITION,           /* Position              kpc          */
  CUBIX_FIELD_VELOCITY,           /* Velocity              km/s         */
  CUBIX_FIELD_MASS_FORMED,        /* InitialMass           Msun         */
  CUBIX_FIELD_MASS_NOW,           /* Mass                  Msun         */
  CUBIX_FIELD_FORMATION,          /* FormationScaleFactor  1            */
  CUBIX_FIELD_AGE,                /* Age                   Gyr, at the snapshot: instead of FormationScaleFactor */
  CUBIX_FIELD_METALLICITY,        /* Metallicity           1            */
  CUBIX_FIELD_POTENTIAL,          /* Potential             (km/s)^2, optional */
  CUBIX_FIELD_LENGTH,             /* SmoothingLength       kpc, optional */
  CUBIX_N_FIELD
};
struct cubix_field_info {
  const char *name, *unit;        /* key, internal unit */
  double cgs;                     /* its size in cgs */
  int n_c;                        /* components */
  double low, high;               /* bounds beyond which a number makes no sense */
};
#define CUBIX_LARGEST 1e30        /* of any number, in internal units: its cube must be finite, too */
extern const struct cubix_field_info cubix_field_table[CUBIX_N_FIELD];

/** Bounds of a quantity: those of the table, widened by round-off if they end at 0 and files hold
 * values near it (ages, metallicities).  Local. */
void cubix_field_bounds(double *low, double *high, enum cubix_field field);
/** Set round-off below 0 to 0, in n numbers of a quantity.  Local. */
void cubix_field_settle(double *x, enum cubix_field field, size_t n);

/* What is read from the header. */
enum cubix_header {
  CUBIX_HEADER_SIMULATION,
  CUBIX_HEADER_REDSHIFT,
  CUBIX_HEADER_SCALE_FACTOR,
  CUBIX_HEADER_OMEGA_M,
  CUBIX_HEADER_OMEGA_L,
  CUBIX_HEADER_H,
  CUBIX_HEADER_BOX,
  CUBIX_HEADER_N_FILE,
  CUBIX_HEADER_CENTRE,
  CUBIX_N_HEADER
};

struct cubix_field_map {
  struct cubix_names dataset;     /* alternative names; n = 0: this simulation has none */
  char unit[32];                  /* nominal: "1e10 Msun" */
  double factor, cgs;             /* that unit in internal units and in cgs */
  double a, h;                    /* exponents, unless the dataset states its own */
};

struct cubix_simformat {
  char name[64], path[1024];
  char imf[64];                   /* of the simulation's stars, or "" */
  struct {                        /* how a file is recognised: */
    /* one of these header attributes contains one of these words (any case), */
    struct cubix_names attribute, contains;
    struct cubix_names dataset;   /* or all of these datasets are there */
  } recognise;
  char header_group[64], star_group[64];
  struct cubix_names header[CUBIX_N_HEADER];
  struct cubix_names a, h, cgs;   /* attributes of a dataset that state its conversion */
  struct cubix_names unit;        /* attribute that must be there and name the nominal unit */
  struct cubix_field_map field[CUBIX_N_FIELD];
};

/** Read a format file.  Local.
 *  Errors: CUBIX_EUSAGE with file and line: syntax, unknown or missing keys, unknown units. */
int cubix_simformat_read(struct cubix_simformat *format, const char *path);
/** Path in the file of the star dataset with this name.  Local.
 *  @return path, borrowed from the caller */
const char *cubix_simformat_path(const struct cubix_simformat *format, const char *dataset, char *path, size_t size);
/** The factor that converts a dataset's numbers to internal units.  Local.
 *  @param a, hubble scale factor of the snapshot and H0/(100 km/s/Mpc)
 *  Errors: CUBIX_EINPUT: a stated unit is not the nominal one; an attribute is of the wrong type; h
 *    is needed and unknown. */
int cubix_simformat_factor(const struct cubix_simformat *format, enum cubix_field field, hid_t file,
                           const char *dataset, double a, double hubble, double *factor);

#endif
