# Counts to radii: milliseconds. Another alpha never samples again. A rule for each number of seeds, which decides on the classifiers.


for seeds in SEEDS:

    rule:
        name:
            f"certify_{seeds}"
        input:
            COUNTS,
        output:
            expand(
                "results/{{run}}/certificates/{{experiment}}/sigma={{sigma}}/{classifier}.tsv",
                classifier=classifiers(seeds),
            ),
        log:
            "results/{run}/logs/certify/{experiment}/sigma={sigma}.log",
        benchmark:
            "results/{run}/benchmarks/certify/{experiment}/sigma={sigma}.tsv"
        wildcard_constraints:
            experiment=with_seeds(seeds),
        params:
            options=options(config["certify"], "alpha", "bound", "n"),
            folder=subpath(output[0], parent=True),
            version=VERSIONS["certify"],
        message:
            "Certify {wildcards.experiment} at sigma {wildcards.sigma}"
        shell:
            "resmooth certify {input} {params.options} --out {params.folder} 2>&1 | tee {log}"


rule certificates:
    input:
        CERTIFICATES,
    message:
        f"All certificates of results/{config['run']} are up to date"
