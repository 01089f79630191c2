/* kept.c -- sets of instrument and templates, found by the parameters that they depend on. */
#include "mpi/pipeline/kept.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "instrument/refraction.h"
#include "mpi/comm/group.h"
#include "observation/psf.h"

/* Parameters on which none of it depends: those of the galaxy, of the noise's strength, and of what is written; where
 * the instrument points is put right (cubix_instrument_point).  A parameter that is missing here costs time only. */
static const char *const apart[] = {
  "InputFile", "SimulationFormat", "OutputFile", "Overwrite",
  "StarType", "StarAge", "StarMetallicity", "StarInitialMass", "GadgetBlocks", "SanityCheck",
  "GroupCatalogue", "GroupType", "GroupIndex", "ResampleYoung", "ResampleYoungFrom",
  "SelectRadius", "Centre", "SystemicVelocity", "CentreRadius", "Orientation", "Alpha", "Beta", "Gamma", "Inclination",
  "PositionAngle", "AlignWith", "AlignRadius",
  "Distance", "OmegaMatter", "OmegaLambda", "HubbleParam", "PointingX", "PointingY", "Roll", "SkyRa", "SkyDec",
  "SignalToNoise", "SnrAperture", "SnrLambdaMin", "SnrLambdaMax", "ExposureTime", "Seed",
  "KnnNeighbours", "SlabMemory", "ReadMode", "Object", "DateObs", "TruthMaps", "Losvd", "LosvdMax", "KeepNoiseFree",
  "MinStars",
};

static int is_apart(const char *name)
{
  for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
    if (!strcmp(apart[i], name)) return 1;
  return 0;
}

int cubix_mpi_kept_key(uint64_t key[2], const struct cubix_params *par)
{
  int status = CUBIX_OK;
  /* Roll turns the zenith, and so what the air does to the instrument */
  struct { uint64_t key[2]; double roll; } all = { .roll = cubix_refraction_wanted(par) ? par->Roll : 0 };
  CUBIX_TRY(cubix_params_hash(all.key, par, is_apart));
  cubix_hash(&all, sizeof all, key);
done:
  return status;
}

int cubix_mpi_kept_take(struct cubix_kept_set *set, struct cubix_kept *kept, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  uint64_t key[2];
  *set = (struct cubix_kept_set){ .group = cubix_mpi_group() };
  CUBIX_TRY(cubix_mpi_kept_key(key, par));
  memcpy(set->key, key, sizeof key);
  for (int i = 0; i < kept->n; i++) {
    struct cubix_kept_set *s = &kept->set[i];
    if (memcmp(s->key, key, sizeof key) || s->group != set->group) continue;
    *set = *s;
    memmove(s, s + 1, (size_t)(--kept->n - i) * sizeof *s);
    break;
  }
done:
  return status;
}

static void set_free(struct cubix_kept_set *set)
{
  cubix_psf_plan_free(set->psf);
  cubix_basis_free(set->basis);
  cubix_device_close(set->dev);
  cubix_templates_free(set->templates);
  cubix_instrument_free(set->ins);
  *set = (struct cubix_kept_set){ .ins = NULL };
}

static void drop_basis(struct cubix_kept_set *set)
{
  cubix_basis_free(set->basis);
  set->basis = NULL;
}

struct cubix_templates *cubix_mpi_kept_templates(struct cubix_kept_set *set, const struct cubix_params *par,
                                                 const struct cubix_instrument *ins, const struct cubix_scene *scene,
                                                 double v_max)
{
  struct cubix_templates *templates = set->templates;
  int covered = 0;
  set->templates = NULL;
  if (!templates) return NULL;
  if (cubix_templates_serve(templates, ins, scene, v_max)) {
    cubix_templates_renew(templates, &covered, par, ins, scene, v_max);
  } else {
    cubix_templates_free(templates);
    templates = NULL;
  }
  if (!covered) drop_basis(set);
  return templates;
}

struct cubix_basis *cubix_mpi_kept_basis(struct cubix_kept_set *set, const struct cubix_engine *engine)
{
  struct cubix_basis *basis = set->basis;
  if (!basis || engine->method != CUBIX_HISTOGRAM) return NULL;
  set->basis = NULL;
  if (!memcmp(&basis->nodes.reach, &engine->reach, sizeof engine->reach)) {
    basis->from_cache = 1;
    return basis;
  }
  cubix_basis_free(basis);
  return NULL;
}

void cubix_mpi_kept_put(struct cubix_kept *kept, struct cubix_kept_set *set, struct cubix_instrument **ins,
                        struct cubix_templates **templates, struct cubix_basis **basis, struct cubix_device **dev)
{
  if (*ins) set->ins = *ins;
  if (*templates) set->templates = *templates;
  if (*dev) set->dev = *dev;
  if (basis) {
    drop_basis(set);
    set->basis = *basis;
    *basis = NULL;
  }
  *ins = NULL;
  *templates = NULL;
  *dev = NULL;
  if (!set->ins || !set->templates || !set->dev) {
    set_free(set);
    return;
  }
  if (kept->n == CUBIX_MOST_KEPT) set_free(&kept->set[--kept->n]);
  memmove(kept->set + 1, kept->set, (size_t)kept->n++ * sizeof *set);
  kept->set[0] = *set;
  *set = (struct cubix_kept_set){ .ins = NULL };
}

void cubix_mpi_kept_free(struct cubix_kept *kept)
{
  for (int i = 0; i < kept->n; i++) set_free(&kept->set[i]);
  kept->n = 0;
}
