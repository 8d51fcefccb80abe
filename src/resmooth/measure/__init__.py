"""Measurements on images: each takes images and members, writes one table, and can resume.

votes       class counts under noise, from which certificates are made      one row for each image and classifier
scores      softmax scores and votes of the same noisy copies               one row for each image and classifier
margins     how the members' margins vary together under shared noise       two rows for each image
decisions   every procedure for pre-set radii on the same images            one row for each image, classifier, rule and radius
ddrs        the baseline that optimises sigma for each image                one row for each image

Each file makes a `Measurement` of a `Subject`, and `run` runs it: group by group, each finished group a file in the state folder.
"""

from resmooth.measure.driver import Measurement, run
from resmooth.measure.subject import Subject, images_in, images_of, make_noise, open_ensemble

__all__ = ["Measurement", "Subject", "images_in", "images_of", "make_noise", "open_ensemble", "run"]
