"""Lines by name: vacuum wavelengths and ions.

Wavelengths are Ritz wavelengths of NIST as in the data analysis pipeline of MaNGA (to 10053 AA), redder ones from
the standard values in air.  Those that Cloudy writes are some 5 km/s too red, [OII]3730 20 km/s."""

MASS = {"H": 1.008, "He": 4.0026, "C": 12.011, "N": 14.007, "O": 15.999, "Ne": 20.180, "Mg": 24.305, "Al": 26.982,
        "Si": 28.085, "S": 32.06,
        "P": 30.974, "Cl": 35.45, "Ar": 39.95, "K": 39.098, "Na": 22.990, "Ca": 40.078, "Fe": 55.845}

#   name        vacuum AA   element
KNOWN = (
    ("Lya",       1215.670, "H"),
    ("OII3727",   3727.092, "O"),
    ("OII3730",   3729.875, "O"),
    ("NeIII3870", 3869.86,  "Ne"),
    ("NeIII3969", 3968.59,  "Ne"),
    ("He",        3971.195, "H"),
    ("Hd",        4102.892, "H"),
    ("Hg",        4341.684, "H"),
    ("OIII4364",  4364.436, "O"),
    ("HeII4687",  4687.015, "He"),
    ("Hb",        4862.683, "H"),
    ("OIII4960",  4960.295, "O"),
    ("OIII5008",  5008.240, "O"),
    ("NI5202",    5201.705, "N"),
    ("NII5756",   5756.2,   "N"),
    ("HeI5877",   5877.252, "He"),
    ("OI6302",    6302.046, "O"),
    ("OI6366",    6365.536, "O"),
    ("NII6550",   6549.86,  "N"),
    ("Ha",        6564.608, "H"),
    ("NII6585",   6585.27,  "N"),
    ("HeI6680",   6679.996, "He"),
    ("SII6718",   6718.295, "S"),
    ("SII6733",   6732.674, "S"),
    ("HeI7068",   7067.657, "He"),
    ("ArIII7138", 7137.76,  "Ar"),
    ("SIII9071",  9071.1,   "S"),
    ("SIII9533",  9533.2,   "S"),
    ("Pae",       9548.588, "H"),
    ("HeI10833",  10833.3,  "He"),
    ("FeII12570", 12570.2,  "Fe"),
    ("Pab",       12821.58, "H"),
    ("Paa",       18756.12, "H"),
    ("Brg",       21661.2,  "H"),
)
NEAR = 6e-5          # of the wavelength: how far a table's may be off ([OII]3730 of Cloudy: 6.5e-5 is told by its name)
WIDER = {"OII3730": 8e-5}


def identify(wave, ions):
    """The names, vacuum wavelengths and masses of lines; `ions` are the elements as the table has them.  Lines that
    are not known keep the table's wavelength, less the mean offset of those that are.
    Returns names, wavelengths, masses, the offset, and which are known."""
    import numpy as np
    wave = np.asarray(wave, float)
    names, known = [None] * wave.size, np.zeros(wave.size, bool)
    true = wave.copy()
    for name, at, element in KNOWN:
        near = [i for i in np.flatnonzero(np.abs(wave / at - 1) < WIDER.get(name, NEAR))
                if ions[i] == element and names[i] is None]
        if near:
            i = min(near, key=lambda i: abs(wave[i] - at))
            names[i], true[i], known[i] = name, at, True
    offset = np.median(wave[known] / true[known]) - 1 if known.any() else 0.0
    true[~known] /= 1 + offset
    for i in np.flatnonzero(~known):
        name = "%s_%d" % (ions[i], round(true[i]))
        names[i] = name if name not in names else "%s_%.1f" % (ions[i], true[i])
    return names, true, np.array([MASS[ion] for ion in ions]), offset, known
