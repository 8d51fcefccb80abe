"""Evidence from exact formulas: the exact value of a printed formula, or of a number that follows from one."""

import math
from collections.abc import Mapping

from resmooth.audit import checks, formulas


def evaluated(claim: Mapping) -> dict:
    """The columns that a formula decides: `ours` is the exact value, beside what the source prints or its formula gives."""
    case = [claim[name] for name in ("source", "formula", "k", "dim", "case")]
    printed, exact = formulas.evaluate(*case)
    verdict = checks.verdict(float(claim["value"]), claim["printed_digits"], exact)
    sentences = [_exactly(claim, printed, exact, verdict), *_dependence(case), *sentence(claim["note"])]
    return {"ours": exact, "verdict": verdict, "reason": " ".join(sentences)}


def _exactly(claim, printed, exact, verdict):
    """A sentence on the exact value beside the printed one; `printed` is None for a number without a formula."""
    value, digits = claim["value"], claim["printed_digits"]
    if verdict == "reproduced":
        return f"Exactly it is {exact:.{digits + 1}f}, which rounds to {value}."
    if printed is None and checks.truncates(float(value), digits, exact):
        return f"Printed {value} is the exact {exact:.{digits + 3}f} truncated; rounded it is {exact:.{digits}f}."
    if printed is None:
        return f"Exactly it is {exact:.{digits + 3}f}, not the printed {value}."
    if exact == 0:
        return f"Exactly it is 0; the printed text gives {value}."
    return f"Exactly it is {exact:.{digits + 1}f}; the printed text gives {printed / exact:.6g} times that."


def _dependence(case):
    """A sentence on how the error of a formula depends on the dimension, if it can."""
    order = formulas.order(*case)
    if order is None:
        return
    tends_to_one, exponent = order
    if exponent == -math.inf:
        yield "The formula is exact."
    elif tends_to_one:
        yield f"The relative error falls as 1/d{'' if abs(exponent + 1) < 0.02 else f'^{-exponent:.2f}'}."
    else:
        yield f"The ratio goes as d^{exponent:.1f}." if abs(exponent) > 0.01 else "The ratio is the same for every d."


def sentence(text: str) -> list[str]:
    """`text` as a list of one sentence; an empty list for an empty text."""
    return [text[0].upper() + text[1:] + "."] if text else []
