# Counts to radii: milliseconds. Another alpha never samples again.

for each in rules_of("certify"):

    rule:
        name:
            each.name
        input:
            each.inputs("counts"),
        output:
            each.outputs,
        log:
            PATHS.log(each.label),
        benchmark:
            PATHS.benchmark(each.label)
        wildcard_constraints:
            experiment=each.experiments,
        priority: each.priority
        params:
            settings=each.settings,
            version=VERSIONS["certify"],
            command=command(each),
        message:
            each.title
        shell:  # evaluated when a job runs: nothing of the loop in here
            "{params.command} > {log} 2>&1"


rule certificates:
    input:
        [part.certificates(part.experiments.values()) for part in RUN.parts],
    message:
        f"All certificates of {PATHS.root} are up to date"
