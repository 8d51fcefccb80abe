# resmooth: train base classifiers under noise, certify them, regenerate every table and figure, audit what the sources claim.
#   snakemake                                   the embedded run (config/digits.yaml)
#   snakemake --configfile config/cifar10.yaml  the same on CIFAR-10
#   snakemake ensembles_acr_vs_k                one table or figure, named <source>_<item>
#   snakemake audit | figures                   the audit of all claims | all notebooks
import os

from snakemake.utils import min_version

from resmooth.forked import Origin

min_version("9.0")

if not workflow.configfiles:  # not `configfile:` alone, which would merge its keys into those of --configfile

    configfile: "config/digits.yaml"


# Fonts are looked for once, not by each notebook; and jobs are started as forks of one process.
os.environ.setdefault("MPLCONFIGDIR", os.path.abspath(".cache/matplotlib"))
ORIGIN = Origin()


# Snakemake 9.27 starts a timer with each pass of its scheduler, and each timer starts a pass: a load that grows with every job that
# ends (benchmarks/snakemake_timers.py). They serve the limit of jobs per second, which jobs on this machine do not need.
onstart:
    if workflow.local_exec:
        ORIGIN.start()
        if hasattr(workflow.scheduler, "job_rate_limiter"):
            workflow.scheduler.job_rate_limiter = None


onsuccess:
    ORIGIN.close()


onerror:
    ORIGIN.close()


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/certify.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/exhibits.smk"
include: "workflow/rules/audit.smk"


rule all:
    default_target: True
    input:
        rules.certificates.input,
        rules.figures.input,
        rules.audit.input,
    message:
        f"Everything of {PATHS.root} is up to date"
