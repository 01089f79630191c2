/* provenance.c -- where a cube comes from, and where on the sky it lies.
 *
 * A cube outlives the folder that it was made in.  So every file says which program made it, from
 * which files, with which library, what was dropped or clamped on the way, and what the program
 * warned of; together with the parameters (a table of their own) that is enough to make it again.
 * The names are FITS keywords of the standard kind; HDF5 uses the same ones.
 *
 * World coordinates.  The galaxy's centre lies at a nominal place, RA 150, Dec 2 degrees (ICRS): a
 * simulated galaxy has no place of its own, and RA 0 would put half of the field at 360.  Sky
 * offsets x (east) and y (north) in arcsec are coordinates on the tangent plane there, and with
 * X_d, Y_d of doc/math.md section 4 a star lies at the FITS pixel (the centre of the first pixel is
 * 1)
 *   p_1 = n_x/2 + 1/2 - X_d/pixel_x,   p_2 = n_y/2 + 1/2 + Y_d/pixel_y,
 * where x = y = 0 is CRPIX.  Inverted, x = -pixel_x cos(Roll) (p_1 - CRPIX1) + pixel_y sin(Roll)
 * (p_2 - CRPIX2), y likewise: that is the CD matrix.  The wavelength is linear in the third pixel
 * coordinate, in air (AWAV) or vacuum (WAVE) as the instrument has it.  CDELTi repeats the scales
 * for readers that know no CD matrix (the standard lets it stand beside CDi_j, to be ignored by
 * those that do). */
#define _POSIX_C_SOURCE 200809L
#include "output/provenance.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "dust/extinction.h"
#include "histogram/axis.h"
#include "observation/psf_sums.h"
#include "output/bands.h"
#include "output/output_covariance.h"
#include "output/provenance_parts.h"
#include "physics/constants.h"
#include "spectra/imf.h"
#include "version.h"

enum { MAX_LISTED = 9999 };       /* FILE9999: a keyword has eight characters */

/* ---- chapters of the provenance -------------------------------------------------------------- */
static void program_facts(struct cubix_facts *facts, const struct cubix_result *result)
{
  char date[32] = "";
  time_t now = time(NULL);
  struct tm utc;
  if (gmtime_r(&now, &utc)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  text(facts, "CREATOR", "CUBIX", "program that made this file");
  text(facts, "VERSION", CUBIX_VERSION, "its version");
  text(facts, "COMMIT", CUBIX_COMMIT, "its commit; +: with changes");
  text(facts, "DATE", date, "UTC at which this file was written");
  integer(facts, "NRANK", result->n_rank, "", "number of MPI ranks");
  text(facts, "DEVICE", result->device ? result->device : "", "processor that painted");
  if (result->fit) text(facts, "FIT", result->fit, "how the fit ended that found the parameters");
}

static void object_fact(struct cubix_facts *facts, const struct cubix_result *result)
{
  const struct cubix_snapshot *snap = &result->slab->snapshot;
  const char *path = snap->n_file ? snap->file[0] : result->par->InputFile, *base = strrchr(path, '/'), *dot;
  char object[256];
  base = base ? base + 1 : path;
  dot = strrchr(base, '.');
  snprintf(object, sizeof object, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
  text(facts, "OBJECT", result->par->Object[0] ? result->par->Object : object, "Object, or the simulation file's name");
}

static void input_facts(struct cubix_facts *facts, const struct cubix_result *result)
{
  const struct cubix_snapshot *snap = &result->slab->snapshot;
  char name[9];
  int n_listed = snap->n_file < MAX_LISTED ? snap->n_file : MAX_LISTED;
  object_fact(facts, result);
  if (result->par->DateObs[0]) text(facts, "DATE-OBS", result->par->DateObs, "DateObs: as if observed then");
  text(facts, "SIMFMT", snap->format, "format of the simulation file");
  text(facts, "SIMNAME", snap->simulation, "name the simulation gives itself");
  text(facts, "SIMIMF", snap->imf, "initial mass function of its stars");
  if (snap->birth_mass[0])
    text(facts, "SIMBIRTH", snap->birth_mass, "masses at birth: file's, library's or current");
  integer(facts, "NFILE", snap->n_file, "", "number of simulation files: FILEi, SIZEi");
  if (n_listed < snap->n_file)
    integer(facts, "NUNLIST", snap->n_file - n_listed, "", "of these, the last ones, not listed");
  for (int i = 0; i < n_listed; i++) {
    text(facts, numbered(name, "FILE", i + 1), snap->file[i], "simulation file");
    integer(facts, numbered(name, "SIZE", i + 1), snap->file_size[i], "byte", "its size");
  }
  real(facts, "SNAPZ", snap->redshift, "", "redshift of the snapshot, and of the ages");
  logical(facts, "SNAPMOVE", cubix_scene_moved(result->scene, snap), "T: REDSHIFT, where it is seen, is another");
  real(facts, "BOXSIZE", snap->box, "kpc", "side of the periodic box; 0: none");
  real(facts, "SIMOMEGM", snap->omega_m, "", "the simulation's matter density");
  real(facts, "SIMOMEGL", snap->omega_l, "", "the simulation's dark energy density");
  real(facts, "SIMH", snap->h, "", "the simulation's H0/(100 km/s/Mpc)");
}

static void library_facts(struct cubix_facts *facts, const struct cubix_result *result)
{
  const struct cubix_templates *templates = result->templates;
  const struct cubix_ssp *ssp = templates->ssp;
  struct stat info;
  text(facts, "SSPNAME", ssp->name, "library of stellar populations");
  text(facts, "SSPFILE", ssp->file, "its file");
  if (!stat(ssp->file, &info)) integer(facts, "SSPSIZE", (int64_t)info.st_size, "byte", "its size");
  text(facts, "SSPIMF", ssp->imf, "its initial mass function");
  logical(facts, "IMFDIFF", cubix_imf_factor(ssp->imf, result->slab->snapshot.imf) != 1,
          "T: SSPIMF and SIMIMF differ by a factor of ~1.6");
  text(facts, "SSPREF", ssp->reference, "its reference");
  text(facts, "SSPLIC", ssp->licence, "its licence");
  logical(facts, "SSPDEMO", ssp->demo, "T: a closed form for tests, not a real library");
  integer(facts, "SSPNZ", ssp->n_z, "", "its number of metallicities");
  integer(facts, "SSPNAGE", ssp->n_age, "", "its number of ages");
  real(facts, "SSPLAM1", ssp->lambda_first, "Angstrom", "its first wavelength (rest, vacuum)");
  real(facts, "SSPLAM2", ssp->lambda_last, "Angstrom", "its last wavelength (rest, vacuum)");
  integer(facts, "NUNCOV", templates->n_uncovered, "", "channels it does not cover (DQ bit 2)");
  integer(facts, "NBROAD", templates->n_too_broad, "", "channels where it is broader than the LSF");
}

/* Nothing where there is none. */
static void dust_facts(struct cubix_facts *facts, const struct cubix_params *par)
{
  double low, high;
  const char *shape = cubix_extinction_shape(par->DustLaw, &low, &high);
  if (par->BirthCloudTau > 0) {
    real(facts, "BIRTHTAU", par->BirthCloudTau, "", "optical depth of birth clouds at 5500 AA");
    real(facts, "BIRTHAGE", par->BirthCloudAge, "Myr", "age at which stars leave them");
    real(facts, "BIRTHSLP", par->BirthCloudSlope, "", "they dim as (lambda/5500 AA)^-this");
  }
  if (par->Dust == CUBIX_Dust_none) return;
  text(facts, "DUST", cubix_Dust_word[par->Dust], "screen, or gas and screen");
  text(facts, "DUSTLAW", cubix_DustLaw_word[par->DustLaw], "extinction law A(lambda)/A(V)");
  if (shape && !strcmp(shape, "DustRv")) real(facts, "DUSTRV", par->DustRv, "", "its A(V)/E(B-V)");
  if (shape && !strcmp(shape, "DustSlope")) real(facts, "DUSTSLOP", par->DustSlope, "", "its slope");
  real(facts, "DUSTSCRN", par->DustScreen, "mag", "A(V) of a screen in front of all");
}

/* How the disc is seen; nothing where none was looked for. */
static void angle_facts(struct cubix_facts *facts, const struct cubix_params *par)
{
  if (!cubix_frame_has_disc(par)) return;
  real(facts, "INCLINAT", cubix_frame_inclination(par), "deg", "inclination of the disc; 0: face-on");
  real(facts, "POSANG", par->PositionAngle, "deg", "receding half of the major axis, N to E");
}

static void scene_facts(struct cubix_facts *facts, const struct cubix_params *par, const struct cubix_scene *scene,
                        const struct cubix_frame *frame)
{
  char name[9];
  real(facts, "REDSHIFT", scene->redshift, "", "redshift of the observed galaxy");
  real(facts, "DISTANCE", scene->d_l_mpc, "Mpc", "luminosity distance");
  real(facts, "KPCARC", scene->kpc_per_arcsec, "kpc/arcsec", "scale on the sky");
  real(facts, "OMEGAM", scene->omega_m, "", "matter density, the observer's");
  real(facts, "OMEGAL", scene->omega_l, "", "dark energy density, the observer's");
  real(facts, "HUBBLE", scene->h, "", "H0/(100 km/s/Mpc), the observer's");
  for (int i = 0; i < 3; i++)
    real(facts, numbered(name, "CENTRE", i + 1), frame->centre[i], "kpc", "galaxy's centre in the file's frame");
  for (int i = 0; i < 3; i++)
    real(facts, numbered(name, "SYSVEL", i + 1), frame->velocity[i], "km/s", "systemic velocity in the file's frame");
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++)
      real(facts, numbered(name, "ROT", 10 * (i + 1) + j + 1), frame->rotation[i][j], "",
           "file's frame to sky (east, north, away)");
  }
  real(facts, "ALIGNRAD", frame->align_radius, "kpc", "radius that defined the disc; 0: none");
  angle_facts(facts, par);
  if (!frame->has_shape) return;
  real(facts, "AXISP", frame->axis_p, "", "axis ratio b/a of the aligned body");
  real(facts, "AXISQ", frame->axis_q, "", "axis ratio c/a of the aligned body");
}

static void fibre_facts(struct cubix_facts *facts, const struct cubix_instrument *ins)
{
  const struct cubix_bundle *bundle = ins->bundle;
  text(facts, "SAMPLING", bundle ? "fibres" : "spaxels", "of the field");
  if (!bundle) return;
  integer(facts, "NFIBER", bundle->n_fibre, "", "fibres of the bundle");
  integer(facts, "NDITHER", bundle->n_dither, "", "places of the bundle, which share the time");
  real(facts, "FIBCORE", bundle->core, "arcsec", "diameter of a fibre's core");
  if (bundle->first) {
    real(facts, "AIRMASS", bundle->airmass, "", "mean of the dithers, for refraction");
    real(facts, "REFWAVE", bundle->reference, "AA", "where refraction moves no fibre");
    integer(facts, "NREFRACT", bundle->n_group, "", "groups of channels that share places of fibres");
  }
  integer(facts, "FIBSUB", ins->sub, "", "painted spaxels across one of the cube");
  text(facts, "REBUILD", bundle->rebuild == CUBIX_REBUILD_SHEPARD ? "shepard" : "drizzle", "cube from fibres");
  if (bundle->rebuild == CUBIX_REBUILD_DRIZZLE) {
    real(facts, "RBDROP", bundle->drop, "", "diameter of a drop over that of a core");
    return;
  }
  real(facts, "RBSIGMA", bundle->sigma, "arcsec", "width of the weights");
  real(facts, "RBLIMIT", bundle->limit, "arcsec", "where they end");
}

static void instrument_facts(struct cubix_facts *facts, const struct cubix_instrument *ins)
{
  static const char *const aperture[] = { "square", "circle", "hexagon" }, *const psf[] = { "none", "gaussian",
                                                                                            "moffat", "file" };
  text(facts, "INSTRUME", ins->name, "instrument");
  text(facts, "INSTFILE", ins->file, "its file");
  text(facts, "INSTREF", ins->reference, "its reference");
  text(facts, "APERTURE", aperture[ins->aperture], "shape of the field");
  fibre_facts(facts, ins);
  text(facts, "MEDIUM", ins->medium == CUBIX_AIR ? "air" : "vacuum", "wavelengths are those in");
  text(facts, "PSF", psf[ins->psf], "point spread function");
  if (ins->psf == CUBIX_PSF_GAUSSIAN || ins->psf == CUBIX_PSF_MOFFAT) {
    real(facts, "PSFFWHMB", cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, 0)), "arcsec",
         "FWHM of the PSF, first channel");
    real(facts, "PSFFWHM", cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, ins->n_lambda / 2)), "arcsec",
         "FWHM of the PSF, middle channel");
    real(facts, "PSFFWHMR", cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, ins->n_lambda - 1)), "arcsec",
         "FWHM of the PSF, last channel");
  }
  if (ins->psf == CUBIX_PSF_MOFFAT) {
    const int last = ins->n_lambda - 1, varies = ins->psf_beta.n_table > 0 || ins->psf_beta.n_coef > 1;
    const double lambda[] = { cubix_instrument_lambda(ins, 0), cubix_instrument_lambda(ins, ins->n_lambda / 2),
                              cubix_instrument_lambda(ins, last) };
    if (varies) real(facts, "PSFBETAB", cubix_curve_at(&ins->psf_beta, lambda[0]), "", "the same, first channel");
    real(facts, "PSFBETA", cubix_curve_at(&ins->psf_beta, lambda[1]), "", "exponent of the Moffat profile");
    if (varies) real(facts, "PSFBETAR", cubix_curve_at(&ins->psf_beta, lambda[2]), "", "the same, last channel");
  }
  if (ins->psf_axis_ratio > 0. && ins->psf_axis_ratio < 1. &&
      (ins->psf == CUBIX_PSF_GAUSSIAN || ins->psf == CUBIX_PSF_MOFFAT)) {
    real(facts, "PSFRATIO", ins->psf_axis_ratio, "", "minor over major axis of the PSF");
    real(facts, "PSFANGLE", ins->psf_angle * 180. / CUBIX_PI, "deg", "of the major axis, from y through east");
  }
  text(facts, "LSF",
       ins->lsf_none                      ? "none"
       : ins->lsf_shape == CUBIX_LSF_SINC ? "sinc"
                                          : "gaussian",
       "line spread function (table LSF)");
}

static void engine_facts(struct cubix_facts *facts, const struct cubix_result *r)
{
  const struct cubix_engine *engine = r->engine;
  int shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  text(facts, "ENGINE", engine->method == CUBIX_HISTOGRAM ? "histogram" : "direct", "how stars were painted");
  text(facts, "ENGINWHY", engine->why, "the rule that chose it");
  if (engine->method == CUBIX_HISTOGRAM) {
    text(facts, "COMBINE", shared ? "histogram" : "cube", "what the ranks added up");
    real(facts, "TOLERANC", engine->tolerance, "", "largest relative error allowed");
    real(facts, "CERTIFED", r->basis->certified, "", "largest relative error of the velocity grid");
    if (r->basis->nodes.axis.n) {
      real(facts, "DUSTERR", cubix_axis_error(&r->basis->nodes.axis, r->basis->n_lambda), "",
           "largest relative error of the nodes in A(V)");
      integer(facts, "DUSTNODE", r->basis->nodes.axis.n, "", "nodes in A(V)");
    }
    real(facts, "NODESTEP", r->basis->nodes.step, "km/s", "step of the velocity grid");
    real(facts, "NODEREAC", r->basis->nodes.reach, "km/s", "its reach, to both sides");
    integer(facts, "NTEMPLAT", r->basis->n_template, "", "templates on it");
    integer(facts, "NBEYOND", engine->n_beyond, "", "stars beyond it, painted directly");
  }
  integer(facts, "NAUDIT", r->audit->n_voxel, "", "voxels recomputed directly in float64");
  real(facts, "AUDIT", r->audit->worst, "", "largest relative difference among them");
}

static void exposure_facts(struct cubix_facts *facts, const struct cubix_noise *noise)
{
  if (noise->kind == CUBIX_Noise_none) return;
  real(facts, "EXPTIME", noise->exposure_time, "s", "time on target, given or found");
  integer(facts, "NEXP", noise->n_exposure, "", "number of exposures");
}

static void noise_facts(struct cubix_facts *facts, const struct cubix_noise *noise)
{
  static const char *const kind[] = { "none", "snr", "exposure" };
  text(facts, "NOISE", kind[noise->kind], "none, snr (finds EXPTIME) or exposure");
  if (noise->kind == CUBIX_Noise_none) return;
  exposure_facts(facts, noise);
  real(facts, "SNR", noise->achieved_snr, "Angstrom**(-1/2)", "median in aperture and band");
  integer(facts, "SEED", noise->seed, "", "of every random number");
}

static void resampled_facts(struct cubix_facts *facts, const struct cubix_resampled *r)
{
  if (!r->from) return;
  text(facts, "YOUNGFRM", r->from, "of what ResampleYoung made its particles");
  integer(facts, "N_YOUNG", r->n_removed, "", "stars younger than 100 Myr, replaced");
  real(facts, "M_YOUNG", r->mass_removed, "solMass", "mass formed in them");
  integer(facts, "N_PARENT", r->n_parent, "", "stars or cells that particles are made of");
  integer(facts, "N_RESAMP", r->n_made, "", "particles in place of young stars");
  real(facts, "M_RESAMP", r->mass_made, "solMass", "mass formed in them");
}

static void account_facts(struct cubix_facts *facts, const struct cubix_slab *slab, const struct cubix_cube *cube,
                          const char *light_unit)
{
  static const struct { const char *number, *mass, *light, *comment; } row[CUBIX_N_ACCOUNT] = {
    { "N_ALL",    "M_ALL",    "L_ALL",    "all stars read and selected" },
    { "N_FIELD",  "M_FIELD",  "L_FIELD",  "stars in the field" },
    { "N_MARGIN", "M_MARGIN", "L_MARGIN", "stars in the margin, painted for the PSF" },
    { "N_OUT",    "M_OUT",    "L_OUT",    "stars outside both, not painted" },
    { "N_SHED",   "M_SHED",   "L_SHED",   "of these, stars wide enough to shed some in" },
    { "N_CLAMPZ", "M_CLAMPZ", "L_CLAMPZ", "stars with Z clamped to the library" },
    { "N_CLAMPA", "M_CLAMPA", "L_CLAMPA", "stars with age clamped to the library" },
    { "N_OLD",    "M_OLD",    "L_OLD",    "stars older than the universe at REDSHIFT" },
  };
  integer(facts, "NSTARFIL", slab->n_file_total, "", "star particles in the simulation file(s)");
  integer(facts, "NWIND", slab->n_wind, "", "of these, wind cells, dropped");
  integer(facts, "NOUTRAD", slab->n_outside_radius, "", "of these, outside SelectRadius, dropped");
  resampled_facts(facts, &slab->resampled);
  integer(facts, "NSTARS", slab->n_total, "", "stars kept, or made by ResampleYoung");
  for (int i = 0; i < CUBIX_N_ACCOUNT; i++) {
    integer(facts, row[i].number, (int64_t)cube->budget[i].number, "", row[i].comment);
    real(facts, row[i].mass, cube->budget[i].mass, "solMass", "mass formed in them");
    real(facts, row[i].light, cube->budget[i].light, light_unit, "their light");
  }
  real(facts, "VMAX", cube->v_max, "km/s", "largest line-of-sight speed painted");
}

static void warning_facts(struct cubix_facts *facts)
{
  const char *line = cubix_log_warnings()->text;
  int n = 0, slot = facts->n;
  integer(facts, "NWARN", 0, "", "number of warnings: WARNi");
  while (*line) {
    char copy[2048], name[9];
    size_t length = strcspn(line, "\n");
    snprintf(copy, sizeof copy, "%.*s", (int)length, line);
    text(facts, numbered(name, "WARN", ++n), copy, "warning");
    line += length + (line[length] == '\n');
  }
  if (facts->n > slot) facts->fact[slot].integer = n;
}

/* ---- the two tables -------------------------------------------------------------------------- */
int cubix_provenance_init(struct cubix_facts **out, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  CUBIX_ALLOC(facts, 1);
  program_facts(facts, result);
  input_facts(facts, result);
  library_facts(facts, result);
  dust_facts(facts, result->par);
  scene_facts(facts, result->par, result->scene, result->frame);
  instrument_facts(facts, result->ins);
  cubix_bands_facts(facts, result->band_psf);
  engine_facts(facts, result);
  cubix_line_facts(facts, result);
  noise_facts(facts, result->noise);
  cubix_covariance_facts(facts, result);
  integer(facts, "FLUXUNIT", result->ins->flux_unit, "", "light is in units of 10**FLUXUNIT erg/s/cm**2");
  account_facts(facts, result->slab, result->cube, "10**FLUXUNIT erg/s/cm**2");
  warning_facts(facts);
  CUBIX_CHECK(!facts->n_lost, CUBIX_ENOMEM, "no memory for %d lines of provenance", facts->n_lost);
  *out = facts;
  facts = NULL;
done:
  cubix_facts_free(facts);
  return status;
}

int cubix_data_facts_init(struct cubix_facts **out, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  CUBIX_ALLOC(facts, 1);
  object_fact(facts, result);
  real(facts, "REDSHIFT", result->scene->redshift, "", "redshift of the observed galaxy");
  angle_facts(facts, result->par);
  exposure_facts(facts, result->noise);
  cubix_bands_facts(facts, result->band_psf);
  CUBIX_CHECK(!facts->n_lost, CUBIX_ENOMEM, "no memory for what the flux says of itself");
  *out = facts;
  facts = NULL;
done:
  cubix_facts_free(facts);
  return status;
}

/* Linear, WAVE-LOG (Greisen et al. 2006, A&A 446, 747, section 3.3), or WAVE-TAB with a table. */
static void spectral_axis(struct cubix_facts *facts, const struct cubix_instrument *ins)
{
  static const char *const type[2][3] = { { "AWAV", "AWAV-LOG", "AWAV-TAB" }, { "WAVE", "WAVE-LOG", "WAVE-TAB" } };
  const int table = ins->grid == CUBIX_TABLE;
  const double step = table ? 1. : ins->grid == CUBIX_LOG ? ins->lambda_min * ins->log_step : ins->lambda_step;
  const char *unit = table ? "" : "Angstrom",
             *what = ins->grid == CUBIX_LINEAR ? "width of a channel"
                     : table                   ? "row of the table"
                                               : "CRVAL3 times the step of ln lambda";
  text(facts, "CTYPE3", type[ins->medium == CUBIX_VACUUM][ins->grid],
       ins->medium == CUBIX_AIR ? "wavelength in air" : "wavelength in vacuum");
  text(facts, "CUNIT3", "Angstrom", "");
  real(facts, "CRVAL3", table ? 1. : ins->lambda_min, unit, table ? "row of the table" : "centre of the first channel");
  real(facts, "CRPIX3", 1., "pixel", "");
  real(facts, "CD3_3", step, unit, what);
  real(facts, "CDELT3", step, unit, "for readers without a CD matrix");
  if (!table) return;
  text(facts, "PS3_0", CUBIX_GRID_TABLE, "table with the centres of the channels");
  text(facts, "PS3_1", CUBIX_GRID_COLUMN, "its column");
  integer(facts, "PV3_1", 1, "", "version of the table");
  integer(facts, "PV3_3", 1, "", "axis of the table");
}

/* Middles of the bins of Losvd. */
static void velocity_axis(struct cubix_facts *facts, const struct cubix_sums *bins)
{
  text(facts, "CTYPE3", "VELO", "along the line of sight, receding positive");
  text(facts, "CUNIT3", "km/s", "");
  real(facts, "CRVAL3", 0., "km/s", "systemic velocity");
  real(facts, "CRPIX3", 0.5 * (bins->n_v + 1), "pixel", "");
  real(facts, "CD3_3", bins->v_step, "km/s", "width of a bin");
  real(facts, "CDELT3", bins->v_step, "km/s", "for readers without a CD matrix");
}

int cubix_wcs_init(struct cubix_facts **out, const struct cubix_instrument *ins, int n_axis,
                   const struct cubix_sums *bins)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  double cos_roll = cos(ins->roll), sin_roll = sin(ins->roll), px = ins->pixel_x / 3600., py = ins->pixel_y / 3600.;
  /* the galaxy's centre in detector axes [arcsec] */
  double x_d = -ins->pointing_x * cos_roll + ins->pointing_y * sin_roll,
         y_d = -ins->pointing_x * sin_roll - ins->pointing_y * cos_roll;

  CUBIX_ALLOC(facts, 1);
  integer(facts, "WCSAXES", n_axis, "", "number of world axes");
  text(facts, "CTYPE1", "RA---TAN", "east is to the left without Roll");
  text(facts, "CTYPE2", "DEC--TAN", "tangent plane");
  text(facts, "CUNIT1", "deg", "");
  text(facts, "CUNIT2", "deg", "");
  real(facts, "CRVAL1", ins->sky_ra, "deg", "galaxy's centre, SkyRa");
  real(facts, "CRVAL2", ins->sky_dec, "deg", "galaxy's centre, SkyDec");
  real(facts, "CRPIX1", 0.5 * ins->n_x + 0.5 - x_d / ins->pixel_x, "pixel", "galaxy's centre");
  real(facts, "CRPIX2", 0.5 * ins->n_y + 0.5 + y_d / ins->pixel_y, "pixel", "galaxy's centre");
  real(facts, "CD1_1", -px * cos_roll, "deg", "");
  real(facts, "CD1_2", py * sin_roll, "deg", "");
  real(facts, "CD2_1", px * sin_roll, "deg", "");
  real(facts, "CD2_2", py * cos_roll, "deg", "");
  real(facts, "CDELT1", -px, "deg", "for readers without a CD matrix");
  real(facts, "CDELT2", py, "deg", "for readers without a CD matrix");
  if (n_axis == 3) {
    const char *unit = bins ? "km/s" : "Angstrom";
    if (bins) velocity_axis(facts, bins);
    else spectral_axis(facts, ins);
    real(facts, "CD1_3", 0., "deg", "");
    real(facts, "CD2_3", 0., "deg", "");
    real(facts, "CD3_1", 0., unit, "");
    real(facts, "CD3_2", 0., unit, "");
    if (!bins) text(facts, "SPECSYS", "BARYCENT", "frame of the wavelengths");
  }
  text(facts, "RADESYS", "ICRS", "");
  CUBIX_CHECK(!facts->n_lost, CUBIX_ENOMEM, "no memory for %d lines of world coordinates", facts->n_lost);
  *out = facts;
  facts = NULL;
done:
  cubix_facts_free(facts);
  return status;
}

int cubix_map_facts_init(struct cubix_facts **out, const struct cubix_instrument *ins, int of_light, int seen)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  CUBIX_ALLOC(facts, 1);
  if (of_light) {
    real(facts, "BANDMIN", cubix_instrument_border(ins, 0), "Angstrom", "band of the light, observed: from");
    real(facts, "BANDMAX", cubix_instrument_border(ins, ins->n_lambda), "Angstrom", "to");
  }
  if (seen) real(facts, "PSFLAM", cubix_psf_sums_lambda(ins), "Angstrom", "where the PSF is that of this map");
  CUBIX_CHECK(!facts->n_lost, CUBIX_ENOMEM, "no memory for what a map says of itself");
  *out = facts;
  facts = NULL;
done:
  cubix_facts_free(facts);
  return status;
}

void cubix_facts_free(struct cubix_facts *facts)
{
  if (!facts) return;
  for (int i = 0; i < facts->n; i++) free(facts->fact[i].text);
  free(facts->fact);
  free(facts);
}
