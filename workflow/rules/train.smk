# Noisy base models. Snakemake deletes a failed job's output, so progress lives in the state folder; the images are `ancient` and
# the command is no `script:`, so that only a changed recipe, seed list or version retrains.


rule train:
    input:
        images=ancient(RUN + "/data/train.npz"),
    output:
        protected(RUN + "/models/{arch}-{recipe}/sigma={sigma}/seed={seed}.safetensors"),
        manifest=RUN + "/models/{arch}-{recipe}/sigma={sigma}/seed={seed}.json",
    params:
        recipe=recipe_of,
        state=RUN + "/state/train/{arch}-{recipe}/sigma={sigma}/seed={seed}",
        version=VERSIONS["train"],
    log:
        RUN + "/logs/train/{arch}-{recipe}/sigma={sigma}/seed={seed}.log",
    benchmark:
        RUN + "/benchmarks/train/{arch}-{recipe}/sigma={sigma}/seed={seed}.tsv"
    threads: config.get("threads", 1)
    resources:
        gpu=1,
    message:
        "Train {wildcards.arch} ({wildcards.recipe}) at sigma {wildcards.sigma}, seed {wildcards.seed}"
    shell:
        "resmooth train {input.images} --arch {wildcards.arch} --sigma {wildcards.sigma} --seed {wildcards.seed}"
        " --recipe {params.recipe} --threads {threads} --state {params.state} --out {output[0]} 2>&1 | tee {log}"
