/* nbody.c -- a toy N-body code that observes its own galaxy: at every output step CUBIX makes a cube of the stars in
 * memory, as if MUSE had seen them.  No snapshot is written.
 *
 *   mpicc -O2 nbody.c $(pkg-config --cflags --libs cubix) -lm -o nbody
 *   mpirun -np 2 ./nbody muse.param SspFile
 *
 * A disc of stars in a logarithmic halo, with each other's gravity by direct sums over all ranks (leapfrog; kpc, km/s,
 * Msun, and kpc/(km/s) = 0.978 Gyr). */
#include <cubix/insitu.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_PER_RANK = 600, N_OUTPUT = 3, N_STEP = 25 };
static const double G = 4.300917e-6, halo_speed = 160, halo_core = 1, softening = 0.2, dt = 1e-3, star_mass = 2e6;

struct stars { int n; double *x, *v, *mass, *age, *metals; };

static double uniform(void) { return (rand() + 0.5) / ((double)RAND_MAX + 1); }

/* The pull of the halo, and of the stars of all ranks. */
static void kick(struct stars *s, double *all, int n_all, double step)
{
  MPI_Allgather(s->x, 3 * s->n, MPI_DOUBLE, all, 3 * s->n, MPI_DOUBLE, MPI_COMM_WORLD);
  for (int i = 0; i < s->n; i++) {
    const double *x = s->x + 3 * i, r2 = x[0] * x[0] + x[1] * x[1] + 4 * x[2] * x[2] + halo_core * halo_core;
    double pull[3] = { 0 };
    for (int j = 0; j < n_all; j++) {
      double d[3], d2 = softening * softening;
      for (int c = 0; c < 3; c++) d[c] = all[3 * j + c] - x[c], d2 += d[c] * d[c];
      for (int c = 0; c < 3; c++) pull[c] += G * star_mass * d[c] / (d2 * sqrt(d2));
    }
    for (int c = 0; c < 3; c++)
      s->v[3 * i + c] += step * (pull[c] - halo_speed * halo_speed * (c == 2 ? 4 : 1) * x[c] / r2);
  }
}

static void make_disc(struct stars *s, int rank)
{
  srand(1 + (unsigned)rank);
  for (int i = 0; i < s->n; i++) {
    const double r = -1.5 * log(uniform() * uniform()), phi = 6.283185307 * uniform(),
                 v = halo_speed * r / sqrt(r * r + halo_core * halo_core);
    s->x[3 * i] = r * cos(phi), s->x[3 * i + 1] = r * sin(phi), s->x[3 * i + 2] = 0.1 * (uniform() - 0.5);
    s->v[3 * i] = -v * sin(phi), s->v[3 * i + 1] = v * cos(phi), s->v[3 * i + 2] = 20 * (uniform() - 0.5);
    s->mass[i] = star_mass;
    s->age[i] = 1 + 8 * uniform();
    s->metals[i] = 0.02 * exp(-r / 10);
  }
}

/* What CUBIX adds to the code. */
static int observe(struct cubix_insitu *cubix, const struct stars *s, int output)
{
  char file[64];
  const size_t n = (size_t)s->n;
  snprintf(file, sizeof file, "cube_%03d.fits", output);
  return cubix_insitu_put(cubix, "Stars/Position", s->x, n) || cubix_insitu_put(cubix, "Stars/Velocity", s->v, n) ||
         cubix_insitu_put(cubix, "Stars/InitialMass", s->mass, n) || cubix_insitu_put(cubix, "Stars/Age", s->age, n) ||
         cubix_insitu_put(cubix, "Stars/Metallicity", s->metals, n) || cubix_insitu_forward(cubix) ||
         cubix_insitu_write(cubix, file);
}

int main(int argc, char **argv)
{
  struct cubix_insitu *cubix = NULL;
  struct stars s = { .n = N_PER_RANK };
  char text[4096];
  int rank, size, have, failed;
  const size_t n = N_PER_RANK;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &have);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (argc < 3) MPI_Abort(MPI_COMM_WORLD, 2);
  s.x = malloc(3 * n * sizeof *s.x), s.v = malloc(3 * n * sizeof *s.v), s.mass = malloc(n * sizeof *s.mass);
  s.age = malloc(n * sizeof *s.age), s.metals = malloc(n * sizeof *s.metals);
  double *all = malloc(3 * n * (size_t)size * sizeof *all);
  make_disc(&s, rank);
  snprintf(text, sizeof text, "SspFile %s\n", argv[2]);
  failed = cubix_insitu_open(&cubix, MPI_COMM_WORLD, argv[1], text);
  for (int output = 0; output < N_OUTPUT && !failed; output++) {
    failed = observe(cubix, &s, output);
    for (int step = 0; step < N_STEP; step++) {
      kick(&s, all, N_PER_RANK * size, dt / 2);
      for (int i = 0; i < 3 * s.n; i++) s.x[i] += dt * s.v[i];
      kick(&s, all, N_PER_RANK * size, dt / 2);
    }
  }
  if (failed && rank == 0) fprintf(stderr, "nbody: %s\n", cubix_error_message());
  cubix_insitu_close(cubix);
  free(s.x), free(s.v), free(s.mass), free(s.age), free(s.metals), free(all);
  MPI_Finalize();
  return failed;
}
