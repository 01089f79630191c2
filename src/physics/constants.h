/* constants.h -- every constant of nature, with unit and source.  Included by host and device code alike. */
#ifndef CUBIX_CONSTANTS_H
#define CUBIX_CONSTANTS_H

#define CUBIX_C_KMS         299792.458               /* speed of light [km/s], exact (SI)                          */
#define CUBIX_MPC_CM        3.0856775814913673e24    /* megaparsec [cm], IAU 2015 B2 (648000/pi au)                */
#define CUBIX_KPC_CM        3.0856775814913673e21    /* kiloparsec [cm]                                            */
#define CUBIX_MSUN_G        1.98840987e33            /* solar mass [g], IAU 2015 B3 nominal GM_sun / CODATA 2018 G */
#define CUBIX_GRAVITY       4.300917270036278e-6     /* G [kpc (km/s)^2/Msun]: nominal GM_sun, 1.3271244e20 m3/s2     */
#define CUBIX_GYR_S         3.15576e16               /* gigayear of Julian years [s]                               */
#define CUBIX_HUBBLE_GYR    977.7922216807891        /* 1/(1 km/s/Mpc) [Gyr of Julian years]                       */
#define CUBIX_HC_ERG_AA     1.986445857148968e-8     /* h c [erg AA], CODATA 2018                                  */
#define CUBIX_MP_KB         1.2114751277768644e-8/* proton mass / Boltzmann constant [g K/erg], CODATA 2018  */
#define CUBIX_FWHM_SIGMA    2.3548200450309493       /* FWHM of a Gaussian in units of its sigma, 2 sqrt(2 ln 2)   */
#define CUBIX_PI            3.14159265358979323846
#define CUBIX_ARCSEC_RAD    (CUBIX_PI / 648000.)     /* one arcsec [rad]                                           */

#endif
