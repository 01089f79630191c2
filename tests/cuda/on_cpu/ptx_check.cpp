/* ptx_check.cpp -- does the interpreter do what PTX says, and stop at what it does not know? */
#include "ptx.h"
#include "selfcheck.h"

namespace cuda_on_cpu_ptx {

namespace {

__global__ void pieces(uint32_t *) {}            /* of which only the PTX does anything */

const int N_PIECE = 8;

const std::string PIECES = R"(
.visible .entry _Z6piecesPj(.param .u64 _Z6piecesPj_param_0)
{
  .reg .b16 %rs<3>;
  .reg .b32 %r<8>, outer;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [_Z6piecesPj_param_0];
  mov.u32 %r1, 0x13921110;
  mov.u32 %r2, 0x17169514;
  mov.u32 %r3, 0xfff35410;
  prmt.b32 %r4, %r1, %r2, 0x5410U;     st.global.u32 [%rd1], %r4;
  prmt.b32 %r4, %r1, %r2, 0x3276U;     st.global.u32 [%rd1+4], %r4;
  prmt.b32 %r4, %r1, %r2, 0xda98U;     st.global.u32 [%rd1+8], %r4;
  prmt.b32 %r4, %r1, %r2, %r3;         st.global.u32 [%rd1+12], %r4;
  mov.u32 outer, 1;
  { .reg .b16 low; mov.b32 {low, %rs1}, %r1; }
  {
    .reg .b16 high, outer;
    mov.b32 {%rs2, high}, %r1;
    mov.b16 outer, 2;
    { .reg .b16 high; mov.b16 high, 3; }
    mov.b32 %r5, {outer, high};
  }
  mov.b32 %r6, {%rs1, %rs2};
  st.global.u32 [%rd1+16], %r5;
  st.global.u32 [%rd1+20], %r6;
  st.global.u32 [%rd1+24], outer;
  cvt.s32.s16 %r7, %rs1;
  st.global.u32 [%rd1+28], %r7;
  ret;
}
)";
const uint32_t WANT[N_PIECE] = { 0x95141110, 0x13921716, 0xffff0000, 0x95141110, 0x13920002, 0x11101392, 1, 0x1392 };

const char *const KNOWN[] = {
  "prmt.b32 %r1, %r2, %r3, 0x5410U;", "bar.sync 0;", "@%p1 bra.uni here; here:", "setp.eq.s32 %p1, %r1, %r2;",
  "cvt.rzi.s32.f64 %r1, %fd1;", "{ .reg .b32 inner; mov.u32 %r1, inner; }", ".pragma \"nounroll\";",
  "ld.volatile.global.u32 %r1, [%rd1+-8];", "mov.u32 %r1, tile;", "cvta.local.u64 %rd1, %rd2;" };
const char *const UNKNOWN[] = {
  "prmt.b32.f4e %r1, %r2, %r3, 0;", "prmt.b32.b4e %r1, %r2, %r3, 0;", "prmt.b32.rc8 %r1, %r2, %r3, 0;",
  "prmt.b32.ecl %r1, %r2, %r3, 0;", "prmt.b32.ecr %r1, %r2, %r3, 0;", "prmt.b32.rc16 %r1, %r2, %r3, 0;",
  "popc.b32 %r1, %r2;", "add.sat.s32 %r1, %r2, %r3;", "mul.hi.u32 %r1, %r2, %r3;", "add.s16x2 %r1, %r2, %r3;",
  "cvt.rzi.f64.f64 %fd1, %fd2;", "cvt.rni.s32.f64 %r1, %fd1;", "setp.eq.s32 %p1|%p2, %r1, %r2;", "bar.sync 1;",
  "bar.sync 0, 64;", "bar.warp.sync 0xffffffff;", "bar.arrive 0, 64;", "ret.uni;", "bra.some here; here:",
  "shfl.sync.down.b32 %r1, %r2, 1, 31, -1;", "ld.acquire.gpu.global.u32 %r1, [%rd1];",
  "ld.global.nc.u32 %r1, [%rd1];", "atom.global.cas.b32 %r1, [%rd1], %r2, %r3;", "cvta.to.shared.u64 %rd1, %rd2;",
  "cp.async.bulk.commit_group;", "mov.u32 %r1, %r5;", "mov.u32 %r1, inner;",
  "{ .reg .b32 inner; } mov.u32 %r1, inner;", ".branchtargets here; here:", "{ .param .b32 to; }" };

/* Whether a kernel of these statements is. */
bool understood(const std::string &statements)
{
  const std::string begins = ".entry _Z3onev()\n{ .reg .b32 %r<5>; .reg .b64 %rd<4>; .reg .f64 %fd<3>;"
                             " .reg .pred %p<3>; .shared .align 16 .b8 tile[64];\n";
  return !dies([&] { add("one.ptx", begins + statements + " ret; }\n"); });
}

}

int selfcheck()
{
  int broken = 0;
  uint32_t *gpu, result[N_PIECE];
  cudaStream_t stream;
  if (cudaMalloc((void **)&gpu, sizeof result) != cudaSuccess) abort();
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  add("pieces.ptx", PIECES);
  CUBIX_LAUNCH(pieces, dim3(1), dim3(1), stream, gpu);
  cudaStreamSynchronize(stream);
  cudaMemcpy(result, gpu, sizeof result, cudaMemcpyDeviceToHost);
  for (int i = 0; i < N_PIECE; i++) PROMISE_OF(result[i] == WANT[i], std::to_string(i).c_str());
  cudaFree(gpu);
  cudaStreamDestroy(stream);
  for (const char *known : KNOWN) PROMISE_OF(understood(known), known);
  for (const char *unknown : UNKNOWN) PROMISE_OF(!understood(unknown), unknown);
  return broken;
}

}
