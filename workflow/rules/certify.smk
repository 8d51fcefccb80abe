# Counts to radii: milliseconds. Another alpha never samples again. A rule for each number of seeds, which decides on the classifiers.

for number in RUN.seeds:

    rule:
        name:
            f"certify_{number}"
        input:
            [PATHS.counts("{experiment}", "{sigma}", shard) for shard in RUN.shards],
        output:
            [PATHS.certificates("{experiment}", "{sigma}", name) for name in classifier_names(number)],
        log:
            PATHS.log("certify/{experiment}/sigma={sigma}"),
        benchmark:
            PATHS.benchmark("certify/{experiment}/sigma={sigma}")
        wildcard_constraints:
            experiment=with_seeds(number),
        params:
            options=setting("certify", "options"),
            folder=subpath(output[0], parent=True),
            version=VERSIONS["certify"],
        message:
            "Certify {wildcards.experiment} at sigma {wildcards.sigma}"
        shell:
            "resmooth certify {input} {params.options} --out {params.folder} 2>&1 | tee {log}"


rule certificates:
    input:
        RUN.certificates(RUN.experiments.values()),
    message:
        f"All certificates of {PATHS.root} are up to date"
