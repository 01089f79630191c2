/* device.c -- choosing a processor, and painting with it.
 *
 * The processors are the rows of device.def.  Backend auto takes the first that can be opened, and
 * remembers why it passed others over; a processor that is asked for by name and cannot be used is
 * an error.  Whatever the processor, where stars fall and what they are (placement) is found on the
 * host. */
#include "engine/device.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"

static const struct { enum cubix_Backend backend; const struct cubix_device_ops *ops; } processors[] = {
#define CUBIX_DEVICE(name) { CUBIX_Backend_##name, &cubix_device_##name##_ops },
#include "engine/device.def"
#undef CUBIX_DEVICE
};
enum { N_PROCESSOR = sizeof processors / sizeof processors[0] };

/* Whether Backend lets processor i be taken. */
static int allowed(int i, const struct cubix_params *par)
{
  return par->Backend == CUBIX_Backend_auto || par->Backend == processors[i].backend;
}

void cubix_device_look(struct cubix_sight *sight, const struct cubix_params *par)
{
  *sight = (struct cubix_sight){ 0 };
  for (int i = 0; i < N_PROCESSOR && !sight->n; i++)
    if (allowed(i, par) && processors[i].ops->look) processors[i].ops->look(sight);
}

/* A processor of one kind.  @param[out] amiss  1: there is one, but it cannot be used */
static int open_one(struct cubix_device *dev, const struct cubix_device_ops *ops, int ordinal, int *amiss)
{
  int status = CUBIX_OK;
  struct cubix_sight *sight = NULL;
  *amiss = 0;
  if (ops->look) {
    CUBIX_ALLOC(sight, 1);
    ops->look(sight);
    *amiss = sight->amiss;
    CUBIX_CHECK(sight->n > 0, CUBIX_EDEVICE, "%s; or use Backend cpu", sight->why);
    *amiss = 1;
    CUBIX_CHECK(ordinal >= 0 && ordinal < sight->n, CUBIX_EDEVICE,
                "%s %d is wanted, but this rank sees %d of them; use Backend cpu", ops->name, ordinal, sight->n);
  }
  dev->ops = ops;
  CUBIX_TRY(ops->open(dev, ordinal));
done:
  free(sight);
  return status;
}

int cubix_device_open(struct cubix_device **out, const struct cubix_params *par, int ordinal, int n_share)
{
  int status = CUBIX_OK, automatic = par->Backend == CUBIX_Backend_auto, amiss;
  struct cubix_device *dev = NULL;
  CUBIX_ALLOC(dev, 1);
  dev->n_share = n_share;
  for (int i = 0; i < N_PROCESSOR; i++) {
    if (!allowed(i, par)) continue;
    status = open_one(dev, processors[i].ops, ordinal, &amiss);
    if (status != CUBIX_EDEVICE || !automatic || i + 1 == N_PROCESSOR) break;
    snprintf(dev->passed_over, sizeof dev->passed_over, "%s", cubix_error_message());
    dev->amiss = amiss;
    cubix_error_clear();
  }
  if (status == CUBIX_EDEVICE)
    cubix_error_about("Backend = %s (%s)", cubix_Backend_word[par->Backend], cubix_params_origin(par, "Backend"));
  CUBIX_TRY(status);
  CUBIX_CHECK(dev->ops, CUBIX_EDEVICE,
              "Backend = %s (%s): this cubix was built without it; configure --with-cuda, or use Backend cpu",
              cubix_Backend_word[par->Backend], cubix_params_origin(par, "Backend"));
  dev->rates = dev->ops->rates;
  if (!dev->rates.per_core) {
    dev->rates.direct *= n_share;
    dev->rates.fill *= n_share;
    dev->rates.multiply *= n_share;
  }
  *out = dev;
  dev = NULL;
done:
  free(dev);
  return status;
}

int cubix_device_paint(struct cubix_device *dev, const struct cubix_tables *tables,
                       const struct cubix_placement *placement, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cubix_tables channels = cubix_tables_channels(tables, cube->lambda_first, cube->n_lambda);
  if (!cube->n_lambda || !placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(dev->ops->load(dev, &channels));
  CUBIX_TRY(dev->ops->paint(dev, placement, cube));
done:
  return status;
}

int cubix_device_paint_vjp(struct cubix_device *dev, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                           struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK;
  struct cubix_tables channels = cubix_tables_channels(tables, cube_bar->lambda_first, cube_bar->n_lambda);
  if (!cube_bar->n_lambda || !placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(dev->ops->load(dev, &channels));
  CUBIX_TRY(dev->ops->paint_vjp(dev, placement, cube_bar, bar, row_bar));
done:
  return status;
}

int cubix_device_paint_jvp(struct cubix_device *dev, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                           struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK;
  struct cubix_tables channels = cubix_tables_channels(tables, cube_dot->lambda_first, cube_dot->n_lambda);
  if (!cube_dot->n_lambda || !placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(dev->ops->load(dev, &channels));
  CUBIX_TRY(dev->ops->paint_jvp(dev, placement, dot, cube_dot));
done:
  return status;
}

void cubix_device_close(struct cubix_device *dev)
{
  if (!dev) return;
  dev->ops->close(dev);
  free(dev);
}
