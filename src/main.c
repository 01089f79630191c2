/* cubix -- what an integral-field spectrograph would record of a simulated galaxy.
 *
 * Read my share of the galaxy, find its frame on the sky, paint it, add the ranks up, look at it through the instrument, write. */
#include <math.h>
#include <string.h>

#include "base/atomic_file.h"
#include "cubix.h"
#include "mpi/comm/stage.h"
#include "mpi/cubix-mpi.h"
#include "program/console.h"
#include "program/mode_fit.h"
#include "program/options.h"
#include "program/report.h"

int main(int argc, char **argv)
{
  struct cubix_options     opt;            /* the command line                            */
  struct cubix_params     *par  = NULL;    /* what the user asked for                     */
  struct cubix_instrument *ins  = NULL;    /* spaxels, wavelengths, PSF, LSF, noise       */
  struct cubix_crowd      *crowd = NULL;   /* the stars, at once or chunk by chunk        */
  struct cubix_frame       frame;          /* centre, systemic velocity, axes on the sky  */
  struct cubix_scene       scene;          /* redshift, distance, scales                  */
  struct cubix_model      *mod  = NULL;    /* SSP templates and the cube's grid           */
  struct cubix_device     *dev  = NULL;    /* this rank's GPU, or its cores               */
  struct cubix_engine     *engine = NULL;  /* how they are painted, who owns what of it   */
  struct cubix_basis      *basis = NULL;   /* templates on a grid of velocities           */
  struct cubix_cube       *cube = NULL;    /* flux [n_y][n_x][n_lambda], and truth maps   */
  struct cubix_audit       audit = { 0 };  /* a few voxels recomputed                     */
  struct cubix_noise       noise = { 0 };  /* variance and noise as functions of a voxel  */
  double v_max;                            /* of the fastest star in the field [km/s]     */
  int status, started, answered, root;

  status = cubix_options_read(&opt, &answered, argc, argv);
  if (answered && !status) return 0;
  started = cubix_mpi_start(&argc, &argv);
  if (!status) status = started;
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix", root, opt.quiet, opt.verbose);
  cubix_console_catch_signals("cubix", root, cubix_atomic_file_abandon);
  if (status) goto done;
  cubix_mpi_cores_warn();

  CUBIX_STAGE("parameters", cubix_mpi_params_read(&par, opt.file, opt.n_override, opt.override));
  cubix_derive_idle(par);
  if (strcmp(par->Mode, "cube") != 0) {
    status = cubix_derive(par, opt.dry_run);
    goto done;
  }
  CUBIX_STAGE("instrument", cubix_instrument_read(&ins, par));
  CUBIX_STAGE("check",      root ? cubix_output_check(par) : CUBIX_OK);
  CUBIX_STAGE("size",       cubix_mpi_memory_check(par, ins, NULL, NULL, NULL, NULL, NULL, 0));
  CUBIX_STAGE("room",       root ? cubix_output_room(par, ins, NULL, 0) : CUBIX_OK);
  CUBIX_STAGE("read",       cubix_mpi_crowd_open(&crowd, par));
  CUBIX_STAGE("frame",      cubix_mpi_crowd_frame(crowd, &frame));
  CUBIX_STAGE("scene",      cubix_scene_init(&scene, par, &crowd->slab->snapshot));
  CUBIX_STAGE("fastest",    cubix_mpi_crowd_fastest(&v_max, crowd, ins, &scene));
  CUBIX_STAGE("model",      cubix_model_build(&mod, par, ins, &scene, v_max));
  CUBIX_STAGE("device",     cubix_mpi_device_open(&dev, par));

  struct cubix_result result = { .par = par, .ins = ins, .slab = crowd->slab, .frame = &frame, .scene = &scene, .mod = mod, .audit = &audit, .noise = &noise,
                                 .device = dev->description, .n_rank = cubix_mpi_size() };
  cubix_report_scene(&result);
  CUBIX_STAGE("memory",     cubix_mpi_memory_check(par, ins, &scene, mod, crowd, NULL, dev, opt.dry_run));
  if (opt.dry_run) goto done;

  CUBIX_STAGE("maps",       cubix_cube_init(&cube, ins));
  CUBIX_STAGE("place",      cubix_mpi_crowd_place(crowd, cube, &mod->view));
  CUBIX_STAGE("engine",     cubix_mpi_engine_choose(&engine, par, mod, crowd->survey, &dev->rates));
  CUBIX_STAGE("basis",      cubix_mpi_engine_prepare(engine, &basis, dev, par, mod));
  CUBIX_STAGE("draw",       cubix_mpi_audit_draw(&audit, par, basis, mod, crowd->survey));
  CUBIX_STAGE("paint",      cubix_mpi_cube_paint(cube, &audit, engine, basis, mod, crowd, dev));
  CUBIX_STAGE("sum",        cubix_mpi_cube_sum(cube, engine));
  CUBIX_STAGE("audit",      cubix_mpi_audit_judge(&audit, engine, basis, mod, cube));
  CUBIX_STAGE("inspect",    cubix_cube_check(cube, par));
  if (engine->combine == CUBIX_COMBINE_CUBE) cubix_mpi_take_cores();
  CUBIX_STAGE("psf",        cubix_psf_apply(ins, cube));
  CUBIX_STAGE("light",      cubix_cube_shine(cube, par, &cubix_mpi_owners));
  CUBIX_STAGE("noise",      cubix_noise_init(&noise, par, ins, cube, pow(10, par->FluxUnit), &cubix_mpi_owners));
  result.engine = engine;
  result.basis = basis;
  result.cube = cube;
  cubix_report_budget(&result, &cubix_mpi_owners);
  CUBIX_STAGE("write",      cubix_mpi_blocks_share(cube, ins->n_lambda, cubix_output_write, cubix_output_block, &result));
  CUBIX_STAGE("timings",    root ? cubix_output_timings(par, cubix_mpi_stage_print) : CUBIX_OK);
  cubix_mpi_stage_summary();
done:
  if (status) cubix_console_error("cubix", opt.verbose);
  cubix_noise_free(&noise);
  cubix_cube_free(cube);
  cubix_device_close(dev);
  cubix_basis_free(basis);
  cubix_engine_free(engine);
  cubix_model_free(mod);
  cubix_mpi_crowd_close(crowd);
  cubix_instrument_free(ins);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
