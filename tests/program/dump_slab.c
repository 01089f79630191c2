/* dump_slab.c -- what the reader hands on, for the tests: dump_slab [--frame|--gas|--sky|--given]
 * PARAMFILE OUT [Name=value ...], alone or under mpirun.
 *
 * OUT.json (rank 0) says how many stars each rank holds and what the snapshot says of itself;
 * OUT.RANK (each rank) holds the slab as raw doubles: position [n][3], velocity [n][3],
 * mass_formed, mass_now, age, metallicity and, where there is one, potential, each [n]. --frame: in
 * the frame that cubix_mpi_frame_find finds; OUT.json then states it.  --gas: the gas, as position,
 * velocity, mass_now, and those of metallicity, smoothing_length, density, sfr, temperature, hydrogen,
 * oxygen, dust_mass, molecular, dusty and dust that "columns" of OUT.json lists; --sky: the gas that dims
 * and shines, in the frame of the stars; --given: the same, of arrays. */
#define _XOPEN_SOURCE 700
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>
#include <mpi.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mpi/cubix-mpi.h"

static void tell(enum cubix_log_level level, const char *line, void *host)
{
  (void)host;
  if (level == CUBIX_LOG_WARNING) fprintf(stderr, "cubix: warning: %s\n", line);
}

static int write_share(const char *out, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  char path[4096];
  const double *array[] = { slab->position, slab->velocity,    slab->mass_formed, slab->mass_now,
                            slab->age,      slab->metallicity, slab->potential };
  const size_t n_c[] = { 3, 3, 1, 1, 1, 1, 1 };
  FILE *f;

  snprintf(path, sizeof path, "%s.%d", out, cubix_mpi_rank());
  f = fopen(path, "wb");
  CUBIX_CHECK(f, CUBIX_EOUTPUT, "cannot write %s", path);
  for (int i = 0; i < 7; i++)
    if (array[i])
      CUBIX_CHECK(fwrite(array[i], sizeof(double), n_c[i] * slab->n, f) == n_c[i] * slab->n, CUBIX_EOUTPUT,
                  "cannot write %s", path);
done:
  if (f) fclose(f);
  return status;
}

static void write_vector(FILE *f, const char *name, const double *x, int n)
{
  fprintf(f, ",\n \"%s\": [", name);
  for (int i = 0; i < n; i++) fprintf(f, "%s%.17g", i ? ", " : "", x[i]);
  fprintf(f, "]");
}

static int write_summary(const char *out, const struct cubix_slab *slab, const struct cubix_frame *frame,
                         const int64_t *n, double seconds, double rss)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *s = &slab->snapshot;
  const double numbers[] = { s->redshift, s->omega_m, s->omega_l, s->h, s->box };
  char path[4096];
  FILE *f;

  snprintf(path, sizeof path, "%s.json", out);
  f = fopen(path, "w");
  CUBIX_CHECK(f, CUBIX_EOUTPUT, "cannot write %s", path);
  fprintf(f, "{\"format\": \"%s\", \"n_total\": %" PRId64 ", \"n_file_total\": %" PRId64 ", \"n_wind\": %" PRId64,
          s->format, slab->n_total, slab->n_file_total, slab->n_wind);
  fprintf(f, ", \"has_potential\": %d, \"has_centre\": %d, \"seconds\": %.4f, \"rss_mib\": %.1f,\n \"n\": [",
          slab->potential != NULL, s->has_centre, seconds, rss);
  for (int r = 0; r < cubix_mpi_size(); r++) fprintf(f, "%s%" PRId64, r ? ", " : "", n[r]);
  fprintf(f, "],\n \"file\": [");
  for (int i = 0; i < s->n_file; i++) fprintf(f, "%s[\"%s\", %" PRId64 "]", i ? ", " : "", s->file[i], s->file_size[i]);
  fprintf(f, "]");
  write_vector(f, "redshift_omega_m_omega_l_h_box", numbers, 5);
  write_vector(f, "stated_centre", s->centre, 3);
  write_vector(f, "centre", frame->centre, 3);
  write_vector(f, "velocity", frame->velocity, 3);
  write_vector(f, "rotation", &frame->rotation[0][0], 9);
  const double body[] = { frame->align_radius, frame->axis_p, frame->axis_q };
  write_vector(f, "radius_p_q", body, 3);
  CUBIX_CHECK(fprintf(f, "}\n") > 0, CUBIX_EOUTPUT, "cannot write %s", path);
done:
  if (f) fclose(f);
  return status;
}

/* The columns of gas that are there, and their names. */
static int write_gas(const char *out, const struct cubix_slab *gas)
{
  int status = CUBIX_OK;
  const double *array[] = { gas->metallicity, gas->smoothing_length, gas->density,   gas->sfr,      gas->temperature,
                            gas->hydrogen,    gas->oxygen,           gas->dust_mass, gas->molecular, gas->dusty,
                            gas->dust };
  static const char *const name[] = { "metallicity", "smoothing_length", "density",   "sfr",      "temperature",
                                      "hydrogen",    "oxygen",           "dust_mass", "molecular", "dusty",
                                      "dust" };
  char path[4096], list[512] = "";
  FILE *f;
  snprintf(path, sizeof path, "%s.%d", out, cubix_mpi_rank());
  f = fopen(path, "wb");
  CUBIX_CHECK(f, CUBIX_EOUTPUT, "cannot write %s", path);
  fwrite(gas->position, sizeof(double), 3 * gas->n, f);
  fwrite(gas->velocity, sizeof(double), 3 * gas->n, f);
  fwrite(gas->mass_now, sizeof(double), gas->n, f);
  for (size_t i = 0; i < sizeof array / sizeof *array; i++) {
    if (!array[i]) continue;
    fwrite(array[i], sizeof(double), gas->n, f);
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"%s\"", list[0] ? ", " : "", name[i]);
  }
  fclose(f);
  snprintf(path, sizeof path, "%s.%d.json", out, cubix_mpi_rank());
  f = fopen(path, "w");
  CUBIX_CHECK(f, CUBIX_EOUTPUT, "cannot write %s", path);
  fprintf(f, "{\"n\": %zu, \"n_total\": %" PRId64 ", \"columns\": [%s]}\n", gas->n, gas->n_total, list);
  fclose(f);
done:
  return status;
}

static int dump_gas(const struct cubix_params *par, const char *out)
{
  int status = CUBIX_OK;
  struct cubix_slab *gas = NULL;
  CUBIX_TRY(cubix_mpi_gas_read(&gas, par, NULL));
  CUBIX_TRY(cubix_mpi_agree(write_gas(out, gas)));
done:
  cubix_slab_free(gas);
  return status;
}

/* Gas as the pipeline has it; given: out of arrays, in which it was read. */
static int dump_sky(const struct cubix_params *par, const char *out, int given)
{
  int status = CUBIX_OK;
  struct cubix_particles *particles = NULL;
  struct cubix_frame frame = { 0 };
  struct cubix_slab *gas = NULL, *file = NULL;
  CUBIX_TRY(cubix_mpi_particles_open(&particles, par));
  CUBIX_TRY(cubix_mpi_particles_frame(particles, &frame));
  if (given) CUBIX_TRY(cubix_mpi_gas_read(&file, par, NULL));
  if (given) CUBIX_TRY(cubix_mpi_gas_hold(&gas, par, file, particles, &frame));
  else CUBIX_TRY(cubix_mpi_gas_open(&gas, par, particles, &frame));
  cubix_mpi_gas_report(gas, par, 20);
  CUBIX_TRY(cubix_mpi_agree(write_gas(out, gas)));
done:
  cubix_slab_free(file);
  cubix_slab_free(gas);
  cubix_mpi_particles_close(particles);
  return status;
}

static int dump(struct cubix_params *par, int with_frame, const char *out)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size();
  struct cubix_particles *particles = NULL;
  struct cubix_frame frame = { 0 };
  int64_t *n = NULL, mine;
  double seconds = cubix_log_clock(), rss;

  CUBIX_TRY(cubix_mpi_particles_open(&particles, par));
  const struct cubix_slab *slab = particles->slab;
  seconds = cubix_mpi_max(cubix_log_clock() - seconds);
  if (with_frame) CUBIX_TRY(cubix_mpi_particles_frame(particles, &frame));
  rss = cubix_mpi_max(cubix_memory_most() / 1048576);
  n = cubix_alloc((size_t)n_rank, sizeof *n);
  if (!n) abort();
  mine = (int64_t)slab->n;
  MPI_Gather(&mine, 1, MPI_INT64_T, n, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  status = write_share(out, slab);
  if (!status && cubix_mpi_rank() == 0) status = write_summary(out, slab, &frame, n, seconds, rss);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  free(n);
  cubix_mpi_particles_close(particles);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK, with_frame = argc > 1 && strcmp(argv[1], "--frame") == 0,
      with_gas = argc > 1 && strcmp(argv[1], "--gas") == 0, given = argc > 1 && strcmp(argv[1], "--given") == 0,
      sky = given || (argc > 1 && strcmp(argv[1], "--sky") == 0);
  struct cubix_params *par = NULL;

  CUBIX_TRY(cubix_mpi_start(&argc, &argv));
  argv += with_frame | with_gas | sky;
  argc -= with_frame | with_gas | sky;
  CUBIX_CHECK(argc >= 3, CUBIX_EUSAGE, "usage: dump_slab [--frame|--gas|--sky|--given] PARAMFILE OUT [Name=value ...]");
  if (cubix_mpi_rank() == 0) cubix_log_to(tell, NULL);
  CUBIX_TRY(cubix_mpi_params_read(&par, argv[1], argc - 3, argv + 3, NULL));
  CUBIX_TRY(with_gas ? dump_gas(par, argv[2]) : sky ? dump_sky(par, argv[2], given) : dump(par, with_frame, argv[2]));
done:
  if (H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) > 0) {
    fprintf(stderr, "dump_slab: the reader left HDF5 objects open\n");
    abort();
  }
  if (status && cubix_mpi_rank() == 0) fprintf(stderr, "cubix: error: %s\n", cubix_error_message());
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
