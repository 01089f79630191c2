/* ids.c -- identifiers of 64 bits, compared as integers.
 *
 * Those of stars are unique.  Gas that was split may share one, and some codes give a star that of the gas from
 * which it formed: so identifiers are compared type by type where the catalogue states types.  A particle may be listed
 * for several groups; entries with the same identifier are chained. */
#include "catalogue/ids.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "catalogue/tagged.h"

enum { ANY = -1 };

struct cubix_listed_id {
  int64_t id;
  size_t which;                   /* group of the seek */
  int64_t next;                   /* another entry of the same identifier; -1: none */
  int64_t found;                  /* particles that have it */
  int type;                       /* of the snapshot's types; ANY */
};

int cubix_ids_add(struct cubix_ids *ids, size_t which, const int64_t *id, const int64_t *type, size_t n)
{
  int status = CUBIX_OK;
  if (ids->n + n > ids->room) {
    const size_t room = ids->n + n + ids->room;
    struct cubix_listed_id *more = realloc(ids->list, room * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for %zu identifiers of a catalogue", room);
    ids->list = more;
    ids->room = room;
  }
  for (size_t i = 0; i < n; i++)
    ids->list[ids->n++] = (struct cubix_listed_id){ id[i], which, -1, 0, type ? (int)type[i] : ANY };
  ids->typed = type != NULL;
done:
  return status;
}

void cubix_ids_free(struct cubix_ids *ids)
{
  free(ids->list);
  *ids = (struct cubix_ids){ 0 };
}

/* Those that a type of the snapshot may have. */
static int fill_set(struct cubix_keyset *set, const struct cubix_ids *ids, int type)
{
  int status = CUBIX_OK;
  size_t n = 0;
  for (size_t i = 0; i < ids->n; i++) n += ids->list[i].type == ANY || ids->list[i].type == type;
  CUBIX_TRY(cubix_keyset_init(set, n));
  for (size_t i = 0; i < ids->n; i++) {
    struct cubix_listed_id *one = &ids->list[i];
    if (one->type != ANY && one->type != type) continue;
    one->next = cubix_keyset_find(set, one->id);
    cubix_keyset_add(set, one->id, (int64_t)i);
  }
done:
  return status;
}

struct finds {
  struct cubix_ids *ids;
  struct cubix_choice *choice;
};

static int note(void *to, int64_t value, int part, int64_t row)
{
  int status = CUBIX_OK;
  struct finds *finds = to;
  for (int64_t i = value; i >= 0; i = finds->ids->list[i].next) {
    struct cubix_listed_id *one = &finds->ids->list[i];
    one->found++;
    CUBIX_TRY(cubix_choice_add(&finds->choice[one->which], part, row, row + 1));
  }
done:
  return status;
}

static int is_wanted(const struct cubix_simfile *sim, int type)
{
  for (int t = 0; t < sim->n_type; t++)
    if (sim->type[t] == type) return 1;
  return 0;
}

/* More particles than a group lists, or fewer. */
static int judge(const struct cubix_seek *seek, const struct cubix_ids *ids, size_t which)
{
  int status = CUBIX_OK;
  int64_t lost = 0, first = 0, once = 0, rows = 0, listed = 0;
  char word[64];
  for (size_t i = 0; i < ids->n; i++) {
    const struct cubix_listed_id *one = &ids->list[i];
    if (one->which != which || (one->type != ANY && !is_wanted(seek->sim, one->type))) continue;
    listed++;
    once += one->found > 0;
    rows += one->found;
    if (one->found == 0 && !lost++) first = one->id;
  }
  cubix_group_word(word, sizeof word, seek->par, &seek->key[which]);
  CUBIX_CHECK(!ids->typed || !lost, CUBIX_EINPUT,
              "%s: %s lists %lld particles of the types that are read, but the snapshot %s lacks %lld of them, "
              "the identifier %lld among them: they do not belong together",
              seek->listing->file[0], word, (long long)listed, seek->sim->snapshot.file[0], (long long)lost,
              (long long)first);
  if (rows > once)
    cubix_log(CUBIX_LOG_WARNING,
              "%s: %lld particles of %s have the %lld identifiers that %s lists: identifiers of split gas are not "
              "unique, and all of them are taken",
              word, (long long)rows, seek->sim->snapshot.file[0], (long long)once, seek->listing->file[0]);
done:
  return status;
}

int cubix_ids_choose(struct cubix_seek *seek, struct cubix_ids *ids)
{
  int status = CUBIX_OK;
  const struct cubix_simfile *sim = seek->sim;
  const struct cubix_species *species = cubix_simfile_species(sim);
  const struct cubix_tags tags = { .n = 1, .name = { species->field[CUBIX_FIELD_ID].dataset } };
  struct cubix_keyset set[CUBIX_N_TYPE] = { { 0 } };
  struct finds finds = { ids, seek->choice };
  const struct cubix_tag_search search = { set, 1, note, &finds };
  for (int t = 0; t < sim->n_type; t++) CUBIX_TRY(fill_set(&set[t], ids, sim->type[t]));
  CUBIX_TRY(cubix_tagged_search(sim, &tags, &search));
  for (size_t i = 0; i < seek->n; i++) CUBIX_TRY(judge(seek, ids, i));
done:
  for (int t = 0; t < CUBIX_N_TYPE; t++) cubix_keyset_free(&set[t]);
  return status;
}
