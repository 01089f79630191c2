/* tagged.c -- all tags of a snapshot, block by block. */
#include "catalogue/tagged.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum { BLOCK = 1 << 18 };

int64_t cubix_tag_pair(int64_t group, int64_t subgroup)
{
  return (int64_t)((uint64_t)group << 32 ^ ((uint64_t)subgroup & 0xffffffffu));
}

static int open_tag(struct cubix_column **column, const struct cubix_source *source, const struct cubix_simfile *sim,
                    const struct cubix_simpart *part, const struct cubix_names *name)
{
  static const struct cubix_pick one = { 1, -1, -1 };
  int status = CUBIX_OK, there = 0;
  char path[256], names[512];
  for (int i = 0; i < name->n && !there; i++) {
    snprintf(path, sizeof path, "%s/%s", sim->group[part->type], name->name[i]);
    CUBIX_TRY(cubix_source_has(&there, source, path));
  }
  CUBIX_CHECK(there, CUBIX_EINPUT, "%s: the particles in /%s do not carry what tells which group they belong to: "
              "looked for %s",
              source->path, sim->group[part->type],
              name->n ? cubix_names_text(name, names, sizeof names) : "nothing, as the format names none");
  CUBIX_TRY(cubix_column_open(column, source, path, one, 1));
  CUBIX_CHECK((*column)->n_row == part->n_row, CUBIX_EINPUT, "%s: /%s has %lld rows for %lld particles", source->path,
              path, (long long)(*column)->n_row, (long long)part->n_row);
done:
  return status;
}

static int search_part(int i, const struct cubix_simfile *sim, const struct cubix_tags *tags,
                       const struct cubix_tag_search *search, int64_t *tag[2])
{
  int status = CUBIX_OK;
  const struct cubix_simpart *part = &sim->part[i];
  const struct cubix_keyset *set = &search->set[search->by_type ? part->type : 0];
  struct cubix_source *source = NULL;
  struct cubix_column *column[2] = { NULL, NULL };
  CUBIX_TRY(cubix_source_open(&source, tags->file ? tags->file[part->member] : sim->snapshot.file[part->member],
                              &sim->options));
  for (int k = 0; k < tags->n; k++) CUBIX_TRY(open_tag(&column[k], source, sim, part, &tags->name[k]));
  for (int64_t from = 0, to; from < part->n_row; from = to) {
    to = from + BLOCK < part->n_row ? from + BLOCK : part->n_row;
    for (int k = 0; k < tags->n; k++) CUBIX_TRY(cubix_column_integers(column[k], from, to, tag[k]));
    for (int64_t row = from; row < to; row++) {
      const int64_t key = tags->n == 1 ? tag[0][row - from] : cubix_tag_pair(tag[0][row - from], tag[1][row - from]);
      const int64_t value = cubix_keyset_find(set, key);
      if (value >= 0) CUBIX_TRY(search->found(search->to, value, i, row));
    }
  }
done:
  for (int k = 0; k < 2; k++) cubix_column_close(column[k]);
  cubix_source_close(source);
  return status;
}

int cubix_tagged_search(const struct cubix_simfile *sim, const struct cubix_tags *tags,
                        const struct cubix_tag_search *search)
{
  int status = CUBIX_OK;
  int64_t *tag[2] = { NULL, NULL };
  for (int k = 0; k < tags->n; k++) CUBIX_ALLOC(tag[k], BLOCK);
  for (int i = 0; i < sim->n_part; i++) CUBIX_TRY(search_part(i, sim, tags, search, tag));
done:
  free(tag[0]);
  free(tag[1]);
  return status;
}

static int add_row(void *to, int64_t value, int part, int64_t row)
{
  return cubix_choice_add((struct cubix_choice *)to + value, part, row, row + 1);
}

int cubix_tagged_choose(struct cubix_choice *choice, const struct cubix_simfile *sim, const struct cubix_tags *tags,
                        const struct cubix_keyset *set)
{
  return cubix_tagged_search(sim, tags, &(struct cubix_tag_search){ set, 0, add_row, choice });
}
