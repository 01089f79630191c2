/* runtime.cpp -- a CUDA runtime without a GPU.
 *
 * Blocks run one after another; the threads of a block are fibres, which hand over to each other at __syncthreads() and at shuffles, so
 * that shared memory and barriers behave as written.  Every other block runs its threads in reverse order.  It is stricter than a GPU:
 *   - memory of the GPU is apart from the host's: filled with NaN, closed to the host (a segmentation fault) except while a copy or a kernel
 *     runs, with a closed page behind it and a watched rim before it; shared memory is filled with NaN before every block;
 *   - a pointer among a kernel's arguments, or within a struct among them, that points to memory of the host ends the program;
 *   - so do copies to, from or beyond what they should not touch, asynchronous copies of memory that is not page-locked, and barriers at
 *     which the threads of a block, or of a warp, do not all arrive together;
 *   - a copy to shared memory that a thread has ordered (cp.async) is done when the thread waits for it, and what was there is NaN until then;
 *   - with `lazy`, work on a stream is done only when the host waits for it: a buffer read or filled again too early shows in the result.
 * Any call that can fail can be made to fail by its number (control.h).  Host pointers are told by their address (above 2^45 and mapped),
 * which holds for position-independent programs on 64-bit Linux.                                                                     */
#undef _FORTIFY_SOURCE           /* it forbids to jump between stacks */
#include "cuda_runtime.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "control.h"

struct cuda_on_cpu cuda_on_cpu = { 1, { 9 }, { 0 }, { 0 }, { 0 }, size_t(1) << 30, 13000, -1, 0, 0, 0, 0, 0, 0, 0 };
struct cuda_on_cpu_stream { std::vector<std::function<void()>> queue; };
struct cuda_on_cpu_event { cudaStream_t stream; long recorded, reached; };
cuda_on_cpu_kernel::place cuda_on_cpu_kernel::here;

namespace {

const unsigned char POISON = 0xff, RIM = 0xa5;   /* 0xff..: NaN */
const int RUNTIME = 13000;                       /* the version of CUDA that this stands for */
struct block { char *map; size_t mapped, bytes; };
std::map<char *, block> gpu_memory;              /* by its first byte */
std::map<char *, size_t> locked_memory;
std::vector<cudaStream_t> streams;
size_t used;
cudaError_t last_error;
int opened, owner;                               /* the GPU that memory and streams belong to */

[[noreturn]] void misuse(const char *what)
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

/* Work, and what belongs to it, on the GPU that is current. */
bool work_fails()
{
  if (cuda_on_cpu.current < 0) misuse("work while no GPU is current");
  if (!(gpu_memory.empty() && locked_memory.empty() && streams.empty()) && cuda_on_cpu.current != owner) misuse("work on one GPU while another is current");
  owner = cuda_on_cpu.current;
  return fails();
}

/* While one of these lives, the GPU's memory is open. */
struct opening {
  static void set(int protection) { for (auto &m : gpu_memory) mprotect(m.second.map, m.second.mapped, protection); }
  opening() { if (!opened++) set(PROT_READ | PROT_WRITE); }
  ~opening() { if (!--opened) set(PROT_NONE); }
};

template <class Map, class Size> bool inside(const Map &memory, const void *pointer, size_t bytes, Size size)
{
  char *p = (char *)pointer;
  auto m = memory.upper_bound(p);
  if (m == memory.begin()) return false;
  --m;
  return p >= m->first && p + bytes <= m->first + size(m->second);
}
bool on_gpu(const void *p, size_t bytes) { return inside(gpu_memory, p, bytes, [](const block &b) { return b.bytes; }); }
bool locked(const void *p, size_t bytes) { return inside(locked_memory, p, bytes, [](size_t n) { return n; }); }

bool on_host(uintptr_t address)
{
  unsigned char resident;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return address >> 45 && !(address >> 48) && mincore((void *)(address / page * page), 1, &resident) == 0;
}

void check_copy(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind, bool asynchronous)
{
  const void *gpu = kind == cudaMemcpyHostToDevice ? to : from, *host = kind == cudaMemcpyHostToDevice ? from : to;
  if (!on_gpu(gpu, bytes)) misuse("a copy goes beyond an allocation on the GPU");
  if (on_gpu(host, 0)) misuse("a copy takes memory of the GPU for the host's");
  if (asynchronous && !locked(host, bytes)) misuse("an asynchronous copy of host memory that is not page-locked");
}

void enqueue(cudaStream_t stream, std::function<void()> work)
{
  if (!stream) misuse("work on the default stream");
  if (cuda_on_cpu.lazy) stream->queue.push_back(std::move(work));
  else work();
}

void finish(cudaStream_t stream)
{
  auto queue = std::move(stream->queue);
  stream->queue.clear();
  for (auto &work : queue) work();
}

/* ---- the threads of a block -------------------------------------------------------------------------------------------------- */

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
const size_t STACK = 1 << 16, WARP = 32;
std::vector<fibre> fibres;
size_t now;
jmp_buf scheduler;
std::function<void()> *body;

void leave()
{
  if (!_setjmp(fibres[now].jump)) _longjmp(scheduler, 1);
}

/* A fibre runs a thread of one block, then one of the next. */
void entry()
{
  for (;;) {
    (*body)();
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

void run_block(dim3 size, bool reverse)
{
  size_t n = (size_t)size.x * size.y * size.z, n_done = 0;
  for (size_t i = 0; i < n; i++) start(i, size);
  while (n_done < n) {
    bool moved = false;
    for (size_t i = 0; i < n; i++) {
      now = reverse ? n - 1 - i : i;
      fibre &f = fibres[now];
      if (f.state != RUNS) continue;
      moved = true;
      cuda_on_cpu_kernel::here.thread = f.index;
      cuda_on_cpu_kernel::here.lane = (unsigned)(now % WARP);
      go_on(f);
      n_done += f.state == DONE;
    }
    for (size_t w = 0; w < n; w += WARP) moved |= release(w, w + WARP < n ? w + WARP : n, AT_SHUFFLE);
    moved |= release(0, n, AT_BARRIER);
    if (!moved && n_done < n) misuse("threads wait for each other at barriers forever");
  }
}

extern "C" char __start_cuda_shared[] __attribute__((weak));   /* the linker's names for the section's ends */
extern "C" char __stop_cuda_shared[] __attribute__((weak));

void run_grid(dim3 grid, dim3 size, std::function<void()> work)
{
  opening open;
  auto &here = cuda_on_cpu_kernel::here;
  bool reverse = false;
  body = &work;
  fibres.resize(1024);
  here.grid_dim = grid;
  here.block_dim = size;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        here.block = dim3(x, y, z);
        memset(__start_cuda_shared, POISON, (size_t)(__stop_cuda_shared - __start_cuda_shared));
        run_block(size, reverse);
        reverse = !reverse;
      }
}

}

/* ---- the language of kernels ----------------------------------------------------------------------------------------------------- */

void cuda_on_cpu_kernel::wait_for_block(int line) { wait(AT_BARRIER, line); }

uint64_t cuda_on_cpu_kernel::exchange(uint64_t mine, unsigned lane, int line)
{
  size_t me = now;
  fibres[me].given = mine;
  wait(AT_SHUFFLE, line);
  uint64_t value = fibres[me / WARP * WARP + lane].given;
  wait(AT_SHUFFLE, line);         /* nobody gives anew before all have taken */
  return value;
}

void cuda_on_cpu_kernel::copy_later(void *to, const void *from, size_t bytes)
{
  if (bytes != 4 && bytes != 8 && bytes != 16) misuse("an asynchronous copy to shared memory of other than 4, 8 or 16 bytes");
  if ((uintptr_t)to % bytes || (uintptr_t)from % bytes) misuse("an asynchronous copy to shared memory that is not aligned");
  if ((char *)to < __start_cuda_shared || (char *)to + bytes > __stop_cuda_shared) misuse("an asynchronous copy beside shared memory");
  if (!on_gpu(from, bytes)) misuse("an asynchronous copy to shared memory of what is not on the GPU");
  memset(to, POISON, bytes);
  fibres[now].copies.push_back({ to, from, bytes, fibres[now].group });
}

void cuda_on_cpu_kernel::close_group() { fibres[now].group++; }

void cuda_on_cpu_kernel::wait_for_groups(size_t but)
{
  fibre &f = fibres[now];
  size_t n = 0;
  for (; n < f.copies.size() && f.copies[n].group + but < f.group; n++) memcpy(f.copies[n].to, f.copies[n].from, f.copies[n].bytes);
  f.copies.erase(f.copies.begin(), f.copies.begin() + (long)n);
}

void cuda_on_cpu_kernel::check_argument(const void *argument, size_t bytes)
{
  for (size_t at = 0; at + sizeof(uintptr_t) <= bytes; at += sizeof(uintptr_t)) {
    uintptr_t word;
    memcpy(&word, (const char *)argument + at, sizeof word);
    if (!on_gpu((void *)word, 0) && on_host(word)) misuse("a kernel is given a pointer to memory of the host");
  }
}

void cuda_on_cpu_kernel::submit(dim3 grid, dim3 size, cudaStream_t stream, std::function<void()> work)
{
  size_t n = (size_t)size.x * size.y * size.z;
  cuda_on_cpu.n_launch++;
  if (work_fails()) last_error = cudaErrorLaunchFailure;
  else if (n < 1 || n > 1024 || grid.x < 1 || grid.x > 0x7fffffffu || grid.y < 1 || grid.y > 65535 || grid.z < 1 || grid.z > 65535) last_error = cudaErrorInvalidConfiguration;
  else enqueue(stream, [=] { run_grid(grid, size, work); });
}

/* ---- the runtime's functions ------------------------------------------------------------------------------------------------------ */

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

cudaError_t cudaGetLastError(void)
{
  cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaGetDeviceCount(int *n)
{
  *n = 0;
  if (fails()) return fail(cudaErrorUnknown);
  if (cuda_on_cpu.driver < RUNTIME) return fail(cudaErrorInsufficientDriver);
  if (!cuda_on_cpu.n_gpu) return fail(cudaErrorNoDevice);
  *n = cuda_on_cpu.n_gpu;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
  *version = cuda_on_cpu.driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
  *version = RUNTIME;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  if (attribute == cudaDevAttrComputeMode) *value = cuda_on_cpu.prohibited[device] ? cudaComputeModeProhibited : cudaComputeModeDefault;
  else *value = attribute == cudaDevAttrComputeCapabilityMajor ? cuda_on_cpu.capability[device] : 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  snprintf(properties->name, sizeof properties->name, "stand-in GPU %d", device);
  memset(&properties->uuid, 'a' + device, sizeof properties->uuid);
  properties->uuid.bytes[15] = (char)cuda_on_cpu.slice[device];
  properties->totalGlobalMem = cuda_on_cpu.memory;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *bus, int room, int device)
{
  if (fails()) return fail(cudaErrorUnknown);
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return fail(cudaErrorInvalidDevice);
  snprintf(bus, (size_t)room, "0000:%02x:00.0", 16 + device);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel)
{
  if (work_fails()) return fail(cudaErrorNoKernelImageForDevice);
  if (!kernel) misuse("attributes of no kernel");
  attributes->binaryVersion = 80;
  return cudaSuccess;
}

/* ---- the driver's functions, which cuda/ finds by name: as the linker's option --wrap has it, dlopen and dlsym come here ------------- */

namespace {

std::vector<int> before;                         /* what was current before each context that was pushed */

int retain_context(void **context, int device)
{
  if (fails()) return cudaErrorMemoryAllocation;
  if (device < 0 || device >= cuda_on_cpu.n_gpu) return cudaErrorInvalidDevice;
  if (cuda_on_cpu.taken[device]) return cudaErrorDevicesUnavailable;
  *context = (void *)(uintptr_t)(device + 1);
  cuda_on_cpu.n_live++;
  return cudaSuccess;
}

int release_context(int)
{
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}

int push_context(void *context)
{
  if (fails()) return cudaErrorUnknown;
  before.push_back(cuda_on_cpu.current);
  cuda_on_cpu.current = (int)(uintptr_t)context - 1;
  return cudaSuccess;
}

int pop_context(void **context)
{
  if (before.empty()) misuse("a context is popped that was not pushed");
  *context = (void *)(uintptr_t)(cuda_on_cpu.current + 1);
  cuda_on_cpu.current = before.back();
  before.pop_back();
  return cudaSuccess;
}

int driver;                                      /* its address stands for the library */

}

extern "C" {
void *__real_dlopen(const char *name, int flags);
void *__real_dlsym(void *library, const char *name);
int __real_dlclose(void *library);
void *__wrap_dlopen(const char *name, int flags);
void *__wrap_dlsym(void *library, const char *name);
int __wrap_dlclose(void *library);

void *__wrap_dlopen(const char *name, int flags) { return name && !strcmp(name, "libcuda.so.1") ? &driver : __real_dlopen(name, flags); }

void *__wrap_dlsym(void *library, const char *name)
{
  if (library != &driver) return __real_dlsym(library, name);
  if (!strcmp(name, "cuDevicePrimaryCtxRetain")) return (void *)retain_context;
  if (!strcmp(name, "cuDevicePrimaryCtxRelease_v2")) return (void *)release_context;
  if (!strcmp(name, "cuCtxPushCurrent_v2")) return (void *)push_context;
  if (!strcmp(name, "cuCtxPopCurrent_v2")) return (void *)pop_context;
  return nullptr;
}

int __wrap_dlclose(void *library) { return library == &driver ? 0 : __real_dlclose(library); }
}

/* ---- memory, streams, events --------------------------------------------------------------------------------------------------------- */

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  *available = cuda_on_cpu.memory - used;
  *total = cuda_on_cpu.memory;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **pointer, size_t bytes)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + 15) / 16 * 16, mapped = (room + page - 1) / page * page;
  if (work_fails() || used + bytes > cuda_on_cpu.memory) return fail(cudaErrorMemoryAllocation);
  char *map = (char *)mmap(nullptr, mapped + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) misuse("no memory for the GPU's memory");
  char *first = map + mapped - room;
  mprotect(map, mapped, PROT_READ | PROT_WRITE);
  memset(map, RIM, mapped);
  memset(first, POISON, bytes);
  mprotect(map, mapped, PROT_NONE);
  gpu_memory[first] = { map, mapped, bytes };
  used += bytes;
  cuda_on_cpu.n_live++;
  cuda_on_cpu.n_malloc++;
  *pointer = first;
  return cudaSuccess;
}

cudaError_t cudaFree(void *pointer)
{
  if (!pointer) return cudaSuccess;
  for (auto stream : streams) finish(stream);
  auto m = gpu_memory.find((char *)pointer);
  if (m == gpu_memory.end()) misuse("cudaFree of what cudaMalloc did not give");
  block b = m->second;
  mprotect(b.map, b.mapped, PROT_READ);
  for (char *p = b.map; p < b.map + b.mapped; p++)
    if ((p < m->first || p >= m->first + b.bytes) && (unsigned char)*p != RIM) misuse("something was written beside an allocation on the GPU");
  munmap(b.map, b.mapped + (size_t)sysconf(_SC_PAGESIZE));
  used -= b.bytes;
  gpu_memory.erase(m);
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **pointer, size_t bytes)
{
  if (work_fails()) return fail(cudaErrorMemoryAllocation);
  *pointer = malloc(bytes);
  if (!*pointer) misuse("no memory for page-locked memory");
  memset(*pointer, POISON, bytes);
  locked_memory[(char *)*pointer] = bytes;
  cuda_on_cpu.n_live++;
  cuda_on_cpu.n_malloc++;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *pointer)
{
  if (!pointer) return cudaSuccess;
  for (auto stream : streams) finish(stream);
  if (!locked_memory.erase((char *)pointer)) misuse("cudaFreeHost of what cudaMallocHost did not give");
  free(pointer);
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  check_copy(to, from, bytes, kind, false);
  opening open;
  memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  check_copy(to, from, bytes, kind, true);
  if (kind == cudaMemcpyHostToDevice) cuda_on_cpu.n_up += bytes;
  enqueue(stream, [=] {
    opening open;
    memcpy(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  if (!on_gpu(to, bytes)) misuse("memory is set beyond an allocation on the GPU");
  enqueue(stream, [=] {
    opening open;
    memset(to, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
  if (work_fails()) return fail(cudaErrorMemoryAllocation);
  if (flags != cudaStreamNonBlocking) misuse("a stream that waits for the default stream");
  *stream = new cuda_on_cpu_stream;
  streams.push_back(*stream);
  cuda_on_cpu.n_live++;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
  if (fails()) return fail(cudaErrorIllegalAddress);
  finish(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
  finish(stream);
  for (auto s = streams.begin(); s != streams.end(); ++s)
    if (*s == stream) {
      streams.erase(s);
      delete stream;
      cuda_on_cpu.n_live--;
      return cudaSuccess;
    }
  misuse("cudaStreamDestroy of what is no stream");
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
  if (work_fails()) return fail(cudaErrorMemoryAllocation);
  if (flags != cudaEventDisableTiming) misuse("an event that takes the time, which costs some");
  *event = new cuda_on_cpu_event{ nullptr, 0, 0 };
  cuda_on_cpu.n_live++;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
  if (work_fails()) return fail(cudaErrorIllegalAddress);
  long mine = ++event->recorded;
  event->stream = stream;
  enqueue(stream, [=] { event->reached = mine; });
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
  if (work_fails()) return fail(cudaErrorIllegalAddress);
  if (flags) misuse("a wait for an event with flags");
  if (!event->recorded) misuse("a wait for an event that was never recorded");
  long wanted = event->recorded;
  cudaStream_t other = event->stream;
  enqueue(stream, [=] {
    if (event->reached < wanted) finish(other);
    if (event->reached < wanted) misuse("streams wait for each other forever");
  });
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
  for (auto stream : streams) finish(stream);
  delete event;
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}
