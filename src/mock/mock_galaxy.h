/* mock_galaxy.h -- the inside of a mock galaxy, shared by mock.c, mock_gas.c, mock_population.c and
 * the writer's header. */
#ifndef CUBIX_MOCK_GALAXY_H
#define CUBIX_MOCK_GALAXY_H

#include "mock/mock.h"
#include "physics/constants.h"

/* Units of an IllustrisTNG file, as its header and attributes state them. */
#define TNG_CM      3.085678e21                             /* 1 kpc */
#define TNG_G       1.989e43                                /* 1e10 Msun */
#define TNG_CMS     1e5                                     /* 1 km/s */
#define TNG_DENSITY (TNG_G / TNG_CM / TNG_CM / TNG_CM)
#define TNG_SFR     6.30276067e25                           /* 1 Msun/yr: 1.989e33 g in 3.15576e7 s */
#define TNG_GAUSS   2.60191e-6                              /* sqrt(g/cm/s^2) of the above units; B in Gauss */

/* Cosmology of IllustrisTNG: Planck Collaboration 2016, A&A 594, A13. */
#define MOCK_OMEGA_M 0.3089
#define MOCK_OMEGA_L 0.6911
#define MOCK_OMEGA_B 0.0486
#define MOCK_HUBBLE  0.6774

#define MOCK_G 4.300917e-6 /* gravity [kpc (km/s)^2/Msun]: nominal GM_sun over CUBIX_KPC_CM */
#define MOCK_RAD_GYR 1.0227121650537077 /* 1 km/s/kpc [rad/Gyr] = CUBIX_GYR_S * 1e5 / CUBIX_KPC_CM       */
#define MOCK_BULGE_TAU 1.  /* of the rate at which the bulge's stars were born [Gyr] */
#define MOCK_STELLAR_NOW 0.6 /* mean surviving fraction, where dynamics needs one number      */

enum { CUBIX_MOCK_N_RADIUS = 1024 };  /* nodes of the radial tables */
enum cubix_mock_stream {
  CUBIX_MOCK_OF_STAR,
  CUBIX_MOCK_OF_STAR_PAIR,
  CUBIX_MOCK_OF_GAS,
  CUBIX_MOCK_OF_GAS_PAIR,
  CUBIX_MOCK_OF_WIND
};

/* A place in the disc. */
struct cubix_mock_place { double radius, phi, z; };

struct cubix_mock {
  struct cubix_mock_options o;        /* with thickness and speed filled in */
  double a, t_now, t_start;           /* of the snapshot: scale factor, age of the universe; first stars [Gyr] */
  double tau;                         /* of the disc's star formation [Gyr] */
  double speed, r_turn;               /* rotation curve: far out [km/s], turn-over [kpc] */
  double disc_mass, bulge_mass;       /* now, as far as dynamics is concerned [Msun] */
  double height;                      /* sech^2 height z0 of the oldest stars [kpc] */
  /* Hernquist a [kpc]; share of the untruncated mass that is inside the truncation */
  double bulge_scale, bulge_inside;
  double arm_cot;                     /* cot(pitch) */
  /* of the smooth disc of gas that stands in for all of it where densities are written: Msun, kpc, kpc */
  double gas_mass, gas_radius, gas_height;
  double total_mass;                  /* of gas [Msun] */
  int64_t n_cloud;
  struct cubix_mock_place *cloud;     /* [n_cloud] where young stars are; NULL: none */
  double sfr;                         /* of the stars at the snapshot [Msun/yr] */
  double z_centre;                    /* log10 Z of a newborn star at the centre */
  double halo_mass;                   /* Msun */
  double centre[3], velocity[3];      /* of the galaxy: file units; km/s */
  double spin_cos, spin_sin;
  double ln_r0, dln_r;                /* radial tables, even in ln r [kpc] */
  double phi[CUBIX_MOCK_N_RADIUS];    /* potential [(km/s)^2] */
  double sigma[CUBIX_MOCK_N_RADIUS];  /* 1-D dispersion of the bulge [km/s] */
};

/* A star's time [Gyr], age, log10 Z, [alpha/Fe], place and velocity now and at birth [kpc, km/s], and R and z now. */
struct cubix_mock_birth { double t, age, log_z, alpha, x[3], v[3], x_birth[3], v_birth[3], radius, z; };

/* What a cell of gas is part of. */
enum cubix_mock_phase { CUBIX_MOCK_THIN, CUBIX_MOCK_CLOUD, CUBIX_MOCK_HOT };

/* A cell: where it is, and what its density follows from. */
struct cubix_mock_cell {
  enum cubix_mock_phase phase;
  struct cubix_mock_place place;      /* of a cloud's cell that of its middle */
  double offset[3];                   /* of a cloud's cell from there, in sizes of the cloud */
  double share;                       /* its cloud's part of the gas in clouds */
  double shape;                       /* density of the smooth gas there, for 1 Msun of this phase [1/kpc3] */
};

/** n_pair pairs of uniforms of member i of a stream.  Local.  @param[out] u [2 n_pair] */
void cubix_mock_draw(const struct cubix_mock *mock, enum cubix_mock_stream stream, int64_t i, int n_pair, double *u);
/** Speed of the circular orbit [km/s] and the ratio of the azimuthal to the radial dispersion,
 * squared.  Local. */
double cubix_mock_speed(const struct cubix_mock *mock, double radius, double *ratio2);
/** Value of a radial table at r [kpc].  Local. */
double cubix_mock_at(const struct cubix_mock *mock, const double *table, double r);
/** Strength of the arms' modulation for an age [Gyr] at a radius [kpc].  Local. */
double cubix_mock_arm_strength(const struct cubix_mock *mock, double age, double radius);
/** Azimuth of uniform u where the density goes as 1 + strength cos(arms (phi - phi_arm(R))).
 * Local. */
double cubix_mock_arm_phi(const struct cubix_mock *mock, double strength, double radius, double u);
/** 1 + strength cos(...) there.  Local. */
double cubix_mock_arm_density(const struct cubix_mock *mock, double strength, const struct cubix_mock_place *p);
/** Galaxy's frame [kpc, km/s] -> the file's box and units at scale factor a.  Local. */
void cubix_mock_to_file(const struct cubix_mock *mock, double a, const double x[3], const double v[3],
                        double position[3], float velocity[3]);
/** A factor of mean exactly 1 over each pair of members.  Local. */
double cubix_mock_mass_factor(const struct cubix_mock *mock, enum cubix_mock_stream pairs, int64_t i, int64_t n);
/** log10 Z of what forms at cosmic time t [Gyr] at a radius [kpc], without scatter.  Local. */
double cubix_mock_log_z(const struct cubix_mock *mock, double t, double radius);
/** Z from its logarithm, kept within 1e-5..0.08.  Local. */
double cubix_mock_metallicity(double log_z);
/** Surviving fraction of the mass formed, at an age [Gyr].  Local. */
double cubix_mock_surviving(double age);
/** Mass fractions of the ten elements and six tags.  Local.
 *  @param alpha [alpha/Fe]
 *  @param[out] metals [10]
 *  @param[out] tagged [6] */
void cubix_mock_elements(double z, double alpha, float *metals, float *tagged);
/** [alpha/Fe] of what forms at cosmic time t [Gyr].  Local. */
double cubix_mock_alpha(const struct cubix_mock *mock, double t, int in_bulge);
/** Eight magnitudes of a population.  Local.
 *  @param mass formed [Msun], age [Gyr]
 *  @param[out] magnitude [8] */
void cubix_mock_photometry(double mass, double age, double z, float *magnitude);
/** Densities [Msun/kpc3] at a place: stars, gas, dark matter.  Local. */
void cubix_mock_density(const struct cubix_mock *mock, double radius, double z, double *star, double *gas,
                        double *dark);
/** Radius of the sphere of n particles of mass m [Msun] at a density [Msun/kpc3], in the file's
 * unit.  Local. */
float cubix_mock_sphere(const struct cubix_mock *mock, double n, double m, double density);
/** The birth that 10 uniforms of a star give it.  Local. */
void cubix_mock_birth_of(const struct cubix_mock *mock, const double *u, struct cubix_mock_birth *birth);
/** Whether star i is one of the disc's that formed in the last `age` Gyr, and where it is.  Local. */
int cubix_mock_young_at(const struct cubix_mock *mock, int64_t i, double age, struct cubix_mock_place *place);
/** Find where clouds are: at young stars.  Local. */
int cubix_mock_clouds_init(struct cubix_mock *mock);
/** Cell i of the gas.  Local. */
void cubix_mock_cell_at(const struct cubix_mock *mock, int64_t i, struct cubix_mock_cell *cell);
/** Its density, where all gas has this mass [Msun/kpc3].  Local. */
double cubix_mock_cell_density(const struct cubix_mock_cell *cell, const struct cubix_mock *mock, double total);
/** Size of its cloud [kpc]: the standard deviation along an axis.  Local. */
double cubix_mock_cloud_size(const struct cubix_mock_cell *cell, const struct cubix_mock *mock, double total);
/** A place in the smooth disc of gas, and its density for 1 Msun [1/kpc3].  u: 6 uniforms.  Local.
 *  @param height z0 [kpc] */
double cubix_mock_gas_place(const struct cubix_mock *mock, const double *u, double height, struct cubix_mock_place *p);
/** Gas mass from the star formation rate; called once by cubix_mock_init.  Local. */
int cubix_mock_gas_init(struct cubix_mock *mock);
/** Wind cell number i.  Local. */
void cubix_mock_wind_at(const struct cubix_mock *mock, int64_t i, struct cubix_mock_star *star);

/** Msun, kpc, Msun/kpc3 -> the file's units, in which a solar mass and a kpc are what they are
 * called, whatever the cgs value beside them.  Local. */
static inline double cubix_mock_file_mass(double mass) { return 1e-10 * mass * MOCK_HUBBLE; }
static inline double cubix_mock_file_length(const struct cubix_mock *mock, double kpc)
{
  return kpc / mock->a * MOCK_HUBBLE;
}
static inline double cubix_mock_file_density(const struct cubix_mock *mock, double density)
{
  return 1e-10 * density * mock->a * mock->a * mock->a / (MOCK_HUBBLE * MOCK_HUBBLE);
}

#endif
