/* atomic_file.c -- files that are whole or not there at all.
 *
 * A file grows under a temporary name beside the place where it will be, is brought to the disk
 * with fsync, and renamed.  So a file under its own name is always whole, and an older one is kept
 * until its successor is.  Whatever goes wrong, the temporary file is removed: by the caller, or by
 * cubix_atomic_file_abandon, which a signal handler may call; what is left by a process that was
 * killed outright, the next run of the same output removes.
 *
 * The temporary name is .BASE.part-HOST-PID-RANDOM.  HOST tells the machine and its numbering of
 * processes (containers have their own), so that a left file can be told from one that still grows:
 * on the same host by its process, elsewhere by an age of a week.  RANDOM are 64 bits that nobody
 * can foresee; the file is created exclusively and without following links, and a name that is
 * taken means another try.  From then on all is written through the descriptor, and before it is
 * closed the name is looked at again: it must still be that of the open file.
 *
 * An output that is a symbolic link stays one: its target is written, which need not be there yet.
 * As the kernel does for links in sticky folders that all may write to (/tmp), links of strangers
 * are not followed there.  What is there and is no plain file (a FIFO, a device, a folder) is never
 * replaced, nor is a file that nobody may write to: root could, but the owner has said that it be
 * kept.  A file that replaces another takes over its permissions, and its owner where the system
 * allows; others get what umask leaves of 0666. */
#define _GNU_SOURCE               /* sync_file_range */
#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spelling.h"

enum { HOST = 96, LONGEST_BASE = 100, N_TRY = 16, N_LINK = 40, WEEK = 7 * 86400, STICKY = 01000 };
static const char mark[] = ".part-";

/* What grows now.  At every moment whole, so that a signal handler can walk along it; changed by
 * one thread at a time. */
static struct cubix_atomic_file *volatile growing;

/* ---- the list -------------------------------------------------------------------------------- */
static void list_add(struct cubix_atomic_file *f)
{
#pragma omp critical(cubix_atomic_file)
  {
    f->next = growing;
    atomic_signal_fence(memory_order_seq_cst);
    growing = f;
  }
}

static void list_remove(const struct cubix_atomic_file *f)
{
#pragma omp critical(cubix_atomic_file)
  {
    if (growing == f) growing = f->next;
    else
      for (struct cubix_atomic_file *other = growing; other; other = other->next)
        if (other->next == f) other->next = f->next;
    atomic_signal_fence(memory_order_seq_cst);
  }
}

void cubix_atomic_file_abandon(void)
{
  for (struct cubix_atomic_file *f = growing; f; f = f->next) unlink(f->temporary);
  growing = NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */
/* @return NULL without memory */
static char *format(const char *fmt, ...) CUBIX_PRINTF(1, 2);
static char *format(const char *fmt, ...)
{
  va_list ap;
  char *text = NULL;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0 || !(text = malloc((size_t)n + 1))) return NULL;
  va_start(ap, fmt);
  vsnprintf(text, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return text;
}

static char *folder_of(const char *path)
{
  int n = cubix_name_folder(path);
  return n ? format("%.*s", n, path) : format(".");
}

/* How much of a base stands in the temporary name: names have 255 bytes, and no letter is cut in two. */
static int base_length(const char *base)
{
  size_t n = strlen(base);
  if (n <= LONGEST_BASE) return (int)n;
  for (n = LONGEST_BASE; n > 0 && (base[n] & 0xC0) == 0x80; n--) {}
  return (int)n;
}

/* This machine, and its numbering of processes where the system tells. */
static void host_name(char host[HOST])
{
  char space[64];
  size_t n;
  memset(host, 0, HOST);
  if (gethostname(host, 48)) strcpy(host, "unknown");
  host[48] = '\0';
  for (char *c = host; *c; c++)
    if (*c == '/') *c = '_';
  n = strlen(host);
  ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);    /* pid:[4026531836] */
  if (length < 0) return;
  space[length] = '\0';
  snprintf(host + n, HOST - n, ".%.*s", (int)strspn(space + strcspn(space, "0123456789"), "0123456789"),
           space + strcspn(space, "0123456789"));
}

static uint64_t random_bits(void)
{
  uint64_t bits = 0;
  int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  ssize_t n = source >= 0 ? read(source, &bits, sizeof bits) : -1;
  if (source >= 0) close(source);
  if (n == (ssize_t)sizeof bits) return bits;
  /* a name that is taken is never used: it need not be more than unlikely */
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&now) * 0x9e3779b97f4a7c15ull;
}

int cubix_atomic_file_same(const char *a, const char *b)
{
  struct stat info_a, info_b;
  return a && b && *a && *b && !stat(a, &info_a) && !stat(b, &info_b) && info_a.st_dev == info_b.st_dev &&
         info_a.st_ino == info_b.st_ino;
}

/* Whether a link may be followed: in a sticky folder that others may write to, only our own and
 * those of the folder's owner. */
static int link_is_trusted(const char *folder, const struct stat *link)
{
  struct stat info;
  if (stat(folder, &info)) return 0;
  return !((info.st_mode & STICKY) && (info.st_mode & S_IWOTH)) || link->st_uid == geteuid() ||
         link->st_uid == info.st_uid;
}

int cubix_atomic_file_resolve(char **target, const char *path, const char *what)
{
  int status = CUBIX_OK;
  struct stat info;
  char *at = format("%s", path), *folder = NULL, *next = NULL;
  CUBIX_CHECK(at, CUBIX_ENOMEM, "cannot allocate a file's name");
  for (int hop = 0; !lstat(at, &info) && S_ISLNK(info.st_mode); hop++) {
    char leads[4096];
    ssize_t n = readlink(at, leads, sizeof leads - 1);
    CUBIX_CHECK((folder = folder_of(at)), CUBIX_ENOMEM, "cannot allocate a file's name");
    CUBIX_CHECK(hop < N_LINK && n > 0, CUBIX_EOUTPUT, "%s is a symbolic link that leads nowhere; choose another name",
                what);
    CUBIX_CHECK(strncmp(at, "/proc/", 6), CUBIX_EOUTPUT,
                "%s is a stream of this process and not a file; choose another name", what);
    CUBIX_CHECK(link_is_trusted(folder, &info), CUBIX_EOUTPUT,
                "%s is a symbolic link of another user in a folder that all may write to; choose another name", what);
    leads[n] = '\0';
    next = leads[0] == '/' ? format("%s", leads) : format("%s/%s", folder, leads);
    CUBIX_CHECK(next, CUBIX_ENOMEM, "cannot allocate a file's name");
    free(at);
    free(folder);
    at = next;
    folder = NULL;
  }
  *target = at;
  at = NULL;
done:
  free(at);
  free(folder);
  return status;
}

/* ---- what is there --------------------------------------------------------------------------- */
/* That what is there may be replaced.  @param[out] exists, info  of the target */
static int inspect(const char *target, const char *what, int *exists, struct stat *info)
{
  int status = CUBIX_OK;
  struct stat folder_info;
  char *folder = folder_of(target);
  CUBIX_CHECK(folder, CUBIX_ENOMEM, "cannot allocate a file's name");
  CUBIX_CHECK(!stat(folder, &folder_info) && S_ISDIR(folder_info.st_mode), CUBIX_EOUTPUT,
              "%s: there is no folder %s; make it first", what, folder);
  *exists = !lstat(target, info);
  CUBIX_CHECK(!*exists || S_ISREG(info->st_mode), CUBIX_EOUTPUT, "%s exists and is not a file; choose another name",
              what);
  CUBIX_CHECK(
      !*exists || (info->st_mode & 0222), CUBIX_EOUTPUT,
      "%s exists and is write-protected (mode %03o); make it writable (chmod u+w), remove it, or choose another name",
      what, (unsigned)info->st_mode & 0777);
  CUBIX_CHECK(!*exists || !access(target, W_OK), CUBIX_EOUTPUT,
              "%s exists and may not be replaced: %s; choose another name", what, strerror(errno));
done:
  free(folder);
  return status;
}

/* Permissions, and owner where that is allowed, of the file that will be replaced.  A group that
 * cannot be kept gets no more than all others. */
static void permit(int file, const struct stat *old)
{
  struct stat info;
  mode_t mode = old->st_mode & 0777;
  if (fstat(file, &info)) return;
  if (info.st_uid != old->st_uid && fchown(file, old->st_uid, (gid_t)-1)) {}
  if (info.st_gid != old->st_gid && fchown(file, (uid_t)-1, old->st_gid)) mode = (mode & 0707) | (mode & 07) << 3;
  if (fchmod(file, mode)) {}                       /* some file systems have no permissions */
}

/* An empty file under a name that nobody else has. */
static int create(struct cubix_atomic_file *f, const char *what)
{
  int status = CUBIX_OK, exists = 0, n = cubix_name_folder(f->target), reason = ENAMETOOLONG;
  struct stat old, info;
  char host[HOST];
  f->file = -1;
  CUBIX_TRY(inspect(f->target, what, &exists, &old));
  host_name(host);
  for (int i = 0; i < N_TRY; i++) {
    free(f->temporary);
    f->temporary = format("%.*s.%.*s%s%s-%ld-%016" PRIx64, n, f->target, base_length(f->target + n), f->target + n,
                          mark, host, (long)getpid(), random_bits());
    CUBIX_CHECK(f->temporary, CUBIX_ENOMEM, "cannot allocate a file's name");
    list_add(f);                                   /* before the file is there, so that no signal misses it */
    f->file = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, exists ? 0600 : 0666);
    if (f->file >= 0) break;
    reason = errno;
    list_remove(f);
    if (reason != EEXIST) break;
  }
  CUBIX_CHECK(f->file >= 0 && strlen(f->target + n) < 256, CUBIX_EOUTPUT, "%s: cannot create a file in %.*s: %s", what,
              n ? n : 1, n ? f->target : ".", strerror(reason));
  CUBIX_CHECK(!fstat(f->file, &info), CUBIX_EOUTPUT, "%s: cannot create a file: %s", what, strerror(errno));
  f->inode = (uint64_t)info.st_ino;
  if (exists) permit(f->file, &old);
done:
  if (f->file < 0) {                               /* the name is somebody else's */
    free(f->temporary);
    f->temporary = NULL;
  }
  if (status) cubix_atomic_file_discard(f);
  return status;
}

int cubix_atomic_file_check(const char *path, const char *what)
{
  int status = CUBIX_OK;
  struct cubix_atomic_file probe = { 0 };
  char *folder = NULL;
  probe.file = -1;
  CUBIX_CHECK((probe.path = format("%s", path)), CUBIX_ENOMEM, "cannot allocate a file's name");
  CUBIX_TRY(cubix_atomic_file_resolve(&probe.target, path, what));
  CUBIX_TRY(create(&probe, what));
  CUBIX_CHECK((folder = folder_of(probe.target)), CUBIX_ENOMEM, "cannot allocate a file's name");
  cubix_atomic_file_sweep(folder, probe.target + cubix_name_folder(probe.target));
done:
  free(folder);
  cubix_atomic_file_discard(&probe);
  return status;
}

/* ---- growing --------------------------------------------------------------------------------- */
int cubix_atomic_file_begin(struct cubix_atomic_file *f, const char *path)
{
  int status = CUBIX_OK;
  *f = (struct cubix_atomic_file) { .file = -1 };
  CUBIX_CHECK((f->path = format("%s", path)), CUBIX_ENOMEM, "cannot allocate a file's name");
  CUBIX_TRY(cubix_atomic_file_resolve(&f->target, path, path));
  CUBIX_TRY(create(f, path));
done:
  if (status) cubix_atomic_file_discard(f);
  return status;
}

int cubix_atomic_file_join(struct cubix_atomic_file *f, const char *path, const char *temporary, uint64_t inode)
{
  int status = CUBIX_OK;
  struct stat info;
  *f = (struct cubix_atomic_file) { .file = -1 };
  f->path = format("%s", path);
  f->temporary = format("%s", temporary);
  CUBIX_CHECK(f->path && f->temporary, CUBIX_ENOMEM, "cannot allocate a file's name");
  list_add(f);
  f->file = open(f->temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  CUBIX_CHECK(f->file >= 0, CUBIX_EOUTPUT, "cannot write %s: %s: %s; does every node see this folder?", path, temporary,
              strerror(errno));
  /* the number of the file is the same on all nodes, that of the device is not */
  CUBIX_CHECK(!fstat(f->file, &info) && S_ISREG(info.st_mode) && (uint64_t)info.st_ino == inode, CUBIX_EOUTPUT,
              "cannot write %s: %s is not the file that the first rank has made; does every node see this folder?",
              path, temporary);
  f->inode = inode;
done:
  if (status) cubix_atomic_file_leave(f);
  return status;
}

int cubix_atomic_file_write(const struct cubix_atomic_file *f, const void *from, size_t n_byte, int64_t offset)
{
  int status = CUBIX_OK, reason = 0;
  const char *at = from;
  while (n_byte > 0) {
    ssize_t n = pwrite(f->file, at, n_byte < (size_t)1 << 30 ? n_byte : (size_t)1 << 30, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    reason = n < 0 ? errno : ENOSPC;
    CUBIX_CHECK(n > 0, CUBIX_EOUTPUT, "cannot write %s: %s; is there room on the disk?", f->path, strerror(reason));
    at += n;
    offset += n;
    n_byte -= (size_t)n;
  }
done:
  if (status) errno = reason;
  return status;
}

void cubix_atomic_file_soon(const struct cubix_atomic_file *f, size_t n_byte, int64_t offset)
{
#ifdef SYNC_FILE_RANGE_WRITE
  sync_file_range(f->file, (off_t)offset, (off_t)n_byte, SYNC_FILE_RANGE_WRITE);
#else
  (void)f;
  (void)n_byte;
  (void)offset;
#endif
}

int cubix_atomic_file_print(const struct cubix_atomic_file *f, int (*print)(FILE *out, const void *host),
                            const void *host)
{
  int status = CUBIX_OK, copy = dup(f->file);
  FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL, *closing;
  CUBIX_CHECK(out, CUBIX_EOUTPUT, "cannot write %s: %s", f->path, strerror(errno));
  copy = -1;
  CUBIX_TRY(print(out, host));
  CUBIX_CHECK(!fflush(out) && !ferror(out), CUBIX_EOUTPUT, "cannot write %s: %s", f->path, strerror(errno));
  closing = out;
  out = NULL;
  CUBIX_CHECK(!fclose(closing), CUBIX_EOUTPUT, "cannot write %s: %s", f->path, strerror(errno));
done:
  if (out) fclose(out);
  if (copy >= 0) close(copy);
  return status;
}

/* ---- the end --------------------------------------------------------------------------------- */
static void forget(struct cubix_atomic_file *f)
{
  list_remove(f);
  if (f->temporary && f->file >= 0) close(f->file);
  free(f->path);
  free(f->target);
  free(f->temporary);
  *f = (struct cubix_atomic_file) { .file = -1 };
}

/* Whether the name is still that of the open file.  Numbers of files are compared while it is open:
 * then the system keeps them as they are, and gives them to no other file. */
static int keeps_name(const struct cubix_atomic_file *f)
{
  struct stat open_one, named;
  return !fstat(f->file, &open_one) && !lstat(f->temporary, &named) && S_ISREG(named.st_mode) &&
         named.st_ino == open_one.st_ino && named.st_dev == open_one.st_dev;
}

static int say_replaced(const struct cubix_atomic_file *f)
{
  return cubix_error_set(CUBIX_EOUTPUT, __func__, __FILE__, __LINE__,
                         "cannot write %s: its temporary file %s was removed or replaced while it grew", f->path,
                         f->temporary);
}

int cubix_atomic_file_seal(struct cubix_atomic_file *f)
{
  int status = CUBIX_OK, failed = fsync(f->file), reason = errno, kept = keeps_name(f);
  if (close(f->file) && !failed) {
    failed = 1;
    reason = errno;
  }
  f->file = -1;
  CUBIX_CHECK(!failed, CUBIX_EOUTPUT, "cannot write %s: %s; is there room on the disk?", f->path, strerror(reason));
  if (!kept) CUBIX_TRY(say_replaced(f));
done:
  if (status) errno = reason;
  return status;
}

int cubix_atomic_file_publish(struct cubix_atomic_file *f)
{
  int status = CUBIX_OK, folder;
  struct stat info;
  char *name = NULL;
  if (lstat(f->temporary, &info) || !S_ISREG(info.st_mode)) CUBIX_TRY(say_replaced(f));
  CUBIX_CHECK(!rename(f->temporary, f->target), CUBIX_EOUTPUT, "cannot rename %s to %s: %s", f->temporary, f->target,
              strerror(errno));
  name = folder_of(f->target);
  folder = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  /* some file systems refuse it for folders; the file is safe anyway */
  if (folder >= 0) fsync(folder), close(folder);
  forget(f);
done:
  free(name);
  return status;
}

void cubix_atomic_file_leave(struct cubix_atomic_file *f) { forget(f); }

void cubix_atomic_file_discard(struct cubix_atomic_file *f)
{
  if (f->temporary) unlink(f->temporary);
  forget(f);
}

int cubix_atomic_file_end(struct cubix_atomic_file *f, int status)
{
  CUBIX_TRY(status);
  CUBIX_TRY(cubix_atomic_file_seal(f));
  CUBIX_TRY(cubix_atomic_file_publish(f));
done:
  if (status) cubix_atomic_file_discard(f);
  return status;
}

int cubix_atomic_file_text(const char *path, int (*print)(FILE *out, const void *host), const void *host)
{
  int status = CUBIX_OK;
  struct cubix_atomic_file f;
  CUBIX_TRY(cubix_atomic_file_begin(&f, path));
  CUBIX_TRY(cubix_atomic_file_end(&f, cubix_atomic_file_print(&f, print, host)));
done:
  return status;
}

/* ---- leftovers ------------------------------------------------------------------------------- */
/* Whether a process of this host is no more.  One that was killed, but whose parent has not yet
 * asked how it ended, still answers to its number: Linux tells its state. */
static int has_ended(long process)
{
  char path[64], line[512] = "";
  if (kill((pid_t)process, 0)) return errno == ESRCH;
  snprintf(path, sizeof path, "/proc/%ld/stat", process);
  FILE *file = fopen(path, "r");
  const char *state = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;    /* PID (NAME) STATE */
  if (file) fclose(file);
  return state && state[1] == ' ' && strchr("ZX", state[2]);
}

/* Whether a temporary file belongs to nobody any more.  @param name  what follows the mark: HOST-PID-RANDOM */
static int is_left(const char *name, const char *host, const struct stat *info)
{
  const char *random = strrchr(name, '-'), *pid = random;
  char *end;
  if (!random || random == name || strlen(random) != 17 || strspn(random + 1, "0123456789abcdef") != 16) return 0;
  while (pid > name && *--pid != '-') {}
  if (*pid != '-') return 0;
  long process = strtol(pid + 1, &end, 10);
  if (end != random || process <= 0) return 0;
  if ((size_t)(pid - name) == strlen(host) && !strncmp(name, host, strlen(host))) return has_ended(process);
  return difftime(time(NULL), info->st_mtime) > WEEK;
}

void cubix_atomic_file_sweep(const char *folder, const char *base)
{
  char host[HOST];
  struct stat info;
  size_t n = base ? (size_t)base_length(base) : 0;
  DIR *dir = opendir(folder);
  host_name(host);
  for (struct dirent *entry; dir && (entry = readdir(dir)); ) {
    const char *name = entry->d_name, *at = NULL;
    if (name[0] != '.' || (base && strncmp(name + 1, base, n))) continue;
    if (base) at = strncmp(name + 1 + n, mark, strlen(mark)) ? NULL : name + 1 + n;
    else at = strstr(name + 1, mark);
    if (!at || fstatat(dirfd(dir), name, &info, AT_SYMLINK_NOFOLLOW) || !S_ISREG(info.st_mode) ||
        info.st_uid != geteuid())
      continue;
    if (is_left(at + strlen(mark), host, &info)) unlinkat(dirfd(dir), name, 0);
  }
  if (dir) closedir(dir);
}
