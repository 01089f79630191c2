/* pipeline_instrument.c -- the instrument of a pipeline. */
#include "base/error.h"
#include "fit/leaves.h"
#include "instrument/instrument.h"
#include "mpi/pipeline/pipeline_parts.h"
#include "params/params.h"

int cubix_pipeline_read_instrument(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_params *par = &pipe->par;
  pipe->ins = pipe->spare.ins;
  pipe->spare.ins = NULL;
  pipe->psf = pipe->spare.psf;
  pipe->spare.psf = NULL;
  if (pipe->ins) cubix_instrument_point(pipe->ins, par);
  else CUBIX_TRY(cubix_instrument_read_painted(&pipe->ins, par));
  pipe->seen = pipe->ins;
  if (pipe->ins->bundle) CUBIX_TRY(cubix_instrument_read(&pipe->seen, par));
  CUBIX_CHECK(!pipe->ins->bundle || !pipe->ins->bundle->first || !pipe->use.active ||
                  !pipe->use.active[CUBIX_LEAF_Roll],
              CUBIX_EUSAGE,
              "Roll turns the zenith, too, and derivatives do not follow the air's refraction (Airmass, %s): leave "
              "Roll out of the parameters, or set Airmass 1",
              cubix_params_origin(par, par->AirmassFile[0] ? "AirmassFile" : "Airmass"));
  if (!pipe->at_snapshot) CUBIX_TRY(cubix_pipeline_check_law(pipe));
done:
  return status;
}
