# Noisy base models. Snakemake deletes a failed job's output, so progress lives in the state folder; the images are `ancient` and
# the command is no `script:`, so that only a changed recipe, seed list or version retrains. Not `protected()`: it would stop a user
# who changed a recipe on purpose, but not root, and the command itself keeps a finished checkpoint.


rule train:
    input:
        images=ancient("results/{run}/data/train.npz"),
    output:
        model="results/{run}/models/{arch}-{recipe}/sigma={sigma}/seed={seed}.safetensors",
        manifest="results/{run}/models/{arch}-{recipe}/sigma={sigma}/seed={seed}.json",
    log:
        "results/{run}/logs/train/{arch}-{recipe}/sigma={sigma}/seed={seed}.log",
    benchmark:
        "results/{run}/benchmarks/train/{arch}-{recipe}/sigma={sigma}/seed={seed}.tsv"
    threads: config.get("threads", 1)
    resources:
        gpu=1,
    params:
        recipe=recipe_of,
        state="results/{run}/state/train/{arch}-{recipe}/sigma={sigma}/seed={seed}",
        version=VERSIONS["train"],
    message:
        "Train {wildcards.arch} ({wildcards.recipe}) at sigma {wildcards.sigma}, seed {wildcards.seed}"
    shell:
        "resmooth train {input.images} --arch {wildcards.arch} --sigma {wildcards.sigma} --seed {wildcards.seed}"
        " --recipe {params.recipe} --threads {threads} --state {params.state} --out {output.model} 2>&1 | tee {log}"
