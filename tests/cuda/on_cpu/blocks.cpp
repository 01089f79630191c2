/* blocks.cpp -- a kernel's threads, compiled as C++: fibres, which hand over to each other where
 * threads of a block or of a warp meet. */
#undef _FORTIFY_SOURCE           /* it forbids to jump between stacks */
#include <csetjmp>
#include <memory>

#include <ucontext.h>

#include "machine.h"

cuda_on_cpu_kernel::place cuda_on_cpu_kernel::here;

namespace cuda_on_cpu_machine {

namespace {

enum state { RUNS, AT_BARRIER, AT_SHUFFLE, DONE };
struct fibre {
  ucontext_t context;             /* only to begin with: it asks the kernel at every switch, a jump does not */
  jmp_buf jump;
  bool begun;
  std::unique_ptr<char[]> stack;
  dim3 index;
  enum state state;
  int line;                       /* where it waits */
  uint64_t given;
  struct copy { void *to; const void *from; size_t bytes, group; };
  std::vector<copy> copies;       /* ordered and not yet waited for */
  size_t group;                   /* the open one's number */
};
const size_t STACK = 1 << 16;
std::vector<fibre> fibres;
size_t now;
jmp_buf scheduler;
std::function<void()> body;
struct epoch met;
struct runner self = { 0, 0, &met };
bool inside;                      /* a thread runs */

void leave()
{
  if (!_setjmp(fibres[now].jump)) _longjmp(scheduler, 1);
}

/* A fibre runs a thread of one block, then one of the next. */
void entry()
{
  for (;;) {
    body();
    fibres[now].state = DONE;
    leave();
  }
}

void wait(enum state state, int line)
{
  fibres[now].state = state;
  fibres[now].line = line;
  leave();
}

__attribute__((noinline)) void go_on(fibre &f)
{
  if (_setjmp(scheduler)) return;
  if (f.begun) _longjmp(f.jump, 1);
  f.begun = true;
  setcontext(&f.context);
}

void start(size_t i, dim3 size)
{
  fibre &f = fibres[i];
  f.state = RUNS;
  f.copies.clear();
  f.group = 0;
  f.index = dim3((unsigned)(i % size.x), (unsigned)(i / size.x % size.y), (unsigned)(i / size.x / size.y));
  if (f.stack) return;
  f.stack.reset(new char[STACK]);
  f.begun = false;
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack.get();
  f.context.uc_stack.ss_size = STACK;
  f.context.uc_link = nullptr;
  makecontext(&f.context, entry, 0);
}

/* Let fibres a .. b - 1 go on if all that still live wait there, together.  @return whether they go on */
bool release(size_t a, size_t b, enum state where)
{
  int line = -1;
  for (size_t i = a; i < b; i++) {
    if (fibres[i].state == DONE) continue;
    if (fibres[i].state != where) return false;
    if (line >= 0 && fibres[i].line != line) misuse("threads meet at different barriers");
    line = fibres[i].line;
  }
  for (size_t i = a; i < b; i++)
    if (fibres[i].state == where) fibres[i].state = RUNS;
  return line >= 0;
}

void run_block(dim3 size, bool down)
{
  size_t n = (size_t)size.x * size.y * size.z, n_done = 0;
  met = {};
  for (size_t i = 0; i < n; i++) start(i, size);
  while (n_done < n) {
    bool moved = false;
    order next(n, down);
    for (size_t i = 0; i < n; i++) {
      now = next[i];
      fibre &f = fibres[now];
      if (f.state != RUNS) continue;
      moved = inside = true;
      self.thread = (unsigned)now;
      cuda_on_cpu_kernel::here.thread = f.index;
      cuda_on_cpu_kernel::here.lane = (unsigned)(now % WARP);
      go_on(f);
      inside = false;
      n_done += f.state == DONE;
    }
    for (size_t w = 0; w < n; w += WARP)
      if (release(w, w + WARP < n ? w + WARP : n, AT_SHUFFLE)) {
        met.warp[w / WARP]++;
        moved = true;
      }
    if (release(0, n, AT_BARRIER)) {
      met.block++;
      moved = true;
    }
    if (!moved && n_done < n) misuse("threads wait for each other at barriers forever");
  }
}

void run_grid(dim3 grid, dim3 size, const std::function<void()> &work)
{
  opening open;
  auto &here = cuda_on_cpu_kernel::here;
  const size_t n = (size_t)grid.x * grid.y * grid.z, shared = (size_t)(__stop_cuda_shared - __start_cuda_shared);
  order next(n, false);
  body = work;
  fibres.resize(MOST_THREADS);
  here.grid_dim = grid;
  here.block_dim = size;
  races_begin(__start_cuda_shared, shared);
  for (size_t i = 0; i < n; i++) {
    self.block = next[i];
    here.block = dim3((unsigned)(self.block % grid.x), (unsigned)(self.block / grid.x % grid.y),
                      (unsigned)(self.block / grid.x / grid.y));
    memset(__start_cuda_shared, POISON, shared);
    run_block(size, i % 2);
  }
  body = nullptr;
}

}

const struct runner *running() { return inside ? &self : nullptr; }
bool in_shared(const void *p, size_t bytes)
{
  return (char *)p >= __start_cuda_shared && (char *)p + bytes <= __stop_cuda_shared;
}
}

using namespace cuda_on_cpu_machine;

void cuda_on_cpu_kernel::wait_for_block(int line) { wait(AT_BARRIER, line); }

uint64_t cuda_on_cpu_kernel::exchange(uint64_t mine, unsigned lane, int line)
{
  size_t me = now, other = me / WARP * WARP + lane;
  fibres[me].given = mine;
  wait(AT_SHUFFLE, line);
  if (fibres[other].state == DONE) misuse("a shuffle from a thread that has ended");
  uint64_t value = fibres[other].given;
  wait(AT_SHUFFLE, line);         /* nobody gives anew before all have taken */
  return value;
}

void cuda_on_cpu_kernel::copy_later(void *to, const void *from, size_t bytes)
{
  if (bytes != 4 && bytes != 8 && bytes != 16)
    misuse("an asynchronous copy to shared memory of other than 4, 8 or 16 bytes");
  if ((uintptr_t)to % bytes || (uintptr_t)from % bytes)
    misuse("an asynchronous copy to shared memory that is not aligned");
  if (!in_shared(to, bytes)) misuse("an asynchronous copy beside shared memory");
  if (!on_gpu(from, bytes)) misuse("an asynchronous copy to shared memory of what is not on the GPU");
  races_note(&self, to, bytes, WRITE);
  races_note(&self, from, bytes, READ);
  memset(to, POISON, bytes);
  fibres[now].copies.push_back({ to, from, bytes, fibres[now].group });
}

void cuda_on_cpu_kernel::close_group() { fibres[now].group++; }

void cuda_on_cpu_kernel::wait_for_groups(size_t but)
{
  fibre &f = fibres[now];
  size_t n = 0;
  for (; n < f.copies.size() && f.copies[n].group + but < f.group; n++) {
    races_note(&self, f.copies[n].to, f.copies[n].bytes, WRITE);
    memcpy(f.copies[n].to, f.copies[n].from, f.copies[n].bytes);
  }
  f.copies.erase(f.copies.begin(), f.copies.begin() + (long)n);
}

void cuda_on_cpu_kernel::submit(dim3 grid, dim3 size, cudaStream_t stream, std::function<void()> work)
{
  size_t n = (size_t)size.x * size.y * size.z;
  cuda_on_cpu.n_launch++;
  if (work_fails()) (void)fail(cudaErrorLaunchFailure);
  else if (n < 1 || n > MOST_THREADS || grid.x < 1 || grid.x > 0x7fffffffu || grid.y < 1 || grid.y > 65535 ||
           grid.z < 1 || grid.z > 65535)
    (void)fail(cudaErrorInvalidConfiguration);
  else enqueue(stream, std::move(work));
}

std::function<void()> cuda_on_cpu_kernel::threads(dim3 grid, dim3 size, std::function<void()> thread)
{
  return [=] { run_grid(grid, size, thread); };
}
