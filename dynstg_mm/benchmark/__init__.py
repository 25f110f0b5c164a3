from dynstg_mm.benchmark.metric import GaitMetric

__all__ = ['GaitMetric']
