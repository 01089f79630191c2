/* races.cpp -- two threads of a launch at one place of shared or global memory, one of them
 * writing, and nothing between them.
 *
 * Kernels compiled with -fsanitize=thread call a function at every access to memory; here these
 * functions are ours, and libtsan is not linked.  For every word are kept the last that wrote it
 * and the last two that read it, with how often their block and their warp had met by then.
 * Threads of one block are in order if the block has met between them, those of one warp if the
 * warp has; threads of different blocks never are.  Atomic operations are in order among
 * themselves, and so is a volatile look beside them, which may see an old value and must not mind.
 * What other launches did is forgotten: streams order them, or not, which is for the seeds to
 * show. */
#include <cstdio>
#include <cstdlib>
#include <unordered_map>

#include <execinfo.h>

#include "machine.h"

namespace cuda_on_cpu_machine {

namespace {

const size_t WORD = 4;
struct touch { unsigned launch, block, met, met_warp; uint16_t thread; uint8_t access; };
struct cell { touch write, read[2]; };
struct region { char *first; size_t bytes; std::vector<struct cell> cell; };
std::unordered_map<unsigned long, region> of_allocation;
region shared, *last;
unsigned launch;
unsigned long n_seen;

region *region_of(char *p, size_t bytes, bool *is_shared)
{
  *is_shared = p >= shared.first && p < shared.first + shared.bytes;
  if (*is_shared) return &shared;
  if (last && p >= last->first && p + bytes <= last->first + last->bytes) return last;
  size_t n;
  unsigned long number;
  char *first = (char *)allocation(p, &n, &number);
  if (!first) return nullptr;
  last = &of_allocation[number];
  if (!last->first) *last = { first, n, std::vector<struct cell>((n + WORD - 1) / WORD + 1) };
  if (p + bytes > first + n) misuse("a thread reaches beyond an allocation on the GPU");
  return last;
}

bool in_order(const touch &a, const touch &b, bool is_shared)
{
  if (a.launch != b.launch || ((a.access == ATOMIC || a.access == LOOK) && (b.access == ATOMIC || b.access == LOOK)))
    return true;
  if (a.block != b.block) return is_shared;
  if (a.thread == b.thread || a.met != b.met) return true;
  return a.thread / WARP == b.thread / WARP && a.met_warp != b.met_warp;
}

[[noreturn]] void tell(const touch &a, const touch &b, bool is_shared, const void *place)
{
  static const char *const name[] = { "reads", "writes", "changes (atomic)", "looks at (volatile)" };
  void *frame[16];
  fprintf(stderr,
          "cuda_on_cpu: a race in %s memory at %p: thread %u of block %u %s, thread %u of block %u %s, and nothing is "
          "between them\n",
          is_shared ? "shared" : "global", place, a.thread, a.block, name[a.access], b.thread, b.block, name[b.access]);
  backtrace_symbols_fd(frame, backtrace(frame, 16), 2);
  abort();
}

struct at_the_end {
  ~at_the_end()
  {
    if (from_environment("CUDA_ON_CPU_TELL") && n_seen)
      fprintf(stderr, "cuda_on_cpu: %lu accesses looked at for races\n", n_seen);
  }
} at_the_end;

/* The thread that runs has touched memory; the host's touches do not count, nor do those of a thread's own stack. */
void seen(const void *pointer, size_t bytes, enum access access)
{
  if (!cuda_on_cpu.races) return;
  if (auto who = running()) races_note(who, pointer, bytes, access);
}

}

void races_begin(char *first, size_t bytes)
{
  if (!cuda_on_cpu.races) return;
  launch++;
  last = nullptr;
  if (shared.first != first || shared.bytes != bytes)
    shared = { first, bytes, std::vector<struct cell>(bytes / WORD + 2) };
}

void races_forget(unsigned long number)
{
  of_allocation.erase(number);
  last = nullptr;
}

void races_note(const struct runner *who, const void *pointer, size_t bytes, enum access access)
{
  bool is_shared;
  if (!cuda_on_cpu.races) return;
  region *r = region_of((char *)pointer, bytes, &is_shared);
  if (!r) return;
  n_seen++;
  const touch me = { launch,
                     (unsigned)who->block,
                     who->epoch->block,
                     who->epoch->warp[who->thread / WARP],
                     (uint16_t)who->thread,
                     (uint8_t)access };
  size_t a = (size_t)((char *)pointer - r->first) / WORD, b = ((size_t)((char *)pointer - r->first) + bytes - 1) / WORD;
  for (size_t i = a; i <= b; i++) {
    cell &c = r->cell[i];
    if (!in_order(c.write, me, is_shared)) tell(c.write, me, is_shared, pointer);
    if (access == READ || access == LOOK) {
      if (c.read[0].launch != me.launch || c.read[0].block != me.block || c.read[0].thread != me.thread)
        c.read[1] = c.read[0];
      c.read[0] = me;
    } else {
      for (auto &read : c.read)
        if (!in_order(read, me, is_shared)) tell(read, me, is_shared, pointer);
      c.write = me;
    }
  }
}

}

using namespace cuda_on_cpu_machine;

void cuda_on_cpu_kernel::note_atomic(const void *at, size_t bytes) { seen(at, bytes, ATOMIC); }

/* What the compiler calls. */
extern "C" {
#define CUDA_ON_CPU_HOOKS(n) \
  void __tsan_read##n(void *p) { seen(p, n, READ); } \
  void __tsan_write##n(void *p) { seen(p, n, WRITE); } \
  void __tsan_unaligned_read##n(void *p) { seen(p, n, READ); } \
  void __tsan_unaligned_write##n(void *p) { seen(p, n, WRITE); } \
  void __tsan_volatile_read##n(void *p) { seen(p, n, LOOK); } \
  void __tsan_volatile_write##n(void *p) { seen(p, n, WRITE); } \
  void __tsan_unaligned_volatile_read##n(void *p) { seen(p, n, LOOK); } \
  void __tsan_unaligned_volatile_write##n(void *p) { seen(p, n, WRITE); } \
  void __tsan_read##n##_pc(void *p, void *) { seen(p, n, READ); } \
  void __tsan_write##n##_pc(void *p, void *) { seen(p, n, WRITE); }
CUDA_ON_CPU_HOOKS(1)
CUDA_ON_CPU_HOOKS(2)
CUDA_ON_CPU_HOOKS(4)
CUDA_ON_CPU_HOOKS(8)
CUDA_ON_CPU_HOOKS(16)
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void **) {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_read_range(void *p, unsigned long n) { seen(p, n, READ); }
void __tsan_write_range(void *p, unsigned long n) { seen(p, n, WRITE); }
void *__tsan_memcpy(void *to, const void *from, unsigned long n)
{
  seen(from, n, READ);
  seen(to, n, WRITE);
  return memcpy(to, from, n);
}
void *__tsan_memset(void *to, int value, unsigned long n)
{
  seen(to, n, WRITE);
  return memset(to, value, n);
}
}
