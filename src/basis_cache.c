/* basis_cache.c -- prepared templates kept for the next run: one file per basis, named by what it depends on.
 *
 * FOLDER/<32 hexadecimal digits>.cubix-basis.  The digits are a hash of the contents of all template rows (which hold library, semantic and line spread
 * function), their knots, the channels, the redshift, the reach, the coverage, the tolerance and the format: the same name means the same numbers (to the
 * last bits, in which instruction sets differ), so a file is never out of date, and serves every galaxy that is seen in the same way.  All rows of the library are in it.
 *
 * A page of header, then the tiles, each on a page of its own: the file is mapped, and the ranks of a node share it.
 * It grows under a temporary name that no other job has (atomic_file.c), written by all ranks, each its tiles; two jobs that make the same basis replace
 * equal files by equal files.  What killed jobs have left, the next job that writes into the folder removes.
 *
 * When a file is opened its size, its header and the header's checksum are verified.  The tiles are not read for that: a file has its name only since it was
 * complete and on the disk, a small galaxy uses a small part of it, and the audit looks at the cube that it makes.
 * Whatever is wrong with folder or file is a warning: the run goes on without them.                                                         */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "basis_parts.h"
#include "error.h"
#include "log.h"

enum { FORMAT = 3, PAGE = 4096, N_LANE = 8 };
static const char magic[16] = "CUBIX basis\r\n\x1a\n";
static const char suffix[] = ".cubix-basis";

struct header {
  char magic[16];
  uint32_t version, order_of_bytes;
  uint64_t key[2];
  double reach, step, tolerance, certified;
  int32_t n_node, n_weight, n_row, n_lambda, n_tile, tile_width;
  uint64_t first, stride, size;
  uint64_t hash[2];               /* of the header with these two words 0 */
};

/* ---- hash --------------------------------------------------------------------------------------------------------------- */
static uint64_t turn(uint64_t x, int by) { return x << by | x >> (64 - by); }

static uint64_t finish(uint64_t x)                /* the finaliser of MurmurHash3 (A. Appleby, public domain) */
{
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
  return x ^ x >> 33;
}

/* Eight lanes, each multiplied and turned word by word (no word changes a lane in more than one way: every step is invertible), then two mixes of the eight. */
void cubix_basis_hash(const void *bytes, size_t n, uint64_t hash[2])
{
  const unsigned char *at = bytes;
  uint64_t lane[N_LANE], word[N_LANE];
  for (int l = 0; l < N_LANE; l++) lane[l] = 0x9e3779b97f4a7c15ull * (uint64_t)(l + 1);
  for (size_t left = n; left; ) {
    size_t take = left < sizeof word ? left : sizeof word;
    if (take < sizeof word) memset(word, 0, sizeof word);
    memcpy(word, at, take);
    for (int l = 0; l < N_LANE; l++) lane[l] = turn((lane[l] ^ word[l]) * 0xd6e8feb86659fd93ull, 29);
    at += take;
    left -= take;
  }
  hash[0] = n ^ 0x243f6a8885a308d3ull;
  hash[1] = ~n;
  for (int l = 0; l < N_LANE; l++) {
    hash[0] = finish(hash[0] ^ lane[l]) + (uint64_t)l;
    hash[1] = finish(turn(hash[1], 23) + finish(lane[l] + 0x13198a2e03707344ull));
  }
}

struct cubix_basis_key cubix_basis_key_of(const struct cubix_model *mod, double reach, double tolerance)
{
  const struct cubix_view *v = &mod->view;
  struct { uint64_t count[8], part[4][2]; double value[3]; } all;
  struct cubix_basis_key key;
  memset(&all, 0, sizeof all);
  const uint64_t count[8] = { FORMAT, CUBIX_N_WEIGHT, CUBIX_TILE, sizeof(cubix_real), (uint64_t)v->n_row, (uint64_t)v->n_knot, (uint64_t)v->n_lambda, (uint64_t)v->row_stride };
  memcpy(all.count, count, sizeof count);
  cubix_basis_hash(v->row, (size_t)v->n_row * (size_t)v->row_stride * sizeof *v->row, all.part[0]);
  cubix_basis_hash(v->knot, (size_t)v->n_knot * sizeof *v->knot, all.part[1]);
  cubix_basis_hash(v->edge, ((size_t)v->n_lambda + 1) * sizeof *v->edge, all.part[2]);
  cubix_basis_hash(mod->covered, (size_t)v->n_lambda, all.part[3]);
  all.value[0] = v->one_plus_z;
  all.value[1] = reach;
  all.value[2] = tolerance;
  cubix_basis_hash(&all, sizeof all, key.word);
  return key;
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */
int cubix_basis_file_init(struct cubix_basis_file *file, const char *folder, const struct cubix_basis_key *key)
{
  int status = CUBIX_OK, n;
  memset(file, 0, sizeof *file);
  file->key = *key;
  n = snprintf(file->folder, sizeof file->folder, "%s", folder);
  CUBIX_CHECK(n > 0 && n < CUBIX_CACHE_PATH - 160, CUBIX_EUSAGE, "TemplateCache: a folder's name of %d characters, 1 to %d are possible; choose another, or none",
              n, CUBIX_CACHE_PATH - 161);
  while (n > 1 && file->folder[n - 1] == '/') file->folder[--n] = '\0';
  snprintf(file->path, sizeof file->path, "%.*s/%016llx%016llx%s", n, file->folder, (unsigned long long)key->word[0], (unsigned long long)key->word[1], suffix);
done:
  return status;
}

static void warn(const struct cubix_basis_file *file, const char *what, const char *why)
{
  cubix_log(CUBIX_LOG_WARNING, "TemplateCache = %s: %s: %s; the run goes on without it (choose a folder that can be written, with room, or none)",
            file->folder, what, why);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */
static void header_hash(const struct header *header, uint64_t hash[2])
{
  struct header copy = *header;
  memset(copy.hash, 0, sizeof copy.hash);
  cubix_basis_hash(&copy, sizeof copy, hash);
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
  h->first = PAGE;
  h->stride = (cubix_basis_tile_size(basis) * sizeof(float) + PAGE - 1) / PAGE * PAGE;
  h->size = h->first + (uint64_t)basis->n_tile * h->stride;
}

/* The mapped file, or NULL and why not (NULL: there is none). */
static char *file_map(const struct cubix_basis_file *file, struct header *h, const char **why)
{
  struct stat info;
  char *map = NULL;
  uint64_t hash[2];
  int in = open(file->path, O_RDONLY | O_CLOEXEC);
  *why = in < 0 && errno != ENOENT ? strerror(errno) : NULL;
  if (in < 0) return NULL;
  *why = "it is shorter than its header";
  if (fstat(in, &info) || !S_ISREG(info.st_mode) || info.st_size < PAGE || pread(in, h, sizeof *h, 0) != (ssize_t)sizeof *h) goto done;
  *why = "its header is not that of a basis of this name";
  if (memcmp(h->magic, magic, sizeof magic) || h->version != FORMAT || h->order_of_bytes != 0x01020304 || memcmp(h->key, file->key.word, sizeof h->key)) goto done;
  *why = "its size is not what its header says";
  if ((uint64_t)info.st_size != h->size || h->n_tile < 1 || h->first != PAGE || h->size < h->first) goto done;
  map = mmap(NULL, (size_t)h->size, PROT_READ, MAP_SHARED, in, 0);
  *why = strerror(errno);
  if (map == MAP_FAILED) map = NULL;
  if (!map) goto done;
  header_hash(h, hash);
  if (!memcmp(hash, h->hash, sizeof hash)) goto done;
  *why = "its header does not fit its checksum";
  munmap(map, (size_t)h->size);
  map = NULL;
done:
  close(in);
  return map;
}

int cubix_basis_file_look(const struct cubix_basis_file *file, const struct cubix_model *mod, struct cubix_nodes *nodes, double *certified)
{
  struct header h;
  const char *why = NULL;
  char *map = file_map(file, &h, &why);
  if (map) munmap(map, (size_t)h.size);
  if (!map && !why) return 0;
  if (map && (h.n_row != mod->view.n_row || h.n_lambda != mod->view.n_lambda || h.tile_width != CUBIX_TILE || h.n_weight != CUBIX_N_WEIGHT ||
              h.n_tile != (h.n_lambda + CUBIX_TILE - 1) / CUBIX_TILE || !(h.step > 0) || h.n_node != cubix_basis_nodes(h.reach, h.step).n)) {
    map = NULL;
    why = "it does not belong to these templates and channels";
  }
  if (!map) {
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
  const char *why = NULL;
  char *map = file_map(file, &h, &why);
  if (!map) return 0;
  basis->certified = h.certified;
  header_make(&mine, basis, &file->key);
  if (h.first != mine.first || h.stride != mine.stride || h.size != mine.size) {
    munmap(map, (size_t)h.size);
    return 0;
  }
  state->map = map;
  state->map_size = (size_t)h.size;
  state->first = (size_t)h.first;
  state->stride = (size_t)h.stride;
  snprintf(basis->cache, sizeof basis->cache, "%s", file->path);
  return 1;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */
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
  snprintf(what, sizeof what, "the prepared templates take %.0f MB, and there are %.0f", (double)h.size / 1e6, room / 1e6);
  warn(file, "too little room", what);
  return 0;
}

int cubix_basis_file_write(const struct cubix_basis_file *file, const struct cubix_basis *basis, int i, const float *tile)
{
  struct header h;
  size_t bytes = cubix_basis_tile_size(basis) * sizeof *tile;
  header_make(&h, basis, &file->key);
  return !cubix_atomic_file_write(&file->grows, tile, bytes, (int64_t)(h.first + (uint64_t)i * h.stride));
}

int cubix_basis_file_close(struct cubix_basis_file *file)
{
  if (!file->grows.temporary) return 1;
  return !(file->grows.target ? fsync(file->grows.file) : cubix_atomic_file_seal(&file->grows));
}

int cubix_basis_file_publish(struct cubix_basis_file *file, const struct cubix_basis *basis)
{
  int status = CUBIX_OK;
  struct header h;
  header_make(&h, basis, &file->key);
  header_hash(&h, h.hash);
  CUBIX_CHECK(!ftruncate(file->grows.file, (off_t)h.size), CUBIX_EOUTPUT, "cannot write %s: %s", file->path, strerror(errno));
  CUBIX_TRY(cubix_atomic_file_write(&file->grows, &h, sizeof h, 0));
done:
  status = cubix_atomic_file_end(&file->grows, status);
  if (!status) return 1;
  warn(file, "cannot write the prepared templates", cubix_error_message());
  cubix_error_clear();
  return 0;
}

void cubix_basis_file_discard(struct cubix_basis_file *file) { cubix_atomic_file_discard(&file->grows); }
