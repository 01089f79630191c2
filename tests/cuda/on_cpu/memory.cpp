/* memory.cpp -- the GPU's memory and page-locked memory of the host: both in pages of their own,
 * which are open only to whom they belong. */
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

namespace cuda_on_cpu_machine {

namespace {

const unsigned char RIM = 0xa5;
struct block { char *map; size_t mapped, bytes; unsigned long number; };
std::map<char *, block> gpu_memory, locked_memory;         /* by the first byte */
std::vector<journey *> under_way;                /* in the order in which they were ordered */
size_t used;
int opened;

const size_t page = (size_t)sysconf(_SC_PAGESIZE);
char *page_down(const void *p) { return (char *)((uintptr_t)p / page * page); }
char *page_up(const void *p) { return page_down((char *)p + page - 1); }

const std::map<char *, block>::value_type *find(const std::map<char *, block> &memory, const void *pointer)
{
  auto m = memory.upper_bound((char *)pointer);
  if (m == memory.begin()) return nullptr;
  --m;
  return (char *)pointer <= m->first + m->second.bytes ? &*m : nullptr;
}

bool inside(const std::map<char *, block> &memory, const void *pointer, size_t bytes)
{
  auto m = find(memory, pointer);
  return m && (char *)pointer + bytes <= m->first + m->second.bytes;
}

/* A touch of what is closed. */
struct sigaction before;
void on_fault(int, siginfo_t *info, void *)
{
  const char *what = nullptr;
  for (auto &m : gpu_memory)
    if (info->si_addr >= m.second.map && info->si_addr < m.second.map + m.second.mapped + page)
      what = opened ? "cuda_on_cpu: a kernel reaches beyond an allocation on the GPU\n"
                    : "cuda_on_cpu: the host touches memory of the GPU\n";
  for (auto &m : locked_memory)
    if (info->si_addr >= m.second.map && info->si_addr < m.second.map + m.second.mapped + page)
      what = info->si_addr >= m.first + m.second.bytes
                 ? "cuda_on_cpu: the host reaches beyond page-locked memory\n"
                 : "cuda_on_cpu: the host touches page-locked memory while a copy of it is under way\n";
  if (!what) {                   /* not ours: the access is done again, and told as it would have been */
    sigaction(SIGSEGV, &before, nullptr);
    return;
  }
  if (write(2, what, strlen(what)) < 0) _exit(1);
  abort();
}

/* Pages that end with the last byte, or at most 15 bytes behind it, and a closed one behind them. */
char *take(std::map<char *, block> &memory, size_t bytes, int protection)
{
  static unsigned long number;
  size_t room = (bytes + 15) / 16 * 16, mapped = (room + page - 1) / page * page;
  char *map = (char *)mmap(nullptr, mapped + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
       *first = map + mapped - room;
  if (map == MAP_FAILED) misuse("no memory for the stand-in");
  if (!number++) {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &before);
  }
  mprotect(map, mapped, PROT_READ | PROT_WRITE);
  memset(map, RIM, mapped);
  memset(first, POISON, bytes);
  mprotect(map, mapped, protection);
  memory[first] = { map, mapped, bytes, number };
  cuda_on_cpu.n_live++;
  cuda_on_cpu.n_malloc++;
  return first;
}

bool give(std::map<char *, block> &memory, void *pointer, const char *rim_broken)
{
  auto m = memory.find((char *)pointer);
  if (m == memory.end()) return false;
  const block b = m->second;
  mprotect(b.map, b.mapped, PROT_READ);
  for (char *p = b.map; p < b.map + b.mapped; p++)
    if ((p < m->first || p >= m->first + b.bytes) && (unsigned char)*p != RIM) misuse(rim_broken);
  munmap(b.map, b.mapped + page);
  memory.erase(m);
  cuda_on_cpu.n_live--;
  return true;
}

void set_all(int protection)
{
  for (auto &m : gpu_memory) mprotect(m.second.map, m.second.mapped, protection);
}

/* Small numbers with whatever lies in the padding behind them are no pointers. */
bool on_host(uintptr_t address)
{
  unsigned char resident;
  if (!(address % (uintptr_t(1) << 32) >> 16)) return false;
  return address >> 45 && !(address >> 48) && mincore(page_down((void *)address), 1, &resident) == 0;
}

}

bool on_gpu(const void *pointer, size_t bytes) { return inside(gpu_memory, pointer, bytes); }
bool any_memory() { return !gpu_memory.empty() || !locked_memory.empty(); }
bool locked(const void *pointer, size_t bytes) { return inside(locked_memory, pointer, bytes); }

const char *allocation(const void *pointer, size_t *bytes, unsigned long *number)
{
  auto m = find(gpu_memory, pointer);
  if (!m) return nullptr;
  *bytes = m->second.bytes;
  *number = m->second.number;
  return m->first;
}

opening::opening() { if (!opened++) set_all(PROT_READ | PROT_WRITE); }
opening::~opening() { if (!--opened) set_all(PROT_NONE); }

journey::journey(const void *from, size_t n, enum way of) : host((char *)from), bytes(n), way(of), begun(false)
{
  under_way.push_back(this);
  begin();
  close();
}

/* Pages that lie wholly within as the copies under way want them. */
void journey::close() const
{
  for (char *p = page_up(host); p + page <= host + bytes; p += page) {
    int protection = PROT_READ | PROT_WRITE;
    for (auto other : under_way)
      if (other->host <= p && p + page <= other->host + other->bytes)
        protection &= other->way == UP ? PROT_READ : PROT_NONE;
    mprotect(p, page, protection);
  }
}

void journey::open() const
{
  for (char *p = page_up(host); p + page <= host + bytes; p += page) mprotect(p, page, PROT_READ | PROT_WRITE);
}

/* Note what is sent, or spoil what is waited for, unless a copy before it has the same memory. */
void journey::begin()
{
  for (auto other : under_way) {
    if (other == this) break;
    if (other->host < host + bytes && host < other->host + other->bytes) return;
  }
  begun = true;
  if (way == UP) seen.assign(host, host + bytes);
  else memset(host, POISON, bytes);
}

void journey::arrive(void *gpu)
{
  opening all;
  bool changed = false;
  open();
  if (way == UP) changed = memcmp(host, seen.data(), bytes) != 0;
  else
    for (size_t i = 0; i < bytes; i++) changed |= (unsigned char)host[i] != POISON;
  if (changed || !begun) misuse("the host writes to page-locked memory while a copy of it is under way");
  if (way == UP) memcpy(gpu, host, bytes);
  else memcpy(host, gpu, bytes);
  for (auto mine = under_way.begin(); mine != under_way.end(); ++mine)
    if (*mine == this) {
      under_way.erase(mine);
      break;
    }
  for (auto other : under_way) {
    if (other->begun) continue;
    other->open();
    other->begin();
    other->close();
  }
  close();
}

}

using namespace cuda_on_cpu_machine;

void cuda_on_cpu_kernel::check_argument(const void *argument, size_t bytes)
{
  for (size_t at = 0; at + sizeof(uintptr_t) <= bytes; at += sizeof(uintptr_t)) {
    uintptr_t word;
    memcpy(&word, (const char *)argument + at, sizeof word);
    if (!on_gpu((void *)word, 0) && on_host(word)) misuse("a kernel is given a pointer to memory of the host");
  }
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  *available = cuda_on_cpu.memory - used;
  *total = cuda_on_cpu.memory;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **pointer, size_t bytes)
{
  if (work_fails() || used + bytes > cuda_on_cpu.memory) return fail(cudaErrorMemoryAllocation);
  *pointer = take(gpu_memory, bytes, opened ? PROT_READ | PROT_WRITE : PROT_NONE);
  used += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void *pointer)
{
  size_t bytes;
  unsigned long number;
  if (!pointer) return cudaSuccess;
  finish_all();
  if (allocation(pointer, &bytes, &number) != pointer ||
      !give(gpu_memory, pointer, "something was written beside an allocation on the GPU"))
    misuse("cudaFree of what cudaMalloc did not give");
  races_forget(number);
  used -= bytes;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **pointer, size_t bytes)
{
  if (work_fails()) return fail(cudaErrorMemoryAllocation);
  *pointer = take(locked_memory, bytes, PROT_READ | PROT_WRITE);
  if (bytes > cuda_on_cpu.largest_locked) cuda_on_cpu.largest_locked = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *pointer)
{
  if (!pointer) return cudaSuccess;
  finish_all();
  if (!give(locked_memory, pointer, "something was written beside page-locked memory"))
    misuse("cudaFreeHost of what cudaMallocHost did not give");
  return cudaSuccess;
}
