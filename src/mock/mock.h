/* mock.h -- a model galaxy in the units and fields of an IllustrisTNG snapshot.  Star i and gas
 * cell i can be computed for any i by itself. */
#ifndef CUBIX_MOCK_H
#define CUBIX_MOCK_H

#include <stddef.h>
#include <stdint.h>

/* The user's options; their ranges are in the table of src/program/cubix_mock.c. */
struct cubix_mock_options {
  int64_t n_star, n_gas, n_wind;
  int64_t seed;
  int64_t n_file;                 /* pieces of the snapshot */
  int64_t chunk;                  /* rows of an HDF5 chunk; 0: contiguous */
  int64_t arms;                   /* spiral arms; 0: none */
  double redshift;                /* of the snapshot */
  double mass;                    /* formed by all stars [Msun] */
  double radius;                  /* exponential scale length of the disc [kpc] */
  double thickness;               /* scale height of the oldest disc stars [kpc]; 0: a tenth of radius */
  double bulge;                   /* its fraction of the mass */
  double speed;                   /* of rotation, far out [km/s]; 0: from the mass */
  double inclination;             /* tilt of the spin from +z, about the x axis [deg] */
  double box;                     /* side of the periodic box [comoving kpc/h] */
  int wrap;                       /* 1: the galaxy lies across faces of the box */
  int minimal;                    /* 1: only the fields that readers need */
};

/* A row of each particle type, in the file's units. */
struct cubix_mock_star {
#define CUBIX_MOCK_STAR(type, name, n, minimal, a, h, l, m, v, cgs, meaning) type name[n];
#include "mock/mock_fields.def"
#undef CUBIX_MOCK_STAR
};
struct cubix_mock_gas {
#define CUBIX_MOCK_GAS(type, name, n, minimal, a, h, l, m, v, cgs, meaning) type name[n];
#include "mock/mock_fields.def"
#undef CUBIX_MOCK_GAS
};

enum cubix_mock_type { CUBIX_MOCK_float, CUBIX_MOCK_double, CUBIX_MOCK_uint64_t };

/* A dataset: its place in the row and its attributes. */
struct cubix_mock_field {
  const char *name;
  enum cubix_mock_type type;
  int n;                          /* components */
  int minimal;
  size_t offset, bytes;           /* in the row; of all components */
  double a, h, length, mass, velocity, cgs;
};

struct cubix_mock;                /* the galaxy: see mock_galaxy.h */

/** Make the galaxy that the options describe.  Local.
 *  @param[out] mock owned by the caller
 *  Errors: CUBIX_EUSAGE if options contradict each other. */
int cubix_mock_init(struct cubix_mock **mock, const struct cubix_mock_options *options);
/** Row `row` of PartType4: a star, or one of the wind cells strewn evenly among them.  Local; any
 * thread, any order.
 *  @param[out] star */
void cubix_mock_star_at(const struct cubix_mock *mock, int64_t row, struct cubix_mock_star *star);
/** Row `row` of PartType0.  Local; any thread, any order.  @param[out] gas */
void cubix_mock_gas_at(const struct cubix_mock *mock, int64_t row, struct cubix_mock_gas *gas);
/** The datasets of PartType0 or PartType4.  Local, borrowed.  @param[out] n how many */
const struct cubix_mock_field *cubix_mock_fields(int part_type, int *n);
void cubix_mock_free(struct cubix_mock *mock);

#endif
