"""Pose estimators that find people in the frames of a video, behind one interface."""
from dynstg_mm.estimators.base import ESTIMATORS, Estimator, Person, get_estimator

__all__ = ['ESTIMATORS', 'Estimator', 'Person', 'get_estimator']
