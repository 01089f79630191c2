"""The table that is part of CUBIX (src/lines/line_demo.c, which has the sources), as a file: to look at, or to change."""
import numpy as np

from cubix_lines.canonical import Table

SOLAR, LOWEST, HIGHEST, ALPHA, DECREMENT = 0.0142, -1.09, 0.16, 1.37e-12, 2.86
#              log of the sum over its line of hydrogen, in powers of log Z/Z_sun; slope with log U; that line over Hb
RELATIONS = {"hydrogen": ((0.0,), 0.0, 1.0),
             "oiii": ((-0.277, -3.549, -3.593, -0.981), 0.69, 1.0),
             "oii": ((0.418, -0.961, -3.505, -1.949), -0.39, 1.0),
             "nii": ((-0.489, 1.513, -2.554, -5.293, -2.867), -0.46, DECREMENT),
             "sii": ((-0.442, -0.360, -6.271, -8.339, -3.559), -0.61, DECREMENT)}
LINES = (("OII3727", 3727.092, 15.999, "oii", 1 / 2.4), ("OII3730", 3729.875, 15.999, "oii", 1.4 / 2.4),
         ("Hd", 4102.892, 1.008, "hydrogen", 0.259), ("Hg", 4341.684, 1.008, "hydrogen", 0.468),
         ("Hb", 4862.683, 1.008, "hydrogen", 1.0), ("OIII4960", 4960.295, 15.999, "oiii", 1 / 2.98),
         ("OIII5008", 5008.240, 15.999, "oiii", 1.0), ("NII6550", 6549.86, 14.007, "nii", 1 / 2.95),
         ("Ha", 6564.608, 1.008, "hydrogen", DECREMENT), ("NII6585", 6585.27, 14.007, "nii", 1.0),
         ("SII6718", 6718.295, 32.06, "sii", 1.4 / 2.4), ("SII6733", 6732.674, 32.06, "sii", 1 / 2.4))


def table():
    x, log_u = np.linspace(LOWEST, HIGHEST, 26), np.array([-4.0, -1.0])
    light = np.empty((len(x), len(log_u), 1, len(LINES)))
    for line, (_, _, _, name, part) in enumerate(LINES):
        powers, slope, over = RELATIONS[name]
        ratio = over * 10**(np.polynomial.polynomial.polyval(x, powers)[:, None] + slope * (log_u + 3))
        light[:, :, 0, line] = ALPHA / DECREMENT * part * ratio
    names, wave, mass = ([line[i] for line in LINES] for i in range(3))
    tables = {"Metallicity": SOLAR * 10**x, "LogU": log_u, "Age": np.array([0.003]), "Wavelength": np.array(wave),
              "IonMass": np.array(mass), "Luminosity": light}
    texts = {"Name": "demo: closed form, not for science", "Licence": "as CUBIX", "Program": "cubix-lines demo",
             "Reference": "Osterbrock & Ferland 2006; Curti et al. 2017, MNRAS 465, 1384; Curti et al. 2020, MNRAS 491, "
                          "944; Byler et al. 2017, ApJ 840, 44"}
    return Table(tables, names, texts, SOLAR, 10**(8.69 - 12), demo=1)
