"""From RUBIX's keys to parameters, one function for each of its groups."""
import difflib
import math
import os

from cubix_ssp.fault import INPUT, Fault

from .paramfile import ParamFile, quoted
from .rotation import seen
from .telescopes import TELESCOPES

VERSION = "0.0.5"
FWHM = 2 * math.sqrt(2 * math.log(2))           # of a standard deviation
DUSTY, GRADIENT = "calc_dusty_ifu", "calc_gradient"
LIBRARIES = {                                   # and how each is made
    "BruzualCharlot2003": "cubix-ssp convert rubix BC03lr.h5 OUT; the same models with lines: cubix-ssp get bc03-miles OUT",
    "Mastar_CB19_SLOG_1_5": "cubix-ssp convert pypipe3d MaStar_CB19.slog_1_5.fits.gz OUT",
    "FSPS": "cubix-ssp convert fsps --imf Chabrier fsps.h5 OUT",
    "EMILES": "cubix-ssp convert emiles FOLDER OUT",
}
# keys that say nothing of the cube, and why
ELSEWHERE = {
    "logger.log_level": "cubix -q says less, cubix -v more",
    "logger.log_file_path": "the log goes to standard output: cubix my.param > my.log",
    "logger.format": "the log has a form of its own",
    "data.args.simulation": "CUBIX downloads nothing; the file says what it is",
    "data.args.save_data_path": "CUBIX downloads nothing and makes no file in between",
    "data.load_galaxy_args.reuse": "CUBIX reads the simulation's file anew each time",
    "telescope.psf.size": "the kernel is as large as its light needs",
}
KEYS = {"pipeline.name", "data.name", "data.args.api_key", "data.args.particle_type", "data.args.snapshot",
        "data.load_galaxy_args.id", "data.subset.use_subset", "data.subset.subset_size", "simulation.name",
        "simulation.args.path", "simulation.args.halo_path", "simulation.args.halo_id", "output_path", "telescope.name",
        "telescope.psf.name", "telescope.psf.sigma", "telescope.lsf.sigma", "telescope.noise.signal_to_noise",
        "telescope.noise.noise_distribution", "cosmology.name", "cosmology.args.Om0", "cosmology.args.w0", "cosmology.args.wa",
        "cosmology.args.h", "galaxy.dist_z", "galaxy.rotation.type", "galaxy.rotation.alpha", "galaxy.rotation.beta",
        "galaxy.rotation.gamma", "ssp.template.name", "ssp.method", "ssp.dust.extinction_model", "ssp.dust.Rv",
        "ssp.dust.dust_to_gas_model", "ssp.dust.Xco", "ssp.dust.dust_grain_density", "ssp.dust.dust_to_gas_ratio",
        "ssp.dust.dust_to_metals_ratio", *ELSEWHERE}


def files(config, out, ssp):
    out.title("Files")
    name = config.word("simulation.name", ("IllustrisTNG", "NIHAO"))
    out.put("InputFile", quoted(str(config.get("simulation.args.path"))), ["simulation.args.path"])
    out.put("SimulationFormat", {"IllustrisTNG": "IllustrisTNG", "NIHAO": "Tipsy"}[name], ["simulation.name"])
    for key in "simulation.args.halo_path", "simulation.args.halo_id":
        if config.has(key):
            out.drop(key, config.get(key), "GroupCatalogue does not read this catalogue: Centre and SelectRadius, or cubix-import")
    library = str(config.get("ssp.template.name"))
    file = ssp or library + ".hdf5"
    out.put("SspFile", quoted(file), ["ssp.template.name"],
            "" if ssp else "how to make it: " + LIBRARIES.get(library, "cubix-ssp --help lists what it converts").replace("OUT", file))
    if config.has("ssp.method"):
        method = config.word("ssp.method", ("linear", "cubic"))
        out.put("SspInterpolation", {"linear": "linear", "cubic": "pchip"}[method], ["ssp.method"],
                "in log age and log Z, where RUBIX has age and Z; pchip is a cubic without overshoots")
    keys = [key for key in ("output_path", "data.load_galaxy_args.id", "data.args.snapshot") if config.has(key)]
    made = "%s_id%s_snap%s_%s_%s.fits" % (name, config.get("data.load_galaxy_args.id", 0), config.get("data.args.snapshot", 0),
                                          config.get("telescope.name"), config.get("pipeline.name"))
    out.put("OutputFile", quoted(os.path.join(str(config.get("output_path", "")), made)), [*keys, "pipeline.name"],
            "the name that RUBIX gives it; its folder must be there")


def data(config, out):
    for key in "data.name", "data.args.particle_type":
        if config.has(key):
            out.drop(key, config.get(key), "the file is read as it is; gas is where Dust or Lines ask for it")
    if config.has("data.args.api_key"):
        config.get("data.args.api_key")
        out.drop("data.args.api_key", "...", "CUBIX downloads nothing; a key belongs into no file")
    for key in "data.subset.use_subset", "data.subset.subset_size":
        if config.has(key):
            out.drop(key, config.get(key), "all stars are used; RUBIX's subset lacks the light of the others")
    for key, why in ELSEWHERE.items():
        if config.has(key):
            out.drop(key, config.get(key), why)


def galaxy(config, out):
    out.title("The galaxy")
    out.put("Redshift", "%.9g" % config.number("galaxy.dist_z", above=0), ["galaxy.dist_z"])
    kind = config.word("galaxy.rotation.type", ("face-on", "edge-on", "matrix"), None)
    keys = ["galaxy.rotation." + k for k in ("alpha", "beta", "gamma")]
    if kind:
        for key in filter(config.has, keys):
            out.drop(key, config.get(key), "RUBIX does not look at it where there is a type")
        angles, keys = [0.0 if kind == "face-on" else 90.0, 0.0, 0.0], ["galaxy.rotation.type"]
    else:
        angles = [config.number(key) for key in keys]
    if kind == "matrix":
        out.remark("the type matrix is edge-on in RUBIX, too")
    inclination, angle = seen(*angles[:2])
    out.put("Orientation", "inclined", keys, "from the galaxy's principal axes, as in RUBIX")
    out.put("Inclination", "%.6g deg" % inclination, keys)
    out.put("PositionAngle", "%.6g deg" % angle, keys, "the receding half's; RUBIX leaves to chance which half that is")
    if angles[1] or angles[2]:
        out.remark("beta and gamma also turn the disc in itself, which has no parameter here: a bar will point elsewhere")
    if config.get("simulation.name") == "NIHAO":
        out.put("AlignWith", "angularmomentum", ["simulation.name"], "as pynbody's faceon")
    if config.word("cosmology.name", ("PLANCK15", "CUSTOM")) == "PLANCK15":
        keys, omega, h = ["cosmology.name"], 0.3075, 0.6774
    else:
        keys = ["cosmology.name", *("cosmology.args." + k for k in ("Om0", "w0", "wa", "h"))]
        omega, h = config.number(keys[1], above=0), config.number(keys[4], above=0)
        for key, usual in (keys[2], -1.0), (keys[3], 0.0):
            if config.number(key, usual) != usual:
                raise Fault(INPUT, "%s: %s is %g; dark energy is a cosmological constant here (w0 = -1, wa = 0): leave it out, and add "
                                   "the luminosity distance as Distance" % (config.path, key, config.number(key)))
    out.put("OmegaMatter", "%.9g" % omega, keys)
    out.put("OmegaLambda", "%.9g" % (1 - omega), keys)
    out.put("HubbleParam", "%.9g" % h, keys)


def telescope(config, out):
    out.title("The instrument")
    name = config.word("telescope.name", TELESCOPES)
    tel = TELESCOPES[name]
    out.put("Instrument", tel.instrument, ["telescope.name"],
            "as it is; RUBIX has %g to %g AA in steps of %g AA, %g arcsec in spaxels of %g arcsec, a square"
            % (tel.first, tel.last, tel.step, tel.field, tel.spaxel))
    for parameter, value in tel.more.items():
        out.put(parameter, value, ["telescope.name"])
    if config.has("telescope.psf.name") or config.has("telescope.psf.sigma"):
        config.word("telescope.psf.name", ("gaussian",))
        out.put("Psf", "gaussian", ["telescope.psf.name"])
        out.put("PsfFwhm", "%.6g arcsec" % (FWHM * config.number("telescope.psf.sigma", above=0) * tel.spaxel),
                ["telescope.psf.sigma"], "a standard deviation in spaxels of %g arcsec" % tel.spaxel)
    if config.has("telescope.lsf.sigma"):
        out.put("Lsf", "gaussian", ["telescope.lsf.sigma"])
        out.put("LsfFwhm", "%.6g AA" % (FWHM * config.number("telescope.lsf.sigma", above=0)), ["telescope.lsf.sigma"],
                "a standard deviation in AA; the library's own width counts as part of it, where RUBIX adds it")
    if config.has("telescope.noise.signal_to_noise"):
        snr = config.number("telescope.noise.signal_to_noise", above=0)
        keys = ["telescope.noise.signal_to_noise"]
        out.put("Noise", "snr", keys, "that of photons, sky and detector; RUBIX's is a fraction of the flux")
        out.put("SignalToNoise", "%.6g" % (snr / math.sqrt(tel.step)), keys, "per sqrt(AA); RUBIX's is per channel of %g AA" % tel.step)
        out.put("SnrAperture", "%.4g arcsec" % (tel.field / 2), keys,
                "RUBIX's S/N is the median spaxel's; make this smaller where the galaxy does not fill the field")
    if config.has("telescope.noise.noise_distribution"):
        key = "telescope.noise.noise_distribution"
        out.drop(key, config.get(key), "noise is Poisson's and Gauss's; RUBIX's uniform one has the mean 1/2")


def dust(config, out):
    keys = [key for key in config.value if key.startswith("ssp.dust.") and key in KEYS]
    if config.get("pipeline.name") != DUSTY:
        for key in keys:
            out.drop(key, config.get(key), "RUBIX uses it in calc_dusty_ifu only; Dust=gas is that here")
        return
    out.title("Dust")
    law = config.word("ssp.dust.extinction_model", ("Cardelli89", "Gordon23"), "Cardelli89")
    out.put("Dust", "gas", ["pipeline.name"])
    out.put("DustLaw", {"Cardelli89": "CCM89", "Gordon23": "G23"}[law], ["ssp.dust.extinction_model"],
            "at rest wavelengths; RUBIX's are the observed ones" + (", taken for their inverse" if law == "Cardelli89" else ""))
    if config.has("ssp.dust.Rv"):
        out.put("DustRv", "%g" % config.number("ssp.dust.Rv", above=0), ["ssp.dust.Rv"])
    if config.has("ssp.dust.dust_to_metals_ratio"):
        out.put("DustToMetal", "%g" % config.number("ssp.dust.dust_to_metals_ratio", at_least=0), ["ssp.dust.dust_to_metals_ratio"])
    for key in keys:
        if key.endswith(("dust_to_gas_model", "Xco", "dust_to_gas_ratio")):
            out.drop(key, config.get(key), "dust is a share of the gas's metals, DustToMetal")
        elif key.endswith("dust_grain_density"):
            out.drop(key, config.get(key), "DustOpacity is the extinction of a gram of dust")


def convert(config, ssp=None):
    """The parameter file, and what the user should be told."""
    out, told = ParamFile(), []
    pipeline = config.word("pipeline.name", ("calc_ifu", DUSTY, GRADIENT))
    files(config, out, ssp)
    galaxy(config, out)
    telescope(config, out)
    dust(config, out)
    data(config, out)
    if pipeline == GRADIENT:
        out.remark("pipeline.name calc_gradient: add Mode gradient, ObservedFile and Parameters (doc/gradients.md)")
        told.append("calc_gradient is a cube here; add Mode gradient, ObservedFile and Parameters (doc/gradients.md)")
    for key in config.never_asked():
        if key in KEYS:
            out.drop(key, config.get(key), "without the keys beside it RUBIX makes nothing of it")
            continue
        near = difflib.get_close_matches(key, KEYS, 1, 0.8)
        out.miss(key, config.value[key])
        told.append("unknown key '%s' was not converted%s" % (key, "; did you mean '%s'?" % near[0] if near else ""))
    return out.text(config.path, VERSION), told
