"""Measuring how somebody walks: visibility, cleaning, geometry and gait parameters, as functions on arrays."""
