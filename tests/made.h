/* made.h -- a made-up result for the tests of the outputs: with i, j, k counted from 0,
 *   flux = 100 + i + 10 j + k/128,  stars = (i + j) mod 3,  mass = 1e6 (1 + i) stars, light = 2
 *   mass ... (made_maps below). */
#ifndef CUBIX_TESTS_MADE_H
#define CUBIX_TESTS_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/output_parts.h"

struct made {
  struct cubix_params *par;
  struct cubix_instrument *ins;
  struct cubix_slab slab;
  struct cubix_frame frame;
  struct cubix_scene scene;
  struct cubix_templates templates;
  struct cubix_ssp ssp;
  struct cubix_cube *cube;
  struct cubix_engine engine;
  struct cubix_basis basis;
  struct cubix_audit audit;
  struct cubix_noise noise;
  struct cubix_result result;
};

static char *file_names[] = { "snap.0.hdf5", "a folder/Vázquez's snap.1.hdf5" };
static int64_t file_sizes[] = { 123456789012, 42 };

static void made_maps(struct cubix_sums *sums)
{
  for (int j = 0; j < sums->n_y; j++) {
    for (int i = 0; i < sums->n_x; i++) {
      const size_t s = cubix_sums_at(sums, i, j);
      double n = (i + j) % 3, mass = 1e6 * (1 + i) * n, light = 2. * mass, v = 10. * i - 7. * j;
      double *value[CUBIX_N_MAP_CLEAR];
      for (int m = 0; m < CUBIX_N_MAP_CLEAR; m++) value[m] = &sums->map[m][s];
      *value[CUBIX_MAP_NSTAR] = n;
      *value[CUBIX_MAP_MASS] = mass;
      *value[CUBIX_MAP_MASS_NOW] = 0.6 * mass;
      *value[CUBIX_MAP_LIGHT] = light;
      *value[CUBIX_MAP_M_AGE] = 5. * mass;
      *value[CUBIX_MAP_L_AGE] = 2. * light;
      *value[CUBIX_MAP_M_Z] = 0.02 * mass;
      *value[CUBIX_MAP_L_Z] = 0.01 * light;
      *value[CUBIX_MAP_M_V] = v * mass;
      *value[CUBIX_MAP_L_V] = (v + 1.) * light;
      *value[CUBIX_MAP_M_V2] = (v * v + 2500.) * mass;
      *value[CUBIX_MAP_L_V2] = ((v + 1.) * (v + 1.) + 1600.) * light;
    }
  }
}

static int made_model(struct made *m)
{
  int status = CUBIX_OK, n = m->ins->n_lambda;
  m->ssp = (struct cubix_ssp){ .file = "library.hdf5",
                               .name = "made up",
                               .imf = "Kroupa",
                               .reference = "nobody, nowhere",
                               .licence = "none",
                               .demo = 1,
                               .n_z = 3,
                               .n_age = 5,
                               .lambda_first = 1000.,
                               .lambda_last = 9000. };
  m->templates.ssp = &m->ssp;
  CUBIX_ALLOC(m->templates.covered, n);
  CUBIX_ALLOC(m->templates.fwhm_template, n);
  CUBIX_ALLOC(m->templates.fwhm_cube, n);
  for (int k = 0; k < n; k++) {
    double fwhm = m->ins->lsf_none ? 0. : cubix_curve_at(&m->ins->lsf_fwhm, cubix_instrument_lambda(m->ins, k));
    /* the last channel is not covered, in the first the template is too broad */
    m->templates.covered[k] = k != n - 1;
    m->templates.fwhm_template[k] = k == 0 ? fwhm + 1. : 0.5 * fwhm;
    m->templates.fwhm_cube[k] = k == 0 ? fwhm + 1. : fwhm;
  }
  m->templates.n_uncovered = 1;
  m->templates.n_too_broad = !m->ins->lsf_none;
done:
  return status;
}

static int made_init(struct made *m, int n_value, char **value)
{
  static const char *const base[][2] = { { "InputFile", "snap" },       { "SspFile", "library.hdf5" },
                                         { "OutputFile", "made.fits" }, { "Instrument", "IFU" },
                                         { "FieldOfView", "6 5" },      { "PixelScale", "1" },
                                         { "LambdaMin", "5000" },       { "LambdaMax", "5049" },
                                         { "LambdaStep", "1" } };
  int status = CUBIX_OK;
  struct cubix_cube *cube;
  memset(m, 0, sizeof *m);
  CUBIX_TRY(cubix_params_init(&m->par));
  for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) CUBIX_TRY(cubix_params_set(m->par, base[i][0], base[i][1]));
  for (int i = 0; i < n_value; i++) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(value[i], "="), value[i]);
    CUBIX_TRY(cubix_params_set(m->par, name, value[i] + strlen(name) + 1));
  }
  CUBIX_TRY(cubix_instrument_read(&m->ins, m->par));
  m->ins->margin = 0;
  CUBIX_TRY(made_model(m));
  CUBIX_TRY(cubix_cube_init(&m->cube, m->ins));
  CUBIX_TRY(cubix_cube_hold(m->cube, 0, m->ins->n_lambda));
  cube = m->cube;
  for (int j = 0; j < cube->n_y; j++) {
    for (int i = 0; i < cube->n_x; i++) {
      cubix_real *row = cube->flux + ((size_t)j * (size_t)cube->n_x + (size_t)i) * (size_t)cube->n_lambda;
      for (int k = 0; k < cube->n_lambda; k++) row[k] = (cubix_real)(100. + i + 10. * j + k / 128.);
    }
  }
  made_maps(&cube->sums);
  for (int a = 0; a < CUBIX_N_ACCOUNT; a++) cube->budget[a] = (struct cubix_budget){ 1000. - a, 1e9 - a, 1e6 - a };
  cube->v_max = 321.5;
  m->slab.snapshot = (struct cubix_snapshot){ .format = "illustris-tng",
                                              .simulation = "TNG50-1",
                                              .imf = "Salpeter 1955",
                                              .redshift = 0.25,
                                              .omega_m = 0.3089,
                                              .omega_l = 0.6911,
                                              .h = 0.6774,
                                              .box = 51700.,
                                              .n_file = 2,
                                              .file = file_names,
                                              .file_size = file_sizes };
  m->slab.n_total = 1000;
  m->slab.n_file_total = 1017;
  m->slab.n_wind = 9;
  m->slab.n_outside_radius = 8;
  m->frame = (struct cubix_frame){ .centre = { 1, 2, 3 },
                                   .velocity = { 4, 5, 6 },
                                   .rotation = { { 0, 1, 0 }, { -1, 0, 0 }, { 0, 0, 1 } },
                                   .align_radius = 7.5,
                                   .has_shape = 1,
                                   .axis_p = 0.9,
                                   .axis_q = 0.25 };
  m->scene = (struct cubix_scene){ 0.01, 0.31, 0.69, 0.68, 44.595, 0.21194, 13.6, 1. };
  CUBIX_TRY(cubix_noise_init(&m->noise, m->par, m->ins, cube, pow(10., m->ins->flux_unit), &cubix_collective_alone));
  m->engine = (struct cubix_engine){
    .method = CUBIX_HISTOGRAM, .why = "histogram, as asked for", .tolerance = 1e-4, .n_beyond = 7
  };
  m->basis = (struct cubix_basis){ .nodes = { 66, 600, 20 }, .n_template = 150, .certified = 3e-5 };
  m->audit = (struct cubix_audit){ .n_voxel = 64, .worst = 2e-5 };
  m->result = (struct cubix_result){ .par = m->par,
                                     .ins = m->ins,
                                     .slab = &m->slab,
                                     .frame = &m->frame,
                                     .scene = &m->scene,
                                     .templates = &m->templates,
                                     .cube = cube,
                                     .engine = &m->engine,
                                     .basis = &m->basis,
                                     .audit = &m->audit,
                                     .noise = &m->noise,
                                     .device = "2 threads",
                                     .n_rank = 3 };
done:
  return status;
}

static void made_free(struct made *m)
{
  cubix_noise_free(&m->noise);
  cubix_cube_free(m->cube);
  free(m->templates.covered);
  free(m->templates.fwhm_template);
  free(m->templates.fwhm_cube);
  cubix_instrument_free(m->ins);
  cubix_params_free(m->par);
}

#endif
