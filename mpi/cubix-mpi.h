/* cubix-mpi.h -- all of libcubix_mpi in one include, for other programs. */
#ifndef CUBIX_MPI_H
#define CUBIX_MPI_H

#include "mpi/comm/blocks.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "mpi/comm/text.h"
#include "mpi/engine/audit.h"
#include "mpi/engine/basis_build.h"
#include "mpi/engine/cube_paint.h"
#include "mpi/engine/cube_reduce.h"
#include "mpi/engine/device_open.h"
#include "mpi/engine/engine.h"
#include "mpi/particles/frame.h"
#include "mpi/pipeline/memory_check.h"
#include "mpi/pipeline/observe.h"
#include "mpi/pipeline/pipeline.h"
#include "mpi/particles/gas.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/chain.h"
#include "mpi/comm/reduce_exact.h"

#endif
