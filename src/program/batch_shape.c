/* batch_shape.c -- what makes the cubes of two rows one array. */
#include "program/batch_shape.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "instrument/instrument.h"

int cubix_batch_shape(uint64_t shape[2], const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_instrument *ins = NULL;
  struct { char name[64]; int n[3], unit, flag[6]; double losvd[2]; uint64_t edges[2]; } all;
  memset(&all, 0, sizeof all);
  CUBIX_TRY(cubix_instrument_read(&ins, par));
  snprintf(all.name, sizeof all.name, "%s", ins->name);
  memcpy(all.n, (int[3]){ ins->n_lambda, ins->n_y, ins->n_x }, sizeof all.n);
  all.unit = ins->flux_unit;
  memcpy(all.flag, (int[6]){ par->Noise != CUBIX_Noise_none, par->KeepNoiseFree, par->TruthMaps,
                             par->Dust != CUBIX_Dust_none, (int)par->Lines, par->Losvd > 0 }, sizeof all.flag);
  memcpy(all.losvd, (double[2]){ par->Losvd, par->LosvdMax }, sizeof all.losvd);
  cubix_hash(ins->edge, ((size_t)ins->n_lambda + 1) * sizeof *ins->edge, all.edges);
  cubix_hash(&all, sizeof all, shape);
done:
  cubix_instrument_free(ins);
  return status;
}
