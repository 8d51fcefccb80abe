# What else is measured on images and stored: how the members' margins vary together, softmax scores beside votes, the scores of
# every noisy copy of a few images, every procedure for a pre-set radius, the baseline that chooses a noise level for each image, and
# networks certified at another level than the one they were trained at. All rules are alike.

MEASURED = ("margins", "decide", "scores", "draws", "ddrs", "mismatch")

for step, each in [(step, each) for step in MEASURED for each in rules_of(step)]:

    rule:
        name:
            each.name
        input:
            images=ancient(each.inputs("images")),
            members=each.inputs("members"),
        output:
            each.outputs,
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
            version=VERSIONS[step],
            command=measuring(each),
        message:
            each.title
        shell:  # evaluated when a job runs: nothing of the loop in here
            "{params.command} > {log} 2>&1"
