/* chance.cpp -- the seed and what hangs on it, the passes of a test, and how faults are told. */
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "machine.h"

static unsigned long number(const char *name) { return getenv(name) ? strtoul(getenv(name), nullptr, 10) : 0; }

struct cuda_on_cpu cuda_on_cpu = {
  1, { 9 }, { 0 }, { 0 }, { 0 }, size_t(1) << 30, 13000, -1, number("CUDA_ON_CPU_LAZY") != 0,
  number("CUDA_ON_CPU_SEED"), getenv("CUDA_ON_CPU_RACES") != nullptr, 0, 0, 0, 0, 0, 0, 0
};

namespace cuda_on_cpu_machine {

static cudaError_t last_error;

void misuse(const char *what)
{
  fprintf(stderr, "cuda_on_cpu: %s\n", what);
  abort();
}

cudaError_t fail(cudaError_t error)
{
  if (error != cudaSuccess) last_error = error;
  return error;
}

bool fails() { return ++cuda_on_cpu.n_call == cuda_on_cpu.fail_at; }

const char *from_environment(const char *name)
{
  const char *value = getenv(name);
  return value && *value ? value : nullptr;
}

bool at_random() { return cuda_on_cpu.seed != 0; }

/* Vigna's splitmix64. */
size_t roll(size_t n)
{
  static uint64_t x;
  static unsigned long of;
  if (of != cuda_on_cpu.seed) x = of = cuda_on_cpu.seed;
  uint64_t z = (x += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (size_t)((z ^ (z >> 31)) % n);
}

order::order(size_t n, bool down) : n(n), first(down ? n - 1 : 0), stride(down ? n - 1 : 1)
{
  if (!at_random() || n < 2) return;
  first = roll(n);
  do stride = 1 + roll(n - 1);
  while (std::gcd(stride, n) != 1);
}

}

using namespace cuda_on_cpu_machine;

int cuda_on_cpu_pass(int i)
{
  const char *at = from_environment("CUDA_ON_CPU_SEEDS");
  if (!at) at = "0 1 2";
  for (char *end; ; at = end, i--) {
    unsigned long seed = strtoul(at, &end, 10);
    if (end == at) return cuda_on_cpu.seed = 0;
    if (i > 0) continue;
    cuda_on_cpu.seed = seed;
    return 1;
  }
}

int cuda_on_cpu_brief(void) { return from_environment("CUDA_ON_CPU_BRIEF") != nullptr; }

cudaError_t cudaGetLastError(void)
{
  cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

#define CUDA_ON_CPU_CASE(name, number, text) case name: return WANTED(name, text);
#define WANTED(name, text) #name
const char *cudaGetErrorName(cudaError_t error)
{
  switch (error) { CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_CASE) default: return "cudaErrorUnknown"; }
}
#undef WANTED
#define WANTED(name, text) text
const char *cudaGetErrorString(cudaError_t error)
{
  switch (error) { CUDA_ON_CPU_ERRORS(CUDA_ON_CPU_CASE) default: return "unknown error"; }
}
