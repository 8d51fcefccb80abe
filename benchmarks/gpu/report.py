"""What the rows say, as lines and as one Markdown page."""

from gpu import speed


def check_line(row):
    """One line on a check."""
    verdict = "ok  " if row["passed"] else "FAIL"
    return f"{verdict} {row['name']}: expected {row['expected']}; seen {row['seen']} ({row['took']:g} s)"


def speed_line(name, row):
    """One line on a measurement."""
    if row.get("passed") is False:
        return f"FAIL {name}: {row['seen']}"
    if "problem" in row:
        return f"FAIL {name}: {row['problem']}"
    return f"     {name}: {', '.join(cells(row).values())} ({row['took']:g} s)"


def failures(content):
    """A line for each check that failed, and for each measurement that did not run as it should."""
    checks = [check_line(row) for row in content["checks"].values() if not row["passed"]]
    speeds = content["speed"].items()
    return checks + [speed_line(name, row) for name, row in speeds if row.get("passed") is False or "problem" in row]


def cells(row):
    """What a measurement found, heading -> text."""
    found = {}
    if "product_flops" in row:
        found["bfloat16 product"] = f"{row['product_flops'] / 1e12:.3g} TFLOP/s"
        found["memory"] = f"{row['bytes_per_second'] / 1e9:.4g} GB/s"
    if "over_literal" in row:
        toolbox = row["toolbox_seconds"]
        found["n"] = f"n = {row['n']:,}"
        found["ours"] = f"ours {row['seconds']:.3g} s ({row['precision']}, {row['engine']})"
        found["literal"] = f"literal {row['literal_seconds']:.3g} s: {row['over_literal']['ratio']:.1f}x"
        found["toolbox"] = (
            f"toolbox {toolbox}"
            if isinstance(toolbox, str)
            else f"toolbox {toolbox:.3g} s: {row['over_toolbox']['ratio']:.1f}x"
        )
        found["noise"] = f"noise alone {row['noise_seconds']:.3g} s"
        found["fingerprint"] = f"fingerprint {row['fingerprint_seconds']:.3g} s"
    if "share_of_product" in row:
        product, memory = row["share_of_product"], row["share_of_bandwidth"]
        found["shares"] = f"{product:.0%} of the product rate, {memory:.0%} of the memory's"
        found["floor"] = f"floor {row['floor_seconds']:.3g} s"
    if "stacked_seconds" in row:
        found["single"] = f"{row['arch']} {row['single_seconds']:.3g} s an epoch"
        found["stacked"] = f"{speed.MEMBERS} stacked {row['stacked_seconds']:.3g} s"
        found["ratio"] = f"{row['stacked_over_singles']:.2f}x one after the other"
    return found


def page(content, notes=()):
    """The Markdown page; `notes`: lines on what was not done."""
    machine = ", ".join(f"{key} {value}" for key, value in content["machine"].items())
    passed = sum(row["passed"] for row in content["checks"].values())
    lines = ["# GPU check", "", f"{machine}. {passed} of {len(content['checks'])} finished checks passed.", ""]
    lines += [f"* {line}" for line in [*failures(content), *notes]]
    lines += ["", "| check | expected | seen | |", "|---|---|---|---|"]
    for name, row in content["checks"].items():
        lines.append(f"| {name} | {row['expected']} | {row['seen']} | {'ok' if row['passed'] else '**FAIL**'} |")
    lines += ["", "| measured | found | aim on an H100 |", "|---|---|---|"]
    for name, row in content["speed"].items():
        found = row["seen"] if row.get("passed") is False else "; ".join(cells(row).values())
        lines.append(f"| {name} | {found} | {speed.TARGETS.get(name, '')} |")
    for row in content["result"].values():
        lines += ["", *ensemble(row)]
    return "\n".join(lines) + "\n"


def ensemble(row):
    """The table of the result."""
    how = "side by side" if row["stacked"] else "one after the other"
    classifiers = row["classifiers"]
    radii = list(next(iter(classifiers.values()))["certified_accuracy"])
    lines = [
        f"{row['arch']}, {row['epochs']} epochs, trained {how} in {row['train_seconds']:.0f} s; {row['images']} images at "
        f"n = {row['n']:,}, {row['seconds_per_image']:.3g} s each for all {len(classifiers)} classifiers.",
        "",
        f"| classifier | ACR | {' | '.join(f'r = {radius}' for radius in radii)} | abstains |",
        "|---" * (len(radii) + 3) + "|",
    ]
    for name, found in classifiers.items():
        shares = " | ".join(f"{share:.1%}" for share in found["certified_accuracy"].values())
        lines.append(f"| {name} | {found['acr']:.3f} ({found['acr_se']:.3f}) | {shares} | {found['abstains']:.1%} |")
    return lines
