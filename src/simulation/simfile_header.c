/* simfile_header.c -- what a header says of a snapshot as a whole: when it is, in which universe and
 * units, how large its box is, and which particles count.
 *
 * The scale factor a is taken from where the format says, else a = 1/(1 + redshift); the two must
 * agree to 0.1 %.  A run is isolated where the file says that it is not cosmological, or, where it
 * does not say, that there is no matter (Omega_m = 0): then its Time is a time, and there is no a. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "math/cosmology.h"
#include "simulation/simfile_parts.h"

/* The universe of the simulation; a flat one where it says nothing of dark energy. */
static int find_cosmology(struct cubix_snapshot *s, const struct cubix_look *look, int *known)
{
  int status = CUBIX_OK, has_m, has_l, has_h;
  char names[512];
  CUBIX_TRY(cubix_header_number(&s->omega_m, &has_m, look->format, look->source, CUBIX_HEADER_OMEGA_M));
  CUBIX_TRY(cubix_header_number(&s->omega_l, &has_l, look->format, look->source, CUBIX_HEADER_OMEGA_L));
  CUBIX_TRY(cubix_header_number(&s->h, &has_h, look->format, look->source, CUBIX_HEADER_H));
  CUBIX_CHECK(s->h <= CUBIX_LARGEST_H, CUBIX_EINPUT, "%s: %s is %g; it is H0/(100 km/s/Mpc) and must be at most %g",
              look->source->path, cubix_header_names(look->format, CUBIX_HEADER_H, names, sizeof names), s->h,
              CUBIX_LARGEST_H);
  CUBIX_CHECK(s->omega_m >= 0 && s->omega_m <= 2 && fabs(s->omega_l) <= 3, CUBIX_EINPUT,
              "%s: Omega_m = %g and Omega_Lambda = %g are of no universe: they must be 0..2 and -3..3",
              look->source->path, s->omega_m, s->omega_l);
  if (has_m && !has_l && s->omega_m > 0) {
    s->omega_l = 1 - s->omega_m;
    cubix_log(CUBIX_LOG_WARNING, "%s states Omega_m = %g and no Omega_Lambda: the universe is taken as flat, with %g",
              look->source->path, s->omega_m, s->omega_l);
  }
  *known = has_m;
done:
  return status;
}

/* What a cosmological run does not state, or states as 0, is the user's. */
static void fill_cosmology(struct cubix_snapshot *s, const struct cubix_look *look)
{
  const struct cubix_params *par = look->par;
  const int fill_m = !(s->omega_m > 0) && par->OmegaMatter > 0, fill_h = !(s->h > 0) && par->HubbleParam > 0;
  const int flat = fill_m && !(par->OmegaLambda > 0) && s->omega_l == 0 && par->OmegaMatter != 1;
  if (fill_m) s->omega_m = par->OmegaMatter;
  if (fill_m && par->OmegaLambda > 0) s->omega_l = par->OmegaLambda;
  if (flat) s->omega_l = 1 - s->omega_m;
  if (flat)
    cubix_log(CUBIX_LOG_WARNING, "OmegaMatter = %g (%s) is given for %s, and no OmegaLambda: the universe is taken as "
              "flat, with %g",
              s->omega_m, cubix_params_origin(par, "OmegaMatter"), look->source->path, s->omega_l);
  if (fill_h) s->h = par->HubbleParam;
  if (fill_m || fill_h)
    cubix_log(CUBIX_LOG_INFO,
              "%s states no %s: the simulation's cosmology is the one given, Omega_m %g, Omega_Lambda %g, h %g",
              look->source->path, fill_m && fill_h ? "cosmology" : fill_m ? "Omega_m" : "h", s->omega_m, s->omega_l,
              s->h);
}

/* Whether the run is isolated.  @param known  the file states Omega_m */
static int find_kind(struct cubix_simfile *sim, struct cubix_look *look, int known)
{
  const struct cubix_simformat *format = look->format;
  int status = CUBIX_OK, has = 0, has_z, has_a;
  double cosmological = 1, z = 0, time = 0;
  CUBIX_TRY(cubix_header_number(&cosmological, &has, format, look->source, CUBIX_HEADER_COSMOLOGICAL));
  CUBIX_TRY(cubix_header_number(&z, &has_z, format, look->source, CUBIX_HEADER_REDSHIFT));
  CUBIX_TRY(cubix_header_number(&time, &has_a, format, look->source, CUBIX_HEADER_SCALE_FACTOR));
  /* a redshift with the scale factor that belongs to it is of a cosmological run, whatever it omits */
  const int expands = has_z && has_a && z > 1e-3 && fabs(time * (1 + z) - 1) < 1e-3;
  look->scales.isolated = format->header[CUBIX_HEADER_TIME].n > 0 &&
                          (has ? cosmological == 0 : known && sim->snapshot.omega_m == 0 && !expands);
done:
  return status;
}

/* Redshift and scale factor. */
static int find_epoch(struct cubix_simfile *sim, const struct cubix_look *look)
{
  int status = CUBIX_OK, has_z, has_a;
  struct cubix_snapshot *s = &sim->snapshot;
  const char *path = look->source->path;
  char z_names[512], a_names[512];
  CUBIX_TRY(cubix_header_number(&s->redshift, &has_z, look->format, look->source, CUBIX_HEADER_REDSHIFT));
  CUBIX_TRY(cubix_header_number(&sim->a, &has_a, look->format, look->source, CUBIX_HEADER_SCALE_FACTOR));
  cubix_header_names(look->format, CUBIX_HEADER_REDSHIFT, z_names, sizeof z_names);
  cubix_header_names(look->format, CUBIX_HEADER_SCALE_FACTOR, a_names, sizeof a_names);
  CUBIX_CHECK(has_z || has_a, CUBIX_EINPUT, "%s states no redshift: looked for %s, and %s", path, z_names, a_names);
  if (!has_a) sim->a = 1. / (1. + s->redshift);
  if (!has_z) s->redshift = 1. / sim->a - 1.;
  CUBIX_CHECK(sim->a > 0. && sim->a < 2., CUBIX_EINPUT, "%s: redshift %g and scale factor %g are impossible",
              path, s->redshift, sim->a);
  CUBIX_CHECK(fabs(sim->a * (1. + s->redshift) - 1.) < 1e-3, CUBIX_EINPUT,
              "%s: the header contradicts itself: %s = %g, but %s = %g (it should be 1/(1+z))", path, z_names,
              s->redshift, a_names, sim->a);
  if (fabs(s->redshift) < 1e-9) s->redshift = 0.;
done:
  return status;
}

/* A format whose files cannot state their units says what they are by custom: an assumption, which is said. */
static void say_units(const struct cubix_look *look)
{
  const struct cubix_simformat *format = look->format;
  const double *unit = look->scales.code;
  if (format->units.group.n || format->cgs.n || format->cgs_physical.n || format->unit.n || unit[0] == 0) return;
  cubix_log(CUBIX_LOG_INFO,
            "%s states no units: lengths in %g kpc, masses in %g Msun, velocities in %g km/s are assumed, with the "
            "powers of a and h of the format %s",
            look->source->path, unit[0], unit[1], unit[2], format->name);
}

/* What a file that was made of another one says of the origin of its stars' masses. */
static int find_origin(struct cubix_snapshot *s, const struct cubix_simformat *format,
                       const struct cubix_source *source)
{
  int status = CUBIX_OK, found;
  char text[64];
  CUBIX_TRY(cubix_header_text(text, sizeof text, &found, format, source, CUBIX_HEADER_IMF));
  if (found) snprintf(s->imf, sizeof s->imf, "%s", text);
  CUBIX_TRY(cubix_header_text(text, sizeof text, &found, format, source, CUBIX_HEADER_BIRTH_MASS));
  if (found) snprintf(s->birth_mass, sizeof s->birth_mass, "%.7s", text);
done:
  return status;
}

int cubix_simfile_header(struct cubix_simfile *sim, struct cubix_look *look)
{
  int status = CUBIX_OK, known;
  struct cubix_snapshot *s = &sim->snapshot;
  struct cubix_scales *scales = &look->scales;

  snprintf(s->format, sizeof s->format, "%s", look->format->name);
  snprintf(s->imf, sizeof s->imf, "%s", look->format->imf);
  CUBIX_TRY(find_origin(s, look->format, look->source));
  s->units_named = look->format->unit.n > 0;
  CUBIX_TRY(find_cosmology(s, look, &known));
  CUBIX_TRY(find_kind(sim, look, known));
  if (scales->isolated) {
    sim->a = 1;
    s->redshift = 0;
    cubix_log(CUBIX_LOG_INFO, "%s is of an isolated run: times are times, and no powers of a%s apply",
              look->source->path, look->format->isolated_h ? "" : " and h");
    if (!look->format->isolated_h && s->h > 0 && s->h != 1)
      cubix_log(CUBIX_LOG_WARNING, "%s is of an isolated run and states h = %g, which is not applied to its units",
                look->source->path, s->h);
  } else {
    fill_cosmology(s, look);
    CUBIX_TRY(find_epoch(sim, look));
  }
  scales->a = sim->a;
  scales->h = s->h > 0 ? s->h : scales->isolated ? 1 : 0;
  CUBIX_TRY(cubix_code_units_find(scales->code, look->format, look->source, s->h));
  say_units(look);
done:
  return status;
}

int cubix_simfile_types(struct cubix_simfile *sim, struct cubix_look *look)
{
  const struct cubix_species *species = look->species;
  const struct cubix_params *par = look->par;
  const int isolated = look->scales.isolated && species->n_isolated, stars = sim->population == CUBIX_STARS;
  int status = CUBIX_OK;
  char wrong[200];

  CUBIX_CHECK(species->there || strcmp(look->format->recognise.file, "ramses"), CUBIX_EINPUT,
              "%s: the gas of RAMSES is in its amr and hydro files, which CUBIX does not read: make a file of it with "
              "cubix-import --gas, which takes what pynbody or yt read", look->source->path);
  CUBIX_CHECK(species->there, CUBIX_EINPUT, "%s: the format %s knows no gas; add a group `gas` to %s",
              look->source->path, look->format->name, look->format->path);
  sim->n_type = isolated ? species->n_isolated : species->n_type;
  memcpy(sim->type, isolated ? species->isolated : species->type, sizeof sim->type);
  if (stars && par->StarType[0]) {
    const int n = cubix_types_read(sim->type, CUBIX_N_TYPE, par->StarType);
    CUBIX_CHECK(n > 0, CUBIX_EUSAGE,
                "StarType = %s (%s) must list up to %d types of particles, each once, like 2, 3, 4", par->StarType,
                cubix_params_origin(par, "StarType"), CUBIX_N_TYPE);
    CUBIX_CHECK(species->type[0] >= 0, CUBIX_EUSAGE, "StarType = %s (%s): particles of the format %s have no types",
                par->StarType, cubix_params_origin(par, "StarType"), look->format->name);
    sim->n_type = n;
  }
  for (int t = 0; t < sim->n_type; t++) cubix_species_group(sim->group[t], sizeof sim->group[t], species, sim->type[t]);
  cubix_by_type_read(look->age, par->StarAge, 0, 1e4, wrong, sizeof wrong);
  CUBIX_CHECK(!wrong[0], CUBIX_EUSAGE, "StarAge = %s (%s): %s (in Gyr)", par->StarAge,
              cubix_params_origin(par, "StarAge"), wrong);
  cubix_by_type_read(look->metallicity, par->StarMetallicity, 0, 1, wrong, sizeof wrong);
  CUBIX_CHECK(!wrong[0], CUBIX_EUSAGE, "StarMetallicity = %s (%s): %s", par->StarMetallicity,
              cubix_params_origin(par, "StarMetallicity"), wrong);
  for (int t = 0; t < sim->n_type; t++) sim->unborn_age[t] = look->age[sim->type[t] < 0 ? 0 : sim->type[t]];
  sim->birth = CUBIX_N_FIELD;
  sim->unborn = species->unborn;
  sim->birth_mass = !stars                                                  ? CUBIX_BIRTH_FILE
                    : par->StarInitialMass == CUBIX_StarInitialMass_library ? CUBIX_BIRTH_LIBRARY
                    : par->StarInitialMass == CUBIX_StarInitialMass_current ? CUBIX_BIRTH_CURRENT
                                                                            : CUBIX_BIRTH_FILE;
done:
  return status;
}

/* Where only the format says what a length is, it says so aloud, and the box of a cosmological run
 * shows a wrong one: none is smaller than half a comoving Mpc or larger than 20 Gpc. */
static int check_assumed(const struct cubix_simfile *sim, const struct cubix_look *look)
{
  int status = CUBIX_OK;
  const double comoving = sim->snapshot.box / sim->a / 1e3;
  const struct cubix_field_map *map = &look->species->field[CUBIX_FIELD_POSITION];
  const struct cubix_source *source = look->source;
  char unit[40];
  if (!look->assumes) goto done;
  snprintf(unit, sizeof unit, "%s", map->unit);
  if (map->code) snprintf(unit, sizeof unit, "%g kpc", look->scales.code[0]);
  cubix_log(CUBIX_LOG_INFO, "%s does not say in which unit its lengths are: the format %s says %s a^%g h^%g",
            source->path, look->format->name, unit, look->scales.isolated ? 0 : map->a,
            look->scales.isolated && !look->format->isolated_h ? 0 : map->h);
  CUBIX_CHECK(look->scales.isolated || comoving == 0 || (comoving >= 0.5 && comoving <= 2e4) ||
                  look->par->SanityCheck == CUBIX_SanityCheck_warn,
              CUBIX_EINPUT,
              "%s: the box would have a side of %.3g comoving Mpc if its lengths were in %s, as the format %s says; "
              "the file does not say.  No cosmological run has one beyond 0.5..20000: copy %s, put the right unit into "
              "its group `units` (nominal), and name it with SimulationFormat; SanityCheck warn goes on all the same",
              source->path, comoving, unit, look->format->name, look->format->path);
done:
  return status;
}

/* Three numbers that a header may state.  @param[out] has  0: it does not */
static int place(double x[3], int *has, const struct cubix_look *look, enum cubix_header key, double unit)
{
  const char *const what = key == CUBIX_HEADER_CENTRE ? "centre" : "velocity";
  int status = CUBIX_OK, found;
  char names[512];
  CUBIX_TRY(cubix_header_numbers(x, 3, &found, look->format, look->source, key));
  cubix_header_names(look->format, key, names, sizeof names);
  CUBIX_CHECK(found == 0 || found == 3, CUBIX_EINPUT, "%s: the %s, %s, has %d numbers; it must have 3",
              look->source->path, what, names, found);
  *has = found == 3;
  for (int c = 0; c < 3; c++) {
    CUBIX_CHECK(!found || isfinite(x[c]), CUBIX_EINPUT, "%s: the %s, %s, is %g", look->source->path, what, names, x[c]);
    x[c] *= unit;
  }
done:
  return status;
}

int cubix_simfile_places(struct cubix_simfile *sim, const struct cubix_look *look)
{
  int status = CUBIX_OK, found;
  struct cubix_snapshot *s = &sim->snapshot;
  const char *path = look->source->path;
  double box[3] = { 0., 0., 0. };

  CUBIX_TRY(cubix_header_numbers(box, 3, &found, look->format, look->source, CUBIX_HEADER_BOX));
  CUBIX_CHECK(found <= 1 || found == 3, CUBIX_EINPUT,
              "%s: the box has %d sides; it must be one number or three equal ones", path, found);
  CUBIX_CHECK(found <= 1 || (box[1] == box[0] && box[2] == box[0]), CUBIX_EINPUT,
              "%s: the box has the sides %g, %g, %g; it must be a cube", path, box[0], box[1], box[2]);
  CUBIX_CHECK(isfinite(box[0]) && box[0] >= 0., CUBIX_EINPUT, "%s: the side of the box is %g; it must be >= 0", path,
              box[0]);
  s->box = box[0] * look->length;
  if (look->scales.isolated && s->box > 0) {
    cubix_log(CUBIX_LOG_INFO, "%s is of an isolated run: its BoxSize of %g kpc is not taken for a periodic box", path,
              s->box);
    s->box = 0;
  }
  CUBIX_TRY(check_assumed(sim, look));
  CUBIX_TRY(place(s->centre, &s->has_centre, look, CUBIX_HEADER_CENTRE, look->length));
  CUBIX_TRY(place(s->velocity, &s->has_velocity, look, CUBIX_HEADER_VELOCITY, 1));
done:
  return status;
}

/* How many particles of the wanted types the header counts, and how many there are.
 * @return 0 where it does not count them, or other ones than are there */
static int count_own(double *own, double *all, const struct cubix_simfile *sim, const double *here,
                     const double *everywhere, int n)
{
  *own = *all = 0;
  for (int t = 0; t < sim->n_type; t++) {
    double held = 0;
    if (sim->type[t] < 0 || sim->type[t] >= n) return 0;
    for (int i = 0; i < sim->n_part; i++)
      if (sim->part[i].type == t) held += (double)sim->part[i].n;
    if (held != here[sim->type[t]]) return 0;
    *own += held;
    *all += everywhere[sim->type[t]];
  }
  return 1;
}

/* Two parts that begin with the same particle are one and its copy. */
static int check_copies(const struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  for (int i = 0; i < sim->n_part; i++)
    for (int k = 0; k < i; k++) {
      const struct cubix_simpart *a = &sim->part[k], *b = &sim->part[i];
      CUBIX_CHECK(
          a->type != b->type || a->n_row != b->n_row || memcmp(a->first, b->first, sizeof a->first), CUBIX_EINPUT,
          "%s is a copy of %s: its %lld particles in /%s begin with the same one; each file of a snapshot must "
          "be one of its own",
          sim->snapshot.file[b->member], sim->snapshot.file[a->member], (long long)b->n_row, sim->group[b->type]);
    }
done:
  return status;
}

int cubix_simfile_whole(const struct cubix_simfile *sim, const struct cubix_look *look)
{
  enum { MOST = 32 };
  static const double low_word = 4294967296.;   /* totals may be the lower 32 bits alone */
  int status = CUBIX_OK, n_all;
  double all[MOST];
  char names[512], text[1024];
  if (sim->snapshot.n_file < 2) goto done;
  CUBIX_TRY(check_copies(sim));
  CUBIX_TRY(cubix_header_numbers(all, MOST, &n_all, look->format, look->source, CUBIX_HEADER_N_ALL));
  for (int t = 0; t < sim->n_type; t++) {
    double held = 0;
    /* where the header counts none it does not count */
    if (sim->type[t] < 0 || sim->type[t] >= n_all || n_all > MOST || all[sim->type[t]] == 0) continue;
    for (int i = 0; i < sim->n_part; i++)
      if (sim->part[i].type == t) held += (double)sim->part[i].n;
    if (fmod(held, low_word) == fmod(all[sim->type[t]], low_word)) continue;
    snprintf(text, sizeof text,
             "the %d files of %s hold %.0f particles in /%s, and the header counts %.0f (%.200s): is "
             "one of them a copy of another, of another snapshot, or cut",
             sim->snapshot.n_file, sim->snapshot.file[0], held, sim->group[t], all[sim->type[t]],
             cubix_header_names(look->format, CUBIX_HEADER_N_ALL, names, sizeof names));
    CUBIX_CHECK(look->par->SanityCheck == CUBIX_SanityCheck_warn, CUBIX_EINPUT,
                "%s?  SanityCheck warn reads them all the same", text);
    cubix_log(CUBIX_LOG_WARNING, "%s?", text);
  }
done:
  return status;
}

int cubix_simfile_alone(const struct cubix_simfile *sim, const struct cubix_look *look)
{
  enum { MOST = 32 };
  int status = CUBIX_OK, n_here, n_all, found;
  double here[MOST], all[MOST], n_file = 1, virtual = 0, own, total;
  char here_names[512], all_names[512], text[1024];
  const struct cubix_simformat *format = look->format;
  if (sim->snapshot.n_file > 1) goto done;
  CUBIX_TRY(cubix_header_number(&n_file, &found, format, look->source, CUBIX_HEADER_N_FILE));
  CUBIX_TRY(cubix_header_number(&virtual, &found, format, look->source, CUBIX_HEADER_VIRTUAL));
  CUBIX_TRY(cubix_header_numbers(here, MOST, &n_here, format, look->source, CUBIX_HEADER_N_HERE));
  CUBIX_TRY(cubix_header_numbers(all, MOST, &n_all, format, look->source, CUBIX_HEADER_N_ALL));
  if (n_file <= 1 || virtual != 0 || n_here > MOST || n_all > MOST) goto done;
  if (!count_own(&own, &total, sim, here, all, n_here < n_all ? n_here : n_all) || total == 0 || own == total)
    goto done;
  snprintf(text, sizeof text,
           "one of the %.0f files of its snapshot, under a name that does not say which: it holds the %.0f particles "
           "that it should (%.200s), of %.0f in all (%.200s).  Name it as it was written, NAME.0.hdf5 and so on, "
           "beside the others; of a galaxy of its own correct the counts in the header",
           n_file, own, cubix_header_names(format, CUBIX_HEADER_N_HERE, here_names, sizeof here_names), total,
           cubix_header_names(format, CUBIX_HEADER_N_ALL, all_names, sizeof all_names));
  CUBIX_CHECK(look->par->SanityCheck == CUBIX_SanityCheck_warn, CUBIX_EINPUT,
              "%s is %s; SanityCheck warn reads it all the same", look->source->path, text);
  cubix_log(CUBIX_LOG_WARNING, "%s is %s", look->source->path, text);
done:
  return status;
}
