/* simformat.h -- how a simulation writes its files: where each quantity is, in which unit, with
 * which powers of a and h.
 *
 * One file of parameterfiles/formats per simulation; a simulation is added by adding a file. */
#ifndef CUBIX_SIMFORMAT_H
#define CUBIX_SIMFORMAT_H

#include "simulation/field.h"
#include "simulation/source.h"

/* What is read of the header: all alternatives of attribute names.  What is the same in all members
 * comes first, up to VIRTUAL. */
enum cubix_header {
  CUBIX_HEADER_SIMULATION,
  CUBIX_HEADER_REDSHIFT,
  CUBIX_HEADER_SCALE_FACTOR,
  CUBIX_HEADER_TIME,              /* of an isolated run, in units of the formation times */
  CUBIX_HEADER_COSMOLOGICAL,      /* 0: an isolated run */
  CUBIX_HEADER_OMEGA_M,
  CUBIX_HEADER_OMEGA_L,
  CUBIX_HEADER_H,
  CUBIX_HEADER_BOX,
  CUBIX_HEADER_N_FILE,
  CUBIX_HEADER_VIRTUAL,           /* 1: one file that stands for all, whose number it may state */
  CUBIX_HEADER_N_HERE,            /* [type] particles in this file, */
  CUBIX_HEADER_N_ALL,             /* [type] and in all files */
  CUBIX_HEADER_CENTRE,
  CUBIX_HEADER_VELOCITY,          /* of what lies there [km/s, peculiar] */
  CUBIX_HEADER_BIRTH_MASS,        /* "file", "library" or "current": where masses at birth come from */
  CUBIX_HEADER_IMF,               /* of its stars */
  CUBIX_HEADER_MASS_TABLE,        /* [type] masses of particles that are all alike, in units of Mass */
  CUBIX_N_HEADER
};

struct cubix_field_map {
  struct cubix_names dataset;     /* alternatives; n = 0: this simulation has none */
  struct cubix_names integer;     /* likewise, of positions as integers: box i/2^bits */
  char unit[32];                  /* nominal: "1e10 Msun"; "code": the simulation's own */
  int code;                       /* 1: that */
  double factor;                  /* else the nominal unit in internal units */
  double a, h;                    /* exponents, where the dataset does not state its own */
  /* of a dataset with several numbers a row: which one, or the sum of which; -1: not said */
  int first, last;
  char label[96];                 /* or which by name: "texts@label", where `texts` names all of them; "": not said */
  int of_mass;                    /* 1: a mass, in a unit of masses; what is wanted is its fraction of the particle's */
  int rest;                       /* 1: what is wanted is what is left of 1 */
  int misstated;                  /* 1: what the dataset's attributes say is wrong; the format file knows better */
};

/* What becomes of particles without a time of formation. */
enum cubix_unborn { CUBIX_UNBORN_DROP, CUBIX_UNBORN_INITIAL };
/* Where a star's mass at birth comes from. */
enum cubix_birth_mass { CUBIX_BIRTH_FILE, CUBIX_BIRTH_LIBRARY, CUBIX_BIRTH_CURRENT };

enum { CUBIX_N_TYPE = 8 };

/* Integers by which particles tell to what they belong. */
enum cubix_tag {
  CUBIX_TAG_GROUP,                /* number of the group */
  CUBIX_TAG_SUBGROUP,             /* of the subhalo in that group */
  CUBIX_TAG_SUBHALO,              /* of the subhalo among all */
  CUBIX_N_TAG
};

/* Stars, or gas. */
struct cubix_species {
  int there;                      /* 0: the format has none */
  char group[64];                 /* "PartType%d", or a name without a number */
  int n_type, type[CUBIX_N_TYPE]; /* which numbers; 1 and -1: the group has none */
  int n_isolated, isolated[CUBIX_N_TYPE]; /* which of an isolated run; 0: the same */
  struct cubix_field_map field[CUBIX_N_FIELD];
  struct cubix_names tag[CUBIX_N_TAG];
  enum cubix_unborn unborn;
  enum cubix_birth_mass birth_mass; /* where the file has none */
  struct cubix_names kernel;      /* attribute "Group@Name" with the kernel's name: SmoothingLength is no radius,
                                     see kernel_support */
};

/* The simulation's own units: who states them, and what they are where nobody does. */
struct cubix_code_units {
  struct cubix_names group, length, mass, velocity, time;
  double nominal[3];              /* length [kpc], mass [Msun], velocity [km/s]; 0: not said */
  int hold_h;                     /* 1: lengths and masses are stated divided by h, which the data hold once more */
};

struct cubix_simformat {
  char name[64], path[1024];
  char imf[64];                   /* of the simulation's stars, or "" */
  struct {                        /* how a file is recognised: */
    char file[16];                /* kind of file (source.h), and */
    /* one of these header attributes contains one of these words (any case), */
    struct cubix_names attribute, contains;
    /* or all of these groups, columns or attributes ("Header@Omega0") are there, "A|B" meaning one of
     * both, "!A" that it is not, and "[]" behind a column that its rows have several numbers, */
    struct cubix_names dataset;
    struct cubix_names absent;    /* and none of these */
  } recognise;
  struct cubix_names header_group;
  struct cubix_names header[CUBIX_N_HEADER];
  int isolated_h;                 /* 1: units of isolated runs hold h as well */
  struct cubix_code_units units;
  struct cubix_names a, h, cgs;   /* attributes of a dataset that state its conversion: to comoving cgs, */
  struct cubix_names cgs_physical; /* or to physical cgs at once */
  struct cubix_names physical;    /* attribute that says 1 where a number is physical already */
  struct cubix_names unit;        /* attribute that must be there and name the nominal unit */
  struct cubix_species stars, gas;
};

/** Read a format file.  Local.
 *  Errors: CUBIX_EUSAGE with file and line: syntax, unknown or missing keys, unknown units. */
int cubix_simformat_read(struct cubix_simformat *format, const char *path);

/** The group of a type: its number in place of %d, where there is one.  Local.
 *  @return group, borrowed from the caller */
const char *cubix_species_group(char *group, size_t size, const struct cubix_species *species, int type);

/** What a header says: of all groups in turn, the first that has one of the names.  Local.
 *  @param[out] n_found as in source.h  Errors: CUBIX_EINPUT: the wrong type, several numbers for one, no number. */
int cubix_header_number(double *x, int *n_found, const struct cubix_simformat *format,
                        const struct cubix_source *source, enum cubix_header key);
int cubix_header_numbers(double *x, int n, int *n_found, const struct cubix_simformat *format,
                         const struct cubix_source *source, enum cubix_header key);
int cubix_header_text(char *text, size_t size, int *n_found, const struct cubix_simformat *format,
                      const struct cubix_source *source, enum cubix_header key);
/** "Time or ExpansionFactor of /Header or /Parameters": where it was looked for.  Local.
 *  @return text, borrowed from the caller */
const char *cubix_header_names(const struct cubix_simformat *format, enum cubix_header key, char *text, size_t size);

/* What factors depend on. */
struct cubix_scales {
  double a, h;                    /* scale factor, H0/(100 km/s/Mpc); 1 where they do not apply */
  int isolated;                   /* 1: no powers of a */
  /* the simulation's units of length [kpc], mass [Msun], velocity [km/s]; 0: nobody says */
  double code[3];
};
enum { CUBIX_N_UNIT = 4, CUBIX_N_ATTRIBUTE = 5 };
/** The simulation's own units of length, mass, velocity and time in cgs, as the file states them; NAN: it does
 * not.  Local.  Errors: CUBIX_EINPUT: a unit that is none. */
int cubix_code_units_stated(double cgs[CUBIX_N_UNIT], const struct cubix_simformat *format,
                            const struct cubix_source *source);
/** What a column's attributes state of its conversion: a, h, cgs, cgs_physical, physical; NAN: nothing.  Local.
 *  Errors: CUBIX_EINPUT: the wrong type. */
int cubix_simformat_attributes(double x[CUBIX_N_ATTRIBUTE], const struct cubix_simformat *format,
                               const struct cubix_source *source, const char *path);
/** Under which names they are looked for.  Local.  @param i  which of the above */
const struct cubix_names *cubix_code_unit_names(const struct cubix_simformat *format, int i);
const struct cubix_names *cubix_simformat_attribute_names(const struct cubix_simformat *format, int i);
/** The simulation's own units, from the file or from the format.  Local.
 *  Errors: CUBIX_EINPUT: a unit that is none. */
int cubix_code_units_find(double code[3], const struct cubix_simformat *format, const struct cubix_source *source,
                          double h);
/** Whether nobody but the format file says in which unit a column is.  Local. */
int cubix_simformat_assumes(int *assumes, const struct cubix_simformat *format, const struct cubix_source *source,
                            const char *path);
/** What turns a column's numbers into internal units; of a column that is a mass (map->of_mass), into
 * Msun.  Local.
 *  @param path  of the column; NULL: of numbers that stand elsewhere, in the units of the code
 *  Errors: CUBIX_EINPUT: a stated unit is not the nominal one, or holds powers of a or h that are stated once more;
 *  an attribute is of the wrong type; h is needed and unknown; nobody says what the unit is. */
int cubix_simformat_factor(double *factor, const struct cubix_simformat *format, const struct cubix_field_map *map,
                           enum cubix_field field, const struct cubix_source *source, const char *path,
                           const struct cubix_scales *scales);
/** Warn where a column says that it holds another power of h than files of the format do.  Local.
 *  @param map  of that column */
int cubix_simformat_warn(const struct cubix_simformat *format, const struct cubix_field_map *map,
                         const struct cubix_source *source, const char *path, const struct cubix_scales *scales);
/** What turns lengths of the header into kpc.  Local.  They are in the units of Position; but in formats
 * whose datasets may be stored physical those of the header are in the units of the code, and hold the
 * format's power of a, whatever is said of Position.
 *  @param path  of Position  Errors: as cubix_simformat_factor. */
int cubix_simformat_header_length(double *length, const struct cubix_simformat *format,
                                  const struct cubix_field_map *position, const struct cubix_source *source,
                                  const char *path, const struct cubix_scales *scales);
/** Radius of the kernel's support in units of the smoothing length that its code writes, by the kernel's
 * name: Dehnen & Aly 2012 (MNRAS 425, 1068), table 1.  Local.  @return 0: unknown */
double cubix_kernel_support(const char *kernel);

#endif
