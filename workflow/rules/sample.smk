# Class counts under noise: the expensive step. Everything after it is arithmetic on these files. Finished counts stay where they are
# (`update`): the command keeps those that have the job's settings and networks.

for each in rules_of("sample"):

    rule:
        name:
            each.name
        input:
            images=ancient(each.inputs("images")),
            members=each.inputs("members"),
            reference=each.inputs("reference"),
        output:
            update(each.outputs),
        log:
            PATHS.log(each.label),
        benchmark:
            PATHS.benchmark(each.label)
        priority: each.priority
        threads: THREADS
        resources:
            gpu=1,
            batch_size=each.speed["batch_size"],
            gpu_memory=each.speed["gpu_memory"],
        params:
            settings=each.settings,
            version=VERSIONS["sample"],
            command=measuring(each),
        message:
            each.title
        shell:  # evaluated when a job runs: nothing of the loop in here
            "{params.command} > {log} 2>&1"
