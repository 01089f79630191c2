/* ptx.h -- nvcc's kernels as the interpreter has them: instructions whose operands are all numbered
 * slots of a thread's register file. */
#ifndef CUDA_ON_CPU_PTX_H
#define CUDA_ON_CPU_PTX_H

#include <string>

#include "machine.h"

namespace cuda_on_cpu_ptx {

enum type : uint8_t { NONE, U8, S8, U16, S16, U32, S32, U64, S64, F32, F64, PRED, N_TYPE };
enum space : uint8_t { GENERIC, GLOBAL, SHARED, LOCAL, PARAM };
enum op : uint8_t {
  ADD, SUB, MUL, MULWIDE, MAD, FMA, DIV, REM, NEG, ABS, SQRT, COPYSIGN, MIN, MAX, AND, OR, XOR, NOT, SHL,
  SHR, MOV, PACK, UNPACK, PRMT, CVT, SETP, SELP, LOAD, STORE, ATOM_ADD, ATOM_MIN, ATOM_MAX, COPY, COMMIT,
  WAIT, BAR, SHFL, BRA, RET
};
enum compare : uint8_t { EQ, NE, LT, LE, GT, GE, UNORDERED = 8 };

struct instruction {
  enum op op;
  enum type type, from;            /* of a conversion: from */
  enum space space;
  uint8_t n, compare;              /* of a vector's elements */
  bool negate, is_volatile, truncates;
  int guard;                       /* slot of its predicate, -1 */
  int d[4], s[4];                  /* slots */
  int base;                        /* slot of an address, and what is added to it */
  int64_t offset;
  int number;                      /* where a branch goes, how many bytes a copy has, how many groups a wait leaves */
  int line;                        /* of the file */
};

/* What a slot holds when a thread begins. */
enum special : uint8_t {
  TID_X,
  TID_Y,
  TID_Z,
  NTID_X,
  NTID_Y,
  NTID_Z,
  CTAID_X,
  CTAID_Y,
  CTAID_Z,
  NCTAID_X,
  NCTAID_Y,
  NCTAID_Z,
  DEPOT,
  PARAMETER
};
struct given { int slot; enum special what; size_t at; };

struct kernel {
  std::string file, name;          /* mangled */
  std::vector<instruction> code;
  std::vector<uint64_t> slot;      /* constants, and nonsense in registers */
  std::vector<struct given> given;
  std::vector<size_t> param_bytes, param_at;
  size_t n_param, n_shared, n_local;
  long n_run;
};

/** Read the kernels of a text.  Whatever in it is not understood ends the program. */
void read(std::vector<kernel> *kernels, const std::string &file, std::string text);
/** ... which are run from then on, instead of the C++ compiler's. */
void add(const std::string &file, const std::string &text);
/** Are instructions understood as they should be (ptx_check.cpp)?  @return how many are not; each is printed */
int selfcheck();

/* A thread and what it sees. */
struct copy { uint64_t to, from; int bytes; unsigned group; };
enum state : uint8_t { RUNS, AT_BARRIER, AT_SHUFFLE, DONE };
struct thread {
  std::vector<uint64_t> slot;
  std::vector<char> local;
  std::vector<copy> copies;
  int at;                          /* the next instruction */
  unsigned group;
  enum state state;
};
struct launch {
  const struct kernel *kernel;
  dim3 grid, size;
  std::vector<char> param, shared;
  cuda_on_cpu_machine::runner who;
};

/** Do the next instruction of a thread.  @return whether it can go on */
bool step(struct launch *launch, struct thread *thread);
[[noreturn]] void fault(const struct launch *launch, const struct instruction *i, const char *what);

template <class T> T get(uint64_t x)
{
  T value;
  std::memcpy(&value, &x, sizeof value);
  return value;
}
template <class T> uint64_t put(T value)
{
  uint64_t x = 0;
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) return (uint64_t)(int64_t)value;
  std::memcpy(&x, &value, sizeof value);
  return x;
}

}
#endif
