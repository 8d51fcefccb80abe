"""What does Snakemake cost while it waits? CPU of its process, and its threads, by the number of jobs that have ended.

    python benchmarks/snakemake_timers.py

While jobs are ready that have to wait for a core, each pass of Snakemake's scheduler starts a timer (9.27:
`_schedule_reevalutation` in snakemake/scheduling/job_scheduler.py), whose end starts the next pass. Each job that ends starts a
pass of its own. So there is one timer more, a thread, for each job that has ended, and they go on until no job is ready. A timer
takes the time of --max-jobs-per-timespan, 1 s unless told otherwise; one that still runs at the end also delays the exit.

The workflow here has N jobs that do nothing, and then, on two cores, six that sleep. Measured in the first sleep, when four are
ready: CPU per second of Snakemake itself, its threads; then the CPU of the whole run and how long it took to exit after the last
job. A CPU second of Snakemake is the same on a busy machine. Four minutes. Needs snakemake, and psutil, which comes with it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil

WORKFLOW = """
{hook}
rule all:
    input: expand("short/{{i}}", i=range({jobs})), expand("long/{{i}}", i=range(6))
rule short:
    output: "short/{{i}}"
    priority: 1
    shell: "touch {{output}}"
rule long:
    input: expand("short/{{i}}", i=range({inputs}))
    output: "long/{{i}}"
    shell: "sleep {sleep}; touch {{output}}"
"""
NO_LIMIT = "onstart: workflow.scheduler.job_rate_limiter = None"
CASES = {  # name: options, hook
    "as it comes (ilp)": ([], ""),
    "--scheduler greedy": (["--scheduler", "greedy"], ""),
    "--max-jobs-per-timespan 1000/2s": (["--max-jobs-per-timespan", "1000/2s"], ""),
    "--max-jobs-per-timespan 1000/5s": (["--max-jobs-per-timespan", "1000/5s"], ""),
    "greedy, no limiter (the hook of this project)": (["--scheduler", "greedy"], NO_LIMIT),
}


def cpu(process):
    """CPU seconds of the process itself, and of its children that have ended."""
    times = process.cpu_times()
    return times.user + times.system, times.children_user + times.children_system


def measure(folder, jobs, options, hook, sleep):
    """One run in `folder`: a dict of what the table shows."""
    text = WORKFLOW.format(hook=hook, jobs=jobs, inputs=min(20, jobs), sleep=sleep)
    (folder / "Snakefile").write_text(text)
    with (folder / "log").open("w") as log:
        command = ["snakemake", "--cores", "2", "--workflow-profile", "none", *options]
        process = psutil.Popen(command, cwd=folder, stdout=log, stderr=log)
        while len(list(folder.glob("short/*"))) < jobs and process.poll() is None:
            time.sleep(0.1)
        time.sleep(sleep / 5)
        before, start = cpu(process)[0], time.monotonic()
        time.sleep(sleep / 2)
        idle, threads = (cpu(process)[0] - before) / (time.monotonic() - start), process.num_threads()
        own = children = 0.0
        while process.status() != psutil.STATUS_ZOMBIE:
            own, children = cpu(process)
            time.sleep(0.02)
        end = time.time()
    if process.wait():
        raise RuntimeError((folder / "log").read_text())
    last = max(path.stat().st_mtime for path in folder.glob("long/*"))
    return {"idle": idle, "threads": threads, "own": own, "children": children, "exit": end - last}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[70, 150], help="numbers of short jobs")
    parser.add_argument("--sleep", type=float, default=6.0, help="seconds that each of the six long jobs sleeps")
    arguments = parser.parse_args()
    print(
        f"{'options':46} {'jobs':>5} {'idle ms/s':>10} {'threads':>8} {'own CPU s':>10} {'children':>9} {'exit s':>7}"
    )
    for name, (options, hook) in CASES.items():
        for jobs in arguments.jobs:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(Path(folder), jobs, options, hook, arguments.sleep)
            print(
                f"{name:46} {jobs:5} {1000 * row['idle']:10.0f} {row['threads']:8} {row['own']:10.2f} {row['children']:9.2f}"
                f" {row['exit']:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
