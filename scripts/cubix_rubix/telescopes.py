"""RUBIX's telescopes (astro-rubix 0.0.5, rubix/telescope/telescopes.yaml), and what is said here instead; doc/instruments.md has the
reasons."""
from collections import namedtuple

# field and spaxel in arcsec, channels in AA, as RUBIX has them; the parameters that make the instrument here
Telescope = namedtuple("Telescope", "field spaxel first last step instrument more")

TELESCOPES = {
    "MUSE": Telescope(5, 0.2, 4700.15, 9351.4, 1.25, "MUSE", {"FieldOfView": "5 arcsec"}),
    "MUSE_WFM": Telescope(60, 0.2, 4700.15, 9351.4, 1.25, "MUSE_WFM", {}),
    "MUSE_ultraWFM": Telescope(180, 0.2, 4700.15, 9351.4, 1.25, "MUSE", {"FieldOfView": "180 arcsec"}),
    "NIRSpec_PRISM_CLEAR": Telescope(3, 0.1, 6000, 53000, 114.36, "NIRSpec_PRISM_CLEAR", {}),
    "NIRSpec_G140M_F070LP": Telescope(3, 0.1, 7000, 12600, 6.38, "NIRSpec_G140M_F070LP", {}),
    "NIRSpec_G140M_F100LP": Telescope(3, 0.1, 9800, 18800, 6.38, "NIRSpec_G140M_F100LP", {}),
    "NIRSpec_G235M_F170LP": Telescope(3, 0.1, 17000, 31500, 10.69, "NIRSpec_G235M_F170LP", {}),
    "NIRSpec_G395M_F290LP": Telescope(3, 0.1, 28800, 52000, 17.98, "NIRSpec_G395M_F290LP", {}),
    "NIRSpec_G140H_F070LP": Telescope(3, 0.1, 7000, 12600, 2.41, "NIRSpec_G140H_F070LP", {}),
    "NIRSpec_G140H_F100LP": Telescope(3, 0.1, 9800, 18700, 2.37, "NIRSpec_G140H_F100LP", {}),
    "NIRSpec_G235H_F170LP": Telescope(3, 0.1, 17000, 31500, 3.98, "NIRSpec_G235H_F170LP", {}),
    "NIRSpec_G395H_F290LP": Telescope(3, 0.1, 28800, 52000, 6.69, "NIRSpec_G395H_F290LP", {}),
    "MaNGA_12": Telescope(12, 0.5, 3622, 10354, 1.04, "MaNGA_12", {}),
    "MaNGA_32": Telescope(32, 0.5, 3622, 10354, 1.04, "MaNGA_32", {}),
    "SAMI": Telescope(15, 0.5, 3750, 5750, 1.04, "SAMI", {}),
    "HECTOR": Telescope(30, 0.1, 3720, 5910, 1.6, "HECTOR", {}),
    "CALIFA": Telescope(74, 1.0, 3700, 4750, 2.7, "CALIFA", {}),
    "TESTGRADIENT": Telescope(2, 2.0, 4700.15, 9351.4, 10.0, "IFU", {"FieldOfView": "2 arcsec", "PixelScale": "2 arcsec",
                                                                    "LambdaMin": "4700.15 AA", "LambdaMax": "9350.15 AA",
                                                                    "LambdaStep": "10 AA"}),
}
