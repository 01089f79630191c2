/* test_params_needs.c -- which parameters and leaves have no effect, and what is said of them. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include "base/error.h"
#include "base/log.h"
#include "fit/leaves.h"
#include "params/params_table.h"
#include "tests/params_lab.h"

static char idle[4096];   /* all that was said to have no effect */

static void listen(enum cubix_log_level level, const char *line, void *host)
{
  (void)host;
  if (level == CUBIX_LOG_WARNING && strlen(idle) + strlen(line) + 2 < sizeof idle) strcat(strcat(idle, line), "\n");
}

/* Whether a parameter file makes the program warn so. */
static int warns(const char *text, const char *want)
{
  idle[0] = '\0';
  cubix_log_to(listen, NULL);
  int read = parse(text) == CUBIX_OK;
  if (read) cubix_params_warn_idle(par);
  cubix_log_to(NULL, NULL);
  if (strcmp(idle, want)) printf("warned: %swanted: %s", idle, want);
  return read && !strcmp(idle, want);
}

/* A value that is the default's is no request that could be without effect, however it is spelt. */
static void test_idle(void)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fputs(REQUIRED, out);
  CHECK_IS(cubix_params_write_doc(out, "template"), ==, CUBIX_OK);
  fclose(out);
  CHECK(warns(text, ""));
  free(text);
  CHECK(warns(REQUIRED "SystemicVelocity none\nCentreRadius 1e1 kpc\nAlpha 0.0\nRedshift 0.5\n", ""));
  CHECK(warns(REQUIRED "SnrAperture 1.5\nPsfFwhm 800 mas\nFitAgeBins 3\nFitRestartFile \"a b\"\n",
              "PsfFwhm = 0.8 (t.param:5) has no effect: it belongs to Psf gaussian or moffat\n"
              "SnrAperture = 1.5 (t.param:4) has no effect: it belongs to Noise snr or exposure\n"
              "FitAgeBins = 3 (t.param:6) has no effect: it belongs to Mode fit with FitModel bins\n"
              "FitRestartFile = \"a b\" (t.param:7) has no effect: it belongs to Mode fit\n"));
  CHECK(warns(REQUIRED "SnrAperture 1.5\nNoise exposure\nPsfFwhm 0.8\nPsf moffat\nPositionAngle 3\nOrientation edgeon\n"
              "Mode fit\nFitAgeBins 3\nFitModel bins\nTolerance 1e-3\nCentreRadius 2\n", ""));
  CHECK(warns(REQUIRED "Mode fit\nFitAgeBins 3\nOrientation angles\nPositionAngle 3\nCentreRadius 2\n"
              "SystemicVelocity 1 2 3\n",
              "CentreRadius = 2 (t.param:8) has no effect: it belongs to SystemicVelocity auto\n"
              "PositionAngle = 3 (t.param:7) has no effect: it belongs to Orientation faceon, edgeon or inclined\n"
              "FitAgeBins = 3 (t.param:5) has no effect: it belongs to Mode fit with FitModel bins\n"));
  CHECK(takes("Deposit gaussian\n"));
  CHECK(!cubix_params_unmet(par, ""));
  CHECK(!cubix_params_unmet(par, "Deposit gaussian with SmoothingLength file"));
  CHECK(cubix_params_unmet(par, "Deposit gaussian with SmoothingLength > 0; a remark"));
  CHECK(cubix_params_unmet(par, "Deposit gauss"));
  CHECK(cubix_params_unmet(par, "Deposit cic, tsc or nearest"));
  CHECK(!cubix_params_unmet(par, "Deposit cic, tsc or nearest, or SmoothingLength file"));
  CHECK(!cubix_params_unmet(par, "Deposit gaussian with SmoothingLength file, or Lines sfr"));
  CHECK(cubix_params_unmet(par, "Deposit cic, or Lines sfr"));
  CHECK(takes("Deposit gaussian\nSmoothingLength 0.1\n"));
  CHECK(!cubix_params_unmet(par, "Deposit gaussian with SmoothingLength > 0; a remark"));
  CHECK(cubix_params_unmet(par, "Deposit gaussian with SmoothingLength file"));
}

/* Something but the default: any text, or a word of the choice. */
static int set_another(const char *name)
{
  static const char *const word[] = { "another", "screen", "sfr", "fibres" };
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (!cubix_params_set(par, name, word[i])) return 1;
  return 0;
}

/* What a row of the table needs can be had: there are such parameters and such words. */
static void test_needs(void)
{
  int n = 0;
  CHECK(takes(""));
  for (int i = 0; i < cubix_param_n_row; i++) {
    char needs[256], *rest = NULL;
    snprintf(needs, sizeof needs, "%s", cubix_param_table[i].needs);
    for (char *name = strtok_r(needs, " ", &rest), *word; name; name = strtok_r(NULL, " ", &rest)) {
      while ((word = strtok_r(NULL, " ", &rest)) && strcmp(word, "with")) {
        word[strcspn(word, ",")] = '\0';
        if (!strcmp(word, "not")) {
          CHECK(strtok_r(NULL, " ", &rest));
          CHECK(set_another(name));
          n++;
          continue;
        }
        if (!strcmp(word, ">")) {                            /* 2 where 100 is too large */
          CHECK(strtok_r(NULL, " ", &rest));
          word = cubix_params_set(par, name, "100") ? "2" : "100";
        }
        if (strcmp(word, "or")) {
          CHECK(!cubix_params_set(par, name, word));
          n++;
        }
      }
    }
    CHECK(!cubix_params_unmet(par, cubix_param_table[i].needs));
  }
  CHECK_IS(n, >, 30);
}

/* Whether a leaf has an effect with these lines of a parameter file. */
static int has_effect(enum cubix_leaf leaf, const char *lines)
{
  CHECK(takes(lines));
  return !cubix_leaf_unmet(par, leaf);
}

static int is_among(enum cubix_leaf leaf, const enum cubix_leaf *list, size_t n)
{
  int found = 0;
  for (size_t i = 0; i < n; i++) found |= list[i] == leaf;
  return found;
}

static void test_leaves(void)
{
  static const char most[] = "Orientation inclined\nDeposit gaussian\nDistance 5\nPsf moffat\nPsfFwhm 1\n"
                             "Lsf gaussian\nLsfFwhm 2\nDust gas\nLines sfr\n";
  static const enum cubix_leaf never[] = { CUBIX_LEAF_Alpha, CUBIX_LEAF_Beta, CUBIX_LEAF_Gamma,
                                           CUBIX_LEAF_DepositLength, CUBIX_LEAF_DustSlope };
  static const enum cubix_leaf bound[] = {
    CUBIX_LEAF_Alpha, CUBIX_LEAF_Beta, CUBIX_LEAF_Gamma, CUBIX_LEAF_SmoothingLength, CUBIX_LEAF_DepositLength,
    CUBIX_LEAF_Inclination, CUBIX_LEAF_PositionAngle, CUBIX_LEAF_Distance, CUBIX_LEAF_PsfFwhm, CUBIX_LEAF_PsfBeta,
    CUBIX_LEAF_LsfFwhm, CUBIX_LEAF_DustScreen, CUBIX_LEAF_DustRv, CUBIX_LEAF_DustSlope, CUBIX_LEAF_DustToMetal,
    CUBIX_LEAF_LineLogU, CUBIX_LEAF_LineTurbulence, CUBIX_LEAF_LineEscape, CUBIX_LEAF_LineDust, CUBIX_LEAF_GasMass,
    CUBIX_LEAF_GasMetallicity, CUBIX_LEAF_GasPosition, CUBIX_LEAF_GasVelocity, CUBIX_LEAF_GasSfr
  };
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    CHECK_IS(has_effect((enum cubix_leaf)leaf, most), ==,
             !is_among((enum cubix_leaf)leaf, never, sizeof never / sizeof *never));
    CHECK_IS(has_effect((enum cubix_leaf)leaf, ""), ==,
             !is_among((enum cubix_leaf)leaf, bound, sizeof bound / sizeof *bound));
  }
  CHECK(has_effect(CUBIX_LEAF_GasPosition, "Dust gas\n") && has_effect(CUBIX_LEAF_GasPosition, "Lines sfr\n"));
  CHECK(!has_effect(CUBIX_LEAF_GasPosition, "Dust screen\nLines stars\n"));
  CHECK_TEXT(cubix_leaf_unmet(par, CUBIX_LEAF_GasPosition), "Dust gas, or Lines sfr");
  CHECK(!has_effect(CUBIX_LEAF_GasVelocity, "Dust gas\n") && has_effect(CUBIX_LEAF_LineLogU, "Lines stars\n"));
  CHECK(has_effect(CUBIX_LEAF_Beta, "Orientation angles\n"));
  CHECK(has_effect(CUBIX_LEAF_PositionAngle, "Orientation faceon\n"));
  CHECK(!has_effect(CUBIX_LEAF_Inclination, "Orientation edgeon\n"));
  CHECK(has_effect(CUBIX_LEAF_DepositLength, "Deposit gaussian\nSmoothingLength 0.1\n"));
  CHECK(!has_effect(CUBIX_LEAF_SmoothingLength, "Deposit gaussian\nSmoothingLength 0.1\n"));
  CHECK(has_effect(CUBIX_LEAF_PsfFwhm, "Psf gaussian\nPsfFwhm 1\n"));
  CHECK(!has_effect(CUBIX_LEAF_PsfBeta, "Psf gaussian\nPsfFwhm 1\n"));
  CHECK_TEXT(cubix_leaf_unmet(par, CUBIX_LEAF_Gamma), "Orientation angles");
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_idle());
  CASE(test_needs());
  CASE(test_leaves());
  cubix_params_free(par);
  return check_done();
}
