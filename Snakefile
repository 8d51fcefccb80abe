# resmooth: train base classifiers under noise, certify them, regenerate every table and figure, audit the printed numbers.
#   snakemake                                   the embedded run (config/digits.yaml)
#   snakemake --configfile config/cifar10.yaml  the same on CIFAR-10
#   snakemake ensembles_acr_vs_k                one table or figure, named <source>_<item>
#   snakemake audit | figures                   the audit of the printed claims | all notebooks
import sys

from snakemake.utils import min_version

min_version("9.0")

if not workflow.configfiles:  # not `configfile:` alone, which would merge its keys into those of --configfile

    configfile: "config/digits.yaml"


include: "workflow/rules/common.smk"


for section in ("sample", "margins", "decide", "scores"):
    if not holds_images(config[section]["start"], config[section]["stop"], config[section]["step"]):
        sys.exit(f"config: {section}: no multiple of step lies between start and stop; choose another range")


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/certify.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/notebooks.smk"


rule all:
    default_target: True
    input:
        CERTIFICATES,
        rules.figures.input,
        rules.audit.input,
    message:
        f"Everything of results/{config['run']} is up to date"
