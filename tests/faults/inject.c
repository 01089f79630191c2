#define _GNU_SOURCE
/* inject.c -- a shared object for LD_PRELOAD that lets one call of one rank fail.
 *
 * CUBIX_FAULT says which, in words separated by blanks:
 *   call=NAME     open read write close sync truncate rename unlink link stat room map, or alloc
 *   path=TEXT     of files whose path holds this text (not for alloc)
 *   rank=N        of this rank only; without it, of every rank
 *   nth=N         the N-th such call of the process (1 by default; 0: none, they are only counted)
 *   times=N       so many in a row (1 by default; 0: all that follow)
 *   errno=NUMBER  it fails with this errno (EIO by default); 0: a read or a write moves half of
 *   what was asked for, which is no error signal=NUMBER the process gets this signal instead
 *   least=BYTES   of an allocation (1 by default)
 *   from=TEXT     an allocation by the program or library whose file name holds this text ("cubix"
 *                 by default), after MPI has been started
 * CUBIX_FAULT_LOG names a file that gets a line for every fault, and at the end of the process the
 * number of such calls.
 *
 * A file is known by its path, or by what /proc/self/fd says of its descriptor.  The C library's
 * own calls to itself are not seen: streams are watched at fopen, fread, fwrite, fflush and fclose.
 * Nothing here allocates memory or writes through a call that it replaces. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TEXT = 256 };

static struct {
  int ready, armed, rank, error, signal;
  char call[TEXT], path[TEXT], from[TEXT];
  long nth, times;
  size_t least;
} fault;
static long n_call;
static int mpi_runs;                /* before, and in it, memory is asked for by others than us */

/* ---- what is asked for ----------------------------------------------------------------------- */

static int my_rank(void)
{
  static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK" };
  for (int i = 0; i < 3; i++) if (getenv(names[i])) return atoi(getenv(names[i]));
  return 0;
}

static void take(const char *word, size_t n)
{
  char value[TEXT] = "";
  const char *equal = memchr(word, '=', n);
  if (!equal) return;
  size_t key = (size_t)(equal - word), length = n - key - 1;
  if (length >= sizeof value) return;
  memcpy(value, equal + 1, length);
  if (!strncmp(word, "call=", 5)) strcpy(fault.call, value);
  else if (!strncmp(word, "path=", 5)) strcpy(fault.path, value);
  else if (!strncmp(word, "from=", 5)) strcpy(fault.from, value);
  else if (!strncmp(word, "rank=", 5)) fault.rank = atoi(value);
  else if (!strncmp(word, "nth=", 4)) fault.nth = atol(value);
  else if (!strncmp(word, "times=", 6)) fault.times = atol(value);
  else if (!strncmp(word, "errno=", 6)) fault.error = atoi(value);
  else if (!strncmp(word, "signal=", 7)) fault.signal = atoi(value);
  else if (!strncmp(word, "least=", 6)) fault.least = (size_t)atol(value);
}

static void prepare(void)
{
  const char *word = getenv("CUBIX_FAULT");
  fault.ready = 1;
  fault.rank = -1;
  fault.nth = fault.times = 1;
  fault.least = 1;
  fault.error = EIO;
  strcpy(fault.from, "cubix");
  while (word && *word) {
    size_t n = strcspn(word, " ");
    take(word, n);
    word += n + strspn(word + n, " ");
  }
  fault.armed = fault.call[0] && (fault.rank < 0 || fault.rank == my_rank());
}

static void note(const char *what, const char *about)
{
  const char *log = getenv("CUBIX_FAULT_LOG");
  char line[2 * TEXT + 128];
  int n =
      snprintf(line, sizeof line, "rank %d: call %ld of %s %s %.255s\n", my_rank(), n_call, fault.call, what, about);
  int out = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0666) : -1;
  if (out < 0) return;
  syscall(SYS_write, out, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
  syscall(SYS_close, out);
}

__attribute__((destructor)) static void count(void) { if (fault.armed) note("was the last", fault.path); }

/* Is it the turn of this call? */
static int is_due(const char *about)
{
  long n = __atomic_add_fetch(&n_call, 1, __ATOMIC_SEQ_CST);
  if (!fault.nth || n < fault.nth || (fault.times && n >= fault.nth + fault.times)) return 0;
  if (n < fault.nth + 5) note("fails", about);
  if (fault.signal) raise(fault.signal);
  return !fault.signal;
}

/* errno of a call about a path or a descriptor; -1: it goes well; 0: it moves half. */
static int of_path(const char *call, const char *path)
{
  if (!fault.ready) prepare();
  if (!fault.armed || strcmp(call, fault.call) || !path || !strstr(path, fault.path)) return -1;
  return is_due(path) ? fault.error : -1;
}

static int of_file(const char *call, int file)
{
  char link[64], path[4096];
  ssize_t n;
  if (!fault.ready) prepare();
  if (!fault.armed || strcmp(call, fault.call)) return -1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return -1;
  path[n] = '\0';
  return of_path(call, path);
}

/* A path that counts from a folder's descriptor. */
static int of_path_at(const char *call, int folder, const char *path)
{
  char link[64], whole[4096];
  ssize_t n = -1;
  if (!fault.ready) prepare();
  if (!fault.armed || strcmp(call, fault.call)) return -1;
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  if (folder != AT_FDCWD && path[0] != '/') n = readlink(link, whole, sizeof whole / 2);
  if (n <= 0) return of_path(call, path);
  snprintf(whole + n, sizeof whole - (size_t)n, "/%s", path);
  return of_path(call, whole);
}

#define REAL(name) static __typeof__(name) *real; if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)
#define FAIL_PATH(call, path, value) \
  do { \
    int e = of_path(call, path); \
    if (e > 0) { \
      errno = e; \
      return value; \
    } \
  } while (0)
#define FAIL_AT(call, folder, path, value) \
  do { \
    int e = of_path_at(call, folder, path); \
    if (e > 0) { \
      errno = e; \
      return value; \
    } \
  } while (0)
#define FAIL_FILE(call, file, value) \
  do { \
    int e = of_file(call, file); \
    if (e > 0) { \
      errno = e; \
      return value; \
    } \
  } while (0)
/* Of n bytes that are to be moved, half or none. */
#define MOVE(call, file, n, value) \
  do { \
    int e = of_file(call, file); \
    if (e == 0 && n > 1) n /= 2; \
    if (e > 0) { errno = e; return value; } \
  } while (0)

/* ---- files ----------------------------------------------------------------------------------- */

#define OPEN(name) \
  int name(const char *path, int how, ...) \
  { \
    mode_t mode = 0; \
    REAL(name); \
    FAIL_PATH("open", path, -1); \
    if (how & (O_CREAT | O_TMPFILE)) { va_list ap; va_start(ap, how); mode = va_arg(ap, mode_t); va_end(ap); } \
    return real(path, how, mode); \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
  int name(int folder, const char *path, int how, ...) \
  { \
    mode_t mode = 0; \
    REAL(name); \
    FAIL_AT("open", folder, path, -1); \
    if (how & (O_CREAT | O_TMPFILE)) { va_list ap; va_start(ap, how); mode = va_arg(ap, mode_t); va_end(ap); } \
    return real(folder, path, how, mode); \
  }
OPENAT(openat)
OPENAT(openat64)
FILE *fopen(const char *path, const char *how) { REAL(fopen); FAIL_PATH("open", path, NULL); return real(path, how); }
FILE *fopen64(const char *path, const char *how)
{
  REAL(fopen64);
  FAIL_PATH("open", path, NULL);
  return real(path, how);
}
DIR *opendir(const char *path) { REAL(opendir); FAIL_PATH("open", path, NULL); return real(path); }

ssize_t read(int f, void *to, size_t n) { REAL(read); MOVE("read", f, n, -1); return real(f, to, n); }
ssize_t pread(int f, void *to, size_t n, off_t at) { REAL(pread); MOVE("read", f, n, -1); return real(f, to, n, at); }
ssize_t pread64(int f, void *to, size_t n, off64_t at)
{
  REAL(pread64);
  MOVE("read", f, n, -1);
  return real(f, to, n, at);
}
ssize_t readv(int f, const struct iovec *to, int n) { REAL(readv); FAIL_FILE("read", f, -1); return real(f, to, n); }
ssize_t preadv(int f, const struct iovec *to, int n, off_t at)
{
  REAL(preadv);
  FAIL_FILE("read", f, -1);
  return real(f, to, n, at);
}
ssize_t write(int f, const void *from, size_t n) { REAL(write); MOVE("write", f, n, -1); return real(f, from, n); }
ssize_t pwrite(int f, const void *from, size_t n, off_t at)
{
  REAL(pwrite);
  MOVE("write", f, n, -1);
  return real(f, from, n, at);
}
ssize_t pwrite64(int f, const void *from, size_t n, off64_t at)
{
  REAL(pwrite64);
  MOVE("write", f, n, -1);
  return real(f, from, n, at);
}
ssize_t writev(int f, const struct iovec *from, int n)
{
  REAL(writev);
  FAIL_FILE("write", f, -1);
  return real(f, from, n);
}
ssize_t pwritev(int f, const struct iovec *from, int n, off_t at)
{
  REAL(pwritev);
  FAIL_FILE("write", f, -1);
  return real(f, from, n, at);
}

/* A stream remembers an error: one that only reads, where something is written to it. */
size_t fread(void *to, size_t size, size_t n, FILE *in)
{
  REAL(fread);
  int e = of_file("read", fileno(in));
  if (e <= 0) return real(to, size, n, in);
  fputc(0, in);
  errno = e;
  return 0;
}

size_t fwrite(const void *from, size_t size, size_t n, FILE *out)
{
  REAL(fwrite);
  FAIL_FILE("write", fileno(out), 0);
  return real(from, size, n, out);
}

int fflush(FILE *out) { REAL(fflush); if (out) FAIL_FILE("write", fileno(out), EOF); return real(out); }

int close(int f)
{
  REAL(close);
  int e = of_file("close", f), done = real(f);
  if (e <= 0) return done;
  errno = e;
  return -1;
}

int fclose(FILE *f)
{
  REAL(fclose);
  int e = of_file("close", fileno(f)), done = real(f);
  if (e <= 0) return done;
  errno = e;
  return EOF;
}

int fsync(int f) { REAL(fsync); FAIL_FILE("sync", f, -1); return real(f); }
int fdatasync(int f) { REAL(fdatasync); FAIL_FILE("sync", f, -1); return real(f); }
int ftruncate(int f, off_t n) { REAL(ftruncate); FAIL_FILE("truncate", f, -1); return real(f, n); }
int ftruncate64(int f, off64_t n) { REAL(ftruncate64); FAIL_FILE("truncate", f, -1); return real(f, n); }
int posix_fallocate(int f, off_t at, off_t n)
{
  REAL(posix_fallocate);
  int e = of_file("truncate", f);
  return e > 0 ? e : real(f, at, n);
}
int rename(const char *from, const char *to) { REAL(rename); FAIL_PATH("rename", to, -1); return real(from, to); }
int renameat(int a, const char *from, int b, const char *to)
{
  REAL(renameat);
  FAIL_AT("rename", b, to, -1);
  return real(a, from, b, to);
}
int link(const char *from, const char *to) { REAL(link); FAIL_PATH("link", to, -1); return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int how)
{
  REAL(linkat);
  FAIL_AT("link", b, to, -1);
  return real(a, from, b, to, how);
}
int unlinkat(int a, const char *path, int how)
{
  REAL(unlinkat);
  FAIL_AT("unlink", a, path, -1);
  return real(a, path, how);
}
int fstatat(int a, const char *path, struct stat *s, int how)
{
  REAL(fstatat);
  FAIL_AT("stat", a, path, -1);
  return real(a, path, s, how);
}
int unlink(const char *path) { REAL(unlink); FAIL_PATH("unlink", path, -1); return real(path); }
int stat(const char *path, struct stat *s) { REAL(stat); FAIL_PATH("stat", path, -1); return real(path, s); }
int lstat(const char *path, struct stat *s) { REAL(lstat); FAIL_PATH("stat", path, -1); return real(path, s); }
int fstat(int f, struct stat *s) { REAL(fstat); FAIL_FILE("stat", f, -1); return real(f, s); }
int stat64(const char *path, struct stat64 *s) { REAL(stat64); FAIL_PATH("stat", path, -1); return real(path, s); }
int fstat64(int f, struct stat64 *s) { REAL(fstat64); FAIL_FILE("stat", f, -1); return real(f, s); }
int access(const char *path, int how) { REAL(access); FAIL_PATH("stat", path, -1); return real(path, how); }
int statvfs(const char *path, struct statvfs *s) { REAL(statvfs); FAIL_PATH("room", path, -1); return real(path, s); }
int fstatvfs(int f, struct statvfs *s) { REAL(fstatvfs); FAIL_FILE("room", f, -1); return real(f, s); }
void *mmap(void *at, size_t n, int may, int how, int f, off_t from)
{
  REAL(mmap);
  if (f >= 0) FAIL_FILE("map", f, MAP_FAILED);
  return real(at, n, may, how, f, from);
}
void *mmap64(void *at, size_t n, int may, int how, int f, off64_t from)
{
  REAL(mmap64);
  if (f >= 0) FAIL_FILE("map", f, MAP_FAILED);
  return real(at, n, may, how, f, from);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* dlsym may ask for memory before it has found who gives it: a few bytes, never given back. */
static char early[65536];
static size_t n_early;

static void *early_take(size_t n)
{
  size_t at = __atomic_fetch_add(&n_early, (n + 15) / 16 * 16, __ATOMIC_SEQ_CST);
  return at + n <= sizeof early ? early + at : NULL;
}

static int is_early(const void *p) { return (const char *)p >= early && (const char *)p < early + sizeof early; }

static int no_memory(size_t n, const void *caller)
{
  Dl_info info;
  const char *slash;
  if (!mpi_runs || !fault.armed || strcmp(fault.call, "alloc") || n < fault.least || !dladdr(caller, &info) ||
      !info.dli_fname)
    return 0;
  slash = strrchr(info.dli_fname, '/');
  if (!strstr(slash ? slash + 1 : info.dli_fname, fault.from) ||
      !is_due(info.dli_sname ? info.dli_sname : info.dli_fname))
    return 0;
  errno = ENOMEM;
  return 1;
}

int MPI_Init_thread(int *argc, char ***argv, int wanted, int *have);
int MPI_Init_thread(int *argc, char ***argv, int wanted, int *have)
{
  REAL(MPI_Init_thread);
  int code = real(argc, argv, wanted, have);
  if (!fault.ready) prepare();
  mpi_runs = 1;
  return code;
}

#define CALLER __builtin_return_address(0)
#define FIND(name, instead) \
  static __typeof__(name) *real; \
  static volatile int finding; \
  if (!real) { \
    if (finding) return instead; \
    finding = 1; \
    *(void **)&real = dlsym(RTLD_NEXT, #name); \
    finding = 0; \
  }

void *malloc(size_t n) { FIND(malloc, early_take(n)) return no_memory(n, CALLER) ? NULL : real(n); }
void *calloc(size_t a, size_t b)
{
  FIND(calloc, early_take(a * b))
      return no_memory(b && a > (size_t)-1 / b ? (size_t)-1 : a * b, CALLER) ? NULL : real(a, b);
}
void *realloc(void *p, size_t n)
{
  FIND(realloc, NULL)
  if (no_memory(n, CALLER)) return NULL;
  if (!is_early(p)) return real(p, n);
  void *to = malloc(n);
  size_t there = (size_t)(early + sizeof early - (char *)p);
  return to ? memcpy(to, p, n < there ? n : there) : NULL;
}
void *aligned_alloc(size_t a, size_t n) { FIND(aligned_alloc, NULL) return no_memory(n, CALLER) ? NULL : real(a, n); }
void *memalign(size_t a, size_t n);
void *memalign(size_t a, size_t n) { FIND(memalign, NULL) return no_memory(n, CALLER) ? NULL : real(a, n); }
int posix_memalign(void **p, size_t a, size_t n)
{
  FIND(posix_memalign, ENOMEM) return no_memory(n, CALLER) ? ENOMEM : real(p, a, n);
}
void free(void *p)
{
  FIND(free, )                    /* what dlsym gives back meanwhile is lost */
  if (!is_early(p)) real(p);
}
