# Noisy base models. Snakemake deletes a failed job's output, so progress lives in the state folder; the images are `ancient` and
# the command is no `script:`, so that only a changed recipe, seed list or version retrains. Not `protected()`: it would stop a user
# who changed a recipe on purpose, but not root, and the command itself keeps a finished checkpoint.
#
# A job trains one network or, with `stacked`, all seeds of an experiment at once: then there is a rule for each number of seeds.
# `processes` share the batches of a job, each with a GPU of its own.

PROCESSES = RUN.config.get("processes", 1)
TRAIN = "resmooth train"
if PROCESSES > 1:
    TRAIN = f"python -m torch.distributed.run --standalone --nproc-per-node {PROCESSES} -m resmooth.cli train"


for number in RUN.seeds if RUN.config.get("stacked") else [None]:
    seeds = range(number) if number else ["{seed}"]
    job = f"seeds=0-{number - 1}" if len(seeds) > 1 else f"seed={seeds[0]}"

    rule:
        name:
            f"train_{number}" if number else "train"
        input:
            images=ancient(PATHS.data("train")),
        output:
            models=[PATHS.checkpoint("{experiment}", "{sigma}", seed) for seed in seeds],
            manifests=[PATHS.checkpoint("{experiment}", "{sigma}", seed, "json") for seed in seeds],
        log:
            PATHS.log(f"train/{{experiment}}/sigma={{sigma}}/{job}"),
        benchmark:
            PATHS.benchmark(f"train/{{experiment}}/sigma={{sigma}}/{job}")
        wildcard_constraints:
            experiment=with_seeds(number),
        threads: THREADS * PROCESSES
        resources:
            gpu=PROCESSES,
        params:
            networks=networks,
            recipe=setting("train", "recipe"),
            state=setting("train", "state"),
            processes=PROCESSES,
            version=VERSIONS["train"],
        message:
            f"Train {{wildcards.experiment}} at sigma {{wildcards.sigma}}, {job.replace('{', '{wildcards.')}"
        shell:  # evaluated when a job runs: nothing of the loop in here
            f"{TRAIN} {{input.images}} --sigma {{wildcards.sigma}} {{params.networks}} --recipe {{params.recipe}}"
            f" --threads {THREADS} {jobs.options(RUN.config, 'workers')} --state {{params.state}} 2>&1 | tee {{log}}"
