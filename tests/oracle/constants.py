"""Constants of nature (head of doc/math.md)."""
import math

C = 299792.458                      # km/s
MPC_CM = 3.0856775814913673e24
HUBBLE_GYR = 977.7922216807891      # 1/(1 km/s/Mpc)
HC = 1.986445857148968e-8           # erg AA
FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
ARCSEC = math.pi / 648000.0
