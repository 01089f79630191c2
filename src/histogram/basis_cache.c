/* basis_cache.c -- prepared templates kept for the next run: one file per basis, named by what it
 * depends on.
 *
 * FOLDER/<32 hexadecimal digits>.cubix-basis.  The digits are a hash of the contents of all
 * template rows (which hold library, semantic and line spread function), their knots, the channels,
 * the redshift, the reach, the coverage, the tolerance and the format: the same name means the same
 * numbers (to the last bits, in which instruction sets differ), so a file is never out of date, and
 * serves every galaxy that is seen in the same way.  All rows of the library are in it.
 *
 * A header, a table of the tiles' checksums, then the tiles, each on a page of its own: the file is
 * mapped, and the ranks of a node share it.
 * It grows under a temporary name that no other job has (atomic_file.c), written by all ranks, each
 * its tiles; two jobs that make the same basis replace equal files by equal files.  What killed
 * jobs have left, the next job that writes into the folder removes.
 *
 * When a file is opened its size, its header and the table are compared with their checksums, and
 * then, before anything is made of them, the tiles that a rank will multiply
 * (mpi/engine/basis_build.c), and any other when it is first asked for.  A file that fails is made
 * anew.  The pages of a tile are asked for first (MADV_POPULATE_READ): a file that was cut short,
 * or a disk that fails, is then an error of that call and no signal.  What is cut off while it is
 * in use is a SIGBUS: programs that catch it ask cubix_basis_lost for the file's name.
 * Whatever is wrong with folder or file is a warning: the run goes on without them. */
#define _GNU_SOURCE              /* madvise */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "histogram/basis_parts.h"

enum { FORMAT = 4, PAGE = 4096 };
static const char magic[16] = "CUBIX basis\r\n\x1a\n";
static const char suffix[] = ".cubix-basis";

struct header {
  char magic[16];
  uint32_t version, order_of_bytes;
  uint64_t key[2];
  double reach, step, tolerance, certified;
  int32_t n_node, n_weight, n_row, n_lambda, n_tile, tile_width;
  uint64_t table, first, stride, size;
  uint64_t table_hash[2];
  uint64_t hash[2];               /* of the header with these two words 0 */
};

/* For signal handlers: the file that is mapped. */
static struct { const char *volatile map; volatile size_t size; char path[CUBIX_CACHE_PATH]; } mapped;

const char *cubix_basis_lost(const void *address)
{
  const char *at = address, *map = mapped.map;
  return map && at >= map && at < map + mapped.size ? mapped.path : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */
struct cubix_basis_key cubix_basis_key_of(const struct cubix_templates *templates, double reach, double tolerance)
{
  const struct cubix_tables *v = &templates->tables;
  struct { uint64_t count[8], part[4][2]; double value[3]; } all;
  struct cubix_basis_key key;
  memset(&all, 0, sizeof all);
  const uint64_t count[8] = { FORMAT,
                              CUBIX_N_WEIGHT,
                              CUBIX_TILE,
                              sizeof(cubix_real),
                              (uint64_t)v->n_row,
                              (uint64_t)v->n_knot,
                              (uint64_t)v->n_lambda,
                              (uint64_t)v->row_stride };
  memcpy(all.count, count, sizeof count);
  cubix_hash(v->row, (size_t)v->n_row * (size_t)v->row_stride * sizeof *v->row, all.part[0]);
  cubix_hash(v->knot, (size_t)v->n_knot * sizeof *v->knot, all.part[1]);
  cubix_hash(v->edge, ((size_t)v->n_lambda + 1) * sizeof *v->edge, all.part[2]);
  cubix_hash(templates->covered, (size_t)v->n_lambda, all.part[3]);
  all.value[0] = v->one_plus_z;
  all.value[1] = reach;
  all.value[2] = tolerance;
  cubix_hash(&all, sizeof all, key.word);
  return key;
}

int cubix_basis_file_init(struct cubix_basis_file *file, const char *folder, const struct cubix_basis_key *key)
{
  int status = CUBIX_OK, n;
  memset(file, 0, sizeof *file);
  file->key = *key;
  n = snprintf(file->folder, sizeof file->folder, "%s", folder);
  CUBIX_CHECK(n > 0 && n < CUBIX_CACHE_PATH - 160, CUBIX_EUSAGE,
              "TemplateCache: a folder's name of %d characters, 1 to %d are possible; choose another, or none", n,
              CUBIX_CACHE_PATH - 161);
  while (n > 1 && file->folder[n - 1] == '/') file->folder[--n] = '\0';
  snprintf(file->path, sizeof file->path, "%.*s/%016llx%016llx%s", n, file->folder, (unsigned long long)key->word[0],
           (unsigned long long)key->word[1], suffix);
done:
  return status;
}

static void warn(const struct cubix_basis_file *file, const char *what, const char *why)
{
  cubix_log(CUBIX_LOG_WARNING,
            "TemplateCache = %s: %s: %s; the run goes on without it (choose a folder that can be written, with room, "
            "or none)",
            file->folder, what, why);
}

/* ---- reading --------------------------------------------------------------------------------- */
static void header_hash(const struct header *header, uint64_t hash[2])
{
  struct header copy = *header;
  memset(copy.hash, 0, sizeof copy.hash);
  cubix_hash(&copy, sizeof copy, hash);
}

static void header_make(struct header *h, const struct cubix_basis *basis, const struct cubix_basis_key *key)
{
  memset(h, 0, sizeof *h);
  memcpy(h->magic, magic, sizeof magic);
  h->version = FORMAT;
  h->order_of_bytes = 0x01020304;
  memcpy(h->key, key->word, sizeof h->key);
  h->reach = basis->nodes.reach;
  h->step = basis->nodes.step;
  h->tolerance = basis->tolerance;
  h->certified = basis->certified;
  h->n_node = basis->nodes.n;
  h->n_weight = CUBIX_N_WEIGHT;
  h->n_row = basis->n_template;
  h->n_lambda = basis->n_lambda;
  h->n_tile = basis->n_tile;
  h->tile_width = CUBIX_TILE;
  h->table = sizeof *h;
  h->first = (h->table + (uint64_t)basis->n_tile * sizeof(struct cubix_basis_sum) + PAGE - 1) / PAGE * PAGE;
  h->stride = (cubix_basis_tile_size(basis) * sizeof(float) + PAGE - 1) / PAGE * PAGE;
  h->size = h->first + (uint64_t)basis->n_tile * h->stride;
}

/* Header and table, compared with their checksums.  @return what is wrong, or NULL */
static const char *contents_read(const struct cubix_basis_file *file, int in, struct header *h,
                                 struct cubix_basis_sum **sum)
{
  struct stat info;
  uint64_t hash[2];
  if (fstat(in, &info) || !S_ISREG(info.st_mode) || pread(in, h, sizeof *h, 0) != (ssize_t)sizeof *h)
    return "it is shorter than its header";
  if (memcmp(h->magic, magic, sizeof magic) || h->version != FORMAT || h->order_of_bytes != 0x01020304)
    return "its header is not that of a basis";
  header_hash(h, hash);
  if (memcmp(hash, h->hash, sizeof hash)) return "its header does not fit its checksum";
  if (memcmp(h->key, file->key.word, sizeof h->key)) return "its header is that of another basis";
  if ((uint64_t)info.st_size != h->size) return "its size is not what its header says";
  size_t bytes = (size_t)h->n_tile * sizeof **sum;
  *sum = cubix_alloc((size_t)h->n_tile, sizeof **sum);
  if (!*sum) return "no memory for its table";
  if (pread(in, *sum, bytes, (off_t)h->table) != (ssize_t)bytes) return "its table cannot be read";
  cubix_hash(*sum, bytes, hash);
  return memcmp(hash, h->table_hash, sizeof hash) ? "its table does not fit its checksum" : NULL;
}

/* The file, open, with its header and table; -1 and why not (NULL: there is none). */
static int file_open(const struct cubix_basis_file *file, struct header *h, struct cubix_basis_sum **sum,
                     const char **why)
{
  int in = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);   /* a FIFO of that name is not waited for */
  *sum = NULL;
  *why = in < 0 && errno != ENOENT ? strerror(errno) : NULL;
  if (in < 0) return -1;
  *why = contents_read(file, in, h, sum);
  if (!*why) return in;
  free(*sum);
  *sum = NULL;
  close(in);
  return -1;
}

int cubix_basis_file_look(const struct cubix_basis_file *file, const struct cubix_templates *templates,
                          struct cubix_nodes *nodes, double *certified)
{
  struct header h;
  struct cubix_basis_sum *sum = NULL;
  const char *why = NULL;
  int in = file_open(file, &h, &sum, &why);
  free(sum);
  if (in < 0 && !why) return 0;
  if (in >= 0) close(in);
  if (in >= 0 &&
      (h.n_row != templates->tables.n_row || h.n_lambda != templates->tables.n_lambda || h.tile_width != CUBIX_TILE ||
       h.n_weight != CUBIX_N_WEIGHT || h.n_tile != (h.n_lambda + CUBIX_TILE - 1) / CUBIX_TILE || !(h.step > 0) ||
       h.n_node != cubix_basis_nodes(h.reach, h.step).n)) {
    why = "it does not belong to these templates and channels";
  }
  if (why) {
    cubix_log(CUBIX_LOG_WARNING, "the prepared templates %s cannot be used: %s", file->path, why);
    return 0;
  }
  nodes->n = h.n_node;
  nodes->reach = h.reach;
  nodes->step = h.step;
  *certified = h.certified;
  return 1;
}

int cubix_basis_file_map(const struct cubix_basis_file *file, struct cubix_basis *basis)
{
  struct cubix_basis_state *state = basis->state;
  struct header h, mine;
  struct cubix_basis_sum *sum = NULL;
  const char *why = NULL;
  char *map = MAP_FAILED;
  int in = file_open(file, &h, &sum, &why);
  if (in < 0) return 0;
  basis->certified = h.certified;
  header_make(&mine, basis, &file->key);
  if (h.table == mine.table && h.first == mine.first && h.stride == mine.stride && h.size == mine.size)
    map = mmap(NULL, (size_t)h.size, PROT_READ, MAP_SHARED, in, 0);
  if (map == MAP_FAILED || !(state->seen = cubix_alloc((size_t)basis->n_tile, sizeof *state->seen))) {
    if (map != MAP_FAILED) munmap(map, (size_t)h.size);
    free(sum);
    close(in);
    return 0;
  }
  state->map = map;
  state->map_size = (size_t)h.size;
  state->first = (size_t)h.first;
  state->stride = (size_t)h.stride;
  state->sum = sum;
  state->file = in;
  snprintf(basis->cache, sizeof basis->cache, "%s", file->path);
  snprintf(mapped.path, sizeof mapped.path, "%s", file->path);
  mapped.size = state->map_size;
  mapped.map = map;
  return 1;
}

void cubix_basis_file_unmap(struct cubix_basis_state *state)
{
  if (!state->map) return;
  if (mapped.map == state->map) mapped.map = NULL;
  munmap(state->map, state->map_size);
  close(state->file);
  free(state->sum);
  free(state->seen);
  state->map = NULL;
}

/* Have the file's pages come, so that no access to them fails; where the system cannot be asked for
 * that, the file has at least its size. */
static int pages_come(const struct cubix_basis_state *state, const char *from, size_t bytes)
{
  struct stat info;
#ifdef MADV_POPULATE_READ
  size_t ahead = (size_t)(from - state->map) % (size_t)sysconf(_SC_PAGESIZE);
  if (!madvise((char *)(uintptr_t)from - ahead, bytes + ahead, MADV_POPULATE_READ)) return 1;
  if (errno != EINVAL) return 0;
#endif
  return !fstat(state->file, &info) && (uint64_t)info.st_size >= (uint64_t)(from - state->map) + bytes;
}

enum { NO = 1, YES, TRUSTED };    /* a tile's, once it has been looked at; by another process */

int cubix_basis_file_sound(const struct cubix_basis *basis, int i)
{
  struct cubix_basis_state *state = basis->state;
  struct cubix_basis_sum sum;
  const char *tile = state->map + state->first + (size_t)i * state->stride;
  size_t bytes = cubix_basis_tile_size(basis) * sizeof(float);
  unsigned char seen;
#pragma omp atomic read
  seen = state->seen[i];
  if (seen == NO || seen == YES) return seen == YES;
  int trusted = seen == TRUSTED;
  seen = NO;
  if (pages_come(state, tile, bytes)) {
    if (!trusted) cubix_hash(tile, bytes, sum.word);
    if (trusted || !memcmp(&sum, &state->sum[i], sizeof sum)) seen = YES;
  }
#pragma omp atomic write
  state->seen[i] = seen;
  return seen == YES;
}

void cubix_basis_file_trust(struct cubix_basis *basis)
{
  struct cubix_basis_state *state = basis->state;
  for (int i = 0; i < basis->n_tile; i++)
    if (!state->seen[i]) state->seen[i] = TRUSTED;
}

/* ---- writing --------------------------------------------------------------------------------- */
int cubix_basis_file_create(struct cubix_basis_file *file)
{
  struct stat info;
  if (mkdir(file->folder, 0777) && (errno != EEXIST || stat(file->folder, &info) || !S_ISDIR(info.st_mode))) {
    warn(file, "cannot make the folder", strerror(errno));
    return 0;
  }
  cubix_atomic_file_sweep(file->folder, NULL);
  if (!cubix_atomic_file_begin(&file->grows, file->path)) return 1;
  warn(file, "cannot create a file in it", cubix_error_message());
  cubix_error_clear();
  return 0;
}

int cubix_basis_file_join(struct cubix_basis_file *file, const char *temporary, uint64_t inode)
{
  if (!cubix_atomic_file_join(&file->grows, file->path, temporary, inode)) return 1;
  cubix_error_clear();
  return 0;
}

int cubix_basis_file_fits(const struct cubix_basis_file *file, const struct cubix_basis *basis)
{
  struct statvfs info;
  struct header h;
  char what[96];
  header_make(&h, basis, &file->key);
  if (fstatvfs(file->grows.file, &info)) return 1;
  double room = (double)info.f_bavail * (double)info.f_frsize;
  if (room >= (double)h.size) return 1;
  snprintf(what, sizeof what, "the prepared templates take %.0f MB, and there are %.0f", (double)h.size / 1e6,
           room / 1e6);
  warn(file, "too little room", what);
  return 0;
}

int cubix_basis_file_write(const struct cubix_basis_file *file, const struct cubix_basis *basis, int i,
                           const float *tile, struct cubix_basis_sum *sum)
{
  struct header h;
  size_t bytes = cubix_basis_tile_size(basis) * sizeof *tile;
  header_make(&h, basis, &file->key);
  cubix_hash(tile, bytes, sum->word);
  return !cubix_atomic_file_write(&file->grows, tile, bytes, (int64_t)(h.first + (uint64_t)i * h.stride));
}

int cubix_basis_file_close(struct cubix_basis_file *file)
{
  if (!file->grows.temporary) return 1;
  return !(file->grows.target ? fsync(file->grows.file) : cubix_atomic_file_seal(&file->grows));
}

int cubix_basis_file_publish(struct cubix_basis_file *file, const struct cubix_basis *basis,
                             const struct cubix_basis_sum *sum)
{
  int status = CUBIX_OK;
  struct header h;
  size_t table = (size_t)basis->n_tile * sizeof *sum;
  header_make(&h, basis, &file->key);
  cubix_hash(sum, table, h.table_hash);
  header_hash(&h, h.hash);
  CUBIX_CHECK(!ftruncate(file->grows.file, (off_t)h.size), CUBIX_EOUTPUT, "cannot write %s: %s", file->path,
              strerror(errno));
  CUBIX_TRY(cubix_atomic_file_write(&file->grows, &h, sizeof h, 0));
  CUBIX_TRY(cubix_atomic_file_write(&file->grows, sum, table, (int64_t)h.table));
done:
  status = cubix_atomic_file_end(&file->grows, status);
  if (!status) return 1;
  warn(file, "cannot write the prepared templates", cubix_error_message());
  cubix_error_clear();
  return 0;
}

void cubix_basis_file_discard(struct cubix_basis_file *file) { cubix_atomic_file_discard(&file->grows); }
