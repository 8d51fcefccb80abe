# Counts to radii: milliseconds. Another alpha never samples again.


rule certify:
    input:
        [RUN + f"/counts/{{experiment}}/sigma={{sigma}}/{start}-{stop}.parquet" for start, stop in shards(config["sample"])],
    output:
        expand(RUN + "/certificates/{{experiment}}/sigma={{sigma}}/{classifier}.tsv", classifier=CLASSIFIERS),
    params:
        options=options(config["certify"], "alpha"),
        folder=subpath(output[0], parent=True),
        version=VERSIONS["certify"],
    log:
        RUN + "/logs/certify/{experiment}/sigma={sigma}.log",
    benchmark:
        RUN + "/benchmarks/certify/{experiment}/sigma={sigma}.tsv"
    message:
        "Certify {wildcards.experiment} at sigma {wildcards.sigma}"
    shell:
        "resmooth certify {input} {params.options} --out {params.folder} 2>&1 | tee {log}"


rule certificates:
    input:
        CERTIFICATES,
