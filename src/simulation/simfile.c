/* simfile.c -- examines a simulation's files before they are read: header, datasets, conversions,
 * counts.
 *
 * One process examines the files and sends the others the result, so that a thousand ranks do not
 * all ask the file system the same questions.  The shapes of the datasets are authoritative: counts
 * in the header of a cutout are often those of the snapshot it was cut from.  The scale factor a is
 * taken from where the format says, otherwise a = 1/(1 + redshift); if both are there they must
 * agree to 0.1 %.  The box and a stated centre are in the units of the positions. */
#include "simulation/simfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "math/cosmology.h"

/* One number of the header; x keeps its value where the header does not have it. */
static int header_number(const struct cubix_simformat *format, hid_t file, enum cubix_header key, double *x, int *found)
{
  int status = CUBIX_OK;
  double value = 0.;
  char path[1024] = "", names[256];

  CUBIX_TRY(cubix_h5_number(file, format->header_group, &format->header[key], &value, found));
  if (!*found) goto done;
  H5Fget_name(file, path, sizeof path);
  CUBIX_CHECK(isfinite(value), CUBIX_EINPUT, "%s: the attribute %s of /%s is %g", path,
              cubix_names_text(&format->header[key], names, sizeof names), format->header_group, value);
  *x = value;
done:
  return status;
}

/* Redshift, scale factor, cosmology. */
static int read_header(struct cubix_simfile *sim, const struct cubix_simformat *format, hid_t file, const char *path)
{
  int status = CUBIX_OK, has_z, has_a, has_m, has_l, has_h;
  struct cubix_snapshot *s = &sim->snapshot;
  char z_names[256], a_names[256], names[256];

  snprintf(s->format, sizeof s->format, "%s", format->name);
  snprintf(s->imf, sizeof s->imf, "%s", format->imf);
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_REDSHIFT, &s->redshift, &has_z));
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_SCALE_FACTOR, &sim->a, &has_a));
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_OMEGA_M, &s->omega_m, &has_m));
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_OMEGA_L, &s->omega_l, &has_l));
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_H, &s->h, &has_h));
  cubix_names_text(&format->header[CUBIX_HEADER_REDSHIFT], z_names, sizeof z_names);
  cubix_names_text(&format->header[CUBIX_HEADER_SCALE_FACTOR], a_names, sizeof a_names);
  CUBIX_CHECK(has_z || has_a, CUBIX_EINPUT, "%s: /%s states no redshift: it has no attribute %s%s%s", path,
              format->header_group, z_names, *a_names ? " or " : "", a_names);
  if (!has_a) sim->a = 1. / (1. + s->redshift);
  if (!has_z) s->redshift = 1. / sim->a - 1.;
  CUBIX_CHECK(sim->a > 0. && sim->a < 2., CUBIX_EINPUT, "%s: redshift %g and scale factor %g are impossible",
              path, s->redshift, sim->a);
  CUBIX_CHECK(fabs(sim->a * (1. + s->redshift) - 1.) < 1e-3, CUBIX_EINPUT,
              "%s: the header contradicts itself: %s = %g, but %s = %g (it should be 1/(1+z))", path, z_names,
              s->redshift, a_names, sim->a);
  if (fabs(s->redshift) < 1e-9) s->redshift = 0.;
  CUBIX_CHECK(s->h <= CUBIX_LARGEST_H, CUBIX_EINPUT,
              "%s: %s of /%s is %g; it is H0/(100 km/s/Mpc) and must be at most %g", path,
              cubix_names_text(&format->header[CUBIX_HEADER_H], names, sizeof names), format->header_group, s->h,
              CUBIX_LARGEST_H);
  if (sim->field[CUBIX_FIELD_FORMATION].path[0]) {
    CUBIX_CHECK(has_m && has_l && has_h && s->omega_m > 0. && s->h > 0., CUBIX_EINPUT,
                "%s: ages need the cosmology; /%s must state Omega_m > 0 (here %g), Omega_Lambda (%g) and h > 0 (%g)",
                path, format->header_group, s->omega_m, s->omega_l, s->h);
    CUBIX_CHECK(isfinite(cubix_cosmology_age(s->omega_m, s->omega_l, s->h, sim->a)), CUBIX_EINPUT,
                "%s: a universe of Omega_m = %g and Omega_Lambda = %g had no beginning, and its stars have no age",
                path, s->omega_m, s->omega_l);
  }
done:
  return status;
}

/* Side of the box and centre, where stated. */
static int read_places(struct cubix_simfile *sim, const struct cubix_simformat *format, hid_t file, const char *path)
{
  int status = CUBIX_OK, found;
  struct cubix_snapshot *s = &sim->snapshot;
  double length = sim->field[CUBIX_FIELD_POSITION].factor, box[3] = { 0., 0., 0. };

  CUBIX_TRY(cubix_h5_numbers(file, format->header_group, &format->header[CUBIX_HEADER_BOX], box, 3, &found));
  CUBIX_CHECK(found <= 1 || found == 3, CUBIX_EINPUT,
              "%s: the box has %d sides; it must be one number or three equal ones", path, found);
  CUBIX_CHECK(found <= 1 || (box[1] == box[0] && box[2] == box[0]), CUBIX_EINPUT,
              "%s: the box has the sides %g, %g, %g; it must be a cube", path, box[0], box[1], box[2]);
  CUBIX_CHECK(isfinite(box[0]) && box[0] >= 0., CUBIX_EINPUT, "%s: the side of the box is %g; it must be >= 0", path,
              box[0]);
  s->box = box[0] * length;
  CUBIX_TRY(cubix_h5_numbers(file, format->header_group, &format->header[CUBIX_HEADER_CENTRE], s->centre, 3, &found));
  CUBIX_CHECK(found == 0 || found == 3, CUBIX_EINPUT, "%s: the centre that /%s states has %d numbers; it must have 3",
              path, format->header_group, found);
  s->has_centre = found == 3;
  for (int c = 0; c < 3; c++) {
    CUBIX_CHECK(isfinite(s->centre[c]), CUBIX_EINPUT, "%s: /%s states the centre %g", path, format->header_group,
                s->centre[c]);
    s->centre[c] *= length;
  }
done:
  return status;
}

/* "Coordinates, Masses, ...": what there is instead of what was looked for. */
static void list_group(char *text, size_t size, hid_t file, const char *group)
{
  H5G_info_t info;
  size_t used = 0;

  text[0] = '\0';
  if (H5Gget_info_by_name(file, group, &info, H5P_DEFAULT) < 0) return;
  for (hsize_t i = 0; i < info.nlinks && used + 80 < size; i++) {
    used += (size_t)snprintf(text + used, size - used, "%s", i ? ", " : "");
    if (H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, i, text + used, size - used, H5P_DEFAULT) < 0)
      return;
    used = strlen(text);
  }
}

/* Where a field is in this file; missing is an error unless optional. */
static int find_field(char *path, size_t size, const struct cubix_simformat *format, enum cubix_field field, hid_t file,
                      const char *file_name, int optional)
{
  int status = CUBIX_OK, is_there;
  const struct cubix_names *names = &format->field[field].dataset;
  char looked_for[512], there[1024];

  for (int i = 0; i < names->n; i++) {
    CUBIX_TRY(cubix_h5_look(&is_there, file, cubix_simformat_path(format, names->name[i], path, size)));
    if (is_there) goto done;
  }
  path[0] = '\0';
  if (optional) goto done;
  list_group(there, sizeof there, file, format->star_group);
  CUBIX_CHECK(names->n > 0, CUBIX_EINPUT, "%s: the format %s has no dataset for %s; add one to %s", file_name,
              format->name, cubix_field_table[field].name, format->path);
  CUBIX_CHECK(0, CUBIX_EINPUT, "%s: there is no dataset for %s: looked in /%s for %s; there are: %s", file_name,
              cubix_field_table[field].name, format->star_group, cubix_names_text(names, looked_for, sizeof looked_for),
              there);
done:
  return status;
}

/* Quantities that only some parameters ask for. */
static int is_wanted(enum cubix_field field, const struct cubix_params *par)
{
  if (field == CUBIX_FIELD_POTENTIAL) return par->Centre.word && strcmp(par->Centre.word, "potential") == 0;
  if (field == CUBIX_FIELD_LENGTH) return par->Deposit == CUBIX_Deposit_gaussian && !(par->DepositLength > 0);
  return field != CUBIX_FIELD_FORMATION;
}

/* Choose the datasets, once, in the first file with stars. */
static int find_fields(struct cubix_simfile *sim, const struct cubix_simformat *format, hid_t file, const char *path,
                       const struct cubix_params *par)
{
  int status = CUBIX_OK;
  char looked_for[512];

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (!is_wanted(f, par)) continue;
    CUBIX_TRY(find_field(sim->field[f].path, sizeof sim->field[f].path, format, f, file, path,
                         f == CUBIX_FIELD_AGE || f == CUBIX_FIELD_LENGTH));
    CUBIX_CHECK(sim->field[f].path[0] || f != CUBIX_FIELD_LENGTH, CUBIX_EINPUT,
                "%s: stars have no SmoothingLength (looked in /%s for %s), which Deposit gaussian takes where "
                "DepositLength is 0: give a DepositLength in kpc, or another Deposit",
                path, format->star_group,
                format->field[f].dataset.n ? cubix_names_text(&format->field[f].dataset, looked_for, sizeof looked_for)
                                           : "none: the format knows no name for it");
  }
  if (!sim->field[CUBIX_FIELD_AGE].path[0]) {
    enum cubix_field f = format->field[CUBIX_FIELD_FORMATION].dataset.n ? CUBIX_FIELD_FORMATION : CUBIX_FIELD_AGE;
    CUBIX_TRY(find_field(sim->field[f].path, sizeof sim->field[f].path, format, f, file, path, 0));
  }
done:
  return status;
}

/* Type, shape and conversion of every dataset of one member. */
static int look_at_member(struct cubix_simfile *sim, const struct cubix_simformat *format, hid_t file, int member)
{
  int status = CUBIX_OK, abroad = 0;
  const char *path = sim->snapshot.file[member];
  hid_t dataset = -1;
  hsize_t n_row = 0, n_first = 0;
  double factor = 0.;

  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const char *name = sim->field[f].path;
    if (!name[0]) continue;
    CUBIX_TRY(cubix_h5_dataset(&dataset, &abroad, file, name));
    CUBIX_CHECK(dataset >= 0, CUBIX_EINPUT, "%s: /%s is missing, but other files of this snapshot have it", path, name);
    sim->abroad[member] |= (unsigned char)abroad;
    CUBIX_TRY(cubix_h5_rows(dataset, path, name, cubix_field_table[f].n_c, &n_row));
    if (f == CUBIX_FIELD_POSITION) n_first = n_row;
    CUBIX_CHECK(n_row == n_first, CUBIX_EINPUT, "%s: /%s has %llu rows, but /%s has %llu; they must be equal", path,
                name, (unsigned long long)n_row, sim->field[CUBIX_FIELD_POSITION].path, (unsigned long long)n_first);
    CUBIX_TRY(cubix_simformat_factor(format, f, file, name + strlen(format->star_group) + 1, sim->a, sim->snapshot.h,
                                     &factor));
    CUBIX_CHECK(sim->field[f].factor == 0. || sim->field[f].factor == factor, CUBIX_EINPUT,
                "%s: /%s converts by %.9g, but by %.9g in other files of this snapshot", path, name, factor,
                sim->field[f].factor);
    sim->field[f].factor = factor;
    H5Dclose(dataset);
    dataset = -1;
  }
  sim->n_star[member] = (int64_t)n_first;
done:
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

/* A member without stars has no group for them, or an empty one. */
static int look_for_stars(int *there, hid_t file, const char *path, const struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  H5G_info_t info;
  CUBIX_TRY(cubix_h5_look(there, file, format->star_group));
  if (!*there) goto done;
  CUBIX_CHECK(H5Gget_info_by_name(file, format->star_group, &info, H5P_DEFAULT) >= 0, CUBIX_EINPUT,
              "%s: /%s is no group that can be read; the file is damaged", path, format->star_group);
  *there = info.nlinks > 0;
done:
  return status;
}

/* The position in row 0 of a member. */
static int first_position(double *x, hid_t file, const char *path, const char *name, double factor)
{
  int status = CUBIX_OK;
  const hsize_t start[2] = { 0, 0 }, count[2] = { 1, 3 };
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = -1, memory = -1;

  CUBIX_CHECK(dataset >= 0, CUBIX_EINPUT, "%s: /%s cannot be opened", path, name);
  space = H5Dget_space(dataset);
  memory = H5Screate_simple(2, count, NULL);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  CUBIX_CHECK(H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, x) >= 0, CUBIX_EINPUT,
              "%s: /%s cannot be read; the file is damaged", path, name);
  for (int c = 0; c < 3; c++) x[c] *= factor;
done:
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

/* Every member in turn; the header is that of the first member with stars. */
static int look_at_members(struct cubix_simfile *sim, const struct cubix_simformat *format,
                           const struct cubix_params *par)
{
  int status = CUBIX_OK, there = 0;
  struct cubix_snapshot *s = &sim->snapshot;
  struct cubix_stated first_stated = { .label = "" };
  hid_t file = -1;

  for (int i = 0; i < s->n_file; i++) {
    struct cubix_stated stated = { .label = "" };
    CUBIX_TRY(cubix_h5_open(&file, s->file[i]));
    CUBIX_TRY(cubix_simfile_stated(&stated, file, format));
    if (i == 0) first_stated = stated;
    else CUBIX_TRY(cubix_simfile_agree(&first_stated, s->file[0], &stated, s->file[i], format));
    CUBIX_TRY(look_for_stars(&there, file, s->file[i], format));
    if (there) {
      int first = !sim->field[CUBIX_FIELD_POSITION].path[0];
      if (first) {
        CUBIX_TRY(find_fields(sim, format, file, s->file[i], par));
        CUBIX_TRY(read_header(sim, format, file, s->file[i]));
      }
      CUBIX_TRY(look_at_member(sim, format, file, i));
      if (first) CUBIX_TRY(read_places(sim, format, file, s->file[i]));
      if (sim->n_total == 0 && sim->n_star[i] > 0)
        CUBIX_TRY(first_position(sim->reference, file, s->file[i], sim->field[CUBIX_FIELD_POSITION].path,
                                 sim->field[CUBIX_FIELD_POSITION].factor));
      sim->n_total += sim->n_star[i];
    }
    H5Fclose(file);
    file = -1;
  }
  snprintf(s->simulation, sizeof s->simulation, "%s", first_stated.label);
  CUBIX_CHECK(sim->n_total > 0, CUBIX_EINPUT, "%s%s holds no stars: the group /%s is missing or empty", s->file[0],
              s->n_file > 1 ? " and the other files of its snapshot" : "", format->star_group);
  if (s->has_centre) memcpy(sim->reference, s->centre, sizeof s->centre);
  if (!par->Centre.word) memcpy(sim->reference, par->Centre.x, sizeof par->Centre.x);
done:
  if (file >= 0) H5Fclose(file);
  return status;
}

int cubix_simfile_open(struct cubix_simfile **sim, const struct cubix_params *par)
{
  int status = CUBIX_OK, found;
  char path[4096];
  double n_file = 0.;
  struct cubix_simformat *format = NULL;
  struct cubix_h5_quiet quiet;
  hid_t file = -1;

  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(*sim, 1);
  CUBIX_ALLOC(format, 1);
  CUBIX_TRY(cubix_simfile_first(path, sizeof path, par->InputFile));
  CUBIX_TRY(cubix_h5_open(&file, path));
  status = cubix_simfile_recognise(format, path, par->SimulationFormat);
  if (status == CUBIX_EUSAGE)
    cubix_error_about("SimulationFormat = %s (%s)", par->SimulationFormat,
                      cubix_params_origin(par, "SimulationFormat"));
  CUBIX_TRY(status);
  CUBIX_TRY(header_number(format, file, CUBIX_HEADER_N_FILE, &n_file, &found));
  H5Fclose(file);
  file = -1;
  CUBIX_TRY(cubix_simfile_members(&(*sim)->snapshot, path, n_file, strcmp(path, par->InputFile) != 0));
  CUBIX_ALLOC((*sim)->n_star, (*sim)->snapshot.n_file);
  CUBIX_ALLOC((*sim)->abroad, (*sim)->snapshot.n_file);
  CUBIX_TRY(look_at_members(*sim, format, par));
done:
  if (file >= 0) H5Fclose(file);
  free(format);
  if (status) {
    cubix_simfile_free(*sim);
    *sim = NULL;
  }
  cubix_h5_quiet_end(&quiet);
  return status;
}

void cubix_simfile_free(struct cubix_simfile *sim)
{
  if (!sim) return;
  for (int i = 0; sim->snapshot.file && i < sim->snapshot.n_file; i++) free(sim->snapshot.file[i]);
  free(sim->snapshot.file);
  free(sim->snapshot.file_size);
  free(sim->n_star);
  free(sim->abroad);
  free(sim);
}
