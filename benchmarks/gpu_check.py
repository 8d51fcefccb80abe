"""Does a GPU compute what the CPU does, how fast is it, and what comes out? One command for a bare machine with a GPU.

    PYTHONPATH=src python benchmarks/gpu_check.py --out results/gpu_check             checks, then speeds: ten minutes
    PYTHONPATH=src python benchmarks/gpu_check.py --out results/gpu_check --result    and then an ensemble, trained and certified

It needs torch, torchvision, scipy, pandas, pyarrow, safetensors, typer and pyyaml, and nothing installed of this project. Every
finished step is stored at once in OUT/gpu_check.json and is not repeated by the next start on the same code, device and PyTorch
(--again repeats all): start the same command again to go on. OUT/gpu_check.md holds the tables. A check that fails is one line,
which says what was expected and what was seen, and the others go on. Exit status 0: every step is finished and no check failed.

--device cpu --quick runs all of it in seconds on any machine, to test this program itself.
"""

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

import bench_certify
import torch
from gpu import check_engine, check_noise, check_training, check_votes, common, report, result, speed

from resmooth import device as devices
from resmooth import storage

HERE = Path(__file__).parent
CHECKS = check_engine.CHECKS | check_votes.CHECKS | check_noise.CHECKS | check_training.CHECKS
FILES = {  # part: what decides its rows, besides the package
    "checks": sorted((HERE / "gpu").glob("check_*.py")) + [HERE / "gpu" / "common.py"],
    "speed": [HERE / "gpu" / "speed.py", *sorted(HERE.glob("bench_*.py"))],
    "result": [HERE / "gpu" / "result.py"],
}


def code_of(part):
    """Hash of the package and of the files of a part."""
    digest = hashlib.sha256()
    for path in [*sorted((HERE.parent / "src" / "resmooth").rglob("*.py")), *FILES[part]]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Store:
    """The finished rows by part and name, in a file written after each. Rows of other code or of another device are dropped."""

    def __init__(self, path, machine, again):
        self.path, self.codes = path, {part: code_of(part) for part in FILES}
        before = storage.read_json(path) if path.exists() and not again else {}
        same = before.get("machine") == machine
        self.content = {"machine": machine, **{part: {} for part in FILES}}
        for part, code in self.codes.items() if same else ():
            self.content[part] = {name: row for name, row in before[part].items() if row["code"] == code}

    def __getitem__(self, part):
        return self.content[part]

    def add(self, part, name, row):
        self.content[part][name] = row | {"code": self.codes[part]}
        storage.write_json(self.path, self.content)


def deadline(minutes):
    """A function of a line of text: says it, and raises TimeOver once the minutes are over (0: never)."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")

    def check_time(line=""):
        if line:
            say(line)
        if time.monotonic() >= end:
            raise result.TimeOver

    return check_time


def say(line):
    print(line, file=sys.stderr, flush=True)


def attempt(function, *arguments):
    """The row of a step, with the seconds it took; an error makes it a failed one."""
    start = time.perf_counter()
    try:
        row = function(*arguments)
    except Exception as error:  # one failure must not hide what the other steps find
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = (str(error).splitlines() or [""])[0]
        where = f"{Path(place.filename).name}:{place.lineno}"
        row = common.finding("no error", f"{type(error).__name__} in {where}: {text}", False)
    return row | {"took": round(time.perf_counter() - start, 1)}


def run_checks(store, device, quick, check_time):
    """Run what is missing of the checks."""
    for name, check in CHECKS.items():
        if name not in store["checks"]:
            check_time()
            row = attempt(check, device, common.SIZES[quick])
            store.add("checks", name, {"name": name} | row)
            say(report.check_line(store["checks"][name]))
            recover(device)


def run_speed(store, device, quick, check_time):
    """Run what is missing of the measurements."""
    for name, measurement in speed.measurements(quick).items():
        if name not in store["speed"]:
            check_time()
            store.add("speed", name, attempt(measurement, device, speed.SIZES[quick], store["speed"]))
            say(report.speed_line(name, store["speed"][name]))
            recover(device)


def run_result(store, device, quick, check_time, data, out):
    """Make the result if it is missing. Networks train side by side if that was measured to be faster."""
    if "ensemble" not in store["result"]:
        faster = store["speed"].get("train, bfloat16", {}).get("stacked_over_singles", 0) > 1
        row = result.run(data, out, faster, device, result.SIZES[quick], check_time)
        store.add("result", "ensemble", row)


def recover(device):
    """Free the memory of a step. SystemExit if the GPU no longer answers, so that all later steps would fail."""
    try:
        common.free(device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    except RuntimeError as error:
        raise SystemExit(f"the GPU no longer answers ({str(error).splitlines()[0]}); start again to go on") from None


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/gpu_check"))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to test this program")
    parser.add_argument(
        "--minutes", type=float, default=10, help="begin nothing new after so many minutes (0: no limit)"
    )
    parser.add_argument("--result", action="store_true", help="train and certify an ensemble after checks and speeds")
    parser.add_argument("--data", type=Path, help="prepared data set for the result: its folder, or a file in it")
    parser.add_argument("--again", action="store_true", help="repeat what is finished")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse(arguments)
    check_time = deadline(options.minutes)
    device = devices.choose(options.device)
    about = bench_certify.machine(device)
    machine = {"device": about.get("gpu", about["cpu"]), "torch": about["torch"], "quick": options.quick}
    store = Store(options.out / "gpu_check.json", machine, options.again)
    shared, notes, finished = (store, device, options.quick, check_time), [], True
    try:
        run_checks(*shared)
        run_speed(*shared)
        if options.result:
            run_result(*shared, options.data, options.out)
    except result.LeftOut as reason:
        notes.append(f"The result was left out: {reason}.")
    except (OSError, ValueError, ArithmeticError, MemoryError) as error:  # of the result alone: steps keep theirs
        notes.append(f"The result failed: {error}.")
        finished = False
    except result.TimeOver:
        notes.append(f"{options.minutes:g} minutes are over: start the same command again to go on.")
        finished = False
    text = report.page(store.content, notes)
    with storage.atomic(options.out / "gpu_check.md") as temporary:
        temporary.write_text(text)
    print(text)
    return 0 if finished and not report.failures(store.content) else 1


if __name__ == "__main__":
    sys.exit(main())
