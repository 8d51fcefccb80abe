"""The scores of every noisy copy of a few images: what counts are made of, for histograms (Smooth-Reduce, Fig. 11 and 12)."""

from collections.abc import Sequence

import torch

from resmooth.classifiers.reductions import Reducing
from resmooth.measure.driver import Measurement
from resmooth.measure.subject import Subject
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.engine import side_by_side
from resmooth.smoothing.streams import ESTIMATION, whole
from resmooth.storage import classifier_name

COLUMNS = ["idx", "label", "classifier", "copy", "scores"]


def draws(subject: Subject, n: int = 1000) -> Measurement:
    """Scores in [0, 1] of the first n estimation copies of each image: a row for each classifier and copy, `scores` lists K.

    Of an ensemble, the softmax scores of each member; of `Patches` and `SubVideos`, those of each classifier of their `names`, as
    their `probabilities` have them. Copies are those of `resmooth.measure.votes` under the same seed.
    """
    n = whole(n, "n")
    subject.smoothed.check_sampled()
    return Measurement(
        name="draws",
        columns=COLUMNS,
        identity=subject.identity(n=n),
        indices=subject.indices,
        groups=side_by_side(subject.smoothed, range(len(subject.indices)), n),
        measure=lambda group: _draw(subject, group, n),
    )


def _draw(subject: Subject, group: Sequence[int], n: int) -> list[dict]:
    """The rows of the images at the positions `group`."""
    smoothed, classifier = subject.smoothed, subject.smoothed.classifier
    if isinstance(classifier, Reducing):
        names, scores_of = classifier.names, classifier.probabilities
    else:
        names = [classifier_name("member", number + 1) for number in range(len(classifier.models))]

        def scores_of(images: torch.Tensor) -> torch.Tensor:
            return classifier.member_scores(images).softmax(dim=2)

    streams = [
        (smoothed.stream(subject.images[position], subject.seed, subject.indices[position], ESTIMATION), n)
        for position in group
    ]
    with torch.inference_mode(), evaluation_mode(classifier):
        scores = torch.cat([scores.float().cpu() for scores, _ in smoothed.evaluate(scores_of, streams)], dim=1)
    by_image = scores.view(len(names), len(group), n, -1).numpy()  # copies come stream by stream
    return [
        {
            "idx": subject.indices[position],
            "label": int(subject.labels[position]),
            "classifier": name,
            "copy": copy,
            "scores": by_image[v, row, copy],
        }
        for row, position in enumerate(group)
        for v, name in enumerate(names)
        for copy in range(n)
    ]
