/* host_insitu.c -- a running simulation of test_insitu.py: a disc that turns, and is observed at every step.
 *
 *   host_insitu HOW OUT PARAM N_STAR N_STEP [Name=value ...]
 *
 * HOW is a word of these letters:
 *   w  write OUT.STEP.fits                   d  write each rank's columns as OUT.STEP.RANK, float64
 *   g  get DATA, STAT, MASS as OUT.STEP.NAME f  print the memory after a tenth of the steps and after all
 *   n  in step 1 rank 1 has a NaN            u  in comoving units with h, births as scale factors
 *   h  weigh stars by 2, and add 1 to the painted cube, 2 to the observed and 4 before writing
 *   s  halve the redshift by cubix_insitu_set from step 1 on
 * Name=value are put behind the parameter file.  Stars are dealt out: rank r has those whose number is r modulo the
 * ranks, and of three or more ranks the last has none. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi/insitu/insitu.h"

enum { POSITION, VELOCITY, INITIAL, NOW, AGE, METALS, N_COLUMN };
static const char *const name_of[N_COLUMN] = { "Stars/Position", "Stars/Velocity",   "Stars/InitialMass",
                                               "Stars/Mass",     "Stars/Age", "Stars/Metallicity" };
static const size_t width_of[N_COLUMN] = { 3, 3, 1, 1, 1, 1 };
static int rank, size;

/* 0 .. 1, of a star's own. */
static double number(size_t star, int which)
{
  double x = sin(12.9898 * (double)(star + 1) + 78.233 * which) * 43758.5453;
  return x - floor(x);
}

static void make_star(double *column[N_COLUMN], size_t i, size_t star, double turned)
{
  const double r = 0.5 + 4 * number(star, 0), phi = 6.283185307179586 * number(star, 1) + turned / r, v = 180;
  column[POSITION][3 * i] = r * cos(phi);
  column[POSITION][3 * i + 1] = r * sin(phi);
  column[POSITION][3 * i + 2] = 0.3 * (number(star, 2) - 0.5);
  column[VELOCITY][3 * i] = -v * sin(phi) + 30 * (number(star, 3) - 0.5);
  column[VELOCITY][3 * i + 1] = v * cos(phi) + 30 * (number(star, 4) - 0.5);
  column[VELOCITY][3 * i + 2] = 30 * (number(star, 5) - 0.5);
  column[INITIAL][i] = 1e5 * (1 + number(star, 6));
  column[NOW][i] = 0.6 * column[INITIAL][i];
  column[AGE][i] = 0.01 + 8 * number(star, 7);
  column[METALS][i] = 1e-3 + 0.03 * number(star, 8);
}

static void dump(const char *out, int step, const char *name, const void *x, size_t n_byte, const char *mode)
{
  char path[4096];
  snprintf(path, sizeof path, "%s.%d.%s", out, step, name);
  FILE *file = fopen(path, mode);
  if (!file || (n_byte && fwrite(x, n_byte, 1, file) != 1) || fclose(file)) abort();
}

static void get(struct cubix_insitu *cubix, const char *out, int step, const char *name)
{
  int shape[3];
  cubix_insitu_shape(cubix, shape);
  const size_t map = (size_t)shape[1] * (size_t)shape[2], n = strcmp(name, "MASS") ? map * (size_t)shape[0] : map;
  float *value = rank ? NULL : malloc(n * sizeof *value);
  if (cubix_insitu_get(cubix, name, value, rank ? 0 : n)) printf("rank %d: %s\n", rank, cubix_error_message());
  else if (!rank) dump(out, step, name, value, n * sizeof *value, "wb");
  free(value);
}

static double memory(void)
{
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) abort();
  fclose(file);
  return 4096. * (double)resident / 1048576;
}

static int weigh(void *host, size_t n, const double *position, const double *velocity, const double *age,
                 const double *metallicity, double *mass)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += position[3 * i] + velocity[3 * i] + age[i] + metallicity[i];
    mass[i] *= 2;
  }
  return !isfinite(sum) || host != &rank;
}

static int add(void *host, int n_y, int n_x, int margin, int first, int n_lambda, float *flux)
{
  const float *more = host;
  const size_t n_own = (size_t)n_y * (size_t)n_x * (size_t)n_lambda;
  for (size_t i = 0; i < n_own; i++) flux[i] += *more;
  return first < 0 || margin < 0;
}

int main(int argc, char **argv)
{
  static float painted = 1, observed = 2, written = 4;
  int status = 0, have;
  char text[4096] = "";
  struct cubix_insitu *cubix = NULL;
  if (argc < 6) abort();
  const char *how = argv[1], *out = argv[2];
  const size_t n_all = strtoull(argv[4], NULL, 10);
  const int n_step = atoi(argv[5]);
  for (int i = 6; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (!equals) abort();
    *equals = ' ';
    strncat(strncat(text, argv[i], sizeof text - strlen(text) - 2), "\n", 2);
  }
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &have);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const size_t n_with = (size_t)(size > 2 ? size - 1 : size), n_here = n_all / n_with + 1;
  double *column[N_COLUMN];
  for (int c = 0; c < N_COLUMN; c++) column[c] = calloc(n_here * width_of[c], sizeof(double));
  if (cubix_insitu_open(&cubix, MPI_COMM_WORLD, argv[3], text)) {
    printf("rank %d: %s\n", rank, cubix_error_message());
    MPI_Finalize();
    return 1;
  }
  if (strchr(how, 'h')) {
    cubix_insitu_on_stars(cubix, weigh, &rank);
    cubix_insitu_on_cube(cubix, CUBIX_INSITU_PAINTED, add, &painted);
    cubix_insitu_on_cube(cubix, CUBIX_INSITU_OBSERVED, add, &observed);
    cubix_insitu_on_cube(cubix, CUBIX_INSITU_WRITING, add, &written);
  }
  const double header[] = { 0.05, 0.3089, 0.6911, 0.6774 };
  static const char *const header_name[] = { "Header/Redshift", "Header/OmegaMatter", "Header/OmegaLambda",
                                             "Header/HubbleParam" };
  for (int i = 0; i < 4; i++) status |= cubix_insitu_put(cubix, header_name[i], &header[i], 1);
  if (strchr(how, 'u')) {
    const double cgs[3] = { 3.085678e21, 1e5, 1.989e43 }, a = 1 / 1.05, h = 0.6774;
    double unit[3];
    status |= cubix_insitu_unit_of(unit, cgs, a, h, 1);
    status |= cubix_insitu_units(cubix, unit[0], unit[1], unit[2]);
    if (!rank) printf("units %.17g %.17g %.17g\n", unit[0], unit[1], unit[2]);
  }
  for (int step = 0; step < n_step; step++) {
    size_t n = 0;
    for (size_t star = (size_t)rank; star < n_all && rank < (int)n_with; star += n_with)
      make_star(column, n++, star, 0.7 * step);
    if (strchr(how, 'd')) {
      char name[32];
      snprintf(name, sizeof name, "%d", rank);
      dump(out, step, name, NULL, 0, "wb");
      for (int c = 0; c < N_COLUMN; c++) dump(out, step, name, column[c], n * width_of[c] * sizeof(double), "ab");
    }
    if (strchr(how, 'u')) {          /* the same disc, as a comoving code has it; stars of half the universe's age */
      for (size_t i = 0; i < 3 * n; i++) column[POSITION][i] *= 1.05 * 0.6774;
      for (size_t i = 0; i < 3 * n; i++) column[VELOCITY][i] *= sqrt(1.05);
      for (size_t i = 0; i < n; i++) column[INITIAL][i] *= 0.6774e-10;
      for (size_t i = 0; i < n; i++) column[NOW][i] *= 0.6774e-10;
      for (size_t i = 0; i < n; i++) column[AGE][i] = 0.2 + 0.7 * number(i * n_with + (size_t)rank, 7);
    }
    if (strchr(how, 's') && step == 1) status |= cubix_insitu_set(cubix, "Redshift", "0.025");
    if (strchr(how, 'n') && step == 1 && rank == 1) column[VELOCITY][7] = NAN;
    for (int c = 0; c < N_COLUMN; c++)
      status |= cubix_insitu_put(cubix, c == AGE && strchr(how, 'u') ? "Stars/FormationFactor" : name_of[c], column[c],
                                 n);
    const int failed = cubix_insitu_forward(cubix);
    if (failed) printf("rank %d step %d: %s\n", rank, step, cubix_error_message());
    if (!failed && strchr(how, 'g')) get(cubix, out, step, "DATA");
    if (!failed && strchr(how, 'g')) get(cubix, out, step, "STAT");
    if (!failed && strchr(how, 'g')) get(cubix, out, step, "MASS");
    if (!failed && strchr(how, 'w')) {
      char path[4096];
      snprintf(path, sizeof path, "%s.%d.fits", out, step);
      if (cubix_insitu_write(cubix, path)) printf("rank %d: %s\n", rank, cubix_error_message());
    }
    if (strchr(how, 'f') && (step == n_step / 10 || step == n_step - 1)) printf("memory %.2f MiB\n", memory());
  }
  cubix_insitu_close(cubix);
  for (int c = 0; c < N_COLUMN; c++) free(column[c]);
  MPI_Finalize();
  if (status) printf("rank %d: %s\n", rank, cubix_error_message());
  return status;
}
