# What else is measured on images and stored: how the members' margins vary together, softmax scores beside votes, every procedure
# for a pre-set radius, and the baseline that chooses a noise level for each image. Four rules, all alike.

MEASURED = {
    "margins": "Measure margins of {wildcards.experiment} at sigma {wildcards.sigma}",
    "scores": "Score {wildcards.experiment} at sigma {wildcards.sigma}, soft and hard",
    "decide": "Decide pre-set radii of {wildcards.experiment} at sigma {wildcards.sigma} by every procedure",
    "ddrs": "Choose a level for each image as DDRS does: {wildcards.experiment} from sigma {wildcards.sigma}",
}

for step, text in MEASURED.items():

    rule:
        name:
            step
        input:
            images=IMAGES,
            members=inputs(step, "members"),
        output:
            PATHS.measured(step, "{experiment}", "{sigma}"),
        log:
            PATHS.log(f"{step}/{{experiment}}/sigma={{sigma}}"),
        benchmark:
            PATHS.benchmark(f"{step}/{{experiment}}/sigma={{sigma}}")
        threads: THREADS
        resources:
            gpu=1,
            batch_size=BATCH_SIZE,
            gpu_memory=GPU_MEMORY,
        params:
            command=step,
            members=members,
            images=setting(step, "images"),
            options=setting(step, "options"),
            state=setting(step, "state"),
            version=VERSIONS[step],
        message:
            text
        shell:  # evaluated when a job runs: nothing of the loop in here
            "resmooth {params.command} {input.images} {params.images} {params.members} --sigma {wildcards.sigma}"
            " {params.options} --threads {threads} --batch-size {resources.batch_size} --gpu-memory {resources.gpu_memory}"
            " --state {params.state} --out {output} 2>&1 | tee {log}"
