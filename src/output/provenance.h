/* provenance.h -- what an output states about its own origin: one table of name, value, unit and
 * comment that every kind of file writes. */
#ifndef CUBIX_PROVENANCE_H
#define CUBIX_PROVENANCE_H

#include <stdint.h>

#include "output/output.h"

/* Where the centres of channels stand that are neither linear nor logarithmic. */
#define CUBIX_GRID_TABLE  "WCS-TABLE"
#define CUBIX_GRID_COLUMN "wavelength"

enum cubix_fact_type { CUBIX_FACT_TEXT, CUBIX_FACT_LOGICAL, CUBIX_FACT_INTEGER, CUBIX_FACT_REAL };

struct cubix_fact {
  char name[9];                   /* at most 8 of A-Z, 0-9, _ and -: a FITS keyword, and the same name in HDF5 */
  enum cubix_fact_type type;
  char *text;                     /* of CUBIX_FACT_TEXT, else NULL */
  int64_t integer;                /* of CUBIX_FACT_LOGICAL (0, 1) and CUBIX_FACT_INTEGER */
  double real;                    /* of CUBIX_FACT_REAL; always finite */
  const char *unit;               /* "" for texts, logicals and pure numbers; borrowed */
  const char *comment;            /* borrowed */
};

struct cubix_facts {
  int n, room;
  struct cubix_fact *fact;        /* [room] */
  int n_lost;                     /* facts for which there was no memory */
};

/** Version, inputs, library, scene, frame, noise, counts, warnings.  Local.
 *  @param[out] facts owned by the caller */
int cubix_provenance_init(struct cubix_facts **facts, const struct cubix_result *result);
/** Of them what the flux itself says, too, for readers of one HDU: object, redshift, angles, exposure.  Local.
 *  @param[out] facts owned by the caller */
int cubix_data_facts_init(struct cubix_facts **facts, const struct cubix_result *result);
/** The world coordinates of an image: n_axis 2 (sky) or 3 (sky and wavelength, or, with `bins`, their velocities).
 * Local.
 *  @param[out] facts owned by the caller
 *  Source: Greisen & Calabretta 2002, A&A 395, 1061; Calabretta & Greisen 2002, A&A 395, 1077;
 *    Greisen et al. 2006, A&A 446, 747. */
int cubix_wcs_init(struct cubix_facts **facts, const struct cubix_instrument *ins, int n_axis,
                   const struct cubix_sums *bins);
/** What a truth map is of: the band of the light, where it is of light, and the wavelength of the
 * PSF, where it is seen through one.  Local.
 *  @param[out] facts owned by the caller */
int cubix_map_facts_init(struct cubix_facts **facts, const struct cubix_instrument *ins, int of_light, int seen);
void cubix_facts_free(struct cubix_facts *facts);

#endif
