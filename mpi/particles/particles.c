/* particles.c -- stars that may not fit into memory.
 *
 * Where the stars of every rank fit into what SlabMemory allows, they are read once, and stay: as a
 * slab until they are placed, as a placement until they are painted.  Otherwise
 *   1. what the frame is found from is read, as often as it takes (stream.c), or held of all stars if that
 *      fits (held.c);
 *   2. chunk by chunk all is read, brought to the sky and placed: maps, account, survey;
 *   3. once more, to be painted.
 * A chunk's rows are a contiguous part of the rank's share, so that a spaxel's stars come in the
 * order of the file.  What is added up is integers (survey, histogram) or goes into the maps and
 * the account, float64 sums of chunks.
 *
 * What the stars of a chunk take at the peak their owners say: the slab, the placement and its
 * sorting (placement.c), and the reader, which holds no more than CUBIX_READER_PIECE rows beside
 * the slab.  A chunk has LEAST rows at least: less than that would be all overhead.  With a smooth
 * Deposit a star stands in several spaxels, and takes more for each; where it has a length their number is
 * found on the sky, by cubix_mpi_particles_fastest, and the stars are divided anew.  Where stars
 * are wide a chunk may have fewer rows than LEAST, but LEAST_RECORDS at least.
 *
 * With ResampleYoung young stars are left out of every chunk as it is read.  What their particles are made of
 * stays in memory from the frame, or from the first pass over the chunks, on; the particles come in chunks of
 * their own behind those of the file. */

#include "mpi/particles/particles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/engine.h"
#include "engine/occupancy.h"
#include "engine/survey.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/frame.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/held.h"
#include "mpi/particles/lengths.h"
#include "mpi/particles/reader.h"
#include "mpi/particles/sanity.h"
#include "mpi/particles/screens.h"
#include "mpi/particles/stream.h"
#include "mpi/particles/young.h"
#include "params/params.h"
#include "physics/constants.h"
#include "physics/tables.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"
#include "spectra/templates.h"

enum { LEAST = 1024, LEAST_RECORDS = 1 << 16 };

/* Records of a star at least; where it has a length those of the narrowest. */
static double records_of(const struct cubix_params *par)
{
  static const double records[] = { [CUBIX_Deposit_nearest] = 1, [CUBIX_Deposit_cic] = 4, [CUBIX_Deposit_tsc] = 9,
                                    [CUBIX_Deposit_gaussian] = 21, [CUBIX_Deposit_cubic] = 10,
                                    [CUBIX_Deposit_wendland] = 11 };
  return records[par->Deposit];
}

static int has_length(const struct cubix_params *par) { return !cubix_params_unmet(par, CUBIX_NEEDS_LENGTH); }

/* Bytes of so many stars of a chunk at the peak: reading and sorting are not at the same time. */
static double chunk_bytes(const struct cubix_particles *particles, double rows)
{
  int smooth = particles->n_record > 1;
  unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION |
                   (has_length(particles->par) ? CUBIX_SLAB_LENGTH : 0) |
                   (particles->par->Dust == CUBIX_Dust_gas ? CUBIX_SLAB_SCREEN : 0);
  double sorting = cubix_placement_bytes(rows * particles->n_record, 0, 0) +
                   cubix_placement_work_bytes(rows, rows * particles->n_record, 0, smooth, 0);
  return cubix_slab_bytes(rows, parts) + fmax(sorting, cubix_mpi_reader_bytes(rows));
}

/* Rows of a chunk of n at most, the same on all ranks. */
static size_t rows_that_fit(const struct cubix_particles *particles, size_t n)
{
  const double bytes = cubix_mpi_slab_memory(particles->par) - cubix_young_bytes(particles->young);
  double rows = 0, most = (double)n + 1;
  while (most - rows > 1) {                                 /* rows fit, most do not */
    double middle = floor((rows + most) / 2);
    if (chunk_bytes(particles, middle) <= bytes) rows = middle;
    else most = middle;
  }
  return (size_t)cubix_mpi_min(fmax(rows, fmin(LEAST, ceil(LEAST_RECORDS / particles->n_record))));
}

/* The particles that ResampleYoung makes, behind the chunks of the file. */
static void divide_young(struct cubix_particles *particles)
{
  const size_t n = particles->young ? particles->young->n_largest : 0;
  particles->n_young_rows = n ? rows_that_fit(particles, n) : 0;
  particles->n_chunk = particles->n_star_chunk;
  if (n) particles->n_chunk += (n + particles->n_young_rows - 1) / particles->n_young_rows;
}

static void divide(struct cubix_particles *particles)
{
  struct cubix_reader *reader = particles->reader;
  const size_t stars = reader->n_largest, n = stars + (particles->young ? particles->young->n_largest : 0),
               rows = rows_that_fit(particles, n);
  particles->n_chunk = particles->n_star_chunk = 1;
  particles->n_young_rows = 0;
  if (rows < n) {
    particles->n_star_chunk = (stars + rows - 1) / rows;
    divide_young(particles);
  }
  reader->n_chunk_rows = (stars + particles->n_star_chunk - 1) / particles->n_star_chunk;
  if (particles->n_chunk > 1)
    cubix_log(
        CUBIX_LOG_INFO,
        "stars are read in %zu chunks of up to %zu on a rank: all %zu at once would take %.0f MB (SlabMemory = %g MB)",
        particles->n_chunk, reader->n_chunk_rows, n, chunk_bytes(particles, (double)n) / 1e6,
        particles->par->SlabMemory);
}

int cubix_mpi_particles_open(struct cubix_particles **out, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_particles *particles = NULL;
  CUBIX_MPI_ALLOC(particles, 1);
  particles->par = par;
  particles->n_record = records_of(par);
  CUBIX_MPI_ALLOC(particles->sanity, 1);
  CUBIX_TRY(cubix_mpi_reader_open(&particles->reader, &particles->slab, par, CUBIX_STARS, 0));
  divide(particles);
  if (particles->n_chunk == 1)
    CUBIX_TRY(cubix_mpi_held_read(particles, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION, 1));
  else if (cubix_mpi_frame_needs_stars(par, &particles->slab->snapshot) || cubix_mpi_lengths_wanted(par))
    CUBIX_TRY(cubix_mpi_held_read(particles, CUBIX_SLAB_MOTION, cubix_mpi_lengths_wanted(par)));
  *out = particles;
  particles = NULL;
done:
  cubix_mpi_particles_close(particles);
  return status;
}

int cubix_mpi_particles_hold(struct cubix_particles **out, const struct cubix_params *par,
                             const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  struct cubix_particles *particles = NULL;
  CUBIX_ALLOC(particles, 1);
  particles->par = par;
  particles->n_chunk = 1;
  particles->keep = 1;
  CUBIX_TRY(cubix_slab_copy(&particles->slab, stars));
  cubix_field_settle(particles->slab->age, CUBIX_FIELD_AGE, stars->n);
  cubix_field_settle(particles->slab->metallicity, CUBIX_FIELD_METALLICITY, stars->n);
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    particles->slab->n_total = particles->slab->n_file_total = cubix_mpi_sum_int((int64_t)stars->n);
    *out = particles;
    particles = NULL;
  }
  cubix_mpi_particles_close(particles);
  return status;
}

/* Once, when all stars have been counted with all columns; chunks bring what shines only when they are
 * placed. */
static int judge_sanity(struct cubix_particles *particles, int last)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_sanity_judge(particles->sanity, particles->par, &particles->slab->snapshot, ""));
  if (!last) goto done;
  free(particles->sanity);
  particles->sanity = NULL;
done:
  return status;
}

/* The frame is that of the file's own stars; from now on young ones are replaced. */
static int begin_young(struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  if (particles->n_chunk == 1) {            /* else they are met when the fastest is sought */
    cubix_sanity_add(particles->sanity, slab, NULL, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION);
    CUBIX_TRY(judge_sanity(particles, 1));
    CUBIX_TRY(cubix_mpi_agree(cubix_young_take(particles->young, slab)));
    CUBIX_TRY(cubix_mpi_young_settle(particles->young, slab, particles->par));
    divide(particles);
    CUBIX_CHECK(particles->n_chunk == 1 || !particles->keep, CUBIX_EUSAGE,
                "derivatives need all stars in memory, and what ResampleYoung = %g Msun (%s) makes of the young ones "
                "does not fit: raise it, or SlabMemory (%g MB), or use more ranks",
                particles->par->ResampleYoung, cubix_params_origin(particles->par, "ResampleYoung"),
                particles->par->SlabMemory);
  }
  if (particles->n_chunk == 1) CUBIX_TRY(cubix_mpi_young_append(particles));
  else cubix_slab_forget_stars(slab);
done:
  return status;
}

int cubix_mpi_particles_frame(struct cubix_particles *particles, struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  struct cubix_stream stars = cubix_mpi_stream_held(slab);
  if (!slab->position && cubix_mpi_frame_needs_stars(particles->par, &slab->snapshot))
    stars = cubix_mpi_stream_read(particles->reader, slab, cubix_mpi_slab_memory(particles->par));
  CUBIX_TRY(cubix_mpi_frame_find(frame, particles->par, &stars));
  if (stars.n_pass)
    cubix_log(CUBIX_LOG_INFO, "they were read %d times for the frame, in chunks of up to %zu on a rank%s", stars.n_pass,
              stars.rows, stars.kept ? "; those within SelectRadius were kept for it" : "");
  cubix_mpi_stream_end(&stars);
  cubix_frame_apply(frame, slab);
  particles->frame = frame;
  if (particles->par->ResampleYoung > 0)
    CUBIX_TRY(cubix_mpi_young_open(&particles->young, particles->par, particles->reader, frame));
  if (cubix_mpi_lengths_wanted(particles->par)) CUBIX_TRY(cubix_mpi_lengths_find(particles));
  if (particles->young) CUBIX_TRY(begin_young(particles));
done:
  return status;
}

/* Chunk c on the sky, in these columns.  @param n_read stars before SelectRadius */
static int fetch(struct cubix_particles *particles, size_t c, unsigned parts, int64_t *n_read)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  if (c >= particles->n_star_chunk) return cubix_mpi_young_chunk(particles, c, parts);
  if (c == 0) {
    parts |= cubix_mpi_held_lengths(particles);
    CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(slab, particles->reader->n_chunk_rows, parts)));
    particles->length_at = 0;
  }
  if (particles->length) {                  /* the reader fills every column that is there */
    free(slab->smoothing_length);
    slab->smoothing_length = NULL;
  }
  CUBIX_TRY(cubix_mpi_reader_read(particles->reader, c));
  *n_read += (int64_t)slab->n;
  CUBIX_TRY(cubix_mpi_agree(cubix_frame_select(particles->frame->centre, particles->par->SelectRadius, slab)));
  cubix_frame_apply(particles->frame, slab);
  CUBIX_TRY(cubix_mpi_lengths_attach(particles));
done:
  return status;
}

/* The stars of a chunk of the file without the young ones. */
static int drop_young(struct cubix_particles *particles, size_t c)
{
  if (!particles->young || c >= particles->n_star_chunk) return CUBIX_OK;
  return cubix_mpi_agree(cubix_young_take(particles->young, particles->slab));
}

int cubix_mpi_particles_fetch(struct cubix_particles *particles, size_t c)
{
  int status = CUBIX_OK;
  int64_t read = 0;
  if (particles->n_chunk == 1) goto done;
  CUBIX_TRY(fetch(particles, c,
                  CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | (particles->columns ? CUBIX_SLAB_SCREEN : 0), &read));
  CUBIX_TRY(drop_young(particles, c));
  if (particles->columns) CUBIX_TRY(cubix_mpi_screens_chunk(particles, c));
done:
  return status;
}

/* Stars of more records than was thought need more chunks. */
static void divide_anew(struct cubix_particles *particles, double n_record)
{
  if (particles->keep || !(n_record > particles->n_record)) return;
  const struct cubix_particles before = *particles;
  const size_t rows = particles->reader->n_chunk_rows;
  particles->n_record = n_record;
  divide(particles);
  if (particles->n_chunk >= before.n_chunk) return;       /* memory was set free: the stars lie as they lie */
  particles->n_chunk = before.n_chunk;
  particles->n_star_chunk = before.n_star_chunk;
  particles->n_young_rows = before.n_young_rows;
  particles->reader->n_chunk_rows = rows;
}

static void forget_count(struct cubix_particles *particles)
{
  cubix_occupancy_free(particles->occupancy);
  particles->occupancy = NULL;
}

/* No galaxy's stars move like this; the wrong unit does. */
static int judge_speed(struct cubix_particles *particles, double v)
{
  static const char cause[] = "are the velocities in cm/s or m/s, or relative to something else?";
  const double fast = 1e4;
  int status = CUBIX_OK;
  CUBIX_CHECK(v < CUBIX_C_KMS, CUBIX_EINPUT,
              "a star in the field moves at %.6g km/s along the line of sight, beyond the speed of light: %s", v,
              cause);
  if (v > fast && !particles->told)
    cubix_log(CUBIX_LOG_WARNING, "the fastest star in the field moves at %.6g km/s along the line of sight: %s", v,
              cause);
  particles->told = v > fast;
done:
  return status;
}

/* Say how many stars are wider than is allowed; with knn or lengths of their own a few always are. */
static void tell_wide(const struct cubix_particles *particles)
{
  const struct cubix_occupancy *o = particles->occupancy;
  const struct cubix_params *par = particles->par;
  const double wide = (double)cubix_mpi_sum_int((int64_t)(o->n_wide * (double)o->every)),
               all = (double)cubix_mpi_sum_int((int64_t)(o->n_star * (double)o->every));
  if (!(wide > 0)) return;
  cubix_log(wide > 0.01 * all ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO,
            "%.3g of the %.3g stars that shed light into the field have a SmoothingLength of more than "
            "SmoothingLengthMax = %g spaxels (%s), and count as that wide",
            wide, all, par->SmoothingLengthMax, cubix_params_origin(par, "SmoothingLengthMax"));
}

/* Spaxels are counted where the number of chunks depends on them, or where the stars do not stay
 * and the plan of memory cannot count them later. */
static int begin_count(struct cubix_particles *particles, const struct cubix_instrument *ins)
{
  const int wanted = particles->n_chunk > 1 || (!particles->keep && has_length(particles->par));
  size_t all;
  forget_count(particles);
  cubix_mpi_particles_rows(particles, &all);
  return cubix_mpi_agree(cubix_occupancy_init(&particles->occupancy, ins, wanted ? (double)all : -1));
}

/* Now that all young stars have been met. */
static int add_young(struct cubix_particles *particles, const struct cubix_instrument *ins,
                     const struct cubix_scene *scene)
{
  int status = CUBIX_OK;
  const int met = particles->young->start != NULL;
  CUBIX_TRY(cubix_mpi_young_settle(particles->young, particles->slab, particles->par));
  if (!met) divide_young(particles);
  for (size_t c = particles->n_star_chunk; c < particles->n_chunk; c++) {
    CUBIX_TRY(cubix_mpi_young_chunk(particles, c, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION));
    cubix_occupancy_add(particles->occupancy, particles->par, ins, scene, particles->slab);
  }
done:
  return status;
}

int cubix_mpi_particles_fastest(double *v_max, struct cubix_particles *particles, const struct cubix_instrument *ins,
                                const struct cubix_scene *scene)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  int64_t read = 0, kept = 0;
  CUBIX_TRY(begin_count(particles, ins));
  const struct cubix_occupancy *o = particles->occupancy;
  if (slab->position) {
    cubix_occupancy_add(particles->occupancy, particles->par, ins, scene, slab);
    if (particles->sanity) cubix_sanity_add(particles->sanity, slab, NULL, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION);
  } else {
    for (size_t c = 0; c < particles->n_star_chunk; c++) {
      CUBIX_TRY(fetch(particles, c, CUBIX_SLAB_MOTION | (particles->young ? CUBIX_SLAB_POPULATION : 0), &read));
      if (particles->sanity) cubix_sanity_add(particles->sanity, slab, NULL, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION);
      kept += (int64_t)slab->n;
      CUBIX_TRY(drop_young(particles, c));
      cubix_occupancy_add(particles->occupancy, particles->par, ins, scene, slab);
    }
    CUBIX_TRY(cubix_mpi_stream_count(slab, particles->reader, read));
    CUBIX_TRY(cubix_mpi_frame_count(slab, particles->par, particles->frame->centre, kept));
    if (particles->young) CUBIX_TRY(add_young(particles, ins, scene));
  }
  const double n_record = cubix_mpi_max(o->n_star > 0 ? o->n_record / o->n_star : 0);
  if (has_length(particles->par)) {
    divide_anew(particles, n_record);
    tell_wide(particles);
  }
  if (particles->n_chunk > 1) cubix_slab_forget_stars(slab);
  *v_max = cubix_mpi_max(o->fastest);
  CUBIX_TRY(judge_speed(particles, *v_max));
  if (particles->sanity) CUBIX_TRY(judge_sanity(particles, particles->n_chunk == 1 || particles->young));
done:
  return status;
}

/* Chunk c as a placement; its stars are told to the cube's maps and account, if there is a cube. */
static int place_chunk(struct cubix_particles *particles, size_t c, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  cubix_placement_free(particles->placement);
  particles->placement = NULL;
  if (particles->n_chunk > 1) cubix_memory_trim();
  CUBIX_TRY(cubix_mpi_particles_fetch(particles, c));
  if (particles->sanity) cubix_sanity_add(particles->sanity, particles->slab, NULL, CUBIX_SLAB_POPULATION);
  if (particles->columns && cube) cubix_screens_count(particles);
  CUBIX_TRY(cubix_mpi_agree(
      cubix_placement_build(&particles->placement, cube, particles->tables, particles->slab, particles->keep)));
  if (c + 1 == particles->n_chunk && !particles->keep) cubix_slab_forget_stars(particles->slab);
done:
  return status;
}

int cubix_mpi_particles_place(struct cubix_particles *particles, struct cubix_cube *cube,
                              const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  particles->tables = tables;
  forget_count(particles);
  cubix_survey_free(particles->survey);
  particles->survey = NULL;
  CUBIX_TRY(
      cubix_mpi_agree(cubix_survey_init(&particles->survey, (size_t)tables->n_x * (size_t)tables->n_y, tables->n_row)));
  particles->survey->derivatives = particles->keep;
  for (size_t c = 0; c < particles->n_chunk; c++) {
    CUBIX_TRY(place_chunk(particles, c, cube));
    cubix_survey_add(particles->survey, tables, particles->placement);
  }
  if (particles->sanity) CUBIX_TRY(judge_sanity(particles, 1));
  if (particles->columns) cubix_mpi_screens_tell(particles);
  cubix_mpi_survey_sum(particles->survey);
done:
  return status;
}

int cubix_mpi_particles_next(const struct cubix_placement **placement, struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  *placement = NULL;
  if (particles->next == particles->n_chunk) {
    particles->next = 0;
    cubix_screens_forget(particles);
    cubix_mpi_particles_drop(particles);
    return CUBIX_OK;
  }
  if (particles->n_chunk > 1) CUBIX_TRY(place_chunk(particles, particles->next, NULL));
  particles->next++;
  *placement = particles->placement;
done:
  return status;
}

void cubix_mpi_particles_close(struct cubix_particles *particles)
{
  if (!particles) return;
  cubix_mpi_reader_close(particles->reader);
  cubix_placement_free(particles->placement);
  cubix_survey_free(particles->survey);
  cubix_slab_free(particles->slab);
  forget_count(particles);
  free(particles->length);
  cubix_screens_forget(particles);
  cubix_young_free(particles->young);
  free(particles->sanity);
  free(particles);
}
