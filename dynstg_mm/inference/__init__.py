"""Ask a trained model about recordings, and say how far its answer can be believed."""
