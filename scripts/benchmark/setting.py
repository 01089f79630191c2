"""What is observed: one instrument, one redshift, one field, the same for CUBIX and its peers."""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Setting:
    """The painting alone: no PSF, no LSF, no noise; wavelengths in vacuum, so that nobody converts."""
    spaxels: int = 100
    pixel: float = 0.2                   # arcsec
    redshift: float = 0.03
    first: float = 4700.15               # AA: MUSE as RUBIX's table has it
    channels: int = 3721
    step: float = 1.25

    def centres(self):
        return self.first + self.step * np.arange(self.channels)

    def rest_range(self, reach=1000.0):
        """Rest-frame wavelengths [AA] that stars of |v| <= reach [km/s] bring into the band, and a little more."""
        stretch = np.exp(reach / 299792.458)
        last = self.first + self.step * self.channels
        return self.first / (1 + self.redshift) / stretch * 0.995, last / (1 + self.redshift) * stretch * 1.005

    def write_instrument(self, path):
        side = self.spaxels * self.pixel
        path.write_text(f"""instrument = {{ name = "BENCHMARK"; reference = "scripts/benchmark"; }};
field = {{ shape = "square"; size = ( {side!r}, {side!r}, "arcsec" ); pixel = ( {self.pixel!r}, {self.pixel!r}, "arcsec" ); }};
spectrum = {{ medium = "vacuum"; first = ( {self.first!r}, "AA" ); last = ( {self.first + self.step * (self.channels - 1)!r}, "AA" );
             step = ( {self.step!r}, "AA" ); }};
psf = {{ profile = "none"; }};
lsf = {{ fwhm = ( 2.51, "AA" ); pixel = "included"; }};
noise = {{ area = ( 4.8e5, "cm2" ); throughput = ( 0.3 ); sky = ( 2e-17, "erg/s/cm2/AA/arcsec2" ); dark = ( 1e-3, "electron/s" ); read_noise = ( 3.0, "electron" );
          pixels = ( 4.0 ); exposure = ( 900.0, "s" ); sky_spaxels = ( 100.0 ); }};
""")
        return path

    def parameters(self, galaxy, library, instrument, centre, **more):
        out = {"InputFile": galaxy, "SspFile": library, "Instrument": instrument, "Redshift": repr(self.redshift),
               "Psf": "none", "Lsf": "none",
               "Noise": "none", "TruthMaps": "no", "Backend": "cpu", "Centre": " ".join(repr(float(x)) for x in centre),
               "SystemicVelocity": "auto",
               "CentreRadius": "10", "Orientation": "none"}
        out.update(more)
        return out
