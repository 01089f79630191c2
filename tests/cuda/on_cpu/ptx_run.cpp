/* ptx_run.cpp -- nvcc's kernels, run: a thread goes on for some instructions, then another, and
 * they wait for each other where they meet.
 *
 * CUDA_ON_CPU_PTX names the files.  A kernel that is in none of them runs as the C++ compiler made it.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ptx.h"

namespace cuda_on_cpu_ptx {

using namespace cuda_on_cpu_machine;

namespace {

const long MOST_STEPS = 400;       /* that a thread goes on by, in random order */

std::vector<kernel> &kernels()
{
  static std::vector<kernel> all;
  static bool begun;
  const char *files = from_environment("CUDA_ON_CPU_PTX");
  if (begun || !files) return all;
  begun = true;
  for (std::string rest = files; !rest.empty(); ) {
    size_t end = std::min(rest.find(':'), rest.size());
    std::stringstream text;
    text << std::ifstream(rest.substr(0, end)).rdbuf();
    read(&all, rest.substr(0, end), text.str());
    rest.erase(0, std::min(end + 1, rest.size()));
  }
  return all;
}

/* By the name in C++: mangled, its length comes before it. */
kernel *find(const char *name)
{
  std::string mangled = "_Z" + std::to_string(strlen(name)) + name;
  for (auto &k : kernels())
    if (k.name.compare(0, mangled.size(), mangled) == 0) return &k;
  return nullptr;
}

struct at_the_end {
  at_the_end() { kernels(); }      /* which are gone after it, then */
  ~at_the_end()
  {
    if (from_environment("CUDA_ON_CPU_TELL"))
      for (auto &k : kernels()) fprintf(stderr, "cuda_on_cpu: ptx %s %ld\n", k.name.c_str(), k.n_run);
  }
} at_the_end;

void begin(struct launch *l, struct thread *t, size_t i)
{
  const kernel *k = l->kernel;
  const size_t b = l->who.block;
  const unsigned value[] = { (unsigned)(i % l->size.x),
                             (unsigned)(i / l->size.x % l->size.y),
                             (unsigned)(i / l->size.x / l->size.y),
                             l->size.x,
                             l->size.y,
                             l->size.z,
                             (unsigned)(b % l->grid.x),
                             (unsigned)(b / l->grid.x % l->grid.y),
                             (unsigned)(b / l->grid.x / l->grid.y),
                             l->grid.x,
                             l->grid.y,
                             l->grid.z };
  t->slot = k->slot;
  t->local.assign((k->n_local + 15) / 16 * 16, (char)POISON);
  t->copies.clear();
  t->at = 0;
  t->group = 0;
  t->state = RUNS;
  for (auto &g : k->given)
    t->slot[(size_t)g.slot] = g.what == DEPOT       ? (uint64_t)t->local.data()
                              : g.what == PARAMETER ? (uint64_t)(l->param.data() + g.at)
                                                    : value[g.what];
}

/* Whether all of these that live wait there, at one place: its instruction, or none. */
const instruction *met(const struct launch *l, const std::vector<thread> &threads, size_t a, size_t b, enum state where)
{
  int at = -1;
  for (size_t i = a; i < b; i++) {
    if (threads[i].state == DONE) continue;
    if (threads[i].state != where) return nullptr;
    if (at >= 0 && at != threads[i].at) misuse("threads meet at different barriers");
    at = threads[i].at;
  }
  return at < 0 ? nullptr : &l->kernel->code[(size_t)at];
}

void go_on(std::vector<thread> &threads, size_t a, size_t b, enum state from)
{
  for (size_t i = a; i < b; i++)
    if (threads[i].state == from) {
      threads[i].state = RUNS;
      threads[i].at++;
    }
}

void shuffle(const struct launch *l, std::vector<thread> &threads, size_t a, size_t b, const instruction *i)
{
  uint64_t given[WARP];
  for (size_t j = a; j < b; j++) given[j - a] = threads[j].slot[(size_t)i->s[0]];
  for (size_t j = a; j < b; j++) {
    auto &slot = threads[j].slot;
    size_t other = (j - a) ^ get<uint32_t>(slot[(size_t)i->s[1]]);
    if (threads[j].state == DONE) continue;
    if (get<uint32_t>(slot[(size_t)i->number]) != 0xffffffffu || get<uint32_t>(slot[(size_t)i->s[2]]) != 31)
      fault(l, i, "a shuffle by less than a warp");
    if (other >= b - a || threads[a + other].state == DONE) fault(l, i, "a shuffle from a thread that has ended");
    slot[(size_t)i->d[0]] = given[other];
  }
}

void run_block(struct launch *l, std::vector<thread> &threads, struct epoch *epoch)
{
  const size_t n = threads.size();
  size_t n_done = 0;
  *epoch = {};
  std::fill(l->shared.begin(), l->shared.end(), (char)POISON);
  for (size_t i = 0; i < n; i++) begin(l, &threads[i], i);
  while (n_done < n) {
    bool moved = false;
    order next(n, false);
    for (size_t i = 0; i < n; i++) {
      thread &t = threads[next[i]];
      if (t.state != RUNS) continue;
      l->who.thread = (unsigned)next[i];
      moved = true;
      for (long left = at_random() ? 1 + (long)roll(MOST_STEPS) : -1; left != 0 && step(l, &t); left--) {}
      n_done += t.state == DONE;
    }
    for (size_t a = 0; a < n; a += WARP) {
      size_t b = std::min(a + WARP, n);
      const instruction *i = met(l, threads, a, b, AT_SHUFFLE);
      if (!i) continue;
      shuffle(l, threads, a, b, i);
      go_on(threads, a, b, AT_SHUFFLE);
      epoch->warp[a / WARP]++;
      moved = true;
    }
    if (met(l, threads, 0, n, AT_BARRIER)) {
      go_on(threads, 0, n, AT_BARRIER);
      epoch->block++;
      moved = true;
    }
    if (!moved && n_done < n) misuse("threads wait for each other forever");
  }
}

void run(kernel *kernel, dim3 grid, dim3 size, const std::vector<char> &param)
{
  static std::vector<thread> threads;
  static struct epoch epoch;
  opening open;
  struct launch l = { kernel, grid, size, param, std::vector<char>(kernel->n_shared), { 0, 0, &epoch } };
  const size_t n = (size_t)grid.x * grid.y * grid.z;
  order next(n, false);
  kernel->n_run++;
  threads.resize((size_t)size.x * size.y * size.z);
  races_begin(l.shared.data(), l.shared.size());
  for (size_t i = 0; i < n; i++) {
    l.who.block = next[i];
    run_block(&l, threads, &epoch);
  }
}

}

}

void cuda_on_cpu_ptx::add(const std::string &file, const std::string &text) { read(&kernels(), file, text); }

bool cuda_on_cpu_kernel::of_nvcc(const char *name, dim3 grid, dim3 size, const void *const *argument,
                                 const size_t *bytes, size_t n, std::function<void()> *work)
{
  cuda_on_cpu_ptx::kernel *k = cuda_on_cpu_ptx::find(name);
  if (!k) return false;
  if (k->param_bytes.size() != n) cuda_on_cpu_machine::misuse("nvcc's kernel has another number of parameters");
  std::vector<char> param(k->n_param);
  for (size_t i = 0; i < n; i++) {
    if (k->param_bytes[i] != bytes[i]) cuda_on_cpu_machine::misuse("nvcc's kernel has parameters of another size");
    memcpy(param.data() + k->param_at[i], argument[i], bytes[i]);
  }
  *work = [=] { cuda_on_cpu_ptx::run(k, grid, size, param); };
  return true;
}
