/* extract.c -- a snapshot's particles, chunk by chunk, into one file.
 *
 * HDF5 wants to know how many rows there will be: where some are dropped (wind cells, and what lies beyond
 * SelectRadius), a first pass counts them.  It reads what tells them apart, the times of formation and the
 * positions, and nothing else. */
#include "mpi/extract/extract.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5source.h"
#include "base/infile.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalogue/catalogue.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/frame.h"
#include "mpi/particles/reader.h"
#include "mpi/particles/sanity.h"
#include "mpi/particles/star_file.h"
#include "mpi/particles/stream.h"
#include "output/output.h"
#include "simulation/simformat.h"
#include "version.h"

enum { N_COLUMN = 16, LEAST = 1 << 16, MOST = 1 << 22 };

/* The columns of a canonical file, in the order of doc/formats.md. */
static const struct { enum cubix_field field; const char *description; } known[] = {
  { CUBIX_FIELD_POSITION, "physical, in the frame of the snapshot" },
  { CUBIX_FIELD_VELOCITY, "peculiar" },
  { CUBIX_FIELD_MASS_FORMED, "mass formed" },
  { CUBIX_FIELD_MASS_NOW, "mass at the snapshot" },
  { CUBIX_FIELD_AGE, "at the snapshot" },
  { CUBIX_FIELD_METALLICITY, "mass fraction of all metals" },
  { CUBIX_FIELD_POTENTIAL, "gravitational potential" },
  { CUBIX_FIELD_LENGTH, "of a star as its file has it, of gas the radius of the kernel" },
  { CUBIX_FIELD_DENSITY, "mass density" },
  { CUBIX_FIELD_SFR, "star formation rate" },
  { CUBIX_FIELD_TEMPERATURE, "temperature" },
  { CUBIX_FIELD_HYDROGEN, "mass fraction of hydrogen" },
  { CUBIX_FIELD_OXYGEN, "mass fraction of oxygen" },
  { CUBIX_FIELD_DUST_MASS, "mass of dust" },
  { CUBIX_FIELD_MOLECULAR, "molecular fraction of hydrogen" },
};
enum { N_KNOWN = sizeof known / sizeof known[0] };

/* Stars, or gas, on their way. */
struct stream {
  struct cubix_reader *reader;    /* NULL: there are none */
  struct cubix_slab *slab;
  unsigned parts;                 /* columns that are read */
  size_t n_chunk;
  struct cubix_star_column column[N_COLUMN];
};

/* Chunks that fit into memory, and not all of it at once: while one is read the disk writes the last. */
static void divide(struct stream *s, const struct cubix_params *par)
{
  struct cubix_reader *r = s->reader;
  const double room = par->SlabMemory > 0 ? 1e6 * par->SlabMemory : cubix_memory_free() / (4 * cubix_mpi_local_size()),
               row = cubix_slab_bytes(1, s->parts) + 1;
  const size_t rows = (size_t)cubix_mpi_min(fmax(LEAST, fmin(fmin(floor(room / row), MOST), (double)r->n_largest)));
  s->n_chunk = r->n_largest ? (r->n_largest + rows - 1) / rows : 0;
  if (s->n_chunk) r->n_chunk_rows = (r->n_largest + s->n_chunk - 1) / s->n_chunk;
}

static int open_stream(struct stream *s, const struct cubix_params *par, enum cubix_population population)
{
  int status = CUBIX_OK;
  const int stars = population == CUBIX_STARS;
  CUBIX_TRY(cubix_mpi_reader_open(&s->reader, &s->slab, par, population, 1));
  const struct cubix_simfile *sim = s->reader->sim;
  s->parts = CUBIX_SLAB_MOTION | (stars ? CUBIX_SLAB_POPULATION : CUBIX_SLAB_GAS);
  if (sim->field[CUBIX_FIELD_ID].name[0]) s->parts |= CUBIX_SLAB_ID;
  if (stars && sim->field[CUBIX_FIELD_POTENTIAL].name[0]) s->parts |= CUBIX_SLAB_POTENTIAL;
  if (stars && sim->field[CUBIX_FIELD_LENGTH].name[0]) s->parts |= CUBIX_SLAB_LENGTH;
done:
  return status;
}

static void close_stream(struct stream *s)
{
  cubix_mpi_reader_close(s->reader);
  cubix_slab_free(s->slab);
}

/* Room for a chunk.  Kernels that follow from volumes follow from them in the file, too, with any GasKernel. */
static int reserve(struct stream *s, size_t n, unsigned parts)
{
  const int status = cubix_mpi_agree(cubix_slab_reserve(s->slab, n, parts));
  if (s->reader->sim->population == CUBIX_GAS && !s->reader->sim->field[CUBIX_FIELD_LENGTH].name[0]) {
    free(s->slab->smoothing_length);
    s->slab->smoothing_length = NULL;
  }
  return status;
}

/* A chunk, without what lies beyond SelectRadius. */
static int fetch(struct stream *s, const struct cubix_params *par, const double centre[3], size_t c, unsigned parts)
{
  int status = CUBIX_OK;
  CUBIX_TRY(reserve(s, cubix_mpi_reader_rows(s->reader, c), parts));
  CUBIX_TRY(cubix_mpi_reader_read(s->reader, c));
  if (par->SelectRadius > 0) CUBIX_TRY(cubix_mpi_agree(cubix_frame_select(centre, par->SelectRadius, s->slab)));
done:
  return status;
}

/* How many this rank will write. */
static int count(size_t *n, struct stream *s, const struct cubix_params *par, const double centre[3])
{
  int status = CUBIX_OK;
  const struct cubix_simfile *sim = s->reader->sim;
  const int drops = sim->population == CUBIX_STARS && sim->unborn == CUBIX_UNBORN_DROP && sim->birth < CUBIX_N_FIELD &&
                    sim->birth != CUBIX_FIELD_AGE;
  *n = 0;
  for (size_t c = 0; c < s->n_chunk; c++) {
    if (drops || par->SelectRadius > 0) {
      CUBIX_TRY(fetch(s, par, centre, c, par->SelectRadius > 0 ? CUBIX_SLAB_PLACE : 0));
      *n += s->slab->n;
    } else {
      *n += cubix_mpi_reader_rows(s->reader, c);
    }
  }
done:
  return status;
}

/* The centre about which SelectRadius counts; where nobody asks for one the first star will do.
 *  @param[out] where  what the log says of it */
static int find_centre(double centre[3], const char **where, struct stream *stars, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *snapshot = &stars->slab->snapshot;
  struct cubix_reader *r = stars->reader;
  const int asked = par->SelectRadius > 0;
  *where = asked || snapshot->has_centre ? "" : " of the first star";
  if (asked && !par->Centre.word) {
    cubix_centre_given(centre, par, snapshot);
  } else if (snapshot->has_centre && (!asked || !strcmp(par->Centre.word, "auto"))) {
    memcpy(centre, snapshot->centre, 3 * sizeof *centre);
  } else if (!asked) {
    memcpy(centre, r->sim->reference, 3 * sizeof *centre);
  } else {
    struct cubix_stream all = cubix_mpi_stream_read(r, stars->slab, cubix_mpi_slab_memory(par));
    CUBIX_TRY(cubix_mpi_frame_centre(centre, par, &all));
    cubix_mpi_stream_end(&all);
  }
done:
  return status;
}

/* The columns that the file will have, with those of the slab where it has room now. */
static int list_columns(struct stream *s)
{
  const struct cubix_slab *slab = s->slab;
  int n = 0;
  for (int i = 0; i < N_KNOWN; i++) {
    const struct cubix_field_info *info = &cubix_field_table[known[i].field];
    double *value = cubix_slab_column(slab, known[i].field);
    if (value)
      s->column[n++] = (struct cubix_star_column){ info->name, info->unit, known[i].description, info->n_c, value,
                                                   NULL };
  }
  if (slab->id) s->column[n++] = (struct cubix_star_column){ "Id", "1", "as in the snapshot", 1, NULL, slab->id };
  return n;
}

/* Which columns there will be: those of an empty chunk. */
static int plan_columns(struct stream *s, struct cubix_star_file *file)
{
  int status = CUBIX_OK;
  CUBIX_TRY(reserve(s, 0, s->parts));
  if (s->reader->sim->population == CUBIX_GAS) cubix_mpi_reader_drop_unknown(s->reader);
  file->n_column = list_columns(s);
  file->column = s->column;
done:
  return status;
}

static int write_stream(struct cubix_star_writer *w, int g, struct stream *s, const struct cubix_params *par,
                        const double centre[3], const char *where, size_t expected)
{
  int status = CUBIX_OK;
  struct cubix_sanity *sanity = NULL;
  size_t n = 0;
  const int stars = s->reader->sim->population == CUBIX_STARS;
  CUBIX_MPI_ALLOC(sanity, 1);
  for (size_t c = 0; c < s->n_chunk; c++) {
    CUBIX_TRY(fetch(s, par, centre, c, s->parts));
    list_columns(s);
    n += s->slab->n;
    status = n <= expected ? cubix_mpi_star_writer_put(w, g, s->slab->n) : CUBIX_OK;
    if (stars) cubix_sanity_add(sanity, s->slab, centre, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION);
    CUBIX_TRY(cubix_mpi_agree(status));
  }
  CUBIX_MPI_CHECK(n == expected, CUBIX_EINPUT, "%s changed while it was read: %zu rows were counted, and %zu read",
                  s->slab->snapshot.file[0], expected, n);
  if (stars) CUBIX_TRY(cubix_mpi_sanity_judge(sanity, par, &s->slab->snapshot, where));
done:
  free(sanity);
  return status;
}

/* Is there gas that can be read?  Rank 0 has looked when it opened the stars. */
static int has_gas(const struct stream *stars) { return stars->slab->snapshot.n_gas > 0; }

static double bytes_of(const struct stream *s)
{
  double bytes = 0;
  for (int i = 0; i < N_COLUMN && s->column[i].name; i++) bytes += 8. * s->column[i].n;
  return bytes;
}

/* Both streams into the file. */
static int write(struct stream stream[2], int n_stream, const struct cubix_params *par, const double centre[3],
                 const char *where, const char *path, size_t n[2])
{
  int status = CUBIX_OK;
  struct cubix_snapshot *s = &stream[0].slab->snapshot;
  double version = 1;
  struct cubix_star_writer writer = { 0 };
  struct cubix_star_fact fact[] = {
    { "CubixFile", "particles", NULL, 0 },
    { "Source", s->simulation[0] ? s->simulation : s->format, NULL, 0 },
    { "SourceFile", s->file[0], NULL, 0 },
    { "SourceFormat", s->format, NULL, 0 },
    { "Program", "cubix-extract " CUBIX_VERSION, NULL, 0 },
    { "InitialMassFrom", s->birth_mass, NULL, 0 },
    { "IMF", s->imf, NULL, 0 },
    { "Version", NULL, &version, 1 },
    { "Redshift", NULL, &s->redshift, 1 },
    { "OmegaMatter", NULL, &s->omega_m, 1 },
    { "OmegaLambda", NULL, &s->omega_l, 1 },
    { "HubbleParam", NULL, &s->h, 1 },
    { "BoxSize", NULL, &s->box, 1 },
    { "Centre", NULL, s->centre, 3 },           /* these two last: */
    { "CentreVelocity", NULL, s->velocity, 3 }, /* only where they are known */
  };
  int n_fact = sizeof fact / sizeof fact[0] - 2;
  struct cubix_star_file group[2] = { { .group = "Stars", .fact = fact }, { .group = "Gas" } };
  if (s->has_centre) n_fact++;
  if (s->has_centre && s->has_velocity) n_fact++;
  group[0].n_fact = n_fact;
  for (int g = 0; g < n_stream; g++) {
    CUBIX_TRY(plan_columns(&stream[g], &group[g]));
    group[g].n_star = n[g];
  }
  CUBIX_TRY(cubix_mpi_star_writer_begin(&writer, path, group, n_stream));
  for (int g = 0; g < n_stream; g++) CUBIX_TRY(write_stream(&writer, g, &stream[g], par, centre, where, n[g]));
done:
  return cubix_mpi_star_writer_end(&writer, status);
}

/* Gas lies beside its stars, not a box away. */
static void unwrap_alike(struct stream stream[2])
{
  if (stream[1].reader)
    memcpy(stream[1].reader->sim->reference, stream[0].reader->sim->reference, 3 * sizeof(double));
}

/* What the readers now have, as a file. */
static int write_one(struct stream stream[2], const struct cubix_params *par, const char *path)
{
  int status = CUBIX_OK, n_stream = stream[1].reader && stream[1].reader->sim->n_total ? 2 : 1;
  double centre[3], start = cubix_log_clock();
  const char *where;
  size_t n[2] = { 0 };
  int64_t all[2] = { 0 };
  for (int g = 0; g < n_stream; g++) divide(&stream[g], par);
  CUBIX_TRY(find_centre(centre, &where, &stream[0], par));
  CUBIX_MPI_CHECK(!cubix_h5source_has_read(path), CUBIX_EOUTPUT,
                  "OutputFile = %s belongs to the InputFile or the GroupCatalogue; choose another name", path);
  for (int g = 0; g < n_stream; g++) {
    CUBIX_TRY(count(&n[g], &stream[g], par, centre));
    all[g] = cubix_mpi_sum_int((int64_t)n[g]);
  }
  CUBIX_CHECK(all[0] || par->SelectRadius > 0, CUBIX_ENONE,
              "%s holds no stars: all %lld star particles are wind cells",
              stream[0].slab->snapshot.file[0], (long long)stream[0].reader->sim->n_total);
  CUBIX_CHECK(all[0], stream[0].reader->n_group ? CUBIX_ENONE : CUBIX_EUSAGE,
              "SelectRadius = %g kpc (%s) keeps no star about (%g, %g, %g) kpc; check Centre",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"), centre[0], centre[1], centre[2]);
  CUBIX_TRY(write(stream, n_stream, par, centre, where, path, n));
  cubix_log(CUBIX_LOG_INFO, "%s: %lld stars, %lld gas, %.4g MB in %.2f s", path, (long long)all[0], (long long)all[1],
            1e-6 * (bytes_of(&stream[0]) * (double)all[0] + bytes_of(&stream[1]) * (double)all[1]),
            cubix_log_clock() - start);
done:
  return status;
}

/* Whether the file of a group is there already, and is to stay. */
static int check_name(int *there, const char *path, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  *there = 0;
  if (cubix_mpi_rank() == 0) {
    *there = !par->Overwrite && cubix_infile_is(path);
    if (!*there) status = cubix_output_side_check(par, "", path);
  }
  CUBIX_TRY(cubix_mpi_agree(status));
  MPI_Bcast(there, 1, MPI_INT, 0, cubix_mpi_group()->comm);
done:
  return status;
}

static int write_group(struct stream stream[2], const struct cubix_params *par, size_t i, const char *path)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_reader_group(stream[0].reader, par, i));
  if (stream[1].reader) {
    CUBIX_TRY(cubix_mpi_reader_group(stream[1].reader, par, i));
    unwrap_alike(stream);
  }
  CUBIX_TRY(write_one(stream, par, path));
done:
  return status;
}

static int write_groups(struct stream stream[2], const struct cubix_params *par)
{
  int status = CUBIX_OK, made = 0, there;
  size_t n = 0;
  struct cubix_group_key *key = NULL;
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_mpi_agree(cubix_group_keys(&key, &n, par)));
  for (size_t i = 0; i < n; i++) {
    CUBIX_TRY(cubix_group_file(path, sizeof path, par->OutputFile, &key[i]));
    CUBIX_TRY(check_name(&there, path, par));
    made += there;
    if (there) {
      cubix_log(CUBIX_LOG_INFO, "%s is there already (Overwrite no)", path);
      continue;
    }
    status = write_group(stream, par, i, path);
    made += status == CUBIX_OK;
    if (status == CUBIX_ENONE && (i + 1 < n || made)) {     /* the others of the list may have stars */
      cubix_log(CUBIX_LOG_WARNING, "%s; no %s is written", cubix_error_message(), path);
      cubix_error_clear();
      status = CUBIX_OK;
    }
    CUBIX_TRY(status);
  }
done:
  free(key);
  return status;
}

/* The gas, where there is any that can be read: stars do without. */
static int open_gas(struct stream *gas, const struct cubix_params *par)
{
  int status = open_stream(gas, par, CUBIX_GAS);
  if (status != CUBIX_EINPUT) return status;
  cubix_log(CUBIX_LOG_WARNING, "the gas is left out: %s", cubix_error_message());
  cubix_error_clear();
  close_stream(gas);
  *gas = (struct stream){ NULL };
  return CUBIX_OK;
}

int cubix_mpi_extract(const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const int each = strstr(par->OutputFile, "%d") != NULL;
  struct stream stream[2] = { { NULL } };
  CUBIX_TRY(open_stream(&stream[0], par, CUBIX_STARS));
  CUBIX_CHECK(!each || stream[0].reader->n_group, CUBIX_EUSAGE,
              "OutputFile = %s (%s): %%d stands for the number of a group; name a GroupCatalogue and GroupIndex",
              par->OutputFile, cubix_params_origin(par, "OutputFile"));
  if (has_gas(&stream[0])) {
    CUBIX_TRY(open_gas(&stream[1], par));
    unwrap_alike(stream);
  }
  CUBIX_TRY(each ? write_groups(stream, par) : write_one(stream, par, par->OutputFile));
done:
  for (int g = 0; g < 2; g++) close_stream(&stream[g]);
  return status;
}
