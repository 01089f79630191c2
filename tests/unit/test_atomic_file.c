/* test_atomic_file.c -- files that are whole or not there at all: what is planted under a temporary
 * name, what dead processes leave, what may be replaced. */
#define _XOPEN_SOURCE 700
#include "base/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/check.h"
#include "tests/files_lab.h"

static int holds(const char *path, const char *text)
{
  char found[64] = "";
  FILE *file = fopen(path, "r");
  int same = file && fgets(found, sizeof found, file) && !strcmp(found, text);
  if (file) fclose(file);
  return same;
}

static mode_t mode_of(const char *path)
{
  struct stat info;
  return stat(path, &info) ? 0 : info.st_mode & 0777;
}

/* Names in this folder that hold a word; the last of them. */
static int names_with(const char *word, char last[300])
{
  int n = 0;
  DIR *dir = opendir(".");
  for (struct dirent *entry; dir && (entry = readdir(dir)); ) {
    if (!strstr(entry->d_name, word)) continue;
    n++;
    if (last) snprintf(last, 300, "%s", entry->d_name);
  }
  if (dir) closedir(dir);
  return n;
}

static int print(FILE *out, const void *host) { return fputs(host, out) < 0; }
static int refuse(FILE *out, const void *host)
{
  (void)out;
  (void)host;
  return cubix_error_set(CUBIX_EFAIL, __func__, __FILE__, __LINE__, "no text");
}

static int message_has(const char *word)
{
  if (strstr(cubix_error_message(), word)) return 1;
  printf("the message lacks '%s': %s\n", word, cubix_error_message());
  return 0;
}

/* ---- one file -------------------------------------------------------------------------------- */
static void test_growth(void)
{
  struct cubix_atomic_file f = { 0 }, g = { 0 };
  cubix_atomic_file_discard(&f);
  touch("a", "old");
  REQUIRE(!cubix_atomic_file_begin(&f, "a"));
  CHECK(!cubix_atomic_file_begin(&g, "a"));
  CHECK(strcmp(f.temporary, g.temporary));
  CHECK_IS(names_with(".part-", NULL), ==, 2);
  CHECK(holds("a", "old"));
  CHECK(!cubix_atomic_file_write(&f, "new!", 4, 0));
  CHECK(!cubix_atomic_file_write(&f, "\n", 1, 3));
  CHECK(holds("a", "old"));
  CHECK(!cubix_atomic_file_seal(&f));
  CHECK(holds("a", "old"));
  CHECK(!cubix_atomic_file_publish(&f));
  CHECK(holds("a", "new\n"));
  CHECK(!f.temporary);
  CHECK_IS(names_with(".part-", NULL), ==, 1);
  cubix_atomic_file_discard(&g);
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  CHECK(holds("a", "new\n"));
  CHECK(!cubix_atomic_file_text("a", print, "text"));
  CHECK(holds("a", "text"));
  CHECK_IS(cubix_atomic_file_text("a", refuse, NULL), ==, CUBIX_EFAIL);
  CHECK(holds("a", "text"));
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  /* all that grows, for a signal handler */
  REQUIRE(!cubix_atomic_file_begin(&f, "a"));
  REQUIRE(!cubix_atomic_file_begin(&g, "b"));
  CHECK_IS(names_with(".part-", NULL), ==, 2);
  cubix_atomic_file_abandon();
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  cubix_atomic_file_discard(&f);
  cubix_atomic_file_discard(&g);
}

static void test_names(void)
{
  char name[300];
  const int length[] = { 99, 100, 101, 102, 200, 254, 255 };
  for (size_t i = 0; i < sizeof length / sizeof length[0]; i++) {
    memset(name, 'n', sizeof name);
    for (int k = length[i] - 4; k > 2; k -= 2) memcpy(name + k, "\xc3\xa9", 2);       /* letters of two bytes */
    strcpy(name + length[i], "");
    CHECK(!cubix_atomic_file_check(name, name));
    CHECK(!cubix_atomic_file_text(name, print, "x"));
    CHECK(holds(name, "x"));
    CHECK(!remove(name));
  }
  memset(name, 'n', sizeof name);
  name[256] = '\0';
  CHECK_IS(cubix_atomic_file_check(name, "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("cannot create"));
  CHECK_IS(cubix_atomic_file_check("no/where", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("no folder no/"));
  CHECK_IS(cubix_atomic_file_check("a/where", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("no folder a/"));
  CHECK_IS(names_with(".part-", NULL), ==, 0);
}

/* Somebody puts a link, or another file, in the place of the temporary one. */
static void test_planted(void)
{
  struct cubix_atomic_file f = { 0 }, g = { 0 };
  char temporary[300];
  CHECK(!cubix_atomic_file_begin(&f, "planted"));
  CHECK_IS(names_with("planted.part-", temporary), ==, 1);
  CHECK(!rename(f.temporary, "moved"));
  CHECK(!symlink("victim", f.temporary));
  CHECK_IS(cubix_atomic_file_join(&g, "planted", temporary, f.inode), ==, CUBIX_EOUTPUT);
  CHECK(exists(temporary));
  CHECK(!cubix_atomic_file_write(&f, "data", 4, 0));
  CHECK(holds("victim", "precious"));
  CHECK(holds("moved", "data"));
  CHECK_IS(cubix_atomic_file_seal(&f), ==, CUBIX_EOUTPUT);
  CHECK(message_has("replaced"));
  CHECK(!exists("planted"));
  CHECK(holds("victim", "precious"));
  cubix_atomic_file_discard(&f);
  CHECK(holds("victim", "precious"));
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  /* another file is not the one either; the true one can be joined */
  CHECK(!cubix_atomic_file_begin(&f, "planted"));
  CHECK(!cubix_atomic_file_join(&g, "planted", f.temporary, f.inode));
  CHECK(!cubix_atomic_file_write(&g, "two", 3, 0));
  CHECK(!cubix_atomic_file_seal(&g));
  cubix_atomic_file_leave(&g);
  CHECK(holds(f.temporary, "two"));
  CHECK_IS(cubix_atomic_file_join(&g, "planted", "victim", f.inode), ==, CUBIX_EOUTPUT);
  CHECK(message_has("not the file"));
  CHECK(!cubix_atomic_file_end(&f, CUBIX_OK));
  CHECK(holds("planted", "two"));
  CHECK(holds("victim", "precious"));
  CHECK(!remove("moved"));
  CHECK(!remove("planted"));
}

/* A file system that forgets a file's number when the last descriptor is closed, as FUSE may, and
 * gives it another when it is asked again. */
static int forgetful;

static int is_open(const struct stat *file)
{
  struct stat info;
  for (int f = 0; f < 256; f++)
    if (!fstat(f, &info) && info.st_dev == file->st_dev && info.st_ino == file->st_ino) return 1;
  return 0;
}

int lstat(const char *restrict path, struct stat *restrict info)
{
  static ino_t other = 1000000007;
  int failed = fstatat(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
  if (!failed && forgetful && !is_open(info)) info->st_ino = other++;
  return failed;
}

static void test_numbers_that_change(void)
{
  struct cubix_atomic_file f = { 0 };
  forgetful = 1;
  CHECK(!cubix_atomic_file_text("forgotten", print, "text"));
  CHECK(holds("forgotten", "text"));
  REQUIRE(!cubix_atomic_file_begin(&f, "forgotten"));
  CHECK(!cubix_atomic_file_write(&f, "new", 3, 0));
  CHECK(!cubix_atomic_file_seal(&f));
  CHECK(!cubix_atomic_file_publish(&f));
  CHECK(holds("forgotten", "new"));
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  /* another file under the temporary name is seen all the same */
  REQUIRE(!cubix_atomic_file_begin(&f, "forgotten"));
  CHECK(!remove(f.temporary));
  touch(f.temporary, "else");
  CHECK_IS(cubix_atomic_file_end(&f, CUBIX_OK), ==, CUBIX_EOUTPUT);
  CHECK(message_has("replaced"));
  CHECK(holds("forgotten", "new"));
  forgetful = 0;
  CHECK(!remove("forgotten"));
  CHECK_IS(names_with(".part-", NULL), ==, 0);
}

/* ---- what may be replaced -------------------------------------------------------------------- */
static void test_links(void)
{
  char here[1024], there[1100];
  REQUIRE(getcwd(here, sizeof here));
  CHECK(!mkdir("links", 0777));
  snprintf(there, sizeof there, "%s/disk/whole", here);
  touch("disk/real", "old");
  CHECK(!symlink("../disk/real", "links/one"));
  CHECK(!symlink("one", "links/two"));
  CHECK(!symlink(there, "links/new"));
  CHECK(!symlink("round", "links/round"));
  CHECK(!cubix_atomic_file_check("links/two", "it"));
  CHECK(!cubix_atomic_file_text("links/two", print, "new"));
  CHECK(holds("disk/real", "new"));
  CHECK(!exists("links/real"));
  struct stat info;
  CHECK(!lstat("links/two", &info));
  CHECK(S_ISLNK(info.st_mode));
  CHECK(!lstat("links/one", &info));
  CHECK(S_ISLNK(info.st_mode));
  CHECK(!cubix_atomic_file_text("links/new", print, "first"));
  CHECK(holds(there, "first"));
  CHECK(!lstat("links/new", &info));
  CHECK(S_ISLNK(info.st_mode));
  CHECK_IS(cubix_atomic_file_check("links/round", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("leads nowhere"));
  CHECK(!symlink("../gone/x", "links/gone"));
  CHECK_IS(cubix_atomic_file_check("links/gone", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("there is no folder"));
  if (geteuid() == 0) {                            /* a stranger's link where all may write */
    CHECK(!mkdir("all", 0777));
    CHECK(!chmod("all", 01777));
    CHECK(!symlink("../victim", "all/x"));
    CHECK(!lchown("all/x", 65534, 65534));
    CHECK_IS(cubix_atomic_file_check("all/x", "it"), ==, CUBIX_EOUTPUT);
    CHECK(message_has("another user"));
    CHECK(holds("victim", "precious"));
    CHECK(!lchown("all/x", 0, 0));
    CHECK(!cubix_atomic_file_check("all/x", "it"));
  }
}

static void test_other_things(void)
{
  CHECK(!mkfifo("fifo", 0666));
  CHECK_IS(cubix_atomic_file_check("fifo", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("not a file"));
  CHECK(!symlink("fifo", "to-fifo"));
  CHECK_IS(cubix_atomic_file_check("to-fifo", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("not a file"));
  CHECK_IS(cubix_atomic_file_check("disk", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("not a file"));
  CHECK(!symlink("/proc/self/fd/1", "out"));
  CHECK_IS(cubix_atomic_file_check("out", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("stream"));
  struct cubix_atomic_file f = { 0 };
  CHECK_IS(cubix_atomic_file_begin(&f, "fifo"), ==, CUBIX_EOUTPUT);
  CHECK(!f.temporary);
}

static void test_permissions(void)
{
  mode_t mask = umask(027);
  CHECK(!cubix_atomic_file_text("fresh", print, "x"));
  CHECK_IS(mode_of("fresh"), ==, 0640);
  CHECK(!chmod("fresh", 0604));
  CHECK(!cubix_atomic_file_text("fresh", print, "y"));
  CHECK_IS(mode_of("fresh"), ==, 0604);
  CHECK(holds("fresh", "y"));
  CHECK(!chmod("fresh", 0600));
  CHECK(!cubix_atomic_file_text("fresh", print, "y"));
  CHECK_IS(mode_of("fresh"), ==, 0600);
  umask(mask);
  /* what nobody may write to is kept, by root too */
  CHECK(!chmod("fresh", 0444));
  CHECK_IS(cubix_atomic_file_check("fresh", "it"), ==, CUBIX_EOUTPUT);
  CHECK(message_has("chmod u+w"));
  CHECK_IS(cubix_atomic_file_text("fresh", print, "z"), ==, CUBIX_EOUTPUT);
  CHECK(holds("fresh", "y"));
  if (geteuid() == 0) {
    struct stat info;
    CHECK(!chmod("fresh", 0640));
    CHECK(!chown("fresh", 65534, 65534));
    CHECK(!cubix_atomic_file_text("fresh", print, "w"));
    CHECK(!stat("fresh", &info));
    CHECK_IS(info.st_uid, ==, 65534);
    CHECK_IS(info.st_gid, ==, 65534);
    CHECK_IS(info.st_mode & 0777, ==, 0640);
  }
  CHECK_IS(names_with(".part-", NULL), ==, 0);
}

/* ---- leftovers ------------------------------------------------------------------------------- */
/* A process that begins a file and says so; with lives it waits to be killed. */
static pid_t begun_by_another(const char *path, int lives)
{
  int ready[2];
  char byte = 0;
  CHECK(!pipe(ready));
  pid_t child = fork();
  if (child == 0) {
    struct cubix_atomic_file f;
    if (cubix_atomic_file_begin(&f, path) || write(ready[1], "x", 1) != 1) _exit(1);
    for (; lives; ) pause();
    _exit(0);
  }
  CHECK_IS(read(ready[0], &byte, 1), ==, 1);
  close(ready[0]);
  close(ready[1]);
  if (!lives) waitpid(child, NULL, 0);
  return child;
}

static void age(const char *path, long seconds)
{
  struct timespec when[2] = { { .tv_sec = time(NULL) - seconds }, { .tv_sec = time(NULL) - seconds } };
  CHECK(!utimensat(AT_FDCWD, path, when, AT_SYMLINK_NOFOLLOW));
}

static void test_leftovers(void)
{
  static const char *const kept[] = {
    ".left.part-elsewhere-1-0123456789abcdef", ".left.part-elsewhere-1-0123456789abcdeX", ".left.part7", ".left.part-",
    ".left.part-x-y-0123456789abcdef",         ".left2.part-elsewhere-1-0123456789abcdef"
  };
  begun_by_another("left", 0);
  begun_by_another("right", 0);
  pid_t living = begun_by_another("left", 1);
  CHECK_IS(names_with(".left.part-", NULL), ==, 2);
  for (int i = 0; i < 6; i++) touch(kept[i], "x");
  for (int i = 1; i < 6; i++) age(kept[i], 30 * 86400);
  touch(".left.part-elsewhere-99-00000000000000aa", "x");
  age(".left.part-elsewhere-99-00000000000000aa", 8 * 86400);
  CHECK(!symlink("victim", ".left.part-elsewhere-99-00000000000000bb"));
  age(".left.part-elsewhere-99-00000000000000bb", 8 * 86400);
  CHECK(!cubix_atomic_file_check("left", "it"));
  for (int i = 0; i < 6; i++) {
    CHECK(exists(kept[i]));
    CHECK(!remove(kept[i]));
  }
  CHECK(!exists(".left.part-elsewhere-99-00000000000000aa"));
  CHECK(exists(".left.part-elsewhere-99-00000000000000bb"));
  CHECK(holds("victim", "precious"));
  CHECK(!remove(".left.part-elsewhere-99-00000000000000bb"));
  /* one lives; the other is another output's */
  CHECK_IS(names_with(".left.part-", NULL), ==, 1);
  CHECK_IS(names_with(".right.part-", NULL), ==, 1);
  siginfo_t gone;
  /* dead, but nobody asked for it yet */
  CHECK(!kill(living, SIGKILL));
  CHECK(!waitid(P_PID, (id_t)living, &gone, WEXITED | WNOWAIT));
  cubix_atomic_file_sweep(".", NULL);
  CHECK_IS(names_with(".part-", NULL), ==, 0);
  CHECK_IS(waitpid(living, NULL, 0), ==, living);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  char folder[] = "/tmp/cubix_test_atomic_file.XXXXXX", command[64];
  REQUIRE(mkdtemp(folder));
  CHECK(!chdir(folder));
  touch("victim", "precious");                   /* which no case may change */
  CHECK(!mkdir("disk", 0777));
  CASE(test_growth());
  CASE(test_names());
  CASE(test_planted());
  CASE(test_numbers_that_change());
  CASE(test_links());
  CASE(test_other_things());
  CASE(test_permissions());
  CASE(test_leftovers());
  snprintf(command, sizeof command, "rm -rf %s", folder);
  CHECK(!chdir("/"));
  CHECK(!system(command));
  return check_done();
}
