"""A library made by fastar (package fastar-astro, MIT), which synthesises MILES spectra along BaSTI-IAC
isochrones in JAX.

Its IntegratedSSPSynthesizer gives, for an age [Gyr], [M/H] and an IMF, the spectrum at 10 pc in erg/s/cm2/AA
per solar mass formed (its AB magnitudes are absolute: fastar/synthesis/ssp/base.py), 3540.5-7409.6 AA in air
in steps of 0.9 AA, FWHM 2.51 AA; from 20 Myr to 14 Gyr.  Younger stars get the light of 20 Myr.
"""
import numpy as np

from . import light
from .canonical import Library
from .fault import COMMAND, Fault

Z_SUN = 0.0153             # BaSTI-IAC, Hidalgo et al. 2018, ApJ 856, 125
AREA = 4.0 * np.pi * 3.0856775814913673e19 ** 2      # cm2, sphere of 10 pc
#        --imf       function of fastar.imf    what it is
IMFS = {"chabrier": ("chabrier", "Chabrier 2003, 0.1-100 Msun"), "kroupa": ("kroupa", "Kroupa 2001, 0.1-100 Msun"),
        "salpeter": ("single_power_law", "Salpeter 1955, slope 2.35, 0.1-100 Msun")}


def make(asked):
    name = asked.imf("chabrier")
    if name not in IMFS:
        raise Fault(COMMAND, "--imf %s: fastar is asked for one of %s" % (name, ", ".join(sorted(IMFS))))
    try:
        import fastar
        from fastar import imf as functions
    except ImportError as error:
        raise Fault(COMMAND,
                    "fastar is not installed (%s): pip install fastar-astro, or run this with a Python that has "
                    "it" % error)
    function, text = IMFS[name]
    ssp = fastar.IntegratedSSPSynthesizer(imf_function=getattr(functions, function))
    air, ages, metals = (np.asarray(values, float) for values in (ssp.wave, ssp.iso_ages, ssp.iso_mets))
    asked.say("fastar makes %d x %d spectra of %.0f Myr to %.0f Gyr; younger stars will get the light of the "
              "youngest ..."
              % (metals.size, ages.size, 1e3 * ages[0], ages[-1]))
    flux = np.array([[np.asarray(ssp.synthesize(age, metal), float) for age in ages] for metal in metals])
    mass = np.array([[float(ssp.stellar_mass(age, metal)) for age in ages] for metal in metals])
    return library(air, ages, metals, flux, mass, text, asked)


def library(air, ages, metals, flux, mass, imf, asked):
    """flux [n_Z][n_age][n_lambda] at 10 pc."""
    vacuum, luminosity, fwhm = light.to_vacuum(air, np.maximum(flux, 0.0) * AREA, np.full(air.size, 2.51), "air")
    tables = {"Age": ages, "Metallicity": asked.z_sun(Z_SUN, "") * 10.0 ** metals, "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": fwhm, "SurvivingMass": mass}
    texts = {"Name": "fastar: MILES, BaSTI-IAC", "IMF": imf, "SourceMedium": "air", "Program": "cubix-ssp get fastar",
             "Reference": "package fastar-astro (Martin-Navarro); MILES: Sanchez-Blazquez et al. 2006, MNRAS 371, 703; "
                          "BaSTI-IAC: Hidalgo et al. 2018, ApJ 856, 125; Worthey & Lee 2011, ApJS 193, 1",
             "Licence": "MIT"}
    return Library(tables, texts, light.LSUN,
                   notes={"SurvivingMass": "Mass in living stars, remnants not counted, per solar mass formed"})
