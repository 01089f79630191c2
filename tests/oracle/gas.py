"""Dust of gas (physics of doc/gas-and-dust.md): kernels, which cells have dust, and the A(V) that it gives."""
import numpy as np

CM2_PER_KPC2 = 9.521406137e42           # (3.0856775814913673e21 cm)^2
GRAM_PER_MSUN = 1.98840987e33
ALBEDO_V = 0.674                        # Draine 2003, R_V = 3.1


def kernel_radius(mass, density, factor=2.5):
    """factor times the radius of a sphere of the cell's volume."""
    return factor * (0.75 / np.pi * mass / density)**(1 / 3)


def has_dust(which, temperature=None, sfr=None):
    forms = sfr > 0 if sfr is not None else False
    cool = temperature < 8000 if temperature is not None else False
    return {"cool": cool | forms, "starforming": forms, "all": np.ones(np.shape(temperature), bool)}[which]


def effect(which, albedo=ALBEDO_V):
    return {"extinction": 1.0, "absorption": 1 - albedo,
            "mixed": 0.7 * np.sqrt(1 - albedo) + 0.3 * (1 - albedo)}[which]


def weight(dust_mass, opacity=2.6e4, which="extinction"):
    """mag kpc^2 of so many Msun of dust: 2.5 log10(e) kappa m."""
    return 2.5 * np.log10(np.e) * opacity * effect(which) * dust_mass * GRAM_PER_MSUN / CM2_PER_KPC2
