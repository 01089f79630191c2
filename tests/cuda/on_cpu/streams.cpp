/* streams.cpp -- streams and events, and copies: what is queued is done at once, as late as can be,
 * or at random, beside what other streams do. */
#include <deque>
#include <memory>

#include "machine.h"

/* Work may have to wait for an event. */
struct cuda_on_cpu_event { size_t recorded, done; };
struct item { std::function<bool()> may; std::function<void()> work; };
struct cuda_on_cpu_stream { std::deque<item> queue; };

namespace cuda_on_cpu_machine {

namespace {

std::vector<cudaStream_t> streams;
std::vector<std::function<void()>> late;         /* pageable copies that have returned and not arrived */

/* Do the next work of a stream if there is some that may be done. */
bool advance(cudaStream_t stream)
{
  if (stream->queue.empty() || !stream->queue.front().may()) return false;
  auto work = std::move(stream->queue.front().work);
  stream->queue.pop_front();
  work();
  return true;
}

bool advance_any()
{
  order any(streams.size(), false);
  for (size_t i = 0; i < streams.size(); i++)
    if (advance(streams[any[i]])) return true;
  return false;
}

void finish(cudaStream_t stream)
{
  while (!stream->queue.empty()) {
    bool moved = at_random() && roll(2) ? advance_any() : advance(stream);
    if (!moved && !advance(stream) && !advance_any()) misuse("streams wait for each other forever");
  }
}

void settle()
{
  auto copies = std::move(late);
  late.clear();
  for (auto &copy : copies) copy();
}

void push(cudaStream_t stream, std::function<bool()> may, std::function<void()> work)
{
  if (!stream) misuse("work on the default stream");
  stream->queue.push_back({ std::move(may), std::move(work) });
  if (cuda_on_cpu.lazy) return;
  if (!at_random()) finish(stream);
  else
    while (roll(3) && advance_any()) {}
}

void check_copy(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind, bool asynchronous)
{
  const void *gpu = kind == cudaMemcpyHostToDevice ? to : from, *host = kind == cudaMemcpyHostToDevice ? from : to;
  if (!on_gpu(gpu, bytes)) misuse("a copy goes beyond an allocation on the GPU");
  if (on_gpu(host, 0)) misuse("a copy takes memory of the GPU for the host's");
  if (asynchronous && !locked(host, bytes)) misuse("an asynchronous copy of host memory that is not page-locked");
}

}

bool any_stream() { return !streams.empty(); }

void enqueue(cudaStream_t stream, std::function<void()> work)
{
  push(stream, [] { return true; }, std::move(work));
}

void finish_all()
{
  bool first = at_random() && roll(2);
  if (first) settle();
  for (auto stream : streams) finish(stream);
  settle();
}

}

using namespace cuda_on_cpu_machine;

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  check_copy(to, from, bytes, kind, false);
  settle();
  if (kind == cudaMemcpyHostToDevice && !locked(from, bytes)) {
    std::vector<char> staged((const char *)from, (const char *)from + bytes);
    late.push_back([to, staged] {
      opening open;
      memcpy(to, staged.data(), staged.size());
    });
    return cudaSuccess;
  }
  opening open;
  memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  check_copy(to, from, bytes, kind, true);
  enum way way = kind == cudaMemcpyHostToDevice ? UP : DOWN;
  if (way == UP) cuda_on_cpu.n_up += bytes;
  auto trip = std::make_shared<journey>(way == UP ? from : to, bytes, way);
  void *gpu = way == UP ? to : const_cast<void *>(from);
  enqueue(stream, [=] { trip->arrive(gpu); });
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

cudaError_t cudaDeviceSynchronize(void)
{
  if (work_fails()) return fail(cudaErrorIllegalAddress);
  finish_all();
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
  for (auto s = streams.begin(); s != streams.end(); ++s)
    if (*s == stream) {
      finish(stream);
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
  if (flags != cudaEventDisableTiming) misuse("an event that takes the time");
  *event = new cuda_on_cpu_event();
  cuda_on_cpu.n_live++;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  size_t mine = ++event->recorded;
  enqueue(stream, [=] { event->done = mine; });
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
  if (work_fails()) return fail(cudaErrorUnknown);
  if (flags) misuse("a wait for an event with flags");
  if (!event->recorded) misuse("a wait for an event that was never recorded");
  size_t wanted = event->recorded;
  push(stream, [=] { return event->done >= wanted; }, [] {});
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
  finish_all();
  delete event;
  cuda_on_cpu.n_live--;
  return cudaSuccess;
}
