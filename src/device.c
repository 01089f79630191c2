/* device.c -- choosing a processor, and painting with it.
 *
 * The processors are the rows of device.def.  Backend auto takes the first that this machine has; a processor that is asked for by name
 * and missing is an error.  Whatever the processor, where stars fall and what they are (placement) is found on the host.   */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

static const struct cubix_device_ops *const processors[] = {
#define CUBIX_DEVICE(name) &cubix_device_##name##_ops,
#include "device.def"
#undef CUBIX_DEVICE
};
enum { N_PROCESSOR = sizeof processors / sizeof processors[0] };

int cubix_device_open(struct cubix_device **out, const struct cubix_params *par, int local_rank, int n_local)
{
  int status = CUBIX_OK, automatic = !strcmp(par->Backend, "auto");
  const struct cubix_device_ops *ops = NULL;
  struct cubix_device *dev = NULL;
  for (int i = 0; i < N_PROCESSOR && !ops; i++)
    if (automatic ? processors[i]->count() > 0 : !strcmp(processors[i]->name, par->Backend)) ops = processors[i];
  CUBIX_CHECK(ops, CUBIX_EDEVICE, "Backend = %s (%s): this cubix was built without it; configure --with-cuda, or use Backend cpu", par->Backend, cubix_params_origin(par, "Backend"));
  int count = ops->count();
  CUBIX_CHECK(count > 0, CUBIX_EDEVICE, "Backend = %s (%s): no such processor is usable on this node; use Backend cpu", par->Backend, cubix_params_origin(par, "Backend"));
  CUBIX_CHECK(n_local <= count, CUBIX_EDEVICE, "%d ranks on this node, but %d %s device(s): start one rank per GPU (mpirun --map-by ppr:%d:node), or use Backend cpu",
              n_local, count, ops->name, count);
  CUBIX_ALLOC(dev, 1);
  dev->ops = ops;
  CUBIX_TRY(ops->open(dev, local_rank));
  *out = dev;
  dev = NULL;
done:
  free(dev);
  return status;
}

int cubix_device_paint(struct cubix_device *dev, const struct cubix_view *view, const struct cubix_placement *placement, struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  struct cubix_view channels = cubix_view_channels(view, cube->lambda_first, cube->n_lambda);
  if (!cube->n_lambda || !placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(dev->ops->load(dev, &channels));
  CUBIX_TRY(dev->ops->paint(dev, placement, cube));
done:
  return status;
}

int cubix_device_paint_vjp(struct cubix_device *dev, const struct cubix_view *view, const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                           struct cubix_star_bar *bar, double *row_bar)
{
  int status = CUBIX_OK;
  struct cubix_view channels = cubix_view_channels(view, cube_bar->lambda_first, cube_bar->n_lambda);
  if (!cube_bar->n_lambda || !placement->start[placement->n_spaxel]) goto done;
  CUBIX_TRY(dev->ops->load(dev, &channels));
  CUBIX_TRY(dev->ops->paint_vjp(dev, placement, cube_bar, bar, row_bar));
done:
  return status;
}

int cubix_device_paint_jvp(struct cubix_device *dev, const struct cubix_view *view, const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                           struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK;
  struct cubix_view channels = cubix_view_channels(view, cube_dot->lambda_first, cube_dot->n_lambda);
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
