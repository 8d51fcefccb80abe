# Class counts under noise: the expensive step. Everything after it is arithmetic on these files.


rule sample:
    input:
        images=IMAGES,
        members=inputs("sample", "members"),
        reference=inputs("sample", "reference"),
    output:
        PATHS.counts("{experiment}", "{sigma}", "{start}-{stop}"),
    log:
        PATHS.log("sample/{experiment}/sigma={sigma}/{start}-{stop}"),
    benchmark:
        PATHS.benchmark("sample/{experiment}/sigma={sigma}/{start}-{stop}")
    threads: THREADS
    resources:
        gpu=1,
        batch_size=BATCH_SIZE,
        gpu_memory=GPU_MEMORY,
    params:
        members=members,
        options=setting("sample", "options"),
        state=setting("sample", "state"),
        version=VERSIONS["sample"],
    message:
        "Sample {wildcards.experiment} at sigma {wildcards.sigma}, images {wildcards.start} to {wildcards.stop}"
    shell:
        "resmooth sample {input.images} {wildcards.start} {wildcards.stop} {params.members} --sigma {wildcards.sigma}"
        " {params.options} --threads {threads} --batch-size {resources.batch_size} --gpu-memory {resources.gpu_memory}"
        " --state {params.state} --out {output} 2>&1 | tee {log}"


# Networks certified at another noise level than the one they were trained at: the second reason to abstain.
rule sample_mismatched:
    input:
        images=IMAGES,
        members=inputs("mismatch", "members"),
    output:
        PATHS.mismatch("{experiment}", "{trained}", "{sigma}"),
    log:
        PATHS.log("mismatch/{experiment}/trained={trained}/sigma={sigma}"),
    benchmark:
        PATHS.benchmark("mismatch/{experiment}/trained={trained}/sigma={sigma}")
    threads: THREADS
    resources:
        gpu=1,
        batch_size=BATCH_SIZE,
        gpu_memory=GPU_MEMORY,
    params:
        images=setting("mismatch", "images"),
        options=setting("mismatch", "options"),
        state=setting("mismatch", "state"),
        version=VERSIONS["sample"],
    message:
        "Sample {wildcards.experiment} trained at sigma {wildcards.trained} under sigma {wildcards.sigma}"
    shell:
        "resmooth sample {input.images} {params.images} --members {input.members} --sigma {wildcards.sigma}"
        " {params.options} --threads {threads} --batch-size {resources.batch_size} --gpu-memory {resources.gpu_memory}"
        " --state {params.state} --out {output} 2>&1 | tee {log}"
