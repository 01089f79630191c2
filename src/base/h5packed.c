/* h5packed.c -- packed chunks, unpacked by all threads.
 *
 * H5Dread unpacks one chunk after the other, and inflating takes ten times as long as reading.  Here
 * one thread asks HDF5 for the chunks as they are (H5Dread_chunk), which also goes through the driver
 * of h5source.c, and hands them to the others, who undo the filters (h5filters.c).  Chunks of several
 * datasets are unpacked together, since a piece of rows may lie in a single chunk of each.
 *
 * A band is the chunks beside each other that hold the same rows; it is unpacked whole, into rows of
 * the columns that are wanted, in the file's type and this machine's byte order.  Bands that the last
 * rows needed are kept, since the next rows mostly begin in the last of them.  Beside them there are
 * the packed chunks on their way, IN_FLIGHT bytes and one chunk more at most, two spare ones, and
 * three chunks for each thread.
 *
 * What is in a chunk that was never written HDF5 is asked: it is the fill value. */
#include "base/h5packed.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5filters.h"

static const size_t LARGEST = (size_t)1 << 28, IN_FLIGHT = (size_t)1 << 25, MOST_AHEAD = (size_t)1 << 26;
enum { SPARES = 2 };
static const char no_memory[] = "there is no memory for it";

struct band {
  hsize_t number;
  int there;                      /* 1: unpacked */
  unsigned char *rows;            /* [chunk[0]][n_c] */
};

/* What chunks are unpacked with.  The first of the datasets that are unpacked together keeps it for the next time. */
struct shop {
  size_t largest;                 /* bytes of a chunk */
  int n_worker;
  struct worker { struct cubix_h5unpacker *unpacker; unsigned char *chunk; } *worker;
  int n_spare;
  unsigned char *spare[SPARES];   /* [largest] for packed chunks */
};

struct cubix_h5packed {
  hid_t dataset;
  const char *file, *path;
  struct cubix_h5filters filters;
  int rank;
  size_t size;                    /* bytes of a number */
  int is_float, is_signed, is_swapped;
  hsize_t n_row, chunk[2], first, n_c;
  hid_t native;                   /* the same numbers in this machine's byte order */
  size_t n_band, n_wanted, room;
  struct band *band, *wanted;     /* in rising order; what is wanted has no rows yet */
  struct shop *shop;              /* NULL: another dataset has it, or none was needed */
  /* what went wrong last */
  const char *wrong;
  hsize_t wrong_at[2];            /* first row and column of the chunk */
};

/* ---- what is in the dataset -------------------------------------------------------------------- */
/* @return 1 if it is a type that machines have */
static int know_type(struct cubix_h5packed *p, hid_t type)
{
  const H5T_class_t class = H5Tget_class(type);
  const H5T_order_t order = H5Tget_order(type);
  p->size = H5Tget_size(type);
  p->is_float = class == H5T_FLOAT;
  p->is_swapped = p->size > 1 && order != H5Tget_order(H5T_NATIVE_DOUBLE);
  if (class == H5T_FLOAT)
    return H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0 ||
           H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0;
  p->is_signed = H5Tget_sign(type) == H5T_SGN_2;
  return class == H5T_INTEGER && (order == H5T_ORDER_LE || order == H5T_ORDER_BE) &&
         (p->size == 1 || p->size == 2 || p->size == 4 || p->size == 8) && H5Tget_precision(type) == 8 * p->size &&
         H5Tget_offset(type) == 0;
}

static size_t chunk_bytes(const struct cubix_h5packed *p) { return (size_t)(p->chunk[0] * p->chunk[1]) * p->size; }
static size_t row_bytes(const struct cubix_h5packed *p) { return (size_t)p->n_c * p->size; }

/* @return 1 if it can be read here */
static int know(struct cubix_h5packed *p, hid_t creation, hid_t type, hid_t space)
{
  hsize_t shape[2] = { 0, 1 };
  unsigned options = 0;
  p->rank = H5Sget_simple_extent_ndims(space);
  if (p->rank < 1 || p->rank > 2 || H5Sget_simple_extent_dims(space, shape, NULL) != p->rank) return 0;
  p->n_row = shape[0];
  p->chunk[1] = 1;
  if (H5Pget_layout(creation) != H5D_CHUNKED || H5Pget_chunk(creation, p->rank, p->chunk) != p->rank) return 0;
  if (H5Pget_chunk_opts(creation, &options) < 0 || options) return 0;   /* chunks at the edge are not packed */
  if (p->first + p->n_c > shape[1] || !know_type(p, type) || !cubix_h5filters_get(&p->filters, creation)) return 0;
  if (p->chunk[0] * p->chunk[1] > LARGEST || p->chunk[0] * p->n_c > LARGEST) return 0;
  p->native = H5Tget_native_type(type, H5T_DIR_DEFAULT);
  return p->native >= 0 && H5Tget_size(p->native) == p->size && chunk_bytes(p) <= LARGEST &&
         (size_t)p->chunk[0] * row_bytes(p) <= LARGEST;
}

int cubix_h5packed_open(struct cubix_h5packed **out, hid_t dataset, const char *file, const char *path, int first,
                        int n_c)
{
  int status = CUBIX_OK;
  struct cubix_h5packed *p = NULL;
  const hid_t creation = H5Dget_create_plist(dataset), type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  *out = NULL;
  CUBIX_ALLOC(p, 1);
  p->dataset = dataset;
  p->native = -1;
  p->file = file;
  p->path = path;
  p->first = (hsize_t)first;
  p->n_c = (hsize_t)n_c;
  if (creation < 0 || type < 0 || space < 0 || !know(p, creation, type, space)) goto done;
  *out = p;
  p = NULL;
done:
  cubix_h5packed_close(p);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (creation >= 0) H5Pclose(creation);
  return status;
}

static void close_shop(struct shop *s)
{
  if (!s) return;
  for (int w = 0; s->worker && w < s->n_worker; w++) {
    cubix_h5unpacker_close(s->worker[w].unpacker);
    free(s->worker[w].chunk);
  }
  while (s->n_spare > 0) free(s->spare[--s->n_spare]);
  free(s->worker);
  free(s);
}

/* For chunks of this size and as many threads as there are now.  @return NULL where there is no memory */
static struct shop *open_shop(struct shop *old, size_t largest)
{
  const int n_worker = omp_get_max_threads();
  if (old && old->largest >= largest && old->n_worker >= n_worker) return old;
  close_shop(old);
  struct shop *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->largest = largest;
  s->n_worker = n_worker;
  s->worker = calloc((size_t)n_worker, sizeof *s->worker);
  if (s->worker) return s;
  close_shop(s);
  return NULL;
}

/* Room for n bytes of a packed chunk, and back. */
static unsigned char *take_room(struct shop *s, size_t n)
{
  unsigned char *room = NULL;
  if (n > s->largest) return malloc(n);
#pragma omp critical(cubix_h5packed_spare)
  if (s->n_spare > 0) room = s->spare[--s->n_spare];
  return room ? room : malloc(s->largest);
}

static void give_room(struct shop *s, unsigned char *room, size_t n)
{
#pragma omp critical(cubix_h5packed_spare)
  if (room && n <= s->largest && s->n_spare < SPARES) {
    s->spare[s->n_spare++] = room;
    room = NULL;
  }
  free(room);
}

void cubix_h5packed_close(struct cubix_h5packed *p)
{
  if (!p) return;
  close_shop(p->shop);
  for (size_t i = 0; i < p->n_band; i++) free(p->band[i].rows);
  free(p->band);
  free(p->wanted);
  if (p->native >= 0) H5Tclose(p->native);
  free(p);
}

double cubix_h5packed_bytes(const struct cubix_h5packed *p)
{
  const double rows = (double)p->n_band * (double)p->chunk[0] * (double)row_bytes(p);
  if (!p->shop) return rows;
  return rows + (double)p->shop->largest * (SPARES + 3. * p->shop->n_worker);
}

/* ---- a chunk ----------------------------------------------------------------------------------- */
/* One that is to be unpacked. */
struct job {
  struct cubix_h5packed *p;
  struct band *band;
  hsize_t at[2];                  /* its first row and column */
  uint32_t skipped;
  size_t n_packed;                /* 0: it was never written */
  unsigned char *packed;
  const char *wrong;
};

/* The columns that are wanted of the chunk, from .. to - 1. */
static void columns(hsize_t *from, hsize_t *to, const struct job *j)
{
  const struct cubix_h5packed *p = j->p;
  const hsize_t end = p->first + p->n_c, last = j->at[1] + p->chunk[1];
  *from = j->at[1] > p->first ? j->at[1] : p->first;
  *to = last < end ? last : end;
}

/* Let HDF5 read what it has not packed. */
static int read_unpacked(const struct job *j)
{
  const struct cubix_h5packed *p = j->p;
  hsize_t from, to;
  columns(&from, &to, j);
  const hsize_t left = p->n_row - j->at[0], count[2] = { left < p->chunk[0] ? left : p->chunk[0], to - from },
                start[2] = { j->at[0], from }, band[2] = { p->chunk[0], p->n_c }, in_band[2] = { 0, from - p->first };
  const hid_t space = H5Dget_space(p->dataset), memory = H5Screate_simple(p->rank, band, NULL);
  const int read = space >= 0 && memory >= 0 &&
                   H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                   H5Sselect_hyperslab(memory, H5S_SELECT_SET, in_band, NULL, count, NULL) >= 0 &&
                   H5Dread(p->dataset, p->native, memory, space, H5P_DEFAULT, j->band->rows) >= 0;
  if (memory >= 0) H5Sclose(memory);
  if (space >= 0) H5Sclose(space);
  return read;
}

/* Ask HDF5 for it.  Some versions call it an error that a chunk was never written, others say that it has no bytes. */
#if H5_VERSION_GE(2, 0, 0)
#define READ_CHUNK H5Dread_chunk1
#else
#define READ_CHUNK H5Dread_chunk
#endif

static void read_packed(struct job *j, struct shop *shop)
{
  static const char cannot[] = "HDF5 cannot read it";
  hsize_t n = 0;
  if (H5Dget_chunk_storage_size(j->p->dataset, j->at, &n) < 0) n = 0;
  j->n_packed = (size_t)n;
  if (n == 0) {
    if (!read_unpacked(j)) j->wrong = cannot;
    return;
  }
  j->packed = take_room(shop, j->n_packed);
  if (!j->packed) j->wrong = no_memory;
  else if (READ_CHUNK(j->p->dataset, H5P_DEFAULT, j->at, &j->skipped, j->packed) < 0) j->wrong = cannot;
}

static void swap(unsigned char *x, size_t n, size_t size)
{
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; 2 * k < size; k++) {
      const unsigned char low = x[i * size + k];
      x[i * size + k] = x[i * size + size - 1 - k];
      x[i * size + size - 1 - k] = low;
    }
}

/* What of a chunk is wanted, into its band. */
static void spread(const struct job *j, const unsigned char *chunk)
{
  const struct cubix_h5packed *p = j->p;
  const size_t row = row_bytes(p), chunk_row = (size_t)p->chunk[1] * p->size;
  hsize_t from, to;
  columns(&from, &to, j);
  unsigned char *out = j->band->rows + (size_t)(from - p->first) * p->size;
  chunk += (size_t)(from - j->at[1]) * p->size;
  for (hsize_t i = 0; i < p->chunk[0]; i++, out += row, chunk += chunk_row)
    memcpy(out, chunk, (size_t)(to - from) * p->size);
}

static void unpack(struct job *j, struct shop *shop)
{
  const struct cubix_h5packed *p = j->p;
  struct worker *w = &shop->worker[omp_get_thread_num()];
  const size_t n = chunk_bytes(p);
  const int whole = p->first == 0 && p->chunk[1] == p->n_c;
  if (!w->unpacker) cubix_h5unpacker_open(&w->unpacker, shop->largest);
  if (!whole && !w->chunk) w->chunk = malloc(shop->largest);
  if (!w->unpacker || !(whole || w->chunk)) {
    j->wrong = no_memory;
  } else {
    unsigned char *to = whole ? j->band->rows : w->chunk;
    j->wrong = cubix_h5unpacker_undo(w->unpacker, &p->filters, j->skipped, j->packed, j->n_packed, to, n);
    if (!j->wrong && p->is_swapped) swap(to, n / p->size, p->size);
    if (!j->wrong && !whole) spread(j, to);
  }
  give_room(shop, j->packed, j->n_packed);
}

/* ---- bands ------------------------------------------------------------------------------------- */
void cubix_h5packed_want(struct cubix_h5packed *p, hsize_t from, hsize_t to)
{
  const size_t before = p->n_wanted, most = MOST_AHEAD / ((size_t)p->chunk[0] * row_bytes(p));
  if (to > p->n_row) to = p->n_row;
  for (hsize_t number = from / p->chunk[0]; number * p->chunk[0] < to; number++) {
    if (p->n_wanted && p->wanted[p->n_wanted - 1].number >= number) continue;
    if (before && p->n_wanted >= most) return;             /* rows far apart: the rest when it is read */
    if (p->n_wanted == p->room) {
      struct band *more = realloc(p->wanted, (2 * p->room + 16) * sizeof *more);
      if (!more) return;
      p->wanted = more;
      p->room = 2 * p->room + 16;
    }
    p->wanted[p->n_wanted++] = (struct band){ .number = number };
  }
}

/* What is wanted takes the place of what was, with the bands that are there already, and with the memory of
 * those that are not wanted any more.  @return how many bands are to be unpacked */
static size_t renew(struct cubix_h5packed *p)
{
  size_t n = 0, old = 0;
  for (size_t w = 0; w < p->n_wanted; w++) {
    while (old < p->n_band && p->band[old].number < p->wanted[w].number) old++;
    if (old == p->n_band || p->band[old].number != p->wanted[w].number) continue;
    p->wanted[w] = p->band[old];
    p->band[old].rows = NULL;
  }
  old = 0;
  for (size_t w = 0; w < p->n_wanted; w++) {
    n += !p->wanted[w].there;
    while (!p->wanted[w].rows && old < p->n_band) {
      p->wanted[w].rows = p->band[old].rows;
      p->band[old++].rows = NULL;
    }
    if (!p->wanted[w].rows) p->wanted[w].rows = malloc((size_t)p->chunk[0] * row_bytes(p));
  }
  for (; old < p->n_band; old++) free(p->band[old].rows);
  free(p->band);
  p->band = p->wanted;
  p->n_band = p->n_wanted;
  p->wanted = NULL;
  p->n_wanted = p->room = 0;
  return n;
}

static hsize_t first_across(const struct cubix_h5packed *p) { return p->first / p->chunk[1]; }
static hsize_t n_across(const struct cubix_h5packed *p)
{
  return (p->first + p->n_c - 1) / p->chunk[1] - first_across(p) + 1;
}

/* The chunks of all bands that are to be unpacked.  @return how many */
static size_t list_jobs(struct job *job, struct cubix_h5packed *const *packed, int n)
{
  size_t n_job = 0;
  for (int i = 0; i < n; i++)
    for (size_t b = 0; packed[i] && b < packed[i]->n_band; b++) {
      struct cubix_h5packed *p = packed[i];
      if (p->band[b].there || !p->band[b].rows) continue;
      for (hsize_t k = 0; k < n_across(p); k++)
        job[n_job++] = (struct job){ .p = p, .band = &p->band[b],
                                     .at = { p->band[b].number * p->chunk[0], (first_across(p) + k) * p->chunk[1] } };
    }
  return n_job;
}

/* The first thread reads, and all unpack: HDF5 may keep its errors thread by thread. */
static void run(struct job *job, size_t n_job, struct shop *shop)
{
  size_t in_flight = 0;
#pragma omp parallel if (n_job > 1)
#pragma omp master
  for (size_t i = 0; i < n_job; i++) {
    struct job *j = &job[i];
    read_packed(j, shop);
    if (j->wrong || j->n_packed == 0) {
      give_room(shop, j->packed, j->n_packed);
      continue;
    }
    in_flight += j->n_packed;
#pragma omp task firstprivate(j)
    unpack(j, shop);
    if (in_flight < IN_FLIGHT) continue;
#pragma omp taskwait
    in_flight = 0;
  }
}

void cubix_h5packed_unpack(struct cubix_h5packed *const *packed, int n)
{
  size_t n_job = 0, largest = 0;
  struct cubix_h5packed *first = NULL;
  for (int i = 0; i < n; i++) {
    if (!packed[i]) continue;
    if (!first) first = packed[i];
    n_job += renew(packed[i]) * (size_t)n_across(packed[i]);
    if (chunk_bytes(packed[i]) > largest) largest = chunk_bytes(packed[i]);
    packed[i]->wrong = NULL;
  }
  if (n_job == 0) return;
  struct job *job = calloc(n_job, sizeof *job);
  first->shop = open_shop(first->shop, largest);
  if (!job || !first->shop) goto done;
  n_job = list_jobs(job, packed, n);
  run(job, n_job, first->shop);
  for (size_t i = 0; i < n_job; i++) job[i].band->there = 1;
  for (size_t i = n_job; i-- > 0;) {
    if (!job[i].wrong) continue;
    job[i].band->there = 0;
    job[i].p->wrong = job[i].wrong;
    memcpy(job[i].p->wrong_at, job[i].at, sizeof job[i].at);
  }
done:
  free(job);
}

/* ---- rows -------------------------------------------------------------------------------------- */
/* Numbers of the file's type as doubles, or as integers of 64 bits. */
#define WIDEN(type) \
  do { \
    for (size_t i = 0; i < n; i++) { \
      type x; \
      memcpy(&x, from + i * sizeof x, sizeof x); \
      if (as == CUBIX_H5AS_DOUBLE) ((double *)to)[i] = (double)x; \
      else ((int64_t *)to)[i] = (int64_t)x; \
    } \
  } while (0)

static void convert(void *to, const unsigned char *from, size_t n, const struct cubix_h5packed *p, enum cubix_h5as as)
{
  if (p->is_float && (p->size == 8 || as == CUBIX_H5AS_FLOAT)) memcpy(to, from, n * p->size);
  else if (!p->is_float && p->size == 8 && as == CUBIX_H5AS_INT64) memcpy(to, from, n * p->size);
  else if (p->is_float) WIDEN(float);
  else if (p->size == 1 && p->is_signed) WIDEN(int8_t);
  else if (p->size == 1) WIDEN(uint8_t);
  else if (p->size == 2 && p->is_signed) WIDEN(int16_t);
  else if (p->size == 2) WIDEN(uint16_t);
  else if (p->size == 4 && p->is_signed) WIDEN(int32_t);
  else if (p->size == 4) WIDEN(uint32_t);
  else if (p->is_signed) WIDEN(int64_t);
  else WIDEN(uint64_t);
}

/* The band of this number, or where it would stand. */
static size_t find(const struct cubix_h5packed *p, hsize_t number)
{
  size_t low = 0, high = p->n_band;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (p->band[middle].number < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* @return 1 if all of the bands are there, from number b of the list on */
static int are_there(const struct cubix_h5packed *p, size_t b, hsize_t first, hsize_t last)
{
  for (hsize_t number = first; number <= last; number++, b++)
    if (b >= p->n_band || p->band[b].number != number || !p->band[b].there) return 0;
  return 1;
}

int cubix_h5packed_read(struct cubix_h5packed *p, hsize_t from, hsize_t to, enum cubix_h5as as, void *rows)
{
  int status = CUBIX_OK;
  const size_t wide = (size_t)p->n_c * (as == CUBIX_H5AS_FLOAT ? sizeof(float) : sizeof(double));
  if (from >= to) goto done;
  const hsize_t first = from / p->chunk[0], last = (to - 1) / p->chunk[0];
  if (!are_there(p, find(p, first), first, last)) {
    cubix_h5packed_want(p, from, to);
    cubix_h5packed_unpack(&p, 1);
  }
  CUBIX_CHECK(are_there(p, find(p, first), first, last),
              p->wrong && p->wrong != no_memory ? CUBIX_EINPUT : CUBIX_ENOMEM,
              "%s: /%s cannot be read in rows %lld to %lld; the file is damaged or incomplete: the chunk of row %llu, "
              "column %llu cannot be unpacked (%s)",
              p->file, p->path, (long long)from, (long long)to, (unsigned long long)p->wrong_at[0],
              (unsigned long long)p->wrong_at[1], p->wrong ? p->wrong : no_memory);
  for (size_t b = find(p, first); from < to; b++) {
    const hsize_t start = p->band[b].number * p->chunk[0], end = start + p->chunk[0] < to ? start + p->chunk[0] : to;
    convert(rows, p->band[b].rows + (size_t)(from - start) * row_bytes(p), (size_t)((end - from) * p->n_c), p, as);
    rows = (char *)rows + (size_t)(end - from) * wide;
    from = end;
  }
done:
  return status;
}
