"""Turn a folder of KOA-PD-NM keypoint files (OpenPose BODY_25) into one annotation file."""
from dynstg_mm.commands.koa_pd_nm import main

if __name__ == '__main__':
    raise SystemExit(main())
