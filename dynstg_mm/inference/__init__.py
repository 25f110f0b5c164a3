"""Ask trained models about recordings, and say how far their answers can be believed."""
from dynstg_mm.inference.answer import Answer, Doubt, WindowAnswer
from dynstg_mm.inference.inferencer import GaitInferencer

__all__ = ['Answer', 'Doubt', 'GaitInferencer', 'WindowAnswer']
