/* layout.h -- how the arrays of a result are laid into a file: in the manner of CUBIX, or of an
 * instrument's own data products, whose readers then open it as it is. */
#ifndef CUBIX_LAYOUT_H
#define CUBIX_LAYOUT_H

#include <stdint.h>

#include "instrument/instrument.h"
#include "params/params.h"

/* Planes: arrays of the shape of the cube. */
enum cubix_plane {
  CUBIX_PLANE_DATA,
  CUBIX_PLANE_STAT,               /* variance */
  CUBIX_PLANE_IVAR,               /* 1/variance, 0 where there is no light to have one */
  CUBIX_PLANE_ERR,                /* its root */
  CUBIX_PLANE_DQ,
  CUBIX_PLANE_NOISEFREE,
  CUBIX_N_PLANE
};

/* The parts of a file beside headers, parameters and provenance. */
enum cubix_part_kind { CUBIX_PART_END, CUBIX_PART_PLANE, CUBIX_PART_LSF, CUBIX_PART_MAPS, CUBIX_PART_VECTOR };
enum cubix_channel_vector { CUBIX_VECTOR_WAVE, CUBIX_VECTOR_RESOLUTION, CUBIX_VECTOR_SPREAD };

struct cubix_part {
  enum cubix_part_kind kind;
  int which;                      /* enum cubix_plane, enum cubix_channel_vector */
  const char *name, *description;
};

enum { CUBIX_MOST_PART = 10, CUBIX_N_DQ_BIT = 4, CUBIX_MOST_WORD = 8 };

/* A bit of the quality plane: ours, and what it becomes in a file. */
struct cubix_dq_bit { int32_t ours, theirs; const char *name, *meaning; };
/* A keyword that readers of a layout look for, in the first header, or in those of planes. */
struct cubix_layout_word { int of_planes; const char *name, *value, *comment; };

struct cubix_layout {
  const char *name;               /* as of Layout */
  struct cubix_part part[CUBIX_MOST_PART + 1];        /* in the order of the file */
  const char *unit;               /* of DATA: %d is the power of ten; without it, MJy/sr */
  int in_primary;                 /* 1: the first plane is the first HDU */
  int blank;                      /* 1: NaN, not 0, outside the aperture and in gaps */
  int always;                     /* 1: variances have a plane without noise, too, full of NaN: its readers need one */
  struct cubix_dq_bit bit[CUBIX_N_DQ_BIT];
  struct cubix_layout_word word[CUBIX_MOST_WORD];
  const char *ra, *dec;           /* keywords of planes for SkyRa and SkyDec, or NULL */
};

/** The layout of FITS files, by Layout or the instrument's own; that of HDF5 files.  Local,
 * borrowed. */
const struct cubix_layout *cubix_layout_fits(const struct cubix_params *par, const struct cubix_instrument *ins);
const struct cubix_layout *cubix_layout_plain(void);
/** A layout by its number, and the number.  Local. */
const struct cubix_layout *cubix_layout_number(int i);
int cubix_layout_index(const struct cubix_layout *layout);

/** The parts that the files of this run have, in their order.  Local.
 *  @return how many */
int cubix_layout_parts(struct cubix_part part[CUBIX_MOST_PART], const struct cubix_layout *layout,
                       const struct cubix_params *par);
/** Unit of a plane, "" for DQ.  Local.  @param[out] unit [80] */
void cubix_layout_unit(char unit[80], const struct cubix_layout *layout, enum cubix_plane plane,
                       const struct cubix_instrument *ins);
/** Factor from the cube's unit to that of DATA in channel k: 1, or for MJy/sr lambda^2/c over the
 * spaxel's solid angle.  Local. */
double cubix_layout_factor(const struct cubix_layout *layout, const struct cubix_instrument *ins, int k);
/** The power of the flux that a plane holds: 2 of a variance, -2 of its inverse, 1 of the others.  Local. */
int cubix_layout_power(enum cubix_plane plane);
/** Whether a plane holds NaN throughout, as there is no noise.  Local. */
int cubix_layout_is_void(enum cubix_plane plane, const struct cubix_params *par);

#endif
