# The images, once, as 8-bit arrays with a manifest.


rule data:
    output:
        train=RUN + "/data/train.npz",
        test=RUN + "/data/test.npz",
        manifest=RUN + "/data/manifest.json",
    params:
        name=config["dataset"],
        folder=RUN + "/data",
        version=VERSIONS["data"],
    log:
        RUN + "/logs/data.log",
    benchmark:
        RUN + "/benchmarks/data.tsv"
    message:
        "Prepare the images of {params.name}"
    shell:
        "resmooth data {params.name} {params.folder} 2>&1 | tee {log}"
