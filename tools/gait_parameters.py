"""Gait parameters of recordings: cadence, speed, step length, double support, ranges of motion and more."""
from dynstg_mm.commands.gait_parameters import main

if __name__ == '__main__':
    raise SystemExit(main())
