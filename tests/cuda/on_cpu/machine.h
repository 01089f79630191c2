/* machine.h -- the inside of the stand-in for the CUDA runtime: what its parts know of each other.
 *
 * A CUDA runtime without a GPU, for cuda/ as it is.  Blocks run one after another; the threads of a
 * block are fibres, which hand over to each other at __syncthreads() and at shuffles.  It promises
 * no more than CUDA's documents do, and attacks whatever relies on more:
 *   - memory of the GPU is apart from the host's: filled with NaN, closed to the host except while
 *     a copy or a kernel runs, with a closed page behind it and a watched rim before it; shared
 *     memory is filled with NaN before every block (memory.cpp, blocks.cpp);
 *   - a pointer to the host among a kernel's arguments, copies to, from or beyond what they should
 *     not touch, asynchronous copies of memory that is not page-locked, work on the default stream,
 *     and barriers at which the threads of a block, or of a warp, do not all arrive together end
 *     the program;
 *   - page-locked memory that is under way belongs to the copy: its pages are closed to the host
 *     (to writing, on the way to the GPU), and what shares a page with something else is compared
 *     before and after, or is NaN until it arrives;
 *   - a pageable cudaMemcpy to the GPU returns before the data arrive, as CUDA may: they come when
 *     the default stream or the device is waited for (streams.cpp);
 *   - a copy to shared memory that a thread has ordered (cp.async) is done when the thread waits
 *     for it, and what was there is NaN until then;
 *   - with `lazy`, work on a stream is done only when the host waits for it;
 *   - with a seed, streams advance at random, beside each other, and blocks and threads run in
 *     random order;
 *   - kernels compiled with -fsanitize=thread tell of every access: two threads at one place, one
 *     of them writing, and nothing between them, is a race, in whatever order they ran (races.cpp);
 *   - instead of the C++ compiler's kernels, those that nvcc made can be run: its PTX is
 *     interpreted, a thread for some instructions, then another (ptx_run.cpp).
 * Any call that can fail can be made to fail by its number.  What a test sets is in control.h, what
 * a user of the tests sets is in the environment:
 *   CUDA_ON_CPU_SEEDS  seeds of the passes of a test ("0 1 2"; 0 is the plain order)
 *   CUDA_ON_CPU_BRIEF  1: only the tests that compare numbers
 *   CUDA_ON_CPU_RACES  1: end at the first race
 *   CUDA_ON_CPU_PTX    files of PTX, between colons
 *   CUDA_ON_CPU_TELL   1: say at the end how much was looked at
 * It does not know caches, weak memory order between threads that race on purpose (a volatile look
 * before an atomic), nor time.
 * Host pointers are told by their address (above 2^45 and mapped), which holds for
 * position-independent programs on 64-bit Linux. */
#ifndef CUDA_ON_CPU_MACHINE_H
#define CUDA_ON_CPU_MACHINE_H

#include <map>
#include <vector>

#include "control.h"
#include "cuda_runtime.h"

extern "C" char __start_cuda_shared[] __attribute__((weak));   /* the linker's names for the ends of shared memory */
extern "C" char __stop_cuda_shared[] __attribute__((weak));

namespace cuda_on_cpu_machine {

/* ---- faults and chance (chance.cpp) ---- */
[[noreturn]] void misuse(const char *what);
/** Remember an error for cudaGetLastError. */
cudaError_t fail(cudaError_t error);
/** Count a call that can fail.  @return whether it is the one that shall */
bool fails();
/** The same for work on the GPU that is current (device.cpp). */
bool work_fails();
/** 0 .. n - 1, by the seed. */
size_t roll(size_t n);
/** Whether there is a seed. */
bool at_random();
const char *from_environment(const char *name);

/* The numbers below n in an order: up, down, or by the seed one of n phi(n). */
class order {
  size_t n, first, stride;
public:
  order(size_t n, bool down);
  size_t operator[](size_t i) const { return (first + i * stride) % n; }
};

/* ---- memory (memory.cpp) ---- */
const unsigned char POISON = 0xff;               /* 0xff..: NaN */
enum way { UP, DOWN };                           /* to the GPU, from it */

bool on_gpu(const void *pointer, size_t bytes);
bool locked(const void *pointer, size_t bytes);
/** The allocation on the GPU that holds a place, NULL if there is none; a number of its own, which
 * no other has or had. */
const char *allocation(const void *pointer, size_t *bytes, unsigned long *number);

/** Whether there is memory of either kind; whether there is a stream. */
bool any_memory();
bool any_stream();

/* While one of these lives, the GPU's memory is open. */
struct opening { opening(); ~opening(); };

/* Page-locked memory from a copy's order to its end. */
class journey {
  char *host;
  size_t bytes;
  enum way way;
  bool begun;
  std::vector<char> seen;                        /* what is sent */
  void begin();
  void open() const;
  void close() const;
public:
  journey(const void *host, size_t bytes, enum way way);
  journey(const journey &) = delete;
  /** Copy, and give the memory back to the host. */
  void arrive(void *gpu);
};

/* ---- streams (streams.cpp) ---- */
void enqueue(cudaStream_t stream, std::function<void()> work);
/** Let everything come to its end: streams and late copies. */
void finish_all();

/* ---- a kernel's threads (blocks.cpp) ---- */
const size_t WARP = 32, MOST_THREADS = 1024;

/* Who runs: block and thread, and how often its block and its warp have met. */
struct epoch { unsigned block, warp[MOST_THREADS / WARP]; };
struct runner { size_t block; unsigned thread; const struct epoch *epoch; };
/** The thread that runs, NULL where the host does. */
const struct runner *running();
bool in_shared(const void *pointer, size_t bytes);

/* ---- races (races.cpp) ---- */
enum access { READ, WRITE, ATOMIC, LOOK /* volatile */ };
/** Another launch begins; what is shared [bytes at pointer] begins anew with every block. */
void races_begin(char *shared, size_t bytes);
/** An allocation of that number is no more. */
void races_forget(unsigned long number);
void races_note(const struct runner *who, const void *pointer, size_t bytes, enum access access);

}
#endif
