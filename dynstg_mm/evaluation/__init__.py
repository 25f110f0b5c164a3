from .gait_metric import GaitMetric

__all__ = ['GaitMetric']
