#define _GNU_SOURCE
/* shared_memory.c -- a file without a name (memfd_create), mapped by those who share it.
 *
 * It has no place in /dev/shm, which containers make small, and nothing is left behind however the
 * processes end.  Others open it through /proc.  A system without such files has memory for each
 * process alone. */
#include "base/shared_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the file, or where file < 0 of nobody's. */
static int map(struct cubix_shared_memory *memory, size_t size, int file)
{
  const int how = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *at = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, how, file, 0);
  if (at == MAP_FAILED) return 0;
#ifdef MADV_HUGEPAGE
  (void)madvise(at, size, MADV_HUGEPAGE);
#endif
  *memory = (struct cubix_shared_memory){ at, size };
  return 1;
}

int cubix_shared_memory_own(struct cubix_shared_memory *memory, size_t size) { return map(memory, size, -1); }

int cubix_shared_memory_create(struct cubix_shared_memory *memory, size_t size,
                               struct cubix_shared_memory_handle *handle)
{
  *handle = (struct cubix_shared_memory_handle){ (long)getpid(), -1 };
#ifdef MFD_CLOEXEC
  handle->file = memfd_create("cubix", MFD_CLOEXEC);
#endif
  if (handle->file >= 0 && !ftruncate(handle->file, (off_t)size) && map(memory, size, handle->file)) return 1;
  cubix_shared_memory_close(handle);
  return 0;
}

int cubix_shared_memory_join(struct cubix_shared_memory *memory, size_t size,
                             const struct cubix_shared_memory_handle *handle)
{
  char path[64];
  int file, joined;
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", handle->process, handle->file);
  if ((file = open(path, O_RDWR | O_CLOEXEC)) < 0) return 0;
  /* another process has this number where ranks have their own /proc */
  joined = lseek(file, 0, SEEK_END) == (off_t)size && map(memory, size, file);
  close(file);
  return joined;
}

void cubix_shared_memory_close(struct cubix_shared_memory_handle *handle)
{
  if (handle->file >= 0) close(handle->file);
  handle->file = -1;
}

void cubix_shared_memory_free(struct cubix_shared_memory *memory)
{
  if (memory->at) munmap(memory->at, memory->size ? memory->size : 1);
  *memory = (struct cubix_shared_memory){ NULL, 0 };
}
