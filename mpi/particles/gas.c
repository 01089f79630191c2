/* gas.c -- the gas, read as the stars are, each rank its share. */
#include "mpi/particles/gas.h"

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/particles/reader.h"

int cubix_mpi_gas_read(struct cubix_slab **out, const struct cubix_params *par, const double *about)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = NULL;
  struct cubix_slab *gas = NULL;
  CUBIX_TRY(cubix_mpi_reader_open(&reader, &gas, par, CUBIX_GAS, 0));
  for (int c = 0; about && c < 3; c++) reader->sim->reference[c] = about[c];
  CUBIX_TRY(cubix_mpi_agree(
      cubix_slab_reserve(gas, cubix_mpi_reader_rows(reader, 0), CUBIX_SLAB_MOTION | CUBIX_SLAB_GAS)));
  CUBIX_TRY(cubix_mpi_reader_read(reader, 0));
  gas->n_total = cubix_mpi_sum_int((int64_t)gas->n);
  *out = gas;
  gas = NULL;
done:
  cubix_mpi_reader_close(reader);
  cubix_slab_free(gas);
  return status;
}
