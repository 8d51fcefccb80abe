# Noisy base models. The images are `ancient` and the command is no `script:`, so that only a changed recipe, seed list or version
# trains again. Finished checkpoints stay where they are (`update`): the command keeps those that have the job's settings.
# `processes` share the batches of a job, each with a GPU of its own.

PROCESSES = RUN.config.get("processes", 1)
LAUNCHER = RESMOOTH
if PROCESSES > 1:
    LAUNCHER = f"python -m torch.distributed.run --standalone --nproc-per-node {PROCESSES} -m resmooth.cli"


for each in rules_of("train"):

    rule:
        name:
            each.name
        input:
            images=ancient(each.inputs("images")),
        output:
            update(each.outputs),
        log:
            PATHS.log(each.label),
        benchmark:
            PATHS.benchmark(each.label)
        wildcard_constraints:
            experiment=each.experiments,
        priority: each.priority
        threads: THREADS * PROCESSES
        resources:
            gpu=PROCESSES,
        params:
            settings=each.settings,
            processes=PROCESSES,
            version=VERSIONS["train"],
            command=training(each),
        message:
            each.title
        shell:  # evaluated when a job runs: nothing of the loop in here
            "{params.command} > {log} 2>&1"
