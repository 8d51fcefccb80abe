# Class counts under noise: the expensive step. Everything after it is arithmetic on these files.


rule sample:
    input:
        images=ancient(f"results/{{run}}/data/{config['sample']['split']}.npz"),
        members=members,
    output:
        "results/{run}/counts/{experiment}/sigma={sigma}/{start}-{stop}.parquet",
    log:
        "results/{run}/logs/sample/{experiment}/sigma={sigma}/{start}-{stop}.log",
    benchmark:
        "results/{run}/benchmarks/sample/{experiment}/sigma={sigma}/{start}-{stop}.tsv"
    threads: config.get("threads", 1)
    resources:
        gpu=1,
    params:
        members=lambda wildcards, input: " ".join(f"--members {path}" for path in input.members),
        options=options(config["sample"], "step", "n0", "n", "seed", "batch_size"),
        state="results/{run}/state/sample/{experiment}/sigma={sigma}/{start}-{stop}",
        version=VERSIONS["sample"],
    message:
        "Sample {wildcards.experiment} at sigma {wildcards.sigma}, images {wildcards.start} to {wildcards.stop}"
    shell:
        "resmooth sample {input.images} {wildcards.start} {wildcards.stop} {params.members} --sigma {wildcards.sigma}"
        " {params.options} --threads {threads} --state {params.state} --out {output} 2>&1 | tee {log}"


# How the members' margins vary together under shared noise, for the variance model of ensembles.
rule margins:
    input:
        images=ancient(f"results/{{run}}/data/{config['sample']['split']}.npz"),
        members=members,
    output:
        "results/{run}/tables/margins/{experiment}/sigma={sigma}/margins.parquet",
    log:
        "results/{run}/logs/margins/{experiment}/sigma={sigma}.log",
    benchmark:
        "results/{run}/benchmarks/margins/{experiment}/sigma={sigma}.tsv"
    threads: config.get("threads", 1)
    resources:
        gpu=1,
    params:
        members=lambda wildcards, input: " ".join(f"--members {path}" for path in input.members),
        images="{start} {stop}".format(**config["margins"]),
        options=options(config["sample"] | config["margins"], "step", "n", "seed", "batch_size"),
        version=VERSIONS["margins"],
    message:
        "Measure margins of {wildcards.experiment} at sigma {wildcards.sigma}"
    shell:
        "resmooth margins {input.images} {params.images} {params.members} --sigma {wildcards.sigma}"
        " {params.options} --threads {threads} --out {output} 2>&1 | tee {log}"
