"""`snakemake --lint`, less the advice that this project declines, with reasons. Exit status 1 if anything else remains."""

import re
import subprocess
import sys

DECLINED = {
    "Specify a conda environment or container for each rule.": (
        "all rules share the one environment that make installs from requirements.lock (environment.yml for conda)"
    ),
}

done = subprocess.run(["snakemake", "--lint"], capture_output=True, text=True)
advice = re.findall(r"^ {4}\* (.+?):?$", done.stderr, re.M)
remaining = [title for title in advice if not title.startswith(tuple(DECLINED))]
for title in DECLINED:
    print(f"snakemake --lint: declined {sum(line.startswith(title) for line in advice)} x {title!r}: {DECLINED[title]}")
if remaining or (done.returncode and not advice):
    sys.exit(done.stderr)
