/* layout.c -- the layouts, one row each; whatever differs between them is in the row.
 *
 * plain  CUBIX's own, and that of HDF5 files: DATA, STAT, DQ ... by name.
 * muse   the same names, as MUSE's pipeline (Weilbacher et al. 2020, A&A 641, A28) and MPDAF have
 *        them, with NaN where nothing was recorded.  Readers of the GIST family take the second and
 *        third HDU as flux and variance by position.
 * manga  a cube of the Data Reduction Pipeline (Law et al. 2016, AJ 152, 83): FLUX, IVAR, MASK with
 *        bits of MANGA_DRP3PIXMASK, WAVE, SPECRES; with the words by which marvin finds the data model of its
 *        release 17.  (Its spaxels want LSFPOST and LSFPRE, cubes of the LSF, which are not there.)
 * sami   a cube of SAMI's data release 3 (Croom et al. 2021, MNRAS 505, 991): flux in the first HDU,
 *        VARIANCE; NaN outside.  (The SAMI reader of specutils refuses files that hold more.)
 * jwst   an s3d product of the JWST pipeline: SCI, ERR, DQ in MJy/sr, NaN outside.  (Its ASDF
 *        extension, which holds a GWCS object, is not there: the world coordinates are those of the
 *        header.)
 * Truth maps, the table LSF and parameters follow in every layout under the same names: readers
 * leave what they do not know alone.  Without noise there is no variance: no HDU says 0, and a table
 * follows the flux, lest a reader by position take DQ for the variance. */
#include "output/layout.h"

#include <stdio.h>
#include <string.h>

#include "cube/cube.h"
#include "cube/plane_names.h"

#define PLANE(plane, name, description) { CUBIX_PART_PLANE, CUBIX_PLANE_##plane, name, description }
#define TAIL \
  { CUBIX_PART_LSF, 0, "LSF", "" }, { CUBIX_PART_MAPS, 0, "", "" }, \
  PLANE(NOISEFREE, "NOISEFREE", "flux density before noise")
#define OURS \
  { PLANE(DATA, CUBIX_PLAIN_DATA, "flux density"), PLANE(STAT, CUBIX_PLAIN_STAT, "variance of DATA"), \
    PLANE(DQ, CUBIX_PLAIN_DQ, "data quality, a sum of bits; 0: good"), TAIL }
#define OUR_BITS \
  { { CUBIX_DQ_OUTSIDE,   CUBIX_DQ_OUTSIDE,   "DQBIT1",  "1: outside the aperture" }, \
    { CUBIX_DQ_UNCOVERED, CUBIX_DQ_UNCOVERED, "DQBIT2",  "2: library does not cover the channel" }, \
    { CUBIX_DQ_FEW,       CUBIX_DQ_FEW,       "DQBIT8",  "8: fewer than MinStars stars" }, \
    { CUBIX_DQ_GAP,       CUBIX_DQ_GAP,       "DQBIT16", "16: gap of the instrument, nothing recorded" } }

/* By the enumerators of Layout, but for auto. */
static const struct cubix_layout layouts[] = {
  { .name = "plain", .unit = "10**(%d)*erg/s/cm**2/Angstrom", .part = OURS, .bit = OUR_BITS },
  { .name = "muse", .unit = "10**(%d)*erg/s/cm**2/Angstrom", .blank = 1, .part = OURS, .bit = OUR_BITS },
  { .name = "manga", .unit = "10**(%d)*erg/s/cm**2/Angstrom/pixel", .always = 1,
    .part = { PLANE(DATA, CUBIX_MANGA_DATA, "flux density"),
              PLANE(IVAR, CUBIX_MANGA_IVAR, "inverse variance of FLUX"),
              PLANE(DQ, CUBIX_MANGA_DQ, "bits of MANGA_DRP3PIXMASK; 0: good"),
              { CUBIX_PART_VECTOR, CUBIX_VECTOR_WAVE, "WAVE", "centres of the channels" },
              { CUBIX_PART_VECTOR, CUBIX_VECTOR_RESOLUTION, "SPECRES", "lambda over the FWHM of the cube" },
              { CUBIX_PART_VECTOR, CUBIX_VECTOR_SPREAD, "SPECRESD", "spread of SPECRES among fibres: none" }, TAIL },
    .bit = { { CUBIX_DQ_OUTSIDE,   1025, "MASKB1", "1 + 1024: NOCOV, outside the aperture" },
             { CUBIX_DQ_UNCOVERED, 1024, "MASKB2", "1024: DONOTUSE, library does not cover the channel" },
             { CUBIX_DQ_FEW,       0,    "MASKB3", "fewer than MinStars stars: no bit" },
             { CUBIX_DQ_GAP,       1025, "MASKB4", "1 + 1024: NOCOV, gap of the instrument" } },
    .word = { { 0, "TELESCOP", "SDSS 2.5-M", "of the layout: this is a simulation" },
              { 1, "INSTRUME", "MaNGA", "of the layout" },
              { 1, "VERSDRP3", "v3_1_1", "of the layout: its data model" },
              { 1, "PLATEIFU", "0-0", "of the layout: none" },
              { 1, "MANGAID", "0-0", "of the layout: none" },
              { 1, "SRVYMODE", "simulation", "of the layout" } },
    .ra = "OBJRA", .dec = "OBJDEC" },
  { .name = "sami", .unit = "10**(%d)*erg/s/cm**2/Angstrom/pixel", .in_primary = 1, .blank = 1,
    .part = { PLANE(DATA, CUBIX_SAMI_DATA, "flux density"), PLANE(STAT, CUBIX_SAMI_STAT, "variance of the flux"),
              PLANE(DQ, CUBIX_SAMI_DQ, "data quality, a sum of bits; 0: good"), TAIL },
    .bit = OUR_BITS },
  { .name = "jwst", .blank = 1, .always = 1,
    .part = { PLANE(DATA, CUBIX_JWST_DATA, "surface brightness"),
              PLANE(ERR, CUBIX_JWST_ERR, "standard deviation of SCI"),
              PLANE(DQ, CUBIX_JWST_DQ, "bits of the JWST pipeline; 0: good"), TAIL },
    .bit = { { CUBIX_DQ_OUTSIDE,   513, "DQB1", "1 + 512: DO_NOT_USE, NON_SCIENCE, outside the aperture" },
             { CUBIX_DQ_UNCOVERED, 1,   "DQB2", "1: DO_NOT_USE, library does not cover the channel" },
             { CUBIX_DQ_FEW,       0,   "DQB3", "fewer than MinStars stars: no bit" },
             { CUBIX_DQ_GAP,       513, "DQB4", "1 + 512: DO_NOT_USE, NON_SCIENCE, gap of the instrument" } },
    .word = { { 0, "TELESCOP", "JWST", "of the layout: this is a simulation" } } },
};

const struct cubix_layout *cubix_layout_number(int i) { return &layouts[i]; }
int cubix_layout_index(const struct cubix_layout *layout) { return (int)(layout - layouts); }
const struct cubix_layout *cubix_layout_plain(void) { return &layouts[0]; }

const struct cubix_layout *cubix_layout_fits(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  return &layouts[par->Layout == CUBIX_Layout_auto ? ins->layout : (int)par->Layout - CUBIX_Layout_plain];
}

static int is_variance(enum cubix_plane plane)
{
  return plane == CUBIX_PLANE_STAT || plane == CUBIX_PLANE_IVAR || plane == CUBIX_PLANE_ERR;
}

int cubix_layout_is_void(enum cubix_plane plane, const struct cubix_params *par)
{
  return is_variance(plane) && par->Noise == CUBIX_Noise_none;
}

int cubix_layout_parts(struct cubix_part part[CUBIX_MOST_PART], const struct cubix_layout *layout,
                       const struct cubix_params *par)
{
  int n = 0;
  for (const struct cubix_part *p = layout->part; p->kind != CUBIX_PART_END; p++) {
    const int is_plane = p->kind == CUBIX_PART_PLANE;
    if (p->kind == CUBIX_PART_MAPS && !par->TruthMaps) continue;
    if (is_plane && p->which == CUBIX_PLANE_NOISEFREE && !par->KeepNoiseFree) continue;
    if (is_plane && !layout->always && cubix_layout_is_void((enum cubix_plane)p->which, par)) continue;
    part[n++] = *p;
    if (p->kind != CUBIX_PART_LSF || n != 3 || part[1].which != CUBIX_PLANE_DQ) continue;
    part[2] = part[1];                                     /* there is no variance: the table comes before DQ */
    part[1] = *p;
  }
  return n;
}

int cubix_layout_power(enum cubix_plane plane)
{
  return plane == CUBIX_PLANE_STAT ? 2 : plane == CUBIX_PLANE_IVAR ? -2 : 1;
}

/* A unit to a power: 10**(-20)*erg/s becomes 10**(-40)*erg**2/s**2. */
void cubix_layout_unit(char unit[80], const struct cubix_layout *layout, enum cubix_plane plane,
                       const struct cubix_instrument *ins)
{
  const int power = cubix_layout_power(plane);
  const char *per_pixel = layout->unit && strstr(layout->unit, "/pixel") ? "/pixel" : "";
  unit[0] = '\0';
  if (plane == CUBIX_PLANE_DQ) return;
  if (!layout->unit) snprintf(unit, 80, "%s", "MJy/sr");
  else if (power == 1) snprintf(unit, 80, layout->unit, ins->flux_unit);
  else if (power == 2)
    snprintf(unit, 80, "10**(%d)*erg**2/s**2/cm**4/Angstrom**2%s%s", 2 * ins->flux_unit, per_pixel,
             *per_pixel ? "**2" : "");
  else
    snprintf(unit, 80, "10**(%d)*s**2*cm**4*Angstrom**2%s/erg**2", -2 * ins->flux_unit, *per_pixel ? "*pixel**2" : "");
}

double cubix_layout_factor(const struct cubix_layout *layout, const struct cubix_instrument *ins, int k)
{
  return layout->unit ? 1 : cubix_instrument_mjy_sr(ins, k);
}
